"""What third-party libraries read, override and replace of the server beside its documented names (docs/compat.md)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.serving import serving
from trunkline.abc import AbstractStreamWriter
from trunkline.ground.sentinel import sentinel
from trunkline.testing.test_server import BaseTestServer
from trunkline.web.app import Application
from trunkline.web.request import BaseRequest, Request
from trunkline.web.response import Response
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.web.routing.router import UrlDispatcher
from trunkline.web.routing.static import StaticResource
from trunkline.web.runner import BaseRunner, ServerRunner
from trunkline.web.server import Server
from trunkline.web.stream_response import AnsweredRequest, StreamResponse

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


class RawResponse(StreamResponse):
    """Sends bytes in place of a response, as aresponses does to mock broken servers."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self._raw = raw

    async def _start(self, request: AnsweredRequest) -> AbstractStreamWriter:
        self._req = request
        self._keep_alive = False
        assert isinstance(request, BaseRequest)
        self._payload_writer = request._payload_writer
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        await super().write_eof(self._raw)


async def test_start_can_be_overridden_to_send_no_head() -> None:
    async def handler(request: BaseRequest) -> StreamResponse:
        return RawResponse(b"no HTTP at all")

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(GET)
        assert await talk.rest() == b"no HTTP at all"


async def test_a_response_knows_its_request_and_writer_while_it_is_sent() -> None:
    seen: list[object] = []

    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        assert response._req is None
        await response.prepare(request)
        seen.append((response._req is request, response._payload_writer is request._payload_writer))
        return response

    async with serving(handler) as serve:
        assert (await serve.get("/"))[0] == 200
    assert seen == [(True, True)]


async def test_the_body_that_was_read_can_be_looked_at() -> None:
    seen: list[bytes | None] = []

    async def handler(request: BaseRequest) -> Response:
        seen.append(request._read_bytes)
        await request.read()
        seen.append(request._read_bytes)
        return Response()

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc")
        await talk.response()
    assert seen == [None, b"abc"]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace what Sentry replaces, and note what comes by."""
    names: list[str] = []
    own_resolve, own_handle = UrlDispatcher.resolve, Application._handle

    async def resolve(self: UrlDispatcher, request: Any) -> UrlMappingMatchInfo:
        found = await own_resolve(self, request)
        names.append(f"resolved {found.handler.__name__}")
        return found

    async def handle(self: Application, request: Request) -> StreamResponse:
        names.append("handled")
        return await own_handle(self, request)

    monkeypatch.setattr(UrlDispatcher, "resolve", resolve)
    monkeypatch.setattr(Application, "_handle", handle)
    return names


async def index(request: Request) -> Response:
    return Response(text="index")


async def test_what_replaces_handle_and_resolve_in_their_classes_is_used(names: list[str]) -> None:
    app = Application()
    app.router.add_get("/", index)
    async with serving(app) as serve:
        assert (await serve.get("/"))[2] == b"index"
    assert names == ["handled", "resolved index"]


async def test_resolve_may_be_replaced_after_the_application_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Application()
    app.router.add_get("/", index)
    asked: list[str] = []
    own_resolve = UrlDispatcher.resolve

    async def resolve(self: UrlDispatcher, request: Any) -> UrlMappingMatchInfo:
        asked.append(request.path)
        return await own_resolve(self, request)

    monkeypatch.setattr(UrlDispatcher, "resolve", resolve)
    async with serving(app) as serve:
        await serve.get("/")
    assert asked == ["/"]


def test_the_options_route_of_static_files_is_found_in_its_routes(tmp_path: Path) -> None:
    resource = StaticResource("/static", tmp_path)
    resource.set_options_route(index)
    assert resource._routes["OPTIONS"].handler is index


class OwnServer(BaseTestServer):
    """A test server of a library's, which makes server and runner itself."""

    async def _make_runner(self, debug: bool = True, **kwargs: Any) -> BaseRunner:
        server = Server(self._answer, loop=self._loop, debug=True, **kwargs)
        return ServerRunner(server, debug=debug, **kwargs)

    async def _answer(self, request: BaseRequest) -> Response:
        return Response(text="own")


@pytest.fixture
async def own_server() -> AsyncIterator[OwnServer]:
    server = OwnServer(scheme=sentinel)
    await server.start_server(loop=server._loop)
    yield server
    await server.close()


async def test_test_servers_of_libraries_make_their_own_runner(own_server: OwnServer) -> None:
    assert own_server.make_url("/").scheme == "http"
