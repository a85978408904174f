from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.body.recording import RecordingWriter
from tests.body.streams import make_stream
from trunkline.body.multipart_reader import MultipartReader, MultipartResponseWrapper
from trunkline.body.multipart_writer import MultipartWriter
from trunkline.body.part_reader import BodyPartReader
from trunkline.body.stream import StreamReader
from trunkline.wire.errors import BadMultipart, FieldTooLong
from trunkline.wire.limits import MAX_MULTIPART_DEPTH

# Recorded from curl 7.88.1:
# curl -F 'name=Grüße' -F empty= -F notes=@notes.txt
# -F 'pic=@raw.bin;type=image/png;filename=a"b' -F 'json={"a":1};type=...'
CURL_FORM = (
    b'--------------------------6d269c6e1bcddf98\r\nContent-Disposition: form-data; name="name"\r\n\r\n'
    b"Gr\xc3\xbc\xc3\x9fe\r\n"
    b'--------------------------6d269c6e1bcddf98\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n'
    b"--------------------------6d269c6e1bcddf98\r\n"
    b'Content-Disposition: form-data; name="notes"; filename="notes.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"line one\nline two\r\n\r\n--not a boundary\r\n\r\n"
    b"--------------------------6d269c6e1bcddf98\r\n"
    b'Content-Disposition: form-data; name="pic"; filename="a%22b"\r\nContent-Type: image/png\r\n\r\n'
    b"\x00\xff\r\n--\r\r\n\r\n"
    b"--------------------------6d269c6e1bcddf98\r\n"
    b'Content-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n'
    b"--------------------------6d269c6e1bcddf98--\r\n"
)
# curl -F '=(;type=multipart/alternative' -F '= plain text' -F '= <b>html</b>;type=text/html;encoder=quoted-printable'
# -F '=)' -F 'file=@raw.bin;encoder=base64' -F 'h=x;headers="X-Custom: 1"' -F 'm=@notes.txt,raw.bin'
CURL_NESTED = (
    b"--------------------------87a6805d264faf8a\r\nContent-Disposition: form-data\r\n"
    b"Content-Type: multipart/alternative; boundary=------------------------553bbd1a4006672f\r\n\r\n"
    b"--------------------------553bbd1a4006672f\r\n\r\nplain text\r\n"
    b"--------------------------553bbd1a4006672f\r\nContent-Type: text/html\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n<b>html</b>\r\n"
    b"--------------------------553bbd1a4006672f--\r\n\r\n"
    b'--------------------------87a6805d264faf8a\r\nContent-Disposition: form-data; name="file"; filename="raw.bin"\r\n'
    b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAP8NCi0tDQ0K\r\n"
    b'--------------------------87a6805d264faf8a\r\nContent-Disposition: form-data; name="h"\r\n'
    b"X-Custom: 1\r\n\r\nx\r\n"
    b'--------------------------87a6805d264faf8a\r\nContent-Disposition: form-data; name="m"\r\n'
    b"Content-Type: multipart/mixed; boundary=------------------------7ed3f878fd84e641\r\n\r\n"
    b'--------------------------7ed3f878fd84e641\r\nContent-Disposition: attachment; filename="notes.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nline one\nline two\r\n\r\n--not a boundary\r\n\r\n"
    b'--------------------------7ed3f878fd84e641\r\nContent-Disposition: attachment; filename="raw.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n--\r\r\n\r\n"
    b"--------------------------7ed3f878fd84e641--\r\n\r\n"
    b"--------------------------87a6805d264faf8a--\r\n"
)

sizes = pytest.mark.parametrize("size", [1, 3, 10_000])

Tree = list["Tree | bytes"]


def streamed(body: bytes, size: int = 10_000) -> StreamReader:
    return make_stream(*(body[start : start + size] for start in range(0, len(body), size)), eof=True)


def make_reader(body: bytes, subtype: str = "mixed", boundary: str = '":"', size: int = 10_000) -> MultipartReader:
    return MultipartReader({"Content-Type": f"multipart/{subtype}; boundary={boundary}"}, streamed(body, size))


async def tree(reader: MultipartReader) -> Tree:
    """All contents, decoded, nested as the parts are."""
    contents: Tree = []
    async for part in reader:
        contents.append(await tree(part) if isinstance(part, MultipartReader) else bytes(await part.read(decode=True)))
    assert reader.at_eof()
    return contents


