"""How much of a body has left for the operating system, while it is written.

The transport tells how many bytes it still holds, of the stream as it is on the wire. A `BodyMeter` remembers which
bytes of the body each stretch of the wire stands for, and estimates within one. What was in the transport when it
broke has not left; therefore the count stops there.
"""

import asyncio
from collections import deque
from typing import Final

from trunkline.conn.body_writer import BodyWriter, Outlet

# Smaller writes share a stretch, so that a full buffer of 64 KiB has some tens of them, however small they are.
_STRETCH_BYTES: Final = 2**12


class BodyMeter:
    """Counts the bytes of one body, as they were before coding and framing."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
        self.taken = 0  # bytes of the body that were written to the writer
        self._on_wire = 0  # bytes that were handed to the transport
        self._stretches: deque[tuple[int, int]] = deque()  # where each ends: on the wire, and in the body
        self._passed = (0, 0)  # where the last one ended that has left whole
        self._gone = 0

    @property
    def gone(self) -> int:
        """Bytes of the body that have left."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self._gone = self._estimate(self._on_wire - transport.get_write_buffer_size())
        return self._gone

    def note(self, nbytes: int) -> None:
        """Note that `nbytes` were handed to the transport: all that was taken is in them, as far as anybody knows."""
        self._on_wire += nbytes
        ends = (self._on_wire, self.taken)
        stretches = self._stretches
        begin = stretches[-2][0] if len(stretches) > 1 else self._passed[0]
        if stretches and stretches[-1][0] - begin < _STRETCH_BYTES:
            stretches[-1] = ends
        else:
            stretches.append(ends)
        _ = self.gone  # what is not asked for before the transport breaks could not be told afterwards

    def finish(self) -> None:
        """Note that the whole body was written: what the transport still holds will follow."""
        self._transport = None
        self._gone = self.taken

    def _estimate(self, wire_bytes: int) -> int:
        stretches = self._stretches
        while stretches and stretches[0][0] <= wire_bytes:
            self._passed = stretches.popleft()
        begin, before = self._passed
        if not stretches or wire_bytes <= begin:
            return before
        end, behind = stretches[0]
        return before + (behind - before) * (wire_bytes - begin) // (end - begin)


class MeteredWriter(BodyWriter):
    """A writer that has its body counted by `meter`."""

    def __init__(
        self, connection: Outlet, length: int | None, *, chunked: bool, coding: str | None, meter: BodyMeter
    ) -> None:
        super().__init__(connection, length, chunked=chunked, coding=coding)
        self._meter = meter

    async def write_eof(self, chunk: bytes = b"") -> None:
        await super().write_eof(chunk)
        self._meter.finish()

    async def _write_piece(self, piece: bytes) -> None:
        self._meter.taken += len(piece)
        await super()._write_piece(piece)

    def _transmit(self, data: bytes) -> None:
        super()._transmit(data)
        self._meter.note(len(data))
