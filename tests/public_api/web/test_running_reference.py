"""Web reference, "Running Applications" and `run_app`: runners, sites, and what they can be told."""

import asyncio
import errno
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.public_api.observing import PATIENCE_S
from trunkline import web
from trunkline.testing.throwaway_ca import ThrowawayCA

GET = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


async def hello(request: web.BaseRequest) -> web.Response:
    return web.Response(text="Hello")


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/", hello)
    return app


@pytest.fixture
async def runner() -> AsyncIterator[web.AppRunner]:
    runner = web.AppRunner(make_app())
    await runner.setup()
    yield runner
    await runner.cleanup()


async def body_at(address: Any, **kwargs: Any) -> bytes:  # Any: what asyncio takes
    """GET / at a host and port, or at the path of a Unix socket."""
    connecting = (
        asyncio.open_unix_connection(address, **kwargs)
        if isinstance(address, str)
        else asyncio.open_connection(*address[:2], **kwargs)
    )
    reader, writer = await connecting
    writer.write(GET)
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    return body


async def test_a_runner_tells_what_it_serves(runner: web.AppRunner, tmp_path: Path) -> None:
    assert isinstance(runner, web.BaseRunner)
    assert isinstance(runner.app, web.Application)
    assert isinstance(runner.server, web.Server)
    assert (runner.sites, runner.addresses) == (set(), [])
    tcp, unix = web.TCPSite(runner, "127.0.0.1", 0), web.UnixSite(runner, str(tmp_path / "sock"))
    await tcp.start()
    await unix.start()
    assert runner.sites == {tcp, unix}
    assert runner.addresses == [("127.0.0.1", tcp.port), str(tmp_path / "sock")]
    assert (tcp.name, unix.name) == (f"http://127.0.0.1:{tcp.port}", f"http://unix:{tmp_path}/sock:")
    for address in runner.addresses:
        assert await body_at(address) == b"Hello"
    await tcp.stop()
    assert runner.sites == {unix}
    await runner.cleanup()
    assert runner.sites == set()
    assert runner.server is None


async def test_a_site_on_a_socket_of_ones_own(runner: web.AppRunner) -> None:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    site = web.SockSite(runner, sock, backlog=5)
    assert site.name == f"http://127.0.0.1:{sock.getsockname()[1]}"
    await site.start()
    assert await body_at(sock.getsockname()) == b"Hello"


async def test_a_site_over_tls(runner: web.AppRunner, authority: ThrowawayCA) -> None:
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context())
    await site.start()
    assert site.name == f"https://127.0.0.1:{site.port}"
    context = authority.client_context()
    assert await body_at(("127.0.0.1", site.port), ssl=context) == b"Hello"
    with pytest.raises(ssl.SSLCertVerificationError):
        await body_at(("127.0.0.1", site.port), ssl=ssl.create_default_context())


async def test_the_port_is_8080_or_8443_unless_one_is_named(runner: web.AppRunner) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert [web.TCPSite(runner).name, web.TCPSite(runner, ssl_context=context).name] == [
        "http://0.0.0.0:8080",
        "https://0.0.0.0:8443",
    ]


async def test_a_port_is_shared_if_all_ask_for_it(runner: web.AppRunner) -> None:
    first = web.TCPSite(runner, "127.0.0.1", 0, reuse_port=True)
    await first.start()
    await web.TCPSite(runner, "127.0.0.1", first.port, reuse_port=True, reuse_address=True).start()
    assert len(runner.addresses) == 2
    with pytest.raises(OSError) as caught:
        await web.TCPSite(runner, "127.0.0.1", first.port).start()
    assert caught.value.errno == errno.EADDRINUSE


async def test_a_site_needs_a_runner_that_was_set_up() -> None:
    with pytest.raises(RuntimeError, match="setup"):
        web.TCPSite(web.AppRunner(make_app()), "127.0.0.1", 0)


async def test_a_low_level_server_has_a_runner_as_well() -> None:
    runner = web.ServerRunner(web.Server(hello))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    assert runner.server is not None
    assert await body_at(runner.addresses[0]) == b"Hello"
    assert runner.server.requests_count == 1
    await runner.cleanup()


async def test_an_application_can_be_run_again_after_cleanup() -> None:
    events: list[str] = []

    async def note(app: web.Application) -> None:
        events.append("event")

    app = make_app()
    for signals in (app.on_startup, app.on_shutdown, app.on_cleanup):
        signals.append(note)
    for runs in (1, 2):
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        assert await body_at(runner.addresses[0]) == b"Hello"
        await runner.cleanup()
        assert len(events) == 3 * runs


