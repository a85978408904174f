from __future__ import annotations

import re
import time
from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.errors import BadHead, BadMultipart, FieldTooLong
from trunkline.wire.limits import MAX_PART_HEAD_BYTES, MAX_PREAMBLE_BYTES
from trunkline.wire.multipart import Mark, MultipartParser, PartHead

Fields = list[tuple[str, str]]
Parts = list[tuple[Fields, bytes]]


def read(pieces: Iterable[bytes], parser: MultipartParser) -> Parts:
    """All parts; their Content-Length, if any, is told to the parser."""
    parts: Parts = []
    waiting = iter(pieces)
    while (event := parser.next_event()) is not Mark.END:
        if event is Mark.NEED_DATA:
            if (piece := next(waiting, None)) is None:
                parser.feed_eof()
            else:
                parser.feed(piece)
        elif isinstance(event, PartHead):
            parts.append((event.fields, b""))
            for name, value in event.fields:
                if name == "Content-Length":
                    parser.expect_length(int(value))
        elif isinstance(event, bytes):
            assert event
            fields, content = parts[-1]
            parts[-1] = fields, content + event
    return parts


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


sizes = pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])


@sizes
@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"--:--", []),
        (b"--:--\r\nepilogue\r\n--:\r\n", []),
        (b"--:\r\n\r\nhello\r\n--:--", [([], b"hello")]),
        (b"--:\r\n\r\n\r\n--:--", [([], b"")]),
        (b"--:\r\n--:--\r\n", [([], b"")]),  # not even the empty line, as some servers end their streams
        (b"--:\r\nA: b\r\n--:\r\n\r\nc\r\n--:--", [([("A", "b")], b""), ([], b"c")]),
        (b"--:\r\n\r\n--:--", [([], b"")]),  # RFC 2046 §5.1.1: a part may have no body, not even an empty one
        (b"--:\r\nA: b\r\n\r\n--:\r\nc:d \r\n\r\n\r\n--:--", [([("A", "b")], b""), ([("c", "d")], b"")]),
        (b"preamble\r\nmore\r\n--:\r\n\r\nhello\r\n--:--", [([], b"hello")]),
        (b"--:no\r\n--:\r\n\r\nhello\r\n--:--", [([], b"hello")]),
        (b"--: \t\r\n\r\na\r\n--:  \r\n\r\nb\r\n--:--  ", [([], b"a"), ([], b"b")]),
        (b"--:\r\n\r\n\r\n\r\r\n--\r\n-- :\r\n--:x\n--:\r\r\n--:--", [([], b"\r\n\r\r\n--\r\n-- :\r\n--:x\n--:\r")]),
        (b"--:\r\n\r\nx--:\r\n\n--:--\r\n--:-\r\n--:--", [([], b"x--:\r\n\n--:--\r\n--:-")]),
        (b"--:\r\nContent-Length: 3\r\n\r\nabc\r\n--:--", [([("Content-Length", "3")], b"abc")]),
        (b"--:\r\nContent-Length: 0\r\n\r\n--:--", [([("Content-Length", "0")], b"")]),
        # An open series of parts whose lengths are known just stops.
        (b"--:\r\nContent-Length: 3\r\n\r\nabc\r\n", [([("Content-Length", "3")], b"abc")]),
    ],
)
def test_parts(body: bytes, parts: Parts, size: int) -> None:
    assert read(cut(body, size), MultipartParser(b":")) == parts


@sizes
@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b"", BadMultipart, "without its closing boundary"),
        (b"hello", BadMultipart, "without its closing boundary"),
        (b"--:\r\n\r\nhello", BadMultipart, "without its closing boundary"),
        (b"--:\r\n\r\nhello\r\n--:\r\n", BadMultipart, "without its closing boundary"),
        (b"--:\r\n\r\nhello\r\n--:-", BadMultipart, "without its closing boundary"),
        (b"--:\n\nhello\n--:--\n", BadMultipart, "without its closing boundary"),
        (b"--:\r\nContent-Length: 3\r\n\r\nab\r\n--:--", BadMultipart, "1 bytes before the end"),
        (b"--:\r\nContent-Length: 3\r\n\r\nabcd\r\n--:--", BadMultipart, "longer than its Content-Length"),
        (b"--:\r\nContent-Length: 3\r\n\r\nabc\r\n--:x\r\n--:--", BadMultipart, "longer than its Content-Length"),
        (b"--:\r\nA: b\r\n folded\r\n\r\n", BadHead, "folded"),
        (b"--:\r\nno colon\r\n\r\n", BadHead, "does not begin with a token|has no colon"),
        (b"--:\r\nA: b\nC: d\r\n\r\n", BadHead, "CR, LF or NUL"),
        (b"--:\r\nA: " + b"b" * 60 + b"\r\n\r\n", FieldTooLong, "max_field_size"),
        (b"--:\r\nA: " + b"b" * 99, FieldTooLong, "max_field_size"),
        (b"--:\r\n" + b"A: b\r\n" * 5 + b"\r\n", FieldTooLong, "more than 4 field lines"),
    ],
)
def test_damage_is_refused_however_it_is_cut(body: bytes, error: type[Exception], message: str, size: int) -> None:
    with pytest.raises(error, match=message):
        read(cut(body, size), MultipartParser(b":", max_field_bytes=60, max_fields=4))


