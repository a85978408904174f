"""A session per request against one shared session: connections, TIME_WAIT, life cycle, limits."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
from collections.abc import Awaitable, Callable

import pytest

import trunkline as aiohttp
from tests.public_api.observing import PATIENCE_S, Held, fetch, new_connections_per_request
from trunkline.cli.time_wait import Sockets, count_new, time_wait_sockets
from trunkline.testing.loopback import Loopback

REQUESTS = 40


async def fetch_with_own_session(url: str, context: ssl.SSLContext | None = None) -> None:
    """The anti-pattern."""
    connector = aiohttp.TCPConnector(ssl=True if context is None else context)
    async with aiohttp.ClientSession(connector=connector) as session:
        await fetch(session, url)


# The anti-pattern and the pattern.


@pytest.mark.filterwarnings("ignore::trunkline.client.churn.SessionChurnWarning")  # it is what is measured
async def test_a_session_per_request_opens_a_connection_per_request(server: Loopback) -> None:
    for _ in range(REQUESTS):
        await fetch_with_own_session(server.url())
    assert server.counts.requests == REQUESTS
    assert new_connections_per_request(server) == 1.0


async def test_a_session_per_request_shakes_hands_in_full_every_time(
    tls_server: Loopback, trusting: ssl.SSLContext
) -> None:
    for _ in range(10):
        await fetch_with_own_session(tls_server.url(), trusting)
    assert (tls_server.counts.tls_full, tls_server.counts.tls_resumed) == (10, 0)


async def test_a_shared_session_opens_one_connection_for_requests_in_a_row(server: Loopback) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(REQUESTS):
            await fetch(session, server.url())
    assert server.counts.requests_by_connection == [REQUESTS]
    assert new_connections_per_request(server) == 1 / REQUESTS


async def test_a_warm_pool_opens_nothing_more(server: Loopback) -> None:
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(fetch(session, server.url("/delay/10")) for _ in range(8)))
        warm = server.counts.connections
        for _ in range(5):
            await asyncio.gather(*(fetch(session, server.url()) for _ in range(8)))
        assert server.counts.connections == warm <= 8
        assert server.counts.requests == 48


async def test_a_shared_session_shakes_hands_once(tls_server: Loopback, trusting: ssl.SSLContext) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
        for _ in range(REQUESTS):
            await fetch(session, tls_server.url())
    assert (tls_server.counts.connections, tls_server.counts.tls_full) == (1, 1)
    assert tls_server.counts.requests == REQUESTS


# TIME_WAIT, as the kernel lists it.


def waiting_at(server: Loopback) -> Sockets:
    sockets = time_wait_sockets(server.port)
    if sockets is None:
        pytest.skip("this system has no /proc/net/tcp to count TIME_WAIT sockets in")
    return sockets


async def test_sessions_per_request_pile_up_time_wait_sockets(server: Loopback) -> None:
    before = waiting_at(server)
    for _ in range(REQUESTS):
        await fetch_with_own_session(server.url())
    assert await server.wait_all_closed(PATIENCE_S)
    assert count_new(before, waiting_at(server)) == REQUESTS


async def test_a_shared_session_leaves_time_wait_sockets_flat(server: Loopback) -> None:
    before = waiting_at(server)
    async with aiohttp.ClientSession() as session:
        for _ in range(REQUESTS):
            await fetch(session, server.url())
        assert count_new(before, waiting_at(server)) == 0
    assert await server.wait_all_closed(PATIENCE_S)
    assert count_new(before, waiting_at(server)) == 1


# Opened at start-up, closed at shutdown.

_session: aiohttp.ClientSession | None = None


def the_session() -> aiohttp.ClientSession:
    assert _session is not None, "the session is opened at start-up"
    return _session


async def fetch_anywhere(url: str) -> bool:
    """Code that is handed nothing: it finds the process's session by the accessor."""
    async with the_session().get(url) as response:
        response.raise_for_status()
        return bool((await response.json())["ok"])


async def test_a_module_global_with_an_accessor_serves_the_whole_process(server: Loopback) -> None:
    global _session
    async with aiohttp.ClientSession() as _session:
        assert [await fetch_anywhere(server.url(f"/{number}")) for number in range(10)] == [True] * 10
        assert the_session() is _session
    assert _session.closed
    assert server.counts.requests_by_connection == [10]


