"""Bodies that are written apart from the head: streams, files, 100 (Continue), servers that answer early."""

import asyncio
import io
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.recording import Recording
from tests.raw_server import OK, Peer, RawServer, replying, silent
from trunkline import ClientConnectionError, ClientSession, FormData, MultipartWriter
from trunkline.client import upload
from trunkline.testing.loopback import LoopbackResponse
from trunkline.wire.h1.chunked import ChunkedDecoder


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording({"/big": LoopbackResponse(body=b"x" * 300_000)}) as recording:
        yield recording


async def portions(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def test_an_async_generator_is_sent_in_chunks() -> None:
    seen: list[bytes] = []

    async def handler(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(OK)

    async with (
        RawServer(handler) as server,
        ClientSession() as session,
        session.post(server.url(), data=portions(b"one", b"", b"three")) as response,
    ):
        assert response.status == 200
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert body == b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"


async def test_a_small_body_goes_in_one_write_with_the_head() -> None:
    async def handler(peer: Peer) -> None:
        assert (await peer.reader.read(2**16)).endswith(b"\r\n\r\nbody")
        await peer.send(OK)

    async with RawServer(handler) as server, ClientSession() as session, session.post(server.url(), data=b"body"):
        pass


async def test_a_file_is_streamed_with_its_length_and_type(server: Recording, tmp_path: Path) -> None:
    path = tmp_path / "massive.txt"
    path.write_bytes(b"line\n" * 100_000)
    async with ClientSession() as session:
        with path.open("rb") as file:
            async with session.post(server.url("/"), data=file):
                assert server.last.body == path.read_bytes()
                assert server.fields("content-length", "content-type") == ["500000", "text/plain"]


async def test_a_file_is_sent_from_where_it_stands(server: Recording) -> None:
    file = io.BytesIO(b"abcdef")
    file.seek(3)
    async with ClientSession() as session, session.post(server.url("/"), data=file):
        assert (server.last.body, server.fields("content-length")) == (b"def", ["3"])


async def test_the_content_of_one_response_is_the_body_of_the_next_request(server: Recording) -> None:
    async with (
        ClientSession() as session,
        session.get(server.url("/big")) as source,
        session.post(server.url("/copy"), data=source.content),
    ):
        assert server.last.body == b"x" * 300_000
        assert server.fields("transfer-encoding") == ["chunked"]


async def test_a_form_with_a_file_is_multipart(server: Recording) -> None:
    form = FormData()
    form.add_field("file", io.BytesIO(b"data"), filename="report.xls", content_type="application/vnd.ms-excel")
    form.add_field("name", "value")
    async with ClientSession() as session, session.post(server.url("/"), data=form):
        body = server.last.body
        assert b'Content-Disposition: form-data; name="file"; filename="report.xls"\r\n\r\ndata\r\n' in body
        assert b"Content-Type: application/vnd.ms-excel\r\n" in body
        assert str(len(body)) == server.last.header("content-length")


async def test_a_multipart_writer_is_a_body(server: Recording) -> None:
    with MultipartWriter("mixed", boundary="b") as writer:
        writer.append("text")
        writer.append_json({"a": 1})
    async with ClientSession() as session, session.post(server.url("/"), data=writer):
        assert server.fields("content-type") == ["multipart/mixed; boundary=b"]
        assert server.last.body.count(b"--b\r\n") == 2


@pytest.mark.parametrize(("compress", "coding"), [(True, "deflate"), ("deflate", "deflate"), ("gzip", "gzip")])
async def test_a_compressed_body_says_how(server: Recording, compress: Any, coding: str) -> None:
    async with ClientSession() as session, session.post(server.url("/"), data=b"body" * 50, compress=compress):
        assert server.fields("content-encoding", "transfer-encoding", "content-length") == [coding, "chunked", None]
        assert zlib.decompress(server.last.body, wbits=47) == b"body" * 50  # 32 + 15: zlib or gzip, by its header


async def test_data_that_was_compressed_before_is_sent_as_it_is(server: Recording) -> None:
    body = zlib.compress(b"mine")
    async with (
        ClientSession() as session,
        session.post(server.url("/"), data=body, headers={"Content-Encoding": "deflate"}),
    ):
        assert (server.last.body, server.fields("content-encoding")) == (body, ["deflate"])


async def test_an_unknown_coding_is_refused_before_anything_is_sent(server: Recording) -> None:
    async with ClientSession() as session:
        with pytest.raises(ValueError, match="unknown content coding 'rot13'"):
            await session.post(server.url("/"), data=b"x", compress="rot13")
    assert server.counts.connections == 0


# 100 (Continue), RFC 9110 §10.1.1.


@pytest.mark.parametrize("options", [{}, {"chunked": True}, {"compress": True, "chunked": True}])
async def test_the_body_waits_for_100(options: dict[str, Any]) -> None:
    bodies: list[bytes] = []

    async def handler(peer: Peer) -> None:
        head = await peer.head()
        assert b"\r\nExpect: 100-continue" in head
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.reader.read(1), 0.05)
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        bodies.append(await peer.body(head))
        await peer.send(OK)

    async with (
        RawServer(handler) as server,
        ClientSession() as session,
        session.post(server.url(), data=b"body", expect100=True, **options) as response,
    ):
        assert response.status == 200
    if options:
        decoded: list[bytes] = []
        ChunkedDecoder().decode(bodies[0], decoded, [])
        body = b"".join(decoded)
    else:
        body = bodies[0]
    assert (zlib.decompress(body) if "compress" in options else body) == b"body"


async def test_a_server_that_never_says_100_gets_the_body_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "CONTINUE_WAIT_S", 0.05)
    async with (
        RawServer(replying(OK)) as server,
        ClientSession() as session,
        session.post(server.url(), data=b"body", expect100=True) as response,
    ):
        assert response.status == 200


