import asyncio
import gc
import weakref

import pytest

from tests.both_loops import Run
from tests.fake_loop import FakeLoop
from trunkline.transport.deadline import Deadline, Deadlines, deadlines_of
from trunkline.wire.limits import MAX_DEADLINE_LANES


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def deadlines(loop: FakeLoop) -> Deadlines:
    return Deadlines(loop.as_loop())


def test_deadlines_expire_in_order_and_only_once(loop: FakeLoop, deadlines: Deadlines) -> None:
    expired: list[str] = []
    deadlines.add(10.0, lambda: expired.append("a"))
    loop.advance(1)
    deadlines.add(10.0, lambda: expired.append("b"))
    loop.advance(9)
    assert expired == ["a"]
    loop.advance(1)
    assert expired == ["a", "b"]
    loop.advance(100)
    assert expired == ["a", "b"]


def test_a_cancelled_deadline_does_not_expire_and_holds_nothing(loop: FakeLoop, deadlines: Deadlines) -> None:
    expired: list[str] = []
    deadline = deadlines.add(10.0, lambda: expired.append("a"))
    deadline.cancel()
    deadline.cancel()
    assert deadline.on_expiry is None
    loop.advance(20)
    assert expired == []


def test_one_timer_serves_a_thousand_deadlines(loop: FakeLoop, deadlines: Deadlines) -> None:
    expired: list[int] = []
    for number in range(1000):
        deadlines.add(10.0, lambda number=number: expired.append(number))  # type: ignore[misc]  # a bound default
    assert len(loop.timers) == 1
    loop.advance(10)
    assert expired == list(range(1000))


def test_a_timer_that_finds_nothing_live_is_not_armed_again(loop: FakeLoop, deadlines: Deadlines) -> None:
    deadlines.add(10.0, lambda: None).cancel()
    loop.advance(10)
    assert loop.armed == []
    deadlines.add(10.0, lambda: None)
    assert len(loop.armed) == 1


def test_the_timer_moves_on_to_the_next_live_deadline(loop: FakeLoop, deadlines: Deadlines) -> None:
    first = deadlines.add(10.0, lambda: None)
    loop.advance(4)
    deadlines.add(10.0, lambda: None)
    first.cancel()
    loop.advance(6)
    assert [timer.when for timer in loop.armed] == [1014.0]


def test_met_deadlines_do_not_pile_up(loop: FakeLoop, deadlines: Deadlines) -> None:
    for _ in range(3):
        deadlines.add(300.0, lambda: None)
    for _ in range(10_000):
        deadlines.add(300.0, lambda: None).cancel()
    slots = sum(isinstance(thing, Deadline) for thing in gc.get_objects())
    assert slots <= 2 * 3 + 64 + 1


def test_a_failing_callback_does_not_stop_the_others(loop: FakeLoop, deadlines: Deadlines) -> None:
    expired: list[str] = []

    def fail() -> None:
        raise ValueError("broken")

    deadlines.add(10.0, fail)
    deadlines.add(10.0, lambda: expired.append("b"))
    loop.advance(10)
    assert expired == ["b"]
    assert isinstance(loop.problems[0]["exception"], ValueError)


def test_a_callback_may_add_and_cancel_deadlines(loop: FakeLoop, deadlines: Deadlines) -> None:
    expired: list[str] = []

    def again() -> None:
        expired.append("a")
        second.cancel()
        deadlines.add(10.0, lambda: expired.append("c"))

    deadlines.add(10.0, again)
    second = deadlines.add(10.0, lambda: expired.append("b"))
    loop.advance(10)
    assert expired == ["a"]
    loop.advance(10)
    assert expired == ["a", "c"]


def test_durations_beyond_the_bound_still_expire(loop: FakeLoop, deadlines: Deadlines) -> None:
    expired: list[float] = []
    durations = [float(number) for number in range(1, MAX_DEADLINE_LANES + 11)]
    handles = [
        deadlines.add(seconds, lambda seconds=seconds: expired.append(seconds))  # type: ignore[misc]  # as above
        for seconds in durations
    ]
    handles[-1].cancel()
    assert len(loop.armed) == len(durations) - 1
    loop.advance(1000)
    assert sorted(expired) == durations[:-1]


def test_an_idle_lane_gives_its_place_to_a_new_duration(loop: FakeLoop, deadlines: Deadlines) -> None:
    for number in range(1, 10 * MAX_DEADLINE_LANES):
        deadlines.add(float(number), lambda: None).cancel()
    assert len(loop.armed) <= MAX_DEADLINE_LANES


def test_deadlines_on_a_real_loop(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = deadlines_of(loop)
        assert deadlines_of(loop) is deadlines
        started_at = loop.time()
        expired: asyncio.Future[float] = loop.create_future()
        deadlines.add(0.01, expired.cancel).cancel()
        deadlines.add(0.03, lambda: expired.set_result(loop.time()))
        assert await expired - started_at >= 0.028

    run(main())


def test_the_deadlines_of_a_loop_go_with_their_last_holder() -> None:
    loop = asyncio.new_event_loop()
    deadlines = weakref.ref(deadlines_of(loop))
    loop.close()
    gc.collect()
    assert deadlines() is None
