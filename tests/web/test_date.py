"""The Date field and the end of a head that has it, made once a second."""

from email.utils import parsedate_to_datetime

import pytest

from trunkline.ground.product import SERVER_NAME
from trunkline.web import date


class Clock:
    """In place of the module `time`."""

    now = 0.0

    def time(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(date, "time", clock)
    monkeypatch.setattr(date, "_second", -1)  # what other tests have left
    return clock


@pytest.mark.parametrize(
    ("now", "field"),
    [
        (784111777.0, "Sun, 06 Nov 1994 08:49:37 GMT"),  # RFC 9110 §5.6.7
        (784111777.999, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951782400.0, "Tue, 29 Feb 2000 00:00:00 GMT"),
    ],
)
def test_the_date_is_an_imf_fixdate_of_the_present_second(clock: Clock, now: float, field: str) -> None:
    clock.now = now
    assert date.current_date() == field
    assert parsedate_to_datetime(field).timestamp() == int(now)


def test_it_is_made_anew_in_another_second_also_when_the_clock_goes_back(clock: Clock) -> None:
    clock.now = 100.0
    first = date.current_date()
    clock.now = 100.9
    assert date.current_date() is first
    clock.now = 101.0
    assert date.current_date() == "Thu, 01 Jan 1970 00:01:41 GMT"
    clock.now = 99.0
    assert date.current_date() == "Thu, 01 Jan 1970 00:01:39 GMT"


def test_the_last_lines_of_a_head_end_it(clock: Clock) -> None:
    clock.now = 784111777.0
    lines = f"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: {SERVER_NAME}\r\n".encode()
    assert date.last_lines() == (lines + b"\r\n", lines + b"Connection: close\r\n\r\n")
    clock.now += 1
    assert b"08:49:38" in date.last_lines()[0]