class Application:
    """The hooks of a framework, as small as they get."""

    def __init__(self) -> None:
        self.state: dict[str, aiohttp.ClientSession] = {}
        self.on_startup: list[Callable[[Application], Awaitable[None]]] = []
        self.on_cleanup: list[Callable[[Application], Awaitable[None]]] = []

    async def __aenter__(self) -> Application:
        for hook in self.on_startup:
            await hook(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        for hook in self.on_cleanup:
            await hook(self)


async def open_session(application: Application) -> None:
    application.state["session"] = aiohttp.ClientSession()
    logging.getLogger("application").info("session opened")


async def close_session(application: Application) -> None:
    await application.state["session"].close()
    logging.getLogger("application").info("session closed")


async def test_hooks_open_the_session_once_and_close_it_once(
    server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    application = Application()
    application.on_startup.append(open_session)
    application.on_cleanup.append(close_session)
    async with application:
        await asyncio.gather(*(fetch(application.state["session"], server.url()) for _ in range(20)))
    assert caplog.messages == ["session opened", "session closed"]
    assert application.state["session"].closed
    assert await server.wait_all_closed(PATIENCE_S)


async def test_close_may_be_called_again_and_leaves_a_clear_refusal(server: Loopback) -> None:
    session = aiohttp.ClientSession()
    await fetch(session, server.url())
    await session.close()
    await session.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.get(server.url())


# raise_for_status.


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_raise_for_status_tells_the_status_and_keeps_the_connection(server: Loopback, status: int) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientResponseError) as raised:
            await fetch(session, server.url(f"/status/{status}"))
        assert (raised.value.status, str(raised.value.request_info.url)) == (status, server.url(f"/status/{status}"))
        assert (await fetch(session, server.url()))["ok"]
    assert server.counts.connections == 1


async def test_a_session_may_raise_for_status_by_itself(server: Loopback) -> None:
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        with pytest.raises(aiohttp.ClientResponseError, match="404"):
            await session.get(server.url("/status/404"))
        async with session.get(server.url("/status/404"), raise_for_status=False) as response:
            assert response.status == 404


# The connector's limits.


@pytest.mark.parametrize(
    ("arguments", "most"),
    [({"limit": 7}, 7), ({"limit": 100, "limit_per_host": 3}, 3), ({"limit": 0}, 60)],
    ids=["limit", "limit_per_host", "no-limit"],
)
async def test_connections_level_off_at_the_limit(server: Loopback, arguments: dict[str, int], most: int) -> None:
    connector = aiohttp.TCPConnector(
        **arguments,  # type: ignore[arg-type]  # mypy takes the dict's values for every argument there is
        ttl_dns_cache=300,
        keepalive_timeout=30,
    )
    timeout = aiohttp.ClientTimeout(total=10, connect=5)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        for _ in range(3):
            await asyncio.gather(*(fetch(session, server.url("/delay/15")) for _ in range(60)))
    assert server.counts.requests == 180
    assert server.counts.peak_open == server.counts.connections == most


async def test_limit_per_host_leaves_room_for_other_hosts(server: Loopback, other_server: Loopback) -> None:
    connector = aiohttp.TCPConnector(limit=5, limit_per_host=3)
    async with aiohttp.ClientSession(connector=connector) as session:
        urls = [each.url("/delay/10") for each in (server, other_server)] * 15
        await asyncio.gather(*(fetch(session, url) for url in urls))
    assert server.counts.peak_open <= 3
    assert other_server.counts.peak_open <= 3
    assert server.counts.requests == other_server.counts.requests == 15


async def test_an_idle_connection_is_closed_after_keepalive_timeout(server: Loopback) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=0.2)) as session:
        await fetch(session, server.url())
        assert server.counts.open == 1
        assert await server.wait_all_closed(PATIENCE_S)
        await fetch(session, server.url())
    assert server.counts.requests_by_connection == [1, 1]


# Cancellation leaks nothing.


async def test_a_cancelled_request_leaves_no_unclosed_connector() -> None:
    held = Held()
    async with Loopback(held) as server:
        request = asyncio.create_task(fetch_with_own_session(server.url()))
        await held.wait_for(1)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert await server.wait_all_closed(PATIENCE_S)
        gc.collect()  # a connector that was left unclosed would warn, and a warning fails the test
