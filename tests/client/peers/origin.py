"""An origin behind proxies: one application over http and over https, which keeps what it was asked."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme
from multidict import CIMultiDictProxy
from yarl import URL

from trunkline import web
from trunkline.test_utils import TestServer


@dataclass
class Origin:
    """http, https: where it is. heads: the fields of each request. connections: the peers' ports."""

    http: URL = field(default_factory=URL)
    https: URL = field(default_factory=URL)
    heads: list[CIMultiDictProxy[str]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)

    def url(self, scheme: str, path: str = "/", host: str = "127.0.0.1") -> URL:
        root = self.https if scheme in ("https", "wss") else self.http
        return root.with_scheme(scheme).with_host(host) / path.lstrip("/")

    async def hello(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response(text="hello")

    async def move(self, request: web.Request) -> web.Response:
        """Redirect to the same path under the other scheme."""
        self._note(request)
        raise web.HTTPFound(self.url("https" if request.scheme == "http" else "http", "/hello"))

    async def echo(self, request: web.Request) -> web.WebSocketResponse:
        self._note(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    def _note(self, request: web.Request) -> None:
        self.heads.append(request.headers)
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))


@asynccontextmanager
async def serve(authority: trustme.CA) -> AsyncIterator[Origin]:
    """Serve it within the `with` block, with a certificate for 127.0.0.1 and localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    origin = Origin()
    app = web.Application()
    app.router.add_get("/hello", origin.hello)
    app.router.add_get("/move", origin.move)
    app.router.add_get("/echo", origin.echo)
    over_http, over_https = TestServer(app), TestServer(app)
    await over_http.start_server()
    await over_https.start_server(ssl=context)
    origin.http, origin.https = over_http.make_url("/"), over_https.make_url("/")
    try:
        yield origin
    finally:
        await over_http.close()
        await over_https.close()
