from math import inf

import pytest

from trunkline.pool.idle_limits import Endpoint, IdleLimits
from trunkline.wire.limits import IDLE_LIMIT_LIFETIME_S, MAX_IDLE_LIMITS, MIN_LEARNED_IDLE_S

A: Endpoint = ("a", 80, False)
A_TLS: Endpoint = ("a", 80, True)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> IdleLimits:
    return IdleLimits(clock)


def test_nothing_is_known_at_first(limits: IdleLimits) -> None:
    assert limits.limit_s(A) == inf


def test_a_drop_sets_a_limit_below_it_for_that_origin_alone(limits: IdleLimits) -> None:
    limits.note_drop(A, 5.0)
    assert limits.limit_s(A) == 4.5
    assert limits.limit_s(A_TLS) == inf


def test_a_drop_after_a_moment_teaches_nothing(limits: IdleLimits) -> None:
    limits.note_drop(A, MIN_LEARNED_IDLE_S - 0.01)
    assert limits.limit_s(A) == inf
    limits.note_drop(A, MIN_LEARNED_IDLE_S)
    limits.note_drop(A, 0.0)
    assert limits.limit_s(A) == MIN_LEARNED_IDLE_S / 2


def test_the_newest_drop_counts(limits: IdleLimits, clock: Clock) -> None:
    for idle_s, limit_s in ((60.0, 54.0), (5.0, 4.5), (20.0, 18.0)):
        clock.now_s += 1.0
        limits.note_drop(A, idle_s)
        assert limits.limit_s(A) == limit_s


def test_connections_that_end_together_after_the_same_time_teach_it(limits: IdleLimits, clock: Clock) -> None:
    for _ in range(5):
        limits.note_drop(A, 5.0)
        clock.now_s += 0.01
    assert limits.limit_s(A) == 4.5


def test_connections_that_end_together_after_different_times_teach_nothing(limits: IdleLimits, clock: Clock) -> None:
    for idle_s in (1.0, 5.0, 5.0, 30.0):
        limits.note_drop(A, idle_s)
        clock.now_s += 0.01
    assert limits.limit_s(A) == inf
    clock.now_s += 1.0
    limits.note_drop(A, 5.0)
    assert limits.limit_s(A) == 4.5


def test_a_drop_before_a_time_that_was_proven_good_teaches_nothing(limits: IdleLimits) -> None:
    limits.note_drop(A, 5.0, proven_s=5.1)
    assert limits.limit_s(A) == inf


def test_what_was_learnt_is_forgotten(limits: IdleLimits, clock: Clock) -> None:
    limits.note_drop(A, 5.0)
    clock.now_s += IDLE_LIMIT_LIFETIME_S
    assert limits.limit_s(A) == 4.5
    clock.now_s += 0.1
    assert limits.limit_s(A) == inf
    limits.note_drop(A, 5.0)
    assert limits.limit_s(A) == 4.5


def test_of_too_many_origins_the_one_learnt_first_is_forgotten(limits: IdleLimits) -> None:
    for number in range(MAX_IDLE_LIMITS):
        limits.note_drop((f"host{number}", 80, False), 5.0)
    limits.note_drop(("host0", 80, False), 5.0)
    limits.note_drop(A, 5.0)
    known = [number for number in range(MAX_IDLE_LIMITS) if limits.limit_s((f"host{number}", 80, False)) == 4.5]
    assert known == [0, *range(2, MAX_IDLE_LIMITS)]
