"""Response heads: values to bytes (RFC 9112 §4 and §5), for the server role."""

from collections.abc import Iterable
from typing import Final

from trunkline.wire.limits import MAX_CACHED_LINES
from trunkline.wire.message import FieldBlock
from trunkline.wire.version import HttpVersion, HttpVersion11

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"  # RFC 9110 §15.2.1

_status_lines: dict[tuple[HttpVersion, int, str], bytes] = {}


def check_reason(reason: str) -> None:
    """Raise ValueError for a reason phrase that could end its line, or cannot be encoded."""
    if any((c < " " and c != "\t") or c == "\x7f" for c in reason):
        raise ValueError(f"control character in the reason {reason[:60]!r}; remove it (RFC 9112 §4)")
    reason.encode("utf-8", "surrogateescape")


def render_status_line(version: HttpVersion, status: int, reason: str) -> bytes:
    """Return the status line with its CRLF. Raises ValueError for a reason that would end it, and for no status."""
    key = (version, status, reason)
    line = _status_lines.get(key)
    if line is None:
        if not 100 <= status <= 999:
            raise ValueError(f"status {status}; wanted three digits, from 100 to 999 (RFC 9112 §4)")
        check_reason(reason)
        minor = 1 if version >= HttpVersion11 else 0
        line = f"HTTP/1.{minor} {status} {reason}\r\n".encode("utf-8", "surrogateescape")
        if len(_status_lines) >= MAX_CACHED_LINES:
            _status_lines.clear()
        _status_lines[key] = line
    return line


def render_response_head(status_line: bytes, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the whole head, with the empty line that ends it. Raises ValueError for what must not be sent."""
    return b"%b%b\r\n" % (status_line, FieldBlock(fields).h1)
