"""Every rule holds on asyncio's loop and on uvloop, and in debug mode."""

import asyncio
import gc
import sys
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

import pytest
import uvloop

from trunkline.conn.starter import EagerStarter, ParkingStarter, make_starter

# Any: as asyncio types coroutines.
Work = Coroutine[Any, Any, None]
Scenario = Callable[["Stage"], Awaitable[None]]
Play = Callable[[Scenario], None]

PARKS = sys.version_info < (3, 12)
VALUE: ContextVar[str | None] = ContextVar("VALUE", default=None)


class Stage:
    """A starter, and what its loop complains about."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.starter = make_starter(loop)
        self.context = copy_context()
        self.complaints: list[dict[str, Any]] = []  # Any: as asyncio declares a handler's context
        loop.set_exception_handler(lambda _, context: self.complaints.append(context))

    async def call(self, function: Callable[[], Any]) -> Any:  # Any: whatever it returns
        """Call `function` from a callback of the loop, as a transport does."""
        called: asyncio.Future[Any] = self.loop.create_future()
        self.loop.call_soon(lambda: called.set_result(function()))
        return await called

    def begin(self, work: Work) -> "asyncio.Task[None] | None":
        return self.starter.start(work, self.context)

    async def start(self, work: Work) -> "asyncio.Task[None] | None":
        task = await self.call(lambda: self.begin(work))
        assert task is None or isinstance(task, asyncio.Task)
        return task

    async def warm_up(self) -> None:
        """Serve once, so that a task is parked."""
        await self.start(at_once([]))
        await turns()


async def turns() -> None:
    """Let the loop do what it has been told to do."""
    for _ in range(5):
        await asyncio.sleep(0)


async def at_once(seen: list[Any]) -> None:
    seen.append(asyncio.current_task())


async def waiting(seen: list[Any], go: asyncio.Event) -> None:
    seen.append(asyncio.current_task())
    await go.wait()
    seen.append(asyncio.current_task())


@pytest.fixture(params=["asyncio", "asyncio in debug mode", "uvloop"])
def play(request: pytest.FixtureRequest) -> Play:
    """Run a scenario with a warm starter; afterwards nobody has complained."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(scenario: Scenario) -> None:
        async def main() -> None:
            stage = Stage(asyncio.get_running_loop())
            await stage.warm_up()
            async with asyncio.timeout(10):
                await scenario(stage)
            complaints.extend(stage.complaints)

        complaints: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=factory, debug="debug" in request.param) as runner:
            runner.run(main())
            gc.collect()
        assert complaints == []

    return run


def test_there_is_a_starter_for_each_python() -> None:
    loop = asyncio.new_event_loop()
    try:
        assert isinstance(make_starter(loop), ParkingStarter if PARKS else EagerStarter)
    finally:
        loop.close()


