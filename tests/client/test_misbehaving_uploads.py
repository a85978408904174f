"""Servers that answer before they have read the body, or never ask for it; and bodies that do not fit their length."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, Peer, RawServer, replying
from trunkline import ClientConnectionError, ClientSession

REFUSED = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
NOT_EXPECTED = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno"


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(100_000)


async def two() -> AsyncIterator[bytes]:
    yield b"ab"
    yield b"cd"


async def test_an_answer_during_the_upload_counts_and_ends_it() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.reader.readexactly(1_000_000)
        await peer.send(REFUSED)
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession() as session:
        async with session.post(server.url(), data=endless()) as response:
            assert (response.status, await response.read()) == (413, b"no")
        await wait_nothing_held(session)
        await server.wait_all_closed()
        assert session.connector is not None
        assert idle_count(session.connector) == 0


async def test_an_answer_from_a_server_that_reads_no_further_ends_the_upload() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(REFUSED)
        await is_over.wait()

    is_over = asyncio.Event()
    async with RawServer(handler) as server, ClientSession() as session:
        async with session.post(server.url(), data=endless()) as response:
            assert (response.status, await response.read()) == (413, b"no")
        await wait_nothing_held(session)
        is_over.set()


async def test_a_server_that_closes_during_the_upload_is_an_error_or_its_answer() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(REFUSED)
        peer.reset()

    async with RawServer(handler) as server, ClientSession() as session:
        for _ in range(20):  # a reset may overtake the answer: then there is no answer to be had
            with suppress(ClientConnectionError):
                async with session.post(server.url(), data=endless()) as response:
                    assert (response.status, await response.read()) == (413, b"no")
        await wait_nothing_held(session)
        assert len(server.requests) == 20


async def test_100_continue_that_never_comes_is_not_waited_for_for_long() -> None:
    async def handler(peer: Peer) -> None:
        head = await peer.head()
        assert b"Expect: 100-continue\r\n" in head
        began_at = monotonic()
        assert await peer.body(head) == b"body"
        waited.append(monotonic() - began_at)
        await peer.send(OK)
        await peer.wait_closed_by_client()

    waited: list[float] = []
    async with (
        RawServer(handler) as server,
        ClientSession() as session,
        session.post(server.url(), data=b"body", expect100=True) as response,
    ):
        assert await response.read() == b"ok"
    assert 0.9 < waited[0] < 5


async def test_100_continue_lets_the_body_go_at_once() -> None:
    async def handler(peer: Peer) -> None:
        while True:
            head = await peer.head()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await peer.reader.read(1)
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            async with asyncio.timeout(0.5):
                assert await peer.body(head) == b"body"
            await peer.send(OK)

    async with RawServer(handler) as server, ClientSession() as session:
        for _ in range(2):
            async with session.post(server.url(), data=b"body", expect100=True) as response:
                assert await response.read() == b"ok"
        assert server.connections == 1


async def test_a_final_answer_to_expect_keeps_the_body_back() -> None:
    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(NOT_EXPECTED)
        assert await peer.wait_closed_by_client() == b""

    async with RawServer(handler) as server, ClientSession() as session:
        async with session.post(server.url(), data=b"body", expect100=True) as response:
            assert (response.status, await response.read()) == (417, b"no")
        await server.wait_all_closed()


# Any: whatever `data=` takes
CONTRADICTIONS: dict[str, tuple[dict[str, str], Any]] = {
    "length too small": ({"Content-Length": "1"}, b"abcd"),
    "length too large": ({"Content-Length": "9"}, b"abcd"),
    "length of no body": ({"Content-Length": "4"}, None),
    "length with a sign": ({"Content-Length": "+4"}, b"abcd"),
    "length of a file": ({"Content-Length": "9"}, io.BytesIO(b"abcd")),
    "length and chunks": ({"Content-Length": "4", "Transfer-Encoding": "chunked"}, b"abcd"),
    "unknown coding": ({"Transfer-Encoding": "gzip"}, b"abcd"),
}


@pytest.mark.parametrize(("headers", "data"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
async def test_fields_that_contradict_the_body_are_refused_before_anything_is_sent(
    headers: dict[str, str], data: Any
) -> None:
    async with RawServer(replying(OK)) as server, ClientSession() as session:
        with pytest.raises(ValueError, match=r"Content-Length|Transfer-Encoding"):
            await session.post(server.url(), headers=headers, data=data)
        assert server.connections == 0


@pytest.mark.parametrize("length", [3, 9])
async def test_a_stream_that_does_not_fit_its_length_never_reaches_into_the_next_request(length: int) -> None:
    async def handler(peer: Peer) -> None:
        received.append(await peer.wait_closed_by_client())

    received: list[bytes] = []
    async with RawServer(handler) as server, ClientSession() as session:
        with pytest.raises(ClientConnectionError, match="Content-Length"):
            await session.post(server.url(), headers={"Content-Length": str(length)}, data=two())
        await wait_nothing_held(session)
        await server.wait_all_closed()
    body = received[0].partition(b"\r\n\r\n")[2]
    assert len(body) <= length
    assert b"abcd".startswith(body)


async def test_a_body_that_fails_ends_the_request_with_its_error() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"begun"
        raise OSError("the disk is gone")

    async with RawServer(replying(OK)) as server, ClientSession() as session:
        with pytest.raises(ClientConnectionError, match="the disk is gone"):
            await session.post(server.url(), data=body())
        await wait_nothing_held(session)
        await server.wait_all_closed()


BAD_NAMES = ["", "a b", "a:b", "a\r\nb", "a\0b", "é"]
BAD_VALUES = ["a\r\nb: c", "a\nb", "a\rb", "a\0b"]


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_field_name_that_is_no_token_is_refused_before_anything_is_sent(name: str) -> None:
    async with RawServer(replying(OK)) as server, ClientSession() as session:
        with pytest.raises(ValueError):
            await session.get(server.url(), headers={name: "value"})
        assert server.connections == 0


@pytest.mark.parametrize("value", BAD_VALUES)
async def test_a_value_that_would_start_a_new_line_is_refused_before_anything_is_sent(value: str) -> None:
    async with RawServer(replying(OK)) as server, ClientSession() as session:
        with pytest.raises(ValueError):
            await session.get(server.url(), headers={"X": value})
        with pytest.raises(ValueError):
            await session.get(server.url(), cookies={"x": value})
        with pytest.raises(ValueError):
            await session.request(f"GET{value}", server.url())
        assert server.connections == 0
