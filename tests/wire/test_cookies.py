"""Set-Cookie, Cookie, cookie dates and matching, by the rules and examples of RFC 6265bis."""

import re
from datetime import datetime, timedelta
from http.cookies import CookieError, Morsel, SimpleCookie

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.cookies import (
    check_cookies,
    default_path,
    domain_matches,
    parse_cookie_date,
    parse_set_cookie,
    parse_set_cookies,
    path_matches,
    render_cookie_field,
    unquote_value,
)
from trunkline.wire.errors import BadCookie
from trunkline.wire.limits import (
    MAX_COOKIE_ATTRIBUTE_BYTES,
    MAX_COOKIE_ATTRIBUTES,
    MAX_COOKIE_BYTES,
    MAX_COOKIES_PER_RESPONSE,
)
from trunkline.wire.request_cookies import parse_cookie_field

JUN_2021 = 1_623_233_894  # 2021-06-09T10:18:14Z


@pytest.mark.parametrize(
    ("field", "name", "value"),
    [
        ("SID=31d4d96e407aad42", "SID", "31d4d96e407aad42"),
        ("  a  =  b  ;Path=/", "a", "b"),
        ("\ta\t=\tb\t", "a", "b"),
        ("a=b=c==", "a", "b=c=="),
        ("a=", "a", ""),
        ("a=1,2", "a", "1,2"),
        ("a=b c", "a", "b c"),
        ('a={"x": [1, 2]}', "a", '{"x": [1, 2]}'),
        ("a=żółw", "a", "żółw"),
        ("a=\udce9", "a", "\udce9"),
        ('a="', "a", '"'),
        ('a="x"y', "a", '"x"y'),
        ("user@site[0]=1", "user@site[0]", "1"),
        ("a b=1", "a b", "1"),
        ("$Version=1", "$Version", "1"),
        ("expires=1; Max-Age=5", "expires", "1"),
        ("Path=/x", "Path", "/x"),
        ("a=b; c=d", "a", "b"),
    ],
)
def test_a_cookie_of_any_shape_that_browsers_take_goes_back_as_it_came(field: str, name: str, value: str) -> None:
    morsel = parse_set_cookie(field)
    assert (morsel.key, morsel.value) == (name, value)
    assert render_cookie_field([morsel]) == f"{name}={value}"


@pytest.mark.parametrize(
    ("coded_value", "value"),
    [
        ('"q"', "q"),
        ('"b c"', "b c"),
        ('"x\\"y"', 'x"y'),
        ('"b\\054c"', "b,c"),
        ('""', ""),
        ('"\\012"', '"\\012"'),
    ],
)
def test_value_is_unquoted_unless_that_yields_controls_and_coded_value_is_as_sent(coded_value: str, value: str) -> None:
    morsel = parse_set_cookie(f"a={coded_value}")
    assert (morsel.value, morsel.coded_value) == (value, coded_value)


@pytest.mark.parametrize(
    "field",
    [
        "",
        "=",
        "=b",
        "  =b",
        "novalue",
        ";a=b",
        "a\x00=b",
        "a=b\x01",
        "a=b\nc",
        "a=b\r",
        "a=b\x7f",
        "a=b; Path=/\x0b",
    ],
)
def test_a_field_without_name_or_with_controls_is_ignored_whole(field: str) -> None:
    with pytest.raises(BadCookie):
        parse_set_cookie(field)


def test_unquoting_takes_linear_time() -> None:
    # With the quadratic way of CVE-2024-7592 this would take hours, not milliseconds.
    assert unquote_value('"' + "\\\\" * 1_000_000 + '"') == "\\" * 1_000_000


