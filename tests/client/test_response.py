import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from tests.raw_server import RawServer, replying
from trunkline import (
    ClientConnectionError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ContentTypeError,
    HttpVersion10,
    HttpVersion11,
)


def reply(body: bytes = b"ok", *fields: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@asynccontextmanager
async def answered(data: bytes, *, then_close: bool = False, **session: Any) -> AsyncIterator[ClientResponse]:
    """Yield the response to a GET that a server answers with `data`."""
    async with RawServer(replying(data, then_close=then_close)) as server, ClientSession(**session) as client:
        response = await client.get(server.url("/page#top"))
        try:
            yield response
        finally:
            response.release()


# The head.


async def test_what_the_head_says() -> None:
    async with answered(reply(b"x", "X-A: 1", "x-a: 2", status="418 I'm a teapot")) as response:
        assert (response.status, response.reason, response.ok) == (418, "I'm a teapot", False)
        assert (response.version, response.method) == (HttpVersion11, "GET")
        assert response.headers.getall("X-A") == ["1", "2"]
        assert response.raw_headers == ((b"X-A", b"1"), (b"x-a", b"2"), (b"Content-Length", b"1"))
        assert (response.content_length, response.history) == (1, ())
        assert (response.url.path, response.url.fragment, response.real_url.fragment) == ("/page", "", "top")
        assert response.host == "127.0.0.1"
        info = response.request_info
        assert (info.method, info.url, info.real_url) == ("GET", response.url, response.real_url)
        assert info.headers["Host"] == f"127.0.0.1:{response.url.port}"


async def test_fields_that_are_no_utf8_come_back_as_they_were() -> None:
    async with answered(b"HTTP/1.1 200 OK\r\nX: \xe9\xc3\xa9\r\nContent-Length: 0\r\n\r\n") as response:
        assert response.headers["X"] == "\udce9é"
        assert response.raw_headers[0] == (b"X", b"\xe9\xc3\xa9")


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 \r\n", b"HTTP/1.1 200\r\n"])
async def test_the_reason_may_be_missing(line: bytes) -> None:
    async with answered(line + b"Content-Length: 0\r\n\r\n") as response:
        assert (response.status, response.reason) == (200, "")


@pytest.mark.parametrize(
    ("field", "content_type", "charset"),
    [
        (None, "application/octet-stream", None),
        ("", "application/octet-stream", None),
        ("????", "application/octet-stream", None),
        ("Text/HTML; Charset=UTF-8", "text/html", "UTF-8"),
        ('text/html; charset="iso-8859-1"; a=b', "text/html", "iso-8859-1"),
    ],
)
async def test_the_content_type_is_taken_apart(field: str | None, content_type: str, charset: str | None) -> None:
    fields = () if field is None else (f"Content-Type: {field}",)
    async with answered(reply(b"x", *fields)) as response:
        assert response.content_type == content_type
        assert (response.charset or "").lower() == (charset or "").lower()


async def test_content_disposition_is_taken_apart() -> None:
    field = 'Content-Disposition: attachment; filename="a b.txt"; x=y'
    async with answered(reply(b"x", field)) as response:
        disposition = response.content_disposition
        assert disposition is not None
        assert (disposition.type, disposition.filename) == ("attachment", "a b.txt")
        assert disposition.parameters == {"filename": "a b.txt", "x": "y"}
        with pytest.raises(TypeError):
            disposition.parameters["x"] = "z"  # type: ignore[index]  # read-only is what is tested
    async with answered(reply()) as response:
        assert response.content_disposition is None


async def test_links_are_resolved_against_the_url() -> None:
    async with answered(reply(b"", "Link: </2>; rel=next", "Link: <http://a.example/>; rel=up")) as response:
        assert response.links["next"]["url"] == response.url.join(URL("/2"))
        assert response.links["up"] == {"rel": "up", "url": URL("http://a.example/")}


async def test_cookies_are_those_of_this_response() -> None:
    async with answered(
        reply(b"", "Set-Cookie: a=1; Path=/x; HttpOnly", "Set-Cookie: a=2", "Set-Cookie: b=3")
    ) as response:
        assert {name: morsel.value for name, morsel in response.cookies.items()} == {"a": "2", "b": "3"}
        assert len(response.headers.getall("Set-Cookie")) == 3


async def test_a_response_shows_url_status_and_fields() -> None:
    async with answered(reply(b"x", "X-A: 1")) as response:
        assert repr(response).startswith(f"<ClientResponse({response.url}) [200 OK]>\n<CIMultiDictProxy('X-A': '1'")


# The body, whole.


async def test_the_body_is_read_once_and_kept() -> None:
    async with answered(reply(b'{"a": 1}', "Content-Type: application/json")) as response:
        assert await response.read() == b'{"a": 1}'
        assert await response.text() == '{"a": 1}'
        assert await response.json() == {"a": 1}
        response.release()
        assert await response.read() == b'{"a": 1}'


@pytest.mark.parametrize(
    ("field", "encoding"),
    [
        ("text/plain; charset=ISO-8859-1", "iso8859-1"),
        ("text/plain; charset=UTF8", "utf-8"),
        ("text/plain; charset=no-such", "koi8-r"),
        ("text/plain; charset=base64", "koi8-r"),
        ("text/plain", "koi8-r"),
        ("application/json", "utf-8"),
        ("application/vnd.x+json", "utf-8"),
        ("application/json; charset=utf-16", "utf-16"),
    ],
)
async def test_the_charset_is_the_servers_or_the_resolvers(field: str, encoding: str) -> None:
    async with answered(
        reply(b"x", f"Content-Type: {field}"), fallback_charset_resolver=lambda response, body: "koi8-r"
    ) as response:
        await response.read()
        assert response.get_encoding() == encoding


async def test_the_resolver_gets_response_and_body_and_utf8_is_the_default() -> None:
    seen: list[Any] = []

    def resolver(response: ClientResponse, body: bytes) -> str:
        seen.append((response.url.host, body))
        return "latin-1"

    async with answered(reply(b"\xe9"), fallback_charset_resolver=resolver) as response:
        assert await response.text() == "é"
    assert seen == [("127.0.0.1", b"\xe9")]
    async with answered(reply("é".encode())) as response:
        with pytest.raises(RuntimeError, match="not yet read body"):
            response.get_encoding()
        assert await response.text() == "é"


async def test_text_takes_an_encoding_and_an_error_handler() -> None:
    async with answered(reply(b"\xe9", "Content-Type: text/plain; charset=utf-8")) as response:
        with pytest.raises(UnicodeDecodeError):
            await response.text()
        assert await response.text("latin-1") == "é"
        assert await response.text(errors="replace") == "\ufffd"


@pytest.mark.parametrize(
    ("field", "wanted", "is_right"),
    [
        ("application/json", "application/json", True),
        ("Application/JSON; charset=utf-8", "application/json", True),
        ("application/problem+json", "application/json", True),
        ("text/json", "application/json", False),
        ("text/html", "text/html", True),
        ("custom/x+json", "custom/x", True),  # aiohttp asks whether the one is in the other
        ("application/json", "text/html", False),
        ("text/html", None, True),
    ],
)
async def test_json_checks_the_content_type(field: str, wanted: str | None, is_right: bool) -> None:
    async with answered(reply(b"[1]", f"Content-Type: {field}")) as response:
        if is_right:
            assert await response.json(content_type=wanted) == [1]
            return
        with pytest.raises(ContentTypeError, match=f"unexpected mimetype: {field}") as caught:
            await response.json(content_type=wanted)
        assert (caught.value.status, caught.value.headers) == (200, response.headers)


@pytest.mark.parametrize("body", [b"", b" \r\n"])
async def test_json_of_nothing_is_none(body: bytes) -> None:
    async with answered(reply(body, "Content-Type: application/json")) as response:
        assert await response.json() is None


async def test_json_takes_a_loader_and_an_encoding() -> None:
    async with answered(reply('"é"'.encode("utf-16"), "Content-Type: application/json")) as response:
        assert await response.json(encoding="utf-16", loads=lambda text: ("loaded", text)) == ("loaded", '"é"')
        with pytest.raises(ValueError, match="codec can't decode"):
            await response.json()
    async with answered(reply(b"{", "Content-Type: application/json")) as response:
        with pytest.raises(json.JSONDecodeError):
            await response.json()


# The body, in portions.

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n7\r\ntwo\nthr\r\n2\r\nee\r\n0\r\n\r\n"


async def by_read(response: ClientResponse) -> list[bytes]:
    portions: list[bytes] = []
    while portion := await response.content.read(5):
        portions.append(portion)
    return portions


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda r: _collected(r.content), [b"one\n", b"two\n", b"three"]),
        (lambda r: _collected(r.content.iter_chunks()), [(b"one\n", True), (b"two\nthr", True), (b"ee", True)]),
        (lambda r: _joined(r.content.iter_any()), [b"one\ntwo\nthree"]),
        (lambda r: _joined(r.content.iter_chunked(5)), [b"one\ntwo\nthree"]),
        (lambda r: _joined_portions(by_read(r)), [b"one\ntwo\nthree"]),
    ],
)
async def test_a_chunked_body_is_read_in_portions(
    read: Callable[[ClientResponse], Awaitable[list[Any]]], expected: list[Any]
) -> None:
    async with answered(CHUNKED) as response:
        assert await read(response) == expected
        assert response.content.at_eof()
        assert response.closed


