"""A timeline as a value: what it adds up to, and how it prints."""

import pytest
from yarl import URL

from trunkline.client.observe.timeline import Hop, Phase, Timeline, Try

OLD, NEW = URL("http://a.test/old"), URL("http://a.test/")
FIRST = Try(
    start_s=0.0,
    end_s=0.03,
    phases=(
        Phase("dns", 0.0, 0.01),
        Phase("connect", 0.01, 0.02),
        Phase("tls", 0.02, 0.025),
        Phase("tls", 0.025, 0.03),
    ),
    status=302,
    is_reused=False,
    peer="127.0.0.1:80",
    error=None,
    is_complete=True,
)
LOST = Try(0.03, 0.04, (), None, True, None, "ServerDisconnectedError: gone", True)
LAST = Try(0.04, 0.1, (Phase("body", 0.0999, 0.1),), 200, True, None, None, False)
TIMELINE = Timeline((Hop("GET", OLD, (FIRST,)), Hop("GET", NEW, (LOST, LAST))), 0.1, False)

WATERFALL = """\
GET http://a.test/old
  302, new connection to 127.0.0.1:80
    dns           0.0 ms    +10.0 ms  |====                                    |
    connect      10.0 ms    +10.0 ms  |    ====                                |
    tls          20.0 ms     +5.0 ms  |        ==                              |
    tls          25.0 ms     +5.0 ms  |          ==                            |
GET http://a.test/
  no response, reused connection: ServerDisconnectedError: gone
  200, reused connection
    body         99.9 ms     +0.1 ms  |                                       =|
total 100.0 ms, and more to come"""


def test_it_prints_as_a_waterfall_to_scale() -> None:
    assert str(TIMELINE) == WATERFALL


def test_no_line_of_phases_is_wider_than_80_columns() -> None:
    assert max(len(line) for line in WATERFALL.splitlines() if "|" in line) <= 80


@pytest.mark.parametrize(("name", "seconds"), [("dns", 0.01), ("tls", 0.01), ("queue", None)])
def test_phases_of_a_name_add_up(name: str, seconds: float | None) -> None:
    assert FIRST.seconds(name) == (seconds if seconds is None else pytest.approx(seconds))


def test_the_status_of_a_hop_is_that_of_its_last_try() -> None:
    assert [hop.status for hop in TIMELINE.hops] == [302, 200]
    assert Hop("GET", NEW, ()).status is None  # a middleware answered


def test_a_timeline_in_which_no_time_has_passed_can_be_printed() -> None:
    begun = Try(0.0, 0.0, (Phase("queue", 0.0, 0.0),), None, False, None, None, False)
    printed = str(Timeline((Hop("GET", NEW, (begun,)),), 0.0, False))
    assert "no response yet, new connection" in printed
    assert "|=" + " " * 39 + "|" in printed
