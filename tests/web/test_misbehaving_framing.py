"""Requests whose end could be told in two ways, or in none: one answer, the connection closed, nothing smuggled."""

from typing import Any

import pytest

from tests.web.rough import drip, statuses, until_closed
from tests.web.serving import Talk, serving
from trunkline import web

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /first HTTP/1.1\r\nHost: a\r\n"

# Whole heads that must be refused, and bytes that might pass for their body.
REFUSED: dict[str, tuple[bytes, bytes]] = {
    "both framings": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "both framings, the other order": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"),
    "xchunked": (POST + b"Transfer-Encoding: xchunked", b"0\r\n\r\n"),
    "chunked, identity": (POST + b"Transfer-Encoding: chunked, identity", b"0\r\n\r\n"),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked", b"0\r\n\r\n"),
    "chunked in two lines": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "gzip, chunked": (POST + b"Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"),
    "identity": (POST + b"Transfer-Encoding: identity", b""),
    "empty coding": (POST + b"Transfer-Encoding:", b""),
    "vertical tab before the coding": (POST + b"Transfer-Encoding: \x0bchunked", b"0\r\n\r\n"),
    "space before the colon": (POST + b"Transfer-Encoding : chunked", b"0\r\n\r\n"),
    "folded coding": (POST + b"Transfer-Encoding:\r\n chunked", b"0\r\n\r\n"),
    "chunks in HTTP/1.0": (b"POST /first HTTP/1.0\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "length +5": (POST + b"Content-Length: +5", b"12345"),
    "length 5_0": (POST + b"Content-Length: 5_0", b"12345"),
    "length 0x5": (POST + b"Content-Length: 0x5", b"12345"),
    "length -1": (POST + b"Content-Length: -1", b""),
    "length in fullwidth digits": (POST + "Content-Length: ５".encode(), b"12345"),
    "length 10**40": (POST + b"Content-Length: 1" + b"0" * 40, b""),
    "empty length": (POST + b"Content-Length:", b""),
    "unequal lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6", b"12345"),
    "unequal lengths in a list": (POST + b"Content-Length: 5, 6", b"12345"),
    "length, tab, garbage": (POST + b"Content-Length: 5\t6", b"12345"),
    "bare LF in a field": (POST + b"X: y\nContent-Length: 5", b"12345"),
    "bare CR in a field": (POST + b"X: y\rContent-Length: 5", b"12345"),
    "NUL in a field": (POST + b"X: \0", b""),
    "folded field": (POST + b"X: y\r\n z", b""),
    "no colon": (POST + b"Content-Length 5", b"12345"),
    "bare LF behind the request line": (b"POST /first HTTP/1.1\nHost: a", b""),
    "no Host": (b"GET /first HTTP/1.1\r\nX: y", b""),
    "two Hosts": (POST + b"Host: a", b""),
    "Host with a path": (b"GET /first HTTP/1.1\r\nHost: a/b", b""),
    "Host with a user": (b"GET /first HTTP/1.1\r\nHost: user@a", b""),
    "Host with half a bracket": (b"GET /first HTTP/1.1\r\nHost: [::1", b""),
    "two spaces": (b"GET  /first HTTP/1.1\r\nHost: a", b""),
    "HTTP/2.0": (b"GET /first HTTP/2.0\r\nHost: a", b""),
    "HTTP/1.2": (b"GET /first HTTP/1.2\r\nHost: a", b""),
    "HTTP/0.9": (b"GET /first", b""),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM", b""),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
}

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BAD_CHUNKS: dict[str, bytes] = {
    "size +5": b"+5\r\n12345\r\n0\r\n\r\n",
    "size 0x5": b"0x5\r\n12345\r\n0\r\n\r\n",
    "size 5_0": b"5_0\r\n12345\r\n0\r\n\r\n",
    "size -1": b"-1\r\n12345\r\n0\r\n\r\n",
    "size in fullwidth digits": "５\r\n12345\r\n0\r\n\r\n".encode(),
    "size of 17 digits": b"1" + b"0" * 16 + b"\r\n",
    "empty size": b"\r\n0\r\n\r\n",
    "space before the size": b" 5\r\n12345\r\n0\r\n\r\n",
    "bare LF behind the size": b"5\n12345\r\n0\r\n\r\n",
    "bare CR behind the size": b"5\r12345\r\n0\r\n\r\n",
    "LF in an extension": b"5;a\nb\r\n12345\r\n0\r\n\r\n",
    "CR in an extension": b"5;a\rb\r\n12345\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a\0b\r\n12345\r\n0\r\n\r\n",
    "data longer than its size": b"5\r\n123456\r\n0\r\n\r\n",
    "bare LF behind the data": b"5\r\n12345\n0\r\n\r\n",
    "trailer without a colon": b"0\r\nX\r\n\r\n",
    "trailer with a space before the colon": b"0\r\nX : y\r\n\r\n",
    "bare LF behind a trailer": b"0\r\nX: y\n\r\n\r\n",
    "folded trailer": b"0\r\nX: y\r\n z\r\n\r\n",
    "NUL in a trailer": b"0\r\nX: \0\r\n\r\n",
}


class Handler:
    """Reads the body. paths: of the requests that were handled."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.path)
        return web.Response(body=await request.read())


class Unread(Handler):
    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.path)
        return web.Response(body=b"unread")


class Streamed(Handler):
    """Has begun to answer when it reads."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.path)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        await response.write(await request.read())
        return response


