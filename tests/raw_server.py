"""A server on loopback that says whatever a test scripts, byte by byte, and counts what its clients do.

A handler plays one connection: it gets a `Peer` and talks. What it raises fails the test; that the client went
away does not, because most of these tests make it.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """The server's end of one connection. number: of the connection, from 0, in the order of accept()."""

    def __init__(self, server: "RawServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = server.connections
        self.reader = reader
        self.writer = writer
        self._server = server

    async def request(self) -> bytes:
        """Receive a request with its body, and count it; returns head and body."""
        head = await self.head()
        return head + await self.body(head)

    async def head(self) -> bytes:
        """Receive the head of a request, and count it."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self._server.requests.append(head.partition(b"\r\n")[0].decode())
        return head

    async def body(self, head: bytes) -> bytes:
        """Receive the body that `head` announces; the chunks of a chunked one are left as they came."""
        fields = head.lower()
        if b"\r\ntransfer-encoding: chunked" in fields:
            return await self.reader.readuntil(b"0\r\n\r\n")
        _, found, rest = fields.partition(b"\r\ncontent-length: ")
        return await self.reader.readexactly(int(rest.partition(b"\r\n")[0])) if found else b""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def wait_closed_by_client(self) -> bytes:
        """Wait until the client has closed; returns what it sent before."""
        return await self.reader.read()

    def reset(self) -> None:
        """End the connection with a TCP RST."""
        reset_at_end(self.writer)
        self.writer.transport.abort()


def reset_at_end(writer: asyncio.StreamWriter) -> None:
    """Let the end of the connection be a TCP RST, after which nobody listens any more."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Handler = Callable[[Peer], Awaitable[None]]


class RawServer:
    """Plays `handler` on each connection for as long as its `async with` block runs.

    requests: the request lines that were received. open: connections that the client has not closed yet, as far as
    their handlers have noticed.
    """

    def __init__(self, handler: Handler, *, ssl: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.connections = 0
        self.requests: list[str] = []
        self.accepted = asyncio.Event()  # at least one connection
        self._handler = handler
        self._ssl = ssl
        self._host = host
        self._playing: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self._host, 0, ssl=self._ssl, limit=2**20)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)
        if self._failures:
            raise self._failures[0]

    @property
    def open(self) -> int:
        return len(self._playing)

    def url(self, path: str = "/", host: str | None = None) -> str:
        scheme = "http" if self._ssl is None else "https"
        return f"{scheme}://{host or self._host}:{self.port}{path}"

    async def wait_all_closed(self) -> None:
        """Wait until every handler has ended, which those of `keep` and `replying` do when the client closes."""
        while self._playing:
            await asyncio.wait(set(self._playing))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(self, reader, writer)
        self.connections += 1
        self.accepted.set()
        task = asyncio.get_running_loop().create_task(self._play(peer))
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)

    async def _play(self, peer: Peer) -> None:
        try:
            await self._handler(peer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client has gone
        except Exception as error:
            self._failures.append(error)
        finally:
            peer.writer.close()


def replying(data: bytes, *, then_close: bool = False) -> Handler:
    """A handler that answers each request with `data`; it keeps the connection, or closes it after the first."""

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(data)
            if then_close:
                return

    return handler


async def silent(peer: Peer) -> None:
    """A handler that reads what comes and never says a word."""
    await peer.wait_closed_by_client()
