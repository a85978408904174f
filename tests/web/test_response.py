"""`Response` and the two ways to answer with JSON: bodies of all kinds, their length, and how they are sent."""

import gzip
import io
import json
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.web.serving import serving
from trunkline.body.bytes_payload import StringPayload
from trunkline.web.request import BaseRequest
from trunkline.web.response import Response, json_bytes_response, json_response
from trunkline.web.stream_response import ContentCoding

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"
UTF8 = "text/plain; charset=utf-8"


async def sent(response: Response, *lines: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, fields and body as a client gets them."""

    async def handler(request: BaseRequest) -> Response:
        return response

    async with serving(handler) as serve:
        return await serve.get("/", *lines)


# What it is made of.


@pytest.mark.parametrize(
    ("kwargs", "body", "media"),
    [
        ({}, None, None),
        ({"text": ""}, b"", UTF8),
        ({"text": "é"}, "é".encode(), UTF8),
        ({"text": "é", "charset": "latin-1"}, b"\xe9", "text/plain; charset=latin-1"),
        ({"text": "a", "content_type": "text/html"}, b"a", "text/html; charset=utf-8"),
        ({"text": "a", "content_type": "text/css"}, b"a", "text/css; charset=utf-8"),
        ({"text": "a", "headers": {"Content-Type": "text/css"}}, b"a", "text/css; charset=utf-8"),
        (
            {"text": "é", "headers": {"content-type": "text/css; charset=latin-1; a=b"}},
            b"\xe9",
            "text/css; charset=latin-1; a=b",
        ),
        ({"body": b"a"}, b"a", None),
        ({"body": bytearray(b"a")}, b"a", None),
        ({"body": b"a", "content_type": "text/css"}, b"a", "text/css"),
        ({"body": b"a", "content_type": "text/css", "charset": "utf-8"}, b"a", "text/css; charset=utf-8"),
        ({"body": b"a", "headers": {"Content-Type": "text/css"}}, b"a", "text/css"),
    ],
)
def test_body_and_media_type(kwargs: dict[str, Any], body: bytes | None, media: str | None) -> None:
    response = Response(**kwargs)
    assert response.body == body
    assert response.headers.get("Content-Type") == media
    assert response.content_length == len(body or b"")


@pytest.mark.parametrize(
    ("kwargs", "error", "said"),
    [
        ({"body": b"", "text": ""}, ValueError, "both body and text"),
        ({"text": b"a"}, TypeError, "body= for bytes"),
        ({"text": "", "content_type": "text/html; charset=utf-8"}, ValueError, "pass charset= instead"),
        ({"text": "", "headers": {"Content-Type": "a/b"}, "content_type": "c/d"}, ValueError, "pass it in one way"),
        ({"body": b"", "headers": {"Content-Type": "a/b"}, "charset": "utf-8"}, ValueError, "pass it in one way"),
        ({"body": object()}, ValueError, "unsupported body type object"),
        ({"text": "é", "charset": "ascii"}, UnicodeEncodeError, "ascii"),
        ({"text": "é", "charset": "klingon"}, LookupError, "klingon"),
    ],
)
def test_what_does_not_fit_together_is_refused(kwargs: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Response(**kwargs)


def test_text_and_body_are_two_views_of_one() -> None:
    response = Response(text="a")
    response.body = "é".encode()
    assert (response.text, response.content_length) == ("é", 2)
    response.text = "ü"
    assert response.body == "ü".encode()
    response.body = None
    assert (response.text, response.content_length) == (None, 0)
    with pytest.raises(TypeError, match="wanted str"):
        response.text = b"a"  # type: ignore[assignment]  # as a user might


def test_text_is_encoded_with_the_charset_that_is_set() -> None:
    response = Response(content_type="text/html", charset="koi8-r")
    response.text = "Ы"
    assert (response.body, response.text) == ("Ы".encode("koi8-r"), "Ы")
    assert response.headers["Content-Type"] == "text/html; charset=koi8-r"
    plain = Response()
    plain.text = "Ы"
    assert plain.headers["Content-Type"] == UTF8


def test_a_str_as_body_becomes_a_payload() -> None:
    response = Response(body="é")
    assert isinstance(response.body, StringPayload)
    assert (response.text, response.content_length, response.headers["Content-Type"]) == ("é", 2, UTF8)


def test_the_length_is_the_bodys_and_cannot_be_set() -> None:
    response = Response(text="abc")
    with pytest.raises(RuntimeError, match="that of its body"):
        response.content_length = 5
    response.enable_chunked_encoding()
    assert response.content_length is None


# How it is sent.


async def pieces() -> AsyncIterator[bytes]:
    yield b"ab"
    yield b"c"


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"abc",
        lambda: bytearray(b"abc"),
        lambda: memoryview(b"abc"),
        lambda: "abc",
        lambda: io.BytesIO(b"abc"),
        lambda: io.StringIO("abc"),
        pieces,
    ],
    ids=["bytes", "bytearray", "memoryview", "str", "BytesIO", "StringIO", "async generator"],
)
async def test_bodies_of_all_kinds_arrive(make: Any) -> None:
    status, fields, body = await sent(Response(body=make()))
    assert (status, body) == (200, b"abc")
    assert fields["content-type"]


@pytest.mark.parametrize("has_fields", [False, True])
async def test_the_short_way_and_the_long_way_send_the_same(has_fields: bool) -> None:
    async def handler(request: BaseRequest) -> Response:
        response = Response(text="abc", status=201)
        if has_fields:
            response.headers["X-A"] = "1"
        return response

    async with serving(handler) as serve:
        status, fields, body = await serve.get("/")
    assert (status, body) == (201, b"abc")
    assert fields.pop("x-a", "1") == "1"
    assert set(fields) == {"content-type", "content-length", "date", "server"}
    assert (fields["content-type"], fields["content-length"]) == (UTF8, "3")


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"text": "abc"}, {"Content-Length: 3", f"Content-Type: {UTF8}"}),
        ({"text": "abc", "headers": {"X-A": "1"}}, {"Content-Length: 3", f"Content-Type: {UTF8}", "X-A: 1"}),
        ({"text": ""}, {"Content-Length: 0", f"Content-Type: {UTF8}"}),
        ({}, set()),  # nobody said what GET would get
        ({"headers": {"Content-Length": "5"}}, {"Content-Length: 5", "Content-Type: application/octet-stream"}),
    ],
)
async def test_the_answer_to_head_tells_the_length_and_has_no_body(kwargs: dict[str, Any], expected: set[str]) -> None:
    async def handler(request: BaseRequest) -> Response:
        return Response(**kwargs)

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(HEAD + HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        first, second, rest = (await talk.rest()).split(b"\r\n\r\n")
    assert rest == b""
    for head in (first, second):
        _, *lines = head.decode().split("\r\n")
        assert {line for line in lines if not line.startswith(("Date:", "Server:", "Connection:"))} == expected


@pytest.mark.parametrize("kwargs", [{}, {"body": b""}, {"status": 404}, {"body": b"", "headers": {"X-A": "1"}}])
async def test_an_empty_body_has_no_media_type(kwargs: dict[str, Any]) -> None:
    _, fields, _ = await sent(Response(**kwargs))
    assert fields["content-length"] == "0"
    assert "content-type" not in fields


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_that_has_no_body_gets_none(status: int) -> None:
    async def handler(request: BaseRequest) -> Response:
        return Response(status=status, body=b"abc")

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(GET + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (await talk.head()).startswith(f"HTTP/1.1 {status} ".encode())
        assert (await talk.head()).startswith(f"HTTP/1.1 {status} ".encode())
        assert await talk.rest() == b""


async def test_a_chunked_response_has_no_length() -> None:
    response = Response(text="abc")
    response.enable_chunked_encoding()
    _, fields, body = await sent(response)
    assert (fields["transfer-encoding"], body) == ("chunked", b"abc")
    assert "content-length" not in fields


@pytest.mark.parametrize("length", [10, 10_000])
async def test_a_body_that_is_known_whole_is_compressed_with_its_length(length: int) -> None:
    response = Response(text="a" * length)
    response.enable_compression(ContentCoding.gzip)
    _, fields, body = await sent(response)
    assert (fields["content-encoding"], int(fields["content-length"])) == ("gzip", len(body))
    assert gzip.decompress(body) == b"a" * length
    assert response.text == "a" * length


async def test_large_bodies_are_compressed_by_the_executor_that_was_given() -> None:
    with ThreadPoolExecutor(1) as executor:
        before = len(executor._threads)
        response = Response(text="a" * 100, zlib_executor=executor, zlib_executor_size=99)
        response.enable_compression(ContentCoding.deflate)
        _, _, body = await sent(response)
        assert zlib.decompress(body) == b"a" * 100
        assert len(executor._threads) == before + 1


async def test_without_an_accepted_coding_it_is_sent_as_it_is() -> None:
    response = Response(text="abc")
    response.enable_compression()
    _, fields, body = await sent(response, "Accept-Encoding: gzip;q=0")
    assert "content-encoding" not in fields
    assert body == b"abc"


@pytest.mark.parametrize("length", ["2", "4", "+3", "3, 3"])
async def test_a_length_that_is_not_the_bodys_is_an_error_of_the_author(length: str) -> None:
    status, _, _ = await sent(Response(body=b"abc", headers={"Content-Length": length}))
    assert status == 500


async def test_it_may_be_sent_by_hand() -> None:
    responses: list[Response] = []

    async def handler(request: BaseRequest) -> Response:
        response = Response(text="abc")
        await response.prepare(request)
        await response.write_eof()
        responses.append(response)
        return response

    async with serving(handler) as serve:
        _, _, body = await serve.get("/")
    assert body == b"abc"
    assert responses[0].body_length > 3
    assert repr(responses[0]) == "<Response OK eof>"


# JSON.


@pytest.mark.parametrize("data", [{"a": [1, None]}, None, [], "é", 1.5])
def test_json_of_a_value(data: Any) -> None:
    response = json_response(data)
    assert response.text == json.dumps(data)
    assert (response.content_type, response.charset, response.status) == ("application/json", "utf-8", 200)


def test_what_json_response_passes_on() -> None:
    response = json_response(
        [1], status=201, reason="Made", headers={"X-A": "1"}, content_type="application/ld+json", dumps=lambda data: "J"
    )
    assert (response.status, response.reason, response.headers["X-A"], response.text) == (201, "Made", "1", "J")
    assert response.headers["Content-Type"] == "application/ld+json; charset=utf-8"
    assert json_response(text="[1]").body == b"[1]"
    assert json_response(body=b"[1]").headers["Content-Type"] == "application/json"


def test_json_in_two_ways_is_refused() -> None:
    with pytest.raises(ValueError, match="pass one of the three"):
        json_response([1], text="[1]")
    with pytest.raises(ValueError, match="pass one of the three"):
        json_response([1], body=b"[1]")
    with pytest.raises(ValueError, match="pass one of them"):
        json_bytes_response([1], body=b"[1]", dumps=lambda data: b"")
    with pytest.raises(TypeError, match="not JSON serializable"):
        json_response(object())


def test_json_of_an_encoder_that_returns_bytes() -> None:
    response = json_bytes_response([1], dumps=lambda data: json.dumps(data).encode(), status=201)
    assert (response.body, response.status) == (b"[1]", 201)
    assert response.headers["Content-Type"] == "application/json"