async def _collected(portions: AsyncIterator[Any]) -> list[Any]:
    return [portion async for portion in portions]


async def _joined(portions: AsyncIterator[bytes]) -> list[bytes]:
    return [b"".join([portion async for portion in portions])]


async def _joined_portions(portions: Awaitable[list[bytes]]) -> list[bytes]:
    return [b"".join(await portions)]


async def test_what_was_read_from_the_stream_is_not_read_again() -> None:
    async with answered(reply(b"onetwo")) as response:
        assert await response.content.read(3) == b"one"
        assert await response.read() == b"two"


async def test_a_body_until_the_connection_ends() -> None:
    async with answered(b"HTTP/1.0 200 OK\r\n\r\nto the end", then_close=True) as response:
        assert response.version == HttpVersion10
        assert await response.text() == "to the end"
        assert response.content_length is None


async def test_read_until_eof_may_be_declined() -> None:
    async with (
        RawServer(replying(b"HTTP/1.1 200 OK\r\n\r\n")) as server,
        ClientSession() as session,
        session.get(server.url(), read_until_eof=False) as response,
    ):
        assert await response.read() == b""


@pytest.mark.parametrize(
    ("session", "request_", "decoded"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
async def test_decoding_may_be_switched_off(session: bool, request_: bool | None, decoded: bool) -> None:
    body = zlib.compress(b"plain")
    async with (
        RawServer(replying(reply(body, "Content-Encoding: deflate"))) as server,
        ClientSession(auto_decompress=session) as client,
        client.get(server.url(), auto_decompress=request_) as response,
    ):
        assert await response.read() == (b"plain" if decoded else body)
        assert response.headers["Content-Encoding"] == "deflate"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "with 5 bytes of the body missing"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "with the last chunk missing"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", "chunk size line b'zz"),
        (reply(b"not gzip", "Content-Encoding: gzip"), "damaged gzip data"),
    ],
)
async def test_a_damaged_body_is_an_error_of_its_reader(data: bytes, message: str) -> None:
    async with answered(data, then_close=True) as response:
        assert response.status == 200
        for read in (response.read, response.text, response.content.read):  # the first one closes the response
            with pytest.raises(ClientPayloadError, match=f"Response payload is not completed: .*{message}"):
                await read()
            assert response.closed


