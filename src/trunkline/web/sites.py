"""Sites: the places where a runner listens (TCP, Unix socket, named pipe, a socket of the user's).

`start` asks the loop for a server, so that every loop accepts in its own fastest way. `stop` closes the
listening socket, but not on those who are already in: a connection that the loop has accepted reaches its
protocol first, and the ones that wait in the kernel are taken over, so that a client is either served or
refused.
"""

import asyncio
import socket
import ssl
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from typing import Protocol

from yarl import URL

from trunkline.conn.server_h1 import ServerH1
from trunkline.ground.logs import server_logger
from trunkline.transport.offer_h2 import offer_h2
from trunkline.web.runner import SHUTDOWN_TIMEOUT_S, BaseRunner
from trunkline.web.server import Server

BACKLOG = 128  # web_reference.rst, TCPSite: backlog=128
_ALL_INTERFACES = "0.0.0.0"  # web_reference.rst, run_app: "listening on 0.0.0.0 (all hosts)"
_PORT = 8080  # web_reference.rst, TCPSite: "8080 if None"
_TLS_PORT = 8443  # web_reference.rst, run_app: "8443 for HTTP via SSL"
# After accept() asyncio starts a task that makes the transport: it has run its first step after two turns.
_TURNS_TO_ATTACH = 2
_LAST_HANDSHAKES_S = 1.0  # ours; for TLS on connections that came last, so that a silent one delays little

_Protocols = Callable[[], ServerH1]


class BaseSite(ABC):
    """One place where a runner listens."""

    __slots__ = ("_backlog", "_runner", "_server", "_ssl_context")

    def __init__(
        self,
        runner: BaseRunner,
        *,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = BACKLOG,
    ) -> None:
        if runner.server is None:
            raise RuntimeError("Call runner.setup() before making a site")
        if shutdown_timeout != SHUTDOWN_TIMEOUT_S:
            warnings.warn("shutdown_timeout should be set on BaseRunner", DeprecationWarning, stacklevel=3)
            runner.shutdown_timeout = shutdown_timeout
        self._runner = runner
        self._ssl_context = ssl_context
        self._backlog = backlog
        self._server: asyncio.Server | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """The URL of the site; for a Unix socket, one with its path."""

    @property
    def sockets(self) -> Sequence[socket.socket]:
        """The listening sockets; none before `start` and after `stop`."""
        return () if self._server is None else self._server.sockets

    @abstractmethod
    async def start(self) -> None:
        """Start to listen."""
        self._runner.add_site(self)
        if self._ssl_context is not None and self._answering.http2:
            offer_h2(self._ssl_context)

    async def stop(self) -> None:
        """Stop to listen; connections made before are left to the runner."""
        self._runner.remove_site(self)
        if self._server is not None:
            waiting = await _close(self._server, self._backlog)
            if waiting:
                await _attach(waiting, self._protocols, self._ssl_context)

    @property
    def _answering(self) -> Server:
        """Who answers, whom the runner has from `setup` to `cleanup`."""
        server = self._runner.server
        if server is None:
            raise RuntimeError(f"the runner of {self.name} was cleaned up; call its setup() again before start()")
        return server

    @property
    def _protocols(self) -> _Protocols:
        """The factory of protocols."""
        return self._answering if self._ssl_context is None else self._answering.over_tls

    @property
    def _scheme(self) -> str:
        return "http" if self._ssl_context is None else "https"


class TCPSite(BaseSite):
    """Listens on a host (all interfaces if None) and a port (0: one that the system picks)."""

    __slots__ = ("_host", "_port", "_reuse_address", "_reuse_port")

    def __init__(
        self,
        runner: BaseRunner,
        host: str | None = None,
        port: int | None = None,
        *,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = BACKLOG,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
    ) -> None:
        super().__init__(runner, shutdown_timeout=shutdown_timeout, ssl_context=ssl_context, backlog=backlog)
        self._host = host
        # int: programs hand on what they got from a command line, as deployment.rst does.
        self._port = (_PORT if ssl_context is None else _TLS_PORT) if port is None else int(port)
        self._reuse_address = reuse_address
        self._reuse_port = reuse_port

    @property
    def port(self) -> int:
        """The port that was asked for and, once the site is started, the actual one."""
        return self._port

    @property
    def name(self) -> str:
        return str(URL.build(scheme=self._scheme, host=self._host or _ALL_INTERFACES, port=self._port))

    async def start(self) -> None:
        await super().start()
        server = await asyncio.get_running_loop().create_server(
            self._protocols,
            self._host,
            self._port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            reuse_address=self._reuse_address,
            reuse_port=self._reuse_port,
            start_serving=False,
        )
        self._server = await _serving(server)
        if self._port == 0:
            self._port = self._server.sockets[0].getsockname()[1]


