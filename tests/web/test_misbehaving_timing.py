"""Clients that are too slow, or never do what they are waited for: closed within the limits, others unaffected."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.memory import MIB
from tests.waiting import until
from tests.web.rough import LONGEST_S, statuses, turns, until_closed, until_nothing_left
from tests.web.serving import Serving, Talk, serving
from trunkline import web

SHORT_S = 0.1
LATEST_S = 2.0  # by when a limit of SHORT_S must have been met, on a busy machine
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


async def reading(request: web.BaseRequest) -> web.Response:
    return web.Response(body=await request.read())


async def unread(request: web.BaseRequest) -> web.Response:
    return web.Response(body=b"unread")


@asynccontextmanager
async def closing_soon(server: Serving, talk: Talk) -> AsyncIterator[list[bytes]]:
    """The server must close `talk` soon, though not at once; yields what came before, when it is known."""
    received: list[bytes] = []
    begins_at = asyncio.get_running_loop().time()
    yield received
    received.append(await until_closed(talk))
    took_s = asyncio.get_running_loop().time() - begins_at
    assert SHORT_S * 0.9 <= took_s < LATEST_S
    await until_nothing_left(server)


# The beginning of a request.

SLOW_HEADS: dict[str, bytes] = {
    "silent": b"",
    "an empty line": b"\r\n",
    "a lone CR": b"\r",
    "half a line": b"GET / HT",
    "a line": b"GET / HTTP/1.1\r\n",
    "half a head": b"GET / HTTP/1.1\r\nHost: a\r\nX",
    "all but the last byte": GET[:-1],
}


@pytest.mark.parametrize("keepalive_s", [30, 0])
@pytest.mark.parametrize("data", SLOW_HEADS.values(), ids=SLOW_HEADS)
async def test_a_first_head_that_does_not_come_whole_in_time_ends_the_connection(
    data: bytes, keepalive_s: float
) -> None:
    async with (
        serving(reading, head_timeout=SHORT_S, keepalive_timeout=keepalive_s) as server,
        await server.talk() as talk,
        closing_soon(server, talk) as received,
    ):
        talk.send(data)
    assert received == [b""]


@pytest.mark.parametrize("data", list(SLOW_HEADS.values())[3:], ids=list(SLOW_HEADS)[3:])
async def test_a_later_head_that_does_not_come_whole_in_time_ends_the_connection(data: bytes) -> None:
    async with serving(reading, head_timeout=SHORT_S) as server, await server.talk() as talk:
        talk.send(GET)
        await talk.response()
        async with closing_soon(server, talk) as received:
            talk.send(data)
    assert received == [b""]


@pytest.mark.parametrize("data", list(SLOW_HEADS.values())[3:], ids=list(SLOW_HEADS)[3:])
async def test_a_head_that_comes_with_the_request_before_has_no_more_time(data: bytes) -> None:
    async with (
        serving(reading, head_timeout=SHORT_S) as server,
        await server.talk() as talk,
        closing_soon(server, talk) as received,
    ):
        talk.send(GET + data)
    assert statuses(received[0]) == [200]


async def dripping(talk: Talk, data: bytes, step_s: float) -> None:
    """Send `data` again and again, a byte each time, until the server closes."""
    while not talk.writer.is_closing():
        for byte in data:
            talk.send(bytes([byte]))
            await asyncio.sleep(step_s)


@pytest.mark.parametrize("data", [b"GET /" + b"a" * 8000, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100])
async def test_a_head_that_is_dripped_ends_the_connection(data: bytes) -> None:
    async with serving(reading, head_timeout=SHORT_S) as server, await server.talk() as talk:
        drips = asyncio.create_task(dripping(talk, data, SHORT_S / 20))
        async with closing_soon(server, talk):
            pass
        drips.cancel()


async def test_a_body_that_is_dripped_more_slowly_than_any_line_is_given_up() -> None:
    async with (
        serving(reading, read_timeout=SHORT_S, lingering_time=SHORT_S) as server,
        await server.talk() as talk,
    ):
        talk.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        drips = asyncio.create_task(dripping(talk, b"a", SHORT_S / 4))
        async with closing_soon(server, talk) as received:
            pass
        drips.cancel()
    assert statuses(received[0]) == [408]


async def test_empty_lines_that_are_dripped_end_the_connection() -> None:
    async with serving(reading, head_timeout=SHORT_S) as server, await server.talk() as talk:
        drips = asyncio.create_task(dripping(talk, b"\r\n", SHORT_S / 4))
        async with asyncio.timeout(LATEST_S):
            await until_closed(talk)
        drips.cancel()


async def test_a_connection_is_closed_when_no_request_follows() -> None:
    async with serving(reading, keepalive_timeout=SHORT_S) as server, await server.talk() as talk:
        talk.send(GET)
        assert (await talk.response())[0] == 200
        async with closing_soon(server, talk) as received:
            pass
    assert received == [b""]


# Bodies.

SLOW_BODIES: dict[str, bytes] = {
    "no byte": POST,
    "half": POST + b"12345",
    "all but the last byte": POST + b"123456789",
    "no chunk": CHUNKED,
    "half a chunk size": CHUNKED + b"5",
    "half a chunk": CHUNKED + b"5\r\n12",
    "no last chunk": CHUNKED + b"5\r\n12345\r\n",
    "half a trailer": CHUNKED + b"0\r\nX: ",
    "no end of the trailers": CHUNKED + b"0\r\nX: y\r\n",
    "another expectation": POST.replace(b"Host", b"Expect: x\r\nHost"),
    "an expectation of HTTP/1.0": POST.replace(b"Host", b"Expect: 100-continue\r\nHost").replace(b"1.1", b"1.0"),
}


@pytest.mark.parametrize("data", SLOW_BODIES.values(), ids=SLOW_BODIES)
async def test_a_body_that_does_not_come_on_is_a_408_and_ends_the_connection(data: bytes) -> None:
    async with (
        serving(reading, read_timeout=SHORT_S, lingering_time=SHORT_S) as server,
        await server.talk() as talk,
        closing_soon(server, talk) as received,
    ):
        talk.send(data)
    assert b"100 Continue" not in received[0]
    assert statuses(received[0]) == [408]


async def test_a_body_that_was_asked_for_and_does_not_come_is_a_408() -> None:
    async with (
        serving(reading, read_timeout=SHORT_S, lingering_time=SHORT_S) as server,
        await server.talk() as talk,
        closing_soon(server, talk) as received,
    ):
        talk.send(POST.replace(b"Host", b"Expect: 100-continue\r\nHost"))
    assert received[0].startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert statuses(received[0]) == [408]


@pytest.mark.parametrize("data", [POST + b"1", CHUNKED + b"5\r\n12"])
async def test_the_rest_of_a_body_that_nobody_reads_is_not_waited_for_long(data: bytes) -> None:
    async with (
        serving(unread, lingering_time=SHORT_S) as server,
        await server.talk() as talk,
        closing_soon(server, talk) as received,
    ):
        talk.send(data)
    assert statuses(received[0]) == [200]


@pytest.mark.parametrize("data", [POST.replace(b"10", b"1000"), CHUNKED + b"3e8\r\n"])
async def test_the_rest_of_a_body_that_nobody_reads_may_not_be_dripped_either(data: bytes) -> None:
    async with serving(unread, lingering_time=SHORT_S) as server, await server.talk() as talk:
        talk.send(data)
        drips = asyncio.create_task(dripping(talk, b"a", SHORT_S / 20))
        async with closing_soon(server, talk):
            pass
        drips.cancel()


async def test_a_handler_that_is_slow_to_read_is_no_slow_client() -> None:
    async def slow(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(SHORT_S * 5)
        return web.Response(text=str(len(await request.read())))

    body = bytes(MIB // 2)  # more than is buffered
    async with serving(slow, read_timeout=SHORT_S) as server, await server.talk() as talk:
        talk.send(POST.replace(b"10", b"%d" % len(body)) + body)
        async with asyncio.timeout(LONGEST_S):
            assert (await talk.response())[2] == b"%d" % len(body)


async def test_a_handler_that_takes_long_is_no_slow_client() -> None:
    async def slow(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(SHORT_S * 5)
        return web.Response(text="late")

    limits: dict[str, Any] = dict.fromkeys(
        ("head_timeout", "read_timeout", "write_timeout", "keepalive_timeout", "lingering_time"), SHORT_S
    )
    async with serving(slow, **limits) as server, await server.talk() as talk:
        talk.send(GET)
        assert (await talk.response())[2] == b"late"


# Downloads.

SIZE = 32 * MIB  # more than the kernel and the transport take


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "large"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


async def streamed(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(SIZE // MIB):
        await response.write(bytes(MIB))
    return response


async def whole(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=bytes(SIZE))


async def whole_and_then_closed(request: web.BaseRequest) -> web.StreamResponse:
    response = web.Response(body=bytes(SIZE))
    response.force_close()
    return response


ASKING: dict[str, bytes] = {
    "one request": GET,
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "two requests": GET + GET,
    "with half a body": POST + b"1",
    "and half a head": GET + b"GET",
}


@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING)
@pytest.mark.parametrize("kind", ["streamed", "whole", "whole_and_then_closed", "file"])
async def test_a_client_that_takes_nothing_of_an_answer_loses_its_connection(
    asking: bytes, kind: str, large_file: Path
) -> None:
    async def file(request: web.BaseRequest) -> web.StreamResponse:
        return web.FileResponse(large_file)

    handlers = {"streamed": streamed, "whole": whole, "whole_and_then_closed": whole_and_then_closed, "file": file}
    limits: dict[str, Any] = dict.fromkeys(("read_timeout", "write_timeout", "lingering_time"), SHORT_S)
    async with serving(handlers[kind], **limits) as server, await server.talk() as talk:
        transport = talk.writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()
        talk.send(asking)
        await until(lambda: server.server.connections)
        await until_nothing_left(server)


@pytest.mark.parametrize("kind", ["streamed", "whole", "file"])
async def test_a_client_that_takes_an_answer_slowly_gets_it_all(kind: str, large_file: Path) -> None:
    async def file(request: web.BaseRequest) -> web.StreamResponse:
        return web.FileResponse(large_file)

    handlers = {"streamed": streamed, "whole": whole, "file": file}
    async with (
        serving(handlers[kind], write_timeout=SHORT_S * 2, keepalive_timeout=SHORT_S) as server,
        await server.talk() as talk,
    ):
        talk.send(GET)
        received = len(await talk.head())
        for _ in range(8):  # twice as long as the limit, though never as long without a byte
            received += len(await talk.reader.readexactly(2 * MIB))
            await asyncio.sleep(SHORT_S / 2)
        received += len(await until_closed(talk))
    assert received > SIZE


async def test_slow_clients_do_not_keep_others_waiting() -> None:
    limits: dict[str, Any] = {"head_timeout": LONGEST_S, "read_timeout": LONGEST_S, "write_timeout": LONGEST_S}
    async with serving(reading, **limits) as server:
        slow = [await server.talk() for _ in range(len(SLOW_HEADS) + len(SLOW_BODIES))]
        for talk, data in zip(slow, [*SLOW_HEADS.values(), *SLOW_BODIES.values()], strict=True):
            talk.send(data)
        await turns()
        for _ in range(10):
            assert (await server.get("/"))[0] == 200
        for talk in slow:
            talk.writer.transport.abort()
