"""Servers whose messages have no clear end: an error, or the right body, and never a connection that is used again."""

import asyncio

import pytest

from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, Peer, RawServer, replying
from trunkline import ClientPayloadError, ClientResponseError, ClientSession, ServerDisconnectedError

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NINES = b"9" * 40
FULLWIDTH_5 = "５".encode()

BAD_HEADS = {
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "list of two lengths": HEAD + b"Content-Length: 2, 3\r\n\r\nokk",
    "length with a sign": HEAD + b"Content-Length: +2\r\n\r\nok",
    "negative length": HEAD + b"Content-Length: -2\r\n\r\nok",
    "length with an underscore": HEAD + b"Content-Length: 0_2\r\n\r\nok",
    "hexadecimal length": HEAD + b"Content-Length: 0x2\r\n\r\nok",
    "fullwidth length": HEAD + b"Content-Length: " + FULLWIDTH_5 + b"\r\n\r\nokokk",
    "length of 40 digits": HEAD + b"Content-Length: " + NINES + b"\r\n\r\nok",
    "empty length": HEAD + b"Content-Length:\r\n\r\nok",
    "xchunked": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two fields": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding before chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded line": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "folded first line": HEAD + b" X: y\r\n\r\n",
    "no colon": HEAD + b"Content-Length 2\r\n\r\nok",
    "empty name": HEAD + b": 2\r\n\r\nok",
    "NUL in a value": HEAD + b"X: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in a value": HEAD + b"X: a\rContent-Length: 9\r\nContent-Length: 2\r\n\r\nok",
    "bare LF in a value": HEAD + b"X: a\nContent-Length: 9\r\nContent-Length: 2\r\n\r\nok",
    "LF alone ends each line": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "LF alone ends the head": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "status with a sign": b"HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok",
    "version 2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a body without a head": b"<html>ok</html>",
}


@pytest.mark.parametrize("answer", BAD_HEADS.values(), ids=BAD_HEADS)
@pytest.mark.parametrize("cut", ["whole", "byte by byte"])
async def test_a_head_that_cannot_be_trusted_is_an_error(answer: bytes, cut: str) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        for portion in [answer] if cut == "whole" else [answer[i : i + 1] for i in range(len(answer))]:
            await peer.send(portion)
            await asyncio.sleep(0)
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession() as session:
        with pytest.raises(ClientResponseError, match=r".{20}") as caught:
            await session.get(server.url())
        assert caught.value.status == 400
        await wait_nothing_held(session)
        await server.wait_all_closed()
        assert len(server.requests) == 1


BAD_CHUNKS = {
    "size with a sign": b"+2\r\nok\r\n0\r\n\r\n",
    "negative size": b"-2\r\nok\r\n0\r\n\r\n",
    "size with an underscore": b"0_2\r\nok\r\n0\r\n\r\n",
    "size with 0x": b"0x2\r\nok\r\n0\r\n\r\n",
    "fullwidth size": FULLWIDTH_5 + b"\r\nokokk\r\n0\r\n\r\n",
    "size of 40 digits": NINES + b"\r\nok\r\n0\r\n\r\n",
    "empty size": b"\r\nok\r\n0\r\n\r\n",
    "space before the size": b" 2\r\nok\r\n0\r\n\r\n",
    "size too small": b"1\r\nok\r\n0\r\n\r\n",
    "size too large": b"3\r\nok\r\n0\r\n\r\n",
    "LF ends the size": b"2\nok\r\n0\r\n\r\n",
    "CR ends the size": b"2\rok\r\n0\r\n\r\n",
    "LF ends the data": b"2\r\nok\n0\r\n\r\n",
    "LF in an extension": b"2;a=\nb\r\nok\r\n0\r\n\r\n",
    "CR in an extension": b"2;a=\rb\r\nok\r\n0\r\n\r\n",
    "NUL in an extension": b"2;a=\0\r\nok\r\n0\r\n\r\n",
    "LF ends the last chunk": b"2\r\nok\r\n0\n\n",
    "trailer without a colon": b"2\r\nok\r\n0\r\nx\r\n\r\n",
    "folded trailer": b"2\r\nok\r\n0\r\nX: a\r\n b\r\n\r\n",
    "LF ends a trailer": b"2\r\nok\r\n0\r\nX: a\n\r\n",
}


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_a_bad_chunk_is_an_error_of_the_payload(body: bytes) -> None:
    async with RawServer(replying(CHUNKED + body)) as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            with pytest.raises(ClientPayloadError, match=r"not completed: .{20}"):
                await response.read()
        await wait_nothing_held(session)
        await server.wait_all_closed()


