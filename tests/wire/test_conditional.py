"""Dates, preconditions and ranges against RFC 9110 §5.6.7, §13 and §14."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from multidict import CIMultiDict

from trunkline.wire.conditional import (
    ETag,
    Validators,
    Verdict,
    check_preconditions,
    format_http_date,
    is_range_wanted,
    parse_http_date,
    parse_range,
    select_range,
)

MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
BEFORE, AT, AFTER = (format_http_date(MOMENT + timedelta(seconds=by)) for by in (-1, 0, 1))
VALIDATORS = Validators(ETag("v1"), int(MOMENT.timestamp()))


@pytest.mark.parametrize(
    "field",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_all_three_formats_of_a_date_are_read(field: str) -> None:
    assert parse_http_date(field) == MOMENT


@pytest.mark.parametrize(
    "field",
    [None, "", "soon", "0", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 99999999"],
)
def test_what_is_no_date_is_none(field: str | None) -> None:
    assert parse_http_date(field) is None


@pytest.mark.parametrize(
    ("moment", "field"),
    [
        (MOMENT, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (MOMENT.replace(tzinfo=None), "Sun, 06 Nov 1994 08:49:37 GMT"),
        (datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2))), "Tue, 31 Dec 2019 22:00:00 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1.5, "Thu, 01 Jan 1970 00:00:02 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (datetime(1, 1, 1), "Mon, 01 Jan 0001 00:00:00 GMT"),
    ],
)
def test_a_date_is_rendered(moment: datetime | float, field: str) -> None:
    assert format_http_date(moment) == field


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (None, slice(None, None, 1)),
        ("bytes=0-10", slice(0, 11, 1)),
        ("bytes=10-", slice(10, None, 1)),
        ("bytes=-10", slice(-10, None, 1)),
        ("bytes=-0", slice(0, 0, 1)),
        ("Bytes=5-5", slice(5, 6, 1)),
        ("bytes=9999999999999999999999-", slice(9999999999999999999999, None, 1)),
    ],
)
def test_one_range_becomes_a_slice(field: str | None, wanted: slice) -> None:
    assert parse_range(field) == wanted


BAD_RANGES = ["bytes=", "bytes=-", "bytes=a-b", "bytes=10-5", "bytes=+1-2", "bytes=1_0-20", "bytes=٣-٤", "bytes= 0-1"]


@pytest.mark.parametrize("field", ["", "0-1", "items=0-1", "byteſ=0-1", "bytes=0-1,3-4", f"bytes=0-{'9' * 8000}"])
def test_what_is_not_one_range_of_bytes_is_refused(field: str) -> None:
    with pytest.raises(ValueError):
        parse_range(field)


@pytest.mark.parametrize("field", BAD_RANGES)
def test_a_damaged_range_is_refused(field: str) -> None:
    with pytest.raises(ValueError):
        parse_range(field)
    with pytest.raises(ValueError):
        select_range(field, 100)


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("bytes=0-3", range(4)),
        ("bytes=5-", range(5, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-100", range(10)),
        ("bytes=9-100", range(9, 10)),
    ],
)
def test_a_range_is_cut_to_what_is_there(field: str, wanted: range) -> None:
    assert select_range(field, 10) == wanted


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_cannot_be_satisfied(field: str) -> None:
    with pytest.raises(ValueError, match="no byte of 10"):
        select_range(field, 10)


@pytest.mark.parametrize("field", ["bytes=0-", "bytes=-5"])
def test_no_range_of_nothing_can_be_satisfied(field: str) -> None:
    with pytest.raises(ValueError):
        select_range(field, 0)


@pytest.mark.parametrize("field", ["items=0-3", "items", "", "bytes=0-1,3-4", "bytes=0-1, -1"])
def test_other_units_and_lists_of_ranges_are_ignored(field: str) -> None:
    assert select_range(field, 10) is None


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, Verdict.PROCEED),
        ({"If-Match": '"v1"'}, Verdict.PROCEED),
        ({"If-Match": '"v0", "v1"'}, Verdict.PROCEED),
        ({"If-Match": "*"}, Verdict.PROCEED),
        ({"If-Match": '"v0"'}, Verdict.FAILED),
        ({"If-Match": 'W/"v1"'}, Verdict.FAILED),
        ({"If-Match": "nonsense"}, Verdict.FAILED),
        ({"If-Unmodified-Since": BEFORE}, Verdict.FAILED),
        ({"If-Unmodified-Since": AT}, Verdict.PROCEED),
        ({"If-Unmodified-Since": "nonsense"}, Verdict.PROCEED),
        ({"If-Match": '"v1"', "If-Unmodified-Since": BEFORE}, Verdict.PROCEED),
        ({"If-None-Match": '"v1"'}, Verdict.NOT_MODIFIED),
        ({"If-None-Match": 'W/"v1"'}, Verdict.NOT_MODIFIED),
        ({"If-None-Match": "*"}, Verdict.NOT_MODIFIED),
        ({"If-None-Match": '"v0"'}, Verdict.PROCEED),
        ({"If-None-Match": "nonsense"}, Verdict.PROCEED),
        ({"If-Modified-Since": BEFORE}, Verdict.PROCEED),
        ({"If-Modified-Since": AT}, Verdict.NOT_MODIFIED),
        ({"If-Modified-Since": AFTER}, Verdict.NOT_MODIFIED),
        ({"If-Modified-Since": "nonsense"}, Verdict.PROCEED),
        ({"If-None-Match": '"v0"', "If-Modified-Since": AT}, Verdict.PROCEED),
        ({"If-Match": '"v0"', "If-None-Match": '"v1"'}, Verdict.FAILED),
    ],
)
def test_preconditions(headers: dict[str, str], verdict: Verdict) -> None:
    assert check_preconditions(CIMultiDict(headers), VALIDATORS) is verdict


def test_all_lines_of_a_list_of_tags_count() -> None:
    headers = CIMultiDict([("If-None-Match", '"v0"'), ("If-None-Match", '"v1"')])
    assert check_preconditions(headers, VALIDATORS) is Verdict.NOT_MODIFIED


@pytest.mark.parametrize(
    ("if_range", "is_wanted"),
    [
        ('"v1"', True),
        ('W/"v1"', False),
        ('"v0"', False),
        ("*", False),
        ('"v0", "v1"', False),
        (AT, True),
        (BEFORE, False),
        (AFTER, False),
        ("nonsense", False),
    ],
)
def test_if_range_wants_the_exact_version(if_range: str, is_wanted: bool) -> None:
    assert is_range_wanted(CIMultiDict({"Range": "bytes=0-1", "If-Range": if_range}), VALIDATORS) is is_wanted


def test_if_range_never_matches_a_weak_tag() -> None:
    weak = Validators(ETag("v1", is_weak=True), VALIDATORS.modified_at)
    assert not is_range_wanted(CIMultiDict({"Range": "bytes=0-1", "If-Range": 'W/"v1"'}), weak)


def test_without_if_range_any_version_will_do() -> None:
    assert is_range_wanted(CIMultiDict({"Range": "bytes=0-1"}), VALIDATORS)
    assert not is_range_wanted(CIMultiDict(), VALIDATORS)
