"""`close()` while requests are under way: they end with a clear error, and the sockets are gone when it returns."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.raw_server import OK, Peer, RawServer, replying, silent
from trunkline import ClientConnectionError, ClientSession, TCPConnector
from trunkline.testing.throwaway_ca import ThrowawayCA


def open_sockets() -> set[str]:
    links = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            links.add(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # the listing's own descriptor
            continue
    return {link for link in links if link.startswith("socket:")}


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(100_000)


async def started(server: RawServer) -> None:
    async with asyncio.timeout(5):
        await server.accepted.wait()


# Any: options of a request
@pytest.mark.parametrize("options", [{}, {"data": b"small"}, {"data": endless()}], ids=["none", "small", "endless"])
async def test_a_request_in_flight_ends_with_a_clear_error(options: dict[str, Any]) -> None:
    async with RawServer(silent) as server:
        before = open_sockets()
        session = ClientSession()
        task = asyncio.create_task(session._request("POST", server.url(), **options))
        await started(server)
        await session.close()
        with pytest.raises(ClientConnectionError, match="connector was closed"):
            await task
        await server.wait_all_closed()
        assert open_sockets() <= before


async def test_a_body_in_flight_ends_with_a_clear_error() -> None:
    async with RawServer(replying(OK[:-1])) as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            reading = asyncio.create_task(response.read())
            await asyncio.sleep(0)
            await session.close()
            with pytest.raises(ClientConnectionError, match="connector was closed"):
                await reading
        await server.wait_all_closed()


async def test_queued_requests_end_with_a_clear_error() -> None:
    async with RawServer(silent) as server:
        session = ClientSession(connector=TCPConnector(limit=1))
        tasks = [asyncio.create_task(session._request("GET", server.url())) for _ in range(10)]
        await started(server)
        await session.close()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in errors] == [ClientConnectionError] * 10
        assert all("closed" in str(error) for error in errors)
        await server.wait_all_closed()
        assert server.connections == 1


async def test_a_connection_being_opened_is_gone_when_close_returns() -> None:
    async with RawServer(silent) as server:  # it never answers the TLS handshake
        before = open_sockets()
        session = ClientSession()
        task = asyncio.create_task(session._request("GET", f"https://127.0.0.1:{server.port}/"))
        await started(server)
        connector = session.connector
        assert connector is not None
        await session.close()
        assert connector.pool.slots.taken == 0
        with pytest.raises(ClientConnectionError, match="connector was closed"):
            await task
        await server.wait_all_closed()
        assert open_sockets() <= before


@pytest.mark.parametrize("over_tls", [False, True])
async def test_idle_sockets_are_gone_when_close_returns(over_tls: bool) -> None:
    authority = ThrowawayCA()
    async with RawServer(replying(OK), ssl=authority.server_context() if over_tls else None) as server:
        session = ClientSession(connector=TCPConnector(ssl=authority.client_context()))
        before = open_sockets()
        for response in await asyncio.gather(*(session.get(server.url()) for _ in range(5))):
            assert await response.read() == b"ok"
        connector = session.connector
        assert connector is not None
        assert connector.pool.slots.taken == 5
        await session.close()
        assert connector.pool.slots.taken == 0
        await server.wait_all_closed()
        assert open_sockets() <= before


async def test_closing_twice_and_at_once_is_fine() -> None:
    async with RawServer(silent) as server:
        session = ClientSession()
        task = asyncio.create_task(session._request("GET", server.url()))
        await started(server)
        await asyncio.gather(session.close(), session.close())
        await session.close()
        with pytest.raises(ClientConnectionError):
            await task
        with pytest.raises(RuntimeError, match="Session is closed"):
            await session.get(server.url())


async def test_a_peer_that_does_not_read_does_not_hold_up_close() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()
        await is_over.wait()

    is_over = asyncio.Event()
    async with RawServer(handler) as server:
        session = ClientSession()
        task = asyncio.create_task(session._request("POST", server.url(), data=endless()))
        await started(server)
        async with asyncio.timeout(1):
            await session.close()
        with pytest.raises(ClientConnectionError):
            await task
        is_over.set()
