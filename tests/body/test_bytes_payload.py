from __future__ import annotations

import io

import pytest

from tests.body.recording import written, written_with_length
from trunkline.body.bytes_payload import (
    LARGE_BYTES,
    BytesPayload,
    JsonBytesPayload,
    JsonPayload,
    StringIOPayload,
    StringPayload,
)


@pytest.mark.parametrize(
    ("payload", "data", "content_type"),
    [
        (BytesPayload(b"abc"), b"abc", "application/octet-stream"),
        (BytesPayload(bytearray(b"abc")), b"abc", "application/octet-stream"),
        (BytesPayload(memoryview(b"abc"), content_type="a/b"), b"abc", "a/b"),
        (BytesPayload(memoryview(b"abcdef")[::2]), b"ace", "application/octet-stream"),
        (BytesPayload(memoryview(b"abcd").cast("H")), b"abcd", "application/octet-stream"),
        (StringPayload("ы"), b"\xd1\x8b", "text/plain; charset=utf-8"),
        (StringPayload("ы", encoding="koi8-r"), b"\xd9", "text/plain; charset=koi8-r"),
        (StringIOPayload(io.StringIO("abc")), b"abc", "text/plain; charset=utf-8"),
        (JsonPayload({"a": 1}), b'{"a": 1}', "application/json"),
        (JsonPayload(1, dumps=lambda _: "ы", encoding="koi8-r"), b"\xd9", "application/json"),
        (JsonBytesPayload(1, lambda _: b"{}"), b"{}", "application/json"),
    ],
)
async def test_what_is_held_is_written_any_number_of_times(
    payload: BytesPayload, data: bytes, content_type: str
) -> None:
    assert payload.content_type == content_type
    assert payload.size == len(data)
    assert payload.can_replay
    assert not payload.consumed
    assert payload.autoclose
    for _ in range(2):
        assert await written(payload) == data
        assert await payload.as_bytes() == data
    assert await written_with_length(payload, None) == data
    assert await written_with_length(payload, 1) == data[:1]
    assert await written_with_length(payload, 0) == b""
    assert payload.decode("latin-1") == data.decode("latin-1")


def test_a_string_io_is_taken_from_its_position_on() -> None:
    file = io.StringIO("abcd")
    file.seek(2)
    assert StringIOPayload(file).decode() == "cd"


def test_a_wrong_type_is_refused() -> None:
    with pytest.raises(TypeError, match="wanted bytes"):
        BytesPayload("text")  # type: ignore[arg-type]  # that it is refused is the point
    with pytest.raises(TypeError, match="wanted str"):
        StringPayload(b"bytes")  # type: ignore[arg-type]  # same


def test_an_unknown_charset_is_refused() -> None:
    with pytest.raises(LookupError):
        StringPayload("x", encoding="no-such-charset")


def test_large_bytes_give_a_warning() -> None:
    BytesPayload(bytes(LARGE_BYTES))
    with pytest.warns(ResourceWarning, match=r"io\.BytesIO"):
        BytesPayload(bytes(LARGE_BYTES + 1))
