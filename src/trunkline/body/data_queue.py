"""`DataQueue`: a queue of whatever a parser makes of a connection's bytes, read by one coroutine (aiohttp's class).

Nothing here uses it; protocols that live on an upgraded connection do, Docker's for one. What was fed before the end or
an error can still be read; then every read raises. `FlowControlDataQueue` pauses its protocol when too much waits.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, Protocol, TypeVar

from trunkline.body.stream import EofStream

T = TypeVar("T")


class DataQueue(Generic[T]):
    """Items on their way from who feeds them to the one coroutine that reads them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buffer: deque[tuple[T, int]] = deque()
        self._eof = False
        self._exception: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._buffer)

    def is_eof(self) -> bool:
        """Tell whether nothing more will be fed."""
        return self._eof

    def at_eof(self) -> bool:
        """Tell whether nothing more can be read."""
        return self._eof and not self._buffer

    def exception(self) -> BaseException | None:
        """Return the error that ended the queue."""
        return self._exception

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """End the queue: once it is empty, reads raise `exc`."""
        if exc_cause is not None:
            exc.__cause__ = exc_cause
        self._eof = True
        self._exception = exc
        self._wake()

    def feed_data(self, data: T, size: int = 0) -> None:
        """Append an item. size: what it counts for where the queue is limited."""
        self._buffer.append((data, size))
        self._wake()

    def feed_eof(self) -> None:
        """End the queue: once it is empty, reads raise EofStream."""
        self._eof = True
        self._wake()

    async def read(self) -> T:
        """Return the next item, as soon as there is one. Raises EofStream at the end."""
        if not self._buffer and not self._eof:
            await self._wait()
        if self._buffer:
            return self._taken(*self._buffer.popleft())
        if self._exception is not None:
            raise self._exception
        raise EofStream

    async def __aiter__(self) -> AsyncIterator[T]:
        try:
            while True:
                yield await self.read()
        except EofStream:
            return

    def _taken(self, item: T, size: int) -> T:
        return item

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("another coroutine waits for this queue already; let one coroutine read it")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class PausedProtocol(Protocol):
    """What a limited queue needs of the protocol that feeds it."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class FlowControlDataQueue(DataQueue[T]):
    """A queue that pauses `protocol` while items of more than twice `limit` wait in it."""

    def __init__(self, protocol: PausedProtocol, limit: int, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._protocol = protocol
        self._limit = limit * 2
        self._size = 0
        self._is_paused = False

    def feed_data(self, data: T, size: int = 0) -> None:
        """Append an item that counts for `size`."""
        super().feed_data(data, size)
        self._size += size
        if self._size > self._limit and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_reading()

    async def read(self) -> T:
        """Return the next item, as soon as there is one; let the protocol go on when little is left."""
        try:
            return await super().read()
        finally:
            if self._size < self._limit and self._is_paused:
                self._is_paused = False
                self._protocol.resume_reading()

    def _taken(self, item: T, size: int) -> T:
        self._size -= size
        return item
