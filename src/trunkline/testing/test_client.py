"""`TestClient`: a client session that knows one test server, so that tests name paths only.

It starts and stops the server along with itself. Cookies of an IP address are kept, because test servers have one.
Responses and WebSockets that the test left open are closed with the client, before the server waits for them.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast, overload

from yarl import URL

from trunkline.abc import AbstractCookieJar
from trunkline.client.context import RequestContext
from trunkline.client.cookiejar import CookieJar
from trunkline.client.response import ClientResponse
from trunkline.client.session import ClientSession
from trunkline.client.websocket import ClientWebSocketResponse
from trunkline.client.ws_connect import WSRequestContext
from trunkline.ground.types import StrOrURL
from trunkline.testing.test_server import BaseTestServer, TestServer
from trunkline.web.app import Application
from trunkline.web.request import BaseRequest, Request

RequestType = TypeVar("RequestType", bound=BaseRequest)
ApplicationType = TypeVar("ApplicationType", Application, None)


class TestClient(Generic[RequestType, ApplicationType]):
    """Sends requests to `server`, by path; `async with` starts the server and closes both.

    cookie_jar: by default one that keeps cookies of IP addresses. The rest goes to ClientSession.
    """

    __test__ = False  # pytest would take the class for a test, because of its name

    @overload
    def __init__(
        self: TestClient[Request, Application],
        server: TestServer,
        *,
        cookie_jar: AbstractCookieJar | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        **kwargs: Any,
    ) -> None: ...

    @overload
    def __init__(
        self: TestClient[BaseRequest, None],
        server: BaseTestServer,
        *,
        cookie_jar: AbstractCookieJar | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        **kwargs: Any,
    ) -> None: ...

    def __init__(
        self,
        server: BaseTestServer,
        *,
        cookie_jar: AbstractCookieJar | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        **kwargs: Any,  # Any: ClientSession checks them
    ) -> None:
        if not isinstance(server, BaseTestServer):
            raise TypeError(f"server must be a TestServer instance, not {type(server)}; wrap it: TestServer(app)")
        jar = CookieJar(unsafe=True) if cookie_jar is None else cookie_jar
        self._server = server
        self._session = ClientSession(loop=loop, cookie_jar=jar, **kwargs)
        self._responses: list[ClientResponse] = []
        self._websockets: list[ClientWebSocketResponse] = []
        self._closed = False

    async def start_server(self) -> None:
        """Start the server, unless it runs already."""
        await self._server.start_server()

    @property
    def scheme(self) -> str:
        """The scheme of the server: "http" or "https"."""
        return self._server.scheme

    @property
    def host(self) -> str:
        """The host of the server."""
        return self._server.host

    @property
    def port(self) -> int | None:
        """The port of the server; None while it does not run, unless it was given one."""
        return self._server.port

    @property
    def server(self) -> BaseTestServer:
        """The server that this client knows."""
        return self._server

    @property
    def app(self) -> ApplicationType:
        """The application of the server; None when it serves a handler."""
        return cast(ApplicationType, getattr(self._server, "app", None))

    @property
    def session(self) -> ClientSession:
        """The session below; its own methods want whole URLs, see `make_url`."""
        return self._session

    def make_url(self, path: StrOrURL) -> URL:
        """Return the URL of `path` on the server."""
        return self._server.make_url(path)

    # Any of `kwargs`: ClientSession checks them.

    def request(self, method: str, path: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request `path` of the server; the rest is as with ClientSession.request."""
        return RequestContext(self._request(method, path, **kwargs))

    def get(self, path: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with GET; see `request`."""
        return self.request("GET", path, **kwargs)

    def post(self, path: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with POST; see `request`."""
        return self.request("POST", path, **kwargs)

    def options(self, path: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with OPTIONS; see `request`."""
        return self.request("OPTIONS", path, **kwargs)

    def head(self, path: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with HEAD; see `request`. Unlike ClientSession.head, it follows redirects."""
        return self.request("HEAD", path, **kwargs)

    def put(self, path: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with PUT; see `request`."""
        return self.request("PUT", path, **kwargs)

    def patch(self, path: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with PATCH; see `request`."""
        return self.request("PATCH", path, **kwargs)

    def delete(self, path: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with DELETE; see `request`."""
        return self.request("DELETE", path, **kwargs)

    async def _request(self, method: str, path: StrOrURL, **kwargs: Any) -> ClientResponse:
        response = await self._session.request(method, self.make_url(path), **kwargs)
        self._responses.append(response)
        return response

    def ws_connect(self, path: StrOrURL, *, decode_text: bool = True, **kwargs: Any) -> WSRequestContext:
        """Open a WebSocket at `path` of the server; the rest is as with ClientSession.ws_connect."""
        return WSRequestContext(self._ws_connect(path, decode_text=decode_text, **kwargs))

    async def _ws_connect(self, path: StrOrURL, **kwargs: Any) -> ClientWebSocketResponse:
        websocket = await self._session.ws_connect(self.make_url(path), **kwargs)
        self._websockets.append(websocket)
        return websocket

    async def close(self) -> None:
        """Close what the test left open, the session, and the server. Idempotent."""
        if self._closed:
            return
        self._closed = True
        for response in self._responses:
            response.close()
        try:
            for websocket in self._websockets:
                await websocket.close()
        finally:
            try:
                await self._session.close()
            finally:
                await self._server.close()

    def __enter__(self) -> None:
        raise TypeError("Use async with instead: starting a server takes time")

    def __exit__(self, *exc_info: object) -> None:
        """Never called; without it, `with` would not get as far as the advice of `__enter__`."""

    async def __aenter__(self) -> Self:
        await self.start_server()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()
