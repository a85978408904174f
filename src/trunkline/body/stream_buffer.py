"""The feeding side of a body stream: what arrived, what may wait, and when to pause the connection.

The connection feeds bytes as they arrive. When more than twice `limit` bytes wait, it is told to pause reading;
below `limit` it goes on. A content coding is undone when somebody reads, a bounded step at a time, so that a
small body that inflates to a huge one costs its reader no more memory than it asked for. How readers take the
bytes is `stream`'s part.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NoReturn, Protocol

from trunkline.wire.coding import Decoder
from trunkline.wire.errors import CodingError
from trunkline.wire.limits import MAX_DECODE_STEP_BYTES


class ReadPauser(Protocol):
    """What a stream needs of the connection that feeds it."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


def as_is(error: Exception) -> Exception:
    """Leave an error to be raised as the decoder raised it."""
    return error


class StreamBuffer:
    """Bytes of a body between the connection that feeds them and the reader that takes them."""

    __slots__ = (
        "__weakref__",
        "_as_public",
        "_chunks",
        "_coded",
        "_decoder",
        "_ends",
        "_eof",
        "_eof_callbacks",
        "_exception",
        "_high",
        "_is_damaged",
        "_loop",
        "_low",
        "_offset",
        "_paused",
        "_protocol",
        "_size",
        "_steps",
        "_taken",
        "_waiter",
        "total_bytes",
        "total_raw_bytes",
    )

    def __init__(
        self,
        protocol: ReadPauser,
        limit: int,
        *,
        timer: object | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        decoder: Decoder | None = None,
        as_public: Callable[[Exception], Exception] = as_is,
    ) -> None:
        """limit: bytes; reading pauses above twice as many. timer: accepted for compatibility.

        as_public: makes the error that readers see of one that the decoder raised.
        """
        limit = max(limit, 1)  # below 0 bytes, reading could never go on
        self._protocol = protocol
        self._low = limit
        self._high = limit * 2
        self._loop = loop
        self._decoder = decoder
        self._as_public = as_public
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # bytes of the first chunk that were taken
        self._size = 0  # bytes that can be taken
        self._coded = 0  # bytes handed to the decoder since it last ran dry
        self._steps = 0  # of decoding since the loop last had a turn
        self._is_damaged = False  # the decoder has failed: nothing more may come out of it
        self._taken = 0  # bytes handed to the reader
        self._ends: deque[int] | None = None  # offsets at which chunks of the wire ended
        self._eof = False
        self._exception: BaseException | None = None
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._eof_callbacks: list[Callable[[], None]] = []
        self.total_bytes = 0
        self.total_raw_bytes = 0

    def __repr__(self) -> str:
        state = "eof" if self._eof else "open"
        error = f" e={self._exception!r}" if self._exception is not None else ""
        return f"<{type(self).__name__} {state} {self._size} bytes waiting{error}>"

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        """Append bytes of the body; return True when the feeder should pause. size: accepted for compatibility."""
        if not data:
            return False
        length = len(data)
        self.total_raw_bytes += length
        if self._decoder is None:
            self.total_bytes += length
            self._size += length
            self._chunks.append(data)
        else:
            self._coded += length
            self._decoder.feed(data)
        if self._waiter is not None:
            self._wake()
        if self._size + self._coded > self._high and not self._paused:
            self._paused = True
            self._protocol.pause_reading()
        return self._paused

    def feed_eof(self) -> None:
        """Tell that the body is complete."""
        self._eof = True
        if self._paused:
            self._resume()  # the connection may serve others by now, whether or not this body is ever read
        if self._waiter is not None:
            self._wake()
        if self._eof_callbacks:
            callbacks, self._eof_callbacks = self._eof_callbacks, []
            for callback in callbacks:
                callback()

    def begin_http_chunk_receiving(self) -> None:
        """Tell that the body comes in chunks (RFC 9112 §7.1) whose ends `readchunk` reports."""
        if self._ends is None:
            self._ends = deque()

    def end_http_chunk_receiving(self) -> None:
        """Tell that a chunk ended with the last byte fed."""
        self.mark_chunk_end(self.total_raw_bytes)

    def mark_chunk_end(self, offset: int) -> None:
        """Tell that a chunk ended `offset` bytes into the body."""
        if self._decoder is not None:  # decoded bytes know no chunks
            return
        ends = self._ends
        if ends is None:
            ends = self._ends = deque()
        while ends and ends[0] < self._taken:  # else they would pile up when nobody asks for them
            ends.popleft()
        if not ends or ends[-1] != offset:
            ends.append(offset)
            if self._waiter is not None:
                self._wake()

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """End the stream with an error; a reader that waits is woken by it."""
        if exc_cause is not None:
            exc.__cause__ = exc_cause
        self._exception = exc
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(exc)
        self._eof_callbacks.clear()

    def exception(self) -> BaseException | None:
        """Return the error that ended the stream, or None."""
        return self._exception

    def on_eof(self, callback: Callable[[], None]) -> None:
        """Call `callback` at the end of the body; at once if it has been reached."""
        if self._eof:
            callback()
        else:
            self._eof_callbacks.append(callback)

    def is_eof(self) -> bool:
        """True when the last byte has arrived; some may still wait to be read."""
        return self._eof

    def at_eof(self) -> bool:
        """True when the last byte has arrived and been read."""
        return self._eof and not self._chunks and (self._decoder is None or _is_whole(self._decoder))

    def get_read_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark, in bytes."""
        return self._low, self._high

    def set_read_chunk_size(self, n: int) -> None:
        """Raise the marks so that a portion of `n` bytes fits below them."""
        if n > self._low:
            self._low, self._high = n, n * 2

    @property
    def total_compressed_bytes(self) -> int | None:
        """Bytes received before decoding; None when no coding was applied."""
        return None if self._decoder is None else self.total_raw_bytes

    # For the reading side.

    def _has_data(self) -> bool:
        """Tell whether bytes can be taken now; decodes a step if that brings some."""
        if self._chunks:
            return True
        return self._decoder is not None and not self._is_damaged and self._decode_step(self._decoder)

    def _decode_step(self, decoder: Decoder) -> bool:
        if decoder.has_pending:
            try:
                data = decoder.decode(MAX_DECODE_STEP_BYTES)
            except CodingError as error:
                self._fail(error)
            if data:
                self._steps += 1
                self._chunks.append(data)
                self._size += len(data)
                self.total_bytes += len(data)
                return True
        self._coded = 0
        if self._paused:
            self._resume()
        return False

    def _at_end(self) -> bool:
        """Tell whether the body is over; raise what ended it too early."""
        if self._exception is not None:
            raise self._exception
        if not self._eof:
            return False
        if self._decoder is not None:
            try:
                self._decoder.finish()
            except CodingError as error:
                self._fail(error)
        return True

    def _fail(self, error: CodingError) -> NoReturn:
        self._is_damaged = True
        if self._exception is not None:  # something else has ended the body before, and was told of
            raise self._exception
        self._exception = self._as_public(error)
        raise self._exception from error

    def _take(self, n: int) -> bytes:
        """Remove and return up to `n` of the bytes that wait; there must be some."""
        chunks = self._chunks
        first = chunks[0]
        offset = self._offset
        left = len(first) - offset
        if n < left:
            self._offset = offset + n
            data = first[offset : offset + n]
        elif n == left or len(chunks) == 1:
            data = self._take_chunk()
        else:
            data = self._take_several(n)
        self._taken += len(data)
        self._size -= len(data)
        if self._paused and self._size + self._coded < self._low:
            self._resume()
        return data

    def _take_chunk(self) -> bytes:
        chunk = self._chunks.popleft()
        offset = self._offset
        if offset:
            self._offset = 0
            return chunk[offset:]
        return chunk

    def _take_several(self, n: int) -> bytes:
        chunks = self._chunks
        parts = [self._take_chunk()]
        n -= len(parts[0])
        while chunks and n >= len(chunks[0]):
            parts.append(chunks.popleft())
            n -= len(parts[-1])
        if chunks and n:
            parts.append(chunks[0][:n])
            self._offset = n
        return b"".join(parts)

    def _push_back(self, data: bytes) -> None:
        if self._offset:
            self._chunks[0] = self._chunks[0][self._offset :]
            self._offset = 0
        if data:
            self._chunks.appendleft(data)
            self._size += len(data)
            self._taken -= len(data)

    async def _wait(self, reader: str) -> None:
        if self._waiter is not None:
            raise RuntimeError(f"{reader}() while another coroutine waits for data of this stream; let only one read")
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _resume(self) -> None:
        self._paused = False
        self._protocol.resume_reading()


def _is_whole(decoder: Decoder) -> bool:
    """Tell whether all was decoded, and no end is missing: the reader has yet to be told of one that is."""
    if decoder.has_pending:
        return False
    try:
        decoder.finish()
    except CodingError:
        return False
    return True