def test_an_inner_tab_is_refused_on_every_python() -> None:
    with pytest.raises(BadCookie, match="HTAB"):
        parse_set_cookie("a=b\tc")
    assert parse_set_cookie("a=b; Path\t=\t/a\tb")["path"] == "/a b"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            "Path=/a; Secure; HttpOnly; SameSite=Lax",
            {"path": "/a", "secure": True, "httponly": True, "samesite": "Lax"},
        ),
        ("PATH=/a;SECURE", {"path": "/a", "secure": True}),
        ("secure=false", {"secure": True}),
        ("Path=relative", {}),
        ('Path="/a"', {}),
        ("Path=/a; Path=/b", {"path": "/b"}),
        ("Path=/a; Path", {}),
        ("Domain=a.example; Domain=b.example", {"domain": "b.example"}),
        ("Max-Age=10", {"max-age": "10"}),
        ("Max-Age=-10", {"max-age": "-10"}),
        ("Max-Age=+10", {}),
        ("Max-Age=1.5", {}),
        ("Max-Age=", {}),
        ("Max-Age=5; Max-Age=bad", {"max-age": "5"}),
        ("Expires=Wed, 09 Jun 2021 10:18:14 GMT", {"expires": "Wed, 09 Jun 2021 10:18:14 GMT"}),
        ("Expires=soon", {}),
        ("SameSite=whatever", {}),
        ("Unknown=1; ; =; ===", {}),
    ],
)
def test_attributes_are_kept_or_ignored_one_by_one(attributes: str, expected: dict[str, object]) -> None:
    morsel = parse_set_cookie(f"a=b; {attributes}")
    assert {key: value for key, value in morsel.items() if value} == expected


def test_name_and_value_are_bounded_together_in_octets() -> None:
    assert parse_set_cookie("a=" + "x" * (MAX_COOKIE_BYTES - 1)).key == "a"
    for field in (
        "a=" + "x" * MAX_COOKIE_BYTES,
        "x" * MAX_COOKIE_BYTES + "=a",
        "a=" + "é" * (MAX_COOKIE_BYTES // 2),
    ):
        with pytest.raises(BadCookie):
            parse_set_cookie(field)


def test_a_long_attribute_and_those_beyond_the_bound_are_ignored() -> None:
    fits = "/" + "x" * (MAX_COOKIE_ATTRIBUTE_BYTES - 1)
    assert parse_set_cookie(f"a=b; Path={fits}")["path"] == fits
    assert parse_set_cookie(f"a=b; Path={fits}x")["path"] == ""
    filler = "; x" * (MAX_COOKIE_ATTRIBUTES - 1)
    assert parse_set_cookie(f"a=b{filler}; Secure")["secure"] is True
    assert not parse_set_cookie(f"a=b{filler}; x; Secure")["secure"]


def test_each_set_cookie_field_stands_alone_and_their_number_is_bounded() -> None:
    morsels, refused = parse_set_cookies(["a=1, b=2", "broken", "c=3"])
    assert [(morsel.key, morsel.value) for morsel in morsels] == [("a", "1, b=2"), ("c", "3")]
    assert len(refused) == 1
    morsels, refused = parse_set_cookies([f"a{n}=1" for n in range(200)])
    assert (len(morsels), len(refused)) == (MAX_COOKIES_PER_RESPONSE, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wed, 09 Jun 2021 10:18:14 GMT", JUN_2021),
        ("Wednesday, 09-Jun-21 10:18:14 GMT", JUN_2021),
        ("Wed Jun  9 10:18:14 2021", JUN_2021),
        ("10:18:14 2021 june 9", JUN_2021),
        ("9x Juniper 2021y 10:18:14z", JUN_2021),
        ("9-jun-2021-10:18:14", JUN_2021),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 01-Jan-70 00:00:00 GMT", 0),
        ("Thu, 31-Dec-69 00:00:00 GMT", 3_155_673_600),
        ("01 Jan 1601 00:00:00", -11_644_473_600),
        ("31 Dec 9999 23:59:59", 253_402_300_799),
        ("29 Feb 2024 0:0:0", 1_709_164_800),
        ("29 Feb 2023 00:00:00", None),
        ("31 Dec 1600 00:00:00", None),
        ("32 Jan 2021 00:00:00", None),
        ("00 Jan 2021 00:00:00", None),
        ("01 Jan 2021 24:00:00", None),
        ("01 Jan 2021 00:60:00", None),
        ("01 Jan 2021 00:00:60", None),
        ("01 Jan 20211 00:00:00", None),
        ("001 Jan 2021 00:00:00", None),
        ("01 Jan 2021", None),
        ("01 2021 00:00:00", None),
        ("0", None),
        ("", None),
        ("٠٩ Jun ٢٠٢١ 10:18:14", None),
    ],
)
def test_cookie_dates(text: str, expected: int | None) -> None:
    assert parse_cookie_date(text) == expected


