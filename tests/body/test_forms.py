from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, strategies as st
from multidict import MultiDict, MultiDictProxy

from tests.body.recording import written
from trunkline.body.bytes_payload import BytesPayload, JsonPayload
from trunkline.body.forms import FormData
from trunkline.body.multipart_writer import MultipartWriter
from trunkline.wire.content_disposition import content_disposition_filename, parse_content_disposition

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


async def body_of(form: FormData) -> bytes:
    return await written(form())


async def parts_of(form: FormData) -> list[Message]:
    """The parts, as the email package reads them."""
    body = form()
    assert isinstance(body, MultipartWriter)
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    message = message_from_bytes(head + await written(body), policy=HTTP)
    assert not message.defects
    return [part for part in message.walk() if part is not message]


async def generate() -> AsyncGenerator[bytes, None]:
    yield b"abc"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ((), b""),
        ({"a b": "c&d", "ы": "~*-._!'()%+/"}, b"a+b=c%26d&%D1%8B=~%2A-._%21%27%28%29%25%2B%2F"),
        ([("a", "1"), ("a", "2")], b"a=1&a=2"),
        (MultiDict([("a", "1"), ("a", "2")]), b"a=1&a=2"),
        (MultiDictProxy(MultiDict(a="1")), b"a=1"),
        ((MultiDict(a="1"), ["b", "2"]), b"a=1&b=2"),
        ({"a": 1, "b": 1.5, "c": True, "d": None, "e": ["x", "y"]}, b"a=1&b=1.5&c=True&d=None&e=x&e=y"),
        ({"a": "\r\n\0"}, b"a=%0D%0A%00"),
    ],
)
async def test_plain_values_are_urlencoded(fields: Any, body: bytes) -> None:  # Any: what FormData takes
    form = FormData(fields)
    assert not form.is_multipart
    assert form().content_type == "application/x-www-form-urlencoded"
    assert await body_of(form) == body


@pytest.mark.parametrize(("charset", "suffix"), [(None, ""), ("utf-8", ""), ("koi8-r", "; charset=koi8-r")])
async def test_a_charset_encodes_fields_and_is_named(charset: str | None, suffix: str) -> None:
    form = FormData({"ы": "ы"}, charset=charset)
    assert form().content_type == f"application/x-www-form-urlencoded{suffix}"
    assert parse_qsl((await body_of(form)).decode(), encoding=charset or "utf-8") == [("ы", "ы")]


@given(st.lists(st.tuples(TEXT, st.text(st.characters(exclude_categories=["Cs"])))))
async def test_urlencoded_fields_come_back(pairs: list[tuple[str, str]]) -> None:
    body = (await body_of(FormData(pairs))).decode("ascii")
    assert parse_qsl(body, keep_blank_values=True) == pairs


@pytest.mark.filterwarnings("ignore:In v4|content_transfer:DeprecationWarning")
@pytest.mark.parametrize(
    ("value", "options"),
    [
        (b"x", {}),
        (bytearray(b"x"), {}),
        (memoryview(b"x"), {}),
        (io.BytesIO(b"x"), {}),
        (io.StringIO("x"), {}),
        (BytesPayload(b"x"), {}),
        ("x", {"content_type": "text/html"}),
        ("x", {"filename": "y"}),
        ("x", {"filename": ""}),
        ("x", {"content_transfer_encoding": "binary"}),
    ],
)
async def test_files_bytes_and_options_make_it_multipart(value: object, options: dict[str, str]) -> None:
    form = FormData()
    form.add_field("name", value, **options)
    assert form.is_multipart
    (part,) = await parts_of(form)
    assert part.get_payload() == "x"
    assert part.get_param("name", header="content-disposition") == "name"


async def test_a_generator_makes_it_multipart_too() -> None:
    (part,) = await parts_of(FormData({"a": generate()}))
    assert part.get_payload() == "abc"


async def test_multipart_can_be_asked_for() -> None:
    assert FormData(default_to_multipart=True).is_multipart
    (part,) = await parts_of(FormData({"a": "ы"}, default_to_multipart=True))
    assert part.get_payload(decode=True) == "ы".encode()


@pytest.mark.filterwarnings("ignore:In v4|content_transfer:DeprecationWarning")
@pytest.mark.parametrize(
    ("value", "options", "filename"),
    [
        ("x", {}, None),
        (b"x", {}, "name"),
        (b"x", {"filename": "f"}, "f"),
        (b"x", {"content_transfer_encoding": "binary"}, None),
        (io.BytesIO(b"x"), {}, "name"),
        (io.BytesIO(b"x"), {"filename": ""}, ""),
    ],
)
async def test_the_file_name_of_a_field(value: object, options: dict[str, str], filename: str | None) -> None:
    form = FormData(default_to_multipart=True)
    form.add_field("name", value, **options)
    (part,) = await parts_of(form)
    assert part.get_param("filename", header="content-disposition") == filename


async def test_an_open_file_brings_name_and_media_type(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"PNG")
    with path.open("rb") as named, io.BytesIO(b"x") as unnamed:
        parts = await parts_of(FormData([named, unnamed, ("field", named)]))
        assert [part["Content-Disposition"] for part in parts] == [
            'form-data; name="a.png"; filename="a.png"',
            'form-data; name="unknown"; filename="unknown"',
            'form-data; name="field"; filename="a.png"',
        ]
        assert [part.get_content_type() for part in parts] == [
            "image/png",
            "application/octet-stream",
            "image/png",
        ]


