"""Web Server Advanced: factories, contexts, signals of start and end, background tasks, runners, graceful shutdown."""

import asyncio
import os
import signal
import sys
import urllib.request
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any

import pytest

from tests.public_api.observing import PATIENCE_S
from tests.web.serving import serving
from trunkline import WSCloseCode, web

VAR = ContextVar("VAR", default="default")
OPENING = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello")


def run_until_asked(app: web.Application | Awaitable[web.Application], **kwargs: Any) -> list[str]:  # Any: run_app's
    """Run `app` as a program would, GET / once from another thread, then stop as on Ctrl+C; return the bodies."""
    bodies: list[str] = []

    def ask(url: str) -> None:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            bodies.append(response.read().decode())
        os.kill(os.getpid(), signal.SIGINT)

    def serves(banner: str) -> None:
        asyncio.get_running_loop().run_in_executor(None, ask, banner.split()[3])

    web.run_app(app, host="127.0.0.1", port=0, print=serves, **kwargs)
    return bodies


def test_an_application_can_be_made_by_a_coroutine_that_awaits_first() -> None:
    async def app_factory() -> web.Application:
        await asyncio.sleep(0)
        app = web.Application()
        app.router.add_get("/", hello)
        return app

    assert run_until_asked(app_factory()) == ["Hello"]


def test_context_variables_flow_from_start_to_end_and_into_requests() -> None:
    seen: list[str] = []

    def noting(name: str) -> Callable[[web.Application], Awaitable[None]]:
        async def note(app: web.Application) -> None:
            seen.append(f"{name} {VAR.get()}")
            VAR.set(name)

        return note

    async def inner() -> str:
        return VAR.get()

    async def handler(request: web.Request) -> web.Response:
        outer = VAR.get()
        VAR.set("handler")
        return web.Response(text=f"{outer} {await inner()}")

    async def init() -> web.Application:
        seen.append(f"init {VAR.get()}")
        VAR.set("init")
        app = web.Application()
        app.router.add_get("/", handler)
        app.on_startup.append(noting("on_startup"))
        app.on_shutdown.append(noting("on_shutdown"))
        app.on_cleanup.append(noting("on_cleanup"))
        return app

    assert run_until_asked(init()) == ["on_startup handler"]
    assert seen == ["init default", "on_startup init", "on_shutdown on_startup", "on_cleanup on_shutdown"]
    assert VAR.get() == "default"


async def test_what_a_request_sets_is_invisible_to_the_next_one() -> None:
    async def handler(request: web.Request) -> web.Response:
        seen = VAR.get()
        VAR.set("changed")
        return web.Response(text=seen)

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as served, await served.talk() as talk:
        for _ in range(3):
            talk.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            assert (await talk.response())[2] == b"default"


async def test_an_engine_is_made_and_disposed_by_signals() -> None:
    engine = web.AppKey("engine", list[str])
    log: list[str] = []

    async def create(app: web.Application) -> None:
        app[engine] = log
        app[engine].append("create")

    async def second(app: web.Application) -> None:
        log.append("second")

    async def dispose(app: web.Application) -> None:
        app[engine].append("dispose")

    app = web.Application()
    app.on_startup.append(create)
    app.on_startup.append(second)
    app.on_cleanup.append(dispose)
    async with serving(app):
        assert log == ["create", "second"]
    assert log == ["create", "second", "dispose"]


@pytest.mark.parametrize("decorated", [True, False])
async def test_contexts_are_left_in_reverse_order(decorated: bool) -> None:
    log: list[str] = []

    def context(name: str) -> Any:  # Any: both kinds of function that the list takes
        async def generator(app: web.Application) -> AsyncIterator[None]:
            log.append(f"enter {name}")
            yield
            log.append(f"leave {name}")

        return asynccontextmanager(generator) if decorated else generator

    app = web.Application()
    app.cleanup_ctx.extend([context("pg"), context("redis")])
    async with serving(app):
        assert log == ["enter pg", "enter redis"]
    assert log[2:] == ["leave redis", "leave pg"]


