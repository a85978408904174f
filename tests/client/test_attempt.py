"""Stale connections: which requests are sent once more, and which must not be."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from math import inf
from typing import Any

import pytest

from tests.raw_server import OK, Peer, RawServer
from tests.waiting import until
from trunkline import ClientOSError, ClientSession, ServerDisconnectedError, TCPConnector, TraceConfig


async def dies_on_reuse(peer: Peer) -> None:
    """The first connection answers once and breaks off within the second request; the others live."""
    await peer.request()
    await peer.send(OK)
    if peer.number == 0:
        await peer.head()
        return
    while True:
        await peer.request()
        await peer.send(OK)


async def portions() -> AsyncIterator[bytes]:
    yield b"once"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("GET", {}),
        ("GET", {"headers": {"X-A": "1"}}),
        ("HEAD", {}),
        ("OPTIONS", {}),
        ("PUT", {"data": b"x"}),
        ("DELETE", {}),
    ],
)
async def test_an_idempotent_request_is_sent_again_on_a_fresh_connection(method: str, arguments: Any) -> None:
    async def handler(peer: Peer) -> None:
        if method == "HEAD" and peer.number:
            await peer.request()
            await peer.send(OK[:-2])
            return
        await dies_on_reuse(peer)

    async with RawServer(handler) as server, ClientSession() as session:
        await session.get(server.url("/warm"))
        async with session.request(method, server.url("/again"), **arguments) as response:
            assert response.status == 200
        assert server.requests == ["GET /warm HTTP/1.1", *[f"{method} /again HTTP/1.1"] * 2]
        assert server.connections == 2


async def test_in_a_full_pool_it_is_sent_again_on_a_fresh_connection_too() -> None:
    """Not on what another request gives back, which a server that goes down may have closed as well."""
    go_on = asyncio.Event()

    async def handler(peer: Peer) -> None:
        for served in count():
            head = await peer.request()
            if served and b"/stale" in head:
                return
            if b"/held" in head:
                await go_on.wait()
            await peer.send(OK)

    async with RawServer(handler) as server, ClientSession(connector=TCPConnector(limit=2)) as session:
        await session.get(server.url("/warm"))
        async with asyncio.TaskGroup() as group:
            holding = group.create_task(session._request("GET", server.url("/held")))
            await until(lambda: "GET /held HTTP/1.1" in server.requests)
            await session.get(server.url("/warm"))
            repeated = group.create_task(session._request("GET", server.url("/stale")))
            queued = group.create_task(session._request("GET", server.url("/held")))
            await until(lambda: (session.stats().retries, session.stats().queued) == (1, 1))
            await until(lambda: server.requests.count("GET /held HTTP/1.1") == 2)
            go_on.set()
        assert [task.result().status for task in (holding, repeated, queued)] == [200] * 3
        assert server.requests.count("GET /stale HTTP/1.1") == 2
        assert (session.stats().retries, server.connections) == (1, 4)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_is_not_idempotent_is_never_sent_twice(method: str) -> None:
    async with RawServer(dies_on_reuse) as server, ClientSession() as session:
        await session.get(server.url("/warm"))
        with pytest.raises((ServerDisconnectedError, ClientOSError)):
            await session.request(method, server.url("/once"), data=b"x")
        assert server.requests == ["GET /warm HTTP/1.1", f"{method} /once HTTP/1.1"]


async def test_a_body_that_can_be_read_once_is_not_sent_twice() -> None:
    async with RawServer(dies_on_reuse) as server, ClientSession() as session:
        await session.get(server.url("/warm"))
        with pytest.raises((ServerDisconnectedError, ClientOSError)):
            await session.put(server.url("/once"), data=portions())
        assert server.requests == ["GET /warm HTTP/1.1", "PUT /once HTTP/1.1"]


@pytest.mark.parametrize(("method", "idle_s", "limit_s"), [("GET", 5, 4.5), ("POST", 5, 4.5), ("GET", 0.5, inf)])
async def test_a_connection_that_is_lost_on_reuse_shows_how_long_its_server_keeps_it(
    monkeypatch: pytest.MonkeyPatch, method: str, idle_s: float, limit_s: float
) -> None:
    async with RawServer(dies_on_reuse) as server, ClientSession() as session:
        await session.get(server.url("/warm"))
        assert session.connector is not None
        pool = session.connector.pool
        monkeypatch.setattr(pool, "_now", lambda: time.monotonic() + idle_s)
        with suppress(ServerDisconnectedError, ClientOSError):
            await session.request(method, server.url("/again"))
        assert pool.idle_limits.limit_s(("127.0.0.1", server.port, False)) == pytest.approx(limit_s, abs=0.2)


async def test_a_fresh_connection_that_dies_is_an_error_at_once() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()

    async with RawServer(handler) as server, ClientSession() as session:
        with pytest.raises(
            ServerDisconnectedError, match="Server disconnected: the connection ended without a response"
        ):
            await session.get(server.url())
        assert server.connections == 1


async def test_an_answer_that_had_begun_is_not_asked_for_again() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(b"HTTP/1.1 200 O")

    async with RawServer(handler) as server, ClientSession() as session:
        await session.get(server.url())
        with pytest.raises(ServerDisconnectedError, match="after 14 bytes of a response head"):
            await session.get(server.url())
        assert server.connections == 1


async def test_a_request_that_is_cancelled_as_its_connection_dies_stays_cancelled() -> None:
    was_asked = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        was_asked.set()
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession() as session:
        await session.get(server.url())
        task = asyncio.create_task(session._request("GET", server.url()))
        await was_asked.wait()
        assert session.connector is not None
        (connection,) = session.connector._acquired
        assert connection.transport is not None
        connection.transport.abort()
        asyncio.get_running_loop().call_soon(task.cancel)  # after the loss, before the task hears of it
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.connections == 1


async def test_a_server_that_closes_fresh_connections_is_not_asked_for_ever() -> None:
    async def turn_away(peer: Peer) -> None:
        """Close at once."""

    async def wait_for_the_close(*event: object) -> None:
        async with asyncio.timeout(5):
            while not any(connection.is_closed for connection in connector._acquired):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0)

    config = TraceConfig()
    config.on_request_headers_sent.append(wait_for_the_close)
    connector = TCPConnector()
    async with RawServer(turn_away) as server, ClientSession(connector=connector, trace_configs=[config]) as session:
        with pytest.raises(ServerDisconnectedError):
            await session.get(server.url())
        assert server.connections == 2
