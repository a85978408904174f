"""`Connection`: it ends with its response, and cannot disturb what the socket serves next."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, Peer, RawServer
from trunkline import ClientConnectionError, ClientResponse, ClientSession
from trunkline.pool.connection import Connection


async def in_two_pieces(peer: Peer) -> None:
    """Answer each request, the last byte apart, so that the response still arrives when its head is there."""
    while True:
        await peer.request()
        await peer.send(OK[:-1])
        await asyncio.sleep(0.01)
        await peer.send(OK[-1:])


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with RawServer(in_two_pieces) as server:
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


async def test_releasing_it_after_the_end_does_not_give_it_back_twice(server: RawServer) -> None:
    async with ClientSession() as session:
        response = await session.get(server.url())
        connection = connection_of(response)
        await response.read()
        connection.release()
        assert session.connector is not None
        assert idle_count(session.connector) == 1


@pytest.mark.parametrize("end", ["close", "release"])
async def test_ending_it_late_leaves_the_next_response_alone(server: RawServer, end: str) -> None:
    async with ClientSession() as session:
        first = await session.get(server.url())
        connection = connection_of(first)
        await first.read()
        second = await session.get(server.url())
        assert connection.closed
        getattr(connection, end)()
        assert await second.read() == b"ok"
    assert server.connections == 1
