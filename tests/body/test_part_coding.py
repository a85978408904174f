from __future__ import annotations

import base64
import quopri
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st
from multidict import CIMultiDict

from tests.body.recording import RecordingWriter
from trunkline.body.part_coding import PartWriter, encode_part, part_codings, part_encoders

DECODERS: dict[tuple[str, str], Callable[[bytes], bytes]] = {
    ("", "base64"): base64.b64decode,
    ("", "quoted-printable"): quopri.decodestring,
    ("gzip", ""): lambda data: zlib.decompress(data, 31),
    ("deflate", ""): lambda data: zlib.decompress(data, -15),
    ("gzip", "base64"): lambda data: zlib.decompress(base64.b64decode(data), 31),
    ("", ""): bytes,
}
# Bytes, with those that quoted-printable treats apart made frequent.
CHUNKS = st.lists(st.binary() | st.text(st.sampled_from("\r\n= \ta."), max_size=200).map(str.encode))


@pytest.mark.parametrize("codings", DECODERS)
@given(chunks=CHUNKS)
async def test_what_is_encoded_in_pieces_decodes_to_the_whole(codings: tuple[str, str], chunks: list[bytes]) -> None:
    writer = RecordingWriter()
    part = PartWriter(writer, part_encoders(*codings))
    for chunk in chunks:
        await part.write(chunk)
    await part.write_eof()
    assert DECODERS[codings](writer.data) == b"".join(chunks)
    assert DECODERS[codings](encode_part(part_encoders(*codings), b"".join(chunks))) == b"".join(chunks)


@given(chunks=CHUNKS)
async def test_quoted_printable_lines_are_short_and_plain(chunks: list[bytes]) -> None:
    writer = RecordingWriter()
    part = PartWriter(writer, part_encoders("", "quoted-printable"))
    for chunk in chunks:
        await part.write(chunk)
    await part.write_eof()
    for line in writer.data.split(b"\r\n"):
        assert len(line) <= 76  # RFC 2045 §6.7, rule 5
        assert not line.endswith((b" ", b"\t"))  # rule 3
        assert all(byte == 9 or 32 <= byte < 127 for byte in line)


async def test_a_large_chunk_is_encoded_in_steps() -> None:
    writer = RecordingWriter()
    part = PartWriter(writer, part_encoders("", "base64"))
    await part.write(bytes(300_000))
    await part.write_eof(b"x")
    assert len(writer.chunks) >= 5
    assert base64.b64decode(writer.data) == bytes(300_000) + b"x"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("", "")),
        ({"content-encoding": "GZIP"}, ("gzip", "")),
        ({"Content-Encoding": "identity", "Content-Transfer-Encoding": "Binary"}, ("", "")),
        ({"Content-Transfer-Encoding": "BASE64"}, ("", "base64")),
    ],
)
def test_codings_are_read_from_the_fields(fields: dict[str, str], expected: tuple[str, str]) -> None:
    assert part_codings(CIMultiDict(fields)) == expected


@pytest.mark.parametrize("field", ["Content-Encoding", "Content-Transfer-Encoding"])
def test_an_unknown_coding_is_named(field: str) -> None:
    with pytest.raises(RuntimeError, match=f"unknown {field} 'zzz'"):
        part_codings(CIMultiDict({field: "zzz"}))


async def test_a_part_has_no_framing_of_its_own() -> None:
    part = PartWriter(RecordingWriter(), [])
    await part.drain()
    with pytest.raises(RuntimeError):
        part.enable_compression()
    with pytest.raises(RuntimeError):
        part.enable_chunking()
    with pytest.raises(RuntimeError):
        await part.write_headers("", CIMultiDict())
