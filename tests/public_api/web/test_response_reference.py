"""The documentation's reference of the response classes and of the HTTP exceptions, as a client sees them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

import trunkline
from trunkline import web
from trunkline.test_utils import RawTestServer, TestClient, TestServer

Handler = Callable[[web.BaseRequest], Awaitable[Any]]  # Any: what a handler returns


@asynccontextmanager
async def answered(handler: Handler, method: str = "GET", **kwargs: Any) -> AsyncIterator[trunkline.ClientResponse]:
    """Ask `handler` for /; kwargs are the request's."""
    server = RawTestServer(handler)
    async with TestClient(server) as client, client.request(method, "/", **kwargs) as response:
        yield response


def returning(response: web.StreamResponse) -> Handler:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return response

    return handler


# StreamResponse.


async def test_a_stream_is_prepared_written_and_ended() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        assert not response.prepared
        await response.prepare(request)
        assert response.prepared
        assert response.task is asyncio.current_task()
        for data in (b"bytes ", bytearray(b"bytearray "), memoryview(b"memoryview")):
            await response.write(data)
        await response.write_eof()
        return response

    async with answered(handler) as response:
        assert (response.status, response.reason) == (200, "OK")
        assert response.content_type == "application/octet-stream"
        assert await response.read() == b"bytes bytearray memoryview"


async def test_writing_at_the_wrong_time_or_of_the_wrong_type_raises() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        with pytest.raises(RuntimeError):
            await response.write(b"early")
        await response.prepare(request)
        with pytest.raises(RuntimeError):
            response.set_status(404)
        with pytest.raises(TypeError):
            await response.write("text")  # type: ignore[arg-type]  # as the page warns
        await response.write_eof()
        with pytest.raises(RuntimeError):
            await response.write(b"late")
        return response

    async with answered(handler) as response:
        assert (response.status, await response.read()) == (200, b"")


@pytest.mark.parametrize(
    ("status", "reason", "expected"), [(404, None, "Not Found"), (200, "Fine", "Fine"), (299, None, "")]
)
async def test_the_reason_is_calculated_from_the_status_or_given(
    status: int, reason: str | None, expected: str
) -> None:
    response = web.StreamResponse()
    response.set_status(status, reason)
    assert (response.status, response.reason) == (status, expected)
    async with answered(returning(web.StreamResponse(status=status, reason=reason))) as seen:
        assert (seen.status, seen.reason) == (status, expected)


async def test_keep_alive_is_the_requests_until_force_close() -> None:
    kept: list[bool | None] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        kept.append(response.keep_alive)
        response.force_close()
        kept.append(response.keep_alive)
        return response

    async with answered(handler):
        pass
    assert kept == [True, False]
    closing = web.Response()
    closing.force_close()
    async with answered(returning(closing)) as response:
        assert response.headers["Connection"] == "close"


@pytest.mark.parametrize("coding", [coding for coding in web.ContentCoding if coding.value != "identity"])
async def test_compression_is_chosen_by_the_client_or_by_force(coding: web.ContentCoding) -> None:
    for force, accepted in ((None, coding.value), (coding, "identity")):
        response = web.Response(text="a" * 500)
        assert not response.compression
        response.enable_compression(force)
        assert response.compression
        async with answered(returning(response), headers={"Accept-Encoding": accepted}) as seen:
            assert seen.headers["Content-Encoding"] == coding.value
            assert int(seen.headers["Content-Length"]) < 500
            assert await seen.text() == "a" * 500


def test_the_content_codings_of_the_page() -> None:
    assert {"deflate", "gzip", "identity"} <= {coding.value for coding in web.ContentCoding}
    assert web.ContentCoding("gzip") is web.ContentCoding.gzip


async def test_with_chunked_encoding_each_write_is_a_chunk() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        assert response.chunked
        await response.prepare(request)
        await response.write(b"one")
        await response.write(b"two")
        return response

    async with answered(handler) as seen:
        assert seen.headers["Transfer-Encoding"] == "chunked"
        chunks = [chunk async for chunk in seen.content.iter_chunks()]
        assert [data for data, _ in chunks if data] == [b"one", b"two"]
    with_length = web.StreamResponse()
    with_length.content_length = 5
    with pytest.raises(RuntimeError):
        with_length.enable_chunked_encoding()


async def test_headers_cookies_and_the_other_properties_are_sent() -> None:
    response = web.StreamResponse()
    assert isinstance(response.headers, CIMultiDict)
    assert isinstance(response.cookies, SimpleCookie)
    response.headers["X-Name"] = "value"
    response.content_type = "text/html"
    response.charset = "UTF-8"
    response.content_length = 0
    response.last_modified = datetime(2015, 10, 21, 7, 28, tzinfo=UTC)
    response.etag = "tag"
    response.set_cookie("name", "value", max_age=60, secure=True, httponly=True, samesite="Lax")
    response.cookies["raw"] = "cookie"
    response.del_cookie("old")
    async with answered(returning(response)) as seen:
        assert seen.headers["X-Name"] == "value"
        assert seen.headers["Content-Type"] == "text/html; charset=utf-8"
        assert seen.headers["Content-Length"] == "0"
        assert seen.headers["Last-Modified"] == "Wed, 21 Oct 2015 07:28:00 GMT"
        assert seen.headers["ETag"] == '"tag"'
        assert seen.headers.getall("Set-Cookie") == [
            "name=value; HttpOnly; Max-Age=60; Path=/; SameSite=Lax; Secure",
            "raw=cookie",
            'old=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/',
        ]


