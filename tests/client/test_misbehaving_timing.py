"""Servers that are silent or slow: each limit of ClientTimeout ends the wait, and says which one it was."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from tests.pool_state import wait_nothing_held
from tests.raw_server import OK, Handler, Peer, RawServer, silent
from trunkline import (
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    ServerTimeoutError,
    SocketTimeoutError,
    TCPConnector,
)

LIMIT_S = 0.15
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


def saying(*portions: bytes) -> Handler:
    """Answer each request with `portions`, a little apart, and then be silent."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        for portion in portions:
            await peer.send(portion)
            await asyncio.sleep(LIMIT_S / 5)
        await peer.wait_closed_by_client()

    return handler


async def fetch(session: ClientSession, url: str, timeout: ClientTimeout) -> bytes:
    async with session.get(url, timeout=timeout) as response:
        return await response.read()


def check_text(error: BaseException, limit_s: float, *words: str) -> None:
    """The text must name each of `words`, the limit, and the time that passed."""
    text = str(error)
    for word in words:
        assert word in text
    limit, elapsed = sorted(float(number) for number in re.findall(r"(\d+(?:\.\d+)?) s\b", text))
    assert limit == pytest.approx(limit_s, abs=0.002)  # timers may be early by 1 ms, so this may be the elapsed time
    assert elapsed == pytest.approx(limit_s, abs=2)


SILENCES = {
    "no byte": ((), "waiting for the response"),
    "half a status line": ((b"HTTP/1.1 2",), "waiting for the response"),
    "half a head": ((b"HTTP/1.1 200 OK\r\nX: y\r\n",), "waiting for the response"),
    "only 1xx": ((b"HTTP/1.1 103 Early Hints\r\n\r\n",), "waiting for the response"),
    "half a body": ((HEAD + b"x",), "reading the response's body"),
    "half a chunk": ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx",), "body"),
    "body until close": ((b"HTTP/1.1 200 OK\r\n\r\nx",), "body"),
}


@pytest.mark.parametrize(("portions", "phase"), SILENCES.values(), ids=SILENCES)
async def test_silence_ends_with_sock_read(portions: tuple[bytes, ...], phase: str) -> None:
    async with RawServer(saying(*portions)) as server, ClientSession() as session:
        with pytest.raises(SocketTimeoutError) as caught:
            await fetch(session, server.url(), ClientTimeout(sock_read=LIMIT_S))
        assert isinstance(caught.value, ServerTimeoutError)
        assert isinstance(caught.value, TimeoutError)
        check_text(caught.value, LIMIT_S, "sock_read")
        await wait_nothing_held(session)
        await server.wait_all_closed()


@pytest.mark.parametrize(("portions", "phase"), SILENCES.values(), ids=SILENCES)
async def test_silence_ends_with_total(portions: tuple[bytes, ...], phase: str) -> None:
    async with RawServer(saying(*portions)) as server, ClientSession() as session:
        with pytest.raises(TimeoutError) as caught:
            await fetch(session, server.url(), ClientTimeout(total=LIMIT_S))
        assert not isinstance(caught.value, ServerTimeoutError)
        check_text(caught.value, LIMIT_S, "total", phase, server.url())
        await wait_nothing_held(session)
        await server.wait_all_closed()


async def test_a_dripped_response_is_not_silence() -> None:
    portions = [OK[i : i + 4] for i in range(0, len(OK), 4)]
    async with RawServer(saying(*portions)) as server, ClientSession() as session:
        assert await fetch(session, server.url(), ClientTimeout(sock_read=LIMIT_S)) == b"ok"


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX: ", HEAD])
async def test_a_drip_without_end_is_ended_by_total(beginning: bytes) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(beginning)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X" * 1000:
            await peer.send(bytes([byte]))
            await asyncio.sleep(LIMIT_S / 10)

    async with RawServer(handler) as server, ClientSession() as session:
        with pytest.raises(TimeoutError) as caught:
            await fetch(session, server.url(), ClientTimeout(total=LIMIT_S, sock_read=LIMIT_S))
        check_text(caught.value, LIMIT_S, "total")
        await wait_nothing_held(session)
        await server.wait_all_closed()


async def test_one_slow_server_keeps_nobody_else_waiting() -> None:
    async with RawServer(silent) as slow, RawServer(saying(OK)) as good, ClientSession() as session:
        waiting = [asyncio.create_task(fetch(session, slow.url(), ClientTimeout(total=5))) for _ in range(50)]
        async with asyncio.timeout(2):
            assert await fetch(session, good.url(), ClientTimeout()) == b"ok"
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await wait_nothing_held(session)


