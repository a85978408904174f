from __future__ import annotations

import base64
import gzip
import io
from collections.abc import AsyncGenerator
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.body.recording import RecordingWriter, written
from trunkline.body.bytes_payload import BytesPayload
from trunkline.body.multipart_writer import MultipartWriter
from trunkline.body.payload import PayloadConsumed


async def parsed(writer: MultipartWriter) -> Message:
    """The body, as the email package reads it."""
    head = f"Content-Type: {writer.content_type}\r\n\r\n".encode()
    return message_from_bytes(head + await written(writer), policy=HTTP)


def parts_of(message: Message) -> list[Message]:
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


async def generate() -> AsyncGenerator[bytes, None]:
    yield b"abc"


async def test_the_bytes_of_a_whole_body() -> None:
    with MultipartWriter("mixed", boundary=":") as writer:
        writer.append("hello")
        writer.append(io.BytesIO(b"GIF"), {"CONTENT-TYPE": "image/gif"})
        writer.append_json({"a": 1})
        writer.append_form([("b", "c d"), ("e", "ы")])
    expected = (
        b"--:\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello\r\n"
        b"--:\r\nCONTENT-TYPE: image/gif\r\nContent-Length: 3\r\n\r\nGIF\r\n"
        b'--:\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}\r\n'
        b"--:\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n\r\n"
        b"b=c+d&e=%D1%8B\r\n--:--\r\n"
    )
    assert writer.content_type == 'multipart/mixed; boundary=":"'
    assert await written(writer) == await writer.as_bytes() == expected
    assert writer.decode() == expected.decode()
    assert writer.size == len(expected)
    assert len(writer) == 4


async def test_without_parts_it_is_a_body_all_the_same() -> None:
    writer = MultipartWriter(boundary="x")
    assert writer
    assert len(writer) == 0
    assert await written(writer) == b"--x--\r\n"
    assert writer.size == 7


async def test_the_closing_boundary_can_be_left_out() -> None:
    writer = MultipartWriter("x-mixed-replace", boundary="x")
    writer.append(b"frame")
    recording = RecordingWriter()
    await writer.write(recording, close_boundary=False)
    assert recording.data.startswith(b"--x\r\n")
    assert recording.data.endswith(b"\r\n\r\nframe\r\n")


@given(st.lists(st.binary()))
async def test_the_email_package_reads_what_we_write(bodies: list[bytes]) -> None:
    writer = MultipartWriter("related")
    for body in bodies:
        writer.append(body, {"Content-Transfer-Encoding": "base64"})
    if bodies:
        message = await parsed(writer)
        assert not message.defects
        assert [part.get_payload(decode=True) for part in parts_of(message)] == bodies


async def test_parts_may_be_multipart_themselves() -> None:
    outer = MultipartWriter("mixed")
    inner = MultipartWriter("related")
    inner.append("a")
    outer.append(inner)
    inner.append("b")
    with pytest.raises(ValueError, match="begins with the outer one"):
        outer.append(MultipartWriter("mixed", boundary=outer.boundary + "x"))
    (read,) = parts_of(await parsed(outer))
    assert read.get_content_type() == "multipart/related"
    assert [part.get_payload() for part in parts_of(read)] == ["a", "b"]


async def test_codings_are_applied_whether_set_before_or_after_append() -> None:
    writer = MultipartWriter()
    writer.append(b"a" * 99, {"Content-Encoding": "gzip"})
    writer.append(b"b" * 99).headers["Content-Encoding"] = "gzip"
    writer.append(generate(), {"Content-Encoding": "gzip", "Content-Transfer-Encoding": "base64"})
    assert writer.size is None
    assert [codings for _, *codings in writer] == [["gzip", ""], ["gzip", ""], ["gzip", "base64"]]
    head, first, second, third = (await written(writer)).split(b"--" + writer.boundary.encode())[:4]
    bodies = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in (first, second, third)]
    assert head == b""
    assert gzip.decompress(bodies[0]) == b"a" * 99
    assert gzip.decompress(bodies[1]) == b"b" * 99
    assert gzip.decompress(base64.b64decode(bodies[2])) == b"abc"
    assert b"Content-Length" not in second


async def test_as_bytes_applies_codings_too() -> None:
    writer = MultipartWriter(boundary="x")
    writer.append(b"abc", {"Content-Transfer-Encoding": "base64"})
    assert b"\r\n\r\nYWJj\r\n" in await writer.as_bytes()