@pytest.mark.parametrize(
    "value", ["Wed, 21 Oct 2015 07:28:00 GMT", datetime(2015, 10, 21, 7, 28), 1445412480, 1445412480.0]
)
def test_last_modified_takes_text_datetime_and_numbers(value: Any) -> None:
    response = web.Response()
    response.last_modified = value
    assert response.headers["Last-Modified"] == "Wed, 21 Oct 2015 07:28:00 GMT"
    response.last_modified = None
    assert "Last-Modified" not in response.headers


def test_an_etag_is_strong_unless_it_says_otherwise() -> None:
    response = web.Response()
    response.etag = "tag"
    assert response.etag == trunkline.ETag("tag", is_weak=False)
    response.etag = trunkline.ETag("tag", is_weak=True)
    assert response.headers["ETag"] == 'W/"tag"'
    response.etag = None
    assert response.etag is None


async def test_signal_handlers_see_the_default_fields_before_they_are_sent() -> None:
    seen: list[set[str]] = []

    async def look(request: web.Request, response: web.StreamResponse) -> None:
        seen.append(set(response.headers))
        response.headers["X-Signal"] = "sent"

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="body")

    app = web.Application()
    app.router.add_get("/", handler)
    app.on_response_prepare.append(look)
    async with TestClient(TestServer(app)) as client, client.get("/") as response:
        assert response.headers["X-Signal"] == "sent"
    assert {"Content-Type", "Content-Length", "Date", "Server"} <= seen[0]


def test_a_response_is_like_a_dict_with_typed_keys() -> None:
    key = web.ResponseKey("key", int)
    response = web.Response()
    response[key] = 1
    assert (response[key], list(response)) == (1, [key])


# Response.


@pytest.mark.parametrize(
    ("kwargs", "media", "body"),
    [
        ({"text": "All right!"}, "text/plain; charset=utf-8", b"All right!"),
        ({"text": "é", "charset": "latin-1"}, "text/plain; charset=latin-1", b"\xe9"),
        ({"text": "<p>", "content_type": "text/html"}, "text/html; charset=utf-8", b"<p>"),
        ({"body": b"bytes"}, "application/octet-stream", b"bytes"),
        ({"body": b"bytes", "content_type": "image/png"}, "image/png", b"bytes"),
        ({"body": "str"}, "text/plain; charset=utf-8", b"str"),
        ({"text": "a", "status": 201, "reason": "Made", "headers": {"X-A": "1"}}, "text/plain; charset=utf-8", b"a"),
    ],
)
async def test_a_response_is_sent_with_type_length_and_body(kwargs: dict[str, Any], media: str, body: bytes) -> None:
    async with answered(returning(web.Response(**kwargs))) as response:
        assert response.status == kwargs.get("status", 200)
        assert response.headers["Content-Type"] == media
        assert response.headers["Content-Length"] == str(len(body))
        assert kwargs.get("headers", {}).items() <= dict(response.headers).items()
        assert await response.read() == body


def test_body_and_text_can_be_read_and_set() -> None:
    response = web.Response(body=b"one")
    assert (response.body, response.text) == (b"one", "one")
    response.text = "two"
    assert (response.body, response.content_length) == (b"two", 3)
    response.body = b"three"
    assert response.text == "three"
    response.body = "four"
    assert isinstance(response.body, trunkline.StringPayload)


async def test_a_file_response_sends_a_file_and_parts_of_it(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("0123456789")
    for given in (path, str(path)):
        async with answered(returning(web.FileResponse(given, headers={"X-A": "1"}))) as response:
            assert (response.status, await response.read()) == (200, b"0123456789")
            assert (response.content_type, response.headers["X-A"]) == ("text/plain", "1")
    async with answered(returning(web.FileResponse(path, chunk_size=4)), headers={"Range": "bytes=2-5"}) as response:
        assert (response.status, response.headers["Content-Range"]) == (206, "bytes 2-5/10")
        assert await response.read() == b"2345"


async def test_json_responses() -> None:
    async with answered(returning(web.json_response({"a": [1]}, status=201))) as response:
        assert (response.status, response.content_type) == (201, "application/json")
        assert await response.json() == {"a": [1]}
    encoded = web.json_bytes_response({"a": [1]}, dumps=lambda data: json.dumps(data).encode())
    async with answered(returning(encoded)) as response:
        assert (response.headers["Content-Type"], await response.json()) == ("application/json", {"a": [1]})
    assert web.json_response([1], dumps=lambda data: "dumped").text == "dumped"


# HTTP exceptions.


async def test_an_exception_that_is_raised_is_the_response() -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        raise web.HTTPBadRequest(headers={"X-A": "1"}, reason="Not so", text="<p>no</p>", content_type="text/html")

    async with answered(handler) as response:
        assert (response.status, response.reason, await response.text()) == (400, "Not so", "<p>no</p>")
        assert (response.content_type, response.headers["X-A"]) == ("text/html", "1")


async def test_an_exception_can_be_changed_as_a_response_can() -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        error = web.HTTPNotFound()
        assert (error.status_code, error.status) == (web.HTTPNotFound.status_code, 404)
        error.text = "nothing here"
        error.set_cookie("a", "b")
        raise error

    async with answered(handler) as response:
        assert (response.status, await response.text()) == (404, "nothing here")
        assert response.cookies["a"].value == "b"