async def test_a_refusal_instead_of_100_saves_the_body() -> None:
    rest: list[bytes] = []

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
        rest.append(await peer.wait_closed_by_client())

    async with RawServer(handler) as server, ClientSession() as session:
        async with session.post(server.url(), data=b"body", expect100=True) as response:
            assert (response.status, await response.text()) == (417, "no")
        await server.wait_all_closed()
    assert rest == [b""]


# What can go wrong.


async def test_an_early_answer_counts_and_the_rest_is_not_sent() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nwhoa!")
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession() as session:
        async with session.post(server.url(), data=endless()) as response:
            assert (response.status, await response.text()) == (413, "whoa!")
            await response.wait_for_close()
        await server.wait_all_closed()


async def test_a_generator_that_fails_ends_the_request_with_its_error() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"one"
        raise KeyError("mine")

    async with RawServer(replying(OK)) as server, ClientSession() as session:
        with pytest.raises(
            ClientConnectionError, match="Failed to send the request's body: KeyError: 'mine'"
        ) as caught:
            await session.post(server.url(), data=failing())
        cause = caught.value.__cause__
        assert cause is not None
        assert isinstance(cause.__cause__, KeyError)
        await server.wait_all_closed()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((b"abc",), "2 bytes before its Content-Length"),
        ((b"abcd", b"efg"), "at least 2 bytes more than its Content-Length"),
    ],
)
async def test_a_stream_that_does_not_fit_its_length_never_reaches_the_next_request(
    parts: tuple[bytes, ...], message: str
) -> None:
    async with RawServer(replying(OK)) as server, ClientSession() as session:
        with pytest.raises(ClientConnectionError, match=message):
            await session.post(server.url(), data=portions(*parts), headers={"Content-Length": "5"})
        async with session.get(server.url()) as response:
            assert await response.text() == "ok"
        assert server.connections == 2


async def test_a_body_that_is_being_sent_can_be_sent_again_after_an_early_redirect() -> None:
    async def handler(peer: Peer) -> None:
        head = await peer.head()
        if b" /a " in head:
            await peer.send(b"HTTP/1.1 307 Away\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
            await peer.wait_closed_by_client()
            return
        assert await peer.body(head) == b"x" * 8_000_000
        await peer.send(OK)

    async with (
        RawServer(handler) as server,
        ClientSession() as session,
        session.post(server.url("/a"), data=io.BytesIO(b"x" * 8_000_000)) as response,
    ):
        assert (response.status, server.connections) == (200, 2)


async def test_the_generator_is_closed_when_the_request_is_cancelled() -> None:
    closed = asyncio.Event()
    began = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            began.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with RawServer(replying(OK)) as server, ClientSession() as session:
        task = asyncio.create_task(session.post(server.url(), data=slow())._coroutine)
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), 5)
        await server.wait_all_closed()


async def test_a_body_whose_source_was_cancelled_ends_the_request() -> None:
    async def cancelled() -> AsyncIterator[bytes]:
        yield b"some"
        raise asyncio.CancelledError

    async with RawServer(silent) as server, ClientSession() as session, asyncio.timeout(5):
        with pytest.raises(ClientConnectionError, match="its source was cancelled"):
            await session.post(server.url(), data=cancelled())
        await server.wait_all_closed()