@sizes
async def test_a_form_of_curl(size: int) -> None:
    reader = make_reader(CURL_FORM, "form-data", "------------------------6d269c6e1bcddf98", size)
    fields = [
        (part.name, part.filename, part.headers.get("content-type"), bytes(await part.read()))
        async for part in reader
        if isinstance(part, BodyPartReader)
    ]
    assert fields == [
        ("name", None, None, "Grüße".encode()),
        ("empty", None, None, b""),
        ("notes", "notes.txt", "text/plain", b"line one\nline two\r\n\r\n--not a boundary\r\n"),
        ("pic", "a%22b", "image/png", b"\x00\xff\r\n--\r\r\n"),
        ("json", None, "application/json", b'{"a":1}'),
    ]


@sizes
async def test_a_nested_form_of_curl(size: int) -> None:
    reader = make_reader(CURL_NESTED, "form-data", "------------------------87a6805d264faf8a", size)
    raw = b"\x00\xff\r\n--\r\r\n"
    notes = b"line one\nline two\r\n\r\n--not a boundary\r\n"
    assert await tree(reader) == [[b"plain text", b"<b>html</b>"], raw, b"x", [notes, raw]]


ENCODINGS = [
    {"Content-Encoding": coding, "Content-Transfer-Encoding": transfer}
    for coding in ("identity", "gzip", "deflate")
    for transfer in ("binary", "base64", "quoted-printable")
]


@given(
    contents=st.lists(st.tuples(st.binary(), st.sampled_from(ENCODINGS)), max_size=5),
    nested=st.lists(st.binary(), max_size=3),
    size=st.integers(1, 200),
)
async def test_what_our_writer_writes_is_read(
    contents: list[tuple[bytes, dict[str, str]]], nested: list[bytes], size: int
) -> None:
    with MultipartWriter("mixed") as writer:
        with MultipartWriter("related") as inner:
            for content in nested:
                inner.append(io.BytesIO(content))
        for content, headers in contents:
            writer.append(content, headers)
        writer.append(inner)
    recording = RecordingWriter()
    await writer.write(recording)
    reader = MultipartReader(writer.headers, streamed(recording.data, size))
    assert await tree(reader) == [*(content for content, _ in contents), nested]


async def test_what_is_left_of_a_part_is_skipped() -> None:
    nested = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\nepilogue"
    reader = make_reader(b"--:\r\n\r\nabc\r\n--:\r\n" + nested + b"\r\n--:\r\n\r\nlast\r\n--:--")
    first = await reader.next()
    inner = await reader.next()
    assert isinstance(first, BodyPartReader)
    assert isinstance(inner, MultipartReader)
    assert first.at_eof()
    assert await first.read() == b""
    one = await inner.next()
    last = await reader.next()
    assert isinstance(one, BodyPartReader)
    assert isinstance(last, BodyPartReader)
    assert await one.read() == b""
    assert await inner.next() is None
    assert await last.text() == "last"
    assert await reader.next() is None
    assert reader.at_eof()


async def test_release_skips_everything() -> None:
    reader = make_reader(b"--:\r\n\r\na\r\n--:\r\n\r\nb\r\n--:--")
    await reader.release()
    assert reader.at_eof()
    assert await reader.next() is None
    assert await reader.fetch_next_part() is None


async def test_parts_of_an_open_series_come_before_the_next_begins() -> None:
    stream = make_stream()
    reader = MultipartReader({"Content-Type": "multipart/x-mixed-replace; boundary=b"}, stream)
    for frame in (b"one", b"two"):
        with MultipartWriter("image/jpeg", boundary="b") as writer:
            writer.append(frame)
        recording = RecordingWriter()
        await writer.write(recording, close_boundary=False)
        stream.feed_data(recording.data)
        part = await reader.next()
        assert isinstance(part, BodyPartReader)
        assert bytes(await part.read()) == frame
    stream.feed_eof()
    assert await reader.next() is None


CHARSET = b'--:\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n%b\r\n--:\r\n\r\n\xfb\r\n--:--'


