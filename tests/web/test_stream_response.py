"""`StreamResponse` over a socket: framing, compression, the connection after it, and its life from start to end."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.serving import serving
from trunkline.ground.product import SERVER_NAME
from trunkline.web.request import BaseRequest
from trunkline.web.stream_response import ContentCoding, StreamResponse
from trunkline.wire.optional import load_brotli, load_zstd

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
OLD_KEPT = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"

Prepare = Callable[[StreamResponse], object]


async def ask(request: bytes, set_up: Prepare, *pieces: bytes, status: int = 200) -> tuple[list[str], bytes, bool]:
    """Serve one response; return its head's lines but Date and Server, its body, and whether the connection ended."""

    async def handler(request: BaseRequest) -> StreamResponse:
        if request.path == "/last":
            return StreamResponse(reason="Last", headers={"Content-Length": "0"})
        response = StreamResponse(status=status)
        set_up(response)
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        return response

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(request + b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        first, found, _ = (await talk.rest()).partition(b"HTTP/1.1 200 Last")
        head, _, body = first.partition(b"\r\n\r\n")
        lines = [line for line in head.decode().split("\r\n") if not line.startswith(("Date: ", "Server: "))]
        return lines, body, not found


def nothing(response: StreamResponse) -> None:
    """Leave it as it is."""


def length_3(response: StreamResponse) -> None:
    response.content_length = 3


# Framing.


@pytest.mark.parametrize(
    ("request_bytes", "set_up", "lines", "body", "ends"),
    [
        (GET, nothing, ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", False),
        (GET, length_3, ["HTTP/1.1 200 OK", "Content-Length: 3"], b"abc", False),
        (CLOSING, length_3, ["HTTP/1.1 200 OK", "Content-Length: 3", "Connection: close"], b"abc", True),
        (OLD, nothing, ["HTTP/1.0 200 OK"], b"abc", True),
        (OLD, length_3, ["HTTP/1.0 200 OK", "Content-Length: 3"], b"abc", True),
        (OLD_KEPT, length_3, ["HTTP/1.0 200 OK", "Content-Length: 3", "Connection: keep-alive"], b"abc", False),
        (OLD_KEPT, nothing, ["HTTP/1.0 200 OK"], b"abc", True),  # the body's end is the connection's
        (HEAD, nothing, ["HTTP/1.1 200 OK"], b"", False),
        (HEAD, length_3, ["HTTP/1.1 200 OK", "Content-Length: 3"], b"", False),
    ],
)
async def test_the_body_is_framed_as_its_length_and_the_version_allow(
    request_bytes: bytes, set_up: Prepare, lines: list[str], body: bytes, ends: bool
) -> None:
    seen, followed, ended = await ask(request_bytes, set_up, b"ab", b"c")
    assert sorted(seen) == sorted([*lines, "Content-Type: application/octet-stream"])
    assert (followed, ended) == (body, ends)


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_no_framing_and_the_connection_goes_on(status: int) -> None:
    lines, body, ended = await ask(GET, lambda response: response.enable_chunked_encoding(), status=status)
    assert lines[1:] == []
    assert (body, ended) == (b"", False)


async def test_bytes_for_a_status_without_a_body_are_refused() -> None:
    lines, body, ended = await ask(GET, lambda response: None, b"ab", status=204)
    assert lines == ["HTTP/1.1 204 No Content"]
    assert (body, ended) == (b"", True)


async def test_a_body_of_length_0_has_no_media_type() -> None:
    def set_up(response: StreamResponse) -> None:
        response.content_length = 0

    lines, _, _ = await ask(GET, set_up)
    assert lines == ["HTTP/1.1 200 OK", "Content-Length: 0"]


async def test_chunks_and_a_length_exclude_each_other() -> None:
    response = StreamResponse()
    response.content_length = 3
    with pytest.raises(RuntimeError, match="remove content_length"):
        response.enable_chunked_encoding()
    response = StreamResponse()
    assert not response.chunked
    response.enable_chunked_encoding()
    assert response.chunked
    with pytest.raises(RuntimeError, match="set only one"):
        response.content_length = 3


async def test_chunks_that_http_1_0_does_not_have_are_an_error_of_the_author() -> None:
    seen: list[str] = []

    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        response.enable_chunked_encoding()
        try:
            await response.prepare(request)
        except RuntimeError as error:
            seen.append(str(error))
        return StreamResponse(status=204)

    async with serving(handler) as serve:
        status, _, _ = await serve.ask(OLD)
    assert status == 204
    assert "chunked encoding in answer to HTTP/1.0" in seen[0]


# Fields.


async def test_what_the_author_set_is_sent_and_what_is_missing_is_added() -> None:
    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse(status=201, reason="Made", headers={"X-A": "1"})
        response.headers.add("X-A", "2")
        response.content_type = "text/css"
        response.set_cookie("a", "b")
        await response.prepare(request)
        return response

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(GET)
        head = (await talk.head()).decode().split("\r\n")
    assert head[0] == "HTTP/1.1 201 Made"
    assert head[1:5] == ["X-A: 1", "X-A: 2", "Content-Type: text/css", "Set-Cookie: a=b; Path=/"]
    assert f"Server: {SERVER_NAME}" in head
    assert any(line.startswith("Date: ") for line in head)


async def test_date_server_and_connection_of_the_author_are_kept() -> None:
    def set_up(response: StreamResponse) -> None:
        response.headers.update({"Date": "now", "Server": "mine", "Connection": "close", "Content-Length": "0"})

    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        set_up(response)
        return response

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(GET)
        head = await talk.head()
        assert head == (
            b"HTTP/1.1 200 OK\r\nDate: now\r\nServer: mine\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        assert await talk.rest() == b""


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [(200, None, "OK"), (404, None, "Not Found"), (299, None, ""), (200, "", ""), (200, "Grüß Gott", "Grüß Gott")],
)
def test_the_reason_follows_the_status_unless_it_is_given(status: int, reason: str | None, expected: str) -> None:
    response = StreamResponse(status=status, reason=reason)
    assert (response.status, response.reason) == (status, expected)
    other = StreamResponse()
    other.set_status(status, reason)
    assert (other.status, other.reason) == (status, expected)


@pytest.mark.parametrize("reason", ["a\r\nX: y", "a\nb", "a\0"])
def test_a_reason_cannot_end_its_line(reason: str) -> None:
    with pytest.raises(ValueError, match="control character in the reason"):
        StreamResponse(reason=reason)
    with pytest.raises(TypeError, match="reason of type int"):
        StreamResponse(reason=5)  # type: ignore[arg-type]  # as a user might


@pytest.mark.parametrize("status", [0, 99, 1000, -5])
def test_a_status_has_three_digits(status: int) -> None:
    with pytest.raises(ValueError, match="wanted three digits"):
        StreamResponse(status=status)


# Compression.


_DECODE: dict[str, Callable[[bytes], bytes]] = {
    "deflate": zlib.decompress,
    "gzip": gzip.decompress,
    "br": lambda data: bytes(load_brotli().decompress(data)),
    "zstd": lambda data: bytes(load_zstd().decompress(data)),
    "identity": bytes,
}


async def compressed(coding: "ContentCoding | bool | None", *lines: str) -> tuple[dict[str, str], bytes]:
    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        response.enable_compression(coding)
        assert response.compression
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"a" * 100)
        return response

    async with serving(handler) as serve:
        _, fields, body = await serve.get("/", *lines)
    return fields, body


@pytest.mark.parametrize("coding", ContentCoding)
async def test_a_forced_coding_is_used_whatever_the_client_accepts(coding: ContentCoding) -> None:
    fields, body = await compressed(coding)
    assert fields.get("content-encoding", "identity") == coding.value
    assert _DECODE[coding.value](body) == b"a" * 300
    assert "content-length" not in fields


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate, gzip", "deflate"),
        ("br;q=1, gzip;q=0.5", "br"),
        ("zstd", "zstd"),
        ("gzip;q=0", None),
        ("lzma", None),
        (None, None),
    ],
)
async def test_without_force_the_client_chooses(accepted: str | None, coding: str | None) -> None:
    fields, body = await compressed(None, *([] if accepted is None else [f"Accept-Encoding: {accepted}"]))
    assert fields.get("content-encoding") == coding
    assert _DECODE[coding or "identity"](body) == b"a" * 300


