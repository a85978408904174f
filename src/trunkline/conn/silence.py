"""The read timeout: how long the peer may be silent while it is its turn to speak.

Bytes come often and silence seldom, so a byte only notes the time; the timer looks at the note when it fires, and
sleeps on if there was one. While we do not read, because the reader is slow, silence is nobody's fault.
"""

import asyncio
from collections.abc import Callable


class SilenceTimer:
    """Calls `on_silence` with the seconds of silence once they reach `limit_s`."""

    __slots__ = ("_heard_at", "_limit_s", "_loop", "_on_silence", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_s: float, on_silence: Callable[[float], None]) -> None:
        self._loop = loop
        self._limit_s = limit_s
        self._on_silence = on_silence
        self._heard_at = loop.time()
        self._timer: asyncio.TimerHandle | None = loop.call_at(self._heard_at + limit_s, self._look)

    def hear(self) -> None:
        """Note that the peer was heard just now."""
        self._heard_at = self._loop.time()

    def pause(self) -> None:
        """Stop counting until `resume`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        """Count again, from now."""
        self._heard_at = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._heard_at + self._limit_s, self._look)

    def _look(self) -> None:
        self._timer = None
        silent_s = self._loop.time() - self._heard_at
        # uvloop's timers may fire up to a millisecond early.
        if silent_s + 0.001 >= self._limit_s:
            self._on_silence(silent_s)
        else:
            self._timer = self._loop.call_at(self._heard_at + self._limit_s, self._look)