async def test_a_leading_charset_field_speaks_for_the_others() -> None:
    part = await make_reader(CHARSET % b"cp1251", "form-data").next()
    assert isinstance(part, BodyPartReader)
    assert await part.text() == "ы"
    first = await make_reader(CHARSET % b"cp1251", "mixed").next()
    assert isinstance(first, BodyPartReader)
    assert first.name == "_charset_"
    with pytest.raises(BadMultipart, match="_charset_"):
        await make_reader(CHARSET % (b"x" * 32), "form-data").next()


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        (None, "wanted multipart"),
        ("text/plain; boundary=x", "wanted multipart"),
        ("multipart/mixed", "no boundary"),
        ("multipart/mixed; boundary=", "wanted 1 to 70"),
        (f"multipart/mixed; boundary={'x' * 71}", "wanted 1 to 70"),
    ],
)
async def test_without_a_boundary_there_is_nothing_to_read(content_type: str | None, message: str) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    with pytest.raises(ValueError, match=message):
        MultipartReader(headers, make_stream())


async def test_nesting_is_bounded() -> None:
    body = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % levels
        for levels in pairwise(range(MAX_MULTIPART_DEPTH + 1))
    )
    body += b"content"  # else the blank line of the last head could still be that of a boundary
    reader = make_reader(body, boundary="b0")
    for _ in range(MAX_MULTIPART_DEPTH - 1):
        part = await reader.next()
        assert isinstance(part, MultipartReader)
        reader = part
    with pytest.raises(BadMultipart, match="nested more than"):
        await reader.next()


async def test_heads_of_parts_are_bounded() -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    body = b"--b\r\nA: 1\r\nB: 2\r\n\r\n\r\n--b--"
    assert await MultipartReader(headers, streamed(body), max_headers=2, max_field_size=4).next() is not None
    with pytest.raises(FieldTooLong, match="more than 1 field lines"):
        await MultipartReader(headers, streamed(body), max_headers=1).next()
    with pytest.raises(FieldTooLong, match="max_field_size"):
        await MultipartReader(headers, streamed(body), max_field_size=3).next()


async def test_bounds_hold_for_nested_parts_too() -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=a"}
    body = b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n1234\r\n--b--\r\n--a--"
    reader = MultipartReader(headers, streamed(body), client_max_size=3, max_size_error_cls=OSError)
    inner = await reader.next()
    assert isinstance(inner, MultipartReader)
    part = await inner.next()
    assert isinstance(part, BodyPartReader)
    with pytest.raises(OSError, match="3"):
        await part.read()


class PairsReader(MultipartReader):
    """As aiohttp's documentation shows: returns a document and its reader."""

    multipart_reader_cls = MultipartReader

    async def next(self) -> Any:
        reader = await super().next()
        if self._at_eof:
            return None, None
        if isinstance(reader, MultipartReader):
            part = await reader.next()
            assert isinstance(part, BodyPartReader)
            return await part.json(), reader
        assert isinstance(reader, BodyPartReader)
        return await reader.json(), reader


async def test_readers_can_be_built_upon() -> None:
    with MultipartWriter() as writer:
        writer.append_json(1)
        with MultipartWriter("related") as inner:
            inner.append_json(2)
            inner.append("file")
        writer.append(inner)
    reader = PairsReader(writer.headers, streamed(await writer.as_bytes()))
    assert (await reader.next())[0] == 1
    document, files = await reader.next()
    assert document == 2
    assert await (await files.next()).text() == "file"
    assert await files.next() is None
    assert await reader.next() == (None, None)


class Answer:
    """A response, as far as it is needed."""

    def __init__(self, body: bytes) -> None:
        self.headers: Mapping[str, str] = {"Content-Type": "multipart/mixed; boundary=b"}
        self.content = streamed(body)
        self.is_released = False

    def release(self) -> None:
        self.is_released = True


async def test_a_response_is_released_at_its_last_boundary() -> None:
    answer = Answer(b"--b\r\n\r\na\r\n--b--")
    wrapper = MultipartReader.from_response(answer)
    assert isinstance(wrapper, MultipartResponseWrapper)
    assert await wrapper.next() is not None
    assert not wrapper.at_eof()
    assert not answer.is_released
    assert await wrapper.next() is None
    assert wrapper.at_eof()
    assert answer.is_released


async def test_a_response_can_be_iterated_or_given_up() -> None:
    answer = Answer(b"--b\r\n\r\na\r\n--b--")
    assert len([part async for part in MultipartReader.from_response(answer)]) == 1
    assert answer.is_released
    answer = Answer(b"--b\r\n\r\na\r\n--b--")
    await MultipartReader.from_response(answer).release()
    assert answer.is_released
