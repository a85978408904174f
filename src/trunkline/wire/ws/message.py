"""WebSocket messages as users see them: their kinds, close codes (RFC 6455 §7.4) and errors, by aiohttp's names.

Above the wire's opcodes stand three kinds that no frame has: CLOSING, CLOSED and ERROR tell a reader how things are
with the connection.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple


class WSMsgType(IntEnum):
    """The kind of a message: an opcode of RFC 6455 §5.2, or what became of the connection."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA

    CLOSING = 0x100
    CLOSED = 0x101
    ERROR = 0x102

    # The same by the names that early versions of the API had.
    text = TEXT
    binary = BINARY
    ping = PING
    pong = PONG
    close = CLOSE
    closing = CLOSING
    closed = CLOSED
    error = ERROR


class WSCloseCode(IntEnum):
    """Why a connection was closed: RFC 6455 §7.4.1 and the IANA registry of WebSocket close codes."""

    OK = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    ABNORMAL_CLOSURE = 1006  # never on the wire: told when the connection ended without a Close frame
    INVALID_TEXT = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014


class WSMessage(NamedTuple):
    """One message. extra: the reason, of a CLOSE message."""

    type: WSMsgType
    # Any: str, bytes, int, an exception or None, as `type` says; the public API has one class for all.
    data: Any
    extra: str | None

    def json(self, *, loads: Callable[[str | bytes | bytearray], Any] = json.loads) -> Any:
        """Return the data, parsed as JSON."""
        return loads(self.data)


CLOSING_MESSAGE: Final = WSMessage(WSMsgType.CLOSING, None, None)
CLOSED_MESSAGE: Final = WSMessage(WSMsgType.CLOSED, None, None)


class WSMessageTypeError(TypeError):
    """A message of another kind came than the one that was asked for."""
