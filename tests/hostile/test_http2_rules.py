"""Peers that flood, or break the rules of HTTP/2: an end that they are told of, in bounded memory, and others served.

The floods are those of `tests/wire/h2/test_noise.py`, which counts their frames; here they come over sockets.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice, repeat

import pytest

from tests.client.h2 import clear_session, hello, read_all
from tests.h2_server import H2Server
from tests.hostile.nearby import loop_is_free
from tests.memory import MIB, peak_below
from tests.raw_server import Peer, RawServer
from tests.waiting import until
from tests.web.h2_client import h2_talk
from tests.web.serving import Serving, Talk, serving
from tests.wire.h2.sides import GET, OK, POST, block, data, frame, frames, goaway, head, ping, settings, window_update
from tests.wire.h2.test_noise import FLOODS, LONG_ENOUGH
from trunkline import ClientError, ClientPayloadError, ClientResponseError, web
from trunkline.wire.h2.codes import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    MAX_WINDOW,
    PREFACE,
    RST_STREAM,
    ErrorCode,
)
from trunkline.wire.limits import MAX_H2_STREAM_WINDOW

Flood = Callable[[], Iterator[bytes]]

CALM = ErrorCode.ENHANCE_YOUR_CALM
PEAK = 32 * MIB


def endless_head(number: int) -> Iterator[bytes]:
    yield frame(HEADERS, 0, number, block(GET))
    yield from repeat(frame(CONTINUATION, 0, number))


def bomb(number: int) -> Iterator[bytes]:
    """Return the head of a response with a large field, and heads that name that field 16,000 times each."""
    yield frame(HEADERS, END_HEADERS, number, b"\x88\x40\x01x\x7f\xa1\x1e" + b"a" * 4000)
    yield from repeat(frame(HEADERS, END_HEADERS, number, b"\xbe" * 16_000))


def codes(said: bytes, kind: int) -> list[int]:
    """Return the codes of RST_STREAM or GOAWAY."""
    at = 4 if kind == GOAWAY else 0
    return [int.from_bytes(found.payload[at : at + 4]) for found in frames(said) if found.kind == kind]


# Clients that flood a server.

# Requests are answered in the meantime, and of a client that goes nothing more is heard: these two are no floods here.
NO_FLOODS = {"requests beyond the number of streams", "GOAWAY"}
OF_CLIENTS: dict[str, Flood] = {name: steps for name, steps in FLOODS.items() if name not in NO_FLOODS}
OF_CLIENTS["CONTINUATION"] = lambda: endless_head(1)


async def reading(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=await request.read())


async def flood(server: Serving, steps: Iterator[bytes]) -> bytes:
    """Send steps of an attack until the server closes; return what it said."""
    async with asyncio.timeout(10), await server.talk() as talk:
        listening = asyncio.create_task(all_of(talk.reader))
        talk.send(PREFACE + settings())
        for said in islice(steps, LONG_ENOUGH):
            if listening.done():
                break
            await send(talk, said)
        return await listening


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Read until the peer closes, be it by a reset."""
    said = b""
    try:
        while piece := await reader.read(2**16):
            said += piece
    except ConnectionError:
        pass
    return said


async def send(talk: Talk, said: bytes) -> None:
    talk.send(said)
    try:
        await talk.writer.drain()
    except ConnectionError:
        pass  # the server has closed
    await asyncio.sleep(0)


@pytest.mark.parametrize("steps", OF_CLIENTS.values(), ids=OF_CLIENTS)
async def test_a_client_that_floods_is_told_to_calm_down_in_bounded_memory_and_others_are_served(steps: Flood) -> None:
    async with serving(reading, http2="prior-knowledge") as server, h2_talk(server.port) as other:
        with peak_below(PEAK):
            said = await flood(server, steps())
        assert codes(said, GOAWAY)[-1:] == [CALM]
        assert (await other.get("/", "POST", body=b"others")).body == b"others"
        async with h2_talk(server.port) as later:
            assert (await later.get("/")).status == 200
        await until(lambda: len(server.server.connections) == 1)


@pytest.mark.parametrize("steps", OF_CLIENTS.values(), ids=OF_CLIENTS)
async def test_a_flood_does_not_hold_the_loop_of_a_server(steps: Flood) -> None:
    async with serving(reading, http2="prior-knowledge") as server, loop_is_free():
        await flood(server, steps())


