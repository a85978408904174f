"""Write-side flow control: make writers wait while the transport's buffer is above its high-water mark.

A protocol owns one `WriteFlow` and forwards `pause_writing`, `resume_writing` and `connection_lost` to it.
Any number of tasks may wait in `drain`. A lost connection wakes them all with its error, for nothing would be
sent any more.
"""

import asyncio


class WriteFlow:
    """Tells writers when to wait."""

    __slots__ = ("_loop", "_lost", "_lost_error", "_waiters", "paused")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: set[asyncio.Future[None]] = set()
        self._lost = False
        self._lost_error: Exception | None = None
        self.paused = False

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that nothing can be written any more; `error` as the transport reports it."""
        self._lost = True
        self._lost_error = error
        self._wake()

    async def drain(self) -> None:
        """Wait until the transport takes more; raise ConnectionResetError when it never will."""
        while self.paused and not self._lost:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        if self._lost:
            raise ConnectionResetError("the connection was lost before everything was written") from self._lost_error

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
