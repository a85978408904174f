"""`run_app` in this process: it is told to stop by what it calls when it serves, its `print`."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
import uvloop

from trunkline.web.app import Application
from trunkline.web.graceful_exit import GracefulExit
from trunkline.web.run_app import run_app

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="default")
BANNER = re.compile(r"======== Running on (.*) ========\n\(Press CTRL\+C to quit\)")


def _stop(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def _urls(app: Any = None, **arguments: Any) -> list[str]:  # Any: run_app's own arguments
    """Serve until the banner, and return the URLs in it."""
    printed: list[str] = []

    def take(text: str) -> None:
        printed.append(text)
        _stop()

    run_app(Application() if app is None else app, print=take, **arguments)
    [banner] = printed
    match = BANNER.fullmatch(banner)
    assert match is not None
    return match[1].split(", ") if match[1] else []


def _bound() -> socket.socket:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def _without_ports(urls: list[str]) -> list[str]:
    return [re.sub(r":\d+$", "", url) for url in urls]


def test_one_host() -> None:
    assert _without_ports(_urls(host="127.0.0.1", port=0)) == ["http://127.0.0.1"]


def test_a_port_alone_is_served_on_all_interfaces() -> None:
    assert _without_ports(_urls(port=0)) == ["http://0.0.0.0"]


def test_several_hosts() -> None:
    assert _without_ports(_urls(host=["127.0.0.1", "::1"], port=0)) == ["http://127.0.0.1", "http://[::1]"]


def test_paths_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    assert _urls(path=str(first)) == [f"http://unix:{first}:"]
    assert _urls(path=second) == [f"http://unix:{second}:"]
    assert _urls(path=[tmp_path / "c", str(tmp_path / "d")]) == [f"http://unix:{tmp_path}/{name}:" for name in "cd"]


def test_a_path_and_a_port(tmp_path: Path) -> None:
    urls = _urls(path=tmp_path / "a", port=0)
    assert _without_ports(urls) == ["http://0.0.0.0", f"http://unix:{tmp_path}/a:"]


def test_everything_at_once(tmp_path: Path) -> None:
    first, second = _bound(), _bound()
    names = sorted(f"http://127.0.0.1:{bound.getsockname()[1]}" for bound in (first, second))
    urls = _urls(host="::1", port=0, path=tmp_path / "a", sock=[first, second])
    assert urls[:2] == names
    assert _without_ports(urls[2:]) == ["http://[::1]", f"http://unix:{tmp_path}/a:"]
    assert first.fileno() == second.fileno() == -1


def test_a_socket_alone() -> None:
    bound = _bound()
    name = f"http://127.0.0.1:{bound.getsockname()[1]}"
    assert _urls(sock=bound) == [name]


def test_no_host_at_all_is_taken_at_its_word() -> None:
    assert _urls(host=[]) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    events: list[str] = []
    app = Application()

    async def note_shutdown(app: Application) -> None:
        events.append("shutdown")

    async def note_cleanup(app: Application) -> None:
        events.append("cleanup")

    app.on_shutdown.append(note_shutdown)
    app.on_cleanup.append(note_cleanup)
    run_app(app, host="127.0.0.1", port=0, print=lambda text: _stop(number))
    assert events == ["shutdown", "cleanup"]


def test_an_interrupt_ends_it_without_signal_handlers_too() -> None:
    run_app(Application(), host="127.0.0.1", port=0, handle_signals=False, print=lambda text: _stop(signal.SIGINT))


def test_a_second_signal_ends_the_shutdown() -> None:
    async def stop_again(app: Application) -> None:
        _stop()
        await asyncio.Event().wait()

    cleaned: list[bool] = []

    async def clean(app: Application) -> None:
        cleaned.append(True)

    app = Application()
    app.on_shutdown.append(stop_again)
    app.on_cleanup.append(clean)
    with pytest.raises(GracefulExit):
        _urls(app, host="127.0.0.1", port=0)
    assert cleaned == [True]


def test_graceful_exit_of_any_task_ends_it() -> None:
    async def leave() -> None:
        raise GracefulExit()

    async def start(app: Application) -> None:
        tasks.append(asyncio.create_task(leave()))

    tasks: list[asyncio.Task[None]] = []
    app = Application()
    app.on_startup.append(start)
    run_app(app, host="127.0.0.1", port=0, print=None)
    assert isinstance(tasks[0].exception(), GracefulExit)


def test_graceful_exit_on_startup_ends_it() -> None:
    async def start(app: Application) -> None:
        raise GracefulExit()

    app = Application()
    app.on_startup.append(start)
    run_app(app, host="127.0.0.1", port=0, print=None)


def test_an_awaitable_of_an_application_is_awaited_in_the_loop() -> None:
    async def make() -> Application:
        await asyncio.sleep(0)
        return Application()

    assert len(_urls(make(), host="127.0.0.1", port=0)) == 1


async def _fail(app: Application) -> None:
    raise ValueError("as it must")


async def _fail_to_make() -> Application:
    raise ValueError("as it must")


def _failing_at(signal_name: str) -> Application:
    app = Application()
    getattr(app, signal_name).append(_fail)
    return app


@pytest.mark.parametrize(
    "make",
    [_fail_to_make, *(lambda name=name: _failing_at(name) for name in ("on_startup", "on_shutdown", "on_cleanup"))],
)
def test_an_error_comes_out_and_the_loop_is_closed(make: Callable[[], Any]) -> None:
    loop = asyncio.new_event_loop()
    with pytest.raises(ValueError, match="as it must"):
        _urls(make(), host="127.0.0.1", port=0, loop=loop)
    assert loop.is_closed()


def test_a_port_in_use_is_an_error_after_which_all_is_cleaned_up(tmp_path: Path) -> None:
    cleaned: list[bool] = []

    async def clean(app: Application) -> None:
        cleaned.append(True)

    app = Application()
    app.on_cleanup.append(clean)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, pytest.raises(OSError, match="already in use"):
        _urls(app, host="127.0.0.1", port=taken.getsockname()[1])
    assert cleaned == [True]


@pytest.mark.parametrize("wrong", [1, None, lambda: Application()])
def test_what_is_no_application_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"The first argument should be web\.Application instance, got"):
        run_app(wrong, print=None)  # type: ignore[arg-type]  # that is the test


async def test_a_running_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="use AppRunner and a site there"):
        run_app(Application())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_given_is_used_and_closed(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    seen: list[asyncio.AbstractEventLoop] = []

    async def start(app: Application) -> None:
        seen.append(asyncio.get_running_loop())

    app = Application()
    app.on_startup.append(start)
    loop = new_loop()
    _urls(app, host="127.0.0.1", port=0, loop=loop)
    assert seen == [loop]
    assert loop.is_closed()


def test_tasks_that_are_left_are_cancelled_and_their_errors_reported() -> None:
    cancelled: list[str] = []
    reported: list[BaseException] = []

    async def linger(name: str, error: type[BaseException]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(name)
            raise error(name)

    async def start(app: Application) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: reported.append(context["exception"]))
        tasks.extend([loop.create_task(linger("fails", ValueError)), loop.create_task(linger("ends", KeyError))])

    tasks: list[asyncio.Task[None]] = []
    app = Application()
    app.on_startup.append(start)
    _urls(app, host="127.0.0.1", port=0)
    assert sorted(cancelled) == ["ends", "fails"]
    assert sorted(map(repr, reported)) == ["KeyError('ends')", "ValueError('fails')"]


def test_async_generators_that_are_left_are_closed() -> None:
    closed: list[bool] = []

    async def generate() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    async def start(app: Application) -> None:
        await anext(generators[0])

    generators = [generate()]
    app = Application()
    app.on_startup.append(start)
    _urls(app, host="127.0.0.1", port=0)
    assert closed == [True]


def test_everything_runs_in_one_context_and_leaves_the_outer_one_alone() -> None:
    """The example of web_advanced.rst, "ContextVars support"."""
    seen: list[str] = []

    async def start(app: Application) -> None:
        seen.append(VARIABLE.get())
        VARIABLE.set("on_startup")

    async def clean(app: Application) -> None:
        seen.append(VARIABLE.get())

    async def make() -> Application:
        seen.append(VARIABLE.get())
        VARIABLE.set("init")
        app = Application()
        app.on_startup.append(start)
        app.on_cleanup.append(clean)
        return app

    _urls(make(), host="127.0.0.1", port=0)
    assert seen == ["default", "init", "on_startup"]
    assert VARIABLE.get() == "default"


@pytest.fixture
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The default access log as a program finds it that has configured nothing; pytest has configured ours."""
    log = logging.Logger("fresh", logging.NOTSET)  # noqa: LOG001 - one of the tree would get pytest's handlers
    monkeypatch.setattr(sys.modules[run_app.__module__], "access_logger", log)
    return log


