"""`Intake`: heads are cut off the front of what came, however it came, and the rest is kept."""

import itertools

import pytest
from hypothesis import given, strategies as st

from trunkline.conn.intake import Intake
from trunkline.wire.errors import BadHead, FieldTooLong

BOUNDS = (8190, 8190, 100)
FIRST = b"GET /1 HTTP/1.1\r\nHost: a"
SECOND = b"GET /2 HTTP/1.1\r\nHost: b"
END = b"\r\n\r\n"


def next_head(intake: Intake) -> bytes | None:
    return intake.next_head(*BOUNDS)


def test_a_new_one_is_empty() -> None:
    intake = Intake()
    assert (intake.is_empty, intake.has_bytes, intake.has_partial_head) == (True, False, False)
    assert intake.take_all() == b""


def test_heads_are_cut_off_one_by_one() -> None:
    intake = Intake()
    intake.put(FIRST + END + SECOND + END + b"GET")
    assert next_head(intake) == FIRST
    assert next_head(intake) == SECOND
    assert (intake.is_empty, intake.has_bytes) == (False, True)
    assert next_head(intake) is None
    assert (intake.is_empty, intake.has_bytes, intake.has_partial_head) == (False, False, True)


def test_the_last_head_leaves_nothing() -> None:
    intake = Intake()
    intake.put(FIRST + END)
    assert next_head(intake) == FIRST
    assert intake.is_empty


@given(st.lists(st.integers(0, 60)))
def test_heads_are_found_in_whatever_pieces_they_come(cuts: list[int]) -> None:
    data = b"\r\n" + FIRST + END + b"\r\n\r\n" + SECOND + END + b"rest"
    intake = Intake()
    heads: list[bytes] = []
    bounds = sorted({0, len(data), *cuts})
    for start, stop in itertools.pairwise(bounds):
        intake.put(data[start:stop])
        while intake.has_bytes and (head := next_head(intake)) is not None:
            heads.append(head)
    assert heads == [FIRST, SECOND]
    assert intake.has_partial_head


def test_all_that_is_held_can_be_taken_for_a_body() -> None:
    intake = Intake()
    intake.put(FIRST + END + b"bo")
    intake.put(b"dy")
    assert next_head(intake) == FIRST
    assert intake.take_all() == b"body"
    assert intake.is_empty


def test_what_is_put_behind_a_head_that_was_cut_off_follows_the_rest() -> None:
    intake = Intake()
    intake.put(FIRST + END + SECOND)
    assert next_head(intake) == FIRST
    intake.put(END)
    assert next_head(intake) == SECOND
    assert intake.is_empty


def test_clear_forgets_the_beginning_of_a_head_too() -> None:
    intake = Intake()
    intake.put(FIRST)
    assert next_head(intake) is None
    intake.put(b"more")
    intake.clear()
    assert intake.is_empty


def test_a_few_empty_lines_before_a_request_are_skipped_and_many_are_refused() -> None:
    intake = Intake()
    for _ in range(3):  # counted anew for each request
        intake.put(b"\r\n" * 10 + FIRST + END)
        assert next_head(intake) == FIRST
    for _ in range(16):
        intake.put(b"\r\n")
        assert next_head(intake) is None
        assert intake.is_empty
    intake.put(b"\r\n")
    with pytest.raises(BadHead, match="empty lines before a request"):
        next_head(intake)


def test_what_can_be_no_request_is_refused_before_it_is_whole() -> None:
    intake = Intake()
    intake.put(b"\x16\x03\x01")
    with pytest.raises(BadHead, match="where a request was due"):
        next_head(intake)


def test_a_head_that_does_not_end_is_refused_at_the_bound() -> None:
    intake = Intake()
    intake.put(b"GET /" + b"a" * 8185)
    assert next_head(intake) is None
    intake.put(b"a")
    with pytest.raises(FieldTooLong):
        next_head(intake)
