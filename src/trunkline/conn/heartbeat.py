"""`Heartbeat`: asks a peer that has long been silent whether it is still there (RFC 6455 §5.5.2).

Whatever the peer sends shows that it lives, so hearing only notes the time; the timer finds out how long ago that was,
and asks when it is long enough. A peer that then stays silent for half as long again is taken for gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_ANSWER_SHARE: Final = 0.5  # of the interval, to answer in; aiohttp's


class Heartbeat:
    """Watches one peer. ask: sends it something to answer; on_death: called with a TimeoutError, once."""

    __slots__ = ("_ask", "_asked_at", "_interval_s", "_loop", "_on_death", "_timer", "heard_at")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        interval_s: float,
        ask: Callable[[], None],
        on_death: Callable[[TimeoutError], None],
    ) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._ask = ask
        self._on_death = on_death
        self.heard_at = loop.time()
        self._asked_at = 0.0
        self._timer = loop.call_later(interval_s, self._look)

    def hear(self) -> None:
        """Note that the peer lives, or that it cannot be heard and must not be blamed for it."""
        self.heard_at = self._loop.time()

    def stop(self) -> None:
        """Watch no longer. Idempotent."""
        self._timer.cancel()

    def _look(self) -> None:
        silent_s = self._loop.time() - self.heard_at
        if silent_s < self._interval_s:
            self._timer = self._loop.call_later(self._interval_s - silent_s, self._look)
            return
        self._asked_at = self._loop.time()
        self._timer = self._loop.call_later(self._interval_s * _ANSWER_SHARE, self._check)
        self._ask()

    def _check(self) -> None:
        if self.heard_at >= self._asked_at:
            self._look()
        else:
            self._on_death(TimeoutError(f"No PONG received after {self._interval_s * _ANSWER_SHARE} seconds"))