@pytest.mark.parametrize(
    ("host", "domain", "expected"),
    [
        ("example.com", "example.com", True),
        ("www.example.com", "example.com", True),
        ("a.b.example.com", "example.com", True),
        ("badexample.com", "example.com", False),
        ("example.com", "www.example.com", False),
        ("example.com.evil", "example.com", False),
    ],
)
def test_domain_match(host: str, domain: str, expected: bool) -> None:
    assert domain_matches(host, domain) is expected


@pytest.mark.parametrize(
    ("request_path", "cookie_path", "expected"),
    [
        ("/", "/", True),
        ("/a", "/", True),
        ("/a", "/a", True),
        ("/a/", "/a", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/", True),
        ("/ab", "/a", False),
        ("/a", "/a/", False),
        ("/", "/a", False),
        ("/A", "/a", False),
    ],
)
def test_path_match(request_path: str, cookie_path: str, expected: bool) -> None:
    assert path_matches(request_path, cookie_path) is expected


@pytest.mark.parametrize(
    ("request_path", "expected"),
    [("", "/"), ("x", "/"), ("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("/a/b/c", "/a/b")],
)
def test_default_path(request_path: str, expected: str) -> None:
    assert default_path(request_path) == expected


@pytest.mark.parametrize(
    ("cookies", "quoted", "bare"),
    [
        ({"a": "1", "b": "2"}, "a=1; b=2", "a=1; b=2"),
        ([("a", "1"), ("a", "2")], "a=1; a=2", "a=1; a=2"),
        ({"a": "x y"}, 'a="x y"', "a=x y"),
        ({"a": "x,y"}, 'a="x\\054y"', "a=x,y"),
        ({"a": '"x"'}, 'a="\\"x\\""', 'a="x"'),
        ({"a": ""}, 'a=""', "a="),
        ({"a": 5}, "a=5", "a=5"),
        (SimpleCookie('a="x y"'), 'a="x y"', "a=x y"),
        (SimpleCookie('a="x\\073y"'), 'a="x\\073y"', 'a="x\\073y"'),
        ({"other": SimpleCookie("a=1")["a"]}, "a=1", "a=1"),
    ],
)
def test_cookies_of_users_are_quoted_on_demand(cookies: dict[str, object], quoted: str, bare: str) -> None:
    assert render_cookie_field(check_cookies(cookies, quote=True)) == quoted
    assert render_cookie_field(check_cookies(cookies, quote=False)) == bare


@pytest.mark.parametrize("quote", [True, False])
@pytest.mark.parametrize("char", ["\r", "\n", "\r\n", "\0", "\t", "\x1f", "\x7f"])
def test_controls_in_a_cookie_of_a_user_are_an_error(char: str, quote: bool) -> None:
    for cookies in ({f"a{char}": "1"}, {"a": f"1{char}2"}, {"a": char}):
        with pytest.raises(ValueError, match="cookie"):
            check_cookies(cookies, quote=quote)


@pytest.mark.parametrize("name", ["", " ", "a b", "a;b", "a=b", "a,b", 'a"', "é", "a/b", "a@b"])
def test_a_name_of_a_user_must_be_a_token(name: str) -> None:
    with pytest.raises(CookieError):
        check_cookies({name: "1"}, quote=True)


def test_a_semicolon_needs_quoting() -> None:
    assert render_cookie_field(check_cookies({"a": "x; b=2"}, quote=True)) == 'a="x\\073 b=2"'
    with pytest.raises(ValueError, match="quote_cookie=True"):
        check_cookies({"a": "x; b=2"}, quote=False)


def _dirty_morsel(name: str, value: str) -> "Morsel[str]":
    # Not by Morsel.set(), which on newer Pythons sees some of this itself.
    dirty: Morsel[str] = type("DirtyMorsel", (Morsel,), {"key": name, "value": value, "coded_value": value})()
    return dirty


@pytest.mark.parametrize(
    ("name", "coded_value"),
    [
        ("a\r\nX-Y: 1", "1"),
        ("", "1"),
        ("a=b", "1"),
        (" a", "1"),
        ("a;b", "1"),
        ("a", "1\r\n"),
        ("a", "1; b=2"),
        ("a", "\0"),
    ],
)
def test_a_dirty_morsel_is_an_error(name: str, coded_value: str) -> None:
    for quote in (True, False):
        with pytest.raises(ValueError, match="cookie"):
            check_cookies([("x", _dirty_morsel(name, coded_value))], quote=quote)


def test_a_checked_morsel_is_a_copy_with_its_attributes() -> None:
    original = parse_set_cookie("a[0]=1; Path=/x; Secure")
    (copy,) = check_cookies({"a[0]": original}, quote=False)
    assert copy == original
    copy["path"] = "/y"
    assert original["path"] == "/x"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("__Secure-a", (True, "")), ("__host-a", (True, "/")), ("__Hosta", ("", ""))],
)
def test_a_prefixed_name_in_a_plain_string_implies_its_attributes(name: str, expected: tuple[object, str]) -> None:
    (morsel,) = check_cookies({name: "1"}, quote=True)
    assert (morsel["secure"], morsel["path"]) == expected


_names = st.from_regex(re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII), fullmatch=True)
_values = st.text(st.characters(exclude_characters="\x7f", exclude_categories=["Cs"], min_codepoint=0x20), max_size=50)


