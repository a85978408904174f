from math import inf

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.keep_alive import KeepAliveHint, parse_keep_alive, safe_idle_s
from trunkline.wire.limits import KEEPALIVE_MARGIN_S, MAX_DELTA_DIGITS

Hint = KeepAliveHint


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("timeout=5", Hint(4.5)),
        ("timeout=5, max=99", Hint(4.5, 99)),
        ("max=99,timeout=5", Hint(4.5, 99)),
        ("max=0", Hint(inf, 0)),
        ("timeout=0", Hint(0)),
        ("Timeout = 5 ,\tMAX\t=\t7", Hint(4.5, 7)),
        ("timeout=5, , max=1,", Hint(4.5, 1)),
        ("parrot=1, timeout=5", Hint(4.5)),
        ("timeout=5, timeout=6", Hint(5.4)),
        ("max=" + MAX_DELTA_DIGITS * "9", Hint(inf, 10**MAX_DELTA_DIGITS - 1)),
    ],
)
def test_parameters_are_read(value: str, hint: Hint) -> None:
    assert parse_keep_alive(value) == hint


NO_NUMBERS = [
    "",
    "-1",
    "+1",
    "1.5",
    "5s",
    "٥",
    "5;max=1",
    "5 5",
    "1_0",
    "1e3",
    "=5",
    '"5"',
    "1" + MAX_DELTA_DIGITS * "0",
]
NO_PARAMETERS = ["", "115", "timeout", "xtimeout=5", "timeout5", "max-age=5"]


@pytest.mark.parametrize("value", [*NO_PARAMETERS, *(f"timeout={value}" for value in NO_NUMBERS)])
def test_what_makes_no_sense_says_nothing(value: str) -> None:
    assert parse_keep_alive(value) is None


@pytest.mark.parametrize(("value", "hint"), [("timeout=x, max=3", Hint(inf, 3)), ("timeout=3, max=-1", Hint(2.5))])
def test_one_parameter_is_not_ignored_because_another_is(value: str, hint: Hint) -> None:
    assert parse_keep_alive(value) == hint


@given(st.text())
def test_no_value_is_an_error(value: str) -> None:
    hint = parse_keep_alive(value)
    assert hint is None or (hint.idle_s >= 0 and hint.requests_left >= 0)


def test_two_fields_are_both_heeded() -> None:
    assert Hint(4.5).joined_with(Hint(inf, 9)) == Hint(4.5, 9)
    assert Hint(4.5, 9).joined_with(Hint(5.4, 3)) == Hint(4.5, 3)


@pytest.mark.parametrize(
    ("timeout_s", "idle_s"), [(0, 0), (0.5, 0.25), (1, 0.5), (2, 1.5), (5, 4.5), (60, 54), (300, 270), (inf, inf)]
)
def test_a_connection_is_used_only_well_before_its_time_is_up(timeout_s: float, idle_s: float) -> None:
    assert safe_idle_s(timeout_s) == pytest.approx(idle_s)


@given(st.floats(2 * KEEPALIVE_MARGIN_S, 1e9))
def test_the_margin_is_never_less_than_its_minimum_nor_all(timeout_s: float) -> None:
    assert timeout_s / 2 <= safe_idle_s(timeout_s) <= timeout_s - KEEPALIVE_MARGIN_S