def test_a_coding_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="wanted a ContentCoding"):
        StreamResponse().enable_compression("gzip")  # type: ignore[arg-type]  # as a user might


# Its life.


async def test_from_the_start_to_the_end() -> None:
    seen: dict[str, Any] = {}

    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        seen["before"] = (response.prepared, response.task, response.keep_alive, repr(response))
        writer = await response.prepare(request)
        assert await response.prepare(request) is writer
        seen["between"] = (response.prepared, response.task is asyncio.current_task(), response.keep_alive)
        seen["repr"] = repr(response)
        for piece in (b"a", bytearray(b"b"), memoryview(b"c")):
            await response.write(piece)
        await response.drain()
        await response.write_eof(b"d")
        await response.write_eof()
        seen["after"] = (response.prepared, response.task, await response.prepare(request), repr(response))
        seen["bytes"] = response.body_length
        return response

    async with serving(handler) as serve:
        _, _, body = await serve.get("/x?y")
        assert body == b"abcd"
    assert seen["before"] == (False, None, None, "<StreamResponse OK not prepared>")
    assert seen["between"] == (True, True, True)
    assert seen["repr"] == "<StreamResponse OK GET /x >"
    assert seen["after"] == (True, None, None, "<StreamResponse OK eof>")
    assert seen["bytes"] > 4  # with what frames it


