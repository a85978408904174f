from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.mime import MimeType, parse_mimetype, quote_string, split_parameters, unquote_string

PARSED = [
    ("", "", "", "", []),
    ("*", "*", "*", "", []),
    ("text", "text", "", "", []),
    ("text/", "text", "", "", []),
    (" Text/HTML ; Charset=UTF-8", "text", "html", "", [("charset", "UTF-8")]),
    ("application/rss+xml", "application", "rss", "xml", []),
    ("a/b+c+d", "a", "b", "c+d", []),
    ('text/html; charset="utf-8"', "text", "html", "", [("charset", "utf-8")]),
    ("a/b; k = v", "a", "b", "", [("k", "v")]),
    ("a/b; x=1; x=2", "a", "b", "", [("x", "1"), ("x", "2")]),
    ("a/b;; x ;=y", "a", "b", "", [("x", "")]),
    ('a/b; x="c;d"; y=z', "a", "b", "", [("x", "c;d"), ("y", "z")]),
    ('a/b; x="c\\"d"', "a", "b", "", [("x", 'c"d')]),
    ('a/b; x="never closed; y=z', "a", "b", "", [("x", "never closed; y=z")]),
]


@pytest.mark.parametrize(("text", "main", "subtype", "suffix", "parameters"), PARSED)
def test_media_types_are_taken_apart(
    text: str, main: str, subtype: str, suffix: str, parameters: list[tuple[str, str]]
) -> None:
    parsed = parse_mimetype(text)
    assert (parsed.type, parsed.subtype, parsed.suffix) == (main, subtype, suffix)
    assert list(parsed.parameters.items()) == parameters


def test_the_same_text_gives_the_same_frozen_value() -> None:
    assert parse_mimetype("text/html; charset=utf-8") is parse_mimetype("text/html; charset=utf-8")
    with pytest.raises(AttributeError):
        parse_mimetype("text/html").type = "image"  # type: ignore[misc]  # that it is refused is the point


@given(st.text())
def test_no_text_makes_parsing_fail(text: str) -> None:
    assert isinstance(parse_mimetype(text), MimeType)


@given(st.text())
def test_a_quoted_string_gives_its_text_back(text: str) -> None:
    quoted = quote_string(text)
    assert unquote_string(quoted) == text
    assert list(split_parameters(f"a;{quoted};b")) == ["a", quoted, "b"]


@pytest.mark.parametrize("text", ["x", '"x', 'x"', '"x"y"', '"x\\"', ""])
def test_what_is_no_quoted_string_is_not_unquoted(text: str) -> None:
    assert unquote_string(text) is None


@pytest.mark.parametrize("unit", ['"', '\\"', '"\\', " ;", '";', "a=\"b'"])
def test_splitting_takes_linear_time(unit: str) -> None:
    started_at = time.perf_counter()
    list(split_parameters(unit * 100_000))
    assert time.perf_counter() - started_at < 1
