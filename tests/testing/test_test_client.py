"""The test client: paths in, responses out, and everything closed at the end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from trunkline.client.cookiejar import CookieJar
from trunkline.client.response import ClientResponse
from trunkline.testing.test_client import TestClient
from trunkline.testing.test_server import RawTestServer, TestServer
from trunkline.web.app import Application
from trunkline.web.exceptions import HTTPFound
from trunkline.web.request import BaseRequest, Request
from trunkline.web.response import Response
from trunkline.web.websocket import WebSocketResponse

VERBS = ["get", "post", "options", "head", "put", "patch", "delete"]


async def echo(request: Request) -> Response:
    return Response(text=f"{request.method} {request.path_qs}")


async def move(request: Request) -> Response:
    raise HTTPFound("/moved")


async def set_cookie(request: Request) -> Response:
    response = Response(text=request.cookies.get("seen", "no"))
    response.set_cookie("seen", "yes")
    return response


async def echo_messages(request: Request) -> WebSocketResponse:
    websocket = WebSocketResponse()
    await websocket.prepare(request)
    async for message in websocket:
        await websocket.send_str(message.data)
    return websocket


def make_app() -> Application:
    app = Application()
    app.router.add_get("/ws", echo_messages)
    app.router.add_get("/cookie", set_cookie)
    app.router.add_route("*", "/move", move)
    app.router.add_route("*", "/{tail:.*}", echo)
    return app


@pytest.fixture
async def client() -> AsyncIterator[TestClient[Request, Application]]:
    async with TestClient(TestServer(make_app())) as running:
        yield running


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_requests_a_path(client: TestClient[Request, Application], verb: str) -> None:
    response: ClientResponse = await getattr(client, verb)("/x?y=1")
    assert response.method == verb.upper()
    assert await response.text() == ("" if verb == "head" else f"{verb.upper()} /x?y=1")


async def test_a_request_can_be_entered(client: TestClient[Request, Application]) -> None:
    async with client.request("GET", "x", params={"y": "1"}) as response:
        assert await response.text() == "GET /x?y=1"


@pytest.mark.parametrize("verb", ["get", "head"])
async def test_redirects_are_followed(client: TestClient[Request, Application], verb: str) -> None:
    response: ClientResponse = await getattr(client, verb)("/move")
    assert (response.status, response.url.path) == (200, "/moved")


async def test_the_url_of_another_host_is_refused(client: TestClient[Request, Application]) -> None:
    with pytest.raises(AssertionError, match="give a path"):
        await client.get("http://example.com/")


async def test_it_tells_where_the_server_is(client: TestClient[Request, Application]) -> None:
    server = client.server
    assert (client.scheme, client.host, client.port) == (server.scheme, server.host, server.port)
    assert client.make_url("/x") == server.make_url("/x")


async def test_it_gives_the_application_of_its_server() -> None:
    app = make_app()
    client = TestClient(TestServer(app))
    assert client.app is app
    await client.close()


async def test_a_raw_server_has_no_application() -> None:
    async def answer(request: BaseRequest) -> Response:
        return Response(text="raw")

    async with TestClient(RawTestServer(answer)) as client:
        assert client.app is None
        assert await (await client.get("/")).text() == "raw"


async def test_cookies_of_an_address_are_kept(client: TestClient[Request, Application]) -> None:
    assert [await (await client.get("/cookie")).text() for _ in range(2)] == ["no", "yes"]


async def test_the_cookie_jar_can_be_chosen() -> None:
    jar = CookieJar()
    client = TestClient(TestServer(make_app()), cookie_jar=jar)
    assert client.session.cookie_jar is jar
    await client.close()


async def test_other_options_go_to_the_session() -> None:
    async with TestClient(TestServer(make_app()), headers={"token": "x"}) as client:
        assert client.session.headers["token"] == "x"


@pytest.mark.parametrize("option", ["bogus", "host"])
async def test_an_option_that_the_session_does_not_know_is_refused(option: str) -> None:
    options: dict[str, Any] = {option: 1}  # Any: nothing that it takes
    with pytest.raises(TypeError, match=option):
        TestClient(TestServer(make_app()), **options)


async def test_an_application_must_be_put_into_a_server() -> None:
    with pytest.raises(TypeError, match=r"TestServer\(app\)"):
        TestClient(make_app())  # type: ignore[call-overload]  # the point


async def test_close_closes_responses_session_and_server() -> None:
    client = TestClient(TestServer(make_app()))
    await client.start_server()
    response = await client.get("/")
    await client.close()
    await client.close()
    assert (response.closed, client.session.closed, client.server.closed, client.port) == (True, True, True, None)


async def test_a_client_that_was_never_started_can_be_closed() -> None:
    client = TestClient(TestServer(make_app()))
    with pytest.raises(AssertionError, match="does not run"):
        await client.get("/")
    await client.close()
    assert client.session.closed


async def test_close_does_not_wait_for_a_request_that_goes_on() -> None:
    entered = asyncio.Event()

    async def wait(request: BaseRequest) -> Response:
        entered.set()
        await asyncio.Event().wait()
        return Response()

    client = TestClient(RawTestServer(wait))
    await client.start_server()
    request = asyncio.ensure_future(client.get("/"))
    await entered.wait()
    request.cancel()
    async with asyncio.timeout(5):
        await client.close()


def test_it_cannot_be_entered_without_async() -> None:
    with pytest.raises(TypeError, match="async with"):
        TestClient.__enter__(object())  # type: ignore[arg-type]  # it never looks at itself


async def test_websockets_are_opened_by_path_and_closed_with_the_client(
    client: TestClient[Request, Application],
) -> None:
    websocket = await client.ws_connect("/ws", decode_text=False)
    await websocket.send_str("x")
    assert (await websocket.receive()).data == b"x"
    await client.close()
    assert (websocket.closed, websocket.close_code) == (True, 1000)


async def test_a_websocket_can_be_entered(client: TestClient[Request, Application]) -> None:
    async with client.ws_connect("/ws") as websocket:
        assert not websocket.closed
    assert websocket.closed
