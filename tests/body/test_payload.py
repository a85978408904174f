from __future__ import annotations

import pytest

from tests.body.recording import written_with_length
from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import Payload, check_charset, text_type


class OwnPayload(Payload):
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return "own"

    async def write(self, writer: AbstractStreamWriter) -> None:
        await writer.write(b"own")


async def test_a_subclass_needs_only_write_and_decode() -> None:
    payload = OwnPayload(None)
    assert payload.size is None
    assert payload.content_type == "application/octet-stream"
    assert not payload.autoclose
    assert not payload.consumed
    assert not payload.can_replay
    assert await payload.as_bytes() == b"own"
    assert await written_with_length(payload, 100) == b"own"
    await payload.close()
    await payload.close()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "application/octet-stream"),
        ({"content_type": None}, "application/octet-stream"),
        ({"content_type": "a/b"}, "a/b"),
        ({"filename": "x.png"}, "image/png"),
        ({"filename": "x.png", "content_type": "a/b"}, "a/b"),
        ({"filename": "x.unknown-suffix"}, "application/octet-stream"),
        ({"content_type": "a/b", "headers": {"content-type": "c/d"}}, "c/d"),
    ],
)
def test_the_media_type_is_the_field_then_the_argument_then_the_file_names(
    given: dict[str, str], expected: str
) -> None:
    payload = OwnPayload(None, **given)  # type: ignore[arg-type]  # a table of keyword arguments
    assert payload.content_type == payload.headers["Content-Type"] == expected


def test_headers_are_live() -> None:
    payload = OwnPayload(None, {"X-A": "b"})
    payload.headers["Content-Type"] = "a/b"
    payload.set_content_disposition("attachment", filename="ы")
    assert payload.content_type == "a/b"
    assert list(payload.headers.items()) == [
        ("Content-Type", "a/b"),
        ("X-A", "b"),
        ("Content-Disposition", 'attachment; filename="%D1%8B"'),
    ]


@pytest.mark.parametrize(
    ("encoding", "content_type", "expected"),
    [
        (None, None, ("utf-8", "text/plain; charset=utf-8")),
        ("koi8-r", None, ("koi8-r", "text/plain; charset=koi8-r")),
        (None, "text/html; charset=koi8-r", ("koi8-r", "text/html; charset=koi8-r")),
        (None, "a/b", ("utf-8", "a/b")),
        ("koi8-r", "a/b", ("koi8-r", "a/b")),
    ],
)
def test_charset_and_media_type_complete_each_other(
    encoding: str | None, content_type: str | None, expected: tuple[str, str]
) -> None:
    assert text_type(encoding, content_type) == expected


@pytest.mark.parametrize("charset", ["utf\r\n8", "utf 8", "", "utf-8;x"])
def test_a_charset_is_a_token_even_where_python_knows_better(charset: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        check_charset(charset)
