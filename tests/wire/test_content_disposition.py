from __future__ import annotations

import warnings
from email.message import Message

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.content_disposition import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    content_disposition_filename,
    content_disposition_header,
    parse_content_disposition,
)

# After the test cases of RFC 6266 (http://test.greenbytes.de/tech/tc2231/).
GOOD = [
    ("inline", "inline", {}),
    ("ATTACHMENT", "attachment", {}),
    ('inline; filename="foo.html"', "inline", {"filename": "foo.html"}),
    ("attachment; FILENAME=foo.html", "attachment", {"filename": "foo.html"}),
    ('attachment; filename="f\\oo.html"', "attachment", {"filename": "foo.html"}),
    ('attachment; filename="\\"q\\" t.html"', "attachment", {"filename": '"q" t.html'}),
    ('attachment; filename="a;b;c.html"; x=y', "attachment", {"filename": "a;b;c.html", "x": "y"}),
    ("attachment; filename='foo.bar'", "attachment", {"filename": "'foo.bar'"}),
    ('attachment; filename="foo-ä.html"', "attachment", {"filename": "foo-ä.html"}),
    ('attachment; filename="foo-%41.html"', "attachment", {"filename": "foo-%41.html"}),
    ('attachment; filename ="foo.html"', "attachment", {"filename": "foo.html"}),
    ('attachment; filename="/foo.html"', "attachment", {"filename": "foo.html"}),
    ('attachment; filename="\\\\foo.html"', "attachment", {"filename": "foo.html"}),
    ("attachment; filename*=utf-8''%2Fetc%2Ffoo.html", "attachment", {"filename*": "etc/foo.html"}),
    ("attachment; filename*=utf-8''%5C%5Chost%5Cfoo.html", "attachment", {"filename*": "host\\foo.html"}),
    ('form-data; name="/a"; filename="/b"', "form-data", {"name": "/a", "filename": "b"}),
    ('form-data; name="\\\\a"', "form-data", {"name": "\\a"}),
    ("form-data; name*=utf-8''%2Fa", "form-data", {"name*": "/a"}),
    ('attachment; filename*0="/a"; filename*1="/b"', "attachment", {"filename*0": "/a", "filename*1": "/b"}),
    ('form-data;name="a";filename=""', "form-data", {"name": "a", "filename": ""}),
    ("attachment; filename*=iso-8859-1''foo-%E4.html", "attachment", {"filename*": "foo-ä.html"}),
    ("attachment; filename*=UTF-8''foo-%c3%a4-%e2%82%ac", "attachment", {"filename*": "foo-ä-€"}),
    ("attachment; filename*=''foo-%c3%a4.html", "attachment", {"filename*": "foo-ä.html"}),
    ("attachment; filename*=utf-8'en'a%20b", "attachment", {"filename*": "a b"}),
    ("attachment; filename* =UTF-8''A-%2541", "attachment", {"filename*": "A-%41"}),
    ('attachment; f*0="foo."; f*1="html"', "attachment", {"f*0": "foo.", "f*1": "html"}),
]
BAD_HEADERS = [
    '"inline"',
    "attach ment",
    "attachment; filename=foo,bar.html",
    "attachment; filename=foo.html ;",
    "attachment; ;filename=foo",
    "attachment; filename=foo bar.html",
    "attachment; filename=foo-ä.html",
    'attachment; filename="foo.html"; filename="bar.html"',
    "filename=foo.html",
    "; filename=foo.html",
    "inline; attachment; filename=foo.html",
    'attachment; filename="foo.html".txt',
    'attachment; filename="bar',
    'attachment; filename=foo"bar;baz"qux',
    "attachment; filename=",
    "attachment filename=bar",
]
BAD_PARAMS = [
    "attachment; filename*=utf-8''foo-%E4.html",
    "attachment; filename*=no-such-charset''foo-%E4.html",
    "attachment; filename *=UTF-8''foo",
    "attachment; filename*=\"UTF-8''foo\"",
    "attachment; filename*=UTF-8'foo",
    "attachment; ä=b",
    "attachment; =x",
]


@pytest.mark.parametrize(("header", "disposition", "parameters"), GOOD)
def test_good_fields_are_parsed(header: str, disposition: str, parameters: dict[str, str]) -> None:
    assert parse_content_disposition(header) == (disposition, parameters)


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_damaged_fields_are_ignored_with_a_warning(header: str) -> None:
    with pytest.warns(BadContentDispositionHeader):
        assert parse_content_disposition(header) == (None, {})


