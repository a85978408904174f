"""Servers that send what inflates, what never ends, or what ends too soon: bounded memory, and a loop that is free."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.hostile.nearby import Nearby, loop_is_free
from tests.memory import MIB, peak_below
from tests.pool_state import wait_nothing_held
from tests.raw_server import OK, Peer, RawServer, replying
from tests.web.rough import turns
from trunkline import ClientError, ClientPayloadError, ClientResponse, ClientSession, MultipartReader, TCPConnector
from trunkline.testing.throwaway_ca import ThrowawayCA
from trunkline.wire.coding import make_encoder
from trunkline.wire.limits import MAX_DNS_ENTRIES

CODINGS = ["gzip", "deflate", "br", "zstd"]
SIZE = 400 * MIB


def encode(coding: str, pieces: int, piece: bytes) -> bytes:
    encoder = make_encoder(coding, 9 if coding in ("gzip", "deflate") else None)
    return b"".join(encoder.encode(piece) for _ in range(pieces)) + encoder.flush()


@pytest.fixture(scope="module", params=CODINGS)
def bomb(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """Return the name of a coding, and 400 MB in it."""
    return request.param, encode(request.param, SIZE // MIB, bytes(MIB))


def head(status: str, length: int, *lines: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {length}", *lines, "", "")).encode()


def coded(coding: str, body: bytes) -> RawServer:
    return RawServer(replying(head("200 OK", len(body), f"Content-Encoding: {coding}") + body))


# Bombs.


async def test_a_bomb_in_any_coding_is_streamed_in_bounded_memory(bomb: tuple[str, bytes]) -> None:
    size = 0
    async with coded(*bomb) as server, ClientSession() as session:
        with peak_below(48 * MIB):
            async with session.get(server.url()) as response:
                async for portion in response.content.iter_chunked(65_536):
                    size += len(portion)
    assert size == SIZE


async def test_a_bomb_in_any_coding_never_holds_the_loop(bomb: tuple[str, bytes]) -> None:
    async with (
        coded(*bomb) as server,
        ClientSession() as session,
        loop_is_free(),
        session.get(server.url()) as response,
    ):
        async for _ in response.content.iter_any():
            pass


@pytest.mark.parametrize("read", [lambda response: response.read(), lambda response: response.json()])
async def test_a_bomb_in_any_coding_that_is_read_whole_is_an_error_with_a_way_out(
    bomb: tuple[str, bytes], read: Callable[[ClientResponse], Awaitable[object]]
) -> None:
    async with coded(*bomb) as server, ClientSession() as session, loop_is_free():
        async with session.get(server.url()) as response:
            with pytest.raises(ClientPayloadError, match="iter_chunked"):
                await read(response)
        await wait_nothing_held(session)


async def test_a_bomb_in_any_coding_in_a_redirect_is_not_inflated(bomb: tuple[str, bytes]) -> None:
    coding, body = bomb

    async def handler(peer: Peer) -> None:
        while b" /bomb " in await peer.request():
            await peer.send(head("302 Found", len(body), "Location: /", f"Content-Encoding: {coding}") + body)
        await peer.send(OK)
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession() as session, loop_is_free():
        with peak_below(8 * MIB):
            async with session.get(server.url("/bomb")) as response:
                assert await response.read() == b"ok"


async def test_a_bomb_in_a_part_of_a_response_is_an_error_when_the_part_is_read_whole(bomb: tuple[str, bytes]) -> None:
    coding, packed = bomb
    part = b"--b\r\nContent-Encoding: " + coding.encode() + b"\r\n\r\n" + packed + b"\r\n--b--\r\n"
    answer = head("200 OK", len(part), "Content-Type: multipart/mixed; boundary=b") + part
    async with (
        RawServer(replying(answer)) as server,
        ClientSession() as session,
        loop_is_free(),
        session.get(server.url()) as response,
    ):
        found = await MultipartReader.from_response(response).next()
        assert found is not None
        assert not isinstance(found, MultipartReader)
        with pytest.raises((ValueError, ClientError), match=r".{20}"):
            await found.read(decode=True)


# Ends that come too soon.


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("framing", ["length", "chunks", "until close"])
async def test_a_coding_that_is_cut_short_is_an_error_though_its_framing_is_whole(coding: str, framing: str) -> None:
    packed = encode(coding, 1, bytes(range(256)) * 4)[:-6]
    lines = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n".encode()
    answer = {
        "length": lines + b"Content-Length: %d\r\n\r\n" % len(packed) + packed,
        "chunks": lines + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed),
        "until close": lines + b"\r\n" + packed,
    }[framing]
    async with (
        RawServer(replying(answer, then_close=True)) as server,
        ClientSession() as session,
        session.get(server.url()) as response,
    ):
        with pytest.raises(ClientPayloadError, match=r".{20}"):
            await response.read()


async def read_portions(response: ClientResponse) -> bytes:
    return b"".join([portion async for portion in response.content.iter_any()])


@pytest.mark.parametrize("coding", ["", *CODINGS])
@pytest.mark.parametrize("in_portions", [False, True])
async def test_tls_that_is_cut_where_no_length_is_known_is_an_error_even_behind_a_whole_coding(
    coding: str, in_portions: bool
) -> None:
    body = encode(coding, 1, b"part") if coding else b"part"
    lines = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n" if coding else "HTTP/1.1 200 OK\r\n\r\n"

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(lines.encode() + body)
        await has_head.wait()
        peer.writer.transport.abort()  # no close_notify

    has_head = asyncio.Event()
    authority = ThrowawayCA()
    async with (
        RawServer(handler, ssl=authority.server_context()) as server,
        ClientSession(connector=TCPConnector(ssl=authority.client_context())) as session,
    ):
        async with session.get(server.url()) as response:
            has_head.set()
            with pytest.raises(ClientPayloadError):
                await (read_portions(response) if in_portions else response.read())
        await wait_nothing_held(session)


# Many.


async def test_6_000_hosts_leave_bounded_books(caplog: pytest.LogCaptureFixture) -> None:
    resolver = Nearby()
    connector = TCPConnector(resolver=resolver)
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        with peak_below(32 * MIB):
            for n in range(6_000):
                async with session.get(f"http://h{n}.test:{server.port}/") as response:
                    assert response.status == 200
            assert len(resolver.asked) == 6_000
            assert len(connector._conns) <= 100  # limit
            for n in (5_999, 5_999 - MAX_DNS_ENTRIES):  # the last one is remembered, one beyond the bound is not
                async with session.get(f"http://h{n}.test:{server.port}/") as response:
                    assert response.status == 200
            assert resolver.asked[6_000:] == [f"h{5_999 - MAX_DNS_ENTRIES}.test"]
    assert caplog.records == []


async def test_a_failure_of_dns_is_never_kept_as_a_success() -> None:
    resolver = Nearby(failures=1)
    async with RawServer(replying(OK)) as server, ClientSession(connector=TCPConnector(resolver=resolver)) as session:
        url = f"http://a.test:{server.port}/"
        with pytest.raises(ClientError, match=r"a\.test"):
            await session.get(url)
        async with session.get(url) as response:
            assert response.status == 200
        assert len(resolver.asked) == 2


# 100 times the bytes received.

ENDLESS = {
    "head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 120,
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 120,
    "interim responses": b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 30,
    "one-byte chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 400,
    "chunk extensions": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1;a=" + b"b" * 2_000,
}


@pytest.mark.parametrize("beginning", ENDLESS.values(), ids=ENDLESS)
async def test_what_has_come_costs_no_more_than_a_hundred_times_its_bytes(beginning: bytes) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(beginning)
        arrived.release()
        await peer.wait_closed_by_client()

    async def get(session: ClientSession, url: str) -> None:
        async with session.get(url) as response:
            await response.read()

    number = 50
    arrived = asyncio.Semaphore(0)
    async with RawServer(handler) as server, ClientSession() as session:
        with peak_below(MIB + number * len(beginning) * 100):
            tasks = [asyncio.create_task(get(session, server.url())) for _ in range(number)]
            for _ in range(number):
                await arrived.acquire()
            await turns(20)  # what was sent on loopback is there: each turn of the loop reads what is
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await wait_nothing_held(session)