async def send_whole(talk: Talk, data: bytes) -> None:
    talk.send(data)


@pytest.fixture(params=[send_whole, drip], ids=["whole", "byte by byte"])
def send(request: pytest.FixtureRequest) -> Any:  # Any: pytest does not know the type of a parameter
    return request.param


@pytest.mark.parametrize(("head", "body"), REFUSED.values(), ids=REFUSED)
async def test_a_request_whose_end_is_not_sure_is_refused_and_the_connection_closed(
    head: bytes, body: bytes, send: Any
) -> None:
    handler = Handler()
    async with serving(handler, lingering_time=0.2) as server, await server.talk() as talk:
        await send(talk, head + b"\r\n\r\n" + body + SMUGGLED)
        received = await until_closed(talk)
    assert statuses(received) == [400]
    assert b"\r\nConnection: close\r\n" in received
    assert handler.paths == []


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_a_bad_chunk_fails_the_read_and_is_a_400(chunks: bytes, send: Any) -> None:
    handler = Handler()
    async with serving(handler, lingering_time=0.2) as server, await server.talk() as talk:
        await send(talk, CHUNKED + b"3\r\nabc\r\n" + chunks + SMUGGLED)
        received = await until_closed(talk)
    assert statuses(received) == [400]
    assert handler.paths == ["/first"]


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_behind_a_bad_chunk_that_nobody_reads_no_request_is_found(chunks: bytes, send: Any) -> None:
    handler = Unread()
    async with serving(handler, lingering_time=0.2) as server, await server.talk() as talk:
        await send(talk, CHUNKED + b"3\r\nabc\r\n" + chunks + SMUGGLED)
        received = await until_closed(talk)
    assert statuses(received) in ([200], [])  # it is lost where the connection ends at once
    assert handler.paths == ["/first"]


async def test_a_bad_chunk_cuts_an_answer_that_has_begun(send: Any) -> None:
    handler = Streamed()
    async with serving(handler, lingering_time=0.2) as server, await server.talk() as talk:
        await send(talk, CHUNKED + b"3\r\nabc\r\nx\r\n" + SMUGGLED)
        received = await until_closed(talk)
    assert statuses(received) in ([200, "cut"], [])  # what the client had not read yet may be lost
    assert handler.paths == ["/first"]


WHOLE_BODIES: dict[str, bytes] = {
    "no body": b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n",
    "length": POST + b"Content-Length: 5\r\n\r\n12345",
    "equal lengths": POST + b"Content-Length: 5\r\nContent-Length: 5, 5\r\n\r\n12345",
    "GET with a length": b"GET /first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345",
    "chunks": CHUNKED + b"5\r\n12345\r\n0\r\n\r\n",
    "chunks with an extension and trailers": CHUNKED + b"5;a=b\r\n12345\r\n0;c\r\nX: y\r\n\r\n",
    "no chunk but the last": CHUNKED + b"0\r\n\r\n",
    "an empty line before": b"\r\n" + POST + b"Content-Length: 0\r\n\r\n",
    "two empty lines before": b"\r\n\r\n" + POST + b"Content-Length: 0\r\n\r\n",
    "an empty line behind the body": POST + b"Content-Length: 5\r\n\r\n12345\r\n",
}


@pytest.mark.parametrize("handler_class", [Handler, Unread])
@pytest.mark.parametrize("first", WHOLE_BODIES.values(), ids=WHOLE_BODIES)
async def test_behind_a_body_whose_end_is_sure_the_next_request_is_answered(
    first: bytes, handler_class: type[Handler], send: Any
) -> None:
    handler = handler_class()
    async with serving(handler) as server, await server.talk() as talk:
        await send(talk, first + b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = await until_closed(talk)
    assert statuses(received) == [200, 200]
    assert handler.paths == ["/first", "/last"]


async def test_garbage_behind_a_whole_request_is_refused_after_its_answer(send: Any) -> None:
    async with serving(Handler(), lingering_time=0.2) as server, await server.talk() as talk:
        await send(talk, POST + b"Content-Length: 5\r\n\r\n12345garbage\r\n\r\n" + SMUGGLED)
        assert statuses(await until_closed(talk)) == [200, 400]


async def test_nothing_is_read_behind_a_request_that_says_close(send: Any) -> None:
    handler = Handler()
    async with serving(handler, lingering_time=0.2) as server, await server.talk() as talk:
        await send(talk, POST + b"Connection: close\r\n\r\n" + SMUGGLED)
        assert statuses(await until_closed(talk)) in ([200], [])  # lost where bytes come behind the end
    assert handler.paths == ["/first"]


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"\x01garbage", b""])
async def test_an_upgrade_that_is_not_taken_leaves_the_connection_as_it_is(upgrade: bytes, send: Any) -> None:
    handler = Handler()
    first = (
        POST + b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: " + upgrade + b"\r\n\r\n"
    )
    async with serving(handler) as server, await server.talk() as talk:
        await send(talk, first + b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert statuses(await until_closed(talk)) == [200, 200]
    assert handler.paths == ["/first", "/last"]


async def test_nothing_is_read_behind_connect(send: Any) -> None:
    handler = Handler()
    async with serving(handler, lingering_time=0.2) as server, await server.talk() as talk:
        await send(talk, b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + SMUGGLED)
        assert statuses(await until_closed(talk)) in ([200], [])
    assert len(handler.paths) == 1
