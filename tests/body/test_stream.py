import asyncio
import gzip
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tests.body.streams import READERS, Broken, Read, collect, give_up, gzip_decoder, make_stream, readers, waiting
from trunkline.body.stream import StreamReader
from trunkline.wire.http_exceptions import LineTooLong

# read, readany, readexactly.


@pytest.mark.parametrize(
    ("n", "parts"),
    [
        (1, [b"a", b"b", b"c", b"d"]),
        (2, [b"ab", b"cd"]),
        (3, [b"abc", b"d"]),
        (4, [b"abcd"]),
        (100, [b"abcd"]),
        (-1, [b"abcd"]),
    ],
)
async def test_read_returns_up_to_n_of_what_is_there(n: int, parts: list[bytes]) -> None:
    stream = make_stream(b"ab", b"c", b"d", eof=True)
    assert [await stream.read(n) for _ in parts] == parts
    assert await stream.read(n) == b""


async def test_read_returns_as_soon_as_anything_is_there() -> None:
    stream = make_stream()
    task = await waiting(stream.read(100))
    stream.feed_data(b"a")
    assert await task == b"a"


async def test_data_that_comes_before_the_woken_reader_runs_is_read_with_it() -> None:
    stream = make_stream()
    task = await waiting(stream.read(100))
    for chunk in (b"a", b"b"):
        stream.feed_data(chunk)
    stream.feed_eof()
    assert await task == b"ab"


async def test_read_of_everything_waits_for_the_end() -> None:
    stream = make_stream(b"ab")
    task = await waiting(stream.read())
    for chunk in (b"c", b"d"):
        stream.feed_data(chunk)
        await asyncio.sleep(0)
    assert not task.done()
    stream.feed_eof()
    assert await task == b"abcd"


async def test_read_of_nothing_never_waits() -> None:
    assert await make_stream().read(0) == b""


async def test_readany_returns_all_that_waits() -> None:
    stream = make_stream(b"ab", b"c")
    assert await stream.readany() == b"abc"
    task = await waiting(stream.readany())
    stream.feed_data(b"d")
    assert await task == b"d"
    stream.feed_eof()
    assert await stream.readany() == b""


async def test_readexactly_gathers_over_chunks() -> None:
    stream = make_stream(b"ab", b"c")
    task = await waiting(stream.readexactly(5))
    stream.feed_data(b"def")
    assert await task == b"abcde"
    assert await stream.readexactly(0) == b""
    assert await stream.readexactly(1) == b"f"


async def test_readexactly_tells_what_it_got_when_the_body_ends_before() -> None:
    stream = make_stream(b"ab", b"c", eof=True)
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await stream.readexactly(5)
    assert (caught.value.partial, caught.value.expected) == (b"abc", 5)


# readline, readuntil.


@pytest.mark.parametrize("cut", range(1, 9))
async def test_lines_are_found_wherever_the_chunks_are_cut(cut: int) -> None:
    body = b"ab\n\ncd\ne"
    stream = make_stream(body[:cut], body[cut:], eof=True)
    assert await collect(aiter(stream)) == [b"ab\n", b"\n", b"cd\n", b"e"]


@given(st.text("ab-", max_size=20), st.sampled_from(["-", "--", "a-", "-a-", "aba"]), st.lists(st.integers(0, 20)))
def test_readuntil_splits_as_if_the_body_were_one_piece(body: str, separator: str, cuts: list[int]) -> None:
    async def read() -> list[bytes]:
        edges = [0, *sorted(cuts), len(body)]
        chunks = [body[start:end].encode() for start, end in pairwise(edges)]
        stream = make_stream(*chunks, eof=True, limit=100)
        parts = []
        while not stream.at_eof():
            parts.append(await stream.readuntil(separator.encode()))
        assert await stream.readuntil(separator.encode()) == b""
        return parts

    pieces = body.split(separator)
    expected = [piece + separator for piece in pieces[:-1]] + pieces[-1:] * bool(pieces[-1])
    assert asyncio.run(read()) == [part.encode() for part in expected]


async def test_readuntil_waits_for_a_separator_that_comes_byte_by_byte() -> None:
    stream = make_stream(b"ab")
    task = await waiting(stream.readuntil(b"\r\n"))
    for byte in b"\r\r\nc":
        stream.feed_data(bytes([byte]))
        await asyncio.sleep(0)
    assert await task == b"ab\r\r\n"
    assert stream.read_nowait() == b"c"


async def test_readuntil_needs_a_separator() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        await make_stream(b"ab").readuntil(b"")


@pytest.mark.parametrize("chunks", [[b"abcd\n"], [b"ab", b"cd\n"], [b"a", b"b", b"c", b"d", b"\n"]])
async def test_a_line_may_have_as_many_bytes_as_allowed_and_no_more(chunks: list[bytes]) -> None:
    assert await make_stream(*chunks, eof=True).readline(max_line_length=5) == b"abcd\n"
    with pytest.raises(LineTooLong, match=r"more than 4 bytes.*b'abcd.*Raise the limit"):
        await make_stream(*chunks, eof=True).readline(max_line_length=4)
    with pytest.raises(LineTooLong, match=r"more than 4 bytes.*b'abcd.*Raise the limit"):
        await make_stream(*chunks, eof=True).readuntil(b"\n", max_size=4)