@pytest.mark.parametrize("header", BAD_PARAMS)
def test_damaged_parameters_are_left_out_with_a_warning(header: str) -> None:
    with pytest.warns(BadContentDispositionParam):
        assert parse_content_disposition(header + "; kept=x") == ("attachment", {"kept": "x"})


def test_no_field_is_no_disposition() -> None:
    assert parse_content_disposition(None) == parse_content_disposition("") == (None, {})


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, None),
        ({"filename": "a", "filename*": "ä"}, "ä"),
        ({"filename": "a", "filename*0": "b"}, "a"),
        ({"filename*1": "bar", "filename*0": "foo"}, "foobar"),
        ({"filename*0": "foo", "filename*2": "bar"}, "foo"),
        ({"filename*0": "foo", "filename*01": "bar"}, "foo"),
        ({"filename*1": "foo"}, None),
        ({"filename*0": "/a", "filename*1": "/b"}, "a/b"),
        ({"filename*0*": "utf-8''%2F", "filename*1": "/b"}, "b"),
        ({"filename*0": "/"}, ""),
        ({"filename*0*": "utf-8''a%20", "filename*1": "%20"}, "a %20"),
        ({"filename*0*": "utf-8''%e2%82", "filename*1*": "%ac"}, "€"),
        ({"filename*0*": "no-such-charset''%41"}, "A"),
    ],
)
def test_the_file_name_is_extended_or_plain_or_joined(params: dict[str, str], expected: str | None) -> None:
    assert content_disposition_filename(params) == expected


def test_a_name_in_pieces_keeps_its_separators_for_it_names_no_file() -> None:
    assert content_disposition_filename({"name*0": "/a", "name*1": "/b"}, "name") == "/a/b"


@pytest.mark.parametrize(
    ("quote_fields", "params", "expected"),
    [
        (True, {"name": "a b"}, 'form-data; name="a\\ b"'),
        (True, {"name": 'a"b\\c'}, 'form-data; name="a\\"b\\\\c"'),
        (True, {"name": "ы/:"}, "form-data; name*=utf-8''%D1%8B%2F%3A"),
        (True, {"name": "a\r\n\0"}, "form-data; name*=utf-8''a%0D%0A%00"),
        (True, {"filename": 'ы"\r\n/.txt'}, 'form-data; filename="%D1%8B%22%0D%0A%2F.txt"'),
        (False, {"filename": 'ы"\\ b'}, 'form-data; filename="ы\\"\\\\ b"'),
    ],
)
def test_values_are_quoted_or_encoded(quote_fields: bool, params: dict[str, str], expected: str) -> None:
    assert content_disposition_header("form-data", quote_fields, **params) == expected


@pytest.mark.parametrize(
    ("disptype", "quote_fields", "params"),
    [
        ("", True, {}),
        ("attach ment", True, {}),
        ("a\r\nX: y", True, {}),
        ("inline", True, {"b d": "x"}),
        ("inline", True, {"x\r\nX: y": "x"}),
        ("inline", False, {"x": "a\r\nX: y"}),
        ("inline", False, {"x": "a\0"}),
    ],
)
def test_what_could_start_another_field_is_refused(disptype: str, quote_fields: bool, params: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        content_disposition_header(disptype, quote_fields, **params)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_names_come_back_through_our_parser_and_the_email_package(name: str) -> None:
    header = content_disposition_header("form-data", name=name)
    assert header.isascii()
    assert header.replace("\t", " ").isprintable()  # RFC 9110 §5.5 allows HTAB in a value
    _, params = parse_content_disposition(header)
    assert content_disposition_filename(params, "name") == name
    message = Message()
    message["Content-Disposition"] = header
    value = message.get_param("name", header="content-disposition")
    if isinstance(value, tuple):
        assert value[0] == "utf-8"
        assert value[2].encode("latin-1").decode("utf-8") == name


@given(st.text())
def test_no_text_makes_parsing_fail(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _, params = parse_content_disposition(f"attachment; {text}")
        content_disposition_filename(params)


@pytest.mark.parametrize("value", ["undefined''%41", "u\udc8ef-8''%41"])
def test_a_charset_that_is_none_is_a_warning_not_an_error(value: str) -> None:
    with pytest.warns(BadContentDispositionParam):
        assert parse_content_disposition(f"attachment; filename*={value}") == ("attachment", {})
