"""Gathers the bytes of one head until the empty line that ends it (RFC 9112 §2.1), within bounds.

Nearly every head comes whole in one read and passes through. One that is dripped is gathered in linear time.
"""

import re
from typing import Final

from trunkline.wire.errors import BadHead, FieldTooLong
from trunkline.wire.limits import MAX_FIELDS

# What no method begins with, and no empty line before a request either (RFC 9110 §5.6.2, RFC 9112 §2.2).
_NO_METHOD: Final = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z\r\n]")


class HeadBuffer:
    """What has come of a head that is not complete. is_request: the head is one of a request, not of a response."""

    __slots__ = ("_held", "_is_request", "_lines")

    def __init__(self, is_request: bool = False) -> None:
        self._held = bytearray()
        self._lines = 0
        self._is_request = is_request

    def __len__(self) -> int:
        return len(self._held)

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head without its empty line, and what follows it; None while it is not complete."""
        held = self._held
        if held:
            searched = max(0, len(held) - 3)
            held += data
            end = held.find(b"\r\n\r\n", searched)
            if end < 0:
                self._lines += data.count(b"\n")
                return None
            data = bytes(held)
            held.clear()
            self._lines = 0
        else:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                held += data
                self._lines = data.count(b"\n")
                return None
        return data[:end], data[end + 4 :]

    def check(self, max_line_bytes: int, max_field_bytes: int, max_fields: int) -> None:
        """Raise BadHead when what is held can be no such head, FieldTooLong when it is too much of one."""
        held = self._held
        if self._is_request:
            if _NO_METHOD.match(held):
                raise BadHead(f"bytes {bytes(held[:40])!r} where a request was due; wanted 'GET /path HTTP/1.1'")
        elif not b"HTTP/1.".startswith(held[:7]):
            raise BadHead(f"bytes {bytes(held[:40])!r} where a response was due; is this an HTTP/1.1 server?")
        # Many fields, each of the largest size, must not add up: a quarter of them may be as large as that.
        limit = max_line_bytes + max_field_bytes * min(max_fields, MAX_FIELDS // 4)
        if len(held) > limit:
            raise FieldTooLong(f"more than {limit} bytes of a head and no end of it (raise max_field_size)")
        last_lf = held.rfind(b"\n")
        # Who ends lines with LF alone never sends the CRLF CRLF that we wait for.
        if last_lf > 0 and held[last_lf - 1] != 0x0D:
            raise BadHead("a line of a head ends with LF alone; expected CRLF (RFC 9112 §2.2)")
        line_bytes = len(held) - last_lf - 1
        longest = max(max_line_bytes, max_field_bytes)
        if line_bytes > longest:
            raise FieldTooLong(f"a line of more than {longest} bytes in a head (raise max_field_size)")
        if self._lines > 1 + max_fields:
            raise FieldTooLong(f"more than {max_fields} field lines and no end of them (raise max_headers)")
