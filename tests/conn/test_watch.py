import asyncio
import time

import pytest

from tests.fake_loop import FakeLoop
from trunkline.conn.watch import Watch


class Connection:
    """Notes when it was looked at."""

    def __init__(self, watch: Watch | None = None, *, is_lost_then: bool = False) -> None:
        self.looks: list[float] = []
        self._watch = watch
        self._is_lost_then = is_lost_then

    def look(self, now: float) -> None:
        self.looks.append(now)
        if self._watch is not None and self._is_lost_then:
            self._watch.discard(self)


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


def watch_of(loop: FakeLoop, *limits_s: float) -> Watch:
    return Watch(loop.as_loop(), limits_s)


def test_without_connections_no_timer_runs(loop: FakeLoop) -> None:
    watch = watch_of(loop, 4.0)
    assert loop.armings == 0
    connection = Connection()
    watch.add(connection)
    assert len(loop.armed) == 1
    watch.discard(connection)
    assert loop.armed == []
    loop.advance(10)
    assert connection.looks == []


def test_one_timer_serves_all_connections(loop: FakeLoop) -> None:
    watch = watch_of(loop, 4.0)
    connections = [Connection() for _ in range(100)]
    for connection in connections:
        watch.add(connection)
    assert len(loop.armed) == 1
    loop.advance(1)
    assert all(len(connection.looks) == 1 for connection in connections)
    assert len(loop.armed) == 1


@pytest.mark.parametrize(
    ("limits_s", "step_s"),
    [((4.0,), 1.0), ((60.0, 8.0, 3630.0), 2.0), ((0, 4.0, 0), 1.0), ((0,), 15.0), ((), 15.0), ((0.001,), 0.01)],
)
def test_connections_are_looked_at_a_few_times_within_the_shortest_limit(
    loop: FakeLoop, limits_s: tuple[float, ...], step_s: float
) -> None:
    watch = watch_of(loop, *limits_s)
    connection = Connection()
    watch.add(connection)
    loop.advance(step_s * 3)
    assert connection.looks == pytest.approx([1000 + step_s, 1000 + 2 * step_s, 1000 + 3 * step_s])


def test_a_connection_that_is_lost_while_all_are_looked_at_is_looked_at_no_more(loop: FakeLoop) -> None:
    watch = watch_of(loop, 4.0)
    lost, other = Connection(watch, is_lost_then=True), Connection()
    watch.add(lost)
    watch.add(other)
    loop.advance(3)
    assert len(lost.looks) == 1
    assert len(other.looks) == 3


def test_the_last_connection_that_is_lost_while_it_is_looked_at_ends_the_timer(loop: FakeLoop) -> None:
    watch = watch_of(loop, 4.0)
    watch.add(Connection(watch, is_lost_then=True))
    loop.advance(1)
    assert loop.armed == []


def test_a_connection_may_be_discarded_that_was_never_added(loop: FakeLoop) -> None:
    watch_of(loop, 4.0).discard(Connection())
    assert loop.armings == 0


def test_the_clock_is_the_loops(loop: FakeLoop) -> None:
    watch = watch_of(loop, 4.0)
    assert watch.now() == 1000
    loop.advance(5)
    assert watch.now() == 1005


async def test_the_clock_of_a_default_loop_is_the_loops_as_well() -> None:
    watch = Watch(asyncio.get_running_loop(), ())
    before = asyncio.get_running_loop().time()
    assert before <= watch.now() <= time.monotonic()
