from collections.abc import Sequence

import pytest

from trunkline.wire.errors import BadHead, FieldTooLong
from trunkline.wire.h1.head_buffer import HeadBuffer

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nX: y"


def feed(pieces: Sequence[bytes], *, is_request: bool = True, limits: tuple[int, int, int] = (100, 100, 5)) -> object:
    """Return what the last piece brings."""
    buffer = HeadBuffer(is_request)
    found = None
    for piece in pieces:
        found = buffer.feed(piece)
        if found is None:
            buffer.check(*limits)
    return found


@pytest.mark.parametrize("rest", [b"", b"body", b"\r\n\r\n"])
def test_a_head_ends_with_the_first_empty_line_wherever_it_is_cut(rest: bytes) -> None:
    data = HEAD + b"\r\n\r\n" + rest
    last_cut = len(HEAD) + 3
    for at in range(last_cut + 1):
        assert feed([data[:at], data[at:]]) == (HEAD, rest)


def test_a_head_that_comes_byte_by_byte_is_found_with_its_last_byte() -> None:
    data = HEAD + b"\r\n\r\n"
    assert feed([data[at : at + 1] for at in range(len(data))]) == (HEAD, b"")
    assert feed([data[at : at + 1] for at in range(len(data) - 1)]) is None


def test_a_buffer_serves_several_heads() -> None:
    buffer = HeadBuffer(is_request=True)
    for _ in range(3):
        assert buffer.feed(HEAD + b"\r\n") is None
        buffer.check(100, 100, 2)
        assert len(buffer) == len(HEAD) + 2
        assert buffer.feed(b"\r\n") == (HEAD, b"")
        assert len(buffer) == 0


@pytest.mark.parametrize("beginning", [b"\0", b"\x16\x03\x01", b" GET", b"(", b"\xff", b"<html>"])
def test_what_no_request_begins_with_is_refused_at_once(beginning: bytes) -> None:
    with pytest.raises(BadHead, match="request was due"):
        feed([beginning])


@pytest.mark.parametrize("beginning", [b"SSH-2", b"HTTP/2", b"http/1", b"\r\n"])
def test_what_no_response_begins_with_is_refused_at_once(beginning: bytes) -> None:
    with pytest.raises(BadHead, match="response was due"):
        feed([beginning], is_request=False)


def test_a_line_that_ends_with_lf_alone_is_refused_before_the_head_is_whole() -> None:
    with pytest.raises(BadHead, match="LF alone"):
        feed([b"GET / HTTP/1.1\n"])


TOO_MUCH: dict[str, tuple[list[bytes], str]] = {
    "a line": ([b"GET /" + b"a" * 96], "max_field_size"),
    "a line in two pieces": ([b"GET /", b"a" * 96], "max_field_size"),
    "fields": ([HEAD + b"\r\n" + b"a:b\r\n" * 4], "max_headers"),
    "fields one by one": ([b"GET / HTTP/1.1\r\n", *[b"a:b\r\n"] * 6], "max_headers"),
    "bytes": ([b"GET / HTTP/1.1\r\n", *[b"a:" + b"b" * 96 + b"\r\n"] * 6], "max_"),
}


@pytest.mark.parametrize(("pieces", "option"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_too_much_is_refused_before_the_head_is_whole(pieces: list[bytes], option: str) -> None:
    with pytest.raises(FieldTooLong, match=f"raise {option}"):
        feed(pieces)


def test_each_limit_is_the_last_size_that_passes() -> None:
    assert feed([b"GET /" + b"a" * 95]) is None
    assert feed([b"GET / HTTP/1.1\r\n", *[b"a:b\r\n"] * 5]) is None
    assert feed([b"GET / HTTP/1.1\r\n", *[b"a:b\r\n"] * 5, b"\r\n"]) is not None
