"""Servers for tests: an application, or one handler, on a port of this machine for as long as a test needs it.

The server runs in the loop of the test, over real sockets, through the same runner and site as in production.
A client that goes away cancels its handler, so that no handler outlives the test that asked for it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl as tls
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from yarl import URL

from trunkline.ground.sentinel import Sentinel
from trunkline.ground.types import StrOrURL
from trunkline.testing.ports import get_port_socket
from trunkline.web.app import Application
from trunkline.web.request import BaseRequest
from trunkline.web.runner import AppRunner, BaseRunner, ServerRunner
from trunkline.web.server import Server
from trunkline.web.sites import SockSite
from trunkline.web.stream_response import StreamResponse

_RUNNER_OPTIONS = {"handle_signals", "shutdown_timeout"}  # the other options are the server's

RawHandler = Callable[[BaseRequest], Awaitable[StreamResponse]]
SocketFactory = Callable[[str, int, socket.AddressFamily], socket.socket]


class BaseTestServer(ABC):
    """A server that `async with` starts and stops; `make_url` gives its addresses.

    scheme: by default "https" when `start_server` gets an `ssl` context, else "http". port: by default a free one.
    socket_factory: makes the bound socket from host, port and address family.
    skip_url_asserts: let `make_url` append anything to the server's root. loop: accepted, the running one is used.
    """

    __test__ = False  # pytest would take the class for a test, because of its name

    def __init__(
        self,
        *,
        scheme: str | Sentinel = "",
        loop: asyncio.AbstractEventLoop | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        skip_url_asserts: bool = False,
        socket_factory: SocketFactory = get_port_socket,
        **kwargs: Any,  # Any: taken from fixtures that pass on what they were given
    ) -> None:
        self.scheme = "" if isinstance(scheme, Sentinel) else scheme
        self.host = host
        self.port = port
        self.skip_url_asserts = skip_url_asserts
        self.socket_factory = socket_factory
        self._loop = loop  # for subclasses that pass it on
        self.runner: BaseRunner | None = None
        self._root: URL | None = None
        self._closed = False

    # Any: the runner checks them.
    async def start_server(self, loop: asyncio.AbstractEventLoop | None = None, **kwargs: Any) -> None:
        """Listen and serve; a server that was started stays as it is.

        ssl: a server context makes this an https server. The rest goes to the runner, and configures the server.
        """
        if self.runner is not None:
            return
        ssl: tls.SSLContext | None = kwargs.pop("ssl", None)
        self.runner = await self._make_runner(handler_cancellation=True, **kwargs)
        try:
            await self.runner.setup()
            await self._listen(self.runner, ssl)
        except BaseException:
            await self.close()
            raise

    async def _listen(self, runner: BaseRunner, ssl: tls.SSLContext | None) -> None:
        bound = self.socket_factory(self.host, self.port or 0, _family_of(self.host))
        await SockSite(runner, bound, ssl_context=ssl).start()
        self.scheme = self.scheme or ("http" if ssl is None else "https")
        self._root = URL.build(scheme=self.scheme, host=self.host, port=bound.getsockname()[1])
        self.host, self.port = bound.getsockname()[:2]

    @abstractmethod
    async def _make_runner(self, **kwargs: Any) -> BaseRunner:
        """Make the runner of what is to be served."""

    def make_url(self, path: StrOrURL) -> URL:
        """Return the URL of `path` on this server. Raises AssertionError for a URL that has a host of its own."""
        if self._root is None:
            raise AssertionError("the server does not run; await start_server(), or use `async with`")
        if self.skip_url_asserts:
            return URL(f"{self._root}{path}")
        url = URL(path)
        if url.absolute:
            raise AssertionError(f"{url} names a host; give a path on the test server, like {url.raw_path!r}")
        return self._root.join(url)

    @property
    def started(self) -> bool:
        """Whether it was ever started."""
        return self.runner is not None

    @property
    def closed(self) -> bool:
        """Whether it was started, and stopped since."""
        return self._closed

    @property
    def handler(self) -> Server:
        """The web server that makes a protocol for each connection."""
        if self.runner is None or self.runner.server is None:
            raise AssertionError("the server does not run; await start_server(), or use `async with`")
        return self.runner.server

    async def close(self) -> None:
        """Stop serving: requests that run may end, as far as the runner's shutdown_timeout lets them. Idempotent."""
        if self.runner is None or self._closed:
            return
        self._closed = True
        self._root = None
        self.port = None
        await self.runner.cleanup()

    def __enter__(self) -> None:
        raise TypeError("Use async with instead: starting a server takes time")

    def __exit__(self, *exc_info: object) -> None:  # noqa: B027 - nothing to override
        """Never called; without it, `with` would not get as far as the advice of `__enter__`."""

    async def __aenter__(self) -> Self:
        await self.start_server()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class TestServer(BaseTestServer):
    """Serves an application."""

    def __init__(
        self, app: Application, *, scheme: str = "", host: str = "127.0.0.1", port: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(scheme=scheme, host=host, port=port, **kwargs)
        self.app = app

    async def _make_runner(self, **kwargs: Any) -> BaseRunner:
        return AppRunner(self.app, **kwargs)


class RawTestServer(BaseTestServer):
    """Serves one handler: a coroutine function from a BaseRequest to a response, without application or routes."""

    def __init__(
        self, handler: RawHandler, *, scheme: str = "", host: str = "127.0.0.1", port: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(scheme=scheme, host=host, port=port, **kwargs)
        self._handler = handler

    async def _make_runner(self, **kwargs: Any) -> BaseRunner:
        for_runner = {name: kwargs.pop(name) for name in _RUNNER_OPTIONS & kwargs.keys()}
        return ServerRunner(Server(self._handler, **kwargs), **for_runner)


def _family_of(host: str) -> socket.AddressFamily:
    try:
        is_v6 = ipaddress.ip_address(host).version == 6
    except ValueError:  # a name; like the default host, it is expected to have an IPv4 address
        is_v6 = False
    return socket.AF_INET6 if is_v6 else socket.AF_INET
