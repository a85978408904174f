"""`Watch`: one timer for all connections of a server.

What a server waits for (a request, the rest of its head, a body, a peer that reads) may take its time, but not any
time. A connection only notes since when it waits, which costs nothing per request; the watch asks each of them a few
times within the shortest limit, so that a limit is met by at most a quarter late. Without connections it sleeps.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Final, Protocol

_LOOKS_PER_LIMIT: Final = 4
_SHORTEST_STEP_S: Final = 0.01  # ours: below it, looking would cost more than waiting


class Watched(Protocol):
    """A connection that somebody must keep an eye on."""

    def look(self, now: float) -> None:
        """Give up what has been waited for too long; `now` by the loop's clock."""


class Watch:
    """Looks after connections while there are any."""

    __slots__ = ("_loop", "_step_s", "_timer", "_watched", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop, limits_s: Iterable[float]) -> None:
        """limits_s: all that the connections may wait for; 0 counts as none."""
        self._loop = loop
        # The default loops' clock, without the Python function around it.
        self.now = time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
        self._step_s = max(min((s for s in limits_s if s > 0), default=60.0) / _LOOKS_PER_LIMIT, _SHORTEST_STEP_S)
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: Watched) -> None:
        self._watched.add(connection)
        if self._timer is None:
            self._timer = self._loop.call_later(self._step_s, self._look)

    def discard(self, connection: Watched) -> None:
        self._watched.discard(connection)
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(self._step_s, self._look)
        for connection in list(self._watched):
            connection.look(now)
