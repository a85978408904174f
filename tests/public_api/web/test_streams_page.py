"""The documentation's page on streams, from the side of the server: `request.content`, read in every way it names."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest

import trunkline
from tests.web.serving import Serving, serving
from trunkline import web

Reading = Callable[[trunkline.StreamReader], Awaitable[object]]

WHOLE = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


class Reader:
    """A handler that reads the body as told, and keeps the outcome; pieces are sent when it asks for them."""

    def __init__(self, read: Reading) -> None:
        self._read = read
        self.outcome: object = None

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.outcome = await self._read(request.content)
        return web.Response()


async def outcome_of(read: Reading, request: bytes) -> object:
    """Return what `read` makes of the body of a request that is sent in one piece."""
    reader = Reader(read)
    async with serving(reader) as server:
        status, _, _ = await server.ask(request)
    assert status == 200
    return reader.outcome


class Dialogue:
    """Sends pieces of one body, each when the handler is ready for it."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._open = asyncio.Event()

    async def connect(self, server: Serving, head: bytes) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", server.port)
        self._writer.write(head)
        self._open.set()
        return reader

    async def send(self, data: bytes) -> None:
        await self._open.wait()
        assert self._writer is not None
        self._writer.write(data)

    def end(self) -> None:
        assert self._writer is not None
        self._writer.close()


async def outcome_of_dialogue(
    read: Callable[[trunkline.StreamReader, Dialogue], Awaitable[object]], head: bytes
) -> object:
    """Return what `read` makes of a body that it has the client send piece by piece."""
    dialogue = Dialogue()
    reader = Reader(lambda content: read(content, dialogue))
    async with asyncio.timeout(10), serving(reader) as server:
        answers = await dialogue.connect(server, head)
        assert (await answers.readline()).startswith(b"HTTP/1.1 200 ")
        dialogue.end()
    return reader.outcome


# Reading.


async def test_read_returns_the_whole_body_and_then_nothing() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        return [await content.read(), await content.read(), await content.read(5), await content.readany()]

    assert await outcome_of(read, WHOLE + b"0123456789") == [b"0123456789", b"", b"", b""]


async def test_read_n_returns_at_most_n_bytes_and_does_not_wait_for_more() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        await client.send(b"0123456")
        parts = [await content.read(5), await content.read(5)]
        await client.send(b"789")
        return [*parts, await content.read(5), await content.read(5)]

    assert await outcome_of_dialogue(read, WHOLE) == [b"01234", b"56", b"789", b""]


async def test_readany_returns_what_is_there() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        await client.send(b"012")
        first = await content.readany()
        await client.send(b"3456789")
        return [first, await content.readany(), await content.readany()]

    assert await outcome_of_dialogue(read, WHOLE) == [b"012", b"3456789", b""]


async def test_readexactly_waits_until_all_is_there() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        reading = asyncio.create_task(content.readexactly(8))
        await client.send(b"012")
        done, _ = await asyncio.wait([reading], timeout=0.05)
        assert not done
        await client.send(b"3456789")
        return [await reading, await content.read()]

    assert await outcome_of_dialogue(read, WHOLE) == [b"01234567", b"89"]


async def test_readexactly_raises_at_the_end_with_what_there_was() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        with pytest.raises(asyncio.IncompleteReadError) as error:
            await content.readexactly(11)
        return error.value.partial

    assert await outcome_of(read, WHOLE + b"0123456789") == b"0123456789"


async def test_readline_ends_lines_with_their_newline_and_the_last_without() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        return [await content.readline() for _ in range(5)]

    assert await outcome_of(read, WHOLE + b"one\n\r\n\ntri") == [b"one\n", b"\r\n", b"\n", b"tri", b""]


async def test_readuntil_takes_any_separator() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        return [await content.readuntil(b"--") for _ in range(4)]

    assert await outcome_of(read, WHOLE + b"one--t-wo.") == [b"one--", b"t-wo.", b"", b""]


async def test_readuntil_finds_a_separator_that_comes_in_two_pieces() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        await client.send(b"one-")
        reading = asyncio.create_task(content.readuntil(b"--"))
        await asyncio.wait([reading], timeout=0.02)
        await client.send(b"-56789")
        return [await reading, await content.read()]

    assert await outcome_of_dialogue(read, WHOLE) == [b"one--", b"56789"]


@pytest.mark.parametrize("max_size", [None, 4])
async def test_readuntil_gives_up_on_what_is_too_long(max_size: int | None) -> None:
    async def read(content: trunkline.StreamReader) -> object:
        with pytest.raises(Exception, match="more than") as error:
            await content.readuntil(b"\n", max_size=max_size)
        return type(error.value).__name__

    body = b"x" * (10 if max_size else 10_000_000)
    head = WHOLE.replace(b"10", b"%d" % len(body))
    reader = Reader(read)
    async with serving(reader) as server:
        assert (await server.ask(head + body))[0] == 200
    assert reader.outcome == "LineTooLong"


