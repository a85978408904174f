"""Bodies over HTTP/2, with back-pressure in both directions, and responses that have none."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from h2.errors import ErrorCodes

from tests.client.h2 import clear_session, pieces, post, read_all, server_context, tls_session
from tests.h2_server import H2Server, ServerStream

MB = 2**20


async def test_twenty_megabytes_go_up_as_the_server_reads_them() -> None:
    written = 0

    async def slow(stream: ServerStream) -> None:
        stream.reads = False
        await asyncio.sleep(0.1)
        seen.append((len(stream.body), written))
        stream.read()
        body = await stream.whole()
        stream.answer(str(len(body)).encode())

    async def body() -> AsyncIterator[bytes]:
        nonlocal written
        for _ in range(320):
            written += 2**16
            yield b"x" * 2**16

    seen: list[tuple[int, int]] = []
    async with H2Server(slow) as server, clear_session() as session:
        assert await post(session, server.url(), body()) == str(20 * MB).encode()
        arrived, given = seen[0]
        assert arrived <= 2 * 65_535
        assert given <= 4 * 2**16  # the source waited


async def test_a_slow_reader_bounds_what_comes_and_lets_others_pass() -> None:
    sent = 0

    async def serve(stream: ServerStream) -> None:
        nonlocal sent
        if stream.path == "/":
            stream.answer()
            return
        stream.head()
        for _ in range(320):
            await stream.send(b"x" * 2**16)
            sent += 2**16
        stream.say(b"", ends=True)

    async with H2Server(serve) as server, clear_session() as session, session.get(server.url("/big")) as response:
        await asyncio.sleep(0.2)
        assert sent < 4 * MB
        assert await read_all(session, server.url()) == b"ok"
        size = 0
        async for part in response.content.iter_chunked(2**16):
            size += len(part)
        assert size == 20 * MB


async def test_one_hundred_continue_lets_the_body_go() -> None:
    async def serve(stream: ServerStream) -> None:
        assert stream.field("expect") == "100-continue"
        await asyncio.sleep(0.05)
        assert not stream.body
        stream.peer.h2.send_headers(stream.number, [(":status", "100")])
        stream.peer.flush()
        stream.answer(await stream.whole())

    async with H2Server(serve) as server, clear_session() as session:
        response = await session.post(server.url(), data=b"body", expect100=True)
        assert await response.read() == b"body"


async def test_interim_responses_and_trailers_are_passed_over() -> None:
    async def serve(stream: ServerStream) -> None:
        for _ in range(3):
            stream.peer.h2.send_headers(stream.number, [(":status", "103"), ("link", "</style.css>; rel=preload")])
        stream.head()
        stream.say(b"body")
        stream.trailers([("checksum", "1")])

    async with H2Server(serve) as server, clear_session() as session:
        assert await read_all(session, server.url()) == b"body"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
@pytest.mark.parametrize("ends_later", [False, True])
async def test_responses_without_a_body(method: str, status: int, ends_later: bool) -> None:
    async def serve(stream: ServerStream) -> None:
        stream.head(status, [("content-length", "5")] if status != 204 else [], ends=not ends_later)
        if ends_later:
            await asyncio.sleep(0.005)
            stream.say(b"", ends=True)

    async with H2Server(serve) as server, clear_session() as session:
        response = await session.request(method, server.url())
        assert (response.status, await response.read()) == (status, b"")


async def test_redirects_cookies_and_codings_work_as_ever() -> None:
    async def serve(stream: ServerStream) -> None:
        if stream.path == "/moved":
            stream.head(302, [("location", "/"), ("set-cookie", "a=b")], ends=True)
        else:
            stream.answer(gzip.compress((stream.field("cookie") or "").encode()), fields=[("content-encoding", "gzip")])

    async with H2Server(serve, ssl=server_context()) as server, tls_session() as session:
        url = server.url("/moved").replace("127.0.0.1", "localhost")
        async with session.get(url) as response:
            assert await response.text() == "a=b"
            assert [hop.version for hop in response.history] == [(2, 0)]
        assert len(server.peers) == 1


async def test_an_answer_before_the_end_of_the_upload_stops_it() -> None:
    async def serve(stream: ServerStream) -> None:
        stream.answer(b"enough", 413) if stream.path == "/stall" else stream.answer()

    async with H2Server(serve) as server, clear_session() as session:
        async with session.post(server.url("/stall"), data=pieces(10**6)) as response:
            assert (response.status, await response.read()) == (413, b"enough")
        assert await asyncio.wait_for(server.requests[0].was_reset, 5) == ErrorCodes.CANCEL
        assert await read_all(session, server.url()) == b"ok"
        assert len(server.peers) == 1
