import asyncio
from typing import cast

import pytest

from tests.fake_loop import FakeLoop
from trunkline.conn.errors import PeerSilent
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.silence import Awaited, PeerSilence, SilenceTimer
from trunkline.wire.message import RequestHead, Target


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


class Sending:
    """A connection and its transport at once, which is full when it holds `unsent` bytes."""

    def __init__(self) -> None:
        self.unsent = 0
        self.errors: list[Exception] = []
        self.transport = self.flow = self

    @property
    def paused(self) -> bool:
        return self.unsent > 0

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def fail(self, error: Exception) -> None:
        self.errors.append(error)


class Upload:
    is_done = False

    def done(self) -> bool:
        return self.is_done


def watched(loop: FakeLoop, upload: Upload | None) -> tuple[Sending, PeerSilence]:
    exchange = Exchange(RequestHead("POST", Target("http", "test", "/"), ()), ExchangeRules(), lambda _, error: error)
    exchange.upload = cast("asyncio.Task[None] | None", upload)
    connection = Sending()
    return connection, PeerSilence(loop.as_loop(), 10.0, cast(Awaited, connection), exchange)


def test_a_peer_that_does_not_answer_is_silent(loop: FakeLoop) -> None:
    connection, _ = watched(loop, None)
    loop.advance(10)
    (error,) = connection.errors
    assert isinstance(error, PeerSilent)
    assert (error.silent_s, str(error)) == (10.0, "the server sent nothing for 10 s")


def test_a_peer_is_not_silent_while_its_answer_is_not_due(loop: FakeLoop) -> None:
    upload = Upload()
    connection, _ = watched(loop, upload)
    loop.advance(35)
    assert connection.errors == []
    upload.is_done = True
    loop.advance(10)
    assert [str(error) for error in connection.errors] == ["the server sent nothing for 10 s"]


def test_a_peer_that_takes_nothing_is_silent_and_one_that_takes_something_is_not(loop: FakeLoop) -> None:
    connection, _ = watched(loop, Upload())
    for connection.unsent in (300, 200, 100):
        loop.advance(10)
        assert connection.errors == []
    loop.advance(10)
    assert [str(error) for error in connection.errors] == ["the server took nothing of the request's body for 10 s"]


def test_a_transport_that_was_emptied_and_is_full_again_counts_anew(loop: FakeLoop) -> None:
    connection, silence = watched(loop, Upload())
    connection.unsent = 100
    loop.advance(10)
    silence.note_full()
    loop.advance(10)
    assert connection.errors == []
    loop.advance(10)
    assert len(connection.errors) == 1
