"""Client Reference: `ClientResponse`, `RequestInfo` and `ContentDisposition`, over a socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from multidict import CIMultiDictProxy, MultiDictProxy
from yarl import URL

from tests.public_api.client.httpbin import HttpBin
from trunkline import (
    ClientConnectionError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ContentTypeError,
    HttpVersion10,
    HttpVersion11,
    RequestInfo,
    StreamReader,
    TCPConnector,
)


@asynccontextmanager
async def answered(session: ClientSession, answer: bytes, path: str = "/") -> AsyncIterator[ClientResponse]:
    """Request `path` of a server that answers with just these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with session.get(f"http://127.0.0.1:{port}{path}") as response:
            yield response


async def test_a_response_is_released_by_its_block(session: ClientSession, bin: HttpBin) -> None:
    response = await session.get(f"{bin.url}/lines")
    async with response:
        assert response.status == 200
    assert response.closed


# The head


@pytest.mark.parametrize(
    ("line", "version", "status", "reason", "ok"),
    [
        (b"HTTP/1.1 200 OK", HttpVersion11, 200, "OK", True),
        (b"HTTP/1.0 299 Any Text", HttpVersion10, 299, "Any Text", True),
        (b"HTTP/1.1 399 ", HttpVersion11, 399, "", True),
        (b"HTTP/1.1 400 Bad", HttpVersion11, 400, "Bad", False),
        (b"HTTP/1.1 599 Odd", HttpVersion11, 599, "Odd", False),
    ],
)
async def test_the_status_line(
    line: bytes, version: object, status: int, reason: str, ok: bool, session: ClientSession
) -> None:
    async with answered(session, line + b"\r\nContent-Length: 0\r\n\r\n") as response:
        assert (response.version, response.status, response.reason) == (version, status, reason)
        assert response.ok is ok
        if ok:
            response.raise_for_status()
        else:
            with pytest.raises(ClientResponseError) as caught:
                response.raise_for_status()
            assert (caught.value.status, caught.value.message) == (status, reason)


async def test_method_and_urls(session: ClientSession, bin: HttpBin) -> None:
    async with session.post(f"{bin.url}/path?a=b#part") as response:
        assert response.method == "POST"
        assert response.url == URL(f"{bin.url}/path?a=b")
        assert response.real_url == URL(f"{bin.url}/path?a=b#part")
        assert response.host == "127.0.0.1"


async def test_fields_and_raw_fields(session: ClientSession) -> None:
    async with answered(session, b"HTTP/1.1 200 OK\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: 0\r\n\r\n") as response:
        assert isinstance(response.headers, CIMultiDictProxy)
        assert response.headers.getall("X-ONE") == ["1", "2"]
        assert response.raw_headers == ((b"X-One", b"1"), (b"x-one", b"2"), (b"Content-Length", b"0"))


async def test_of_cookies_with_one_name_the_last_counts(session: ClientSession) -> None:
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/x\r\nSet-Cookie: a=2; Path=/y\r\nContent-Length: 0\r\n\r\n"
    async with answered(session, head) as response:
        assert response.cookies["a"].value == "2"
        assert response.headers.getall("Set-Cookie") == ["a=1; Path=/x", "a=2; Path=/y"]


async def test_fifty_cookies_of_a_response_are_taken(session: ClientSession) -> None:
    cookies = b"".join(b"Set-Cookie: c%d=1\r\n" % number for number in range(60))
    async with answered(session, b"HTTP/1.1 200 OK\r\n" + cookies + b"Content-Length: 0\r\n\r\n") as response:
        assert len(response.cookies) == 50


async def test_links_are_found_by_relation_or_url(session: ClientSession) -> None:
    links = b'Link: <next?p=2>; rel="next"; title="Two", <http://other.test/>; media=print\r\n'
    head = b"HTTP/1.1 200 OK\r\n" + links + b"Content-Length: 0\r\n\r\n"
    async with answered(session, head, "/dir/") as response:
        assert isinstance(response.links, MultiDictProxy)
        assert response.links["next"]["url"] == response.url.join(URL("next?p=2"))
        assert response.links["next"]["title"] == "Two"
        assert response.links["http://other.test/"]["media"] == "print"


@pytest.mark.parametrize(
    ("field", "content_type", "charset"),
    [
        (None, "application/octet-stream", None),
        ("text/html", "text/html", None),
        ("Text/HTML; charset=UTF-8", "text/html", "UTF-8"),
        ('text/html; a=b; charset="latin-1"', "text/html", "latin-1"),
        ("nonsense", "application/octet-stream", None),
    ],
)
async def test_the_media_type(
    field: str | None, content_type: str, charset: str | None, session: ClientSession
) -> None:
    line = f"Content-Type: {field}\r\n" if field else ""
    async with answered(session, f"HTTP/1.1 200 OK\r\n{line}Content-Length: 0\r\n\r\n".encode()) as response:
        assert response.content_type == content_type
        assert response.charset == charset
        assert ("Content-Type" in response.headers) == (field is not None)


