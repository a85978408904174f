"""The chunked transfer coding (RFC 9112 §7.1), both ways.

Decoding asks one regular expression for each chunk: it matches the CRLF that ends the chunk before, the size
line and its extensions, exactly as the ABNF has them. Only when it does not match do we ask whether the line
is damaged or not there yet. What is held back between calls is at most one unfinished line. Extensions are
read and dropped. Merging trailers into the head, and what to do with the bytes after the body, are the
caller's.
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.wire.errors import BadChunk, BadHead
from trunkline.wire.fields import TOKEN_BYTES, parse_field_line
from trunkline.wire.limits import (
    CHUNK_OVERHEAD_RATIO,
    FREE_CHUNK_OVERHEAD_BYTES,
    MAX_CHUNK_DIGITS,
    MAX_CHUNK_LINE_BYTES,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
)

LAST_CHUNK: Final = b"0\r\n\r\n"

# chunk-size = 1*HEXDIG
# chunk-ext  = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
# Every repetition is possessive, so that a hostile line costs linear time.
_SIZE = rb"([0-9A-Fa-f]{1,%d}+)" % MAX_CHUNK_DIGITS
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'  # RFC 9110 §5.6.4: quoted-string
_EXTENSION = rb"[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|%b))?" % (
    TOKEN_BYTES.pattern,
    TOKEN_BYTES.pattern,
    _QUOTED,
)
_SIZE_LINE = re.compile(rb"\r\n" + _SIZE + rb"(?:" + _EXTENSION + rb")*+\r\n")
# What may still become such a line when more bytes arrive.
_UNFINISHED_SIZE_LINE = re.compile(rb"\r?|\r\n(?:" + _SIZE + rb"(?:[ \t;][^\0\r\n]*+)?\r?)?")

_MAX_SIZE_LINE = MAX_CHUNK_LINE_BYTES + 4  # both CRLFs are part of the match
_SHORT_SIZE_LINE = MAX_CHUNK_DIGITS + 4  # without extensions
_SHOWN = 60  # bytes of the peer's that a message repeats


class ChunkedDecoder:
    """Takes the chunks of one body apart as their bytes arrive."""

    __slots__ = (
        "_data_left",
        "_held",
        "_is_in_trailers",
        "_max_field_size",
        "_max_fields",
        "_overhead",
        "_received",
        "trailers",
    )

    def __init__(self, max_field_size: int = MAX_FIELD_BYTES, max_fields: int = MAX_FIELDS) -> None:
        self.trailers: list[tuple[str, str]] = []
        self._max_field_size = max_field_size
        self._max_fields = max_fields
        self._data_left = 0  # of the chunk that we are in
        self._received = 0  # body bytes so far
        self._overhead = 0  # bytes in size lines that had extensions
        self._is_in_trailers = False
        self._held = b"\r\n"  # as if a chunk had ended: so the first size line looks like all others

    @property
    def missing(self) -> str:
        """What has not come yet, in words."""
        return "the last chunk"

    def decode(self, data: bytes, pieces: list[bytes], ends: list[int]) -> bytes | None:
        """Append to `pieces` what `data` holds of the body, to `ends` the body offsets where chunks end.

        Returns None while the body goes on, else the bytes after it; `trailers` is complete then, and
        decode() must not be called again. Raises BadChunk; what was appended before is still good.
        """
        if self._is_in_trailers:
            return self._decode_trailers(self._held + data, 0)
        size = self._data_left
        if not size:
            data = self._held + data
        start = 0
        while True:
            if size:
                end = start + size
                if end > len(data):
                    self._wait_for_data(data, start, size, pieces)
                    return None
                pieces.append(data[start:end])
                self._received += size
                ends.append(self._received)
                start = end
            match = _SIZE_LINE.match(data, start, start + _MAX_SIZE_LINE)
            if match is None:
                self._wait_for_size_line(data, start)
                return None
            line_bytes = match.end() - start
            if line_bytes > _SHORT_SIZE_LINE:
                self._count_overhead(line_bytes)
            start += line_bytes
            size = int(match[1], 16)
            if not size:
                self._is_in_trailers = True
                return self._decode_trailers(data, start)

    def _wait_for_data(self, data: bytes, start: int, size: int, pieces: list[bytes]) -> None:
        available = len(data) - start
        if available:
            pieces.append(data[start:])
            self._received += available
        self._data_left = size - available

    def _wait_for_size_line(self, data: bytes, start: int) -> None:
        if _UNFINISHED_SIZE_LINE.fullmatch(data, start, start + _MAX_SIZE_LINE) is None:
            raise BadChunk(_what_is_wrong_with_size_line(data, start))
        if len(data) - start >= _MAX_SIZE_LINE:
            raise BadChunk(f"chunk size line of more than {MAX_CHUNK_LINE_BYTES} bytes; shorten its extensions")
        self._data_left = 0
        self._held = data[start:]

    def _count_overhead(self, line_bytes: int) -> None:
        # Else a peer could make us read gigabytes of extensions for a body of a few bytes. (CVE-2023-39326)
        self._overhead += line_bytes
        limit = FREE_CHUNK_OVERHEAD_BYTES + CHUNK_OVERHEAD_RATIO * self._received
        if self._overhead > limit:
            raise BadChunk(
                f"{self._overhead} bytes of chunk extensions for a body of {self._received} bytes;"
                f" the limit is {limit}, send fewer extensions or larger chunks"
            )

    def _decode_trailers(self, data: bytes, start: int) -> bytes | None:
        max_line = self._max_field_size + 2  # with its CRLF
        while (end := data.find(b"\r\n", start, start + max_line)) != start:
            line = data[start : end if end >= 0 else start + max_line]
            if end < 0 and len(line) < max_line and b"\n" not in line:
                self._held = line
                return None
            self.trailers.append(self._parse_trailer(line))
            start = end + 2
        return data[start + 2 :]

    def _parse_trailer(self, line: bytes) -> tuple[str, str]:
        if len(self.trailers) >= self._max_fields:
            raise BadChunk(f"more than {self._max_fields} trailer fields; send fewer (or raise max_headers)")
        if len(line) > self._max_field_size:
            raise BadChunk(f"trailer field of more than {self._max_field_size} bytes (raise max_field_size)")
        try:
            return parse_field_line(line)
        except BadHead as error:
            raise BadChunk(f"bad trailer: {error}") from error


def render_chunk(data: bytes) -> bytes:
    """Return `data` as one chunk; no data is no chunk, because an empty one would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def _what_is_wrong_with_size_line(data: bytes, start: int) -> str:
    if not b"\r\n".startswith(data[start : start + 2]):
        return f"{data[start : start + 2]!r} after a chunk's data; wanted CRLF (is the size of the chunk right?)"
    line = data[start + 2 : start + 2 + _SHOWN]
    return f"chunk size line {line!r}; wanted up to {MAX_CHUNK_DIGITS} hex digits, extensions, CRLF"
