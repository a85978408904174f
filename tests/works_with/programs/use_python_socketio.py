"""python-socketio, both ends on aiohttp: transports, namespaces, rooms, answers, binary, sessions, reconnection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import socketio
from aiohttp import web
from aiohttp.test_utils import TestServer
from checks import Checks

check = Checks()
TRANSPORTS = (["polling"], ["websocket"], ["polling", "websocket"])


def new_server() -> socketio.AsyncServer:
    sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*", ping_interval=1, ping_timeout=1)

    async def connect(sid: str, environ: dict[str, object], auth: object) -> bool:
        await sio.save_session(sid, {"auth": auth, "agent": environ["HTTP_USER_AGENT"]})
        return auth != "nobody"

    async def echo(sid: str, data: object) -> object:
        return data

    async def whoami(sid: str) -> object:
        return (await sio.get_session(sid))["auth"]

    async def join(sid: str, room: str) -> None:
        await sio.enter_room(sid, room)
        await sio.emit("joined", sid, room=room)

    async def leave(sid: str) -> None:
        await sio.disconnect(sid)

    async def other_echo(sid: str, data: object) -> tuple[str, object]:
        return "other", data

    for handler in (connect, echo, whoami, join, leave):
        sio.on(handler.__name__, handler)
    sio.on("echo", other_echo, namespace="/other")
    return sio


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[socketio.AsyncServer, str]]:
    sio = new_server()
    app = web.Application()
    sio.attach(app)
    async with TestServer(app) as server:
        yield sio, str(server.make_url("/"))
        await sio.shutdown()


@asynccontextmanager
async def connected(url: str, transports: list[str], **arguments: object) -> AsyncIterator[socketio.AsyncClient]:
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(url, transports=transports, **arguments)
    try:
        yield client
    finally:
        await client.disconnect()


@check
async def every_transport_carries_calls() -> None:
    async with serving() as (_, url):
        for transports in TRANSPORTS:
            async with connected(url, transports) as client:
                assert await client.call("echo", {"n": [1, None, "\u00fc"]}) == {"n": [1, None, "\u00fc"]}


@check
async def polling_is_upgraded() -> None:
    async with serving() as (_, url), connected(url, TRANSPORTS[2]) as client:
        assert client.transport() == "websocket"


@check
async def binary_passes_on_every_transport() -> None:
    async with serving() as (_, url):
        for transports in TRANSPORTS:
            async with connected(url, transports) as client:
                assert await client.call("echo", {"b": b"\x00\xff" * 20_000}) == {"b": b"\x00\xff" * 20_000}


@check
async def auth_reaches_the_session() -> None:
    async with serving() as (_, url), connected(url, TRANSPORTS[1], auth={"token": "t"}) as client:
        assert await client.call("whoami") == {"token": "t"}


@check
async def a_refused_connection_says_so() -> None:
    async with serving() as (_, url):
        try:
            async with connected(url, TRANSPORTS[1], auth="nobody"):
                raise AssertionError("connected")
        except socketio.exceptions.ConnectionError:
            pass


@check
async def namespaces_are_apart() -> None:
    async with serving() as (_, url), connected(url, TRANSPORTS[2], namespaces=["/", "/other"]) as client:
        assert await client.call("echo", 1, namespace="/other") in (["other", 1], ("other", 1))
        assert await client.call("echo", 1) == 1


@check
async def rooms_are_told() -> None:
    async with serving() as (_, url), connected(url, ["polling"]) as one, connected(url, ["websocket"]) as two:
        told: list[tuple[str, str]] = []
        both = asyncio.Event()
        for name, client in (("one", one), ("two", two)):

            def on_joined(sid: str, name: str = name) -> None:
                told.append((name, sid))
                if len(told) == 3:
                    both.set()

            client.on("joined", on_joined)
        await one.emit("join", "room")
        await asyncio.sleep(0.2)
        await two.emit("join", "room")
        await both.wait()
        assert {name for name, _ in told} == {"one", "two"}


@check
async def many_messages_keep_their_order() -> None:
    async with serving() as (sio, url):
        got: list[int] = []
        sio.on("count", lambda sid, n: got.append(n))
        async with connected(url, ["websocket"]) as client:
            for n in range(500):
                await client.emit("count", n)
            await client.call("echo", "last")
    assert got == list(range(500)), len(got)


@check
async def the_server_ends_a_connection() -> None:
    async with serving() as (_, url), connected(url, ["websocket"]) as client:
        ended = asyncio.Event()
        client.on("disconnect", lambda *reason: ended.set())
        await client.emit("leave")
        await ended.wait()


@check
async def the_client_reconnects() -> None:
    async with serving() as (sio, url):
        client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.1)
        connections: list[str | None] = []
        again = asyncio.Event()

        async def on_connect() -> None:
            connections.append(client.get_sid())
            if len(connections) == 2:
                again.set()

        client.on("connect", on_connect)
        await client.connect(url, transports=["websocket"])
        sio.get_environ(client.get_sid())["aiohttp.request"].transport.abort()
        await again.wait()
        assert connections[0] != connections[1]
        await client.disconnect()


@check
async def a_session_of_ones_own_is_used() -> None:
    async with serving() as (_, url), aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        client = socketio.AsyncClient(http_session=session, reconnection=False)
        await client.connect(url, headers={"X-Also": "2"})
        assert await client.call("echo", "x") == "x"
        await client.disconnect()


@check
async def the_simple_client_works() -> None:
    async with serving() as (_, url), socketio.AsyncSimpleClient() as client:
        await client.connect(url)
        assert await client.call("echo", "x") == "x"
        await client.emit("join", "r")
        event, sid = await client.receive(timeout=5)
        assert (event, sid) == ("joined", client.sid)


@check
async def a_missing_server_is_a_connection_error() -> None:
    for transports in (["polling"], ["websocket"]):
        client = socketio.AsyncClient(reconnection=False)
        try:
            await client.connect("http://127.0.0.1:1", transports=transports)
        except socketio.exceptions.ConnectionError:
            pass
        else:
            raise AssertionError("connected")
        await client.disconnect()


check.run()
