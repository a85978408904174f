import copy
import dataclasses
import datetime
import math
import pickle
from fractions import Fraction

import pytest

from trunkline.client.timeouts import DEFAULT_TIMEOUT, ClientTimeout, as_client_timeout

LIMITS = ("total", "connect", "sock_read", "sock_connect")


def test_a_timeout_has_no_limits_unless_stated() -> None:
    assert repr(ClientTimeout()) == (
        "ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None, ceil_threshold=5)"
    )
    assert ClientTimeout(1, 2, 3, 4, 6) == ClientTimeout(
        total=1, connect=2, sock_read=3, sock_connect=4, ceil_threshold=6
    )


def test_the_default_is_five_minutes_and_thirty_seconds_to_connect() -> None:
    assert ClientTimeout(total=300, sock_connect=30) == DEFAULT_TIMEOUT


def test_a_timeout_is_a_value() -> None:
    timeout = ClientTimeout(3)
    assert pickle.loads(pickle.dumps(timeout)) == copy.copy(timeout) == timeout
    assert hash(timeout) == hash(ClientTimeout(3))
    assert ClientTimeout(1) < timeout
    with pytest.raises(dataclasses.FrozenInstanceError):
        timeout.total = 5  # type: ignore[misc] # the point of this test


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("value", [-1, -0.001, math.nan, math.inf, -math.inf])
def test_a_limit_that_is_no_span_of_time_is_refused(limit: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{limit} is .* not negative, or None for no limit"):
        ClientTimeout(**{limit: value})


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_of_another_type_is_refused(limit: str) -> None:
    with pytest.raises(TypeError, match=f"{limit} is of type str; pass a number"):
        ClientTimeout(**{limit: "5"})  # type: ignore[arg-type] # the point of this test


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("value", [None, 0, 0.0, 0.2, 10**6, Fraction(1, 5)])
def test_none_zero_and_numbers_are_limits(limit: str, value: float | None) -> None:
    assert getattr(ClientTimeout(**{limit: value}), limit) == value  # type: ignore[arg-type] # any float field


@pytest.mark.parametrize(
    ("value", "timeout"),
    [
        (5, ClientTimeout(total=5)),
        (0.2, ClientTimeout(total=0.2)),
        (0, ClientTimeout(total=0)),
        (None, ClientTimeout()),
        (ClientTimeout(sock_read=1), ClientTimeout(sock_read=1)),
    ],
)
def test_a_requests_timeout_replaces_the_sessions_whole(
    value: ClientTimeout | float | None, timeout: ClientTimeout
) -> None:
    assert as_client_timeout(value) == timeout


def test_a_client_timeout_is_handed_on_as_it_is() -> None:
    timeout = ClientTimeout(total=1)
    assert as_client_timeout(timeout) is timeout


@pytest.mark.parametrize("value", ["5", (1, 2), datetime.timedelta(seconds=5), object()])
def test_what_is_no_timeout_is_refused(value: float) -> None:
    with pytest.raises(TypeError, match=f"timeout is of type {type(value).__name__}; pass a ClientTimeout"):
        as_client_timeout(value)


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_number_that_is_no_span_of_time_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="total is"):
        as_client_timeout(value)
