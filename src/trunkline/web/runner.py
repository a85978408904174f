"""Runners: what serves on one or several sites, from setup to the graceful shutdown.

A runner owns the low-level server, its sites and, if asked, the signal handlers. `cleanup` takes the steps
of a graceful shutdown one after the other, and takes the later ones even if an earlier one raises. Sites come
from `trunkline.web.sites`; here only what a runner asks of them is named.
"""

import asyncio
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from trunkline.abc import AbstractAccessLogger
from trunkline.web.access_log import AccessLogger
from trunkline.web.app import Application
from trunkline.web.graceful_exit import GracefulExit
from trunkline.web.server import Server

SHUTDOWN_TIMEOUT_S = 60.0  # web_reference.rst, run_app: shutdown_timeout=60.0

_EXIT_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# A request that has reached the kernel takes one turn of the loop to be read, and one more to get its handler.
_TURNS_TO_READ = 2


class Site(Protocol):
    """What a runner asks of the places that it serves on."""

    @property
    def name(self) -> str: ...

    @property
    def sockets(self) -> Sequence[socket.socket]: ...

    async def stop(self) -> None: ...


class BaseRunner(ABC):
    """Serves on sites; a subclass says what.

    kwargs: for the protocol that serves the connections.
    """

    __slots__ = ("_cleaning", "_handle_signals", "_kwargs", "_server", "_sites", "shutdown_timeout")

    def __init__(
        self,
        *,
        handle_signals: bool = False,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT_S,
        **kwargs: Any,  # checked by the server that they are for
    ) -> None:
        self._cleaning = asyncio.Lock()
        self._handle_signals = handle_signals
        self._kwargs = kwargs
        self._server: Server | None = None
        self._sites: list[Site] = []
        self.shutdown_timeout = shutdown_timeout

    @property
    def server(self) -> Server | None:
        """The low-level server; None before `setup` and after `cleanup`."""
        return self._server

    @property
    def addresses(self) -> list[Any]:  # str for a Unix socket, tuples of two kinds for TCP, as `getsockname` has it
        """The addresses served now, as `socket.getsockname()` tells them."""
        return [listener.getsockname() for site in self._sites for listener in site.sockets]

    @property
    def sites(self) -> set[Site]:
        """The sites started and not stopped."""
        return set(self._sites)

    async def setup(self) -> None:
        """Make the server; sites may be made and started after it."""
        if self._handle_signals:
            _catch_signals(asyncio.get_running_loop())
        self._server = await self._make_server()

    async def cleanup(self) -> None:
        """Shut down gracefully, and release what `setup` acquired.

        Whatever raises in between, the connections are closed and the signal handlers removed.
        """
        async with self._cleaning:  # a second call waits for the first, and finds nothing to do
            try:
                if self._server is not None:
                    await self._shut_down(self._server)
            finally:
                self._server = None
                if self._handle_signals:
                    _release_signals(asyncio.get_running_loop())

    @abstractmethod
    async def shutdown(self) -> None:
        """Ask what is long-lived to end, before the connections are closed."""

    @abstractmethod
    async def _make_server(self) -> Server:
        """Make the low-level server from the arguments kept."""

    @abstractmethod
    async def _cleanup_server(self) -> None:
        """Release resources, after the last connection."""

    def check_site(self, site: Site) -> None:
        """Raise RuntimeError unless `site` was added."""
        if site not in self._sites:
            raise RuntimeError(f"Site {site} is not registered in runner {self}")

    def add_site(self, site: Site) -> None:
        """Take a site that starts to listen."""
        if site in self._sites:
            raise RuntimeError(f"Site {site} is already registered in runner {self}")
        self._sites.append(site)

    def remove_site(self, site: Site) -> None:
        """Give up a site that stops to listen."""
        self.check_site(site)
        self._sites.remove(site)

    async def _shut_down(self, server: Server) -> None:
        try:
            await asyncio.gather(*(site.stop() for site in tuple(self._sites)))
            for _ in range(_TURNS_TO_READ):
                await asyncio.sleep(0)
            server.pre_shutdown()
            await self.shutdown()
        finally:
            try:
                for site in tuple(self._sites):  # those that a cancellation has kept from being stopped
                    await site.stop()
                await server.shutdown(self.shutdown_timeout)
            finally:
                await self._cleanup_server()


class AppRunner(BaseRunner):
    """Serves an `Application`."""

    __slots__ = ("_app",)

    def __init__(
        self,
        app: Application,
        *,
        handle_signals: bool = False,
        access_log_class: type[AbstractAccessLogger] = AccessLogger,
        **kwargs: Any,  # shutdown_timeout, and what the protocol takes
    ) -> None:
        if not isinstance(app, Application):
            raise TypeError(f"The first argument should be web.Application instance, got {app!r}")
        super().__init__(handle_signals=handle_signals, access_log_class=access_log_class, **kwargs)
        self._app = app

    @property
    def app(self) -> Application:
        """The application served."""
        return self._app

    async def shutdown(self) -> None:
        """Send `Application.on_shutdown`."""
        await self._app.shutdown()

    async def _make_server(self) -> Server:
        await self._app.startup()
        return self._app.make_server(**self._kwargs)

    async def _cleanup_server(self) -> None:
        await self._app.cleanup()


class ServerRunner(BaseRunner):
    """Serves a low-level `Server` of the user's."""

    __slots__ = ("_web_server",)

    def __init__(
        self,
        web_server: Server,
        *,
        handle_signals: bool = False,
        **kwargs: Any,  # shutdown_timeout; the server has its other arguments already
    ) -> None:
        super().__init__(handle_signals=handle_signals, **kwargs)
        self._web_server = web_server

    async def shutdown(self) -> None:
        """Do nothing: a plain handler has nobody to tell."""

    async def _make_server(self) -> Server:
        return self._web_server

    async def _cleanup_server(self) -> None:
        """Do nothing: there is no application."""


def _raise_graceful_exit() -> None:
    raise GracefulExit()


def _catch_signals(loop: asyncio.AbstractEventLoop) -> None:
    try:
        for number in _EXIT_SIGNALS:
            loop.add_signal_handler(number, _raise_graceful_exit)
    except NotImplementedError:  # Windows: Python's own handler raises KeyboardInterrupt
        pass


def _release_signals(loop: asyncio.AbstractEventLoop) -> None:
    try:
        for number in _EXIT_SIGNALS:
            loop.remove_signal_handler(number)
    except NotImplementedError:
        pass
