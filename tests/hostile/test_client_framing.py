"""Servers that would have a second answer read, and callers' data that would start a line: nothing is poisoned."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from yarl import URL

from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, Peer, RawServer, replying
from trunkline import ClientError, ClientPayloadError, ClientSession, FormData, TCPConnector

HEAD = b"HTTP/1.1 200 OK\r\n"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
CHUNKS = b"2\r\nok\r\n0\r\n\r\n"
TE = b"Transfer-Encoding: chunked\r\n"

# What each would be if Content-Length won: a body with or without what hides behind it.
BOTH_FRAMINGS = {
    "no length": HEAD + b"Content-Length: 0\r\n" + TE + b"\r\n" + CHUNKS + POISON,
    "length of the first chunk's data": HEAD + TE + b"Content-Length: 2\r\n\r\n" + CHUNKS + POISON,
    "length of all chunks": HEAD + b"Content-Length: %d\r\n" % len(CHUNKS) + TE + b"\r\n" + CHUNKS + POISON,
    "length of more than comes": HEAD + b"Content-Length: 999\r\n" + TE + b"\r\n" + CHUNKS,
    "two lengths": HEAD + b"Content-Length: 2\r\n" + TE + b"Content-Length: 3\r\n\r\n" + CHUNKS + POISON,
    "length of a word": HEAD + b"Content-Length: two\r\n" + TE + b"\r\n" + CHUNKS + POISON,
    "in HTTP/1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n"
    + TE
    + b"\r\n"
    + CHUNKS
    + POISON,
    "coding in capitals": HEAD + b"Content-Length: 2\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n" + CHUNKS + POISON,
}


@pytest.mark.parametrize("cut", ["whole", "byte by byte"])
@pytest.mark.parametrize("answer", BOTH_FRAMINGS.values(), ids=BOTH_FRAMINGS)
async def test_with_length_and_chunks_the_chunks_count_or_it_is_an_error_and_the_connection_goes(
    answer: bytes, cut: str
) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        for portion in [answer] if cut == "whole" else [answer[at : at + 1] for at in range(len(answer))]:
            await peer.send(portion)
            await asyncio.sleep(0)
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession(connector=TCPConnector(limit=1)) as session:
        for turn in (1, 2, 3):
            with suppress(ClientError):
                async with session.get(server.url()) as response:
                    assert await response.read() == b"ok"
            await wait_nothing_held(session)
            assert session.connector is not None
            assert idle_count(session.connector) == 0
            assert server.connections == turn
        await server.wait_all_closed()


async def test_200_000_answers_to_one_request_are_one_answer() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        for _ in range(200):
            await peer.send(OK + POISON * 1_000)
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession() as session:
        for turn in (1, 2, 3):
            async with session.get(server.url()) as response:
                assert await response.read() == b"ok"
            assert server.connections == turn
        await server.wait_all_closed()


async def test_a_bad_trailer_fails_a_reader_that_had_begun_and_never_hangs() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + TE + b"\r\n5\r\nbegun\r\n")
        await has_begun.wait()
        await peer.send(b"0\r\nX : y\r\n\r\n" + POISON)
        await peer.wait_closed_by_client()

    has_begun = asyncio.Event()
    async with RawServer(handler) as server, ClientSession() as session, asyncio.timeout(5):
        async with session.get(server.url()) as response:
            assert await response.content.readany() == b"begun"
            has_begun.set()
            with pytest.raises(ClientPayloadError, match=r".{20}"):
                await response.content.readany()
        await wait_nothing_held(session)
        await server.wait_all_closed()


# What a caller passes on.

Call = Callable[[ClientSession, str], Awaitable[object]]
LINES = ["a\r\nX: y", "a\nX", "a\rX", "a\0X"]


def form(name: str, **options: Any) -> FormData:  # Any: as add_field takes them
    data = FormData()
    data.add_field(name, b"x", **options)
    return data


OF_TEXT: dict[str, Callable[[str], Call]] = {
    "field name": lambda bad: lambda session, url: session.get(url, headers={bad: "x"}),
    "field value": lambda bad: lambda session, url: session.get(url, headers={"X": bad}),
    "method": lambda bad: lambda session, url: session.request(bad, url),
    "cookie's name": lambda bad: lambda session, url: session.get(url, cookies={bad: "x"}),
    "cookie's value": lambda bad: lambda session, url: session.get(url, cookies={"x": bad}),
    "form field's type": lambda bad: lambda session, url: session.post(url, data=form("x", content_type=bad)),
    "subprotocol": lambda bad: lambda session, url: session.ws_connect(url, protocols=(bad,)),
    "origin": lambda bad: lambda session, url: session.ws_connect(url, origin=bad),
    "proxy's field": lambda bad: (
        lambda session, url: session.get("https://a.test/", proxy=url, proxy_headers={"X": bad})
    ),
}
EMPTY: dict[str, Call] = {
    "field name": lambda session, url: session.get(url, headers={"": "x"}),
    "method": lambda session, url: session.request("", url),
    "subprotocol": lambda session, url: session.ws_connect(url, protocols=("",)),
}
NOT_IN_TOKENS: dict[str, Call] = {
    "space in a method": lambda session, url: session.request("GE T", url),
    "colon in a field name": lambda session, url: session.get(url, headers={"a:b": "x"}),
    "space in a field name": lambda session, url: session.get(url, headers={"a ": "x"}),
    "space in a target": lambda session, url: session.get(URL(f"{url}a b", encoded=True)),
    "space in a subprotocol": lambda session, url: session.ws_connect(url, protocols=("a b",)),
    "comma in a subprotocol": lambda session, url: session.ws_connect(url, protocols=("a,b",)),
}


async def refuse(call: Call) -> None:
    async with RawServer(replying(OK)) as server, ClientSession() as session:
        with pytest.raises(ValueError, match=r".{10}"):
            await call(session, server.url())
        assert (server.connections, server.requests) == (0, [])
        await wait_nothing_held(session)


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("call", OF_TEXT.values(), ids=OF_TEXT)
async def test_what_would_start_a_line_raises_at_the_call_and_nothing_is_on_the_wire(
    call: Callable[[str], Call], text: str
) -> None:
    await refuse(call(text))


@pytest.mark.parametrize("call", [*EMPTY.values(), *NOT_IN_TOKENS.values()], ids=[*EMPTY, *NOT_IN_TOKENS])
async def test_what_is_empty_or_no_token_raises_at_the_call_and_nothing_is_on_the_wire(call: Call) -> None:
    await refuse(call)


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("part", ["", "?", "?x="])
async def test_a_url_starts_no_line(part: str, text: str) -> None:
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)

    async with RawServer(handler) as server, ClientSession() as session:
        for encoded in (False, True):
            try:
                async with session.get(URL(f"{server.url()}{part}{text}", encoded=encoded)) as response:
                    assert await response.read() == b"ok"
            except ValueError:
                pass  # refused at the call, but for what yarl quotes or leaves out
    for head in heads:
        assert b"\nX" not in head
        assert b"\rX" not in head
        assert b"\0" not in head


@pytest.mark.parametrize("text", LINES)
async def test_the_name_of_a_form_field_or_file_starts_no_line_in_the_body(text: str) -> None:
    bodies: list[bytes] = []

    async def handler(peer: Peer) -> None:
        bodies.append(await peer.request())
        await peer.send(OK)

    async with RawServer(handler) as server:
        for options in ({"name": text, "filename": "f"}, {"name": "n", "filename": text}):
            async with ClientSession() as session:
                try:
                    async with session.post(server.url(), data=form(**options)) as response:
                        assert await response.read() == b"ok"
                except ValueError:
                    pass  # refused at the call
    for body in bodies:
        assert b"\nX" not in body
        assert b"\rX" not in body
        assert b"\0" not in body
