"""Clients that send too much: refused at a bound, in bounded memory and linear time, and others are served."""

import asyncio
import gzip
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import count, repeat
from typing import Any

import pytest

from tests.memory import MIB, peak_below
from tests.waiting import until
from tests.web.rough import LONGEST_S, statuses, until_closed, until_nothing_left
from tests.web.serving import Talk, serving
from trunkline import web
from trunkline.wire.coding import make_encoder
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LEADING_EMPTY_LINES, MAX_LINE_BYTES

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


async def reading(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=await request.read())


async def unread(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"unread")


async def flood(talk: Talk, beginning: bytes, pieces: Iterator[bytes]) -> bytes:
    """Send until the server closes; its own bound must end it. Returns what it said."""

    async def send() -> None:
        try:
            talk.send(beginning)
            for piece in pieces:
                talk.send(piece)
                await talk.writer.drain()
        except ConnectionError:
            pass

    sending = asyncio.create_task(send())
    try:
        return await until_closed(talk)
    finally:
        sending.cancel()


# Heads.


def thousand_fields(number: int) -> bytes:
    return b"".join(b"X-%d-%d: y\r\n" % (number, i) for i in range(1000))


HEADS: dict[str, tuple[bytes, Callable[[], Iterator[bytes]], int]] = {
    "one endless line": (b"GET /", lambda: repeat(b"a" * 1000), 431),
    "one endless method": (b"G", lambda: repeat(b"G" * 1000), 431),
    "one endless field": (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", lambda: repeat(b"y" * 1000), 431),
    "one endless name": (b"GET / HTTP/1.1\r\nHost: a\r\nX", lambda: repeat(b"y" * 1000), 431),
    "endless fields": (b"GET / HTTP/1.1\r\nHost: a\r\n", lambda: map(thousand_fields, count()), 431),
    "endless empty fields": (b"GET / HTTP/1.1\r\nHost: a\r\n", lambda: repeat(b"a:\r\n" * 1000), 431),
    "endless empty lines": (b"", lambda: repeat(b"\r\n" * 1000), 400),
    "endless empty lines between requests": (GET, lambda: repeat(b"\r\n" * 1000), 400),
    "endless LF": (b"", lambda: repeat(b"\n" * 1000), 400),
    "endless CR": (b"", lambda: repeat(b"\r" * 1000), 431),
    "endless zeros": (b"", lambda: repeat(bytes(10_000)), 400),
    "endless noise": (b"", lambda: repeat(bytes(range(256)) * 40), 400),
}


@pytest.mark.parametrize(("beginning", "pieces", "status"), HEADS.values(), ids=HEADS)
async def test_an_endless_head_is_refused_at_a_bound(
    beginning: bytes, pieces: Callable[[], Iterator[bytes]], status: int
) -> None:
    async with serving(reading, lingering_time=0.1) as server, await server.talk() as talk:
        with peak_below(8 * MIB):
            received = await flood(talk, beginning, pieces())
    assert statuses(received) in ([status], [200, status], [400], [])  # the flood itself may drown the answer


TOO_LARGE: dict[str, tuple[bytes, int]] = {
    "request line": (b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * MAX_LINE_BYTES), 414),
    "field line": (b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"y" * MAX_FIELD_BYTES), 431),
    "number of fields": (b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % (b"a:b\r\n" * MAX_FIELDS), 431),
    "empty lines": (b"\r\n" * (MAX_LEADING_EMPTY_LINES + 1) + GET, 400),
}


@pytest.mark.parametrize(("data", "status"), TOO_LARGE.values(), ids=TOO_LARGE)
async def test_a_head_beyond_a_bound_is_told_why(data: bytes, status: int) -> None:
    async with serving(reading, lingering_time=0.1) as server, await server.talk() as talk:
        talk.send(data)
        assert statuses(await until_closed(talk)) == [status]


async def test_the_largest_head_is_served() -> None:
    request = b"\r\n" * MAX_LEADING_EMPTY_LINES + b"GET /%b HTTP/1.1\r\nHost: a\r\n" % (
        b"a" * (MAX_LINE_BYTES - len(b"GET / HTTP/1.1"))
    )
    request += b"X: %b\r\n" % (b"y" * (MAX_FIELD_BYTES - 3)) + b"a:b\r\n" * (MAX_FIELDS - 2) + b"\r\n"
    async with serving(unread) as server:
        assert (await server.ask(request))[0] == 200


@pytest.mark.parametrize(
    ("options", "data", "status"),
    [
        ({"max_line_size": 100}, b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 100), 414),
        ({"max_field_size": 100}, b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"y" * 100), 431),
        ({"max_headers": 10}, b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % (b"a:b\r\n" * 10), 431),
    ],
)
async def test_the_bounds_are_those_that_the_user_set(options: dict[str, int], data: bytes, status: int) -> None:
    async with serving(reading) as server:
        assert (await server.ask(data))[0] == 200
    async with serving(reading, lingering_time=0.1, **options) as server, await server.talk() as talk:
        talk.send(data)
        assert statuses(await until_closed(talk)) == [status]


