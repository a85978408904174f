"""An HTTP/2 server on loopback by the h2 library: a test scripts its answers, and asks it what the client did.

A handler answers one request: it gets a `ServerStream` as soon as the head has come. What it raises fails the test.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

Fields = list[tuple[str, str]]

_SETTINGS = {SettingCodes.MAX_CONCURRENT_STREAMS: 100}


class ServerStream:
    """One request. reads: give the client's window back at once. was_reset: done with the code of RST_STREAM."""

    def __init__(self, peer: "H2Peer", number: int, fields: Fields) -> None:
        loop = asyncio.get_running_loop()
        self.peer = peer
        self.number = number
        self.fields = fields
        self.body = bytearray()
        self.reads = True
        self.unread = 0
        self.ended = asyncio.Event()
        self.arrived = asyncio.Event()  # bytes, since it was last cleared
        self.was_reset: asyncio.Future[int] = loop.create_future()

    @property
    def method(self) -> str:
        return dict(self.fields)[":method"]

    @property
    def path(self) -> str:
        return dict(self.fields)[":path"]

    def field(self, name: str) -> str | None:
        return dict(self.fields).get(name)

    async def whole(self) -> bytes:
        """Wait for the body."""
        await self.ended.wait()
        return bytes(self.body)

    def head(self, status: int = 200, fields: Fields | None = None, *, ends: bool = False) -> None:
        self.peer.h2.send_headers(self.number, [(":status", str(status)), *(fields or [])], end_stream=ends)
        self.peer.flush()

    def answer(self, body: bytes = b"ok", status: int = 200, fields: Fields | None = None) -> None:
        """Answer with a small body, in one write."""
        self.peer.h2.send_headers(self.number, [(":status", str(status)), *(fields or [])])
        self.peer.h2.send_data(self.number, body, end_stream=True)
        self.peer.flush()

    def say(self, data: bytes, *, ends: bool = False) -> None:
        """Send bytes that fit into the client's window."""
        self.peer.h2.send_data(self.number, data, end_stream=ends)
        self.peer.flush()

    async def send(self, data: bytes, *, ends: bool = False) -> None:
        """Send a body as far as the client's windows allow, and wait for more."""
        h2 = self.peer.h2
        at = 0
        while at < len(data):
            size = min(h2.local_flow_control_window(self.number), h2.max_outbound_frame_size, len(data) - at)
            if size <= 0:
                await self.peer.wait_for_window()
                continue
            h2.send_data(self.number, data[at : at + size])
            at += size
            self.peer.flush()
            await self.peer.drain()
        if ends:
            self.say(b"", ends=True)

    def trailers(self, fields: Fields) -> None:
        self.peer.h2.send_headers(self.number, fields, end_stream=True)
        self.peer.flush()

    def reset(self, code: ErrorCodes) -> None:
        self.peer.h2.reset_stream(self.number, code)
        self.peer.flush()

    def read(self) -> None:
        """Give back what was not read, and read from now on."""
        self.reads = True
        if self.unread:
            self.peer.h2.acknowledge_received_data(self.unread, self.number)
            self.unread = 0
            self.peer.flush()


class H2Peer(asyncio.Protocol):
    """The server's end of one connection. streams: by number. gone_away: done when the client says GOAWAY."""

    def __init__(self, server: "H2Server") -> None:
        self.server = server
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.streams: dict[int, ServerStream] = {}
        self.is_lost = False
        self.gone = asyncio.Event()
        self.pings = 0
        self.most_open = 0
        self._window = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server.peers.append(self)
        self.h2.local_settings = Settings(client=False, initial_values=_SETTINGS | self.server.settings)
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.gone.set()
        self._window.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def drain(self) -> None:
        await self._writable.wait()

    def flush(self) -> None:
        if not self.is_lost:
            self.transport.write(self.h2.data_to_send())

    async def wait_for_window(self) -> None:
        assert not self.is_lost, "the client closed the connection"
        self._window.clear()
        await self._window.wait()

    def go_away(self, last: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        self.h2.close_connection(code, last_stream_id=last)
        self.flush()

    def go_away_by_hand(self, last: int) -> None:
        """Say GOAWAY and go on serving, which the library does not do."""
        self.transport.write(b"\0\0\x08\x07\0\0\0\0\0" + last.to_bytes(4) + bytes(4))

    def data_received(self, data: bytes) -> None:
        try:
            events = self.h2.receive_data(data)
        except ProtocolError as error:
            self.server.errors.append(error)
            self.flush()
            self.transport.close()
            return
        for event in events:
            self._take(event)
        self.flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            stream = ServerStream(self, event.stream_id, [(str(n), str(v)) for n, v in event.headers])
            self.streams[event.stream_id] = stream
            self.most_open = max(self.most_open, self.h2.open_inbound_streams)
            self.server.serve(stream)
        elif isinstance(event, DataReceived):
            stream = self.streams[event.stream_id]
            stream.body += event.data
            stream.arrived.set()
            if stream.reads:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            else:
                stream.unread += event.flow_controlled_length
        elif isinstance(event, (StreamEnded, TrailersReceived)):
            self.streams[event.stream_id].ended.set()
        elif isinstance(event, StreamReset):
            stream = self.streams[event.stream_id]
            if not stream.was_reset.done():
                stream.was_reset.set_result(int(event.error_code or 0))
        elif isinstance(event, (WindowUpdated, RemoteSettingsChanged)):
            self._window.set()
        elif isinstance(event, PingReceived):
            self.pings += 1
        elif isinstance(event, ConnectionTerminated):
            self.server.goodbyes.append(int(event.error_code or 0))


Handler = Callable[[ServerStream], Awaitable[None]]


class H2Server:
    """Serves within its `async with` block. peers: connections, in the order of accept(). requests: heads that came.

    alpn: None for a server without TLS. settings: what it tells its clients first.
    """

    def __init__(
        self, handler: Handler, *, ssl: ssl.SSLContext | None = None, settings: dict[SettingCodes, int] | None = None
    ) -> None:
        self.peers: list[H2Peer] = []
        self.requests: list[ServerStream] = []
        self.errors: list[Exception] = []
        self.goodbyes: list[int] = []
        self.settings = settings or {}
        self._handler = handler
        self._ssl = ssl
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, stream: ServerStream) -> None:
        self.requests.append(stream)
        task = asyncio.ensure_future(self._play(stream))
        self._tasks.add(task)

    async def _play(self, stream: ServerStream) -> None:
        try:
            await self._handler(stream)
        except ProtocolError:
            if not stream.was_reset.done() and not stream.peer.is_lost:  # else the client has gone away
                raise

    def url(self, path: str = "/") -> str:
        return f"http{'s' if self._ssl else ''}://127.0.0.1:{self.port}{path}"

    async def wait_all_closed(self) -> None:
        """Wait until the clients have closed all connections."""
        for peer in self.peers:
            await peer.gone.wait()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: H2Peer(self), "127.0.0.1", 0, ssl=self._ssl)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for peer in self.peers:
            peer.transport.abort()
        for task in self._tasks:
            if not task.done():
                task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures and kind is None:
            raise failures[0]
        assert kind is not None or not self.errors, self.errors
