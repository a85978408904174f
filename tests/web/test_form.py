from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.body.streams import make_stream
from trunkline.body.stream import StreamReader
from trunkline.web.exceptions import HTTPBadRequest, HTTPRequestEntityTooLarge
from trunkline.web.form import FileField, close_files, read_form
from trunkline.wire.limits import MAX_FILE_IN_MEMORY_BYTES
from trunkline.wire.mime import media_type

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


@dataclass
class Received:
    """A request, as far as a form needs it."""

    content: StreamReader
    headers: dict[str, str]
    method: str = "POST"
    client_max_size: int = 1024**2
    client_max_fields: int = 1000

    @property
    def content_type(self) -> str:
        return media_type(self.headers.get("Content-Type"))[0]

    @property
    def charset(self) -> str | None:
        return media_type(self.headers.get("Content-Type"))[1].get("charset")

    async def read(self) -> bytes:
        return await self.content.read()


def received(body: bytes, content_type: str | None, **kwargs: int | str) -> Received:
    pieces = [body[start : start + 50_000] for start in range(0, len(body), 50_000)]
    request = Received(make_stream(*pieces, eof=True), {} if content_type is None else {"Content-Type": content_type})
    for name, value in kwargs.items():
        setattr(request, name, value)
    return request


def multipart(*parts: tuple[str, bytes]) -> bytes:
    fields = (
        b"--b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (head.encode(), body) for head, body in parts
    )
    return b"".join(fields) + b"--b--\r\n"


@pytest.mark.parametrize(
    ("body", "content_type", "fields"),
    [
        (b"", URLENCODED, []),
        (b"a=b&c=&d&&a=%D1%8B+x\r\n", URLENCODED, [("a", "b"), ("c", ""), ("d", ""), ("a", "ы x")]),
        (b"a=%FB", URLENCODED + "; charset=cp1251", [("a", "ы")]),
        (b"a=%ff", URLENCODED, [("a", "\ufffd")]),
        (multipart(), MULTIPART, []),
        (multipart(("name=a", b"1"), ('name="a"', b"2")), MULTIPART, [("a", "1"), ("a", "2")]),
        (multipart(('name=a; filename=""', b"")), MULTIPART, [("a", "")]),
        (multipart(("name=a\r\nContent-Type: text/x; charset=cp1251", b"\xfb")), MULTIPART, [("a", "ы")]),
        (multipart(("name=a\r\nContent-Type: application/json", b"{}")), MULTIPART, [("a", b"{}")]),
        (multipart(("name=a\r\nContent-Transfer-Encoding: base64", b"YWJj")), MULTIPART, [("a", "abc")]),
        (multipart(("name=_charset_", b"cp1251"), ("name=a", b"\xfb")), MULTIPART, [("a", "ы")]),
    ],
)
async def test_fields(body: bytes, content_type: str, fields: list[tuple[str, str | bytes]]) -> None:
    assert list((await read_form(received(body, content_type))).items()) == fields


@pytest.mark.parametrize(
    ("method", "content_type"),
    [("GET", URLENCODED), ("OPTIONS", URLENCODED), ("POST", None), ("POST", "text/plain"), ("POST", "multipart/mixed")],
)
async def test_what_is_no_form_has_no_fields(method: str, content_type: str | None) -> None:
    assert not await read_form(received(b"a=b", content_type, method=method))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
async def test_other_methods_carry_forms_too(method: str) -> None:
    assert await read_form(received(b"a=b", URLENCODED, method=method)) == {"a": "b"}