# Many requests.


async def waiting(request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(0)
    return web.Response(body=b"unread")


async def ask_in_advance(number: int, handler: Any, **options: Any) -> float:
    """Send `number` requests at once, read all answers; return how long it took."""
    async with serving(handler, access_log=None, **options) as server, await server.talk() as talk:
        begins_at = time.perf_counter()
        talk.send(GET * (number - 1) + GET.replace(b"Host", b"Connection: close\r\nHost"))
        tail, answers = b"", 0
        while data := await talk.reader.read(2**16):
            answers += (tail + data).count(b"HTTP/1.1 200 OK\r\n")
            tail = data[-len(b"HTTP/1.1 200 OK\r\n") + 1 :]
        assert answers == number
        return time.perf_counter() - begins_at


@pytest.mark.parametrize("handler", [unread, waiting])
async def test_200_000_requests_in_advance_are_answered_in_linear_time(handler: Any) -> None:
    few_s = await ask_in_advance(10_000, handler)
    many_s = await ask_in_advance(200_000 if handler is unread else 40_000, handler)
    assert many_s < few_s * (20 if handler is unread else 4) * 3 + 0.5


async def test_40_000_requests_in_advance_are_answered_in_bounded_memory() -> None:
    with peak_below(8 * MIB):  # of which 3 are what the client itself holds
        await ask_in_advance(40_000, unread)


@pytest.mark.parametrize("size", [10, 50_000])
async def test_who_asks_and_does_not_read_gets_no_more_than_the_buffers_hold(size: int) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(size))

    requests = GET * (5_000 if size > 10 else 100_000)
    async with serving(handler, access_log=None, write_timeout=0.3) as server, await server.talk() as talk:
        transport = talk.writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()
        with peak_below(16 * MIB):
            talk.send(requests)
            await until(lambda: server.server.requests_count)
            await until_nothing_left(server)
        assert server.server.requests_count * size < 32 * MIB


async def test_one_greedy_client_does_not_keep_others_waiting() -> None:
    async with serving(unread, access_log=None) as server, await server.talk() as greedy:
        greedy.send(GET * 100_000)
        drain = asyncio.create_task(greedy.reader.read(2**24))
        begins_at = time.perf_counter()
        assert (await server.get("/"))[0] == 200
        assert time.perf_counter() - begins_at < 0.5
        drain.cancel()


# Bodies.

BODIES: dict[str, tuple[bytes, Callable[[], Iterator[bytes]]]] = {
    "one endless chunk size": (CHUNKED, lambda: repeat(b"0" * 1000)),
    "one endless extension": (CHUNKED, lambda: repeat(b"1;a=" + b"b" * 1000)),
    "extensions on tiny chunks": (CHUNKED, lambda: repeat(b"1;a=" + b"b" * 1000 + b"\r\nx\r\n")),
    "endless trailers": (CHUNKED + b"0\r\n", lambda: repeat(b"X: y\r\n" * 100)),
    "one endless trailer": (CHUNKED + b"0\r\nX: ", lambda: repeat(b"y" * 1000)),
    "endless chunks": (CHUNKED, lambda: repeat(b"400\r\n" + bytes(1024) + b"\r\n")),
    "an endless length": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n",
        lambda: repeat(bytes(1024)),
    ),
}


@pytest.mark.parametrize(("beginning", "pieces"), BODIES.values(), ids=BODIES)
async def test_an_endless_body_that_is_read_is_refused_at_a_bound(
    beginning: bytes, pieces: Callable[[], Iterator[bytes]]
) -> None:
    async with serving(reading, lingering_time=0.1) as server, await server.talk() as talk:
        with peak_below(16 * MIB):
            received = await flood(talk, beginning, pieces())
    assert statuses(received) in ([400], [413], [])


@pytest.mark.parametrize(("beginning", "pieces"), BODIES.values(), ids=BODIES)
async def test_an_endless_body_that_nobody_reads_ends_the_connection(
    beginning: bytes, pieces: Callable[[], Iterator[bytes]]
) -> None:
    async with serving(unread, lingering_time=0.1) as server, await server.talk() as talk:
        with peak_below(8 * MIB):
            received = await flood(talk, beginning, pieces())
    assert statuses(received) in ([200], [])


async def test_a_hundred_thousand_chunks_of_one_byte_are_read_in_bounded_memory() -> None:
    async with serving(reading) as server, await server.talk() as talk:
        body = b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
        with peak_below(8 * MIB):
            talk.send(CHUNKED + body)
            async with asyncio.timeout(LONGEST_S * 5):
                assert (await talk.response())[2] == b"x" * 100_000


async def test_a_body_that_the_handler_does_not_read_yet_waits_on_the_clients_side() -> None:
    go = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        await go.wait()
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
        return web.Response(text=str(size))

    async with serving(handler) as server, await server.talk() as talk:
        talk.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        with peak_below(16 * MIB):
            sent = 0
            while sent < 64 * MIB:
                talk.send(bytes(MIB))
                sent += MIB
                try:
                    async with asyncio.timeout(None if go.is_set() else 0.1):
                        await talk.writer.drain()
                except TimeoutError:
                    assert sent < 32 * MIB  # what the two kernels and the buffers hold
                    go.set()
                    await talk.writer.drain()
            assert (await talk.response())[2] == b"%d" % (64 * MIB)


