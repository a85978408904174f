"""Watching one connection being reused: `_conns`, its keys, the log, and the server's count beside them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import pytest
from yarl import URL

import trunkline as aiohttp
from tests.public_api.observing import PATIENCE_S, fetch
from tests.public_api.whole_program import STRICTEST, run_program
from trunkline.testing.loopback import Loopback


async def test_two_batches_of_four_share_one_https_connection(tls_server: Loopback, trusting: ssl.SSLContext) -> None:
    urls = [tls_server.url(f"/posts/{number}") for number in (1, 2, 3, 3)]
    connector = aiohttp.TCPConnector(limit=1, ssl=trusting)
    async with aiohttp.ClientSession(connector=connector) as session:
        assert session._connector is session.connector is connector
        assert len(connector._conns) == 0

        first = await asyncio.gather(*(fetch(session, url) for url in urls))
        assert [each["path"] for each in first] == ["/posts/1", "/posts/2", "/posts/3", "/posts/3"]
        assert len(connector._conns) == 1
        assert tls_server.counts.requests_by_connection == [4]

        second = await asyncio.gather(*(fetch(session, url) for url in urls))
        assert second == first
        assert len(connector._conns) == 1
    assert tls_server.counts.requests_by_connection == [8]
    assert (tls_server.counts.tls_full, tls_server.counts.peak_open) == (1, 1)


@pytest.mark.parametrize("is_ssl", [False, True], ids=["http", "https"])
async def test_the_keys_of_conns_tell_host_port_and_tls(
    server: Loopback, tls_server: Loopback, trusting: ssl.SSLContext, is_ssl: bool
) -> None:
    asked = tls_server if is_ssl else server
    connector = aiohttp.TCPConnector(limit=1, ssl=trusting)
    async with aiohttp.ClientSession(connector=connector) as session:
        await fetch(session, asked.url())
        [key] = list(connector._conns.keys())
        assert isinstance(key, aiohttp.ConnectionKey)
        assert (key.host, key.port, key.is_ssl, key.ssl) == ("127.0.0.1", asked.port, is_ssl, True)
        assert (key.proxy, key.proxy_auth, key.proxy_headers_hash, key.server_hostname) == (None, None, None, None)
        assert repr(key).startswith(
            f"ConnectionKey(host='127.0.0.1', port={asked.port}, is_ssl={is_ssl}, ssl=True, "
            "proxy=None, proxy_auth=None, proxy_headers_hash=None"
        )


async def test_conns_holds_what_is_idle_and_acquired_what_is_in_use(server: Loopback) -> None:
    connector = aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(server.url("/bytes/3000000")) as response:
            assert (len(connector._conns), len(connector._acquired)) == (0, 1)
            await response.read()
            assert (len(connector._conns), len(connector._acquired)) == (1, 0)
        assert [len(idle) for idle in connector._conns.values()] == [1]
    assert (len(connector._conns), len(connector._acquired)) == (0, 0)


async def test_the_newest_idle_connection_is_used_first(server: Loopback) -> None:
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(fetch(session, server.url("/delay/50")), fetch(session, server.url()))
        assert server.counts.requests_by_connection == [1, 1]
        for _ in range(5):
            await fetch(session, server.url())
    assert server.counts.requests_by_connection == [6, 1]  # the slow one came back last


# The log.


async def test_debug_logging_shows_open_reuse_release_and_close(
    server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "trunkline.pool")
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            await fetch(session, server.url())
    assert events(caplog) == ["open", "release", "reuse", "release", "close"]
    assert f"127.0.0.1:{server.port}" in caplog.messages[0]
    assert f"127.0.0.1:{server.port}" in caplog.messages[2]


async def test_debug_logging_shows_reuse_by_requests_that_waited(
    server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "trunkline.pool")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        await asyncio.gather(*(fetch(session, server.url()) for _ in range(4)))
    counted = {event: events(caplog).count(event) for event in ("open", "reuse", "release", "close")}
    assert counted == {"open": 1, "reuse": 3, "release": 4, "close": 1}


async def test_debug_logging_of_the_client_shows_redirects(server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "trunkline.client")
    async with aiohttp.ClientSession() as session:
        await fetch(session, server.url("/redirect/2"))
    lines = [record.getMessage() for record in caplog.records if record.name == "trunkline.client"]
    assert lines == [
        f"redirect 302 to GET {server.url('/redirect/1')}",
        f"redirect 302 to GET {server.url('/redirect/0')}",
    ]


async def test_nothing_is_logged_at_info(server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with aiohttp.ClientSession() as session:
        await fetch(session, server.url("/redirect/1"))
    assert caplog.records == []


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The first word of each line of the pool's log."""
    return [record.getMessage().split()[0] for record in caplog.records if record.name == "trunkline.pool"]


async def test_the_pooling_program_prints_no_connection_then_one(tls_server: Loopback, authority_file: Path) -> None:
    """It trusts the throw-away authority as any other of the system's: nothing about TLS is said in it."""
    done = await run_program(
        "pooling_with_log.py", tls_server.url(), flags=STRICTEST, environment={"SSL_CERT_FILE": str(authority_file)}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Initial connections: 0",
        "Active connections: 1",
        f"Hosts: [('127.0.0.1', {tls_server.port}, True)]",
        "Active connections: 1",
    ]
    assert done.stderr.count("INFO:trunkline.client:connected to") == 8
    assert done.stderr.count("DEBUG:trunkline.pool:open ") == done.stderr.count("DEBUG:trunkline.pool:close ") == 1
    assert done.stderr.count("DEBUG:trunkline.pool:reuse ") == 7
    assert "Unclosed" not in done.stderr
    assert tls_server.counts.requests_by_connection == [8]


# What the context managers promise.


async def test_an_error_inside_the_block_comes_out_and_everything_is_closed(server: Loopback) -> None:
    session = aiohttp.ClientSession()
    responses: list[aiohttp.ClientResponse] = []

    async def fail_half_way() -> None:
        async with session as entered, entered.get(server.url("/bytes/5000000")) as response:
            assert entered is session
            responses.append(response)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    assert responses[0].closed
    assert session.closed
    assert await server.wait_all_closed(PATIENCE_S)


async def test_a_plain_with_says_what_to_write_instead() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(TypeError, match="async with"):
            session.__enter__()


# One connector for several sessions.


async def test_two_sessions_share_a_connector_that_neither_owns(server: Loopback) -> None:
    connector = aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=connector, connector_owner=False) as first:
        await fetch(first, server.url())
    assert first.closed
    assert not connector.closed
    async with aiohttp.ClientSession(connector=connector, connector_owner=False) as second:
        await fetch(second, server.url())
    assert server.counts.requests_by_connection == [2]
    await connector.close()
    assert await server.wait_all_closed(PATIENCE_S)


async def test_sessions_on_one_connector_keep_their_cookies_and_headers_apart(server: Loopback) -> None:
    async with aiohttp.TCPConnector() as connector:
        first, second = (
            aiohttp.ClientSession(connector=connector, connector_owner=False, cookie_jar=aiohttp.CookieJar(unsafe=True))
            for _ in range(2)
        )
        async with first, second:
            await fetch(first, server.url("/cookies/set?who=first"))
            assert [cookie.value for cookie in first.cookie_jar] == ["first"]
            assert first.cookie_jar.filter_cookies(URL(server.url()))["who"].value == "first"
            assert len(second.cookie_jar) == 0
