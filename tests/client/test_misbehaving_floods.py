"""Servers that send too much: an error at a bound, in bounded memory, and bodies in the portions asked for."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count, repeat

import pytest

from tests.memory import MIB, peak_below
from tests.pool_state import wait_nothing_held
from tests.raw_server import Handler, Peer, RawServer, replying
from trunkline import ClientPayloadError, ClientResponseError, ClientSession

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = HEAD + b"Content-Encoding: gzip\r\n"


def flooding(beginning: bytes, flood: Callable[[], Iterator[bytes]]) -> Handler:
    """Send `beginning` and then `flood` until the client closes; the client's own bound must end it."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(beginning)
        for data in flood():
            await peer.send(data)

    return handler


FLOODS: dict[str, tuple[bytes, Callable[[], Iterator[bytes]]]] = {
    "one endless line": (b"HTTP/1.1 200 ", lambda: repeat(b"O" * 1000)),
    "one endless field": (HEAD + b"X: ", lambda: repeat(b"y" * 1000)),
    "endless fields": (HEAD, lambda: (b"X-%d: y\r\n" % i for i in count())),
    "endless empty fields": (HEAD, lambda: repeat(b"a:\r\n" * 1000)),
    "endless interim responses": (b"", lambda: repeat(b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n")),
    "endless 100s in one write": (b"", lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)),
    "endless empty lines": (b"", lambda: repeat(b"\r\n" * 1000)),
    "endless zeros": (b"", lambda: repeat(bytes(10_000))),
    "one endless chunk size": (CHUNKED, lambda: repeat(b"0" * 1000)),
    "one endless extension": (CHUNKED, lambda: repeat(b"1;a=" + b"b" * 1000)),
    "extensions on tiny chunks": (CHUNKED, lambda: repeat(b"1;a=" + b"b" * 1000 + b"\r\nx\r\n")),
    "endless trailers": (CHUNKED + b"0\r\n", lambda: repeat(b"X: y\r\n" * 100)),
    "one endless trailer": (CHUNKED + b"0\r\nX: ", lambda: repeat(b"y" * 1000)),
}


@pytest.mark.parametrize(("beginning", "flood"), FLOODS.values(), ids=FLOODS)
async def test_an_endless_head_or_frame_ends_at_a_bound(beginning: bytes, flood: Callable[[], Iterator[bytes]]) -> None:
    async with RawServer(flooding(beginning, flood)) as server, ClientSession() as session:
        with peak_below(32 * MIB):
            async with asyncio.timeout(20):
                with pytest.raises((ClientResponseError, ClientPayloadError), match=r".{20}"):
                    async with session.get(server.url()) as response:
                        await response.read()
                await wait_nothing_held(session)
                await server.wait_all_closed()


@pytest.mark.parametrize(
    ("options", "head"),
    [
        ({"max_line_size": 100}, b"HTTP/1.1 200 " + b"O" * 100 + b"\r\n\r\n"),
        ({"max_field_size": 100}, HEAD + b"X: " + b"y" * 100 + b"\r\n\r\n"),
        ({"max_headers": 10}, HEAD + b"X: y\r\n" * 11 + b"\r\n"),
    ],
)
async def test_the_bounds_are_those_that_the_user_set(options: dict[str, int], head: bytes) -> None:
    async with RawServer(replying(head, then_close=True)) as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            assert await response.read() == b""
        with pytest.raises(ClientResponseError, match=f"raise {next(iter(options))}"):
            await session.request("GET", server.url(), **options)


async def test_half_a_million_chunks_of_one_byte_are_read_in_bounded_memory() -> None:
    body = b"1\r\nx\r\n" * 500_000 + b"0\r\n\r\n"
    async with RawServer(replying(CHUNKED + body)) as server, ClientSession() as session:
        with peak_below(32 * MIB):
            async with asyncio.timeout(20), session.get(server.url()) as response:
                assert await response.read() == b"x" * 500_000


def gzip_bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()


BOMB = gzip_bomb(400 * MIB)  # 0.4 MB


def bomb_server() -> RawServer:
    return RawServer(replying(GZIPPED + b"Content-Length: %d\r\n\r\n" % len(BOMB) + BOMB))


async def test_a_gzip_bomb_that_is_read_whole_is_an_error() -> None:
    async with bomb_server() as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            with pytest.raises(ClientPayloadError, match="iter_chunked"):
                await response.read()
        await wait_nothing_held(session)


async def test_a_gzip_bomb_is_streamed_in_bounded_portions() -> None:
    async with bomb_server() as server, ClientSession() as session:
        with peak_below(48 * MIB):
            size = 0
            async with session.get(server.url()) as response:
                async for portion in response.content.iter_chunked(65_536):
                    assert len(portion) <= 65_536
                    size += len(portion)
        assert size == 400 * MIB


async def test_a_gzip_bomb_in_a_redirect_is_not_inflated() -> None:
    async def handler(peer: Peer) -> None:
        while True:
            request = await peer.request()
            if b" /bomb " in request:
                head = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
                await peer.send(head % len(BOMB) + BOMB)
            else:
                await peer.send(HEAD + b"Content-Length: 2\r\n\r\nok")

    async with RawServer(handler) as server, ClientSession() as session:
        with peak_below(16 * MIB):
            async with session.get(server.url("/bomb")) as response:
                assert await response.read() == b"ok"


async def test_truncated_gzip_is_an_error_though_the_framing_is_whole() -> None:
    packed = gzip.compress(b"hello" * 1000)[:-9]
    async with (
        RawServer(replying(GZIPPED + b"Content-Length: %d\r\n\r\n" % len(packed) + packed)) as server,
        ClientSession() as session,
        session.get(server.url()) as response,
    ):
        with pytest.raises(ClientPayloadError, match="cut short"):
            await response.read()


async def test_damaged_gzip_is_an_error() -> None:
    async with (
        RawServer(replying(GZIPPED + b"Content-Length: 9\r\n\r\nnot gzip!")) as server,
        ClientSession() as session,
        session.get(server.url()) as response,
    ):
        with pytest.raises(ClientPayloadError, match="damaged gzip"):
            await response.read()


@pytest.mark.parametrize("coding", [b"x-unknown", b"gzip, x-unknown", b"identity", b"aws-chunked"])
async def test_a_coding_that_we_do_not_know_is_left_alone(coding: bytes) -> None:
    answer = HEAD + b"Content-Encoding: " + coding + b"\r\nContent-Length: 3\r\n\r\nraw"
    async with (
        RawServer(replying(answer)) as server,
        ClientSession() as session,
        session.get(server.url()) as response,
    ):
        assert await response.read() == b"raw"
        assert response.headers["Content-Encoding"] == coding.decode()


async def test_a_download_that_nobody_reads_waits_on_the_servers_side() -> None:
    sent = 0

    async def handler(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(HEAD + b"Content-Length: %d\r\n\r\n" % (100 * MIB))
        for _ in range(100):
            sent += MIB
            peer.writer.write(bytes(MIB))
            try:
                async with asyncio.timeout(0.3):  # far longer than a MiB takes
                    await peer.writer.drain()
            except TimeoutError:
                stalled.set()
                await peer.writer.drain()

    stalled = asyncio.Event()
    async with RawServer(handler) as server, ClientSession() as session:
        with peak_below(16 * MIB):
            async with session.get(server.url()) as response:
                await stalled.wait()
                assert sent < 50 * MIB  # what the two kernels and our buffer hold
                received = [len(portion) async for portion in response.content.iter_any()]
        assert sum(received) == 100 * MIB


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(MIB)


async def test_an_upload_waits_for_a_server_that_reads_slowly() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()
        await upload_is_over.wait()

    produced = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal produced
        async for data in endless():
            produced += 1
            yield data

    upload_is_over = asyncio.Event()
    async with RawServer(handler) as server, ClientSession() as session:
        with peak_below(16 * MIB), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await session.post(server.url(), data=body())
        assert 0 < produced < 50  # what the two kernels and the transport's buffer hold
        await wait_nothing_held(session)
        upload_is_over.set()
