"""Cuts a flow at one of its waits: the driver of the tests that cancel.

A flow is a coroutine and the tasks that it makes. `Stepped` runs one of these step by step and shows each wait to the
flow's `Cut`, which counts them, and cancels the flow's main task at one: early, as soon as the wait begins, or late,
when what is waited for is there, and who waits has not run again. Nothing depends on time, so that counting up until
the flow ends by itself finds every wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any, Final, Self

from tests.torture.leaks import Held, wait_no_more_than

MAX_WAITS: Final = 400  # far more than any of the flows has
WARM_UP: Final = 2  # whole runs, after which what is kept once for all has been made

_cut: ContextVar["Cut | None"] = ContextVar("cut", default=None)


class Cut:
    """One cancellation to come. at: which wait of the flow, from 1; 0 is before its first step. is_late: see above."""

    def __init__(self, at: int, *, is_late: bool) -> None:
        self.waits = 0
        self.is_made = False
        self._at = at
        self._is_late = is_late
        self._main: asyncio.Task[Any] | None = None  # Any: what a flow returns is its own business

    @property
    def is_reached(self) -> bool:
        """Tell whether the flow has come to the place, even if nothing was there to be cancelled."""
        return self.waits >= self._at

    async def run(self, flow: Coroutine[Any, Any, object]) -> None:
        """Run `flow` in a task of its own, with the tasks that it makes, until it ends; raise what it raises."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_make_task)
        token = _cut.set(self)
        try:
            self._main = loop.create_task(flow)
        finally:
            _cut.reset(token)
        if self._at == 0:
            self._cancel()
        try:
            await asyncio.wait([self._main])
        finally:
            loop.set_task_factory(None)
            main, self._main = self._main, None  # whose error holds all that was in its frames
        if not main.cancelled():
            main.result()

    async def run_here(self, flow: Coroutine[Any, Any, object]) -> Any:
        """Run `flow` as a part of the current task, which is cancelled; for a task that is made by somebody else."""
        self._main = asyncio.current_task()
        try:
            if self._at == 0:
                self._cancel()
            return await Stepped(self, flow)
        finally:
            self._main = None

    def note(self, awaited: Any) -> None:
        """Note a wait, for a future, or with None for the next turn of the loop."""
        self.waits += 1
        if self.waits != self._at:
            return
        if not self._is_late:
            self._cancel()
        elif awaited is not None:
            # Called before what wakes the task, which has yet to be added.
            awaited.add_done_callback(lambda _: self._cancel())

    def _cancel(self) -> None:
        if self._main is not None:
            self.is_made = self._main.cancel()


class Stepped(Coroutine[Any, Any, Any]):
    """A coroutine whose waits are shown to a cut."""

    def __init__(self, cut: Cut, work: Coroutine[Any, Any, Any]) -> None:
        self._note = cut.note
        self._work = work

    def send(self, value: object) -> Any:
        awaited = self._work.send(value)
        self._note(awaited)
        return awaited

    def throw(self, *error: Any) -> Any:
        awaited = self._work.throw(*error)
        self._note(awaited)
        return awaited

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Self:  # type: ignore[override]  # it is all that a task asks of a generator
        return self

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.send(None)


def _make_task(loop: asyncio.AbstractEventLoop, work: Any, **kwargs: Any) -> asyncio.Task[Any]:
    cut = _cut.get()
    return asyncio.Task(work if cut is None else Stepped(cut, work), loop=loop, **kwargs)


async def cut_everywhere(run: Callable[[Cut], Awaitable[None]], is_late: bool) -> int:
    """Run a flow again and again, each time with a cut at its next wait; return the number of cancellations.

    After each nothing may be held that was not held before the first.
    """
    for _ in range(WARM_UP):
        await run(Cut(MAX_WAITS, is_late=False))
    before = Held.now()
    made = 0
    for at in range(MAX_WAITS):
        cut = Cut(at, is_late=is_late)
        await run(cut)
        await wait_no_more_than(before)
        made += cut.is_made
        if not cut.is_reached:
            return made
    raise AssertionError(f"the flow has more than {MAX_WAITS} waits")
