"""Conditional requests and ranges: dates, preconditions, Range and If-Range (RFC 9110 §5.6.7, §13, §14).

Fields of a request and the validators of what it asks for go in, a decision comes out. A field that cannot
be read is as if it were missing, except where that would be unsafe. Several ranges in one request are not
served; a server may ignore them (RFC 9110 §14.2). Entity tags themselves are in `etag`.
"""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from multidict import MultiMapping

from trunkline import hdrs
from trunkline.wire.cookies import parse_cookie_date
from trunkline.wire.etag import ETag, matches_strongly, matches_weakly, parse_etags, render_etag

__all__ = (
    "ETag",
    "Validators",
    "Verdict",
    "check_preconditions",
    "format_http_date",
    "is_range_wanted",
    "parse_etags",
    "parse_http_date",
    "parse_range",
    "render_etag",
    "select_range",
)

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# ranges-specifier = range-unit "=" range-set (RFC 9110 §14.1.1), for the one range that we serve
_UNIT: Final = "bytes"
_RANGE: Final = re.compile(r"bytes=(?P<first>[0-9]*)-(?P<last>[0-9]*)", re.IGNORECASE | re.ASCII)
_EVERYTHING: Final = slice(None, None, 1)


def parse_http_date(field: str | None) -> datetime | None:
    """Return the moment that an HTTP-date names, in UTC; None for a field that is missing or no date.

    All three formats of RFC 9110 §5.6.7 are read, and more: the lenient algorithm of cookies knows them too.
    """
    seconds = parse_cookie_date(field) if field else None
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def format_http_date(moment: datetime | float) -> str:
    """Return an IMF-fixdate (RFC 9110 §5.6.7).

    moment: a Unix time, of which a part of a second counts as a whole, or a datetime, UTC if it is naive.
    """
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(math.ceil(moment), UTC)
    elif moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    # Not by strftime, whose names follow the locale.
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"


def parse_range(field: str | None) -> slice:
    """Return the bytes that a Range field asks for, as a slice with step 1; all of them when it is missing.

    `bytes=-5` is `slice(-5, None, 1)`, and `bytes=-0`, which can never be satisfied, is empty.
    Raises ValueError for anything but one range of bytes.
    """
    if field is None:
        return _EVERYTHING
    match = _RANGE.fullmatch(field)
    if match is None:
        raise ValueError(f"Range field {field[:60]!r} is no single range of bytes; wanted 'bytes=FIRST-LAST'")
    first, last = _position(match["first"]), _position(match["last"])
    if first is None:
        if last is None:
            raise ValueError(f"Range field {field!r} has neither a first nor a last position")
        return slice(-last, None, 1) if last else slice(0, 0, 1)
    if last is None:
        return slice(first, None, 1)
    if last < first:
        raise ValueError(f"Range field {field!r} ends before it starts")
    return slice(first, last + 1, 1)


def _position(digits: str) -> int | None:
    return int(digits) if digits else None  # which refuses what would take long, more than 4300 digits


def select_range(field: str, total_bytes: int) -> range | None:
    """Return the positions of a file of `total_bytes` to serve for a Range field; None for all of them.

    A unit other than bytes must be ignored, and a list of ranges may be (RFC 9110 §14.2).
    Raises ValueError when the answer is 416.
    """
    unit, equals, ranges = field.partition("=")
    if unit.strip().lower() != _UNIT or not equals or "," in ranges:
        return None
    wanted = range(total_bytes)[parse_range(field)]
    if not wanted:
        raise ValueError(f"Range field {field[:60]!r} names no byte of {total_bytes}")
    return wanted


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells two states of a representation apart (RFC 9110 §8.8).

    modified_at: in Unix seconds.
    """

    etag: ETag
    modified_at: int


class Verdict(enum.Enum):
    """What the preconditions of a request come to."""

    PROCEED = enum.auto()
    NOT_MODIFIED = enum.auto()
    FAILED = enum.auto()


def check_preconditions(headers: MultiMapping[str], validators: Validators) -> Verdict:
    """Evaluate the preconditions of a GET or HEAD, in the order of RFC 9110 §13.2.2.

    A date field counts only where the entity tag field that is more exact is missing.
    """
    if hdrs.IF_MATCH in headers:
        if not matches_strongly(validators.etag, _etags(headers, hdrs.IF_MATCH)):
            return Verdict.FAILED
    elif (since := _seconds(headers, hdrs.IF_UNMODIFIED_SINCE)) is not None and validators.modified_at > since:
        return Verdict.FAILED
    if hdrs.IF_NONE_MATCH in headers:
        if matches_weakly(validators.etag, _etags(headers, hdrs.IF_NONE_MATCH)):
            return Verdict.NOT_MODIFIED
    elif (since := _seconds(headers, hdrs.IF_MODIFIED_SINCE)) is not None and validators.modified_at <= since:
        return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def _etags(headers: MultiMapping[str], name: str) -> tuple[ETag, ...]:
    return parse_etags(", ".join(headers.getall(name)))


def _seconds(headers: MultiMapping[str], name: str) -> int | None:
    return parse_cookie_date(headers.get(name, ""))


def is_range_wanted(headers: MultiMapping[str], validators: Validators) -> bool:
    """Tell whether Range is there and If-Range, if given, still holds (RFC 9110 §13.1.5).

    If-Range that cannot be read does not hold: the part could be glued to one of another version.
    """
    if hdrs.RANGE not in headers:
        return False
    if_range = headers.get(hdrs.IF_RANGE)
    if if_range is None:
        return True
    if '"' in if_range:
        return parse_etags(if_range) == (validators.etag,) and not validators.etag.is_weak
    return parse_cookie_date(if_range) == validators.modified_at
