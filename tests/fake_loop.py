"""A loop's clock and timers, moved by hand."""

import asyncio
from collections.abc import Callable
from typing import Any, cast


class FakeTimer:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """What timers need of a loop. armings: timers that were ever set."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.timers: list[FakeTimer] = []
        self.armings = 0
        self.problems: list[dict[str, Any]] = []  # Any: as asyncio declares a handler's context

    def as_loop(self) -> asyncio.AbstractEventLoop:
        return cast(asyncio.AbstractEventLoop, self)

    def time(self) -> float:
        return self.clock

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeTimer:
        self.armings += 1
        timer = FakeTimer(when, callback)
        self.timers.append(timer)
        return timer

    def call_later(self, delay: float, callback: Callable[[], None]) -> FakeTimer:
        return self.call_at(self.clock + delay, callback)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.problems.append(context)

    @property
    def armed(self) -> list[FakeTimer]:
        return [timer for timer in self.timers if not timer.cancelled]

    def advance(self, seconds: float) -> None:
        """Let time pass; timers fire when they are due."""
        until = self.clock + seconds
        while due := [timer for timer in self.armed if timer.when <= until]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.clock = max(self.clock, first.when)
            first.callback()
        self.clock = until
