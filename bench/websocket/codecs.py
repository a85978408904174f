"""One adapter for each codec: bytes in, messages out of its queue; messages in, bytes to a transport that drops them.

What is measured of each is what its WebSocket objects call for a message. Both have a queue between the one who reads
bytes and the one who takes messages, and flow control; a loop runs, but nothing here waits for it. A library is
imported when its adapter is made, so that a process holds only the one it measures.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

TEXT = 0x1
MAX_BYTES = 4 * 1024 * 1024  # of a message: aiohttp's default, and trunkline's
QUEUE_BYTES = 2**16  # aiohttp's limit of its queue; trunkline has the same built in

# Any: the type checker must not need both libraries. What comes out has the attribute `data`.
Take = Callable[[], Awaitable[Any]]
Reader = tuple[Callable[[bytes], object], Take]  # takes bytes; gives a message
Writer = Callable[[bytes], Awaitable[None]]


class Transport(asyncio.Transport):
    """Counts what is written to it, and is never slow."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def write(self, data: Any) -> None:
        self.written += len(data)

    def is_closing(self) -> bool:
        return False


class _Flow:
    """What a transport that is never slow, and a source that never pauses, look like from above."""

    paused = False
    _reading_paused = False  # aiohttp's queue looks at it

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class _Carrier(_Flow):
    """The connection under trunkline's WebSocket."""

    def __init__(self, transport: Transport) -> None:
        self.transport = None
        self.flow = self
        self.send = transport.write


def aiohttp_reader(is_server: bool) -> Reader:
    """Return aiohttp's reader; it takes masked and bare frames alike."""
    queues: Any = import_module("aiohttp._websocket.reader")
    queue = queues.WebSocketDataQueue(_Flow(), QUEUE_BYTES, loop=asyncio.get_running_loop())
    is_compressed, decodes_text = False, True
    reader = queues.WebSocketReader(queue, MAX_BYTES, is_compressed, decodes_text)
    return reader.feed_data, queue.read


def aiohttp_writer(is_server: bool, transport: Transport) -> Writer:
    """Return aiohttp's writer."""
    protocol: Any = import_module("aiohttp.base_protocol").BaseProtocol(asyncio.get_running_loop())
    protocol.connection_made(transport)
    writer = import_module("aiohttp.http_websocket").WebSocketWriter(protocol, transport, use_mask=not is_server)

    async def write(payload: bytes) -> None:
        await writer.send_frame(payload, TEXT)

    return write


def trunkline_reader(is_server: bool) -> Reader:
    """Return trunkline's reader, with the queue of its WebSockets."""

    def fail(fault: Exception) -> None:
        raise fault

    reader: Any = import_module("trunkline.wire.ws.assembler").MessageReader(is_server=is_server, max_bytes=MAX_BYTES)
    inbox = import_module("trunkline.conn.inbox").Inbox(asyncio.get_running_loop(), _Flow(), reader, fail, None)
    return inbox.feed, inbox.take


def trunkline_writer(is_server: bool, transport: Transport) -> Writer:
    """Return the sending side of trunkline's WebSockets."""
    assembler, frames, mask, websocket = (
        import_module(f"trunkline.{name}")
        for name in ("wire.ws.assembler", "wire.ws.frames", "wire.ws.mask", "conn.websocket")
    )
    writer = frames.FrameWriter(None if is_server else mask.masking_keys(os.urandom).__next__)
    reader = assembler.MessageReader(is_server=is_server, max_bytes=MAX_BYTES)
    connection: Any = websocket.WebSocketConnection(
        asyncio.get_running_loop(), _Carrier(transport), reader, writer, websocket.WebSocketRules()
    )

    async def write(payload: bytes) -> None:
        await connection.send(TEXT, payload)

    return write


# In the order in which a round runs them.
CODECS: dict[str, tuple[Callable[[bool], Reader], Callable[[bool, Transport], Writer]]] = {
    "aiohttp": (aiohttp_reader, aiohttp_writer),
    "trunkline": (trunkline_reader, trunkline_writer),
}
