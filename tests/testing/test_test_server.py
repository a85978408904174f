"""Test servers: where they listen, which URLs they make, how they stop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from yarl import URL

from trunkline.client.session import ClientSession
from trunkline.testing.ports import get_port_socket, unused_port
from trunkline.testing.test_server import BaseTestServer, RawTestServer, TestServer
from trunkline.testing.throwaway_ca import ThrowawayCA
from trunkline.web.app import Application
from trunkline.web.request import BaseRequest
from trunkline.web.response import Response
from trunkline.web.server import Server


async def hello(request: BaseRequest) -> Response:
    return Response(text=f"hello {request.path_qs}")


def make_app() -> Application:
    app = Application()
    app.router.add_get("/{tail:.*}", hello)
    return app


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async with TestServer(make_app()) as running:
        yield running


async def test_it_serves_the_application(server: TestServer) -> None:
    async with ClientSession() as session, session.get(server.make_url("/x?y=1")) as response:
        assert await response.text() == "hello /x?y=1"


async def test_a_raw_server_serves_a_handler() -> None:
    async def answer(request: BaseRequest) -> Response:
        return Response(text=f"raw {request.path}")

    async with RawTestServer(answer) as raw, ClientSession() as session, session.get(raw.make_url("/x")) as response:
        assert await response.text() == "raw /x"


def test_before_the_start_there_is_neither_port_nor_url() -> None:
    server = TestServer(make_app())
    assert (server.started, server.closed, server.port) == (False, False, None)
    with pytest.raises(AssertionError, match="does not run"):
        server.make_url("/")
    with pytest.raises(AssertionError, match="does not run"):
        _ = server.handler


async def test_a_running_server_tells_where_it_is(server: TestServer) -> None:
    assert (server.started, server.closed) == (True, False)
    assert (server.scheme, server.host) == ("http", "127.0.0.1")
    assert server.make_url("/") == URL.build(scheme="http", host="127.0.0.1", port=server.port, path="/")
    assert isinstance(server.handler, Server)


@pytest.mark.parametrize(
    ("path", "expected"), [("/x", "/x"), ("x?y=1", "/x?y=1"), (URL("/q"), "/q"), ("?a=1", "/?a=1"), ("../x", "/x")]
)
async def test_urls_are_made_of_paths(server: TestServer, path: str | URL, expected: str) -> None:
    assert server.make_url(path).raw_path_qs == expected


@pytest.mark.parametrize("url", ["http://example.com/", "//example.com/x"])
async def test_a_url_of_another_host_is_refused(server: TestServer, url: str) -> None:
    with pytest.raises(AssertionError, match="give a path"):
        server.make_url(url)


async def test_url_checks_can_be_skipped() -> None:
    async with TestServer(make_app(), skip_url_asserts=True) as server:
        assert str(server.make_url("/a//b")).endswith(f":{server.port}/a//b")


async def test_the_port_can_be_chosen() -> None:
    port = unused_port()
    async with TestServer(make_app(), port=port) as server:
        assert server.port == port


@pytest.mark.parametrize(
    ("host", "bound_to", "root"),
    [
        ("localhost", "127.0.0.1", "http://localhost"),
        ("::1", "::1", "http://[::1]"),
        ("0.0.0.0", "0.0.0.0", "http://0"),
    ],
)
async def test_the_host_can_be_chosen(host: str, bound_to: str, root: str) -> None:
    async with TestServer(make_app(), host=host) as server:
        assert server.host == bound_to
        assert str(server.make_url("/")).startswith(root)


async def test_the_socket_can_be_made_by_the_test() -> None:
    asked: list[tuple[str, int, socket.AddressFamily]] = []

    def make_socket(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
        asked.append((host, port, family))
        return get_port_socket(host, port, family)

    async with TestServer(make_app(), socket_factory=make_socket):
        assert asked == [("127.0.0.1", 0, socket.AF_INET)]


async def test_a_tls_context_makes_an_https_server() -> None:
    authority = ThrowawayCA()
    server = TestServer(make_app())
    await server.start_server(ssl=authority.server_context())
    client_context = authority.client_context()
    async with ClientSession() as session, session.get(server.make_url("/"), ssl=client_context) as response:
        assert (response.status, response.url.scheme) == (200, "https")
    await server.close()


@pytest.mark.parametrize("make", [lambda: TestServer(make_app()), lambda: RawTestServer(hello)], ids=["app", "raw"])
async def test_runner_and_server_options_are_taken(make: Callable[[], BaseTestServer]) -> None:
    server = make()
    await server.start_server(shutdown_timeout=0.5, keepalive_timeout=3)
    assert server.runner is not None
    assert server.runner.shutdown_timeout == 0.5
    await server.close()


async def test_a_second_start_changes_nothing(server: TestServer) -> None:
    port = server.port
    await server.start_server()
    assert server.port == port


async def test_after_the_end_nobody_listens(server: TestServer) -> None:
    port = server.port
    await server.close()
    await server.close()
    assert (server.closed, server.port) == (True, None)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_start_that_fails_runs_the_cleanup_and_keeps_no_socket() -> None:
    cleaned: list[bool] = []

    async def clean_up(app: Application) -> None:
        cleaned.append(True)

    app = make_app()
    app.on_cleanup.append(clean_up)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await TestServer(app, port=taken.getsockname()[1]).start_server()
    assert cleaned == [True]


async def test_a_handler_ends_with_its_client() -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def wait(request: BaseRequest) -> Response:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return Response()

    async with RawTestServer(wait) as server:
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await entered.wait()
        writer.close()
        await asyncio.wait_for(left.wait(), 5)


def test_it_cannot_be_entered_without_async() -> None:
    with pytest.raises(TypeError, match="async with"), TestServer(make_app()):
        pass
