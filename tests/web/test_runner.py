"""Runners: the order of a shutdown, what it releases when something raises, and which context it all runs in."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from contextvars import ContextVar

import pytest
import uvloop

from trunkline.web.app import Application
from trunkline.web.graceful_exit import GracefulExit
from trunkline.web.request import BaseRequest, Request
from trunkline.web.response import Response
from trunkline.web.runner import AppRunner, BaseRunner, ServerRunner
from trunkline.web.server import Server
from trunkline.web.sites import TCPSite

PATIENCE_S = 10.0
LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
KEPT_ALIVE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="default")


class Recorded:
    """An application that notes what happens to it; its handler waits until it is let go."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.arrived = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.is_shutting_down = asyncio.Event()
        self.app = Application()
        self.app.router.add_get("/", self._answer)
        self.app.on_startup.append(self._noting("startup"))
        self.app.on_shutdown.append(self._noting("shutdown"))
        self.app.on_cleanup.append(self._noting("cleanup"))

    async def _answer(self, request: Request) -> Response:
        self.arrived.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.events.append("cancelled")
            raise
        self.events.append("answered")
        return Response(text="hello")

    def _noting(self, event: str) -> Callable[[Application], Awaitable[None]]:
        async def note(app: Application) -> None:
            self.events.append(event)
            if event == "shutdown":
                self.is_shutting_down.set()

        return note


@asynccontextmanager
async def _connected(runner: BaseRunner) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if not runner.sites:
        await TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    async with asyncio.timeout(PATIENCE_S):
        with closing(writer):
            yield reader, writer
        await writer.wait_closed()


async def _answer_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one response with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head, await reader.readexactly(int(length))


async def test_a_shutdown_lets_the_request_end_between_the_signals() -> None:
    recorded = Recorded()
    runner = AppRunner(recorded.app)
    await runner.setup()
    async with _connected(runner) as (reader, writer):
        writer.write(KEPT_ALIVE)
        await recorded.arrived.wait()
        cleaning = asyncio.create_task(runner.cleanup())
        await recorded.is_shutting_down.wait()
        assert runner.addresses == []
        recorded.may_answer.set()
        head, body = await _answer_of(reader)
        assert b"\r\nconnection: close\r\n" in head.lower()
        assert body == b"hello"
        assert await reader.read() == b""
        await cleaning
    assert recorded.events == ["startup", "shutdown", "answered", "cleanup"]
    assert runner.server is None


async def test_a_handler_that_takes_longer_than_the_timeout_is_cancelled_before_cleanup() -> None:
    recorded = Recorded()
    runner = AppRunner(recorded.app, shutdown_timeout=0.01)
    await runner.setup()
    async with _connected(runner) as (reader, writer):
        writer.write(KEPT_ALIVE)
        await recorded.arrived.wait()
        await runner.cleanup()
        assert await reader.read() == b""
    assert recorded.events == ["startup", "shutdown", "cancelled", "cleanup"]


async def test_an_idle_connection_is_closed() -> None:
    recorded = Recorded()
    recorded.may_answer.set()
    runner = AppRunner(recorded.app)
    await runner.setup()
    async with _connected(runner) as (reader, writer):
        writer.write(KEPT_ALIVE)
        assert (await _answer_of(reader))[1] == b"hello"
        await runner.cleanup()
        assert await reader.read() == b""


async def test_an_error_on_shutdown_stops_neither_the_closing_nor_the_cleanup() -> None:
    async def fail(app: Application) -> None:
        raise ValueError("on shutdown")

    recorded = Recorded()
    recorded.app.on_shutdown.append(fail)
    runner = AppRunner(recorded.app, shutdown_timeout=0.01)
    await runner.setup()
    async with _connected(runner) as (reader, writer):
        writer.write(KEPT_ALIVE)
        await recorded.arrived.wait()
        with pytest.raises(ValueError, match="on shutdown"):
            await runner.cleanup()
        assert await reader.read() == b""
    assert recorded.events == ["startup", "shutdown", "cancelled", "cleanup"]
    assert (runner.server, runner.addresses) == (None, [])


async def test_a_cleanup_without_setup_or_after_another_does_nothing() -> None:
    recorded = Recorded()
    runner = AppRunner(recorded.app)
    await runner.cleanup()
    await runner.setup()
    await runner.cleanup()
    await runner.cleanup()
    assert recorded.events == ["startup", "shutdown", "cleanup"]


