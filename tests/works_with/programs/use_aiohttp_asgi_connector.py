"""aiohttp-asgi-connector: a session whose connector calls an ASGI application in place of a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp_asgi_connector import ASGIApplicationConnector
from checks import Checks
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

check = Checks()


async def echo(request: Request) -> Response:
    body = await request.body()
    query = dict(request.query_params)
    return JSONResponse({"method": request.method, "body": body.decode(), "query": query, "path": request.url.path})


async def stream(_: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        for n in range(5):
            yield b"%d," % n
            await asyncio.sleep(0)

    return StreamingResponse(chunks())


async def cookie(request: Request) -> Response:
    response = PlainTextResponse(request.cookies.get("seen", "never"))
    response.set_cookie("seen", "before")
    return response


async def broken(_: Request) -> Response:
    raise ZeroDivisionError("in the application")


APP = Starlette(
    routes=[
        Route("/echo", echo, methods=["GET", "POST", "PUT", "DELETE", "HEAD"]),
        Route("/stream", stream),
        Route("/cookie", cookie),
        Route("/broken", broken),
    ]
)


def session(**arguments: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession("http://app.example", connector=ASGIApplicationConnector(APP, **arguments))


@check
async def a_request_is_answered() -> None:
    async with session() as client, client.get("/echo", params={"a": "b"}) as response:
        assert response.status == 200
        assert await response.json() == {"method": "GET", "body": "", "query": {"a": "b"}, "path": "/echo"}


@check
async def a_body_is_sent() -> None:
    async with session() as client:
        for _ in range(3):
            async with client.post("/echo", data=b"some body") as response:
                assert (await response.json())["body"] == "some body"
            async with client.put("/echo", json={"n": 1}) as response:
                assert (await response.json())["body"] == '{"n": 1}'


@check
async def head_has_no_body() -> None:
    async with session() as client, client.head("/echo") as response:
        assert response.status == 200
        assert await response.read() == b""


@check
async def a_stream_is_read() -> None:
    async with session() as client, client.get("/stream") as response:
        assert [line async for line in response.content.iter_any()]
    async with session(propagate_exceptions=False) as client, client.get("/stream") as response:
        assert await response.text() == "0,1,2,3,4,"


@check
async def cookies_are_kept() -> None:
    async with session() as client:
        for wanted in ("never", "before"):
            async with client.get("/cookie") as response:
                assert await response.text() == wanted


@check
async def an_exception_of_the_application_comes_out() -> None:
    async with session() as client:
        try:
            await client.get("/broken")
        except ZeroDivisionError:
            pass
        else:
            raise AssertionError("no error")


@check
async def many_requests_run_at_once() -> None:
    async with session() as client:

        async def one(n: int) -> str:
            async with client.post("/echo", data=str(n)) as response:
                return str((await response.json())["body"])

        assert await asyncio.gather(*map(one, range(20))) == [str(n) for n in range(20)]


check.run()
