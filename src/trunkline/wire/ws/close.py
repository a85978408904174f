"""The payload of a Close frame: a code and a reason, both optional (RFC 6455 §5.5.1 and §7.4)."""

from __future__ import annotations

from typing import Final

from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import MAX_CONTROL_BYTES
from trunkline.wire.ws.message import WSCloseCode

# 1005, 1006 and 1015 stand for what no frame said; 1004 and the rest below 3000 are reserved (§7.4.1, §7.4.2).
_NAMED_CODES: Final = frozenset(WSCloseCode) - {WSCloseCode.ABNORMAL_CLOSURE}
_OPEN_CODES: Final = range(3000, 5000)  # §7.4.2: libraries and applications


def parse_close(payload: bytes) -> tuple[int, str]:
    """Return code and reason, 0 and "" where there are none. Raises WebSocketError."""
    if not payload:
        return 0, ""
    if len(payload) == 1:
        raise WebSocketError(WSCloseCode.PROTOCOL_ERROR, "Close frame with 1 byte; wanted none, or a code of 2 bytes")
    code = int.from_bytes(payload[:2], "big")
    if not _may_be_sent(code):
        raise WebSocketError(
            WSCloseCode.PROTOCOL_ERROR, f"close code {code} must not be sent; wanted one of RFC 6455 §7.4, or 3000-4999"
        )
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError as error:
        raise WebSocketError(WSCloseCode.INVALID_TEXT, f"close reason is not UTF-8: {error}") from error


def render_close(code: int, reason: bytes) -> bytes:
    """Return the payload that says `code`, and `reason` in UTF-8. Raises ValueError for what must not be sent."""
    if not _may_be_sent(code):
        raise ValueError(f"close code {code} must not be sent; use one of RFC 6455 §7.4, or 3000-4999 for your own")
    if len(reason) + 2 > MAX_CONTROL_BYTES:
        raise ValueError(f"close reason of {len(reason)} bytes; the limit is {MAX_CONTROL_BYTES - 2} (RFC 6455 §5.5)")
    return code.to_bytes(2, "big") + reason


def _may_be_sent(code: int) -> bool:
    return code in _NAMED_CODES or code in _OPEN_CODES
