"""httpx-aiohttp: httpx whose transport is an aiohttp session: bodies, streams, redirects, cookies, errors, timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import httpx
from aiohttp import web
from aiohttp.test_utils import TestServer
from checks import Checks, serving
from httpx_aiohttp import AiohttpTransport, HttpxAiohttpClient

check = Checks()


async def echo(request: web.Request) -> web.Response:
    return web.json_response({"method": request.method, "body": await request.text(), "query": dict(request.query)})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_compression()
    await response.prepare(request)
    for n in range(10):
        await response.write(b"%d," % n)
    return response


async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(10)
    return web.Response()


async def redirect(request: web.Request) -> web.Response:
    response = web.HTTPFound("/echo")
    response.set_cookie("seen", "yes")
    raise response


@asynccontextmanager
async def client(**arguments: object) -> AsyncIterator[tuple[httpx.AsyncClient, TestServer]]:
    routes = [
        web.route("*", "/echo", echo),
        web.get("/stream", stream),
        web.get("/slow", slow),
        web.get("/go", redirect),
    ]
    async with serving(*routes) as server, HttpxAiohttpClient(base_url=str(server.make_url("/")), **arguments) as made:
        yield made, server


@check
async def every_method_is_answered() -> None:
    async with client() as (http, _):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            response = await http.request(method, "/echo", params={"a": "\u00fc"})
            assert response.json()["method"] == method
            assert response.json()["query"] == {"a": "\u00fc"}


@check
async def bodies_of_every_kind_are_sent() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with client() as (http, _):
        assert (await http.post("/echo", content=chunks())).json()["body"] == "onetwo"
        assert (await http.post("/echo", json={"a": 1})).json()["body"] == '{"a":1}'
        assert (await http.post("/echo", data={"a": "b c"})).json()["body"] == "a=b+c"
        assert "file.txt" in (await http.post("/echo", files={"f": ("file.txt", b"data")})).json()["body"]


@check
async def a_coded_stream_is_read() -> None:
    async with client() as (http, _), http.stream("GET", "/stream", headers={"Accept-Encoding": "gzip"}) as response:
        assert "".join([text async for text in response.aiter_text()]) == "0,1,2,3,4,5,6,7,8,9,"


@check
async def redirects_and_cookies_are_httpx_own() -> None:
    async with client(follow_redirects=True) as (http, _):
        response = await http.get("/go")
        assert response.status_code == 200
        assert http.cookies["seen"] == "yes"
    async with client() as (http, _):
        assert (await http.get("/go")).status_code == 302


@check
async def errors_are_translated() -> None:
    async with client() as (http, _):
        for url, timeout, wanted in (
            ("http://127.0.0.1:1/", 5, httpx.TransportError),
            ("/slow", 0.2, httpx.TimeoutException),
        ):
            try:
                await http.get(url, timeout=timeout)
            except wanted:
                pass
            else:
                raise AssertionError(url)


@check
async def a_session_of_ones_own_is_used() -> None:
    async with serving(web.route("*", "/echo", echo)) as server, aiohttp.ClientSession() as session:
        async with httpx.AsyncClient(transport=AiohttpTransport(client=session)) as http:
            responses = await asyncio.gather(*(http.get(str(server.make_url("/echo"))) for _ in range(20)))
        assert all(response.status_code == 200 for response in responses)


check.run()