async def test_a_line_is_no_longer_than_the_high_mark_by_default() -> None:
    assert await make_stream(b"x" * 31 + b"\n").readline() == b"x" * 31 + b"\n"
    with pytest.raises(LineTooLong):
        await make_stream(b"x" * 32 + b"\n").readline()


# Chunks of the wire.


def feed_in_chunks(stream: StreamReader, *chunks: list[bytes]) -> None:
    for chunk in chunks:
        stream.begin_http_chunk_receiving()
        for data in chunk:
            stream.feed_data(data)
        stream.end_http_chunk_receiving()


async def test_without_chunks_readchunk_returns_data_as_it_was_fed() -> None:
    stream = make_stream(b"ab", b"c", eof=True)
    assert [chunk async for chunk in stream.iter_chunks()] == [(b"ab", False), (b"c", False)]


async def test_readchunk_tells_where_chunks_end() -> None:
    stream = make_stream()
    feed_in_chunks(stream, [b"ab", b"c"], [b"de"])
    stream.feed_eof()
    assert [chunk async for chunk in stream.iter_chunks()] == [(b"abc", True), (b"de", True)]
    assert await stream.readchunk() == (b"", False)


async def test_data_of_several_chunks_fed_at_once_is_taken_apart() -> None:
    stream = make_stream(b"abcde")
    for offset in (1, 3, 5):
        stream.mark_chunk_end(offset)
    assert [await stream.readchunk() for _ in range(3)] == [(b"a", True), (b"bc", True), (b"de", True)]


async def test_a_chunk_whose_end_comes_later_is_told_by_an_empty_one() -> None:
    stream = make_stream()
    stream.begin_http_chunk_receiving()
    stream.feed_data(b"ab")
    assert await stream.readchunk() == (b"ab", False)
    task = asyncio.ensure_future(stream.readchunk())
    await asyncio.sleep(0)
    stream.end_http_chunk_receiving()
    assert await task == (b"", True)


async def test_ends_that_other_reads_have_passed_are_forgotten() -> None:
    stream = make_stream()
    feed_in_chunks(stream, [b"abc"], [b"d"], [b"efg"], [b"h"])
    assert await stream.read(3) == b"abc"
    assert await stream.readchunk() == (b"", True)  # the reader stands at an end
    assert await stream.read(3) == b"def"
    assert await stream.readchunk() == (b"g", True)
    assert await stream.readchunk() == (b"h", True)


async def test_lines_do_not_disturb_the_ends_of_chunks() -> None:
    stream = make_stream()
    feed_in_chunks(stream, [b"ab"], [b"c\nd"], [b"ef"])
    assert await stream.readline() == b"abc\n"
    assert [await stream.readchunk() for _ in range(2)] == [(b"d", True), (b"ef", True)]


async def test_a_long_body_in_tiny_chunks_leaves_nothing_behind() -> None:
    stream = make_stream()
    tracemalloc.start()
    try:
        for _ in range(50_000):
            feed_in_chunks(stream, [b"x"])
            await stream.read(1)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 20_000


async def test_decoded_data_has_no_chunks_of_the_wire() -> None:
    stream = make_stream(decoder=gzip_decoder())
    feed_in_chunks(stream, [gzip.compress(b"abc")])
    stream.feed_eof()
    assert [chunk async for chunk in stream.iter_chunks()] == [(b"abc", False)]


# Iterating.


async def test_the_iterators_go_by_line_by_size_and_by_arrival() -> None:
    def stream() -> StreamReader:
        return make_stream(b"a\nbc", b"\nd", eof=True)

    assert await collect(aiter(stream())) == [b"a\n", b"bc\n", b"d"]
    assert await collect(stream().iter_chunked(3)) == [b"a\nb", b"c\nd"]
    assert await collect(stream().iter_any()) == [b"a\nbc\nd"]
    assert await collect(make_stream(eof=True).iter_any()) == []


# read_nowait, unread_data, the end.


async def test_read_nowait_takes_what_is_there() -> None:
    stream = make_stream(b"ab", b"c")
    assert stream.read_nowait(1) == b"a"
    assert stream.read_nowait(0) == b""
    assert stream.read_nowait() == b"bc"
    assert stream.read_nowait() == b""


async def test_read_nowait_is_refused_while_somebody_waits() -> None:
    stream = make_stream()
    task = await waiting(stream.read())
    with pytest.raises(RuntimeError, match="another coroutine waits"):
        stream.read_nowait()
    stream.feed_eof()
    assert await task == b""


@pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")
async def test_data_that_was_put_back_is_read_again_first() -> None:
    stream = make_stream(b"abcd", b"ef", eof=True)
    assert await stream.read(3) == b"abc"
    stream.unread_data(b"bc")
    stream.unread_data(b"")
    assert await stream.read() == b"bcdef"
    stream.unread_data(b"x")
    assert not stream.at_eof()
    assert await stream.read() == b"x"