class UnixSite(BaseSite):
    """Listens on a Unix socket."""

    __slots__ = ("_path",)

    def __init__(
        self,
        runner: BaseRunner,
        path: str | PathLike[str],
        *,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = BACKLOG,
    ) -> None:
        super().__init__(runner, shutdown_timeout=shutdown_timeout, ssl_context=ssl_context, backlog=backlog)
        self._path = path

    @property
    def name(self) -> str:
        return f"{self._scheme}://unix:{self._path}:"

    async def start(self) -> None:
        await super().start()
        server = await asyncio.get_running_loop().create_unix_server(
            self._protocols, self._path, ssl=self._ssl_context, backlog=self._backlog, start_serving=False
        )
        self._server = await _serving(server)


class SockSite(BaseSite):
    """Listens on a socket of the user's, which is closed with the site."""

    __slots__ = ("_name", "_sock")

    def __init__(
        self,
        runner: BaseRunner,
        sock: socket.socket,
        *,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = BACKLOG,
    ) -> None:
        super().__init__(runner, shutdown_timeout=shutdown_timeout, ssl_context=ssl_context, backlog=backlog)
        self._sock = sock
        self._name = _name_of(sock, self._scheme)

    @property
    def name(self) -> str:
        return self._name

    async def start(self) -> None:
        await super().start()
        server = await asyncio.get_running_loop().create_server(
            self._protocols, sock=self._sock, ssl=self._ssl_context, backlog=self._backlog, start_serving=False
        )
        self._server = await _serving(server)


class _PipeServer(Protocol):
    def close(self) -> None: ...


class _PipeLoop(Protocol):
    """The part of Windows' ProactorEventLoop that typeshed hides from other systems."""

    async def start_serving_pipe(self, protocol_factory: _Protocols, address: str) -> list[_PipeServer]: ...


class NamedPipeSite(BaseSite):
    """Listens on a named pipe of Windows, under the ProactorEventLoop."""

    __slots__ = ("_loop", "_path", "_pipes")

    def __init__(self, runner: BaseRunner, path: str, *, shutdown_timeout: float = SHUTDOWN_TIMEOUT_S) -> None:
        loop = asyncio.get_running_loop()
        if not hasattr(loop, "start_serving_pipe"):
            raise RuntimeError(f"named pipes need Windows and its ProactorEventLoop; this loop is {loop!r}")
        super().__init__(runner, shutdown_timeout=shutdown_timeout)
        self._loop: _PipeLoop = loop
        self._path = path
        self._pipes: list[_PipeServer] = []

    @property
    def name(self) -> str:
        return self._path

    async def start(self) -> None:
        await super().start()
        self._pipes = await self._loop.start_serving_pipe(self._protocols, self._path)

    async def stop(self) -> None:
        await super().stop()
        for pipe in self._pipes:
            pipe.close()


def _name_of(sock: socket.socket, scheme: str) -> str:
    address = sock.getsockname()
    if sock.family == getattr(socket, "AF_UNIX", None):
        return f"{scheme}://unix:{address}:"
    return str(URL.build(scheme=scheme, host=address[0], port=address[1]))


async def _serving(server: asyncio.Server) -> asyncio.Server:
    """Let `server` listen, and return it; closed if that is cancelled, when nobody else has it yet."""
    try:
        await server.start_serving()
    except BaseException:
        server.close()
        raise
    return server


async def _close(server: asyncio.Server, backlog: int) -> list[socket.socket]:
    """Stop to listen; return the connections that the kernel has made and the loop has not seen."""
    loop = asyncio.get_running_loop()
    waiting: list[socket.socket] = []
    try:
        if isinstance(loop, asyncio.SelectorEventLoop):
            # It drops a connection that it has accepted if the server closes before the transport is made.
            for listener in server.sockets:
                loop.remove_reader(listener)
            for _ in range(_TURNS_TO_ATTACH):
                await asyncio.sleep(0)
        for listener in server.sockets:
            waiting.extend(_accepted(listener, backlog))
    finally:
        server.close()
    return waiting


def _accepted(listener: socket.socket, backlog: int) -> Iterator[socket.socket]:
    """Accept what waits, until there is none left, or no file descriptor for one."""
    try:
        own = listener.dup()  # asyncio's sockets do not accept for others
    except OSError:
        return
    with own:
        for _ in range(backlog + 1):  # Linux queues one more than it is told
            try:
                own.setblocking(False)
                connection, _ = own.accept()
            except ConnectionError:  # the client has gone
                continue
            except OSError:
                return
            yield connection


async def _attach(waiting: list[socket.socket], protocols: _Protocols, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(loop.connect_accepted_socket(protocols, sock, ssl=context)) for sock in waiting]
    _, late = await asyncio.wait(tasks, timeout=_LAST_HANDSHAKES_S)
    for task in late:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            server_logger.debug("a connection that came while the site was stopped has failed: %r", result)
