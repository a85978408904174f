"""`Connection`: it ends with its response, and cannot disturb what the socket serves next."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, Peer, RawServer
from trunkline import ClientConnectionError, ClientResponse, ClientSession
from trunkline.pool.connection import Connection


class InTwoPieces:
    """Answers each request, the last byte only when `finish` is set."""

    def __init__(self) -> None:
        self.finish = asyncio.Event()

    async def answer(self, peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(OK[:-1])
            await self.finish.wait()
            self.finish.clear()
            await peer.send(OK[-1:])


@pytest.fixture
def pieces() -> InTwoPieces:
    return InTwoPieces()


@pytest.fixture
async def server(pieces: InTwoPieces) -> AsyncIterator[RawServer]:
    async with RawServer(pieces.answer) as server:
        yield server


def connection_of(response: ClientResponse) -> Connection:
    connection = response.connection
    assert connection is not None
    return connection


async def test_closing_it_ends_the_response(server: RawServer) -> None:
    async with ClientSession() as session:
        response = await session.get(server.url())
        connection = connection_of(response)
        assert not connection.closed
        assert connection.transport is not None
        connection.close()
        connection.close()
        assert connection.closed
        assert connection.transport is None
        with pytest.raises(ClientConnectionError, match="closed by its user"):
            await response.read()
        await wait_nothing_held(session)


async def test_releasing_it_after_the_end_does_not_give_it_back_twice(server: RawServer, pieces: InTwoPieces) -> None:
    async with ClientSession() as session:
        response = await session.get(server.url())
        connection = connection_of(response)
        pieces.finish.set()
        await response.read()
        connection.release()
        assert session.connector is not None
        assert idle_count(session.connector) == 1


@pytest.mark.parametrize("end", ["close", "release"])
async def test_ending_it_late_leaves_the_next_response_alone(server: RawServer, pieces: InTwoPieces, end: str) -> None:
    async with ClientSession() as session:
        first = await session.get(server.url())
        connection = connection_of(first)
        pieces.finish.set()
        await first.read()
        second = await session.get(server.url())
        assert connection.closed
        getattr(connection, end)()
        pieces.finish.set()
        assert await second.read() == b"ok"
    assert server.connections == 1