# Servers that flood a client.

OF_SERVERS: dict[str, Flood] = {
    "PING": lambda: repeat(ping()),
    "SETTINGS": lambda: repeat(settings([(4, 0)])),
    "CONTINUATION": lambda: endless_head(1),
    "HPACK bomb": lambda: bomb(1),
    "WINDOW_UPDATE of 1": lambda: repeat(window_update(1)),
    "empty DATA": lambda: iter([head(OK, ends=False), *[data(b"")] * LONG_ENOUGH]),
    "unknown frames": lambda: repeat(frame(0xBE, 0, 0)),
    "GOAWAY": lambda: repeat(goaway(MAX_WINDOW)),
}


async def request_of(peer: Peer, number: int) -> bytes:
    """Wait for the request in a stream; return all that has come."""
    said = b""
    while not any((found.kind, found.stream_id) == (HEADERS, number) for found in frames(said)):
        piece = await peer.reader.read(2**16)
        assert piece, "the client has closed"
        said += piece
    return said


def flooding(steps: Flood) -> RawServer:
    """Return a server that answers the first request of a connection with an attack, until the client closes."""

    async def play(peer: Peer) -> None:
        await peer.send(settings())
        await request_of(peer, 1)
        listening = asyncio.create_task(all_of(peer.reader))
        for said in islice(steps(), LONG_ENOUGH):
            if listening.done():
                break
            await peer.send(said)
            await asyncio.sleep(0)
        await listening

    return RawServer(play)


@pytest.mark.parametrize("steps", OF_SERVERS.values(), ids=OF_SERVERS)
async def test_a_server_that_floods_ends_its_connection_in_bounded_memory_and_others_are_asked(steps: Flood) -> None:
    async with H2Server(hello) as other, flooding(steps) as server, clear_session() as session:
        with peak_below(PEAK), pytest.raises(ClientError, match=r"bring nothing|a head of|at most|goes away"):
            await asyncio.wait_for(read_all(session, server.url()), 20)
        assert await read_all(session, other.url()) == b"hello"


@pytest.mark.parametrize("steps", OF_SERVERS.values(), ids=OF_SERVERS)
async def test_a_flood_does_not_hold_the_loop_of_a_client(steps: Flood) -> None:
    async with flooding(steps) as server, clear_session() as session, loop_is_free():
        with pytest.raises(ClientError):
            await read_all(session, server.url())


# Messages that are none.

BAD_REQUESTS = {
    "no :path": [GET[0], GET[1], GET[3]],
    ":path twice": [*GET, (":path", "/b")],
    "empty :path": [GET[0], GET[1], (":path", ""), GET[3]],
    "a :status": [*GET, (":status", "200")],
    "an unknown pseudo-header field": [*GET, (":x", "y")],
    "a pseudo-header field behind others": [*GET[:3], ("x", "y"), GET[3]],
    "another Host than :authority": [*GET, ("host", "evil")],
    "connection": [*GET, ("connection", "close")],
    "transfer-encoding": [*GET, ("transfer-encoding", "chunked")],
    "upgrade": [*GET, ("upgrade", "h2c")],
    "te: gzip": [*GET, ("te", "gzip")],
    "upper case": [*GET, ("X-Upper", "y")],
    "a line break": [*GET, ("x", "a\r\nb: c")],
    "content-length without a body": [*GET, ("content-length", "1")],
    "two lengths": [*GET, ("content-length", "0"), ("content-length", "1")],
}


async def last_answer(talk: Talk, requests: bytes) -> bytes:
    """Send `requests`; return all that was said until the one in stream 3 was answered."""
    talk.send(PREFACE + settings() + requests)
    said = b""
    async with asyncio.timeout(5):
        while not any(found.stream_id == 3 and found.flags & END_STREAM for found in frames(said)):
            piece = await talk.reader.read(2**16)
            assert piece, "the server has closed"
            said += piece
    return said


