"""aiohttp-socks: requests and WebSockets through SOCKS4, SOCKS5 and HTTP proxies, chains, refusals."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import anyio
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp_socks import ChainProxyConnector, ProxyConnectionError, ProxyConnector, ProxyError, open_connection
from checks import Checks
from tiny_proxy import HttpProxyHandler, Socks4ProxyHandler, Socks5ProxyHandler

check = Checks()
LOGIN = {"username": "user", "password": "secret"}
HANDLERS = {"socks5": Socks5ProxyHandler, "socks4": Socks4ProxyHandler, "http": HttpProxyHandler}


@asynccontextmanager
async def proxy(kind: str, **login: str) -> AsyncIterator[int]:
    """Run a proxy on a free port."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    handler = HANDLERS[kind](**login)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handler.handle)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello {await request.text()}")


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


@asynccontextmanager
async def origin(tls: ssl.SSLContext | None = None) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.add_routes([web.get("/", hello), web.post("/", hello), web.get("/ws", echo)])
    server = TestServer(app, scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    try:
        yield server
    finally:
        await server.close()


@check
async def every_kind_of_proxy_forwards() -> None:
    for kind in HANDLERS:
        async with proxy(kind) as port, origin() as server:
            connector = ProxyConnector.from_url(f"{kind}://127.0.0.1:{port}")
            async with aiohttp.ClientSession(connector=connector) as session:
                for _ in range(3):
                    async with session.post(server.make_url("/"), data=b"x" * 100_000) as response:
                        assert await response.text() == "hello " + "x" * 100_000, kind


@check
async def a_login_is_given() -> None:
    async with proxy("socks5", **LOGIN) as port, origin() as server:
        connector = ProxyConnector.from_url(f"socks5://user:secret@127.0.0.1:{port}", rdns=True)
        async with aiohttp.ClientSession(connector=connector) as session, session.get(server.make_url("/")) as response:
            assert response.status == 200


@check
async def a_wrong_login_is_an_error() -> None:
    async with proxy("socks5", **LOGIN) as port, origin() as server:
        connector = ProxyConnector.from_url(f"socks5://user:wrong@127.0.0.1:{port}")
        async with aiohttp.ClientSession(connector=connector) as session:
            try:
                await session.get(server.make_url("/"))
            except ProxyError:
                pass
            else:
                raise AssertionError("forwarded")


@check
async def a_missing_proxy_is_an_error() -> None:
    connector = ProxyConnector.from_url("socks5://127.0.0.1:1")
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            await session.get("http://127.0.0.1:2/")
        except ProxyConnectionError:
            pass
        else:
            raise AssertionError("connected")


@check
async def tls_runs_through_the_proxy() -> None:
    authority = trustme.CA()
    serving_tls, asking_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(serving_tls)
    authority.configure_trust(asking_tls)
    async with proxy("socks5") as port, origin(serving_tls) as server:
        connector = ProxyConnector.from_url(f"socks5://127.0.0.1:{port}")
        async with aiohttp.ClientSession(connector=connector) as session:
            url = server.make_url("/").with_host("localhost")
            async with session.get(url, ssl=asking_tls) as response:
                assert await response.text() == "hello "
            try:
                await session.get(url)
            except aiohttp.ClientOSError:
                pass
            else:
                raise AssertionError("an unknown authority was trusted")


@check
async def a_websocket_runs_through_the_proxy() -> None:
    async with proxy("socks5") as port, origin() as server:
        connector = ProxyConnector.from_url(f"socks5://127.0.0.1:{port}")
        async with aiohttp.ClientSession(connector=connector) as session:
            socket = await session.ws_connect(server.make_url("/ws"))
            await socket.send_str("x" * 1000)
            assert await socket.receive_str() == "x" * 1000
            await socket.close()


@check
async def proxies_are_chained() -> None:
    async with proxy("socks5") as one, proxy("http") as two, origin() as server:
        connector = ChainProxyConnector.from_urls([f"socks5://127.0.0.1:{one}", f"http://127.0.0.1:{two}"])
        async with aiohttp.ClientSession(connector=connector) as session, session.get(server.make_url("/")) as response:
            assert response.status == 200


@check
async def a_bare_connection_is_opened() -> None:
    async with proxy("socks4") as port, origin() as server:
        reader, writer = await open_connection(
            proxy_url=f"socks4://127.0.0.1:{port}", host="127.0.0.1", port=server.port
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


check.run()
