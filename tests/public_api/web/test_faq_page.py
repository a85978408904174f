"""The documentation's frequent questions, those about servers, each answered with a program that does it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

import trunkline
from trunkline import web
from trunkline.test_utils import TestClient, TestServer

Client = TestClient[web.Request, web.Application]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def client_of(app: web.Application, *routes: web.AbstractRouteDef) -> Client:
    app.add_routes(routes)
    return TestClient(TestServer(app))


def websocket_of(client: Client, path: str) -> connect:
    return connect(str(client.make_url(path).with_scheme("ws")), proxy=None)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_a_prefix_is_a_route_with_a_greedy_tail(method: str) -> None:
    async def sink(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {request.match_info['tail']}")

    app = web.Application()
    app.router.add_route("*", "/path/to/{tail:.+}", sink)
    async with client_of(app) as client, client.request(method, "/path/to/some/thing") as response:
        assert await response.text() == f"{method} some/thing"


class Database:
    def __init__(self, name: str = "db") -> None:
        self.name = name
        self.is_open = True
        self.pongs = 0


db_key = web.AppKey("db_key", Database)


async def name_of_db(request: web.Request) -> web.Response:
    return web.Response(text=request.app[db_key].name if db_key in request.app else "no database")


async def test_a_database_connection_is_kept_in_the_application() -> None:
    app = web.Application()
    app[db_key] = Database("shared")
    async with client_of(app, web.get("/", name_of_db)) as client, client.get("/") as response:
        assert await response.text() == "shared"


async def test_a_subapplication_sees_what_it_was_given_and_nothing_else() -> None:
    app, informed, isolated = web.Application(), web.Application(), web.Application()
    for subapp in (informed, isolated):
        subapp.add_routes([web.get("/", name_of_db)])
    app[db_key] = Database("main")
    informed[db_key] = app[db_key]
    app.add_subapp("/informed", informed)
    app.add_subapp("/isolated", isolated)
    async with client_of(app) as client:
        assert await (await client.get("/informed/")).text() == "main"
        assert await (await client.get("/isolated/")).text() == "no database"


async def test_a_context_opens_the_database_for_the_subapplication_too_and_closes_it() -> None:
    subapp_key = web.AppKey("subapp_key", web.Application)
    db = Database("by context")

    @contextlib.asynccontextmanager
    async def db_context(app: web.Application) -> AsyncIterator[None]:
        app[db_key] = app[subapp_key][db_key] = db
        yield
        db.is_open = False

    app, subapp = web.Application(), web.Application()
    subapp.add_routes([web.get("/", name_of_db)])
    app[subapp_key] = subapp
    app.add_subapp("/prefix", subapp)
    app.cleanup_ctx.append(db_context)
    async with client_of(app) as client, client.get("/prefix/") as response:
        assert await response.text() == "by context"
        assert db.is_open
    assert not db.is_open


async def test_a_middleware_stores_data_in_the_request() -> None:
    request_id_key = web.RequestKey("request_id_key", str)
    seen_key = web.ResponseKey("seen_key", bool)

    @web.middleware
    async def request_id(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[request_id_key] = "some_request_id"
        response = await handler(request)
        response[seen_key] = True
        assert response[seen_key]
        assert len(response) == 1
        return response

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request[request_id_key])

    app = web.Application(middlewares=[request_id])
    async with client_of(app, web.get("/", handler)) as client, client.get("/") as response:
        assert await response.text() == "some_request_id"


# WebSockets.


async def test_a_task_sends_events_of_another_source_while_the_handler_reads() -> None:
    events: asyncio.Queue[str] = asyncio.Queue()
    ended = asyncio.Event()

    async def read_subscription(ws: web.WebSocketResponse) -> None:
        try:
            while True:
                await ws.send_str(f"event {await events.get()}")
        finally:
            ended.set()

    async def handler(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        task = asyncio.create_task(read_subscription(ws))
        try:
            async for msg in ws:
                await ws.send_str(f"answer to {msg.data}")
        finally:
            task.cancel()
        return ws

    async with client_of(web.Application(), web.get("/ws", handler)) as client, asyncio.timeout(10):
        async with websocket_of(client, "/ws") as websocket:
            await websocket.send("1")
            assert await websocket.recv() == "answer to 1"
            events.put_nowait("a")
            events.put_nowait("b")
            assert [await websocket.recv(), await websocket.recv()] == ["event a", "event b"]
            await websocket.send("2")
            assert await websocket.recv() == "answer to 2"
        await ended.wait()


websockets_key = web.AppKey("websockets_key", defaultdict[str, set[web.WebSocketResponse]])


async def echo(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    user_id = request.query["user"]
    await ws.prepare(request)
    request.app[websockets_key][user_id].add(ws)
    try:
        async for msg in ws:
            await ws.send_str(msg.data)
    finally:
        request.app[websockets_key][user_id].remove(ws)
    return ws


async def log_out(request: web.Request) -> web.Response:
    closers = [ws.close() for ws in request.app[websockets_key][request.query["user"]] if not ws.closed]
    await asyncio.gather(*closers)
    return web.Response(text="OK")


async def test_a_request_closes_all_websockets_of_a_user_and_only_these() -> None:
    async def echoes(websocket: ClientConnection) -> bool:
        await websocket.send("still there?")
        return await websocket.recv() == "still there?"

    app = web.Application()
    websockets: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)
    app[websockets_key] = websockets
    async with (
        client_of(app, web.get("/echo", echo), web.post("/logout", log_out)) as client,
        asyncio.timeout(10),
        websocket_of(client, "/echo?user=jane") as first,
        websocket_of(client, "/echo?user=jane") as second,
        websocket_of(client, "/echo?user=joe") as other,
    ):
        assert all([await echoes(websocket) for websocket in (first, second, other)])
        assert await (await client.post("/logout?user=jane")).text() == "OK"
        assert app[websockets_key]["jane"] == set()
        for websocket in (first, second):
            with pytest.raises(ConnectionClosed):
                await websocket.recv()
            assert websocket.close_code == 1000
        assert await echoes(other)


# Responses.


async def test_a_middleware_can_compress_all_that_is_worth_it() -> None:
    @web.middleware
    async def compress(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if isinstance(response, web.Response) and len(response.text or "") > 100:
            response.enable_compression()
        return response

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="x" * int(request.query["length"]))

    async with client_of(web.Application(middlewares=[compress]), web.get("/", handler)) as client:
        for length, coding in ((10, None), (1000, "gzip")):
            async with client.get("/", params={"length": length}, headers={"Accept-Encoding": "gzip"}) as response:
                assert response.headers.get("Content-Encoding") == coding
                assert await response.text() == "x" * length


async def test_one_client_session_serves_all_handlers() -> None:
    session_key = web.AppKey("session_key", trunkline.ClientSession)

    async def backend(request: web.Request) -> web.Response:
        return web.Response(text="from behind")

    async def front(request: web.Request) -> web.Response:
        async with request.app[session_key].get(behind.make_url("/")) as response:
            return web.Response(text=await response.text())

    async def open_session(app: web.Application) -> AsyncIterator[None]:
        async with trunkline.ClientSession(cookie_jar=trunkline.DummyCookieJar()) as session:
            app[session_key] = session
            yield

    app = web.Application()
    app.cleanup_ctx.append(open_session)
    async with (
        client_of(web.Application(), web.get("/", backend)) as behind,
        client_of(app, web.get("/", front)) as client,
    ):
        for _ in range(3):
            assert await (await client.get("/")).text() == "from behind"
        assert len(behind.server.handler.connections) == 1
    assert app[session_key].closed


async def test_a_handler_goes_on_after_its_response_was_sent() -> None:
    goes_on = asyncio.Event()
    db = Database()

    async def ping(request: web.Request) -> web.Response:
        response = web.json_response({"message": "PONG"})
        await response.prepare(request)
        await response.write_eof()
        await goes_on.wait()
        request.app[db_key].pongs += 1
        return response

    app = web.Application()
    app[db_key] = db
    async with client_of(app, web.get("/", ping)) as client:
        async with asyncio.timeout(10), client.get("/") as response:
            assert await response.json() == {"message": "PONG"}
            assert db.pongs == 0
            goes_on.set()
        async with client.get("/") as response:
            assert await response.json() == {"message": "PONG"}
    assert db.pongs == 2


async def test_a_response_that_is_sent_twice_is_an_error_and_not_a_hang(caplog: pytest.LogCaptureFixture) -> None:
    cached = web.Response(text="Hi, I am cached!")

    @web.middleware
    async def misbehaving(request: web.Request, handler: Handler) -> web.StreamResponse:
        return cached

    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(middlewares=[misbehaving])
    async with asyncio.timeout(10), client_of(app, web.get("/", handler)) as client:
        statuses = [(await client.get("/")).status for _ in range(3)]
    assert statuses == [200, 500, 500]
    assert "make a new one for each" in caplog.text
