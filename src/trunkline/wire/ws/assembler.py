"""Messages out of frames: fragments joined, inflated, decoded (RFC 6455 §5.4 to §5.6, §8.1; RFC 7692 §6.2).

The reader is pulled, as that of the frames below it: at most one message is unpacked per call, and none larger than
the limit, compressed or not. Control frames may come between the fragments of a message. After a Close frame nothing
more is read.
"""

from __future__ import annotations

from typing import Final

from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import INCOMPRESSIBLE_FREE_BYTES, INCOMPRESSIBLE_SHIFT
from trunkline.wire.ws.close import parse_close
from trunkline.wire.ws.deflate import Inflater
from trunkline.wire.ws.frames import COMPRESSED, CONTROL, FIN, OPCODE, FrameReader
from trunkline.wire.ws.message import WSCloseCode, WSMessage, WSMsgType

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_CLOSE: Final = WSMsgType.CLOSE
_NO_LIMIT: Final = 2**62  # more than any frame may have


class MessageReader:
    """Takes messages off the bytes of one peer.

    is_server: the peer is a client. max_bytes: of a message, 0 is no limit. inflater: where compression was agreed
    upon. decode_text: False leaves texts as bytes, and whether they are UTF-8 is not looked at.
    """

    __slots__ = (
        "_decode_text",
        "_first",
        "_frames",
        "_inflater",
        "_is_over",
        "_max_bytes",
        "_parts",
        "_wire_bytes",
        "feed",
    )

    def __init__(
        self, *, is_server: bool, max_bytes: int, inflater: Inflater | None = None, decode_text: bool = True
    ) -> None:
        self._inflater = inflater
        self._max_bytes = max_bytes = max_bytes or _NO_LIMIT
        # Data that cannot be compressed grows a little in the attempt.
        growth = 0 if inflater is None else (max_bytes >> INCOMPRESSIBLE_SHIFT) + INCOMPRESSIBLE_FREE_BYTES
        self._wire_bytes = max_bytes + growth
        self._decode_text = decode_text
        self._frames = FrameReader(
            is_masked=is_server, may_be_compressed=inflater is not None, max_bytes=self._wire_bytes
        )
        self.feed = self._frames.feed  # takes bytes as they came
        self._first: int | None = None  # first byte of the message whose fragments are being gathered
        self._parts = bytearray()
        self._is_over = False

    def next(self) -> WSMessage | None:
        """Return the next message, or None when it has not come whole. Raises WebSocketError; then it is all over."""
        while not self._is_over:
            frame = self._frames.next()
            if frame is None:
                return None
            first, payload = frame
            if first & CONTROL:
                return self._control(first & OPCODE, payload)
            if first & FIN and self._first is None and first & OPCODE:
                return self._message(first, payload)
            message = self._gather(first, payload)
            if message is not None:
                return message
        return None

    def _control(self, opcode: int, payload: bytes | bytearray) -> WSMessage:
        if opcode != _CLOSE:
            return WSMessage(WSMsgType(opcode), bytes(payload), "")
        self._is_over = True
        code, reason = parse_close(bytes(payload))
        return WSMessage(_CLOSE, code, reason)

    def _gather(self, first: int, payload: bytes | bytearray) -> WSMessage | None:
        """Add a fragment; return the message when it was the last one."""
        if first & OPCODE and self._first is not None:
            raise WebSocketError(
                WSCloseCode.PROTOCOL_ERROR, "a new message within a fragmented one; wanted a continuation frame"
            )
        if first & OPCODE:
            self._first = first
        elif self._first is None:
            raise WebSocketError(WSCloseCode.PROTOCOL_ERROR, "continuation frame without a message to continue")
        self._parts += payload
        if not first & FIN:
            self._frames.max_bytes = self._wire_bytes - len(self._parts)
            return None
        start, whole = self._first, self._parts
        self._first, self._parts = None, bytearray()
        self._frames.max_bytes = self._wire_bytes
        assert start is not None
        return self._message(start, whole)

    def _message(self, first: int, payload: bytes | bytearray) -> WSMessage:
        if first & COMPRESSED:
            assert self._inflater is not None  # the frames' reader lets no such frame pass without
            payload = self._inflater.inflate(payload, self._max_bytes)
        elif len(payload) > self._max_bytes:
            raise WebSocketError(
                WSCloseCode.MESSAGE_TOO_BIG,
                f"message of {len(payload)} bytes; the limit is {self._max_bytes} (raise max_msg_size)",
            )
        if first & OPCODE == _BINARY:
            return WSMessage(_BINARY, bytes(payload), "")
        if not self._decode_text:
            return WSMessage(_TEXT, bytes(payload), "")
        try:
            return WSMessage(_TEXT, payload.decode(), "")
        except UnicodeDecodeError as error:
            raise WebSocketError(WSCloseCode.INVALID_TEXT, f"text message is not UTF-8: {error.reason}") from error
