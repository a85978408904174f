"""The client's end of a WebSocket over a plain socket: a carrier, and the handshake by hand."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from multidict import CIMultiDict, CIMultiDictProxy

from trunkline.conn.errors import WriteLost
from trunkline.conn.websocket import WebSocketConnection, WebSocketRules
from trunkline.transport.flow import WriteFlow
from trunkline.wire.limits import MAX_MESSAGE_BYTES
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.extensions import offer_deflate
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.handshake import VERSION, check_answer, render_key


class PlainCarrier(asyncio.Protocol):
    """A connection that hands its bytes to a WebSocket once it has one."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.flow = WriteFlow(loop)
        self.head = b""
        self.has_head: asyncio.Future[None] = loop.create_future()
        self.websocket: WebSocketConnection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.websocket is not None:
            self.websocket.data_received(data)
            return
        self.head += data
        if b"\r\n\r\n" in self.head and not self.has_head.done():
            self.has_head.set_result(None)

    def eof_received(self) -> None:
        if self.websocket is not None:
            self.websocket.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.flow.connection_lost(exc)
        if self.websocket is not None:
            self.websocket.connection_lost(exc)

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()
        if self.websocket is not None:
            self.websocket.resume_writing()

    def send(self, data: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            raise WriteLost("lost")
        self.transport.write(data)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def pause_reading(self) -> None:
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()


@asynccontextmanager
async def connected(
    port: int,
    *,
    deflate_bits: int = 0,
    max_bytes: int = MAX_MESSAGE_BYTES,
    rules: WebSocketRules = WebSocketRules(),  # noqa: B008 - immutable
) -> AsyncIterator[WebSocketConnection]:
    """Open a WebSocket to a server on loopback; close it at the end. deflate_bits: 0 is no compression."""
    loop = asyncio.get_running_loop()
    _, carrier = await loop.create_connection(PlainCarrier, "127.0.0.1", port)
    key = render_key(os.urandom(16))
    carrier.send(
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: {VERSION}\r\nSec-WebSocket-Key: {key}\r\n".encode()
        + (f"Sec-WebSocket-Extensions: {offer_deflate(deflate_bits)}\r\n".encode() if deflate_bits else b"")
        + b"\r\n"
    )
    await carrier.has_head
    head, _, rest = carrier.head.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    fields = CIMultiDictProxy(CIMultiDict([(name, value) for name, value in lines]))
    deflate = check_answer(fields, key, (), offered_bits=deflate_bits).deflate
    reader = MessageReader(
        is_server=False, max_bytes=max_bytes, inflater=deflate.inflater(is_server=False) if deflate else None
    )
    writer = FrameWriter(lambda: os.urandom(4), deflate.deflater(is_server=False) if deflate else None)
    websocket = carrier.websocket = WebSocketConnection(loop, carrier, reader, writer, rules)
    if rest:
        websocket.data_received(rest)
    try:
        yield websocket
    finally:
        await websocket.close()
        carrier.close()