async def test_the_content_disposition(session: ClientSession) -> None:
    field = b"Content-Disposition: attachment; filename=\"plain.txt\"; filename*=UTF-8''%C3%A9.txt; x=y\r\n"
    async with answered(session, b"HTTP/1.1 200 OK\r\n" + field + b"Content-Length: 0\r\n\r\n") as response:
        disposition = response.content_disposition
        assert disposition is not None
        assert disposition.type == "attachment"
        assert disposition.filename == "é.txt"
        assert disposition.parameters["x"] == "y"
        with pytest.raises(TypeError):
            disposition.parameters["x"] = "z"  # type: ignore[index]  # read-only
    async with answered(session, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as response:
        assert response.content_disposition is None


async def test_request_info_tells_what_was_sent(session: ClientSession, bin: HttpBin) -> None:
    url = URL(f"{bin.url}/path#part")
    async with session.get(url, headers={"X-Given": "1"}) as response:
        info = response.request_info
    assert isinstance(info, RequestInfo)
    assert isinstance(info, tuple)
    assert (info.url, info.real_url, info.method) == (url.with_fragment(None), url, "GET")
    assert info.headers["x-given"] == "1"
    assert info.headers["Host"] == f"127.0.0.1:{bin.port}"


async def test_history_is_in_order(session: ClientSession, bin: HttpBin) -> None:
    chain = URL(f"{bin.url}/redirect").with_query(to=str(URL("/redirect").with_query(to="/end")))
    async with session.get(chain) as response:
        assert [each.url.path_qs for each in response.history] == [chain.path_qs, "/redirect?to=/end"]
    async with session.get(bin.url) as response:
        assert response.history == ()


# The body


async def test_the_body_is_read_once_and_kept(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/response?body=hello") as response:
        assert isinstance(response.content, StreamReader)
        assert [await response.read(), await response.read()] == [b"hello", b"hello"]
        assert await response.text() == "hello"


async def test_chunks_are_told_as_the_server_sent_them(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/lines") as response:
        chunks = b""
        ends = 0
        async for data, is_end in response.content.iter_chunks():
            chunks += data
            ends += is_end
    assert chunks == b"".join(b"line %d\n" % number for number in range(10))
    assert ends == 10


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 100\r\n\r\nshort",
        b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nshor",
        b"Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
    ],
)
async def test_a_damaged_body_is_a_payload_error(rest: bytes, session: ClientSession) -> None:
    async with answered(session, b"HTTP/1.1 200 OK\r\n" + rest) as response:
        with pytest.raises(ClientPayloadError):
            await response.read()
        assert response.closed


@pytest.mark.parametrize("body", [b"", b" \r\n\t "])
async def test_json_of_nothing_is_none(body: bytes, session: ClientSession) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with answered(session, head + body) as response:
        assert await response.json() is None


async def test_json_of_another_type_is_an_error_of_the_response(session: ClientSession, bin: HttpBin) -> None:
    url = URL(f"{bin.url}/response").with_query({"body": "{}", "Content-Type": "text/html"})
    async with session.get(url) as response:
        with pytest.raises(ContentTypeError) as caught:
            await response.json()
        assert isinstance(caught.value, ClientResponseError)
        assert caught.value.status == 200
        assert "unexpected mimetype: text/html" in caught.value.message
        assert await response.json(content_type=None, loads=json.loads) == {}


@pytest.mark.parametrize(
    ("field", "encoding"),
    [
        ("text/plain; charset=latin-1", "iso8859-1"),
        ("text/plain", "utf-16"),  # what the resolver says
        ("text/plain; charset=nonsense", "utf-16"),
        ("application/json", "utf-8"),
    ],
)
async def test_the_encoding_is_the_servers_or_the_resolvers(field: str, encoding: str, bin: HttpBin) -> None:
    async with ClientSession(fallback_charset_resolver=lambda response, body: "utf-16") as session:
        url = URL(f"{bin.url}/response").with_query({"body": "x", "Content-Type": field})
        async with session.get(url) as response:
            await response.read()
            assert response.get_encoding() == encoding


# The connection


async def test_a_connection_goes_back_when_the_body_has_come(bin: HttpBin) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        for _ in range(3):
            response = await session.get(f"{bin.url}/lines")
            await response.read()
            assert response.connection is None
    assert len(bin.seen) == 3


@pytest.mark.parametrize("end", ["release", "close"])
async def test_a_body_that_is_given_up_cannot_be_read(end: str, session: ClientSession) -> None:
    async with answered(session, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart") as response:
        getattr(response, end)()
        assert response.closed
        with pytest.raises(ClientConnectionError):
            await response.read()


async def test_release_may_be_awaited_as_of_old(session: ClientSession, bin: HttpBin) -> None:
    response = await session.get(bin.url)
    await response.release()
    assert response.closed