async def test_only_contexts_that_were_entered_are_left() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def pg(app: web.Application) -> AsyncIterator[None]:
        log.append("enter pg")
        yield
        log.append("leave pg")

    @asynccontextmanager
    async def redis(app: web.Application) -> AsyncIterator[None]:
        raise OSError("no redis here")
        yield

    app = web.Application()
    app.cleanup_ctx.extend([pg, redis])
    runner = web.AppRunner(app)
    with pytest.raises(OSError, match="no redis here"):
        await runner.setup()
    await runner.cleanup()
    assert log == ["enter pg", "leave pg"]


async def test_a_generator_with_two_yields_is_an_error() -> None:
    async def twice(app: web.Application) -> AsyncIterator[None]:
        yield
        yield

    app = web.Application()
    app.cleanup_ctx.append(twice)
    runner = web.AppRunner(app)
    await runner.setup()
    with pytest.raises(RuntimeError):
        await runner.cleanup()


async def test_errors_of_several_contexts_are_told_together() -> None:
    def failing(text: str) -> Any:  # Any: a context
        @asynccontextmanager
        async def context(app: web.Application) -> AsyncIterator[None]:
            yield
            raise ValueError(text)

        return context

    app = web.Application()
    app.cleanup_ctx.extend([failing("one"), failing("two")])
    runner = web.AppRunner(app)
    await runner.setup()
    with pytest.raises(web.CleanupError) as caught:
        await runner.cleanup()
    assert sorted(map(str, caught.value.exceptions)) == ["one", "two"]


async def test_a_background_task_serves_websockets_until_the_end() -> None:
    listener = web.AppKey("listener", asyncio.Task[None])
    sockets = web.AppKey("sockets", set[web.WebSocketResponse])
    news: asyncio.Queue[str] = asyncio.Queue()

    async def listen(app: web.Application) -> None:
        while True:
            text = await news.get()
            for websocket in app[sockets]:
                await websocket.send_str(text)

    @asynccontextmanager
    async def background_tasks(app: web.Application) -> AsyncIterator[None]:
        app[listener] = asyncio.create_task(listen(app))
        yield
        app[listener].cancel()
        with suppress(asyncio.CancelledError):
            await app[listener]

    async def handler(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        request.app[sockets].add(websocket)
        try:
            async for _ in websocket:
                pass
        finally:
            request.app[sockets].discard(websocket)
        return websocket

    app = web.Application()
    app[sockets] = set()
    app.cleanup_ctx.append(background_tasks)
    app.router.add_get("/", handler)
    async with asyncio.timeout(PATIENCE_S), serving(app) as served, await served.talk() as talk:
        talk.send(OPENING)
        await talk.head()
        news.put_nowait("news")
        assert await talk.reader.readexactly(6) == b"\x81\x04news"
        talk.send(b"\x88\x82\0\0\0\0\x03\xe8")
        assert await talk.reader.readexactly(4) == b"\x88\x02\x03\xe8"
    assert app[listener].cancelled()


async def test_a_process_runs_beside_the_application() -> None:
    process_key = web.AppKey("process_key", asyncio.subprocess.Process)

    @asynccontextmanager
    async def run_process(app: web.Application) -> AsyncIterator[None]:
        sleeping = (sys.executable, "-c", "import time; time.sleep(60)")
        app[process_key] = process = await asyncio.create_subprocess_exec(*sleeping)
        yield
        if process.returncode is None:
            process.terminate()
        await process.wait()

    app = web.Application()
    app.router.add_get("/", hello)
    app.cleanup_ctx.append(run_process)
    async with serving(app) as served:
        assert (await served.get("/"))[0] == 200
        assert app[process_key].returncode is None
    assert app[process_key].returncode == -signal.SIGTERM


async def test_a_runner_starts_and_stops_without_blocking() -> None:
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0)
    await site.start()
    reader, writer = await asyncio.open_connection("localhost", site.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"Hello")
    writer.close()
    await runner.cleanup()
    with pytest.raises(OSError, match=r"refused|failed"):
        await asyncio.open_connection("localhost", site.port)


