"""Multipart bodies, taken apart: boundary lines, the parts' fields, and their bytes (RFC 2046 §5.1.1, RFC 7578).

Pull parser: `feed()` bytes in pieces of any size, and ask for events until one says that more are needed. A
delimiter is found by `bytes.find` over whole pieces; at most one delimiter's length of a part, or one field
line, is held back. Strict: lines end in CRLF, and a line that only begins like a delimiter is data. What a
part's fields mean, codings and nesting are the readers' part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from trunkline.wire.errors import BadMultipart, FieldTooLong
from trunkline.wire.fields import parse_field_line
from trunkline.wire.limits import (
    MAX_BOUNDARY_LENGTH,
    MAX_BOUNDARY_PADDING,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_PART_HEAD_BYTES,
    MAX_PREAMBLE_BYTES,
)

_CRLF: Final = b"\r\n"
# What follows CRLF "--" boundary (RFC 2046 §5.1.1). All else makes data of it.
_CLOSES, _GOES_ON, _IS_CUT = 1, 2, 3
_AFTER_BOUNDARY: Final = re.compile(
    rb"(--)|([ \t]{0,%d}+\r\n)|(-\Z|[ \t]{0,%d}+\r?\Z)" % (MAX_BOUNDARY_PADDING, MAX_BOUNDARY_PADDING)
)


@dataclass(frozen=True, slots=True)
class PartHead:
    """A part begins; these are its fields."""

    fields: list[tuple[str, str]]


class Mark(Enum):
    """Events without a value."""

    NEED_DATA = "need data"
    PART_END = "the part is over"
    END = "the last boundary came; what follows is no longer of interest"


Event = PartHead | bytes | Mark  # bytes: a piece of the part, never empty


class MultipartParser:
    """Turns the bytes of one multipart body into events.

    boundary: without the two hyphens. is_in_part: the bytes begin with a part's content, not before its head.
    """

    def __init__(
        self,
        boundary: bytes,
        *,
        max_field_bytes: int = MAX_FIELD_BYTES,
        max_fields: int = MAX_FIELDS,
        is_in_part: bool = False,
    ) -> None:
        """Raises BadMultipart for a boundary that RFC 2046 §5.1.1 does not allow."""
        if not 0 < len(boundary) <= MAX_BOUNDARY_LENGTH or b"\r" in boundary or b"\n" in boundary:
            raise BadMultipart(
                f"boundary of {len(boundary)} bytes: {boundary[:MAX_BOUNDARY_LENGTH]!r}; "
                f"wanted 1 to {MAX_BOUNDARY_LENGTH} without CR and LF (RFC 2046 §5.1.1)"
            )
        self._delimiter = b"\r\n--" + boundary
        self._max_field_bytes = max_field_bytes
        self._max_fields = max_fields
        # The CRLF of a delimiter may be the one that ends the head before it, so that CRLF stays in the
        # buffer, though it is no content. The first delimiter needs none, so it gets one.
        self._buffer = _CRLF
        self._pos = 0
        self._skip = len(_CRLF)  # bytes at `_pos` that belong to a delimiter, or to nothing
        self._left: int | None = None  # bytes of the part to come, when its length was told
        self._preamble_bytes = 0
        self._fields: list[tuple[str, str]] = []
        self._head_bytes = 0
        self._is_eof = False
        self._state: Callable[[], Event | None] = self._content if is_in_part else self._preamble

    def feed(self, data: bytes) -> None:
        """Take bytes; all events of earlier ones must have been taken."""
        self._buffer = self._buffer[self._pos :] + data if self._pos < len(self._buffer) else data
        self._pos = 0

    def feed_eof(self) -> None:
        """Tell that no more bytes come: a body that is not over is an error from now on."""
        self._is_eof = True

    def expect_length(self, length: int) -> None:
        """Tell how long the part that just began is, so that its end is seen before the next delimiter comes.

        A delimiter that stands elsewhere is then an error.
        """
        self._left = length or None  # of an empty part nothing is to be gained

    def next_event(self) -> Event:
        """Return what comes next. Raises BadMultipart or BadHead; the rest of the body is then lost."""
        while (event := self._state()) is None:
            pass
        if event is Mark.NEED_DATA and self._is_eof:
            raise BadMultipart(
                f"the body ended without its closing boundary {self._delimiter[2:] + b'--'!r}; it was cut short"
            )
        return event

    # The states. Each returns an event, or None when the next one goes on.

    def _preamble(self) -> Event | None:
        end, after = self._next_boundary()
        if after is not None and end == self._pos:
            return self._cross(after)
        self._preamble_bytes += end - self._pos
        self._pos = end
        if self._preamble_bytes > MAX_PREAMBLE_BYTES:
            raise BadMultipart(f"no line {self._delimiter[2:]!r} within {MAX_PREAMBLE_BYTES} bytes; wrong boundary?")
        return Mark.NEED_DATA if after is None else None

    def _head(self) -> Event:
        buffer = self._buffer
        while (end := buffer.find(_CRLF, self._pos)) >= 0:
            line = buffer[self._pos : end]
            if not line:
                return self._begin_content()
            if line.startswith(self._delimiter[2:]) and self._is_delimiter(line):
                # A part without so much as the empty line: some servers end their streams so.
                self._buffer = _CRLF + buffer[self._pos :]
                self._pos = 0
                return self._begin_content()
            self._add_field(line)
            self._pos = end + len(_CRLF)
        if len(buffer) - self._pos > self._max_field_bytes:
            raise self._field_too_long()
        return Mark.NEED_DATA

    def _content(self) -> Event:
        end, after = self._next_boundary()
        if after is None or end > self._pos + self._skip:
            return self._piece(end)
        if self._left and after.lastindex != _IS_CUT:
            raise BadMultipart(f"a boundary came {self._left} bytes before the end of the part by its Content-Length")
        return self._cross(after) or Mark.PART_END

    def _length_reached(self) -> Event:
        self._state = self._between_parts
        return Mark.PART_END

    def _between_parts(self) -> Event | None:
        """Look for the delimiter that must follow a part of known length."""
        delimiter = self._delimiter
        rest = self._buffer[self._pos : self._pos + len(delimiter)]
        if self._is_eof and rest in (b"", _CRLF):  # an open series, such as multipart/x-mixed-replace, just stops
            self._state = self._end
            return None
        after = self._after_boundary(self._pos) if rest == delimiter else None
        if after is not None:
            return self._cross(after)
        if rest != delimiter and delimiter.startswith(rest):
            return Mark.NEED_DATA
        raise BadMultipart(f"the part is longer than its Content-Length; wanted {delimiter!r} behind it, got {rest!r}")

    def _end(self) -> Event:
        return Mark.END

    # Inside the states.

    def _next_boundary(self) -> tuple[int, re.Match[bytes] | None]:
        """Return where the next delimiter begins and what follows it, or how far there is none."""
        at = self._buffer.find(self._delimiter, self._pos)
        while at >= 0:
            after = self._after_boundary(at)
            if after is not None:
                return at, after
            at = self._buffer.find(self._delimiter, at + 1)
        return self._end_of_content(), None

    def _after_boundary(self, at: int) -> re.Match[bytes] | None:
        """Return what follows the delimiter's bytes at `at`; None when they are content after all."""
        return _AFTER_BOUNDARY.match(self._buffer, at + len(self._delimiter))

    def _is_delimiter(self, line: bytes) -> bool:
        return line[len(self._delimiter) - 2 :].strip(b" \t") in (b"", b"--")

    def _cross(self, after: re.Match[bytes]) -> Mark | None:
        if after.lastindex == _IS_CUT:
            return Mark.NEED_DATA
        self._pos = after.end()
        self._state = self._end if after.lastindex == _CLOSES else self._head
        return None

    def _add_field(self, line: bytes) -> None:
        if len(line) > self._max_field_bytes:
            raise self._field_too_long()
        self._head_bytes += len(line)
        if len(self._fields) == self._max_fields or self._head_bytes > MAX_PART_HEAD_BYTES:
            raise FieldTooLong(
                f"more than {self._max_fields} field lines or {MAX_PART_HEAD_BYTES} bytes in the head of a part"
            )
        self._fields.append(parse_field_line(line))

    def _field_too_long(self) -> FieldTooLong:
        return FieldTooLong(f"field line of a part of more than {self._max_field_bytes} bytes (raise max_field_size)")

    def _begin_content(self) -> PartHead:
        head = PartHead(self._fields)
        self._fields = []
        self._head_bytes = 0
        self._left = None
        self._skip = len(_CRLF)
        self._state = self._content
        return head

    def _piece(self, end: int) -> bytes | Mark:
        start = self._pos + self._skip
        if end <= start:
            return Mark.NEED_DATA
        data = self._buffer[start:end]
        self._pos = end
        self._skip = 0
        if self._left is not None:
            self._count(len(data))
        return data

    def _count(self, length: int) -> None:
        assert self._left is not None
        self._left -= length
        if self._left < 0:
            raise BadMultipart(f"the part is {-self._left} bytes longer than its Content-Length, or more")
        if self._left == 0:
            self._state = self._length_reached

    def _end_of_content(self) -> int:
        """Return where the bytes end that cannot belong to a delimiter; only its first byte is a CR."""
        buffer = self._buffer
        cut = buffer.rfind(b"\r", max(self._pos, len(buffer) - len(self._delimiter) + 1))
        return cut if cut >= 0 and self._delimiter.startswith(buffer[cut:]) else len(buffer)