@pytest.mark.parametrize("name", ["sock_connect", "connect", "total"])
async def test_a_handshake_that_is_never_answered_ends_with_each_limit(name: str) -> None:
    async with RawServer(silent) as server, ClientSession() as session:
        with pytest.raises(TimeoutError) as caught:
            await fetch(session, f"https://127.0.0.1:{server.port}/", ClientTimeout(**{name: LIMIT_S}))
        assert isinstance(caught.value, ConnectionTimeoutError) == (name != "total")
        check_text(caught.value, LIMIT_S, name, "connection")
        await wait_nothing_held(session)
        await server.wait_all_closed()


@pytest.mark.parametrize("name", ["connect", "total"])
async def test_waiting_in_the_queue_ends_with_each_limit(name: str) -> None:
    async with RawServer(silent) as server, ClientSession(connector=TCPConnector(limit=1)) as session:
        first = asyncio.create_task(fetch(session, server.url(), ClientTimeout()))
        await server.accepted.wait()
        with pytest.raises(TimeoutError) as caught:
            await fetch(session, server.url(), ClientTimeout(**{name: LIMIT_S}))
        assert isinstance(caught.value, ConnectionTimeoutError) == (name == "connect")
        check_text(caught.value, LIMIT_S, name, "connection")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await wait_nothing_held(session)


async def test_sock_connect_does_not_count_the_time_in_the_queue() -> None:
    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(LIMIT_S * 2)
            await peer.send(OK)

    async with RawServer(handler) as server, ClientSession(connector=TCPConnector(limit=1)) as session:
        timeout = ClientTimeout(sock_connect=LIMIT_S)
        bodies = await asyncio.gather(*(fetch(session, server.url(), timeout) for _ in range(2)))
    assert bodies == [b"ok"] * 2


async def test_a_slow_reader_is_no_silence_of_the_server() -> None:
    size = 2_000_000

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await peer.wait_closed_by_client()

    async with (
        RawServer(handler) as server,
        ClientSession(read_bufsize=1000) as session,
        session.get(server.url(), timeout=ClientTimeout(sock_read=LIMIT_S)) as response,
    ):
        await asyncio.sleep(LIMIT_S * 2)
        assert len(await response.read()) == size


async def test_asyncio_timeout_around_a_request_works() -> None:
    async with RawServer(silent) as server, ClientSession() as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(LIMIT_S):
                await session.get(server.url())
        await wait_nothing_held(session)
        await server.wait_all_closed()


async def zeros(pieces: int) -> AsyncIterator[bytes]:
    for _ in range(pieces):
        yield bytes(2**20)


async def test_a_server_that_stops_reading_an_upload_ends_with_sock_read() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()
        await upload_is_over.wait()

    upload_is_over = asyncio.Event()
    async with RawServer(handler) as server, ClientSession() as session:
        async with asyncio.timeout(10):
            with pytest.raises(SocketTimeoutError) as caught:
                await session.post(server.url(), data=zeros(1000), timeout=ClientTimeout(sock_read=LIMIT_S))
        check_text(caught.value, LIMIT_S, "sock_read")
        await wait_nothing_held(session)
        upload_is_over.set()


async def test_an_upload_that_is_read_slowly_is_no_silence() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()
        for _ in range(40):
            await asyncio.sleep(LIMIT_S / 10)
            await peer.reader.readexactly(2**18)
        end = b""
        while not end.endswith(b"\r\n0\r\n\r\n"):  # fast: what is left lies in the kernels, where we do not see it go
            end = end[-7:] + await peer.reader.read(2**20)
        await peer.send(OK)
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession() as session:
        timeout = ClientTimeout(sock_read=LIMIT_S)
        async with session.post(server.url(), data=zeros(20), timeout=timeout) as response:
            assert await response.read() == b"ok"


async def test_a_body_that_is_produced_slowly_is_no_silence_of_the_server() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(LIMIT_S)
            yield b"slow"

    async with (
        RawServer(saying(OK)) as server,
        ClientSession() as session,
        session.post(server.url(), data=body(), timeout=ClientTimeout(sock_read=LIMIT_S)) as response,
    ):
        assert await response.read() == b"ok"