@pytest.mark.parametrize(
    ("kwargs", "request_bytes", "status"),
    [
        ({"max_line_size": 100}, b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 200), (400, 414)),
        ({"max_field_size": 100}, b"GET / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"x" * 200), (400, 431)),
        ({"max_headers": 10}, b"GET / HTTP/1.1\r\nHost: x\r\n%b\r\n" % (b"X: y\r\n" * 20), (400, 431)),
    ],
)
async def test_the_limits_of_a_head_can_be_set(kwargs: dict[str, Any], request_bytes: bytes, status: Any) -> None:
    runner = web.AppRunner(make_app(), **kwargs)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(request_bytes)
    assert int((await reader.read()).split()[1]) in status
    writer.close()
    await runner.cleanup()


async def test_idle_connections_end_with_their_timeout() -> None:
    runner = web.AppRunner(make_app(), keepalive_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(GET.replace(b"Connection: close\r\n", b""))
        assert (await reader.read()).endswith(b"Hello")
        silent, other = await asyncio.open_connection(*runner.addresses[0])
        assert await silent.read() == b""
    writer.close()
    other.close()
    await runner.cleanup()


@pytest.mark.parametrize("inflated", [True, False])
async def test_bodies_are_decompressed_unless_told_otherwise(inflated: bool) -> None:
    async def size(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app = web.Application()
    app.router.add_post("/", size)
    runner = web.AppRunner(app, auto_decompress=inflated, read_bufsize=1024, lingering_time=0, tcp_keepalive=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    packed = zlib.compress(b"a" * 500)
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % len(packed) + packed)
    assert (await reader.read()).rpartition(b"\r\n")[2] == b"%d" % (500 if inflated else len(packed))
    writer.close()
    await runner.cleanup()


@pytest.mark.parametrize("given", [None, logging.getLogger("tests.mine")])
async def test_the_access_log_is_chosen_or_none(given: logging.Logger | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    runner = web.AppRunner(make_app(), access_log=given, access_log_format='"%r" %s')
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await body_at(runner.addresses[0])
    await runner.cleanup()
    expected = [] if given is None else [("tests.mine", '"GET / HTTP/1.1" 200')]
    assert [(record.name, record.getMessage()) for record in caplog.records if "GET" in record.getMessage()] == expected


def run(app: Any, **kwargs: Any) -> str:  # Any: run_app's own arguments
    """Run the application until it serves; return what it announced."""
    printed: list[str] = []

    def stop(text: str) -> None:
        printed.append(text)
        os.kill(os.getpid(), signal.SIGTERM)

    web.run_app(app, print=stop, **kwargs)
    return printed[0]


def free_socket() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (lambda path: {"host": "127.0.0.1", "port": 0}, ["http://127.0.0.1:"]),
        (lambda path: {"host": ["127.0.0.1", "localhost"], "port": 0}, ["http://127.0.0.1:", "http://localhost:"]),
        (lambda path: {"port": 0}, ["http://0.0.0.0:"]),
        (lambda path: {"path": path / "a"}, ["http://unix:"]),
        (lambda path: {"path": [str(path / "a"), path / "b"]}, ["/a:", "/b:"]),
        (lambda path: {"sock": free_socket()}, ["http://127.0.0.1:"]),
        (lambda path: {"sock": [free_socket()], "path": path / "a", "port": 0}, ["unix:", "0.0.0.0", "127.0.0.1"]),
    ],
)
def test_run_app_listens_where_it_is_told(
    arguments: Callable[[Path], dict[str, Any]], parts: list[str], tmp_path: Path
) -> None:
    announced = run(make_app(), **arguments(tmp_path))
    assert announced.startswith("======== Running on ")
    assert announced.endswith("========\n(Press CTRL+C to quit)")
    assert [part for part in parts if part not in announced] == []
    assert announced.count("http://") == len(parts)


def test_run_app_can_be_quiet_and_leaves_no_loop_behind() -> None:
    async def stop_soon(app: web.Application) -> None:
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGINT)

    app = make_app()
    app.on_startup.append(stop_soon)
    web.run_app(app, host="127.0.0.1", port=0, print=None, access_log=None, shutdown_timeout=1, backlog=10)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_graceful_exit_is_a_system_exit_with_code_1() -> None:
    assert issubclass(web.GracefulExit, SystemExit)
    assert web.GracefulExit().code == 1


def test_a_runner_that_handles_signals_raises_graceful_exit() -> None:
    program = """
        import asyncio, os, signal
        from trunkline import web

        async def main():
            runner = web.AppRunner(web.Application(), handle_signals=True)
            await runner.setup()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(10)

        asyncio.run(main())
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 1
