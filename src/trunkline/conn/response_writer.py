"""`ResponseWriter`: sends one response on a connection of a server, head first (RFC 9112 §4 and §6).

The head is held until the first bytes of the body, so that both leave in one write; `send_headers` lets it go alone.
A response that must have no body (to HEAD, or by its status) gets none, whatever is written to it.
"""

import asyncio
from collections.abc import Iterable
from typing import BinaryIO, Final, Protocol

from multidict import CIMultiDict

from trunkline.body.file_payload import FILE_CHUNK_BYTES
from trunkline.conn.body_writer import BodyWriter, Outlet
from trunkline.conn.errors import WriteLost
from trunkline.wire.fields import check_field_value
from trunkline.wire.h1.response_render import render_response_head

# A larger body is not joined to its head: copying it would cost more than a second write.
_JOINED_BYTES: Final = 2**16


class ServerOutlet(Outlet, Protocol):
    """A connection that keeps an eye on how its client reads. sending: hands a file to the operating system."""

    sending: "asyncio.Task[int] | None"
    is_tls: bool

    def expect_progress(self) -> None: ...
    def expect_nothing(self) -> None: ...


class ResponseWriter(BodyWriter):
    """Writes one response. has_body: False when no byte of a body may follow the head.

    file_piece_bytes: as large as what is read of a file at a time, where the system cannot send it.
    """

    file_piece_bytes = FILE_CHUNK_BYTES

    def __init__(self, connection: ServerOutlet) -> None:
        super().__init__(connection, None, chunked=False, coding=None)
        self._outlet = connection
        self._head = b""  # rendered, and not sent yet
        self.has_body = True
        self.is_started = False  # bytes of it have left; there is no other response any more
        self.is_finished = False

    @property
    def is_delimited(self) -> bool:
        """True when the client can tell whether the body has come whole."""
        return self._chunked or self.length is not None or not self.has_body

    async def write_headers(self, status_line: str, headers: "CIMultiDict[str]") -> None:
        """Render the head. Raises ValueError for a field that must not be sent."""
        check_field_value(status_line)
        self.hold_head(status_line.encode("utf-8", "surrogateescape") + b"\r\n", headers.items())

    def hold_head(self, status_line: bytes, fields: Iterable[tuple[str, str]]) -> None:
        """Render the head, to be sent with what is written next. status_line: with its CRLF."""
        self._head = render_response_head(status_line, fields)

    def send_headers(self) -> None:
        """Send the head now, if it is still held."""
        head, self._head = self._head, b""
        if head:
            self.is_started = True
            super()._transmit(head)

    async def write_eof(self, chunk: bytes = b"") -> None:
        """Send `chunk`, then end the body. Raises ValueError when less than the announced length was sent."""
        if self.is_finished:
            return
        self.is_finished = True
        if self.has_body:
            await super().write_eof(chunk)
        self.send_headers()

    async def sendfile(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send `count` bytes of `file` from `offset` on, by the operating system where that works.

        Only for bodies of a known length that are neither compressed nor chunked.
        """
        self.send_headers()
        if not self.has_body or not count:
            return
        if self.length is not None:
            if count > self.length:
                raise ValueError(f"{count} bytes of a file for a body of {self.length} bytes; announce what is sent")
            self.length -= count
        await self.drain()
        transport = self._connection.transport
        if transport is None or transport.is_closing():
            raise WriteLost("the connection was lost before the file was sent")
        try:
            if self._outlet.is_tls:
                sent = await self._send_in_pieces(file, offset, count)
            else:
                sent = await self._send_by_system(transport, file, offset, count)
        except (asyncio.SendfileNotAvailableError, NotImplementedError):  # uvloop, odd file systems
            sent = await self._send_in_pieces(file, offset, count)
        finally:
            self._outlet.expect_nothing()
        self.output_size += sent
        if sent < count:
            raise ValueError(f"the file ended after {sent} of {count} bytes; it shrank while it was sent")

    async def _send_by_system(self, transport: asyncio.Transport, file: BinaryIO, offset: int, count: int) -> int:
        loop = asyncio.get_running_loop()
        sent = 0
        while sent < count:
            size = min(FILE_CHUNK_BYTES, count - sent)
            self._outlet.expect_progress()
            # A task of its own, because the loop forgets to end the wait when the transport is lost.
            sending = loop.create_task(loop.sendfile(transport, file, offset + sent, size, fallback=False))
            self._outlet.sending = sending
            try:
                taken = await sending
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if self._outlet.transport is None and task is not None and not task.cancelling():
                    raise WriteLost("the connection was lost while a file was sent") from None
                raise
            except ConnectionError as error:
                transport.abort()  # it has not seen what the socket said
                raise WriteLost("the connection was lost while a file was sent") from error
            except RuntimeError as error:
                if transport.is_closing():  # which the loop found out first
                    raise WriteLost("the connection was lost while a file was sent") from error
                raise
            finally:
                self._outlet.sending = None
            sent += taken
            if taken < size:
                break
        return sent

    async def _send_in_pieces(self, file: BinaryIO, offset: int, count: int) -> int:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, file.seek, offset)
        sent = 0
        while sent < count:
            piece = await loop.run_in_executor(None, file.read, min(self.file_piece_bytes, count - sent))
            if not piece:
                break
            transport = self._connection.transport
            if transport is None or transport.is_closing():
                raise WriteLost("the connection was lost before the file was sent")
            transport.write(piece)
            sent += len(piece)
            await self.drain()
        return sent

    def _send(self, data: bytes) -> None:
        if self.has_body:
            super()._send(data)

    def _transmit(self, data: bytes) -> None:
        head = self._head
        if not head:
            super()._transmit(data)
        elif len(data) <= _JOINED_BYTES:
            self._head = b""
            self.is_started = True
            super()._transmit(head + data)
        else:
            self.send_headers()
            super()._transmit(data)
