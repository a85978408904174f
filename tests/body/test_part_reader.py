from __future__ import annotations

import base64
import gzip
from collections.abc import AsyncIterator, Callable

import pytest

from tests.body.streams import make_stream
from trunkline.body.part_reader import BodyPartReader, PartTooLarge
from trunkline.wire.errors import BadMultipart, CodingError
from trunkline.wire.http_exceptions import LineTooLong
from trunkline.wire.limits import MAX_PART_LINE_BYTES


def part(
    content: bytes, headers: dict[str, str] | None = None, *, subtype: str = "mixed", size: int = 7
) -> BodyPartReader:
    """A part that arrives in pieces of `size` bytes."""
    body = content + b"\r\n--:--"
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return BodyPartReader(b"--:", headers or {}, make_stream(*pieces, eof=True), subtype=subtype)


async def gathered(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_read_returns_all_and_then_nothing() -> None:
    reader = part(b"hello, world")
    assert not reader.at_eof()
    data = await reader.read()
    assert data == b"hello, world"
    assert isinstance(data, bytearray)
    assert reader.at_eof()
    assert await reader.read() == await reader.read_chunk() == await reader.readline() == b""
    assert await reader.next() is None


async def test_chunks_are_of_the_size_asked_for_at_most() -> None:
    reader = part(b"a" * 100, size=40)
    chunks = []
    while chunk := await reader.read_chunk(30):
        chunks.append(chunk)
    assert max(map(len, chunks)) == 30
    assert b"".join(chunks) == b"a" * 100
    assert reader.at_eof()


async def test_lines() -> None:
    reader = part(b"one\r\n\ntwo and more\nthree")
    lines = [b"one\r\n", b"\n", b"two and more\n", b"three", b"", b""]
    assert [await reader.readline() for _ in lines] == lines


async def test_a_line_is_bounded() -> None:
    with pytest.raises(LineTooLong, match=r"more than [0-9]+ bytes.*in portions"):
        await part(b"a" * (MAX_PART_LINE_BYTES + 1), size=2**16).readline()


async def test_ways_of_reading_can_follow_each_other() -> None:
    reader = part(b"one\ntwo\nthree", size=100)
    assert await reader.readline() == b"one\n"
    assert await reader.read_chunk(2) == b"tw"
    assert await reader.read() == b"o\nthree"


async def test_a_part_can_be_iterated_and_released() -> None:
    assert [data async for data in part(b"abc")] == [b"abc"]
    reader = part(b"abc")
    await reader.release()
    assert reader.at_eof()
    assert await reader.read() == b""


@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes])
async def test_chunks_of_base64_can_be_decoded_one_by_one(encode: Callable[[bytes], bytes]) -> None:
    data = bytes(range(256))
    reader = part(encode(data), {"Content-Transfer-Encoding": "base64"})
    decoded = b""
    while chunk := await reader.read_chunk(5):
        decoded += reader.decode(chunk)
    assert decoded == data


async def test_what_a_chunk_left_over_is_read_next() -> None:
    reader = part(b"YWJjZGVm", {"Content-Transfer-Encoding": "base64"}, size=100)
    assert await reader.read_chunk(6) == b"YWJj"
    assert await reader.read(decode=True) == b"def"


async def test_chunks_of_quoted_printable_can_be_decoded_one_by_one() -> None:
    reader = part(b"a=3Db=\r\nc=", {"Content-Transfer-Encoding": "quoted-printable"})
    decoded = b""
    while chunk := await reader.read_chunk(3):
        decoded += reader.decode(chunk)
    assert decoded == b"a=bc"


GZIP = gzip.compress(b"hello" * 1000)


async def test_decoding() -> None:
    headers = {"Content-Encoding": "gzip"}
    assert await part(GZIP, headers).read() == GZIP
    assert await part(GZIP, headers).read(decode=True) == b"hello" * 1000
    assert await gathered(part(GZIP, headers).iter_decoded()) == b"hello" * 1000
    assert part(b"", headers).decode(GZIP) == b"hello" * 1000
    assert await gathered(part(b"", headers).decode_iter(bytearray(GZIP))) == b"hello" * 1000
    assert await part(GZIP, headers, subtype="form-data").read(decode=True) == GZIP  # RFC 7578 §4.8