def _debugging_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    return loop


def test_in_debug_mode_the_access_log_is_shown(fresh_log: logging.Logger) -> None:
    _urls(host="127.0.0.1", port=0, loop=_debugging_loop(), access_log=fresh_log)
    [handler] = fresh_log.handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    assert fresh_log.level == logging.DEBUG


def test_in_debug_mode_an_access_log_that_was_configured_stays_as_it_is(fresh_log: logging.Logger) -> None:
    handler = logging.NullHandler()
    fresh_log.addHandler(handler)
    fresh_log.setLevel(logging.WARNING)
    _urls(host="127.0.0.1", port=0, loop=_debugging_loop(), access_log=fresh_log)
    assert fresh_log.handlers == [handler]
    assert fresh_log.level == logging.WARNING


@pytest.mark.parametrize("log", [None, logging.getLogger("of.the.user")])
def test_in_debug_mode_another_access_log_or_none_is_left_alone(
    fresh_log: logging.Logger, log: logging.Logger | None
) -> None:
    _urls(host="127.0.0.1", port=0, loop=_debugging_loop(), access_log=log)
    assert fresh_log.handlers == []
    assert fresh_log.level == logging.NOTSET
    assert log is None or log.handlers == []


def test_without_debug_mode_the_access_log_is_left_alone(fresh_log: logging.Logger) -> None:
    loop = asyncio.new_event_loop()
    loop.set_debug(False)
    _urls(host="127.0.0.1", port=0, loop=loop, access_log=fresh_log)
    assert fresh_log.handlers == []
