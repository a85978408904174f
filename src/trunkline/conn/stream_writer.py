"""`StreamWriter`: sends one response in a stream of HTTP/2 (RFC 9113 §8.1).

Payloads and responses write to it as to its sister of HTTP/1.1. A frame tells where the body ends, so nothing is
chunked; the fields that HTTP/1.1 has for its connection are left out, and so is the reason.
"""

from collections.abc import Iterable
from typing import BinaryIO, Final, Protocol

from multidict import CIMultiDict

from trunkline.conn.body_writer import BodyWriter
from trunkline.conn.response_writer import ResponseWriter, ServerOutlet
from trunkline.wire.h2.head import Pair, response_fields

_SWITCHING: Final = 101
# A piece of each stream may wait for a client that reads none. Ours: what a stream sends in its turn; of files more,
# for each piece costs a way to a thread and back.
_PIECE_BYTES: Final = 2**16
_FILE_PIECE_BYTES: Final = 2**17


class StreamOutlet(ServerOutlet, Protocol):
    """The stream that a response is written to."""

    def send_head(self, fields: list[Pair], ends: bool) -> None: ...
    def end_body(self) -> None: ...


class StreamWriter(ResponseWriter):
    """Writes one response. Its end is told by the stream, so a cut body never looks whole."""

    piece_bytes = _PIECE_BYTES
    file_piece_bytes = _FILE_PIECE_BYTES

    def __init__(self, stream: StreamOutlet) -> None:
        super().__init__(stream)
        self._stream = stream
        self._fields: list[Pair] | None = None  # of the head, checked and not sent yet
        self._is_tunnel = False  # what follows the head is of another protocol

    @property
    def is_delimited(self) -> bool:
        return True

    def enable_chunking(self) -> None:
        """Do nothing: frames need no chunks."""

    async def write_headers(self, status_line: str, headers: "CIMultiDict[str]") -> None:
        """Hold the head. Raises ValueError for a field that must not be sent."""
        self._hold(int(status_line.split(" ", 2)[1]), headers.items())

    def hold_head(self, status_line: bytes, fields: Iterable[tuple[str, str]]) -> None:
        """Hold the head, to be sent with what is written next."""
        self._hold(int(status_line.split(b" ", 2)[1]), fields)

    def _hold(self, status: int, fields: Iterable[tuple[str, str]]) -> None:
        self._is_tunnel = status == _SWITCHING
        if self._is_tunnel:  # to what an extended CONNECT asked for (RFC 8441 §5), which has no such proof
            status = 200
            fields = [field for field in fields if field[0].lower() != "sec-websocket-accept"]
        self._fields = response_fields(status, fields)

    def send_headers(self) -> None:
        """Send the head now, if it is still held; it is all there is of a response that must have no body."""
        self._send_head(ends=not self.has_body and not self._is_tunnel)

    def _send_head(self, *, ends: bool) -> None:
        fields, self._fields = self._fields, None
        if fields is not None:
            self.is_started = True
            self._stream.send_head(fields, ends)

    async def write_eof(self, chunk: bytes = b"") -> None:
        """Send `chunk`, then end the body. Raises ValueError when less than the announced length was sent."""
        if self.is_finished:
            return
        self.is_finished = True
        if self.has_body:
            await BodyWriter.write_eof(self, chunk)
        if self._fields is not None:
            self._send_head(ends=True)
        else:
            self._stream.end_body()
            await self.drain()

    async def _send_by_system(self, transport: object, file: BinaryIO, offset: int, count: int) -> int:
        return await self._send_in_pieces(file, offset, count)

    def _transmit(self, data: bytes) -> None:
        self.send_headers()
        super()._transmit(data)
