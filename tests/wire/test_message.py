import tracemalloc

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.limits import MAX_CACHED_LINES
from trunkline.wire.message import FieldBlock, RequestHead, Target
from trunkline.wire.version import HttpVersion11

BAD_NAMES = {
    "empty": "",
    "space": "A b",
    "space behind": "A ",
    "tab": "A\tb",
    "colon": "A:",
    "CRLF": "A\r\nB",
    "CR": "A\r",
    "LF": "A\n",
    "NUL": "A\0",
    "DEL": "A\x7f",
    "not ASCII": "Ä",
    "quote": 'A"',
    "comma": "A,B",
}

BAD_VALUES = {
    "CRLF": "a\r\nB: c",
    "CR": "a\rb",
    "LF": "a\nb",
    "LF at the end": "a\n",
    "NUL": "a\0b",
    "DEL": "a\x7f",
    "escape": "\x1b[2J",
    "vertical tab": "a\x0bb",
    "surrogate that is no byte": "\ud800",
    "surrogate that would be a CR": "\udc0d",
    "surrogate that would be a LF": "\udc0a",
}


def test_a_block_keeps_its_pairs_and_renders_them_once() -> None:
    block = FieldBlock(iter([("A", "b"), ("a", ""), ("C", "d\te f")]))
    assert block.pairs == (("A", "b"), ("a", ""), ("C", "d\te f"))
    assert block.h1 == b"A: b\r\na: \r\nC: d\te f\r\n"
    assert FieldBlock([]).h1 == b""


def test_a_value_is_sent_as_utf8_and_escaped_bytes_as_they_came() -> None:
    assert FieldBlock([("A", "grün"), ("B", "gr\udcfcn"), ("C", "a\u2028b")]).h1 == (
        "A: grün\r\n".encode() + b"B: gr\xfcn\r\n" + "C: a\u2028b\r\n".encode()
    )


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_name_that_is_no_token_makes_no_block(name: str) -> None:
    for _ in range(2):  # a refused name is not remembered as checked
        with pytest.raises(ValueError):
            FieldBlock([("Good", "a"), (name, "a")])


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_value_that_could_begin_a_line_makes_no_block(value: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError):
            FieldBlock([("Good", "a"), ("Name", value)])


def test_names_are_checked_however_many_were_seen_before() -> None:
    for number in range(MAX_CACHED_LINES + 1):
        FieldBlock([(f"X-{number}", "a")])
    with pytest.raises(ValueError):
        FieldBlock([("X 1", "a")])


def test_names_that_were_seen_do_not_pile_up() -> None:
    tracemalloc.start()
    try:
        for number in range(10 * MAX_CACHED_LINES):
            FieldBlock([(f"X-{number:0200}", "a")])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < MAX_CACHED_LINES * 500


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=6)), max_size=3))
def test_each_pair_is_exactly_one_line_or_there_is_no_block(pairs: list[tuple[str, str]]) -> None:
    try:
        block = FieldBlock(pairs)
    except ValueError:
        return
    lines = block.h1.split(b"\r\n")
    assert lines.pop() == b""
    assert [line.split(b": ", 1) for line in lines] == [[name.encode(), value.encode()] for name, value in pairs]
    assert not set(block.h1.replace(b"\r\n", b"")) & {0, 10, 13, 127}


def test_a_target_renders_the_rest_of_the_request_line_and_host() -> None:
    target = Target("https", "[::1]:8443", "/a%20b?c=d#e")
    assert (target.scheme, target.authority, target.path) == ("https", "[::1]:8443", "/a%20b?c=d#e")
    assert target.h1 == b" /a%20b?c=d#e HTTP/1.1\r\nHost: [::1]:8443\r\n"


@pytest.mark.parametrize("path", ["", "/a b", "/\r\nA: b", "/\n", "/\0", "/\x7f", "/\t", "/ä", "/\ud800"])
def test_a_path_that_could_end_the_request_line_makes_no_target(path: str) -> None:
    with pytest.raises(ValueError, match="percent-encode"):
        Target("http", "a", path)


@pytest.mark.parametrize("authority", ["a\r\nB: c", "a\n", "a\r", "a\0", "a\x7f", "ä"])
def test_an_authority_that_could_end_its_line_makes_no_target(authority: str) -> None:
    with pytest.raises(ValueError):
        Target("http", authority, "/")


def test_a_request_is_http_1_1_unless_told_otherwise() -> None:
    head = RequestHead("GET", Target("http", "a", "/"), [])
    assert head.version is HttpVersion11
