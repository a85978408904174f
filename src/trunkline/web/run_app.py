"""`run_app`: an application's whole life in one blocking call (web_advanced.rst, "Graceful shutdown").

One task starts the application, listens, and waits. What stops it cancels that task, whose cleanup is the
graceful shutdown; `asyncio.Runner` then cancels the tasks that are left, reports what they raise, and closes
the loop. All of it happens in the context of that one task, which requests inherit.
"""

import asyncio
import contextlib
import inspect
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from ssl import SSLContext
from typing import Any

from trunkline.abc import AbstractAccessLogger
from trunkline.ground.logs import access_logger
from trunkline.web.access_log import AccessLogger
from trunkline.web.app import Application
from trunkline.web.graceful_exit import GracefulExit
from trunkline.web.runner import SHUTDOWN_TIMEOUT_S, AppRunner, BaseRunner
from trunkline.web.sites import BACKLOG, BaseSite, SockSite, TCPSite, UnixSite

_KEEPALIVE_TIMEOUT_S = 75.0  # web_reference.rst, run_app: keepalive_timeout=75.0


def run_app(
    app: Application | Awaitable[Application],
    *,
    host: str | Iterable[str] | None = None,
    port: int | None = None,
    path: str | PathLike[str] | Iterable[str | PathLike[str]] | None = None,
    sock: socket.socket | Iterable[socket.socket] | None = None,
    shutdown_timeout: float = SHUTDOWN_TIMEOUT_S,
    keepalive_timeout: float = _KEEPALIVE_TIMEOUT_S,
    ssl_context: SSLContext | None = None,
    print: Callable[..., None] | None = print,
    backlog: int = BACKLOG,
    access_log_class: type[AbstractAccessLogger] = AccessLogger,
    access_log_format: str = AccessLogger.LOG_FORMAT,
    access_log: logging.Logger | None = access_logger,
    handle_signals: bool = True,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
    handler_cancellation: bool = False,
    loop: asyncio.AbstractEventLoop | None = None,
    **kwargs: Any,  # for AppRunner
) -> None:
    """Serve `app` until SIGINT, SIGTERM or GracefulExit, then shut down gracefully and close the loop.

    app: an application, or an awaitable of one, which is awaited in the loop.
    loop: where to run, closed at the end; by default a new one.
    A second signal ends the shutdown at once: GracefulExit is raised then.
    """
    _refuse_a_running_loop()
    places = _Places(host, port, path, sock, ssl_context, backlog, reuse_address, reuse_port)
    settings = {
        "shutdown_timeout": shutdown_timeout,
        "keepalive_timeout": keepalive_timeout,
        "access_log_class": access_log_class,
        "access_log_format": access_log_format,
        "access_log": access_log,
        "handle_signals": handle_signals,
        "handler_cancellation": handler_cancellation,
        **kwargs,
    }
    with asyncio.Runner(loop_factory=None if loop is None else lambda: loop) as runner:
        if access_log is access_logger and runner.get_loop().get_debug():
            _show_access_log()
        _run(runner.get_loop(), _serve(app, places, print, settings))


@dataclass(frozen=True, slots=True)
class _Places:
    """Where to listen, in run_app's words."""

    host: str | Iterable[str] | None
    port: int | None
    path: str | PathLike[str] | Iterable[str | PathLike[str]] | None
    sock: socket.socket | Iterable[socket.socket] | None
    ssl_context: SSLContext | None
    backlog: int
    reuse_address: bool | None
    reuse_port: bool | None

    def sites(self, runner: BaseRunner) -> Iterator[BaseSite]:
        for host in self._hosts():
            yield TCPSite(
                runner,
                host,
                self.port,
                ssl_context=self.ssl_context,
                backlog=self.backlog,
                reuse_address=self.reuse_address,
                reuse_port=self.reuse_port,
            )
        for path in (self.path,) if isinstance(self.path, (str, PathLike)) else self.path or ():
            yield UnixSite(runner, path, ssl_context=self.ssl_context, backlog=self.backlog)
        for sock in (self.sock,) if isinstance(self.sock, socket.socket) else self.sock or ():
            yield SockSite(runner, sock, ssl_context=self.ssl_context, backlog=self.backlog)

    def _hosts(self) -> Iterable[str | None]:
        """All interfaces, if a port is named or nothing at all; none beside a path or a socket alone."""
        if self.host is not None:
            return (self.host,) if isinstance(self.host, str) else self.host
        is_wanted = self.port is not None or (self.path is None and self.sock is None)
        return (None,) if is_wanted else ()


async def _serve(
    app: Application | Awaitable[Application],
    places: _Places,
    announce: Callable[..., None] | None,
    settings: dict[str, Any],  # of AppRunner
) -> None:
    """Serve until cancelled; the shutdown is over when this returns."""
    runner = AppRunner(await app if inspect.isawaitable(app) else app, **settings)
    try:
        await runner.setup()
        for site in places.sites(runner):
            await site.start()
        if announce is not None:
            names = ", ".join(sorted(site.name for site in runner.sites))
            announce(f"======== Running on {names} ========\n(Press CTRL+C to quit)")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _run(loop: asyncio.AbstractEventLoop, serving: Coroutine[Any, Any, None]) -> None:
    task = loop.create_task(serving)
    try:
        loop.run_until_complete(task)
    except (GracefulExit, KeyboardInterrupt):
        if not task.done():  # the exception came out of a signal handler or another task
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(task)


def _refuse_a_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "run_app() runs a loop of its own and cannot be called where one is running; use AppRunner and a site there"
    )


def _show_access_log() -> None:
    """Make the default access log visible, in debug mode (logging.rst, "Access logs")."""
    if access_logger.level == logging.NOTSET:
        access_logger.setLevel(logging.DEBUG)
    if not access_logger.hasHandlers():
        access_logger.addHandler(logging.StreamHandler())
