"""Web Server Advanced: clients that go away, handlers that are cancelled for it, and who reads a WebSocket."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.public_api.observing import PATIENCE_S
from tests.raw_server import reset_at_end
from tests.waiting import until
from tests.web.serving import Serving, serving
from trunkline import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
OPENING = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def until_alone(served: Serving) -> None:
    await until(lambda: not served.server.connections)


@asynccontextmanager
async def answering(handler: Handler, **kwargs: bool) -> AsyncIterator[Serving]:
    app = web.Application()
    app.router.add_route("*", "/", handler)
    async with asyncio.timeout(PATIENCE_S), serving(app, **kwargs) as served:
        yield served


async def test_reading_the_body_of_a_client_that_went_away_raises() -> None:
    raised = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        begun.set()
        try:
            await request.text()
        except OSError as error:
            raised.set_result(error)
            raise
        return web.Response()

    async with answering(handler) as served:
        async with await served.talk() as talk:
            talk.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf")
            await begun.wait()
        assert isinstance(await raised, ConnectionError)


async def test_writing_to_a_client_that_went_away_raises(caplog: pytest.LogCaptureFixture) -> None:
    raised = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except OSError as error:
            raised.set_result(error)
            raise

    async with answering(handler) as served:
        async with await served.talk() as talk:
            talk.send(GET)
            await talk.head()
        assert isinstance(await raised, ConnectionError)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_by_default_a_handler_goes_on_without_its_client() -> None:
    begun, gone = asyncio.Event(), asyncio.Event()
    saved = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.Response:
        begun.set()
        await gone.wait()
        saved.set_result("in the database")
        return web.Response()

    async with answering(handler) as served:
        async with await served.talk() as talk:
            talk.send(GET)
            await begun.wait()
            reset_at_end(talk.writer)
        await until_alone(served)
        gone.set()
        assert await saved == "in the database"


async def test_a_handler_is_cancelled_with_its_client_if_asked() -> None:
    begun = asyncio.Event()
    ended = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set_result("cancelled")
            raise
        return web.Response()

    async with answering(handler, handler_cancellation=True) as served:
        async with await served.talk() as talk:
            talk.send(GET)
            await begun.wait()
        assert await ended == "cancelled"


async def test_a_client_that_resets_the_connection_cancels_as_well() -> None:
    begun = asyncio.Event()
    ended = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set_result("ended")
        return web.Response()

    async with answering(handler, handler_cancellation=True) as served:
        async with await served.talk() as talk:
            talk.send(GET)
            await begun.wait()
            reset_at_end(talk.writer)
        assert await ended == "ended"


async def test_what_is_shielded_is_saved_and_awaited_at_the_end() -> None:
    """The page wants a shield whose tasks the application tracks; here the application does so itself."""
    begun, may_save = asyncio.Event(), asyncio.Event()
    saved: list[str] = []
    jobs = web.AppKey("jobs", set[asyncio.Task[None]])

    async def save() -> None:
        begun.set()
        await may_save.wait()
        saved.extend(["redis", "postgres"])

    async def handler(request: web.Request) -> web.Response:
        job = asyncio.create_task(save())
        request.app[jobs].add(job)
        await asyncio.shield(job)
        return web.Response()

    async def finish(app: web.Application) -> None:
        may_save.set()
        await asyncio.gather(*app[jobs])

    app = web.Application()
    app[jobs] = set()
    app.router.add_post("/", handler)
    app.on_cleanup.append(finish)
    async with asyncio.timeout(PATIENCE_S), serving(app, handler_cancellation=True) as served:
        async with await served.talk() as talk:
            talk.send(GET.replace(b"GET", b"POST"))
            await begun.wait()
        await until_alone(served)
        assert saved == []
    assert saved == ["redis", "postgres"]


async def test_a_task_of_the_handlers_own_may_run_beside_it() -> None:
    async def fetch() -> str:
        await asyncio.sleep(0)
        return "data"

    async def handler(request: web.Request) -> web.Response:
        task = asyncio.create_task(fetch())
        await asyncio.sleep(0)
        return web.Response(text=await task)

    async with answering(handler) as served:
        assert (await served.get("/"))[2] == b"data"


async def test_every_request_has_a_task_of_its_own() -> None:
    tasks: list[object] = []

    async def handler(request: web.Request) -> web.Response:
        tasks.append(asyncio.current_task())
        assert request.task is asyncio.current_task()
        return web.Response()

    async with answering(handler) as served:
        for _ in range(2):
            await served.get("/")
    assert len(set(map(id, tasks))) == 2


async def test_other_tasks_may_write_to_a_websocket_and_close_it() -> None:
    got: list[object] = []

    async def handler(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)

        async def news() -> None:
            await websocket.send_str("news")
            await websocket.close(code=1001)

        task = asyncio.create_task(news())
        got.extend([message.data async for message in websocket])
        await task
        got.append(websocket.closed)
        return websocket

    async with answering(handler) as served, await served.talk() as talk:
        talk.send(OPENING)
        assert (await talk.head()).startswith(b"HTTP/1.1 101 ")
        assert await talk.reader.readexactly(6) == b"\x81\x04news"
        assert await talk.reader.readexactly(4) == b"\x88\x02\x03\xe9"
        talk.send(b"\x88\x82\0\0\0\0\x03\xe9")
        assert await talk.rest() == b""
    assert got == [True]


async def test_two_tasks_cannot_read_one_websocket() -> None:
    raised = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        reading = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0)
        try:
            await websocket.receive()
        except RuntimeError as error:
            raised.set_result(str(error))
        await websocket.send_str((await reading).data)
        return websocket

    async with answering(handler) as served, await served.talk() as talk:
        talk.send(OPENING)
        await talk.head()
        assert "receive()" in await raised
        talk.send(b"\x81\x82\0\0\0\0ok")
        assert await talk.reader.readexactly(4) == b"\x81\x02ok"
