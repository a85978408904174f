"""A small HTTP/1.1 server on 127.0.0.1, for tests and the demo, that counts what its clients do.

It accepts sockets itself, so that a connection counts from accept() on, whatever becomes of its TLS
handshake, and so that closing it ends all of them. It has no routes: a plain function answers (see
`loopback_routes` for the default one). It is not for networks: no idle timeout, no Date field, whole bodies
in memory.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
from types import TracebackType

from trunkline.testing.loopback_connection import LoopbackConnection, LoopbackCounts
from trunkline.testing.loopback_messages import Handler, LoopbackRequest, LoopbackResponse
from trunkline.testing.loopback_routes import answer

__all__ = ["Handler", "Loopback", "LoopbackCounts", "LoopbackRequest", "LoopbackResponse", "answer"]

_BACKLOG = 1024  # more than any test connects at once; the kernel cuts it to net.core.somaxconn
_ACCEPT_PAUSE_S = 0.05  # ours; how long to wait for a file descriptor when there is none left
_HANDSHAKE_TIMEOUT_S = 10.0  # ours; a handshake over loopback takes milliseconds


class Loopback:
    """Serves `handler` on a free port of 127.0.0.1 for as long as its `async with` block runs.

    ssl: a server context turns it into an https server; `throwaway_ca` makes one.
    """

    def __init__(self, handler: Handler = answer, *, ssl: tls.SSLContext | None = None) -> None:
        self.counts = LoopbackCounts()
        self._handler = handler
        self._ssl = ssl
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._connecting: dict[asyncio.Task[None], tuple[socket.socket, LoopbackConnection]] = {}
        self._connections: set[LoopbackConnection] = set()

    async def __aenter__(self) -> Loopback:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(self._listener))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def port(self) -> int:
        if self._listener is None:
            raise RuntimeError("the loopback server does not listen; use it inside its `async with` block")
        port: int = self._listener.getsockname()[1]
        return port

    def url(self, path: str = "/") -> str:
        """The URL of `path` on this server."""
        scheme = "http" if self._ssl is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def wait_all_closed(self, timeout_s: float) -> bool:
        """Wait until no connection is open; False when some still are after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._connecting or self._connections:
                    await self._next_change()
        except TimeoutError:
            return False
        return True

    async def _next_change(self) -> None:
        if self._connecting:
            await asyncio.wait(self._connecting, return_when=asyncio.FIRST_COMPLETED)
        else:
            await next(iter(self._connections)).gone.wait()

    async def close(self) -> None:
        """Stop listening, and drop every connection; when it returns, their sockets are closed."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        tasks = [task for task in (self._accepting, *self._connecting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        listener.close()
        for connection in tuple(self._connections):
            await connection.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError:  # too many open files, most likely: the client waits, rather than hangs for good
                await asyncio.sleep(_ACCEPT_PAUSE_S)
                continue
            connection = LoopbackConnection(self._handler, self.counts, self._connections)
            task = loop.create_task(self._connect(accepted, connection))
            self._connecting[task] = accepted, connection
            task.add_done_callback(self._connected)

    async def _connect(self, accepted: socket.socket, connection: LoopbackConnection) -> None:
        """Hand an accepted socket to its connection, after the TLS handshake if there is one."""
        timeout_s = None if self._ssl is None else _HANDSHAKE_TIMEOUT_S
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, accepted, ssl=self._ssl, ssl_handshake_timeout=timeout_s
            )
        except OSError:  # the client's doing, SSLError included: a test reads it from the counts
            self.counts.tls_failed += 1

    def _connected(self, task: asyncio.Task[None]) -> None:
        accepted, connection = self._connecting.pop(task)
        if not connection.was_made:
            accepted.close()
            connection.connection_lost(None)
