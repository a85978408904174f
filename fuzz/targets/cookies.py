"""Set-Cookie, Cookie and cookies of users (RFC 6265bis §5); oracles: `datetime` for dates, our server for our client.

The first line of the input is a Set-Cookie field, the second a name and the third a value that a user sets.
"""

import re
from datetime import UTC, datetime

from trunkline.wire.cookies import (
    check_cookies,
    default_path,
    parse_cookie_date,
    parse_set_cookie,
    path_matches,
    quote_value,
    render_cookie_field,
    unquote_value,
)
from trunkline.wire.errors import BadCookie
from trunkline.wire.fields import check_field_value
from trunkline.wire.limits import MAX_COOKIE_BYTES
from trunkline.wire.request_cookies import parse_cookie_field

_IMF_DATE = re.compile(r"[A-Z][a-z]{2}, ([0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}) GMT")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check(data: bytes) -> None:
    """What is taken of a server goes back as it came, and nothing that a user sets leaves its place."""
    received, name, value, *_ = [*data.decode("utf-8", "surrogateescape").split("\n"), "", ""]
    _check_received(received)
    for quote in (True, False):
        _check_set(name, value, quote=quote)
    assert unquote_value(quote_value(value)) == value or not _is_latin(value)
    _check_date(received)
    assert path_matches(received, default_path(received)) or not received.startswith("/")


def _check_received(field: str) -> None:
    try:
        morsel = parse_set_cookie(field)
    except BadCookie:
        return
    assert len(morsel.key) + len(morsel.coded_value) <= MAX_COOKIE_BYTES
    rendered = render_cookie_field([morsel])
    assert ";" not in rendered
    check_field_value(rendered)
    back = parse_cookie_field(rendered)
    assert list(back) == [morsel.key], f"{rendered!r} is read as {back}"
    assert back[morsel.key] == unquote_value(morsel.coded_value)


def _check_set(name: str, value: str, *, quote: bool) -> None:
    try:
        morsels = check_cookies({name: value}, quote=quote)
    except BadCookie:
        return
    rendered = render_cookie_field(morsels)
    check_field_value(rendered)
    back = parse_cookie_field(rendered)
    assert list(back) == [name], f"{rendered!r} is read as {back}"
    if quote and _is_latin(value):
        assert back[name] == value, f"{value!r} went out as {rendered!r}"


def _is_latin(value: str) -> bool:
    """Tell whether http.cookies can quote every character: octal escapes end at 0o377."""
    return all(ord(character) < 0x100 for character in value)


def _check_date(text: str) -> None:
    seconds = parse_cookie_date(text)
    match = _IMF_DATE.fullmatch(text)
    if match is None or not text.isascii():
        return
    try:
        moment = datetime.strptime(match[1], "%d %b %Y %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return  # strptime refuses more, say a second 61
    expected = int((moment - _EPOCH).total_seconds()) if moment.year >= 1601 else None
    assert seconds == expected, f"{text} is {expected}, not {seconds}"