def test_to_put_data_back_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match="unread_data.. is deprecated"):
        make_stream().unread_data(b"x")


async def test_the_end_has_come_before_it_is_reached() -> None:
    stream = make_stream(b"a")
    assert (stream.is_eof(), stream.at_eof()) == (False, False)
    stream.feed_eof()
    assert (stream.is_eof(), stream.at_eof()) == (True, False)
    await stream.read()
    assert (stream.is_eof(), stream.at_eof()) == (True, True)
    assert repr(stream) == "<StreamReader eof 0 bytes waiting>"


async def test_wait_eof_returns_at_the_end_and_takes_no_data() -> None:
    stream = make_stream()
    task = asyncio.ensure_future(stream.wait_eof())
    await asyncio.sleep(0)
    stream.feed_data(b"a")
    await asyncio.sleep(0)
    assert not task.done()
    stream.feed_eof()
    await task
    await stream.wait_eof()
    assert stream.read_nowait() == b"a"


async def test_who_asked_is_called_at_the_end_once() -> None:
    calls: list[str] = []
    stream = make_stream()
    stream.on_eof(lambda: calls.append("before"))
    assert calls == []
    stream.feed_eof()
    stream.on_eof(lambda: calls.append("after"))
    assert calls == ["before", "after"]


async def test_bytes_are_counted_before_and_after_decoding() -> None:
    stream = make_stream(b"abc", eof=True)
    assert (stream.total_raw_bytes, stream.total_bytes, stream.total_compressed_bytes) == (3, 3, None)
    coded = gzip.compress(b"a" * 1000)
    stream = make_stream(coded, eof=True, decoder=gzip_decoder())
    await stream.read()
    assert (stream.total_raw_bytes, stream.total_bytes) == (len(coded), 1000)
    assert stream.total_compressed_bytes == len(coded)


# Errors.


@readers
async def test_an_error_wakes_the_reader_that_waits(read: Read) -> None:
    stream = make_stream()
    task = await waiting(read(stream))
    cause, error = OSError("cause"), Broken("error")
    stream.set_exception(error, cause)
    with pytest.raises(Broken) as caught:
        await task
    assert caught.value is error
    assert error.__cause__ is cause
    assert stream.exception() is error


@readers
async def test_an_error_is_raised_by_every_read_that_follows(read: Read) -> None:
    stream = make_stream()
    stream.set_exception(Broken())
    for _ in range(2):
        with pytest.raises(Broken):
            await read(stream)
    with pytest.raises(Broken):
        stream.read_nowait()
    with pytest.raises(Broken):
        await stream.wait_eof()
    assert not stream.at_eof()


@pytest.mark.parametrize("name", ["read 5", "readany", "readchunk"])
async def test_what_was_fed_before_an_error_can_still_be_read(name: str) -> None:
    stream = make_stream(b"abc")
    stream.set_exception(Broken())
    assert await READERS[name](stream) == b"abc"
    with pytest.raises(Broken):
        await READERS[name](stream)


@pytest.mark.parametrize("name", ["read", "readexactly", "readline", "readuntil"])
async def test_a_read_that_wanted_more_than_came_takes_nothing(name: str) -> None:
    stream = make_stream(b"ab", b"c")
    stream.set_exception(Broken())
    with pytest.raises(Broken):
        await READERS[name](stream)
    assert await stream.readany() == b"abc"


# Cancellation and second readers.


@readers
async def test_a_second_reader_is_refused_and_the_first_goes_on(read: Read) -> None:
    stream = make_stream()
    task = await waiting(stream.readexactly(2))
    with pytest.raises(RuntimeError, match="let only one read"):
        await read(stream)
    stream.feed_data(b"ab")
    assert await task == b"ab"


@readers
async def test_a_cancelled_reader_leaves_the_stream_usable(read: Read) -> None:
    stream = make_stream()
    await give_up(await waiting(read(stream)))
    stream.feed_data(b"abcde\n")
    stream.feed_eof()
    assert await stream.read() == b"abcde\n"


@pytest.mark.parametrize("name", ["read", "readexactly", "readline", "readuntil"])
@pytest.mark.parametrize("is_coded", [False, True])
async def test_a_cancelled_reader_takes_no_data_with_it(name: str, is_coded: bool) -> None:
    body = b"abc"
    data = gzip.compress(body) if is_coded else body
    stream = make_stream(data[:-1], limit=100, decoder=gzip_decoder() if is_coded else None)
    await give_up(await waiting(READERS[name](stream)))
    stream.feed_data(data[-1:])
    stream.feed_eof()
    assert await stream.read() == body


async def test_a_reader_cancelled_just_when_data_came_loses_none() -> None:
    stream = make_stream()
    task = await waiting(stream.read(5))
    stream.feed_data(b"ab")
    await give_up(task)
    assert await stream.read(5) == b"ab"
