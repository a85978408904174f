"""Decoders of the content codings: gzip, deflate, br, zstd (RFC 9110 §8.4.1; RFC 1950 to 1952, 7932, 8878).

Strategy: pull. `feed()` only queues; `decode()` inflates at most as many bytes as it is asked for, so a small
body that inflates to a huge one costs what its reader takes, and no more. A coding is a row of members (gzip
members, zstd frames; deflate and br have one), and a body that ends inside a member was cut short. How much a
whole body may grow is the reader's bound, not ours. Which name means which coding is told in `coding`.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Protocol

from trunkline.wire.errors import CodingError
from trunkline.wire.limits import (
    MAX_BARREN_BYTES,
    MAX_DECODE_STEP_BYTES,
    MAX_EMPTY_MEMBERS,
    MAX_ZSTD_WINDOW_LOG,
)
from trunkline.wire.optional import load_brotli, load_zstd
from trunkline.wire.zlib_backend import zlib_library

# The libraries copy input that they could not use yet at each step: small slices keep that cheap.
_SLICE_BYTES = 16 * 1024
_GZIP_WBITS = 31  # zlib's notation for: a gzip member, window of 32 KiB


class Decoder(Protocol):
    """Takes one content coding, or several, off a body."""

    @property
    def has_pending(self) -> bool:
        """Whether decode() may return more without new input."""

    def feed(self, data: bytes) -> None:
        """Queue bytes as they came; nothing is decoded yet."""

    def decode(self, max_bytes: int) -> bytes:
        """Return 1 to `max_bytes` decoded bytes, or b"" when more input is needed. Raises CodingError."""

    def finish(self) -> None:
        """Raise CodingError if the body was cut short; for the end of the body, when nothing is pending.

        A body without a single byte is whole: servers do send one with a Content-Encoding.
        """


class _MemberDecoder(ABC):
    """What the codings share: the queue of input, and the row of members."""

    coding: str
    error: type[Exception]  # what the library raises for damaged data

    def __init__(self) -> None:
        self._input: deque[bytes] = deque()
        self._is_open = False  # a member has begun and not ended
        self._is_full = False  # the library holds output, or input, back: it may step without new input
        self._empty_members = 0  # in a row

    @property
    def has_pending(self) -> bool:
        return self._is_full or bool(self._input)

    def feed(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE_BYTES):
            self._input.append(data[start : start + _SLICE_BYTES])

    def decode(self, max_bytes: int) -> bytes:
        while self._is_full or self._input:
            data = b"" if self._is_full else self._input.popleft()
            try:
                output = self._step(data, max_bytes)
            except self.error as error:
                raise CodingError(f"damaged {self.coding} data: {error}") from error
            if output:
                self._empty_members = 0
                return output
        return b""

    def finish(self) -> None:
        if self._is_open:
            raise CodingError(f"the body ended inside its {self.coding} data; it was cut short")

    @abstractmethod
    def _step(self, data: bytes, max_bytes: int) -> bytes:
        """Decode `data` and what was held back, up to `max_bytes`; keep `_is_open` and `_is_full` right."""

    def _end_member(self, unused: bytes) -> None:
        self._is_open = self._is_full = False
        if unused:
            self._input.appendleft(unused)
        # Members cost more to set up than bytes to read, so a row of empty ones would block the loop.
        self._empty_members += 1
        if self._empty_members > MAX_EMPTY_MEMBERS:
            raise CodingError(f"more than {MAX_EMPTY_MEMBERS} {self.coding} members without content in a row")


class GzipDecoder(_MemberDecoder):
    """RFC 1952: any number of members; zeros after one are padding, as for gzip(1), all else is damage."""

    coding = "gzip"

    def __init__(self) -> None:
        super().__init__()
        self._library = zlib_library()
        self.error = self._library.error
        self._member = self._library.decompressobj(_GZIP_WBITS)
        self._has_ended_member = False

    def _step(self, data: bytes, max_bytes: int) -> bytes:
        if not self._is_open:
            data = self._begin_member(data)
            if not data:
                return b""
        return self._inflate(data, max_bytes)

    def _begin_member(self, data: bytes) -> bytes:
        if self._has_ended_member:
            data = data.lstrip(b"\0")
        if data:
            self._member = self._library.decompressobj(_GZIP_WBITS)
            self._is_open = True
        return data

    def _inflate(self, data: bytes, max_bytes: int) -> bytes:
        member = self._member
        output: bytes = member.decompress(member.unconsumed_tail + data, max_bytes)
        self._is_full = len(output) == max_bytes
        if member.eof:
            self._has_ended_member = True
            self._end_member(member.unused_data)
        return output


class DeflateDecoder(GzipDecoder):
    """RFC 1950, and bare RFC 1951, which some servers send (RFC 9110 §8.4.1.2 has a note on them)."""

    coding = "deflate"

    def _begin_member(self, data: bytes) -> bytes:
        if self._has_ended_member:
            raise CodingError(f"{len(data)} bytes or more after the end of the deflate data; wanted none")
        # RFC 1950 §2.2: the low half of a zlib header's first byte is 8. A bare stream could begin so only
        # with a stored block whose padding is not zero, which no encoder writes.
        is_zlib = data[0] & 0x0F == 8
        self._member = self._library.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        self._is_open = True
        return data


class BrotliDecoder(_MemberDecoder):
    """RFC 7932: one stream; bytes after it are damage."""

    coding = "br"

    def __init__(self) -> None:
        super().__init__()
        brotli = load_brotli()
        self.error = brotli.error
        self._stream: Any = brotli.Decompressor()  # the library is optional and has no types
        self._surplus = memoryview(b"")  # brotli fills whole buffers, and so goes beyond the bound
        self._may_step = False  # it may give more without new input

    def _step(self, data: bytes, max_bytes: int) -> bytes:
        if not self._surplus:
            self._surplus = memoryview(self._stream.process(data, output_buffer_limit=max_bytes))
            self._is_open = not self._stream.is_finished()
            # A reached bound means that there may be more, even if all input was taken.
            is_stopped = len(self._surplus) >= max_bytes or not self._stream.can_accept_more_data()
            self._may_step = self._is_open and is_stopped
        output, self._surplus = self._surplus[:max_bytes], self._surplus[max_bytes:]
        self._is_full = self._may_step or bool(self._surplus)
        return bytes(output)


class ZstdDecoder(_MemberDecoder):
    """RFC 8878: any number of frames, within the window that RFC 9659 allows in HTTP."""

    coding = "zstd"

    def __init__(self) -> None:
        super().__init__()
        self._zstd = load_zstd()
        self.error = self._zstd.ZstdError
        self._frame: Any = None  # the library is optional

    def _step(self, data: bytes, max_bytes: int) -> bytes:
        if not self._is_open:
            options = {self._zstd.DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_LOG}
            self._frame = self._zstd.ZstdDecompressor(options=options)
            self._is_open = True
        output: bytes = self._frame.decompress(data, max_length=max_bytes)
        self._is_full = not self._frame.needs_input
        if self._frame.eof:
            self._end_member(self._frame.unused_data)
        return output


class StackedDecoder:
    """Several codings, of which the last applied is taken off first."""

    def __init__(self, outer: Decoder, inner: Decoder) -> None:
        self._outer = outer
        self._inner = inner
        self._barren_bytes = 0  # went from outer to inner since inner gave any output

    @property
    def has_pending(self) -> bool:
        return self._inner.has_pending or self._outer.has_pending

    def feed(self, data: bytes) -> None:
        self._outer.feed(data)

    def decode(self, max_bytes: int) -> bytes:
        while True:
            output = self._inner.decode(max_bytes)
            if output:
                self._barren_bytes = 0
                return output
            between = self._outer.decode(MAX_DECODE_STEP_BYTES)
            if not between:
                return b""
            # A few bytes can inflate to gigabytes of, say, file name in an inner gzip header.
            self._barren_bytes += len(between)
            if self._barren_bytes > MAX_BARREN_BYTES:
                raise CodingError(f"{self._barren_bytes} bytes of stacked codings came to no content; wanted some")
            self._inner.feed(between)

    def finish(self) -> None:
        self._outer.finish()
        self._inner.finish()
