"""The numbers of HTTP/2: error codes, frame types, flags and settings (RFC 9113 §6, §7 and §11)."""

from enum import IntEnum
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # §3.4: what a client says first

DEFAULT_WINDOW: Final = 65_535  # §6.9.2: of a stream and of the connection, until a peer says otherwise
MAX_WINDOW: Final = 2**31 - 1  # §6.9.1
DEFAULT_FRAME_BYTES: Final = 16_384  # §6.5.2: what every peer takes
MAX_FRAME_BYTES: Final = 2**24 - 1  # §6.5.2
MAX_STREAM_ID: Final = 2**31 - 1  # §5.1.1

# Frame types (§6). Plain numbers: they are compared for each frame.
DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

# Flags (§6).
END_STREAM: Final = 0x01
ACK: Final = 0x01
END_HEADERS: Final = 0x04
PADDED: Final = 0x08
PRIORITY_FLAG: Final = 0x20


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (§7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class Setting(IntEnum):
    """What a peer may set (§6.5.2; RFC 8441 §3 for the last)."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    ENABLE_CONNECT_PROTOCOL = 0x8


def error_name(code: int) -> str:
    """Return the name of an error code; an unknown one has the meaning of INTERNAL_ERROR (§7)."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code:#x}"