async def test_a_graceful_shutdown_takes_its_steps_in_order() -> None:
    steps: list[str] = []
    begun, asked_to_end = asyncio.Event(), asyncio.Event()

    async def long_lived(request: web.Request) -> web.Response:
        begun.set()
        await asked_to_end.wait()
        steps.append("handler")
        return web.Response(text="bye")

    async def on_shutdown(app: web.Application) -> None:
        with pytest.raises(OSError, match=r"refused|failed"):
            await asyncio.open_connection("127.0.0.1", port)
        assert await idle.rest() == b""
        steps.append("on_shutdown")
        asked_to_end.set()

    async def on_cleanup(app: web.Application) -> None:
        steps.append("on_cleanup")

    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get("/long", long_lived)
    app.on_shutdown.append(on_shutdown)
    app.on_cleanup.append(on_cleanup)
    async with asyncio.timeout(PATIENCE_S), serving(app) as served:
        port = served.port
        idle, busy = await served.talk(), await served.talk()
        idle.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        await idle.response()
        await asyncio.sleep(0.15)  # a connection that was active a moment ago may have a request on its way
        busy.send(b"GET /long HTTP/1.1\r\nHost: test\r\n\r\n")
        await begun.wait()
    async with idle, busy:
        _, fields, body = await busy.response()
        assert (fields["connection"], body) == ("close", b"bye")
    assert steps == ["on_shutdown", "handler", "on_cleanup"]


async def test_handlers_that_do_not_end_are_cancelled_before_cleanup() -> None:
    steps: list[str] = []
    begun = asyncio.Event()

    async def endless(request: web.Request) -> web.Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("cancelled")
        return web.Response()

    async def on_cleanup(app: web.Application) -> None:
        steps.append("on_cleanup")

    app = web.Application()
    app.router.add_get("/", endless)
    app.on_cleanup.append(on_cleanup)
    async with asyncio.timeout(PATIENCE_S), serving(app) as served:
        served.runner.shutdown_timeout = 0.05
        async with await served.talk() as talk:
            talk.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            await begun.wait()
            await served.runner.cleanup()
            assert await talk.rest() == b""
    assert steps == ["cancelled", "on_cleanup"]


async def test_websockets_are_told_that_the_server_goes_away() -> None:
    websockets = web.AppKey("websockets", weakref.WeakSet[web.WebSocketResponse])

    async def handler(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        request.app[websockets].add(websocket)
        try:
            async for _ in websocket:
                pass
        finally:
            request.app[websockets].discard(websocket)
        return websocket

    async def on_shutdown(app: web.Application) -> None:
        alive = app[websockets]
        for websocket in set(alive):
            await websocket.close(code=WSCloseCode.GOING_AWAY, message="Server shutdown")

    app = web.Application()
    app[websockets] = weakref.WeakSet()
    app.router.add_get("/", handler)
    app.on_shutdown.append(on_shutdown)
    async with asyncio.timeout(PATIENCE_S), serving(app) as served:
        talk = await served.talk()
        talk.send(OPENING)
        await talk.head()
        stopping = asyncio.create_task(served.runner.cleanup())
        async with talk:
            assert await talk.reader.readexactly(19) == b"\x88\x11\x03\xe9Server shutdown"
            talk.send(b"\x88\x82\0\0\0\0\x03\xe9")
            assert await talk.rest() == b""
        await stopping


async def test_the_ceil_of_timeouts_is_accepted_by_the_application() -> None:
    app = web.Application(handler_args={"timeout_ceil_threshold": 1})
    app.router.add_get("/", hello)
    async with serving(app) as served:
        assert (await served.get("/"))[2] == b"Hello"