async def test_content_type_and_charset_of_fields() -> None:
    form = FormData(charset="koi8-r")
    form.add_field("a", "ы", filename="f")
    form.add_field("b", JsonPayload({}), content_type="application/x+json")
    own = FormData()
    own.add_field("c", "ы", content_type="text/html; charset=koi8-r")
    parts = await parts_of(form) + await parts_of(own)
    assert [part["Content-Type"].replace('"', "") for part in parts] == [
        "text/plain; charset=koi8-r",
        "application/x+json",
        "text/html; charset=koi8-r",
    ]
    assert parts[0].get_payload(decode=True) == parts[2].get_payload(decode=True) == "ы".encode("koi8-r")


@pytest.mark.filterwarnings("ignore:content_transfer_encoding:DeprecationWarning")
async def test_parts_have_neither_length_nor_transfer_encoding() -> None:
    form = FormData()
    form.add_field("a", BytesPayload(b"x", headers={"Content-Length": "1"}))
    form.add_field("b", "x", content_transfer_encoding="base64")
    for part in await parts_of(form):
        assert {name.lower() for name in part.keys()} == {"content-type", "content-disposition"}  # noqa: SIM118
        assert part.get_payload() == "x"


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (b"x", {}, "In v4, passing bytes will no longer create a file field"),
        (bytearray(b"x"), {"content_type": "text/html"}, "use the filename parameter or pass a BytesIO object"),
        (b"x", {"filename": "f", "content_transfer_encoding": "binary"}, "please pass a BytesPayload"),
        ("x", {"content_transfer_encoding": "binary"}, "content_transfer_encoding is deprecated"),
    ],
)
def test_what_the_next_version_will_take_otherwise_is_deprecated(
    value: object, options: dict[str, str], message: str
) -> None:
    with pytest.warns(DeprecationWarning, match=message) as warned:
        FormData().add_field("name", value, **options)
    assert warned[0].filename == __file__


@given(name=TEXT, filename=TEXT, quote_fields=st.booleans())
async def test_names_and_file_names_come_back(name: str, filename: str, quote_fields: bool) -> None:
    form = FormData(quote_fields=quote_fields)
    form.add_field(name, "x", filename=filename)
    head = (await body_of(form)).partition(b"\r\n\r\n")[0].decode()
    lines = head.split("\r\n")
    assert len(lines) == 3  # the boundary and two fields, whatever the names hold
    _, params = parse_content_disposition(lines[2].removeprefix("Content-Disposition: "))
    read_name = content_disposition_filename(params, "name")
    assert read_name in (name, name.lstrip("\\/"))
    if not quote_fields:
        assert params["filename"] == filename.lstrip("\\/")


@pytest.mark.parametrize("bad", ["a\r", "a\n", "a\0", "a\x7f", "\x01"])
@pytest.mark.parametrize("argument", ["name", "filename", "content_type", "content_transfer_encoding"])
def test_control_characters_are_refused_at_the_call(bad: str, argument: str) -> None:
    arguments: dict[str, Any] = {"name": "n", "value": "v", argument: bad}  # Any: text and no text
    for quote_fields in (True, False):
        with pytest.raises(ValueError, match="control character"):
            FormData(quote_fields=quote_fields).add_field(**arguments)
    with pytest.raises(ValueError, match="not a token"):
        FormData(charset=bad)


@pytest.mark.parametrize("argument", ["name", "filename", "content_type", "content_transfer_encoding"])
def test_what_is_no_text_is_refused_at_the_call(argument: str) -> None:
    arguments: dict[str, Any] = {"name": "n", "value": "v", argument: 1}  # Any: a wrong type is the point
    with pytest.raises(TypeError, match="wanted str"):
        FormData().add_field(**arguments)


@pytest.mark.parametrize("fields", [5, "ab", ["ab"], ("a", "b"), [("a", "b", "c")], [{"a": "b"}], iter([])])
def test_what_is_no_field_is_refused(fields: Any) -> None:  # Any: a wrong type is the point
    with pytest.raises(TypeError, match=r"Only io\.IOBase, multidict and \(name, file\) pairs allowed"):
        FormData(fields)


def test_fields_can_be_looked_at_as_tests_of_programs_do() -> None:
    form = FormData({"a": "b"})
    form.add_field("file", io.BytesIO(b"x"), filename="x.txt", content_type="text/plain")
    plain, file = form._fields
    assert (plain[0]["name"], plain[1], plain[2]) == ("a", {}, "b")
    assert dict(file[0]) == {"name": "file", "filename": "x.txt"}
    assert file[1] == {"Content-Type": "text/plain"}


@pytest.mark.parametrize("value", [1, None, True])
def test_multipart_values_are_bodies(value: object) -> None:
    with pytest.raises(TypeError, match="form field 'a' of type"):
        FormData({"a": value}, default_to_multipart=True)()


async def test_a_form_replays_like_its_fields(tmp_path: Path) -> None:
    assert FormData({"a": "b"})().can_replay
    assert not FormData({"a": generate()})().can_replay
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    body = FormData({"a": path.open("rb")})()
    assert body.can_replay
    assert await written(body) == await written(body)
    await body.close()
