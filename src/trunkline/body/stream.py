"""`StreamReader`: the reading side of a body stream, by line, by portion, by chunk, or whole.

Only one coroutine may wait on a stream at a time. What was fed before an error can still be read; then the
error is raised, by every read that follows. Buffering and back-pressure are `stream_buffer`'s part; framing is
`wire/h1`'s.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from trunkline.body.stream_buffer import StreamBuffer
from trunkline.wire.coding import Decoder
from trunkline.wire.errors import CodingError
from trunkline.wire.http_exceptions import LineTooLong
from trunkline.wire.limits import MAX_DECODED_BODY_BYTES, MAX_DECODED_RATIO

DEFAULT_LIMIT: Final = 2**18  # bytes; aiohttp's read_bufsize
_SHOWN_BYTES: Final = 100  # of a line that is too long
_STEPS_PER_TURN: Final = 8  # decoding steps before the loop gets a turn: about 2 MiB, a few milliseconds

T = TypeVar("T")


class EofStream(Exception):
    """The end of a stream, for iterators that are written by hand."""


class StreamReader(StreamBuffer):
    """The body of a message as a stream (aiohttp's class of that name)."""

    __slots__ = ()

    async def read(self, n: int = -1) -> bytes:
        """Return up to `n` bytes as soon as any are there, all the rest for -1, b"" at the end."""
        if n < 0:
            return await self._read_all()
        if n == 0:
            return b""
        if not self._chunks and not await self._more("read"):
            return b""
        return self._take(n)

    async def readany(self) -> bytes:
        """Return whatever has arrived, at least one byte; b"" at the end."""
        if not self._chunks and not await self._more("readany"):
            return b""
        return self._take(self._size)

    async def readexactly(self, n: int) -> bytes:
        """Return exactly `n` bytes; raise IncompleteReadError when the body ends before."""
        parts: list[bytes] = []
        missing = n
        while missing > 0:
            try:
                part = await self.read(missing)
            except BaseException:
                self._push_back(b"".join(parts))  # who gives up takes nothing along
                raise
            if not part:
                raise asyncio.IncompleteReadError(b"".join(parts), n)
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        """Return bytes up to and including the next newline; the rest at the end."""
        return await self.readuntil(b"\n", max_size=max_line_length)

    async def readuntil(self, separator: bytes = b"\n", *, max_size: int | None = None) -> bytes:
        """Return bytes up to and including `separator`; the rest at the end.

        max_size: bytes that may be gathered, by default the stream's high mark; above it LineTooLong is raised.
        """
        if not separator:
            raise ValueError("the separator is empty; it needs at least one byte")
        bound = self._high if max_size is None else max_size
        line = bytearray()
        while await self._more_of(line):
            first = self._chunks[0]
            if line:
                found = self._extend_line(line, separator)
            else:
                end = first.find(separator, self._offset)
                found = end >= 0
                line += self._take((end + len(separator) if found else len(first)) - self._offset)
            if len(line) > bound:
                raise LineTooLong(bytes(line[:_SHOWN_BYTES]), bound)
            if found:
                break
        return bytes(line)

    async def _more_of(self, line: bytearray) -> bool:
        try:
            return await self._more("readuntil")
        except BaseException:
            self._push_back(bytes(line))  # who gives up takes nothing along
            raise

    def _extend_line(self, line: bytearray, separator: bytes) -> bool:
        """Take the next chunk into `line` up to the separator, which may have begun in the chunk before."""
        seen = max(0, len(line) - len(separator) + 1)
        line += self._take(len(self._chunks[0]) - self._offset)
        end = line.find(separator, seen)
        if end < 0:
            return False
        end += len(separator)
        self._push_back(bytes(line[end:]))
        del line[end:]
        return True

    async def readchunk(self) -> tuple[bytes, bool]:
        """Return bytes as they came, and whether a chunk of the wire ended with them; (b"", False) at the end."""
        if self._steps >= _STEPS_PER_TURN:
            await self._give_turn()
        while not self._has_data():
            if self._take_chunk_end():
                return b"", True
            if self._at_end():
                return b"", False
            await self._wait("readchunk")
        if self._take_chunk_end():
            return b"", True
        if not self._ends:
            return self._take(len(self._chunks[0]) - self._offset), False
        data = self._take(self._ends[0] - self._taken)
        return data, self._take_chunk_end()

    def _take_chunk_end(self) -> bool:
        """Tell whether a chunk of the wire ends where the reader stands; forget ends that it has passed."""
        ends = self._ends
        while ends and ends[0] < self._taken:
            ends.popleft()
        if ends and ends[0] == self._taken:
            ends.popleft()
            return True
        return False

    def read_nowait(self, n: int = -1) -> bytes:
        """Return up to `n` of the bytes that wait, all of them for -1, b"" when there are none."""
        if self._exception is not None:
            raise self._exception
        if self._waiter is not None:
            raise RuntimeError("read_nowait() while another coroutine waits for data; let only one read")
        if not self._has_data():
            return b""
        return self._take(self._size if n < 0 else n)

    def unread_data(self, data: bytes) -> None:
        """Put bytes back in front; does not wake a reader that waits. Deprecated."""
        warnings.warn(
            "unread_data() is deprecated and will be removed in future releases (#3260); keep what you have read",
            category=DeprecationWarning,
            stacklevel=2,
        )
        self._push_back(data)

    async def wait_eof(self) -> None:
        """Wait until the last byte has arrived; raise the stream's error if that comes first."""
        while not self._eof:
            if self._exception is not None:
                raise self._exception
            await self._wait("wait_eof")

    def __aiter__(self) -> "StreamIterator[bytes]":
        return StreamIterator(self.readline, _is_empty)

    def iter_chunked(self, n: int) -> "StreamIterator[bytes]":
        """Iterate over portions of at most `n` bytes."""
        return StreamIterator(lambda: self.read(n), _is_empty)

    def iter_any(self) -> "StreamIterator[bytes]":
        """Iterate over portions as they arrive."""
        return StreamIterator(self.readany, _is_empty)

    def iter_chunks(self) -> "StreamIterator[tuple[bytes, bool]]":
        """Iterate over `readchunk()`."""
        return StreamIterator(self.readchunk, _is_last_chunk)

    # Inside.

    async def _more(self, reader: str) -> bool:
        """Wait until bytes can be taken; False at the end of the body."""
        if self._steps >= _STEPS_PER_TURN:
            await self._give_turn()
        while not self._has_data():
            if self._at_end():
                return False
            await self._wait(reader)
        return True

    async def _give_turn(self) -> None:
        # Decoding does not wait for anything, so a reader that does not either would keep the loop from all else.
        self._steps = 0
        await asyncio.sleep(0)

    async def _read_all(self) -> bytes:
        if self._decoder is not None:
            return await self._decode_all(self._decoder)
        while not self._eof:
            if self._exception is not None:
                raise self._exception
            self._let_grow()
            await self._wait("read")
        if self._exception is not None:
            raise self._exception
        return self._take(self._size) if self._chunks else b""

    def _let_grow(self) -> None:
        # Who reads all needs all of it in memory: pausing in between would only cost wake-ups.
        if self._paused:
            self._resume()

    async def _decode_all(self, decoder: Decoder) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            try:
                part = await self.readany()
            except asyncio.CancelledError:
                self._push_back(b"".join(parts))  # else the next read would return the tail as if it were all
                raise
            if not part:
                return b"".join(parts)
            parts.append(part)
            total += len(part)
            if total > MAX_DECODED_BODY_BYTES and total > MAX_DECODED_RATIO * self.total_raw_bytes:
                self._fail(
                    CodingError(
                        f"a body of {self.total_raw_bytes} bytes grew beyond {total} bytes when decoded; "
                        "read it in portions with content.iter_chunked() if that is expected"
                    )
                )


class StreamIterator(Generic[T]):
    """Iterates over what `read` returns, until `is_end` says that nothing more comes."""

    __slots__ = ("_is_end", "_read")

    def __init__(self, read: Callable[[], Awaitable[T]], is_end: Callable[[T], bool]) -> None:
        self._read = read
        self._is_end = is_end

    def __aiter__(self) -> "StreamIterator[T]":
        return self

    async def __anext__(self) -> T:
        portion = await self._read()
        if self._is_end(portion):
            raise StopAsyncIteration
        return portion


def _is_empty(data: bytes) -> bool:
    return not data


def _is_last_chunk(chunk: tuple[bytes, bool]) -> bool:
    return chunk == (b"", False)
