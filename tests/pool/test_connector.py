"""The connectors' public face: arguments, what `_conns` and `_acquired` show, limits, ageing, the end."""

import asyncio
import gc
import socket
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, RawServer, replying
from trunkline import ClientSession, ClientTimeout, Fingerprint, TCPConnector, UnixClientConnectorError, UnixConnector


async def get(session: ClientSession, url: str) -> bytes:
    async with session.get(url) as response:
        return await response.read()


async def test_idle_connections_are_seen_under_their_key() -> None:
    async with RawServer(replying(OK)) as server, ClientSession() as session:
        connector = session.connector
        assert connector is not None
        assert not connector._conns
        assert await get(session, server.url()) == b"ok"
        ((key, idle),) = connector._conns.items()
        assert (key.host, key.port, key.is_ssl, key.ssl) == ("127.0.0.1", server.port, False, True)
        assert (key.proxy, key.proxy_auth, key.proxy_headers_hash) == (None, None, None)
        assert len(idle) == 1
        assert not connector._acquired


async def test_a_connection_in_use_is_seen_as_acquired() -> None:
    async with RawServer(replying(OK[:-1])) as server, ClientSession() as session:
        async with session.get(server.url()):
            assert session.connector is not None
            assert len(session.connector._acquired) == 1
            assert not session.connector._conns
        await wait_nothing_held(session)


@pytest.mark.parametrize(("limit", "limit_per_host", "most"), [(2, 0, 2), (0, 3, 3), (2, 3, 2)])
async def test_there_are_never_more_sockets_than_the_limit(limit: int, limit_per_host: int, most: int) -> None:
    async with RawServer(replying(OK)) as server:
        connector = TCPConnector(limit=limit, limit_per_host=limit_per_host)
        async with ClientSession(connector=connector) as session:
            assert await asyncio.gather(*(get(session, server.url()) for _ in range(50))) == [b"ok"] * 50
            assert idle_count(connector) == most
        assert server.connections == most


async def test_a_full_pool_makes_room_for_another_host() -> None:
    async with RawServer(replying(OK)) as one, RawServer(replying(OK)) as other:
        async with ClientSession(connector=TCPConnector(limit=1)) as session:
            for server in (one, other, one):
                assert await get(session, server.url()) == b"ok"
        assert (one.connections, other.connections) == (2, 1)


async def test_a_host_at_its_limit_keeps_no_other_host_waiting() -> None:
    async with (
        RawServer(replying(OK[:-1])) as busy,
        RawServer(replying(OK)) as free,
        ClientSession(connector=TCPConnector(limit_per_host=1)) as session,
        session.get(busy.url()),
    ):
        waiting = asyncio.create_task(get(session, busy.url()))
        await asyncio.sleep(0)
        assert await get(session, free.url()) == b"ok"
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_force_close_uses_each_connection_once() -> None:
    async with (
        RawServer(replying(OK)) as server,
        ClientSession(connector=TCPConnector(force_close=True)) as session,
    ):
        for turn in (1, 2):
            assert await get(session, server.url()) == b"ok"
            assert server.connections == turn


async def test_idle_connections_are_closed_when_they_are_too_old() -> None:
    async with (
        RawServer(replying(OK)) as server,
        ClientSession(connector=TCPConnector(keepalive_timeout=0.01)) as session,
    ):
        assert await get(session, server.url()) == b"ok"
        async with asyncio.timeout(5):
            await server.wait_all_closed()
        assert session.connector is not None
        assert not session.connector._conns


async def test_two_sessions_share_a_connector() -> None:
    async with RawServer(replying(OK)) as server, TCPConnector() as connector:
        for _ in range(2):
            async with ClientSession(connector=connector, connector_owner=False) as session:
                assert await get(session, server.url()) == b"ok"
            assert not connector.closed
        assert server.connections == 1


async def test_a_unix_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "missing.sock")
    async with ClientSession(connector=UnixConnector(path)) as session:
        with pytest.raises(UnixClientConnectorError, match=r"missing\.sock") as caught:
            await session.get("http://anything/")
        assert caught.value.path == path
        await wait_nothing_held(session)


async def test_a_connector_dropped_with_open_sockets_says_where_it_was_made() -> None:
    async with RawServer(replying(OK)) as server:
        connector = TCPConnector()
        session = ClientSession(connector=connector)
        assert await get(session, server.url()) == b"ok"
        session.detach()
        assert idle_count(connector) == 1
        with pytest.warns(ResourceWarning, match=r"Unclosed connector .*test_connector\.py"):
            del connector
        async with asyncio.timeout(5):
            await server.wait_all_closed()


async def test_a_connector_without_sockets_may_be_dropped() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TCPConnector()
        gc.collect()


def test_a_connector_is_made_inside_a_coroutine() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        TCPConnector()


BAD: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    "force_close and keepalive": (lambda: TCPConnector(force_close=True, keepalive_timeout=1), ValueError),
    "ssl of another type": (lambda: TCPConnector(ssl="yes"), TypeError),  # type: ignore[arg-type]  # what is tested
    "negative limit": (lambda: TCPConnector(limit=-1), ValueError),
    "limit of another type": (lambda: TCPConnector(limit_per_host="5"), TypeError),  # type: ignore[arg-type]  # what is tested
    "short fingerprint": (lambda: TCPConnector(ssl=Fingerprint(b"abc")), ValueError),
    "timeout of another type": (lambda: ClientTimeout(total="1"), TypeError),  # type: ignore[arg-type]  # what is tested
}


@pytest.mark.parametrize(("make", "error"), BAD.values(), ids=BAD)
async def test_arguments_that_make_no_sense_are_refused(make: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


async def test_settings_can_be_read_back() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    connector = TCPConnector(limit=7, limit_per_host=3, family=socket.AF_INET, ssl=context)
    async with connector:
        assert (connector.limit, connector.limit_per_host, connector.force_close) == (7, 3, False)
        assert connector.family == socket.AF_INET
        assert connector.use_dns_cache
    assert connector.closed