@pytest.mark.parametrize("fields", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_a_request_that_is_none_resets_its_stream_and_the_connection_goes_on(
    fields: list[tuple[str, str]],
) -> None:
    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response(text="ok")

    async with serving(handler, http2="prior-knowledge") as server, await server.talk() as talk:
        said = await last_answer(talk, head(fields, 1) + head(GET, 3))
        assert codes(said, RST_STREAM) == [ErrorCode.PROTOCOL_ERROR]
        assert [found.payload for found in frames(said) if found.stream_id == 3][-1:] == [b"ok"]
        assert seen == ["/"]


@pytest.mark.parametrize("size", [3, 5], ids=["too little", "too much"])
async def test_a_body_of_another_length_than_announced_resets_its_stream(size: int) -> None:
    async with serving(reading, http2="prior-knowledge") as server, await server.talk() as talk:
        request = head([*POST, ("content-length", "4")], ends=False) + data(bytes(size), ends=True)
        said = await last_answer(talk, request + head(GET, 3))
        assert codes(said, RST_STREAM) == [ErrorCode.PROTOCOL_ERROR]


BAD_RESPONSES = {
    "no :status": [("x", "y")],
    ":status twice": [*OK, *OK],
    ":status of two digits": [(":status", "20")],
    "a :path": [*OK, (":path", "/")],
    "101": [(":status", "101")],
    "connection": [*OK, ("connection", "close")],
    "transfer-encoding": [*OK, ("transfer-encoding", "chunked")],
    "upper case": [*OK, ("X-Upper", "y")],
    "a line break": [*OK, ("x", "a\r\nb: c")],
    "two lengths": [*OK, ("content-length", "0"), ("content-length", "1")],
}


def answering(first: bytes, heard: list[bytes]) -> RawServer:
    """Return a server that answers the first request by `first`, and a second one on its connection well."""

    async def play(peer: Peer) -> None:
        await peer.send(settings())
        await request_of(peer, 1)
        await peer.send(first)
        heard.append(await request_of(peer, 3))
        await peer.send(head(OK, 3, ends=False) + data(b"ok", 3, ends=True))
        await peer.wait_closed_by_client()

    return RawServer(play)


@pytest.mark.parametrize("fields", BAD_RESPONSES.values(), ids=BAD_RESPONSES)
async def test_a_response_that_is_none_is_an_error_of_its_stream_and_the_connection_goes_on(
    fields: list[tuple[str, str]],
) -> None:
    heard: list[bytes] = []
    async with answering(head(fields), heard) as server, clear_session() as session:
        with pytest.raises(ClientResponseError):
            await session.get(server.url())
        assert await read_all(session, server.url()) == b"ok"
        assert codes(heard[0], RST_STREAM) == [ErrorCode.PROTOCOL_ERROR]
        assert server.connections == 1


@pytest.mark.parametrize("size", [3, 5], ids=["too little", "too much"])
async def test_a_body_of_another_length_than_announced_is_an_error_of_its_reader(size: int) -> None:
    heard: list[bytes] = []
    first = head([*OK, ("content-length", "4")], ends=False) + data(bytes(size), ends=True)
    async with answering(first, heard) as server, clear_session() as session:
        with pytest.raises((ClientPayloadError, ClientResponseError)):
            await read_all(session, server.url())
        assert await read_all(session, server.url()) == b"ok"
        assert codes(heard[0], RST_STREAM) == [ErrorCode.PROTOCOL_ERROR]
        assert server.connections == 1


# Windows.


async def test_windows_beyond_their_bound_are_refused_by_a_server() -> None:
    async with serving(reading, http2="prior-knowledge") as server:
        for said in (window_update(MAX_WINDOW), settings([(4, MAX_WINDOW + 1)])):
            async with await server.talk() as talk:
                talk.send(PREFACE + settings() + said)
                assert codes(await talk.rest(), GOAWAY) == [ErrorCode.FLOW_CONTROL_ERROR]
        async with await server.talk() as talk:
            request = head(POST, ends=False) + window_update(MAX_WINDOW, 1)
            assert codes(await last_answer(talk, request + head(GET, 3)), RST_STREAM) == [ErrorCode.FLOW_CONTROL_ERROR]


async def test_a_client_refuses_more_of_a_body_than_its_window() -> None:
    heard: list[bytes] = []

    async def play(peer: Peer) -> None:
        await peer.send(settings())
        await request_of(peer, 1)
        peer.writer.write(head(OK, ends=False) + data(bytes(2**15)) * (32 * MIB // 2**15))
        heard.append(await all_of(peer.reader))

    async with RawServer(play) as server, clear_session() as session, session.get(server.url()) as response:
        await until(lambda: heard)  # nobody reads
        with pytest.raises(ClientPayloadError, match="window"):
            await response.read()
        assert response.content.total_bytes <= MAX_H2_STREAM_WINDOW