async def test_decoded_pieces_are_bounded() -> None:
    stream = make_stream(gzip.compress(bytes(10_000)), b"\r\n--:--")
    reader = BodyPartReader(b"--:", {"Content-Encoding": "gzip"}, stream, max_decompress_size=100)
    sizes = [len(piece) async for piece in reader.iter_decoded()]
    assert max(sizes) == 100
    assert sum(sizes) == 10_000


async def test_a_bomb_is_refused_when_read_whole() -> None:
    bomb = gzip.compress(bytes(80_000_000), 9)
    with pytest.raises(CodingError, match="decode_iter"):
        await part(bomb, {"Content-Encoding": "gzip"}, size=2**16).read(decode=True)
    with pytest.raises(CodingError, match="decode_iter"):
        part(b"", {"Content-Encoding": "gzip"}).decode(bomb)


async def test_unknown_encodings_are_an_error_only_when_decoding() -> None:
    reader = part(b"x", {"Content-Encoding": "zzz"})
    with pytest.raises(RuntimeError, match="unknown content encoding: zzz"):
        reader.decode(b"x")
    assert await reader.read() == b"x"


async def test_the_size_of_what_is_read_whole_is_bounded() -> None:
    def reader(error: type[Exception] = PartTooLarge) -> BodyPartReader:
        headers = {"Content-Transfer-Encoding": "base64"}
        stream = make_stream(b"YWJj\r\n--:--")
        return BodyPartReader(b"--:", headers, stream, client_max_size=3, max_size_error_cls=error)

    assert await reader().read(decode=True) == b"abc"
    with pytest.raises(PartTooLarge, match="more than 3 bytes"):
        await reader().read()
    with pytest.raises(OSError, match="3"):
        await reader(OSError).read()
    assert await reader().read_chunk() == b"YWJj"


@pytest.mark.parametrize(
    ("headers", "charset"),
    [
        ({}, None),
        ({"Content-Type": "text/plain"}, None),
        ({"Content-Type": 'text/plain; charset="cp1251"'}, "cp1251"),
    ],
)
async def test_charset(headers: dict[str, str], charset: str | None) -> None:
    assert part(b"", headers).get_charset() == charset
    assert part(b"", headers).get_charset("x") == (charset or "x")


async def test_text_json_and_form() -> None:
    cyrillic = {"Content-Type": "text/plain; charset=cp1251"}
    assert await part("ы".encode(), {}).text() == "ы"
    assert await part("ы".encode("cp1251"), cyrillic).text() == "ы"
    assert await part("ы".encode(), cyrillic).text(encoding="utf-8") == "ы"
    assert await part(b'{"a": 1}').json() == {"a": 1}
    assert await part(b"").json() is None
    assert await part(b"a=1&b=&c&a=%D1%8B\r\n").form() == [("a", "1"), ("b", ""), ("c", ""), ("a", "ы")]
    assert await part(b"a=%FB", cyrillic).form() == [("a", "ы")]
    assert await part(b"").form() == []
    default = BodyPartReader(b"--:", {}, make_stream(b"\xfb\r\n--:--"), default_charset="cp1251")
    assert await default.text() == "ы"


@pytest.mark.parametrize("charset", ["zzz", "punycode"])
async def test_a_charset_that_does_not_serve_is_an_error(charset: str) -> None:
    with pytest.raises(LookupError, match=charset):
        await part(b"abc", {"Content-Type": f"text/plain; charset={charset}"}).text()


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        (None, None, None),
        ('form-data; name="a"', "a", None),
        ('form-data; name="a"; filename="b.txt"', "a", "b.txt"),
        ("attachment; filename*=utf-8''%D1%8B", None, "ы"),
    ],
)
async def test_name_and_filename(disposition: str | None, name: str | None, filename: str | None) -> None:
    reader = part(b"", {} if disposition is None else {"Content-Disposition": disposition})
    assert (reader.name, reader.filename) == (name, filename)


async def test_a_length_ends_the_part_early() -> None:
    reader = BodyPartReader(b"--:", {"Content-Length": "3"}, make_stream(b"abc"))
    assert await reader.read() == b"abc"


@pytest.mark.parametrize("length", ["-1", "+3", "3_0", "abc", "", "9" * 40, "4", "2"])
async def test_a_length_that_does_not_fit_is_refused(length: str) -> None:
    with pytest.raises(BadMultipart, match="Content-Length"):
        await part(b"abc", {"Content-Length": length}).read()


async def test_lengths_of_form_fields_are_ignored() -> None:
    assert await part(b"abc", {"Content-Length": "99"}, subtype="form-data").read() == b"abc"