async def test_readchunk_tells_where_the_chunks_of_the_wire_end() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        return [await content.readchunk() for _ in range(3)]

    sent = CHUNKED + b"4\r\nwiki\r\n5;ext=1\r\npedia\r\n0\r\n\r\n"
    assert await outcome_of(read, sent) == [(b"wiki", True), (b"pedia", True), (b"", False)]


async def test_readchunk_of_a_body_without_chunks_tells_of_none() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        return [await content.readchunk() for _ in range(2)]

    assert await outcome_of(read, WHOLE + b"0123456789") == [(b"0123456789", False), (b"", False)]


async def test_a_chunk_that_comes_in_pieces_ends_with_the_last() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        await client.send(b"a\r\n01234")
        first = await content.readchunk()
        await client.send(b"56789\r\n0\r\n\r\n")
        rest = b""
        ended = False
        while not ended:
            data, ended = await content.readchunk()
            rest += data
        return [first, rest]

    assert await outcome_of_dialogue(read, CHUNKED) == [(b"01234", False), b"56789"]


async def test_total_raw_bytes_counts_before_decompression() -> None:
    body = gzip.compress(b"a" * 10_000)
    head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def read(content: trunkline.StreamReader) -> object:
        return [len(await content.read()), content.total_raw_bytes]

    assert await outcome_of(read, head + body) == [10_000, len(body)]


# Asynchronous iteration.


async def test_a_stream_iterates_over_lines() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        return [line async for line in content]

    assert await outcome_of(read, WHOLE + b"one\ntwo\nth") == [b"one\n", b"two\n", b"th"]


async def test_iter_chunked_bounds_the_size() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        return [data async for data in content.iter_chunked(4)]

    assert await outcome_of(read, WHOLE + b"0123456789") == [b"0123", b"4567", b"89"]


async def test_iter_any_follows_what_comes_in() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        parts = []
        await client.send(b"012")
        async for data in content.iter_any():
            parts.append(data)
            await client.send(b"3456789" if len(parts) == 1 else b"")
        return parts

    assert await outcome_of_dialogue(read, WHOLE) == [b"012", b"3456789"]


async def test_iter_chunks_lets_the_chunks_of_the_wire_be_put_together() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        chunks = []
        buffer = b""
        async for data, end_of_http_chunk in content.iter_chunks():
            buffer += data
            if end_of_http_chunk:
                chunks.append(buffer)
                buffer = b""
        return chunks

    large = b"x" * 200_000
    sent = CHUNKED + b"3\r\none\r\n%x\r\n%s\r\n3\r\nend\r\n0\r\n\r\n" % (len(large), large)
    assert await outcome_of(read, sent) == [b"one", large, b"end"]


# Helpers.


async def test_the_end_is_reached_when_all_has_come_and_passed_when_all_is_read() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        told = [content.is_eof(), content.at_eof()]
        await client.send(b"0123456789")
        await content.wait_eof()
        told += [content.is_eof(), content.at_eof()]
        assert await content.read() == b"0123456789"
        return [*told, content.is_eof(), content.at_eof()]

    assert await outcome_of_dialogue(read, WHOLE) == [False, False, True, False, True, True]


async def test_read_nowait_takes_what_is_there_and_never_waits() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        parts = [content.read_nowait()]
        await client.send(b"0123456789")
        await content.wait_eof()
        return [*parts, content.read_nowait(4), content.read_nowait(), content.read_nowait()]

    assert await outcome_of_dialogue(read, WHOLE) == [b"", b"0123", b"456789", b""]


async def test_read_nowait_is_refused_while_another_coroutine_waits() -> None:
    async def read(content: trunkline.StreamReader, client: Dialogue) -> object:
        reading = asyncio.create_task(content.read())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="wait"):
            content.read_nowait()
        await client.send(b"0123456789")
        return await reading

    assert await outcome_of_dialogue(read, WHOLE) == b"0123456789"


async def test_data_can_be_put_back() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        beginning = await content.readexactly(3)
        with pytest.deprecated_call():
            content.unread_data(beginning)
        return await content.read()

    assert await outcome_of(read, WHOLE + b"0123456789") == b"0123456789"


async def test_a_body_that_breaks_off_raises_and_the_stream_keeps_the_exception() -> None:
    outcomes: asyncio.Queue[tuple[BaseException | None, BaseException, BaseException | None]] = asyncio.Queue()

    async def handler(request: web.BaseRequest) -> web.Response:
        before = request.content.exception()
        with pytest.raises(ConnectionResetError) as raised:
            await request.content.read()
        outcomes.put_nowait((before, raised.value, request.content.exception()))
        return web.Response()

    async with asyncio.timeout(10), serving(handler) as server, await server.talk() as talk:
        talk.send(WHOLE + b"01234")
        talk.writer.write_eof()
        before, raised, kept = await outcomes.get()
    assert before is None
    assert kept is raised


async def test_a_request_without_a_body_has_an_empty_stream() -> None:
    async def read(content: trunkline.StreamReader) -> object:
        chunks = [data async for data in content.iter_any()]
        return [await content.read(), await content.readline(), content.is_eof(), content.at_eof(), chunks]

    assert await outcome_of(read, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n") == [b"", b"", True, True, []]