def test_unknown_codings_are_refused_at_the_call() -> None:
    with pytest.raises(RuntimeError, match="Content-Encoding 'br'"):
        MultipartWriter().append(b"a", {"Content-Encoding": "br"})


async def test_form_data_parts_have_names_and_no_lengths() -> None:
    writer = MultipartWriter("form-data", boundary="x")
    writer.append(b"a")
    writer.append("b", {"Content-Disposition": 'form-data; name="n"'})
    assert (await written(writer)).count(b"Content-Length") == 0
    names = [part.get_param("name", header="content-disposition") for part in parts_of(await parsed(writer))]
    assert names == ["section-0", "n"]


@pytest.mark.parametrize("field", ["Content-Length", "Content-Encoding", "Content-Transfer-Encoding"])
def test_form_data_takes_no_lengths_and_codings(field: str) -> None:
    with pytest.raises(ValueError, match="RFC 7578"):
        MultipartWriter("form-data").append(b"a", {field: "1"})


@pytest.mark.parametrize("fields", [{"X": "a\r\nY: b"}, {"X\r\nY": "b"}, {"X": "\0"}, {"": "b"}])
def test_fields_that_could_start_another_are_refused_at_the_call(fields: dict[str, str]) -> None:
    writer = MultipartWriter()
    with pytest.raises(ValueError):
        writer.append(b"a", fields)
    assert len(writer) == 0


@pytest.mark.parametrize("value", [None, 1, object()])
def test_what_is_no_body_is_no_part(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        MultipartWriter().append(value)


@pytest.mark.parametrize("value", [5, {1, 2}])
def test_what_is_no_form_is_refused(value: Any) -> None:  # Any: a wrong type is the point
    with pytest.raises(TypeError, match="wanted a mapping"):
        MultipartWriter().append_form(value)


def test_a_payload_keeps_its_fields_under_new_ones() -> None:
    payload = BytesPayload(b"a", headers={"A": "1", "B": "2"})
    part = MultipartWriter().append(payload, {"B": "3"})
    assert part is payload
    assert (part.headers["A"], part.headers.getall("B")) == ("1", ["3"])


@pytest.mark.parametrize(
    ("boundary", "parameter"),
    [
        ("a", "a"),
        ("a b", '"a b"'),
        ("a'()+_,-./:=?", '"a\'()+_,-./:=?"'),
        ('a"b\\', '"a\\"b\\\\"'),
        ("x" * 70, "x" * 70),
    ],
)
def test_boundaries_are_quoted_where_they_are_no_token(boundary: str, parameter: str) -> None:
    writer = MultipartWriter("mixed", boundary)
    assert writer.boundary == boundary
    assert writer.content_type == f"multipart/mixed; boundary={parameter}"


@pytest.mark.parametrize("boundary", ["", "x" * 71, "a ", "ы", "a\r\nb", "\x7f", "a\0"])
def test_boundaries_that_no_reader_finds_are_refused(boundary: str) -> None:
    with pytest.raises(ValueError):
        MultipartWriter("mixed", boundary)


@pytest.mark.parametrize("subtype", ["", "a\r\nb: c", "a; b=c"])
def test_a_subtype_is_a_token(subtype: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        MultipartWriter(subtype)


def test_boundaries_differ() -> None:
    assert MultipartWriter().boundary != MultipartWriter().boundary


async def test_it_replays_when_all_its_parts_do(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    writer = MultipartWriter()
    writer.append((tmp_path / "a").open("rb"))
    assert writer.can_replay
    assert not writer.autoclose
    assert await written(writer) == await written(writer)
    writer.append(generate())
    assert not writer.can_replay
    assert not writer.consumed
    await written(writer)
    assert writer.consumed
    with pytest.raises(PayloadConsumed):
        await written(writer)
    await writer.close()


async def test_a_growing_file_is_cut_at_the_size_announced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    writer = MultipartWriter()
    writer.append((tmp_path / "a").open("rb"))
    size = writer.size
    (tmp_path / "a").write_bytes(b"abcdef")
    assert len(await written(writer)) == size
    await writer.close()


async def test_close_closes_every_part(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    class Failing(BytesPayload):
        async def close(self) -> None:
            raise OSError("disk full")

    file = (tmp_path / "a").open("rb")
    writer = MultipartWriter()
    writer.append(Failing(b""))
    writer.append(file)
    with pytest.raises(OSError, match="disk full"):
        await writer.close()
    assert file.closed