# The end.

HELD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe first part"


@pytest.mark.parametrize("data", [HELD, reply()])
@pytest.mark.parametrize("end", [ClientResponse.release, ClientResponse.close])
async def test_after_release_the_body_cannot_be_read(data: bytes, end: Callable[[ClientResponse], object]) -> None:
    async with answered(data) as response:
        end(response)
        assert response.closed
        assert response.connection is None
        with pytest.raises(ClientConnectionError, match="Connection closed"):
            await response.read()


async def test_release_may_be_awaited_and_repeated() -> None:
    async with answered(HELD) as response:
        assert await response.release() is None
        response.release()
        await response.wait_for_close()


async def test_the_connection_is_shown_while_the_body_arrives() -> None:
    async with answered(HELD) as response:
        connection = response.connection
        assert connection is not None
        assert connection.transport is not None
        assert not connection.closed


async def test_leaving_the_block_closes_what_was_not_read() -> None:
    async with RawServer(replying(HELD)) as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            pass
        assert response.closed
        await server.wait_all_closed()


@pytest.mark.parametrize("status", ["400 Bad", "404 Not Found", "500 Oops", "599 Odd"])
async def test_raise_for_status_releases_and_tells_all(status: str) -> None:
    async with answered(reply(b"x" * 10, "X-A: 1", status=status)) as response:
        with pytest.raises(ClientResponseError) as caught:
            response.raise_for_status()
        error = caught.value
        assert (error.status, error.message) == (int(status[:3]), status[4:])
        assert error.headers is not None
        assert (error.headers["X-A"], error.history, error.request_info.real_url) == ("1", (), response.real_url)
        assert str(error) == f"{status[:3]}, message='{status[4:]}', url='{response.real_url}'"
        assert response.closed


@pytest.mark.parametrize("status", ["200 OK", "299 Odd", "399 Odder"])
async def test_raise_for_status_lets_the_others_pass(status: str) -> None:
    async with answered(reply(status=status)) as response:
        response.raise_for_status()
        assert await response.text() == "ok"


async def test_a_response_dropped_before_its_end_says_so() -> None:
    async with RawServer(replying(HELD)) as server, ClientSession() as session:
        responses = [await session.get(server.url("/lost"))]
        with pytest.warns(ResourceWarning, match=r"Unclosed response GET http://127.0.0.1:\d+/lost \[200\]"):
            responses.clear()
        await server.wait_all_closed()


async def test_a_response_made_by_hand_needs_little() -> None:
    """Libraries of test doubles make responses without a session or a connection."""
    url = URL("http://example.com/a#b")
    response = ClientResponse("get", url, writer=None, continue100=None, timer=None, traces=[], stream_writer=None)
    response.status = 200
    response._headers = CIMultiDict({"Content-Type": "application/json"})  # type: ignore[assignment]  # as doubles do
    response._body = b'{"a": 1}'
    assert await response.json() == {"a": 1}
    assert (response.url, response.request_info.method) == (URL("http://example.com/a"), "get")
    response.release()
