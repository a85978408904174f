"""Sites over real sockets; the names they give themselves are those of aiohttp."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import uvloop

from trunkline.web.app import Application
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.runner import AppRunner, BaseRunner
from trunkline.web.sites import BaseSite, NamedPipeSite, SockSite, TCPSite, UnixSite

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
NewLoop = Callable[[], asyncio.AbstractEventLoop]


async def _answer(request: Request) -> Response:
    return Response(text="hello")


def _app() -> Application:
    app = Application()
    app.router.add_get("/", _answer)
    return app


@asynccontextmanager
async def _runner() -> AsyncIterator[AppRunner]:
    runner = AppRunner(_app(), access_log=None)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


@pytest.fixture
async def runner() -> AsyncIterator[AppRunner]:
    async with _runner() as runner:
        yield runner


def _tls() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def _bound(family: socket.AddressFamily, address: object) -> socket.socket:
    bound = socket.socket(family)
    bound.bind(address)  # type: ignore[arg-type]  # a str or a tuple, as the family wants
    return bound


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda runner: TCPSite(runner), "http://0.0.0.0:8080"),
        (lambda runner: TCPSite(runner, ""), "http://0.0.0.0:8080"),
        (lambda runner: TCPSite(runner, "localhost", 0), "http://localhost:0"),
        (lambda runner: TCPSite(runner, port=80), "http://0.0.0.0"),
        (lambda runner: TCPSite(runner, "::1", 81), "http://[::1]:81"),
        (lambda runner: TCPSite(runner, ssl_context=_tls()), "https://0.0.0.0:8443"),
        (lambda runner: UnixSite(runner, "/run/a"), "http://unix:/run/a:"),
        (lambda runner: UnixSite(runner, Path("/run/a"), ssl_context=_tls()), "https://unix:/run/a:"),
    ],
)
async def test_the_name_is_the_url(runner: AppRunner, make: Callable[[BaseRunner], BaseSite], name: str) -> None:
    assert make(runner).name == name


async def test_the_name_of_a_socket_is_its_address(runner: AppRunner, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with (
        closing(_bound(socket.AF_INET, ("127.0.0.1", 0))) as tcp,
        closing(_bound(socket.AF_INET6, ("::1", 0))) as tcp6,
        closing(_bound(socket.AF_UNIX, path)) as unix,
    ):
        assert SockSite(runner, tcp).name == f"http://127.0.0.1:{tcp.getsockname()[1]}"
        assert SockSite(runner, tcp6, ssl_context=_tls()).name == f"https://[::1]:{tcp6.getsockname()[1]}"
        assert SockSite(runner, unix).name == f"http://unix:{path}:"


async def test_port_zero_becomes_the_port_that_the_system_picked(runner: AppRunner) -> None:
    site = TCPSite(runner, "127.0.0.1", 0)
    assert site.port == 0
    await site.start()
    [address] = runner.addresses
    assert address == ("127.0.0.1", site.port)
    assert site.name == f"http://127.0.0.1:{site.port}"
    await site.stop()
    assert site.port == address[1]
    assert runner.addresses == []


@pytest.mark.parametrize("kind", ["tcp", "unix", "socket", "unix socket"])
@LOOPS
def test_every_kind_of_site_serves(new_loop: NewLoop, kind: str, tmp_path: Path) -> None:
    def make(runner: BaseRunner) -> BaseSite:
        path = str(tmp_path / "s")
        match kind:
            case "tcp":
                return TCPSite(runner, "127.0.0.1", 0)
            case "unix":
                return UnixSite(runner, path)
            case "socket":
                return SockSite(runner, _bound(socket.AF_INET, ("127.0.0.1", 0)))
            case _:
                return SockSite(runner, _bound(socket.AF_UNIX, path))

    async def ask() -> bytes:
        async with _runner() as runner:
            await make(runner).start()
            [address] = runner.addresses
            if isinstance(address, str):
                reader, writer = await asyncio.open_unix_connection(address)
            else:
                reader, writer = await asyncio.open_connection(*address)
            with closing(writer):
                writer.write(REQUEST)
                return await reader.read()

    with asyncio.Runner(loop_factory=new_loop) as loop_runner:
        assert loop_runner.run(ask()).endswith(b"\r\n\r\nhello")


async def test_a_site_needs_a_runner_that_is_set_up() -> None:
    with pytest.raises(RuntimeError, match=r"Call runner\.setup\(\) before making a site"):
        TCPSite(AppRunner(_app()))


async def test_a_site_starts_once_and_stops_once(runner: AppRunner) -> None:
    site = TCPSite(runner, "127.0.0.1", 0)
    with pytest.raises(RuntimeError, match="is not registered in runner"):
        await site.stop()
    await site.start()
    assert runner.sites == {site}
    with pytest.raises(RuntimeError, match="is already registered in runner"):
        await site.start()
    await site.stop()
    assert runner.sites == set()
    with pytest.raises(RuntimeError, match="is not registered in runner"):
        await site.stop()


async def test_a_site_of_a_runner_that_was_cleaned_up_does_not_start() -> None:
    runner = AppRunner(_app())
    await runner.setup()
    site = TCPSite(runner, "127.0.0.1", 0)
    await runner.cleanup()
    with pytest.raises(RuntimeError, match="was cleaned up"):
        await site.start()


async def test_a_port_in_use_is_an_error_and_leaves_nothing(runner: AppRunner) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        with pytest.raises(OSError, match="address already in use"):
            await TCPSite(runner, "127.0.0.1", taken.getsockname()[1]).start()
        assert runner.addresses == []


async def test_two_sites_share_a_port_if_both_ask_for_it(runner: AppRunner) -> None:
    first = TCPSite(runner, "127.0.0.1", 0, reuse_port=True)
    await first.start()
    await TCPSite(runner, "127.0.0.1", first.port, reuse_port=True).start()
    assert runner.addresses == [("127.0.0.1", first.port)] * 2


async def test_a_timeout_of_the_site_is_deprecated_but_kept(runner: AppRunner) -> None:
    with pytest.warns(DeprecationWarning, match="should be set on BaseRunner"):
        TCPSite(runner, shutdown_timeout=2.0)
    assert runner.shutdown_timeout == 2.0


async def test_a_named_pipe_needs_windows(runner: AppRunner) -> None:
    with pytest.raises(RuntimeError, match="named pipes need Windows"):
        NamedPipeSite(runner, r"\\.\pipe\here")


@LOOPS
def test_connections_that_wait_in_the_backlog_are_served(new_loop: NewLoop) -> None:
    """They are made while the loop is busy, and the runner is cleaned up before it has seen them."""

    async def stop_with_a_full_backlog() -> list[bytes]:
        async with _runner() as runner:
            await TCPSite(runner, "127.0.0.1", 0).start()
            clients = list(_connect(runner.addresses[0], 50))
            for client in clients:
                client.sendall(REQUEST)
            await runner.cleanup()
            return [_received(client) for client in clients]

    with asyncio.Runner(loop_factory=new_loop) as loop_runner:
        answers = loop_runner.run(stop_with_a_full_backlog())
    assert [answer.rpartition(b"\r\n\r\n")[2] for answer in answers] == [b"hello"] * 50


def _connect(address: tuple[str, int], count: int) -> Iterator[socket.socket]:
    for _ in range(count):
        yield socket.create_connection(address, timeout=5)


def _received(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(4096), b""))


async def test_a_silent_tls_client_in_the_backlog_delays_the_stop_only_a_little() -> None:
    runner = AppRunner(_app())
    await runner.setup()
    site = TCPSite(runner, "127.0.0.1", 0, ssl_context=_tls())
    await site.start()
    [client] = _connect(runner.addresses[0], 1)
    async with asyncio.timeout(5):  # asyncio gives a handshake 60 s
        await runner.cleanup()
    assert _received(client) == b""
