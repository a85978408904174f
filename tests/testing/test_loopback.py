from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import ssl
import warnings
from collections.abc import AsyncIterator

import pytest

from tests.waiting import until
from trunkline.testing.loopback import Loopback, LoopbackRequest, LoopbackResponse
from trunkline.testing.throwaway_ca import ThrowawayCA
from trunkline.wire.limits import LOOPBACK_MAX_BODY_BYTES, LOOPBACK_MAX_HEAD_BYTES

PATIENCE_S = 5.0


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with Loopback() as loopback:
        yield loopback


@pytest.fixture(scope="module")
def authority() -> ThrowawayCA:
    return ThrowawayCA()


async def talk(server: Loopback, sent: bytes) -> bytes:
    """Send bytes on a fresh connection; return all that comes back until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    async with asyncio.timeout(PATIENCE_S):
        received = await reader.read()
    writer.close()
    await writer.wait_closed()
    return received


async def fetch(server: Loopback, path: str, method: str = "GET", rest: bytes = b"\r\n") -> tuple[bytes, bytes]:
    """Head and body of the response to one request."""
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() + rest
    head, _, body = (await talk(server, request)).partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    ("path", "status", "in_head", "body"),
    [
        ("/posts/1?a=b", b"200 OK", b"Content-Type: application/json", b'{"ok": true, "path": "/posts/1"}'),
        ("/bytes/5", b"200 OK", b"Content-Length: 5", b"xxxxx"),
        ("/bytes/0", b"200 OK", b"Content-Length: 0", b""),
        (
            "/chunked/1",
            b"200 OK",
            b"Transfer-Encoding: chunked",
            b"1b\r\none line of a chunked body\n\r\n0\r\n\r\n",
        ),
        ("/chunked/0", b"200 OK", b"Transfer-Encoding: chunked", b"0\r\n\r\n"),
        ("/redirect/2", b"302 Found", b"Location: /redirect/1", b""),
        ("/redirect/0", b"200 OK", b"Content-Length: ", b'{"ok": true, "path": "/redirect/0"}'),
        ("/status/503", b"503 Service Unavailable", b"Content-Length: ", b'{"status": 503}'),
        ("/status/799", b"799 Unknown", b"Content-Length: ", b'{"status": 799}'),
        ("/delay/1", b"200 OK", b"Content-Length: ", b'{"ok": true, "path": "/delay/1"}'),
        ("/cookies/set?a=1&b=2", b"200 OK", b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/", b"{}"),
    ],
)
async def test_default_handler_answers_by_path(
    server: Loopback, path: str, status: bytes, in_head: bytes, body: bytes
) -> None:
    head, received = await fetch(server, path)
    assert head.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert in_head in head
    assert received == body


async def test_gzip_body_unpacks_to_the_small_json(server: Loopback) -> None:
    head, body = await fetch(server, "/gzip")
    assert b"Content-Encoding: gzip" in head
    assert gzip.decompress(body) == b'{"ok": true, "path": "/gzip"}'


@pytest.mark.parametrize(
    "path",
    [
        "/bytes/",
        "/bytes/x",
        "/bytes/-1",
        f"/bytes/{LOOPBACK_MAX_BODY_BYTES + 1}",
        "/delay/60001",
        "/status/100",
    ],
)
async def test_number_out_of_bounds_is_answered_400(server: Loopback, path: str) -> None:
    head, _ = await fetch(server, path)
    assert head.startswith(b"HTTP/1.1 400 ")


async def test_head_and_204_and_304_have_no_body(server: Loopback) -> None:
    head, body = await fetch(server, "/bytes/5", "HEAD")
    assert b"Content-Length: 5" in head
    assert body == b""
    for path in ("/status/204", "/status/304"):
        head, body = await fetch(server, path)
        assert b"Content-Length" not in head
        assert body == b""


REQUEST_BODIES = [
    b"Content-Length: 5\r\n\r\nhello",
    b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n",
]


@pytest.mark.parametrize("rest", REQUEST_BODIES)
async def test_request_body_arrives_whole_however_it_is_cut(server: Loopback, rest: bytes) -> None:
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + rest
    expected = (await talk(server, request)).partition(b"\r\n\r\n")[2]
    assert expected == b"hello"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for index in range(len(request)):
        writer.write(request[index : index + 1])
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.read()).endswith(b"\r\n\r\nhello")
    writer.close()
    await writer.wait_closed()


async def test_pipelined_requests_are_answered_in_order_even_when_the_first_is_slow(server: Loopback) -> None:
    paths = ["/delay/20", "/chunked/1", "/bytes/3", "/last"]
    requests = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths]
    requests.insert(2, b"POST /echo HTTP/1.1\r\n" + REQUEST_BODIES[1])
    requests[-1] = requests[-1].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    received = await talk(server, b"".join(requests))
    places = [received.index(mark) for mark in (b"/delay/20", b"0\r\n\r\n", b"hello", b"xxx", b"/last")]
    assert places == sorted(places)
    assert received.count(b"HTTP/1.1 200 OK") == 5
    assert server.counts.requests_by_connection == [5]


async def test_expect_continue_gets_a_100_before_the_body_is_sent(server: Loopback) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert (await reader.read()).endswith(b"\r\n\r\nhi")
    writer.close()
    await writer.wait_closed()


HUGE = b"9" * 5000


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\nhello", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: " + HUGE + b"\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * LOOPBACK_MAX_HEAD_BYTES, b"431"),
    ],
)
async def test_request_that_cannot_be_served_is_refused_and_the_connection_closed(
    server: Loopback, request_bytes: bytes, status: bytes
) -> None:
    assert (await talk(server, request_bytes)).startswith(b"HTTP/1.1 " + status + b" ")


async def test_counts_tell_connections_requests_and_the_peak(server: Loopback) -> None:
    pairs = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
    for reader, writer in pairs[:2]:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"}")
    counts = server.counts
    assert (counts.connections, counts.open, counts.peak_open, counts.requests) == (3, 3, 3, 2)
    assert not await server.wait_all_closed(0)
    for _, writer in pairs:
        writer.close()
        await writer.wait_closed()
    assert await server.wait_all_closed(PATIENCE_S)
    await fetch(server, "/")
    assert await server.wait_all_closed(PATIENCE_S)
    assert (counts.connections, counts.open, counts.peak_open, counts.requests) == (4, 0, 3, 3)
    assert counts.requests_by_connection == [1, 1, 0, 1]


async def test_handler_may_be_plain_or_asynchronous_and_sees_the_whole_request() -> None:
    async def later(request: LoopbackRequest) -> LoopbackResponse:
        await asyncio.sleep(0)
        return LoopbackResponse(body=f"{request.header('HOST')} {request.query} {request.connection}".encode())

    for handler in (later, lambda request: LoopbackResponse(body=b"x  a=1 0"[: 8 * len(request.method)])):
        async with Loopback(handler) as server:
            _, body = await fetch(server, "/path?a=1")
            assert body.split() == [b"x", b"a=1", b"0"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_handler_that_fails_is_answered_500_and_reported_to_the_loop(is_async: bool) -> None:
    async def fail_later(request: LoopbackRequest) -> LoopbackResponse:
        raise LookupError("in vain")

    def fail(request: LoopbackRequest) -> LoopbackResponse:
        raise LookupError("in vain")

    reports: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, report: reports.append(report))
    async with Loopback(fail_later if is_async else fail) as server:
        head, body = await fetch(server, "/")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert body == b"LookupError('in vain')"
    assert [type(report["exception"]) for report in reports] == [LookupError]


async def test_client_that_does_not_read_is_not_served_further() -> None:
    size = 32 * 1024 * 1024  # more than the buffers of both sockets hold
    async with Loopback(lambda request: LoopbackResponse(body=b"x" * size)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 3)
        await reader.readuntil(b"\r\n\r\n")
        assert server.counts.requests == 1
        async with asyncio.timeout(PATIENCE_S):
            await reader.readexactly(size)
            await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()


async def test_close_ends_every_connection_and_handler_and_warns_of_nothing() -> None:
    cancelled = asyncio.Event()

    async def hang(request: LoopbackRequest) -> LoopbackResponse:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return LoopbackResponse()

    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        async with Loopback(hang) as server:
            _, idle = await asyncio.open_connection("127.0.0.1", server.port)
            reader, busy = await asyncio.open_connection("127.0.0.1", server.port)
            busy.write(b"GET / HTTP/1.1\r\n\r\n")
            await until(lambda: server.counts.requests == 1)
        assert cancelled.is_set()
        assert server.counts.open == 0
        assert await reader.read() == b""
        for writer in (idle, busy):
            writer.transport.abort()
        await asyncio.sleep(0)
        gc.collect()
    assert [str(warning.message) for warning in raised] == []


def get_over_tls(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as secure:
        secure.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert secure.recv(4096).startswith(b"HTTP/1.1 200 OK")
        return secure.session


async def test_tls_handshakes_are_counted_full_and_resumed(authority: ThrowawayCA) -> None:
    context = authority.client_context()
    async with Loopback(ssl=authority.server_context()) as server:
        assert server.url("/a") == f"https://127.0.0.1:{server.port}/a"
        session = await asyncio.to_thread(get_over_tls, server.port, context, None)
        await asyncio.to_thread(get_over_tls, server.port, context, session)
        assert await server.wait_all_closed(PATIENCE_S)
    counts = server.counts
    assert (counts.tls_full, counts.tls_resumed, counts.tls_failed, counts.connections) == (1, 1, 0, 2)


async def test_failed_handshake_counts_as_a_connection(authority: ThrowawayCA) -> None:
    async with Loopback(ssl=authority.server_context()) as server:
        await talk(server, b"GET / HTTP/1.1\r\n\r\n")
        assert await server.wait_all_closed(PATIENCE_S)
    assert (server.counts.connections, server.counts.tls_failed, server.counts.open) == (1, 1, 0)


async def test_close_ends_a_handshake_that_never_comes(authority: ThrowawayCA) -> None:
    async with Loopback(ssl=authority.server_context()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: server.counts.connections == 1)
    assert server.counts.open == 0
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_port_outside_the_block_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        Loopback().url()
