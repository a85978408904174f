from __future__ import annotations

import time
from http.cookies import SimpleCookie

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.request_cookies import parse_cookie_field


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("", {}),
        ("a=b; c=d", {"a": "b", "c": "d"}),
        ("a=b;c=d ;; ", {"a": "b", "c": "d"}),
        ("a=1; a=2", {"a": "2"}),
        (" a = b ", {"a": "b"}),
        ("a=b=c", {"a": "b=c"}),
        ("a[b]=b c", {"a[b]": "b c"}),
        ("flag; a=", {"flag": "", "a": ""}),
        ("=x; =", {}),
        ("$Version=1; path=/x", {"$Version": "1", "path": "/x"}),
        ('a="b c"; d=""', {"a": "b c", "d": ""}),
        ('a="\\"q\\"\\012\\\\"', {"a": '"q"\n\\'}),
        ('a="b"c; d="', {"a": '"b"c', "d": '"'}),
        ("é=ü", {"é": "ü"}),
    ],
)
def test_the_field_is_read_leniently(field: str, cookies: dict[str, str]) -> None:
    assert parse_cookie_field(field) == cookies


def test_a_quote_does_not_swallow_the_cookies_behind_it() -> None:
    assert parse_cookie_field('a="x; session=secret; b=y"')["session"] == "secret"


@given(st.text(st.characters(min_codepoint=1, max_codepoint=255)))
def test_what_http_cookies_quotes_comes_back(value: str) -> None:
    cookies: SimpleCookie = SimpleCookie()
    quoted = cookies.value_encode(value)[1]
    if value == value.strip(" \t"):  # blanks around a bare value are lost, as in every browser
        assert parse_cookie_field(f"a={quoted}") == {"a": value}


@pytest.mark.parametrize("piece", ['a="', ";", '"', "=", 'a="\\",', "a=b; ", "\\"])
def test_a_long_field_takes_linear_time(piece: str) -> None:
    field = piece * (10**6 // len(piece))
    started = time.perf_counter()
    parse_cookie_field(field)
    assert time.perf_counter() - started < 2  # it takes some 0.2 s; quadratic time would take minutes