# Content codings.


def bomb(coding: str, size: int) -> bytes:
    encoder = make_encoder(coding, 9 if coding in ("gzip", "deflate") else None)
    return b"".join(encoder.encode(bytes(MIB)) for _ in range(size // MIB)) + encoder.flush()


@pytest.fixture(scope="module", params=["gzip", "deflate", "br", "zstd"])
def bomb_request(request: pytest.FixtureRequest) -> bytes:
    body = bomb(request.param, 400 * MIB)
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: {request.param}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def test_a_bomb_that_is_read_whole_is_a_413(bomb_request: bytes) -> None:
    async with serving(reading) as server, await server.talk() as talk:
        with peak_below(16 * MIB):
            talk.send(bomb_request)
            assert (await talk.response())[0] == 413


async def test_a_bomb_that_is_read_without_a_bound_is_refused_by_its_ratio(bomb_request: bytes) -> None:
    def make(head: Any, body: Any, connection: Any, writer: Any, task: Any) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(head, body, connection, writer, task, loop, client_max_size=0)

    async with serving(reading, request_factory=make) as server, await server.talk() as talk:
        with peak_below(160 * MIB):
            talk.send(bomb_request)
            assert (await talk.response())[0] in (400, 413)


async def test_a_bomb_that_is_streamed_takes_little_memory_and_never_blocks_the_loop(bomb_request: bytes) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        size = 0
        async for piece in request.content.iter_chunked(65_536):
            size += len(piece)
        return web.Response(text=str(size))

    async with serving(handler) as server, await server.talk() as talk:
        with peak_below(48 * MIB):
            talk.send(bomb_request)
            async with asyncio.timeout(LONGEST_S * 5):
                assert (await talk.response())[2] == b"%d" % (400 * MIB)


async def test_a_bomb_that_nobody_reads_is_not_inflated(bomb_request: bytes) -> None:
    async with serving(unread) as server, await server.talk() as talk:
        with peak_below(8 * MIB):
            talk.send(bomb_request + GET)
            assert (await talk.response())[0] == 200
            assert (await talk.response())[0] == 200


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"hello" * 1000)[:-9], b"not gzip", gzip.compress(b"x") + b"tail", zlib.compress(b"x")],
    ids=["cut", "none", "with a tail", "another coding"],
)
async def test_a_damaged_coding_is_a_400(body: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    async with serving(reading) as server, await server.talk() as talk:
        talk.send(head % len(body) + body)
        assert (await talk.response())[0] == 400


async def test_too_many_codings_are_refused() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: " + b"gzip, " * 100 + b"gzip\r\nContent-Length: 5\r\n\r\n"
    async with serving(reading, lingering_time=0.1) as server, await server.talk() as talk:
        talk.send(head + b"12345")
        assert statuses(await until_closed(talk)) == [400]


# Forms.

PART = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
FORMS: dict[str, tuple[str, bytes]] = {
    "no boundary": ("multipart/form-data", b"--b\r\n\r\n--b--\r\n"),
    "boundary too long": ("multipart/form-data; boundary=" + "b" * 71, b"--b--\r\n"),
    "never a boundary": ("multipart/form-data; boundary=b", b"x" * 100_000),
    "no end": ("multipart/form-data; boundary=b", PART % (b"a", b"b")),
    "endless part head": ("multipart/form-data; boundary=b", b"--b\r\n" + b"X: y\r\n" * 100_000),
    "one endless part field": ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 900_000),
    "half a part head": ("multipart/form-data; boundary=b", b"--b\r\nContent-Dis"),
    "bad part field": ("multipart/form-data; boundary=b", b"--b\r\nX y\r\n\r\nz\r\n--b--\r\n"),
    "no name": ("multipart/form-data; boundary=b", b"--b\r\n\r\nz\r\n--b--\r\n"),
    "10,000 parts": ("multipart/form-data; boundary=b", PART % (b"a", b"b") * 10_000 + b"--b--\r\n"),
    "nested parts": (
        "multipart/form-data; boundary=b",
        b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (i, i + 1) for i in range(1000)),
    ),
    "100,000 fields": ("application/x-www-form-urlencoded", b"a=b&" * 100_000),
    "100,000 empty fields": ("application/x-www-form-urlencoded", b"&" * 100_000),
}


@pytest.mark.parametrize(("content_type", "body"), FORMS.values(), ids=FORMS)
async def test_a_malformed_or_huge_form_is_refused_soon(content_type: str, body: bytes) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text=str(len(await request.post())))

    app = web.Application()
    app.router.add_post("/", handler)
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with serving(app) as server, await server.talk() as talk, asyncio.timeout(2):
        talk.send(head.encode() + body)
        status, _, answer = await talk.response()
    assert status in (400, 413) or (status, answer) == (200, b"0")