@pytest.mark.parametrize("size", [0, 10, MAX_FILE_IN_MEMORY_BYTES, MAX_FILE_IN_MEMORY_BYTES + 1, 900_000])
async def test_files_stand_at_their_beginning_until_they_are_closed(size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    head = 'name=f; filename="a.bin"\r\nContent-Type: image/png'
    form = await read_form(received(multipart((head, content)), MULTIPART))
    field = form["f"]
    assert isinstance(field, FileField)
    assert (field.name, field.filename, field.content_type) == ("f", "a.bin", "image/png")
    assert field.headers["content-type"] == "image/png"
    assert field.file.read() == content
    close_files(form)
    assert field.file.closed


async def test_a_file_without_a_type_is_of_unknown_type() -> None:
    form = await read_form(received(multipart(("name=f; filename=a", b"")), MULTIPART))
    field = form["f"]
    assert isinstance(field, FileField)
    assert field.content_type == "application/octet-stream"
    close_files(form)


BROKEN = [
    (b"--b\r\n", MULTIPART),
    (b"junk", MULTIPART),
    (multipart(), "multipart/form-data"),
    (multipart(("size=3", b"")), MULTIPART),
    (multipart(("name=a", b"\xff")), MULTIPART),
    (multipart(("name=a\r\nContent-Type: text/plain; charset=zzz", b"x")), MULTIPART),
    (multipart(("name=a\r\nContent-Type: text/plain; charset=punycode", b"x")), MULTIPART),
    (multipart(("name=a\r\nContent-Type: text/plain; charset=base64", b"x")), MULTIPART),
    (multipart(("name=a\r\nContent-Transfer-Encoding: zzz", b"x")), MULTIPART),
    (multipart(("name=a\r\nContent-Transfer-Encoding: base64", b"x")), MULTIPART),
    (multipart(("name=a\r\nContent-Type: multipart/mixed; boundary=c", b"--c--")), MULTIPART),
    (b"a=\xff", URLENCODED),
    (b"a=b", URLENCODED + "; charset=zzz"),
    (b"a=b", URLENCODED + "; charset=punycode"),
]


@pytest.mark.parametrize(("body", "content_type"), BROKEN)
async def test_a_broken_form_is_a_bad_request(body: bytes, content_type: str) -> None:
    with pytest.raises(HTTPBadRequest):
        await read_form(received(body, content_type))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"a=1&b=2&", URLENCODED),
        (b"&&", URLENCODED),
        (multipart(("name=a", b""), ("name=a", b""), ("name=a; filename=x", b"")), MULTIPART),
    ],
)
async def test_the_number_of_fields_is_bounded(body: bytes, content_type: str) -> None:
    with pytest.raises(HTTPRequestEntityTooLarge) as caught:
        await read_form(received(body, content_type, client_max_fields=2))
    assert caught.value.text == "Maximum number of form fields 2 exceeded."
    form = await read_form(received(body, content_type, client_max_fields=3))
    close_files(form)
    close_files(await read_form(received(body, content_type, client_max_fields=0)))


@pytest.mark.parametrize("head", ["name=a", "name=a; filename=x", "name=a\r\nX: " + "x" * 5000])
async def test_the_size_of_a_multipart_form_is_bounded(head: str) -> None:
    body = multipart(("name=f; filename=x", b"x"), (head, b"x" * 5000))
    with pytest.raises(HTTPRequestEntityTooLarge) as caught:
        await read_form(received(body, MULTIPART, client_max_size=5000))
    assert caught.value.text == "Maximum request body size 5000 exceeded."
    close_files(await read_form(received(body, MULTIPART, client_max_size=0)))


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tempfile.SpooledTemporaryFile[bytes]]:
    """The temporary files that are made."""
    made: list[tempfile.SpooledTemporaryFile[bytes]] = []
    make = tempfile.SpooledTemporaryFile

    def remember(max_size: int) -> tempfile.SpooledTemporaryFile[bytes]:
        made.append(make(max_size, dir=str(tmp_path)))
        return made[-1]

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", remember)
    return made


async def test_files_are_closed_when_the_form_breaks(files: list[tempfile.SpooledTemporaryFile[bytes]]) -> None:
    body = multipart(("name=a; filename=x", b"x" * 100_000), ("name=b; filename=x", b"x" * 100_000))[:-20]
    with pytest.raises(HTTPBadRequest):
        await read_form(received(body, MULTIPART))
    assert [file.closed for file in files] == [True, True]


async def test_files_are_closed_when_reading_is_cancelled(files: list[tempfile.SpooledTemporaryFile[bytes]]) -> None:
    for steps in range(1, 12):
        request = received(multipart(("name=a; filename=x", b"x" * 300_000))[:-20], MULTIPART)
        request.content = make_stream(await request.content.read())
        task = asyncio.ensure_future(read_form(request))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert files
    assert all(file.closed for file in files)


async def test_threads_write_what_goes_to_disk() -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(beat())
    close_files(await read_form(received(multipart(("name=a; filename=x", b"x" * 900_000)), MULTIPART)))
    task.cancel()
    assert beats > 3
