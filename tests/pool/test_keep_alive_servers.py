"""Keep-alive against real servers: what nginx tells, what haproxy does not, and what either shows by closing."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from math import inf
from pathlib import Path

import pytest

from tests.both_loops import Run
from tests.haproxy import Haproxy
from tests.nginx import Nginx
from trunkline import ClientConnectionError, ClientSession, TCPConnector
from trunkline.conn.client_connection import ClientConnection


async def post(session: ClientSession, url: str, context: ssl.SSLContext | bool = True) -> None:
    async with session.post(url, data=b"once", ssl=context) as response:
        await response.read()


def idle_connection(session: ClientSession) -> ClientConnection:
    """The only one."""
    assert session.connector is not None
    ((connection, _),) = next(iter(session.connector.pool.slots.idle.values()))
    return connection


def learned_s(session: ClientSession, connection: ClientConnection) -> float:
    """How long connections to the server of `connection` may be idle, as far as it showed."""
    assert session.connector is not None
    return session.connector.pool.idle_limits.limit_s(connection.key.endpoint)


def connections(server: Nginx) -> list[int]:
    """The number of the connection that each request came on."""
    return [access.connection for access in server.accesses()]


async def test_nginx_tells_its_timeout_and_is_not_asked_when_it_is_nearly_up(tmp_path: Path) -> None:
    with Nginx(tmp_path, "keepalive_timeout 2s 2s;") as nginx:
        async with ClientSession() as session:
            await post(session, nginx.url("/created"))
            assert idle_connection(session).idle_s == 1.5
            await post(session, nginx.url("/created"))
            await asyncio.sleep(1.6)  # nginx would still take a request, but perhaps not one that is on its way
            await post(session, nginx.url("/created"))
        first, second, third = connections(nginx)
        assert first == second != third


async def test_nginx_shows_its_timeout_by_closing_and_later_connections_heed_it(tmp_path: Path) -> None:
    with Nginx(tmp_path, "keepalive_timeout 2s;") as nginx:
        async with ClientSession() as session:
            await post(session, nginx.url("/created"))
            first = idle_connection(session)
            assert first.idle_s == 15.0  # keepalive_timeout of the connector
            await first.gone
            assert learned_s(session, first) == pytest.approx(1.5, abs=0.2)
            await post(session, nginx.url("/created"))
            assert idle_connection(session).idle_s == learned_s(session, first)
            await asyncio.sleep(1.8)
            await post(session, nginx.url("/created"))
        assert len(set(connections(nginx))) == 3


async def test_haproxy_shows_its_timeout_by_closing(tmp_path: Path) -> None:
    with Haproxy(tmp_path, "1s") as haproxy:
        async with ClientSession() as session:
            await post(session, haproxy.url("/first"))
            first = idle_connection(session)
            await first.gone
            assert learned_s(session, first) == pytest.approx(0.5, abs=0.1)
            await post(session, haproxy.url("/second"))
            assert idle_connection(session).idle_s == learned_s(session, first)
        assert [access.path for access in haproxy.accesses()] == ["/first", "/second"]


async def test_closing_after_so_many_requests_is_no_sign_of_a_timeout(tmp_path: Path) -> None:
    with Nginx(tmp_path, "keepalive_timeout 60s; keepalive_requests 3;") as nginx:
        async with ClientSession() as session:
            for _ in range(8):
                await post(session, nginx.url("/created"))
            assert learned_s(session, idle_connection(session)) == inf
        assert list(Counter(connections(nginx)).values()) == [3, 3, 2]


async def test_a_restart_is_no_sign_of_a_timeout(tmp_path: Path) -> None:
    with Nginx(tmp_path) as nginx:
        async with ClientSession() as session:
            await post(session, nginx.url("/created"))
            first = idle_connection(session)
            nginx.reload()
            await first.gone
            assert learned_s(session, first) == inf


@pytest.mark.parametrize("tls", ["", "1.2", "1.3"])
def test_a_post_after_the_loop_was_blocked_goes_on_a_fresh_connection(run: Run, tmp_path: Path, tls: str) -> None:
    async def main() -> None:
        context = nginx.client_context()
        async with ClientSession() as session:
            await post(session, nginx.url("/created", tls=tls), context)
            time.sleep(0.15)  # noqa: ASYNC251 - nginx closes meanwhile
            assert not idle_connection(session).is_closed  # nothing has told us yet
            await post(session, nginx.url("/created", tls=tls), context)

    with Nginx(tmp_path, "keepalive_timeout 50ms;") as nginx:
        run(main())
        assert [access.method for access in nginx.accesses()] == ["POST"] * 2
        assert len(set(connections(nginx))) == 2


async def once() -> AsyncIterator[bytes]:
    yield b"once"


@pytest.mark.parametrize(("method", "data", "retry"), [("PUT", once, True), ("PUT", None, False), ("GET", None, False)])
async def test_so_does_what_may_not_be_sent_again_for_another_reason(
    tmp_path: Path, method: str, data: Callable[[], AsyncIterator[bytes]] | None, retry: bool
) -> None:
    with Nginx(tmp_path, "keepalive_timeout 50ms;") as nginx:
        async with ClientSession(retry=retry) as session:
            for path in ("/stored/first", "/stored/second"):
                async with session.request(method, nginx.url(path), data=data and data()):
                    pass
                time.sleep(0.15)  # noqa: ASYNC251 - nginx closes meanwhile, and nothing has told us yet
        assert len(set(connections(nginx))) == 2


@pytest.mark.parametrize("tls", ["", "1.2", "1.3"])
def test_posts_in_a_row_share_a_connection(run: Run, tmp_path: Path, tls: str) -> None:
    async def main() -> None:
        context = nginx.client_context()
        async with ClientSession() as session:
            for _ in range(50):
                await post(session, nginx.url("/created", tls=tls), context)

    with Nginx(tmp_path) as nginx:
        run(main())
        assert len(set(connections(nginx))) == 1


async def test_no_post_is_sent_twice_just_when_the_server_closes(tmp_path: Path) -> None:
    with Haproxy(tmp_path, "20ms") as haproxy:
        paths = [f"/{step}" for step in range(100)]
        failed = []
        async with ClientSession(connector=TCPConnector()) as session:
            for step, path in enumerate(paths):  # pauses of 18 to 22 ms: some requests cross haproxy's FIN on the wire
                try:
                    await post(session, haproxy.url(path))
                except ClientConnectionError:
                    failed.append(path)
                await asyncio.sleep(0.018 + step * 0.00004)
        answered = [access.path for access in haproxy.accesses()]
        assert len(answered) == len(set(answered))
        assert set(paths) - set(answered) <= set(failed)
