"""Write-side flow control, which makes writers wait while the transport's buffer is above its high-water mark.

A protocol owns one `WriteFlow` and forwards `pause_writing`, `resume_writing` and `connection_lost` to it.
Any number of tasks may wait in `drain`. A lost connection wakes them all with its error, for nothing would be
sent any more.

On the read side, `unread_check` tells without the loop whether something waits in the socket. A server that closes an
idle connection sends a FIN, over TLS a close_notify before it. When it came while the loop was busy, that is noticed
only after what runs now has been written. One system call tells in time; what comes a moment later, nothing can tell.
"""

import asyncio
import select
from collections.abc import Callable


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


def unread_check(transport: asyncio.BaseTransport) -> Callable[[], bool]:
    """Return a function that tells whether bytes, the end or an error wait in the socket of an open `transport`.

    Where there is no socket, or no poll(), it answers False.
    """
    socket = transport.get_extra_info("socket")
    if socket is None or not hasattr(select, "poll"):
        return _nobody_knows
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)  # it tells POLLHUP and POLLERR unasked
    return lambda: bool(poll.poll(0))


def end_check(transport: asyncio.BaseTransport) -> Callable[[], bool]:
    """Return a function that tells whether the peer has ended the connection, whatever waits unread before the end.

    Where nobody knows, it answers False.
    """
    socket = transport.get_extra_info("socket")
    if socket is None or not hasattr(select, "POLLRDHUP"):
        return _nobody_knows
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLRDHUP)
    return lambda: bool(poll.poll(0))


def _nobody_knows() -> bool:
    return False