async def test_a_cleanup_waits_for_another_that_is_under_way() -> None:
    app = Application()
    ended: list[str] = []

    async def cleaned_up(app: Application) -> None:
        await asyncio.sleep(0)
        ended.append("cleanup")

    app.on_cleanup.append(cleaned_up)
    runner = AppRunner(app)
    await runner.setup()
    await TCPSite(runner, "127.0.0.1", 0).start()

    async def clean_up() -> None:
        await runner.cleanup()
        ended.append("call")

    await asyncio.gather(clean_up(), clean_up())
    assert ended == ["cleanup", "call", "call"]


async def test_a_runner_can_be_set_up_again() -> None:
    recorded = Recorded()
    recorded.may_answer.set()
    runner = AppRunner(recorded.app)
    for _ in range(2):
        await runner.setup()
        async with _connected(runner) as (reader, writer):
            writer.write(KEPT_ALIVE)
            assert (await _answer_of(reader))[1] == b"hello"
            await runner.cleanup()


async def test_an_error_on_startup_leaves_nothing_to_clean_up() -> None:
    async def fail(app: Application) -> None:
        raise ValueError("on startup")

    recorded = Recorded()
    recorded.app.on_startup.append(fail)
    runner = AppRunner(recorded.app)
    with pytest.raises(ValueError, match="on startup"):
        await runner.setup()
    assert runner.server is None
    await runner.cleanup()
    assert recorded.events == ["startup"]


def test_only_an_application_is_served() -> None:
    with pytest.raises(TypeError, match=r"The first argument should be web\.Application instance, got 1"):
        AppRunner(1)  # type: ignore[arg-type]  # that is the test


async def test_a_plain_server_is_served() -> None:
    async def answer(request: BaseRequest) -> Response:
        return Response(text="plain")

    runner = ServerRunner(Server(answer))
    await runner.setup()
    async with _connected(runner) as (reader, writer):
        writer.write(KEPT_ALIVE)
        assert (await _answer_of(reader))[1] == b"plain"
        await runner.cleanup()
        assert await reader.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_raises_graceful_exit_from_setup_to_cleanup(number: signal.Signals) -> None:
    cleaned: list[bool] = []

    async def serve() -> None:
        runner = AppRunner(Application(), handle_signals=True)
        await runner.setup()
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(PATIENCE_S)
        finally:
            await runner.cleanup()
            cleaned.append(not asyncio.get_running_loop().remove_signal_handler(number))

    before = signal.getsignal(number)
    with pytest.raises(GracefulExit):
        asyncio.run(serve())
    assert cleaned == [True]
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_requests_get_a_copy_of_the_context_of_the_start(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    seen: list[tuple[str, str]] = []

    async def note(app: Application) -> None:
        seen.append(("signal", VARIABLE.get()))

    async def answer(request: Request) -> Response:
        seen.append(("request", VARIABLE.get()))
        VARIABLE.set("set by a handler")
        return Response(text="hello")

    async def start(app: Application) -> None:
        VARIABLE.set("set by on_startup")

    async def serve() -> None:
        app = Application()
        app.router.add_get("/", answer)
        app.on_startup.append(start)
        app.on_cleanup.append(note)
        runner = AppRunner(app)
        await runner.setup()
        async with _connected(runner) as (reader, writer):
            for _ in range(2):
                writer.write(KEPT_ALIVE)
                await _answer_of(reader)
            await runner.cleanup()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve())
    assert seen == [("request", "set by on_startup")] * 2 + [("signal", "set by on_startup")]


@LOOPS
def test_a_start_that_is_cancelled_leaves_no_listening_socket(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def start_and_cancel() -> None:
        runner = AppRunner(Application())
        await runner.setup()
        sockets = os.listdir("/proc/self/fd")
        for steps in range(4):
            task = asyncio.create_task(TCPSite(runner, "127.0.0.1", 0).start())
            for _ in range(steps):
                await asyncio.sleep(0)
            if task.cancel():
                with suppress(asyncio.CancelledError):
                    await task
                for _ in range(5):
                    await asyncio.sleep(0)  # the loop closes sockets in its next turns
                if task.cancelled():
                    assert len(os.listdir("/proc/self/fd")) <= len(sockets)
        await runner.cleanup()

    with asyncio.Runner(loop_factory=loop_factory) as run:
        run.run(start_and_cancel())


@LOOPS
def test_a_cleanup_that_is_cancelled_stops_all_sites(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def clean_and_cancel() -> None:
        runner = AppRunner(Application())
        await runner.setup()
        await TCPSite(runner, "127.0.0.1", 0).start()
        task = asyncio.create_task(runner.cleanup())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await runner.cleanup()
        assert runner.sites == set()
        assert runner.addresses == []

    with asyncio.Runner(loop_factory=loop_factory) as run:
        run.run(clean_and_cancel())
