"""`max_connection_age`: connections are replaced in time, whatever they are doing, and not all at once."""

import asyncio

import pytest

from tests.raw_server import OK, Peer, RawServer, replying
from trunkline import ClientSession, TCPConnector
from trunkline.conn.client_connection import ClientConnection


def only_connection(connector: TCPConnector) -> ClientConnection:
    [connection] = connector.pool.sockets
    return connection


async def get(session: ClientSession, server: RawServer) -> None:
    async with session.get(server.url("/")) as response:
        assert await response.read() == b"ok"


async def test_an_old_connection_that_is_idle_is_closed() -> None:
    connector = TCPConnector(max_connection_age=0.05)
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        await get(session, server)
        async with asyncio.timeout(5):
            await only_connection(connector).gone
        await get(session, server)
        assert server.connections == 2


async def test_an_old_connection_ends_with_the_response_that_it_carries() -> None:
    go_on = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.request()
        await go_on.wait()
        await peer.send(OK)
        await peer.wait_closed_by_client()

    connector = TCPConnector(max_connection_age=0.01)
    async with RawServer(serve) as server, ClientSession(connector=connector) as session:
        request = asyncio.create_task(get(session, server))
        async with asyncio.timeout(5):
            while not connector.pool.sockets or only_connection(connector).is_reusable:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0)
            gone = only_connection(connector).gone
            go_on.set()
            await request
            await gone


async def test_a_young_connection_is_reused() -> None:
    connector = TCPConnector(max_connection_age=3600)
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        for _ in range(3):
            await get(session, server)
        assert server.connections == 1


async def test_connections_of_one_age_are_not_replaced_together(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    ages: list[float] = []
    call_later = loop.call_later

    def note(delay: float, callback: object, *arguments: object, **options: object) -> asyncio.TimerHandle:
        if getattr(callback, "__name__", "") == "_retire":
            ages.append(delay)
        return call_later(delay, callback, *arguments, **options)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(loop, "call_later", note)
    connector = TCPConnector(max_connection_age=10, force_close=True)
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        for _ in range(20):
            await get(session, server)
    assert len(set(ages)) == 20
    assert all(9 <= age <= 10 for age in ages)