NOT_TO_BE_REUSED = {
    "length and chunks": HEAD + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "bytes after the body": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
    "bytes after the last chunk": CHUNKED + b"2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
    "CRLF after the body": OK + b"\r\n",
    "Connection: close": HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
    "close among other options": HEAD + b"Connection: x, CLOSE\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("answer", NOT_TO_BE_REUSED.values(), ids=NOT_TO_BE_REUSED)
async def test_a_good_body_on_a_doubtful_connection_is_read_and_the_connection_closed(answer: bytes) -> None:
    async with RawServer(replying(answer)) as server, ClientSession() as session:
        for turn in (1, 2, 3):
            async with session.get(server.url()) as response:
                assert await response.read() == b"ok"
            assert session.connector is not None
            assert idle_count(session.connector) == 0
            assert server.connections == turn
        await server.wait_all_closed()


BODILESS = {
    "204": ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n"),
    "204 with chunks": ("GET", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n"),
    "HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
    "HEAD with chunks": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
}


@pytest.mark.parametrize(("method", "head"), BODILESS.values(), ids=BODILESS)
async def test_a_response_without_a_body_ends_with_its_head(method: str, head: bytes) -> None:
    async with RawServer(replying(head)) as server, ClientSession() as session:
        for _ in range(3):
            async with session.request(method, server.url()) as response:
                assert await response.read() == b""
        assert server.connections == 1


@pytest.mark.parametrize(("method", "head"), BODILESS.values(), ids=BODILESS)
async def test_a_body_where_none_may_be_is_never_the_next_response(method: str, head: bytes) -> None:
    async with RawServer(replying(head + b"poison")) as server, ClientSession() as session:
        for turn in (1, 2):
            async with session.request(method, server.url()) as response:
                assert await response.read() == b""
            assert server.connections == turn
        await server.wait_all_closed()


@pytest.mark.parametrize("pushed", [OK, b"\r\n", b"\0", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"])
async def test_bytes_pushed_on_an_idle_connection_close_it(pushed: bytes) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await may_push.wait()
        if peer.number == 0:
            await peer.send(pushed)
        assert await peer.wait_closed_by_client() == b""

    may_push = asyncio.Event()
    async with RawServer(handler) as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            assert await response.read() == b"ok"
        assert session.connector is not None
        assert idle_count(session.connector) == 1
        may_push.set()
        await server.wait_all_closed()
        await wait_nothing_held(session)
        assert idle_count(session.connector) == 0
        async with session.post(server.url(), data=b"x") as response:
            assert await response.read() == b"ok"
        assert server.connections == 2


async def test_interim_responses_are_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 199 X\r\n\r\n"
    async with RawServer(replying(interim + OK)) as server, ClientSession() as session:
        for _ in range(2):
            async with session.get(server.url()) as response:
                assert (response.status, await response.read()) == (200, b"ok")
                assert "Link" not in response.headers
        assert server.connections == 1


async def test_a_body_until_close_is_whole_when_the_server_closes() -> None:
    async with (
        RawServer(replying(HEAD + b"\r\n" + b"x" * 100_000, then_close=True)) as server,
        ClientSession() as session,
        session.get(server.url()) as response,
    ):
        assert await response.read() == b"x" * 100_000


async def test_an_empty_answer_from_a_fresh_connection_is_a_disconnect() -> None:
    async with RawServer(replying(b"", then_close=True)) as server, ClientSession() as session:
        with pytest.raises(ServerDisconnectedError, match="without a response"):
            await session.get(server.url())
        assert len(server.requests) == 1