async def test_each_step_at_the_wrong_time_is_an_error() -> None:
    response = StreamResponse()
    for early in (response.write(b"a"), response.write_eof(), response.drain()):
        with pytest.raises(RuntimeError, match="before prepare"):
            await early
    with pytest.raises(TypeError, match="wanted bytes, bytearray or memoryview"):
        await response.write("text")  # type: ignore[arg-type]  # as a user might
    late: list[str] = []

    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        await response.prepare(request)
        try:
            response.set_status(404)
        except RuntimeError as error:
            late.append(str(error))
        await response.write_eof()
        for coroutine in (response.write(b"a"), response.drain()):
            try:
                await coroutine
            except RuntimeError as error:
                late.append(str(error))
        return response

    async with serving(handler) as serve:
        await serve.get("/")
    assert late == [
        "the head has been sent; set the status before prepare()",
        "write() after write_eof(); the response has ended",
        "drain() before prepare() or after write_eof(); nothing is being sent",
    ]


async def test_the_head_leaves_before_the_first_piece_of_the_body() -> None:
    go = asyncio.Event()

    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        await response.prepare(request)
        await go.wait()
        return response

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(GET)
        assert (await talk.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        go.set()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_force_close_ends_the_connection_with_the_response(when: str) -> None:
    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        if when == "before":
            response.force_close()
        await response.prepare(request)
        response.force_close()
        assert response.keep_alive is False
        return response

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(GET)
        _, fields, _ = await talk.response()
        assert fields.get("connection") == ("close" if when == "before" else None)
        assert await talk.rest() == b""


async def test_more_than_was_announced_is_an_error_and_so_is_less(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        response.content_length = 3
        await response.prepare(request)
        await response.write(b"abcd" if request.path == "/more" else b"ab")
        return response

    async with serving(handler) as serve:
        for path, body in (("/more", b""), ("/less", b"ab")):
            async with await serve.talk() as talk:
                talk.send(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
                await talk.head()
                assert await talk.rest() == body
    assert "more than its Content-Length" in caplog.text
    assert "before its Content-Length" in caplog.text