@given(st.lists(st.tuples(_names, _values)))
def test_what_is_rendered_with_quotes_is_read_back(pairs: list[tuple[str, str]]) -> None:
    assert parse_cookie_field(render_cookie_field(check_cookies(pairs, quote=True))) == dict(pairs)


@given(st.lists(st.tuples(_names, _values.filter(lambda value: value == value.strip() and not set(value) & set('";')))))
def test_what_is_rendered_bare_is_read_back(pairs: list[tuple[str, str]]) -> None:
    assert parse_cookie_field(render_cookie_field(check_cookies(pairs, quote=False))) == dict(pairs)


@given(st.text())
def test_any_field_is_parsed_or_refused_and_what_is_parsed_can_be_sent(field: str) -> None:
    parse_cookie_date(field)
    try:
        morsel = parse_set_cookie(field)
    except BadCookie:
        return
    rendered = render_cookie_field(check_cookies([(morsel.key, morsel)], quote=True))
    assert not set(rendered) & set("\r\n\0;")
    assert list(parse_cookie_field(rendered)) == [morsel.key]


@given(st.datetimes(min_value=datetime(1601, 1, 1), max_value=datetime(9999, 12, 31)))
def test_dates_are_those_of_the_standard_library(when: datetime) -> None:
    text = f"{when.day} {when:%b} {when.year:04} {when:%H:%M:%S}"
    expected = (when.replace(microsecond=0) - datetime(1970, 1, 1)) // timedelta(seconds=1)
    assert parse_cookie_date(text) == expected


@pytest.mark.parametrize(
    "text", ["29 Feb 2023 00:00:00", "31 Apr 2024 00:00:00", "0 Jan 2024 00:00:00", "1 Jan 2024 24:00:00"]
)
def test_a_date_that_no_calendar_has_is_none(text: str) -> None:
    assert parse_cookie_date(text) is None
