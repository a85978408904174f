"""Workers for gunicorn: `gunicorn module:app --worker-class trunkline.GunicornWebWorker`.

gunicorn's master forks a worker, which gets the listening sockets and the application, answers signals, and
calls `notify` so often that the master believes in it (https://gunicorn.org/design/). Here a worker runs an
`AppRunner` with one `SockSite` for each of those sockets. SIGTERM shuts down gracefully, SIGINT and SIGQUIT
cancel the handlers that run, SIGABRT ends the process. What `run` raises is logged by gunicorn.
"""

import asyncio
import contextlib
import inspect
import os
import re
import signal

from gunicorn import config, sock  # type: ignore[import-untyped]  # gunicorn has no types
from gunicorn.workers import base  # type: ignore[import-untyped]  # gunicorn has no types

from trunkline.web.access_log import AccessLogger
from trunkline.web.app import Application
from trunkline.web.runner import AppRunner
from trunkline.web.server import Server
from trunkline.web.sites import SockSite

_HEARTBEAT_S = 1.0  # gunicorn's timeouts are whole seconds; its own workers wake up once a second
# Ours: the runner may wait twice, for handlers and then for those it has cancelled; the rest is for on_cleanup. The
# master kills a worker that takes longer (https://gunicorn.org/reference/settings/#graceful_timeout).
_SHARE_OF_GRACE = 0.45
_GUNICORN_ATOM = re.compile(r"%\([^)]+\)[a-zA-Z]?")


class GunicornWebWorker(base.Worker):  # type: ignore[misc]  # gunicorn has no types
    """Serves an application, or the one that a coroutine function returns, on asyncio's own loop."""

    DEFAULT_AIOHTTP_LOG_FORMAT = AccessLogger.LOG_FORMAT
    DEFAULT_GUNICORN_LOG_FORMAT = config.AccessLogFormat.default

    alive: bool
    loop: asyncio.AbstractEventLoop
    _stopping: asyncio.Event
    _is_hurried = False

    def init_process(self) -> None:
        """Make the loop, which a forked process must not inherit, load the application, and run."""
        self.loop = self._new_loop()
        asyncio.set_event_loop(self.loop)  # for applications that ask for it when they are imported
        self._stopping = asyncio.Event()
        super().init_process()

    def run(self) -> None:
        """Serve until a signal, the end of the master, or `max_requests`."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._serve())

    def init_signals(self) -> None:
        """Answer signals in the loop, where they interrupt no handler half-way."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        answers = {
            signal.SIGQUIT: self.handle_quit,
            signal.SIGINT: self.handle_quit,
            signal.SIGTERM: self.handle_exit,
            signal.SIGWINCH: self.handle_winch,
            signal.SIGUSR1: self.handle_usr1,
        }
        for number, answer in answers.items():
            self.loop.add_signal_handler(number, answer, number, None)
        # The master sends it when the loop is stuck: this one must interrupt.
        signal.signal(signal.SIGABRT, self.handle_abort)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Shut down gracefully."""
        super().handle_exit(sig, frame)
        self._stopping.set()

    def handle_quit(self, sig: int, frame: object) -> None:
        """Shut down without waiting for requests; a graceful shutdown that is under way ends at once."""
        self.cfg.worker_int(self)
        if not self.alive and not self._is_hurried:
            raise SystemExit(0)
        self.alive = False
        self._is_hurried = True
        self._stopping.set()

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    async def _serve(self) -> None:
        self._beat()
        runner = await self._make_runner()
        try:
            await runner.setup()
            context = sock.ssl_context(self.cfg) if self.cfg.is_ssl else None
            for listener in self.sockets:
                await SockSite(runner, listener.sock, ssl_context=context, backlog=self.cfg.backlog).start()
            assert runner.server is not None  # since setup()
            await self._until_stopped(runner.server)
        finally:
            if self._is_hurried:
                runner.shutdown_timeout = 0.0
            await runner.cleanup()

    async def _make_runner(self) -> AppRunner:
        app = await self.wsgi() if inspect.iscoroutinefunction(self.wsgi) else self.wsgi
        if isinstance(app, AppRunner):
            return app
        if not isinstance(app, Application):
            raise RuntimeError(
                f"wsgi app should be either Application or async function returning Application, got {self.wsgi!r}"
            )
        return AppRunner(
            app,
            access_log=self.log.access_log if self.cfg.accesslog else None,
            access_log_format=self._access_log_format(),
            keepalive_timeout=self.cfg.keepalive,
            shutdown_timeout=self.cfg.graceful_timeout * _SHARE_OF_GRACE,
        )

    def _access_log_format(self) -> str:
        """gunicorn's own default means ours; anything else has to be in our format (logging.rst)."""
        given: str = self.cfg.access_log_format
        if given == self.DEFAULT_GUNICORN_LOG_FORMAT:
            return self.DEFAULT_AIOHTTP_LOG_FORMAT
        if atom := _GUNICORN_ATOM.search(given):
            raise ValueError(
                f"access_log_format has {atom[0]!r}, an atom of gunicorn's; this worker wants aiohttp's, such as "
                f"{self.DEFAULT_AIOHTTP_LOG_FORMAT!r}"
            )
        return given

    def _beat(self) -> None:
        """Tell the master that the loop turns, now and until it is closed."""
        self.notify()
        self.loop.call_later(_HEARTBEAT_S, self._beat)

    async def _until_stopped(self, server: Server) -> None:
        while self.alive:
            if self.ppid != os.getppid():
                self.log.info("Parent changed, shutting down: %s", self)
                return
            if server.requests_count >= self.max_requests:
                self.log.info("Autorestarting worker after %s requests: %s", server.requests_count, self)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT_S):
                    await self._stopping.wait()


class GunicornUVLoopWebWorker(GunicornWebWorker):
    """The same on uvloop."""

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        import uvloop

        return uvloop.new_event_loop()