@pytest.mark.parametrize("boundary", [b"", b"x" * 71, b"a\r\nb", b"a\n"])
def test_a_boundary_that_cannot_be_one_is_refused(boundary: bytes) -> None:
    with pytest.raises(BadMultipart, match="wanted 1 to 70"):
        MultipartParser(boundary)


def test_preamble_and_head_are_bounded() -> None:
    with pytest.raises(BadMultipart, match=f"within {MAX_PREAMBLE_BYTES} bytes"):
        read([b"x" * (MAX_PREAMBLE_BYTES + 1)], MultipartParser(b":"))
    head = b"--:\r\n" + b"a: " + b"b" * 5000 + b"\r\n"
    lines = (b"a: " + b"b" * 5000 + b"\r\n") * (MAX_PART_HEAD_BYTES // 5000)
    with pytest.raises(FieldTooLong, match=f"{MAX_PART_HEAD_BYTES} bytes"):
        read([head + lines], MultipartParser(b":"))


def test_a_part_can_be_read_by_itself() -> None:
    assert MultipartParser(b":", is_in_part=True).next_event() is Mark.NEED_DATA
    parser = MultipartParser(b":", is_in_part=True)
    parser.feed(b"abc\r\n--:--")
    assert [parser.next_event() for _ in range(3)] == [b"abc", Mark.PART_END, Mark.END]


def test_a_part_of_known_length_ends_before_the_next_boundary_comes() -> None:
    parser = MultipartParser(b":")
    parser.feed(b"--:\r\n\r\n")
    parser.next_event()
    parser.expect_length(3)
    parser.feed(b"abc\r\n")
    assert [parser.next_event() for _ in range(3)] == [b"abc", Mark.PART_END, Mark.NEED_DATA]


@given(
    contents=st.lists(st.binary() | st.text(st.sampled_from("\r\n-:b "), max_size=60).map(str.encode), min_size=1),
    data=st.data(),
)
def test_what_is_joined_comes_apart_however_it_is_cut(contents: list[bytes], data: st.DataObject) -> None:
    boundary = b":b"
    contents = [re.sub(rb"--:b", b"--:c", content) for content in contents]
    body = b"".join(b"--:b\r\n\r\n" + content + b"\r\n" for content in contents) + b"--:b--\r\n"
    ends = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=20)))
    pieces = [body[start:end] for start, end in zip([0, *ends], [*ends, len(body)], strict=True)]
    parts = read(pieces, MultipartParser(boundary))
    assert [content for _, content in parts] == contents


@given(st.lists(st.text(st.sampled_from("\r\n-: ab"), max_size=30).map(str.encode)), st.sampled_from([1, 2, 5]))
def test_cuts_change_nothing(pieces: list[bytes], size: int) -> None:
    body = b"--:\r\n\r\n" + b"--:\r\n".join(pieces) + b"\r\n--:--"

    def outcome(pieces: list[bytes]) -> Parts | type[Exception]:
        try:
            return read(pieces, MultipartParser(b":"))
        except (BadHead, BadMultipart) as error:
            return type(error)

    assert outcome(cut(body, size)) == outcome([body])


@pytest.mark.parametrize(
    "piece",
    [
        b"\r\n--" + b"a" * 39,
        b"\r\n--" + b"a" * 40 + b"b",
        b"\r\n--" + b"a" * 40 + b" " * 100 + b"b",
        b"\r\n",
        b"\r",
        b"a",
    ],
)
@pytest.mark.parametrize("size", [1, 2**16])
def test_half_delimiters_take_linear_time_and_are_not_held(piece: bytes, size: int) -> None:
    parser = MultipartParser(b"a" * 40, is_in_part=True)
    body = piece * ((200_000 if size == 1 else 4_000_000) // len(piece))
    given_back = 0
    started = time.perf_counter()
    for start in range(0, len(body), size):
        parser.feed(piece := body[start : start + size])
        while isinstance(event := parser.next_event(), bytes):
            given_back += len(event)
        assert event is Mark.NEED_DATA
        assert start + len(piece) - given_back < 256
    assert time.perf_counter() - started < 5  # it takes some 0.3 s; quadratic time would take minutes
