"""Both event loops, made to tell which timers are set and to let a test make name look-ups fail.

Neither loop tells of its timers, so those that are set through its public methods are noted here.
"""

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, Final

import uvloop

# Deadlines that share a duration share a timer, which stays when they are met: there is one for each duration.
_SHARED: Final = "_Lane._expire_due"


class Noting:
    """What is known of a loop. before_look_up: called with the name of each look-up, and may raise."""

    def __init__(self) -> None:
        self.before_look_up: Callable[[str], None] = lambda _: None
        self._timers: list[tuple[weakref.ref[asyncio.TimerHandle], str, float]] = []

    def add(self, timer: asyncio.TimerHandle, callback: Any, at: float) -> asyncio.TimerHandle:
        name = str(getattr(callback, "__qualname__", callback))
        if name != _SHARED:
            self._timers.append((weakref.ref(timer), name, at))
        return timer

    def timers(self, now: float) -> list[str]:
        """Name what the timers that are set will call."""
        self._timers = [
            entry for entry in self._timers if (timer := entry[0]()) and not timer.cancelled() and entry[2] > now
        ]
        return [name for _, name, _ in self._timers]


class AsyncioLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.noting = Noting()
        super().__init__()

    # Any, here and below: the loop's own callbacks and address infos.
    def call_at(  # type: ignore[override]  # typeshed's is generic over the arguments
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.noting.add(super().call_at(when, callback, *args, context=context), callback, when)

    async def getaddrinfo(self, host: Any, port: Any, **kwargs: Any) -> Any:
        self.noting.before_look_up(str(host))
        return await super().getaddrinfo(host, port, **kwargs)


class UVLoop(uvloop.Loop):
    def __init__(self) -> None:
        self.noting = Noting()
        super().__init__()

    def call_at(  # type: ignore[override]  # typeshed's is generic over the arguments
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.noting.add(super().call_at(when, callback, *args, context=context), callback, when)

    def call_later(  # type: ignore[override]  # as above
        self, delay: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        timer = super().call_later(delay, callback, *args, context=context)
        return self.noting.add(timer, callback, self.time() + delay)

    async def getaddrinfo(self, host: Any, port: Any, **kwargs: Any) -> Any:
        self.noting.before_look_up(str(host))
        return await super().getaddrinfo(host, port, **kwargs)


LOOPS: Final[dict[str, type[AsyncioLoop] | type[UVLoop]]] = {"asyncio": AsyncioLoop, "uvloop": UVLoop}


def noting() -> Noting:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, AsyncioLoop | UVLoop)
    return loop.noting
