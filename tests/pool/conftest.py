"""A server that answers each request, and the key of connections to it."""

from collections.abc import AsyncIterator

import pytest

from tests.raw_server import OK, RawServer, replying
from trunkline.conn.key import ConnectionKey


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with RawServer(replying(OK)) as server:
        yield server


@pytest.fixture
def key(server: RawServer) -> ConnectionKey:
    return ConnectionKey("127.0.0.1", server.port, False, True)
