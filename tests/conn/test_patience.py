"""`Patience`: waits for a client that take too long, and clients that take nothing of what they are sent."""

import asyncio
from typing import cast

import pytest

from tests.fake_loop import FakeLoop
from trunkline.conn.patience import Patience
from trunkline.conn.watch import Watch
from trunkline.wire.limits import MIN_BODY_BYTES_PER_S


class Transport:
    """What patience needs of one. unsent_bytes: in its buffer."""

    def __init__(self) -> None:
        self.unsent_bytes = 0
        self.is_ending = False
        self.aborts = 0

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def is_closing(self) -> bool:
        return self.is_ending

    def abort(self) -> None:
        self.aborts += 1


class Stage:
    """A patience of 5 s for writes, a clock, a transport, and what was given up."""

    def __init__(self, write_limit_s: float = 5.0) -> None:
        self.loop = FakeLoop()
        self.patience = Patience(Watch(self.loop.as_loop(), ()), write_limit_s)
        self.transport = Transport()
        self.given_up: list[float] = []

    def look_after(self, seconds: float, *, is_full: bool = False) -> None:
        self.loop.advance(seconds)
        transport = cast(asyncio.Transport, self.transport)
        self.patience.look(self.loop.time(), transport, is_full, self.given_up.append)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_wait_over_its_limit_is_given_up_once(stage: Stage) -> None:
    stage.patience.wait(3.0)
    stage.look_after(2.9)
    assert stage.given_up == []
    stage.look_after(0.1)
    assert stage.given_up == [3.0]
    stage.look_after(10)
    assert stage.given_up == [3.0]


def test_a_wait_that_begins_anew_has_all_its_time(stage: Stage) -> None:
    stage.patience.wait(3.0)
    stage.look_after(2.9)
    stage.patience.wait(3.0)
    assert stage.patience.since == stage.loop.time()
    stage.look_after(2.9)
    assert stage.given_up == []


def test_nothing_is_given_up_while_nobody_waits_or_without_a_limit(stage: Stage) -> None:
    stage.look_after(1000)
    stage.patience.wait(3.0)
    stage.patience.stop()
    stage.look_after(1000)
    stage.patience.wait(0.0)
    stage.look_after(1000)
    assert stage.given_up == []


def test_a_client_that_takes_nothing_loses_its_connection(stage: Stage) -> None:
    stage.transport.unsent_bytes = 1000
    stage.patience.watch_sending(1000)
    stage.look_after(4.9, is_full=True)
    assert stage.transport.aborts == 0
    stage.look_after(0.2, is_full=True)
    assert stage.transport.aborts == 1
    assert stage.given_up == []


def test_a_client_that_takes_enough_has_all_its_time_again(stage: Stage) -> None:
    stage.transport.unsent_bytes = 100_000
    stage.patience.watch_sending(100_000)
    for _ in range(5):
        stage.transport.unsent_bytes -= 4 * MIN_BODY_BYTES_PER_S + 1
        stage.look_after(4.0, is_full=True)
    assert stage.transport.aborts == 0
    stage.look_after(5.0, is_full=True)
    assert stage.transport.aborts == 1


def test_a_client_that_takes_a_few_bytes_at_a_time_loses_its_connection(stage: Stage) -> None:
    stage.transport.unsent_bytes = 100_000
    stage.patience.watch_sending(100_000)
    for _ in range(4):
        stage.transport.unsent_bytes -= MIN_BODY_BYTES_PER_S - 1
        stage.look_after(1.0, is_full=True)
    assert stage.transport.aborts == 0
    stage.look_after(1.0, is_full=True)
    assert stage.transport.aborts == 1


def test_what_is_written_meanwhile_hides_what_is_taken_and_nobody_is_blamed(stage: Stage) -> None:
    stage.patience.watch_sending(1000)
    for size in range(1001, 1020):
        stage.transport.unsent_bytes = size
        stage.look_after(4.0, is_full=True)
    assert stage.transport.aborts == 0


def test_only_a_full_transport_or_one_that_closes_is_watched(stage: Stage) -> None:
    stage.transport.unsent_bytes = 1000
    stage.patience.watch_sending(1000)
    stage.look_after(1000)
    assert stage.transport.aborts == 0
    stage.transport.is_ending = True
    stage.look_after(0)
    assert stage.transport.aborts == 1


def test_without_a_limit_for_writes_a_client_may_take_its_time() -> None:
    stage = Stage(write_limit_s=0.0)
    stage.patience.watch_sending(1000)
    stage.look_after(1000, is_full=True)
    assert stage.transport.aborts == 0
