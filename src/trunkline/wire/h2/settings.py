"""What a peer has set, and what it may set (RFC 9113 §6.5)."""

import struct
from collections.abc import Iterable
from math import inf
from typing import Final

from trunkline.wire.errors import H2Fault
from trunkline.wire.h2.codes import DEFAULT_FRAME_BYTES, DEFAULT_WINDOW, MAX_FRAME_BYTES, MAX_WINDOW, ErrorCode, Setting

_ENTRY: Final = struct.Struct(">HI")


class PeerSettings:
    """The peer's settings, at first those of §6.5.2.

    max_streams: that we may have open at a time. allows_connect: RFC 8441, a server takes WebSockets.
    """

    __slots__ = ("allows_connect", "max_field_list_bytes", "max_frame_bytes", "max_streams", "table_bytes", "window")

    def __init__(self) -> None:
        self.table_bytes = 4096
        self.max_streams: float = inf
        self.window = DEFAULT_WINDOW
        self.max_frame_bytes = DEFAULT_FRAME_BYTES
        self.max_field_list_bytes: float = inf
        self.allows_connect = False

    def take(self, entries: Iterable[tuple[int, int]], *, is_servers: bool) -> None:
        """Take what a SETTINGS frame says; the last value of a setting counts. Raises H2Fault."""
        for setting, value in entries:
            if setting == Setting.HEADER_TABLE_SIZE:
                self.table_bytes = value
            elif setting == Setting.ENABLE_PUSH:
                _check(value <= (0 if is_servers else 1), "ENABLE_PUSH", value)
            elif setting == Setting.MAX_CONCURRENT_STREAMS:
                self.max_streams = value
            elif setting == Setting.INITIAL_WINDOW_SIZE:
                _check(value <= MAX_WINDOW, "INITIAL_WINDOW_SIZE", value, ErrorCode.FLOW_CONTROL_ERROR)
                self.window = value
            elif setting == Setting.MAX_FRAME_SIZE:
                _check(DEFAULT_FRAME_BYTES <= value <= MAX_FRAME_BYTES, "MAX_FRAME_SIZE", value)
                self.max_frame_bytes = value
            elif setting == Setting.MAX_HEADER_LIST_SIZE:
                self.max_field_list_bytes = value
            elif setting == Setting.ENABLE_CONNECT_PROTOCOL:
                _check(value <= 1 and value >= self.allows_connect, "ENABLE_CONNECT_PROTOCOL", value)
                self.allows_connect = bool(value)


def _check(is_right: bool, name: str, value: int, code: ErrorCode = ErrorCode.PROTOCOL_ERROR) -> None:
    if not is_right:
        raise H2Fault(code, f"SETTINGS_{name} of {value}, which no peer may set (RFC 9113 §6.5.2)")


def parse_settings(payload: bytes) -> list[tuple[int, int]]:
    """Return the settings of a frame. Raises H2Fault for half a setting."""
    if len(payload) % _ENTRY.size:
        raise H2Fault(ErrorCode.FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes; wanted a multiple of 6 (§6.5)")
    return list(_ENTRY.iter_unpack(payload))


def render_settings(settings: dict[Setting, int]) -> bytes:
    """Return the payload of a SETTINGS frame."""
    return b"".join([_ENTRY.pack(setting, value) for setting, value in settings.items()])
