"""`Starter`: runs the first step of a coroutine at once, within a task.

Most handlers answer without waiting for anything. For them, making a task and coming back a turn of the loop later to
run it is a fifth of the whole cost, and no use. But the first step must not run without a task either: a handler may
open an `asyncio.timeout`, or keep `current_task()` to cancel itself later.

Python 3.12 can start tasks eagerly. Before it, a parked task does the same: it waits on an object that keeps the
callback which wakes it, so that we can wake it from a callback of the loop, and it runs the coroutine there and then,
in a context of its own. When the coroutine ends with its first step, the task parks again and serves the next one.
When it waits, or leaves a reference to its task behind, the task is its own for good and another one is parked.
"""

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, Final, Protocol
from weakref import getweakrefcount

# Any: what a coroutine returns or sends is nobody's concern here.
_Work = Coroutine[Any, Any, None]


_NAME: Final = "trunkline: parked for the next request"


class Starter(Protocol):
    """Starts coroutines."""

    def start(self, work: _Work, context: Context) -> "asyncio.Task[None] | None":
        """Run `work` in a task, in a copy of `context`, its first step now where that can be done.

        Returns None when it ended with that step.
        """

    def close(self) -> None:
        """End what was kept for the next coroutine."""


class EagerStarter:
    """Starts tasks eagerly (Python 3.12 and later)."""

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def start(self, work: _Work, context: Context) -> "asyncio.Task[None] | None":
        task: asyncio.Task[None]
        if self._loop.get_task_factory() is not None:  # which may be eager too
            task = _make_task(self._loop, work, context)
        else:
            # eager_start: mypy checks as for the oldest Python.
            task = asyncio.Task(work, loop=self._loop, context=context.copy(), eager_start=True)  # type: ignore[call-arg]
        return None if task.done() else task

    def close(self) -> None:
        """Nothing is kept."""


class ParkingStarter:
    """Keeps a task parked for the next coroutine (before Python 3.12)."""

    __slots__ = ("_loop", "_parked")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parked: _ParkedTask | None = None

    def start(self, work: _Work, context: Context) -> "asyncio.Task[None] | None":
        loop = self._loop
        parked = self._parked
        if parked is None or parked.task.done():
            if loop.get_task_factory() is None:
                self._parked = _ParkedTask(loop)
            return _make_task(loop, work, context)
        # It may not have come to its place yet; and a step cannot be taken within one of another task.
        if parked.wake is None or asyncio.current_task(loop) is not None:
            return _make_task(loop, work, context)
        if parked.run(work, context.copy()):
            return None
        self._parked = _ParkedTask(loop)
        return parked.task

    def close(self) -> None:
        parked, self._parked = self._parked, None
        if parked is not None:
            parked.end()


class _ParkedTask:
    """A task that waits for work; it is what its own task awaits, and `wake` is how to go on."""

    __slots__ = ("_asyncio_future_blocking", "_context", "_is_cancelled", "_loop", "_work", "task", "wake")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asyncio_future_blocking = False  # asyncio's protocol for awaitables that are like futures
        self._is_cancelled = False
        self._work: _Work | None = None
        self.wake: Callable[[object], object] | None = None
        self._context: Context | None = None
        # In an empty context, for one of a request would live as long as this task.
        self.task: asyncio.Task[None] = loop.create_task(self._serve(), name=_NAME, context=Context())
        # Who closes a loop without ending its server has lost nothing with this task.
        self.task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch, not in typeshed

    def run(self, work: _Work, context: Context) -> bool:
        """Run the first step of `work` in `context`; False when the task is now its own."""
        wake, self.wake = self.wake, None
        assert wake is not None
        task = self.task
        references = sys.getrefcount(task) + getweakrefcount(task)
        self._work = work
        self._context = context
        wake(self)
        del wake
        if self.wake is None:
            return False
        if sys.getrefcount(task) + getweakrefcount(task) > references:
            self.end()  # somebody keeps the task, perhaps to cancel it: nobody else may be met in it
        return True

    def end(self) -> None:
        """Let the task end, a turn of the loop later."""
        wake, self.wake = self.wake, None
        if wake is not None:
            self._loop.call_soon(wake, self)

    async def _serve(self) -> None:
        await self

    def __await__(self) -> Generator[Any, Any, None]:  # Any: awaitables of all kinds pass through
        while True:
            self._asyncio_future_blocking = True
            yield self
            work, self._work = self._work, None
            context, self._context = self._context, None
            if work is None or context is None:
                return
            try:
                awaited = context.run(work.send, None)
            except StopIteration:
                continue
            yield from _continue(work, context, awaited)
            return

    # What a task asks of the future that it waits for.

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Callable[[object], object], *, context: Context | None = None) -> None:
        self.wake = callback

    def result(self) -> None:
        if self._is_cancelled:
            raise asyncio.CancelledError

    def cancel(self, msg: object = None) -> bool:
        self._is_cancelled = True
        self.end()
        return True


def _continue(work: _Work, context: Context, awaited: Any) -> Generator[Any, Any, None]:  # Any: as above
    """Take the further steps of `work`, in its own context."""
    try:
        while True:
            try:
                value = yield awaited
            except BaseException as error:
                awaited = context.run(work.throw, error)
            else:
                awaited = context.run(work.send, value)
    except StopIteration:
        return


def cancel_begun(task: "asyncio.Task[None]") -> bool:
    """Cancel `task`; False when it has not begun, so that nothing of its coroutine will ever run."""
    task.cancel()
    work = task.get_coro()
    return not (inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED)


def _make_task(loop: asyncio.AbstractEventLoop, work: _Work, context: Context) -> "asyncio.Task[None]":
    # Without `context=`, which task factories from before Python 3.11 do not take: a task copies the current context.
    return context.copy().run(loop.create_task, work)


def make_starter(loop: asyncio.AbstractEventLoop) -> Starter:
    """Return the starter for this version of Python."""
    return EagerStarter(loop) if sys.version_info >= (3, 12) else ParkingStarter(loop)
