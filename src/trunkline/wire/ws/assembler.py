"""Messages out of frames: fragments joined, inflated, decoded (RFC 6455 §5.4 to §5.6, §8.1; RFC 7692 §6.2).

The reader is pulled, as that of the frames below it: `next` unpacks one message, `unpack` no more than a queue has room
for, and none is larger than the limit, compressed or not. Control frames may come between the fragments of a message.
After a Close frame nothing more is read.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import Final

from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import (
    INCOMPRESSIBLE_FREE_BYTES,
    INCOMPRESSIBLE_SHIFT,
    MAX_CONTROL_BYTES,
    MAX_QUEUED_BYTES,
    QUEUED_MESSAGE_BYTES,
)
from trunkline.wire.ws.close import parse_close
from trunkline.wire.ws.deflate import Inflater
from trunkline.wire.ws.frames import COMPRESSED, CONTROL, FIN, OPCODE, FrameReader, Payload
from trunkline.wire.ws.mask import REPEAT
from trunkline.wire.ws.message import WSCloseCode, WSMessage, WSMsgType

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_CLOSE: Final = WSMsgType.CLOSE
_NO_LIMIT: Final = 2**62  # more than any frame may have

# What the two bytes say that begin a short frame which is a whole message: its kind, the bytes of the frame and of its
# payload, by how much the mask is to be repeated and how many bits are then too many, and what it costs in a queue.
ShortHead = tuple[WSMsgType, int, int, int, int, int]


@cache
def _short_heads(longest: int, *, is_masked: bool) -> dict[bytes, ShortHead]:
    """Return all heads of text and binary messages up to `longest` bytes."""
    return {
        bytes((FIN | kind, is_masked << 7 | size)): (
            kind,
            2 + 4 * is_masked + size,
            size,
            REPEAT[1 + (size + 3) // 4],
            8 * (-size % 4),
            QUEUED_MESSAGE_BYTES + size,
        )
        for kind in (_TEXT, _BINARY)
        for size in range(min(longest, MAX_CONTROL_BYTES) + 1)
    }


class MessageReader(FrameReader):
    """Takes messages off the bytes of one peer.

    is_server: the peer is a client. max_bytes: of a message, 0 is no limit. inflater: where compression was agreed
    upon. decode_text: False leaves texts as bytes, and whether they are UTF-8 is not looked at.
    room: what `unpack` may still put into a queue, in bytes; whoever empties the queue sets it anew.
    """

    __slots__ = (
        "_decode_text",
        "_fragmented",
        "_fragments",
        "_inflater",
        "_is_over",
        "_max_message",
        "_short_heads",
        "_wire_bytes",
        "room",
    )

    def __init__(
        self, *, is_server: bool, max_bytes: int, inflater: Inflater | None = None, decode_text: bool = True
    ) -> None:
        self._inflater = inflater
        self._max_message = max_bytes = max_bytes or _NO_LIMIT
        # Data that cannot be compressed grows a little in the attempt.
        growth = 0 if inflater is None else (max_bytes >> INCOMPRESSIBLE_SHIFT) + INCOMPRESSIBLE_FREE_BYTES
        self._wire_bytes = max_bytes + growth
        super().__init__(is_masked=is_server, may_be_compressed=inflater is not None, max_bytes=self._wire_bytes)
        self._decode_text = decode_text
        self._short_heads = _short_heads(min(max_bytes, MAX_CONTROL_BYTES), is_masked=is_server)
        self._fragmented: int | None = None  # first byte of the message whose fragments are being gathered
        self._fragments = bytearray()
        self._is_over = False
        self.room = MAX_QUEUED_BYTES

    def unpack(self, messages: deque[WSMessage]) -> WSMessage | None:
        """Queue text and binary messages while there is room; return a control message as soon as one comes.

        None: there is no room, or no whole message left. Raises WebSocketError; then it is all over.
        """
        while self.room > 0 and not self._is_over:
            if self._fragmented is None and self._payload is None:
                self._unpack_short(messages)
                if self._at == len(self._data):
                    self._data, self._at = b"", 0  # a silent peer's last bytes need not be kept
                    return None
                if self.room <= 0:
                    return None
            message = self.next()
            if message is None or message.type > _BINARY:
                return message
            messages.append(message)
            self.room -= QUEUED_MESSAGE_BYTES + len(message.data)
        return None

    def _unpack_short(self, messages: deque[WSMessage]) -> None:
        """Queue the short messages that come next: up to 125 bytes, in one frame, not compressed.

        This is `next` for nearly all messages of most programs, and takes a third of its time: one look into a table
        finds a head right or leaves it to `next`, and nothing is called per message that is not written in C.
        """
        data, at, room = self._data, self._at, self.room
        find, append, new, from_bytes = self._short_heads.get, messages.append, tuple.__new__, int.from_bytes
        is_masked = self.is_masked
        text = _TEXT if self._decode_text else None
        try:
            while room > 0 and (head := find(data[at : at + 2])) is not None:
                kind, frame_bytes, size, repeat, surplus, cost = head
                end = at + frame_bytes
                if end > len(data):
                    break
                payload = data[at + 2 : end]
                if is_masked:
                    # The key and what it masks as one integer; XORed with the key repeated, the key itself becomes 0.
                    masked = from_bytes(payload)
                    payload = (masked ^ (masked >> 8 * size) * repeat >> surplus).to_bytes(size)
                append(new(WSMessage, (kind, payload.decode() if kind is text else payload, "")))
                at = end
                room -= cost
        except UnicodeDecodeError:
            pass  # `next` comes to the same, and tells it
        self._at, self.room = at, room

    def next(self) -> WSMessage | None:
        """Return the next message, or None when it has not come whole. Raises WebSocketError; then it is all over."""
        while not self._is_over:
            frame = self.next_frame()
            if frame is None:
                return None
            first, payload = frame
            if first & CONTROL:
                return self._control(first & OPCODE, payload)
            if first & FIN and self._fragmented is None and first & OPCODE:
                return self._message(first, payload)
            message = self._gather(first, payload)
            if message is not None:
                return message
        return None

    def _control(self, opcode: int, payload: Payload) -> WSMessage:
        if opcode != _CLOSE:
            return WSMessage(WSMsgType(opcode), bytes(payload), "")
        self._is_over = True
        code, reason = parse_close(bytes(payload))
        return WSMessage(_CLOSE, code, reason)

    def _gather(self, first: int, payload: Payload) -> WSMessage | None:
        """Add a fragment; return the message when it was the last one."""
        if first & OPCODE and self._fragmented is not None:
            raise WebSocketError(
                WSCloseCode.PROTOCOL_ERROR, "a new message within a fragmented one; wanted a continuation frame"
            )
        if first & OPCODE:
            self._fragmented = first
        elif self._fragmented is None:
            raise WebSocketError(WSCloseCode.PROTOCOL_ERROR, "continuation frame without a message to continue")
        self._fragments += payload
        if not first & FIN:
            self.max_bytes = self._wire_bytes - len(self._fragments)
            return None
        start, whole = self._fragmented, self._fragments
        self._fragmented, self._fragments = None, bytearray()
        self.max_bytes = self._wire_bytes
        assert start is not None
        return self._message(start, whole)

    def _message(self, first: int, payload: Payload) -> WSMessage:
        if first & COMPRESSED:
            assert self._inflater is not None  # the frames' reader lets no such frame pass without
            payload = self._inflater.inflate(payload, self._max_message)
        elif len(payload) > self._max_message:
            raise WebSocketError(
                WSCloseCode.MESSAGE_TOO_BIG,
                f"message of {len(payload)} bytes; the limit is {self._max_message} (raise max_msg_size)",
            )
        if first & OPCODE == _BINARY:
            return WSMessage(_BINARY, bytes(payload), "")
        if not self._decode_text:
            return WSMessage(_TEXT, bytes(payload), "")
        try:
            return WSMessage(_TEXT, str(payload, "utf-8"), "")
        except UnicodeDecodeError as error:
            raise WebSocketError(WSCloseCode.INVALID_TEXT, f"text message is not UTF-8: {error.reason}") from error
