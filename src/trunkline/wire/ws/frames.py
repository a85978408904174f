"""WebSocket frames, in and out (RFC 6455 §5.2).

      0               1               2               3
     +-+-+-+-+-------+-+-------------+-------------------------------+
     |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
     |I|S|S|S|  (4)  |A|     (7)     |   (16 or 64 bits, if 126/127) |
     |N|V|V|V|       |S|             |                               |
     | |1|2|3|       |K|             |   Masking key (32, if MASK)   |
     +-+-+-+-+-------+-+-------------+-------------------------------+

The reader is pulled: `feed` takes what arrived, `next_frame` returns one frame at a time, so who reads decides how much
is unpacked at once. A frame is refused by its head, before its payload is held; what the payload means, and whether it
may follow the frame before it, is the assembler's part.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NoReturn

from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import MAX_CONTROL_BYTES
from trunkline.wire.ws.deflate import Deflater
from trunkline.wire.ws.mask import apply_mask
from trunkline.wire.ws.message import WSCloseCode, WSMsgType

FIN: Final = 0x80
COMPRESSED: Final = 0x40  # RSV1, RFC 7692 §6
OPCODE: Final = 0x0F  # the bits of it
CONTROL: Final = 0x08  # set in the opcode of a control frame
_RESERVED: Final = 0x70
_MASKED: Final = 0x80  # in the second byte
_LENGTH: Final = 0x7F

_CONTINUED = frozenset({WSMsgType.CONTINUATION, WSMsgType.TEXT, WSMsgType.BINARY})
_OPCODES = _CONTINUED | {WSMsgType.CLOSE, WSMsgType.PING, WSMsgType.PONG}
# Every first byte that is allowed; control frames are never fragmented (§5.5) or compressed (RFC 7692 §6).
_PLAIN_STARTS: Final = frozenset(_CONTINUED | {FIN | opcode for opcode in _OPCODES})
# Only the first frame of a message says that it is compressed (RFC 7692 §6.1).
_DEFLATE_STARTS: Final = _PLAIN_STARTS | {
    fin | COMPRESSED | opcode for fin in (0, FIN) for opcode in (WSMsgType.TEXT, WSMsgType.BINARY)
}

_HEAD_7: Final = struct.Struct("!BB")  # named by the bits of their length
_HEAD_16: Final = struct.Struct("!BBH")
_HEAD_64: Final = struct.Struct("!BBQ")

_LARGE_PART: Final = 1024  # bytes of a payload that are kept as they came; ours: the objects around them take a tenth

Payload = bytes | bytearray | memoryview  # without mask; a view of bytes, so as to copy a large one only once
Frame = tuple[int, Payload]  # its first byte, and its payload


class FrameReader:
    """Takes frames off the bytes of one peer.

    is_masked: its frames must be masked, as a client's, or must not be. max_bytes: of the next data frame's payload;
    whoever reads may change it from frame to frame.
    """

    __slots__ = (
        "_at",
        "_data",
        "_first",
        "_key",
        "_missing",
        "_parts",
        "_payload",
        "_starts",
        "is_masked",
        "max_bytes",
    )

    def __init__(self, *, is_masked: bool, may_be_compressed: bool, max_bytes: int) -> None:
        self.is_masked = is_masked
        self._starts = _DEFLATE_STARTS if may_be_compressed else _PLAIN_STARTS
        self.max_bytes = max_bytes
        self._data = b""  # what was fed last, and before it the start of a frame's head
        self._at = 0  # where in it the next frame begins
        # A frame whose payload has not come whole: large parts as they came, small ones together, for even a byte that
        # comes alone takes 34. Nothing is set aside for what the head announces.
        self._parts: list[bytes | bytearray | memoryview] = []
        self._missing = 0
        self._first = 0
        self._key = b""
        self._payload: bytes | bytearray | None = None  # all of it, to be read next

    def feed(self, data: bytes) -> None:
        """Take bytes as they came; all should have been read of the last ones, or their rest is copied again."""
        if self._missing:
            self._data, self._at = data, self._feed_payload(data)
            return
        if self._at < len(self._data):
            data = self._data[self._at :] + data
        self._data = data
        self._at = 0

    def _feed_payload(self, data: bytes) -> int:
        """Add to the payload that has not come whole; return how many bytes belong to it."""
        parts, missing = self._parts, self._missing
        if missing > len(data):
            self._missing = missing - len(data)
            if len(data) >= _LARGE_PART:
                parts.append(data)
            elif isinstance(parts[-1], bytearray):
                parts[-1] += data
            else:
                parts.append(bytearray(data))
            return len(data)
        parts.append(memoryview(data)[:missing])
        self._payload = bytearray().join(parts) if self.is_masked else b"".join(parts)
        self._missing = 0
        self._parts = []
        return missing

    def next_frame(self) -> Frame | None:
        """Return the next frame, or None when it has not come whole. Raises WebSocketError."""
        if self._payload is not None:
            return self._end_payload(self._payload)
        data = self._data
        at = self._at
        if len(data) - at < 2:
            return None
        first, second = data[at], data[at + 1]
        if first not in self._starts or (second >= _MASKED) is not self.is_masked:
            self._refuse(first, second)
        length = second & _LENGTH
        at += 2
        if length > MAX_CONTROL_BYTES:
            at += 2 if length == 126 else 8
            if len(data) < at:
                return None
            length = self._extended_length(first, length, data[self._at + 2 : at])
        if length > self.max_bytes and not first & CONTROL:
            raise WebSocketError(
                WSCloseCode.MESSAGE_TOO_BIG,
                f"frame of {length} bytes; its message may have {self.max_bytes} more (raise max_msg_size)",
            )
        start = at + 4 if self.is_masked else at
        end = start + length
        if end > len(data):
            if start <= len(data):
                self._begin_payload(first, data[at:start], data[start:], length)
            return None
        self._at = end
        payload = memoryview(data)[start:end]
        return first, apply_mask(payload, data[at:start]) if self.is_masked else payload

    def _begin_payload(self, first: int, key: bytes, payload: bytes, length: int) -> None:
        self._first, self._key = first, key
        self._parts = [payload]
        self._missing = length - len(payload)
        self._data, self._at = b"", 0

    def _end_payload(self, payload: bytes | bytearray) -> Frame:
        self._payload = None
        return self._first, apply_mask(payload, self._key) if self.is_masked else payload

    def _extended_length(self, first: int, marker: int, field: bytes) -> int:
        if first & CONTROL:
            _break(f"control frame of more than {MAX_CONTROL_BYTES} bytes (RFC 6455 §5.5)")
        length = int.from_bytes(field, "big")
        # The shortest form must be used, and the highest bit of 64 is 0 (§5.2).
        if length < (126 if marker == 126 else 2**16):
            _break(f"length {length} in {len(field)} bytes; wanted the shortest form (RFC 6455 §5.2)")
        if length >= 2**63:
            _break(f"length {length}; wanted less than 2**63 (RFC 6455 §5.2)")
        return length

    def _refuse(self, first: int, second: int) -> NoReturn:
        opcode = first & OPCODE
        if opcode not in _OPCODES:
            _break(f"frame with opcode {opcode:#x}, which is reserved (RFC 6455 §5.2)")
        if first & _RESERVED and first not in self._starts:
            _break(f"frame with reserved bits {first & _RESERVED:#04x}, which no extension gives a meaning here")
        if first not in self._starts:
            _break("fragmented control frame; wanted it whole (RFC 6455 §5.5)")
        how = "masked" if second >= _MASKED else "without a mask"
        _break(f"frame {how}; a client must mask its frames, a server must not (RFC 6455 §5.1)")


def _break(what: str) -> NoReturn:
    raise WebSocketError(WSCloseCode.PROTOCOL_ERROR, what)


class FrameWriter:
    """Renders messages, each as one frame.

    next_key: gives the masking keys, four unpredictable bytes each (§5.3), of a client; None for a server.
    """

    __slots__ = ("_deflater", "_next_key")

    def __init__(self, next_key: Callable[[], bytes] | None, deflater: Deflater | None = None) -> None:
        self._next_key = next_key
        self._deflater = deflater

    def render(self, opcode: int, payload: bytes | bytearray | memoryview, compress: int | None = None) -> bytes:
        """Return the frame. compress: level for this message, 0 for none; only where compression was agreed upon.

        Raises ValueError for a control frame that is too long.
        """
        first = FIN | opcode
        if type(payload) is memoryview:
            payload = payload.tobytes()  # its items need not be bytes
        if opcode & CONTROL:
            _check_control(payload)
        elif self._deflater is not None and compress != 0:
            first |= COMPRESSED
            payload = self._deflater.deflate(payload, compress)
        length = len(payload)
        mask = 0 if self._next_key is None else _MASKED
        if length < 126:
            head = _HEAD_7.pack(first, mask | length)
        elif length < 2**16:
            head = _HEAD_16.pack(first, mask | 126, length)
        else:
            head = _HEAD_64.pack(first, mask | 127, length)
        if self._next_key is None:
            return head + payload
        key = self._next_key()
        return b"".join((head, key, apply_mask(payload, key)))


def _check_control(payload: bytes | bytearray) -> None:
    if len(payload) > MAX_CONTROL_BYTES:
        raise ValueError(
            f"control frame of {len(payload)} bytes; the limit is {MAX_CONTROL_BYTES} (RFC 6455 §5.5), send a message"
        )
