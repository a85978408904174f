"""`BodyWriter`: sends a body that is more than a few bytes (RFC 9112 §6).

Payloads write to it. It compresses, frames (a length that was announced, or chunks) and waits while the transport
is full. A body that does not fit its announced length raises: sent as it is, its tail would be read as the
beginning of the next message.
"""

import asyncio
from typing import Any, Final, Protocol

from multidict import CIMultiDict

from trunkline.abc import AbstractStreamWriter
from trunkline.conn.errors import WriteLost
from trunkline.transport.flow import WriteFlow
from trunkline.wire.coding import Encoder, make_encoder
from trunkline.wire.h1.chunked import LAST_CHUNK, render_chunk

# A large body is compressed and handed to the transport in pieces, so that the loop gets its turns and what waits to be
# sent is not copied whole. Each piece is copied, and over TLS and HTTP/2 again: as in `receive_buffer`, what is above
# 128 KiB is mapped anew each time, and 10 MB cost up to twice as much.
PIECE_BYTES: Final = 120 * 1024


class Outlet(Protocol):
    """The connection, or the stream of one, that a body is written to. transport: None once it is lost."""

    @property
    def transport(self) -> asyncio.Transport | None: ...

    @property
    def flow(self) -> WriteFlow: ...


class BodyWriter(AbstractStreamWriter):
    """Writes one body to one connection.

    length: bytes still to come when a Content-Length was announced, else None. is_whole: all was written.
    piece_bytes: as large as what is handed to the transport at a time.
    """

    is_whole = False
    piece_bytes = PIECE_BYTES

    def __init__(self, connection: Outlet, length: int | None, *, chunked: bool, coding: str | None) -> None:
        self._connection = connection
        self._chunked = chunked
        self._encoder: Encoder | None = None if coding is None else make_encoder(coding)
        self.length = length
        self.buffer_size = 0
        self.output_size = 0

    @property
    def transport(self) -> object:
        """The transport written to; None once the connection is lost."""
        return self._connection.transport

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        """Compress what is written from now on. strategy: of zlib."""
        self._encoder = make_encoder(encoding, strategy=strategy)

    def enable_chunking(self) -> None:
        """Send what follows in chunks."""
        self._chunked = True

    async def write_headers(self, status_line: str, headers: "CIMultiDict[str]") -> None:
        """Refuse: the head was sent before the body."""
        raise RuntimeError("the head of this message has been sent; a body's writer writes only the body")

    async def write(self, chunk: "bytes | bytearray | memoryview[Any]") -> None:
        """Send `chunk`; wait while the transport's buffer is full. Raises ValueError beyond the announced length."""
        size = self.piece_bytes
        if len(chunk) <= size:
            await self._write_piece(bytes(chunk))
            return
        view = memoryview(chunk)
        for start in range(0, len(view), size):
            await self._write_piece(view[start : start + size].tobytes())

    async def _write_piece(self, piece: bytes) -> None:
        if self._encoder is not None:
            piece = self._encoder.encode(piece)
        if piece:
            self._send(piece)
            if self.on_body_write is not None:
                self.on_body_write(len(piece), self.output_size)
            await self.drain()

    async def write_eof(self, chunk: bytes = b"") -> None:
        """Send `chunk`, then end the body. Raises ValueError when less than the announced length was sent."""
        await self.write(chunk)
        if self._encoder is not None:
            rest = self._encoder.flush()
            if rest:
                self._send(rest)
        if self.length:
            raise ValueError(
                f"the body ended {self.length} bytes before its Content-Length; announce the length that is sent"
            )
        if self._chunked:
            self._transmit(LAST_CHUNK)
        self.is_whole = True
        await self.drain()

    async def drain(self) -> None:
        """Wait until the transport takes more; raise WriteLost, a ConnectionResetError, when it never will."""
        if self._connection.flow.paused or self._connection.transport is None:
            try:
                await self._connection.flow.drain()
            except ConnectionResetError as error:
                raise WriteLost(str(error)) from error

    def _send(self, data: bytes) -> None:
        if self.length is not None:
            if len(data) > self.length:
                raise ValueError(
                    f"the body has at least {len(data) - self.length} bytes more than its Content-Length; "
                    "announce the length that is sent"
                )
            self.length -= len(data)
        self._transmit(render_chunk(data) if self._chunked else data)

    def _transmit(self, data: bytes) -> None:
        transport = self._connection.transport
        if transport is None or transport.is_closing():
            raise WriteLost("the connection was lost before the body was sent")
        self.output_size += len(data)
        transport.write(data)