def test_the_first_step_is_taken_before_start_returns(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        def start() -> None:
            assert stage.begin(at_once(seen)) is None
            assert len(seen) == 1

        seen: list[object] = []
        await stage.call(start)

    play(scenario)


def test_a_hundred_coroutines_that_do_not_wait_all_run_in_a_task(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        def start() -> None:
            for _ in range(100):
                stage.begin(count())

        async def count() -> None:
            seen.add(isinstance(asyncio.current_task(), asyncio.Task))
            served.append(None)

        seen: set[bool] = set()
        served: list[None] = []
        await stage.call(start)
        assert seen == {True}
        assert len(served) == 100

    play(scenario)


def test_a_coroutine_that_waits_stays_in_the_task_that_start_returned(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        go = asyncio.Event()
        seen: list[object] = []
        task = await stage.start(waiting(seen, go))
        assert task is not None
        assert seen == [task]
        go.set()
        await task
        assert seen == [task, task]

    play(scenario)


def test_coroutines_that_wait_at_the_same_time_have_tasks_of_their_own(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        go = asyncio.Event()
        seen: list[object] = []
        tasks = []
        for _ in range(10):
            tasks.append(await stage.start(waiting(seen, go)))
            await stage.start(at_once([]))
        go.set()
        await asyncio.gather(*filter(None, tasks))
        assert len({id(task) for task in tasks}) == 10

    play(scenario)


def test_context_variables_of_one_coroutine_are_not_seen_by_the_next(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def work(waits: bool) -> None:
            seen.append(VALUE.get())
            VALUE.set("mine")
            if waits:
                await asyncio.sleep(0)
                seen.append(VALUE.get())
                VALUE.set("still mine")
                await asyncio.sleep(0)
                kept.append(VALUE.get())

        seen: list[str | None] = []
        kept: list[str | None] = []
        for waits in (False, False, True, False, True):
            await stage.start(work(waits))
            await turns()
        assert seen == [None, None, None, "mine", None, None, "mine"]
        assert kept == ["still mine", "still mine"]
        assert VALUE.get() is None

    play(scenario)


def test_a_coroutine_sees_the_context_that_it_was_given_and_leaves_it_alone(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def work(waits: bool) -> None:
            seen.append(VALUE.get())
            VALUE.set("changed")
            if waits:
                await asyncio.sleep(0)

        seen: list[str | None] = []
        stage.context.run(VALUE.set, "given")
        for waits in (False, True, False):
            await stage.start(work(waits))
            await turns()
        assert seen == ["given"] * 3
        assert stage.context[VALUE] == "given"

    play(scenario)


def test_a_coroutine_that_is_resumed_by_an_error_keeps_its_context(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def work() -> None:
            VALUE.set("mine")
            try:
                await broken
            except OSError:
                seen.append(VALUE.get())

        seen: list[str | None] = []
        broken: asyncio.Future[None] = stage.loop.create_future()
        task = await stage.start(work())
        broken.set_exception(OSError())
        assert task is not None
        await task
        assert seen == ["mine"]

    play(scenario)


def test_a_timeout_opened_in_the_first_step_ends_the_wait(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def work() -> None:
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(10)
            except TimeoutError:
                seen.append("timed out")

        seen: list[str] = []
        task = await stage.start(work())
        assert task is not None
        await task
        assert seen == ["timed out"]
        assert not task.cancelled()

    play(scenario)


@pytest.mark.parametrize("delay", [0, 0.001, None])
def test_a_timeout_that_is_left_in_the_first_step_hits_nobody_later(play: Play, delay: float | None) -> None:
    async def scenario(stage: Stage) -> None:
        async def work() -> None:
            async with asyncio.timeout(delay), asyncio.TaskGroup():
                pass

        seen: list[object] = []
        go = asyncio.Event()
        await stage.start(work())
        task = await stage.start(waiting(seen, go))
        await asyncio.sleep(0.005)
        go.set()
        assert task is not None
        await task
        assert len(seen) == 2

    play(scenario)


KEEPERS: dict[str, Callable[["asyncio.Task[Any]", list[object]], None]] = {
    "in a list": lambda task, kept: kept.append(task),
    "by a timer": lambda task, kept: kept.append(asyncio.get_running_loop().call_later(0.001, task.cancel)),
    "in a closure": lambda task, kept: kept.append(lambda: task),
    "weakly": lambda task, kept: kept.append(weakref.WeakSet([task])),
}


@pytest.mark.parametrize("keep", KEEPERS.values(), ids=KEEPERS)
def test_to_cancel_the_task_of_one_that_has_ended_hits_nobody_else(
    play: Play, keep: Callable[["asyncio.Task[Any]", list[object]], None]
) -> None:
    async def scenario(stage: Stage) -> None:
        async def work() -> None:
            task = asyncio.current_task()
            assert task is not None
            keep(task, kept)

        kept: list[object] = []
        seen: list[object] = []
        go = asyncio.Event()
        await stage.start(work())
        task = await stage.start(waiting(seen, go))
        cancel_all(kept)
        await asyncio.sleep(0.005)
        go.set()
        assert task is not None
        await task
        assert len(seen) == 2

    play(scenario)


def cancel_all(kept: list[object]) -> None:
    for thing in kept:
        if isinstance(thing, weakref.WeakSet):
            cancel_all(list(thing))
        elif isinstance(thing, asyncio.Task):
            thing.cancel()
        elif callable(thing):
            cancel_all([thing()])


def test_one_that_cancels_itself_and_ends_takes_nobody_along(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def work() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

        seen: list[object] = []
        go = asyncio.Event()
        for _ in range(3):
            await stage.start(work())
            task = await stage.start(waiting(seen, go))
            assert task is not None
            await turns()
        go.set()
        await turns()
        assert len(seen) == 6

    play(scenario)


def test_one_that_waits_can_be_cancelled_and_may_clean_up(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def work() -> None:
            try:
                await asyncio.sleep(10)
            finally:
                await asyncio.sleep(0)
                seen.append("cleaned up")

        seen: list[str] = []
        task = await stage.start(work())
        assert task is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["cleaned up"]

    play(scenario)


def test_an_error_in_the_first_step_is_the_tasks_and_the_next_one_starts(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def broken() -> None:
            raise OSError("broken")

        seen: list[object] = []
        await stage.start(broken())
        await turns()
        gc.collect()
        await turns()
        assert [repr(context["exception"]) for context in stage.complaints] == ["OSError('broken')"]
        stage.complaints.clear()
        for _ in range(3):
            await stage.start(at_once(seen))
            await turns()
        assert len(seen) == 3

    play(scenario)


def test_an_error_after_a_wait_is_the_tasks(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def broken() -> None:
            await asyncio.sleep(0)
            raise OSError("broken")

        task = await stage.start(broken())
        assert task is not None
        with pytest.raises(OSError, match="broken"):
            await task

    play(scenario)


def test_one_may_start_another_in_its_first_step_and_later(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def outer(waits: bool) -> None:
            if waits:
                await asyncio.sleep(0)
            before = asyncio.current_task()
            stage.begin(at_once(inner))
            assert asyncio.current_task() is before
            await turns()
            assert asyncio.current_task() is before
            outers.append(before)

        outers: list[object] = []
        inner: list[object] = []
        for waits in (False, True):
            task = await stage.start(outer(waits))
            assert task is not None
            await task
        assert len(inner) == 2
        assert not set(map(id, inner)) & set(map(id, outers))

    play(scenario)


def test_what_is_started_within_another_does_not_see_its_context(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def inner() -> None:
            seen.append(VALUE.get())

        async def outer() -> None:
            VALUE.set("of the outer one")
            stage.begin(inner())
            kept.append(asyncio.current_task())  # so that another task has to be parked

        kept: list[object] = []
        seen: list[str | None] = []
        for _ in range(3):
            await stage.start(outer())
            await turns()
            await stage.start(inner())
            await turns()
        assert seen == [None] * 6

    play(scenario)


def test_the_task_factory_of_the_loop_is_used(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        # Any: any coroutine, and what Python's version passes along.
        def factory(loop: asyncio.AbstractEventLoop, work: Any, **kwargs: Any) -> "asyncio.Task[Any]":
            task = asyncio.Task(work, loop=loop, **kwargs)
            made.append(task)
            return task

        made: list[object] = []
        stage.starter.close()
        await turns()
        stage.loop.set_task_factory(factory)
        seen: list[object] = []
        try:
            for _ in range(3):
                await stage.start(at_once(seen))
                await turns()
        finally:
            stage.loop.set_task_factory(None)
        assert len(seen) == 3
        assert all(any(one is other for other in made) for one in seen)

    play(scenario)


def test_after_close_no_task_is_left(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        stage.starter.close()
        stage.starter.close()
        await turns()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    play(scenario)


def test_the_end_of_asyncio_run_does_not_wait_for_what_is_parked(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.start(at_once([]))  # and nobody closes the starter

    play(scenario)


def test_a_loop_that_is_closed_without_ending_its_tasks_says_nothing() -> None:
    complaints: list[dict[str, Any]] = []  # Any: as asyncio declares a handler's context
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))

    async def main() -> None:
        make_starter(loop).start(at_once([]), Context())
        await turns()

    loop.run_until_complete(main())
    loop.close()
    gc.collect()
    assert complaints == []


@pytest.mark.skipif(not PARKS, reason="later Pythons start tasks eagerly")
def test_one_task_serves_all_that_do_not_wait(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        async def work() -> None:
            identities.add(id(asyncio.current_task()))

        identities: set[int] = set()
        for _ in range(5):
            await stage.start(work())
        assert len(identities) == 1

    play(scenario)


def test_a_task_factory_that_takes_no_context_makes_the_tasks(play: Play) -> None:
    seen: list[str | None] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Work) -> "asyncio.Task[None]":
        return asyncio.Task(work, loop=loop)

    async def note() -> None:
        seen.append(VALUE.get())

    async def scenario(stage: Stage) -> None:
        if isinstance(stage.loop, uvloop.Loop):
            pytest.skip("uvloop always passes a context")
        stage.loop.set_task_factory(factory)  # type: ignore[arg-type]  # it has the arguments of before 3.11
        stage.context.run(VALUE.set, "ours")
        task = await stage.start(note())
        if task is not None:
            await task
        assert seen == ["ours"]
        seen.clear()

    play(scenario)
