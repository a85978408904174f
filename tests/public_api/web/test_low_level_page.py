"""The documentation's page on the low-level server: one handler for every request, no application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect

import trunkline
from trunkline import web
from trunkline.test_utils import RawTestServer, TestClient

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[str]:
    """Serve as the page does, on a port that is free; yields the URL."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0)
    await site.start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def client_of(handler: Handler) -> TestClient[web.BaseRequest, None]:
    return TestClient(RawTestServer(handler))


async def say_ok(request: web.BaseRequest) -> web.Response:
    return web.Response(text="OK")


async def test_the_server_of_the_page_says_ok_to_every_path_and_method() -> None:
    async with listening(say_ok) as url, trunkline.ClientSession(url) as session:
        for path in ("/", "/any/path?with=query"):
            for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
                async with session.request(method, path) as response:
                    assert (response.status, await response.text()) == (200, "OK")


async def test_the_server_is_a_protocol_factory_for_create_server() -> None:
    server = web.Server(say_ok)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        async with trunkline.request("GET", f"http://127.0.0.1:{port}/") as response:
            assert await response.text() == "OK"
        assert server.requests_count == 1
    finally:
        listener.close()
        await server.shutdown()
    assert server.connections == []


async def test_the_handler_gets_a_base_request_which_knows_nothing_of_applications() -> None:
    seen: list[web.BaseRequest] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request)
        return web.json_response([request.method, request.path, request.query_string, await request.text()])

    async with client_of(handler) as client, client.put("/a/b?c=d", data=b"body") as response:
        assert await response.json() == ["PUT", "/a/b", "c=d", "body"]
    assert type(seen[0]) is web.BaseRequest
    assert not hasattr(seen[0], "app")
    assert not hasattr(seen[0], "match_info")


async def test_a_response_may_hold_its_whole_body() -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"\0\1\2", content_type="image/x-tiny")

    async with client_of(handler) as client, client.get("/") as response:
        assert await response.read() == b"\0\1\2"
        assert response.headers["Content-Type"] == "image/x-tiny"
        assert response.headers["Content-Length"] == "3"


async def test_a_response_may_be_streamed_and_each_piece_leaves_at_once() -> None:
    goes_on = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=201, headers={"X-Streamed": "yes"})
        response.content_type = "text/plain"
        await response.prepare(request)
        await response.write(b"first")
        await asyncio.wait_for(goes_on.wait(), 10)
        await response.write(b"second")
        return response

    async with client_of(handler) as client, client.get("/") as response:
        assert (response.status, response.headers["X-Streamed"]) == (201, "yes")
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.content.readexactly(5) == b"first"
        goes_on.set()
        assert await response.content.read() == b"second"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (web.HTTPForbidden(text="no"), 403, "no"),
        (web.HTTPNotFound(), 404, "404: Not Found"),
        (web.HTTPFound("/elsewhere"), 302, "302: Found"),
        (web.HTTPOk(text="raised, but fine"), 200, "raised, but fine"),
    ],
)
async def test_an_http_exception_is_a_response(error: web.HTTPException, status: int, text: str) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        raise error

    async with client_of(handler) as client, client.get("/", allow_redirects=False) as response:
        assert (response.status, await response.text()) == (status, text)


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), OSError("secret"), RuntimeError("secret")])
async def test_any_other_exception_is_a_500_that_tells_the_log_and_not_the_client(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        raise error

    with caplog.at_level(logging.ERROR, "trunkline.server"):
        async with client_of(handler) as client, client.get("/") as response:
            assert (response.status, response.reason) == (500, "Internal Server Error")
            assert "secret" not in await response.text()
    [record] = caplog.records
    assert record.name == "trunkline.server"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_a_server_goes_on_after_a_handler_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        if request.path == "/fail":
            raise ValueError
        return web.Response(text="OK")

    with caplog.at_level(logging.CRITICAL):
        async with client_of(handler) as client:
            statuses = [(await client.get(path)).status for path in ("/", "/fail", "/", "/fail", "/")]
    assert statuses == [200, 500, 200, 500, 200]


async def test_a_websocket_needs_no_application() -> None:
    async def handler(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for msg in ws:
            await ws.send_str(f"{request.path} {msg.data}")
        return ws

    async with (
        asyncio.timeout(10),
        listening(handler) as url,
        connect(f"ws{url.removeprefix('http')}/any", proxy=None) as websocket,
    ):
        await websocket.send("hello")
        assert await websocket.recv() == "/any hello"
