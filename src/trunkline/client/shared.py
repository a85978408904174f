"""`shared_session`: the one session of an event loop, for code that has no place of its own to keep one.

It hangs on its loop, so that both end together: an asynchronous generator, which waits for nothing but its end, is
closed by `loop.shutdown_asyncgens()` and then closes the session. `asyncio.run`, `asyncio.Runner` and `uvloop.run` call
that. Where nobody does, the session is found unclosed when the loop is collected, and says so like any other.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

from trunkline.client.session import ClientSession

_NAME: Final = "trunkline.shared_session"  # no identifier, so that no attribute of a loop's can be of that name


class _LoopSession:
    """The session of one loop, replaced when it was closed."""

    def __init__(self) -> None:
        self.session = _new_session()
        self._keeper = self._close_with_loop()
        with suppress(StopAsyncIteration, StopIteration):
            self._keeper.__anext__().send(None)  # the first step is what the loop takes note of

    async def _close_with_loop(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            vars(asyncio.get_running_loop()).pop(_NAME, None)
            await self.session.close()


def shared_session() -> ClientSession:
    """Return the session of the running event loop; the first call makes it, the end of the loop closes it.

    `async with` leaves it open. `close()` and `drain()` end it for all who use it; the next call makes another one.
    It has no settings of its own: who wants some makes a ClientSession. Call this where you make requests, and keep
    nothing: another loop, as of another thread, has its own. Raises RuntimeError when no loop is running.
    """
    kept = vars(_running_loop())
    shared: _LoopSession | None = kept.get(_NAME)
    if shared is None:
        shared = kept[_NAME] = _LoopSession()
    elif shared.session.closed:
        shared.session = _new_session()
    return shared.session


def _new_session() -> ClientSession:
    session = ClientSession()
    session.is_shared = True
    return session


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "no running event loop: shared_session() returns the session of the loop that runs, so call it inside a "
            "coroutine (for example in the function that asyncio.run() runs), where you make requests"
        ) from None
