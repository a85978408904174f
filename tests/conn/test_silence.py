import asyncio

import pytest

from tests.fake_loop import FakeLoop
from trunkline.conn.silence import SilenceTimer


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def silences() -> list[float]:
    return []


@pytest.fixture
def timer(loop: FakeLoop, silences: list[float]) -> SilenceTimer:
    return SilenceTimer(loop.as_loop(), 10.0, silences.append)


@pytest.mark.usefixtures("timer")
def test_silence_is_told_once_when_it_reaches_the_limit(loop: FakeLoop, silences: list[float]) -> None:
    loop.advance(9.9)
    assert silences == []
    loop.advance(0.2)
    assert silences == [10.0]
    loop.advance(100)
    assert silences == [10.0]
    assert loop.armed == []


def test_silence_counts_from_the_last_byte(loop: FakeLoop, timer: SilenceTimer, silences: list[float]) -> None:
    loop.advance(9)
    timer.hear()
    loop.advance(9.5)
    assert silences == []
    loop.advance(0.5)
    assert silences == [10.0]


def test_a_byte_costs_no_timer(loop: FakeLoop, timer: SilenceTimer, silences: list[float]) -> None:
    for _ in range(1000):
        loop.advance(0.1)
        timer.hear()
    assert silences == []
    assert loop.armings <= 12  # one in ten seconds
    assert len(loop.armed) == 1


def test_a_pause_does_not_count(loop: FakeLoop, timer: SilenceTimer, silences: list[float]) -> None:
    loop.advance(9)
    timer.pause()
    timer.pause()
    assert loop.armed == []
    loop.advance(100)
    timer.resume()
    loop.advance(9.9)
    assert silences == []
    loop.advance(0.1)
    assert silences == [10.0]


def test_it_can_be_started_anew_where_silence_is_told(loop: FakeLoop) -> None:
    silences: list[float] = []

    def wait_on(silent_s: float) -> None:
        silences.append(silent_s)
        started_anew.resume()

    started_anew = SilenceTimer(loop.as_loop(), 10.0, wait_on)
    loop.advance(35)
    assert silences == [10.0, 10.0, 10.0]
    started_anew.pause()
    assert loop.armed == []


def test_bytes_that_still_come_do_not_end_a_pause(loop: FakeLoop, timer: SilenceTimer, silences: list[float]) -> None:
    timer.pause()
    timer.hear()
    loop.advance(100)
    assert (silences, loop.armed) == ([], [])


@pytest.mark.usefixtures("timer")
def test_a_timer_that_fires_a_trifle_early_counts(loop: FakeLoop, silences: list[float]) -> None:
    loop.clock += 9.9995
    loop.timers.pop().callback()  # as uvloop may
    assert silences == [pytest.approx(9.9995)]


async def test_on_a_real_loop() -> None:
    loop = asyncio.get_running_loop()
    silence: asyncio.Future[float] = loop.create_future()
    SilenceTimer(loop, 0.02, silence.set_result)
    assert await silence >= 0.019
