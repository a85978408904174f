import asyncio
import gzip
import os
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings, strategies as st

from tests.body.streams import (
    LIMIT,
    Broken,
    Pauser,
    Read,
    collect,
    give_up,
    gzip_decoder,
    make_stream,
    only_data,
    readers,
    waiting,
)
from trunkline.body.stream import StreamReader
from trunkline.wire.errors import CodingError
from trunkline.wire.limits import MAX_DECODE_STEP_BYTES, MAX_DECODED_BODY_BYTES

# Back-pressure.


async def test_reading_pauses_above_the_high_mark_and_goes_on_below_the_low_one() -> None:
    pauser = Pauser()
    stream = make_stream(pauser=pauser)
    assert stream.get_read_buffer_limits() == (LIMIT, 2 * LIMIT)
    assert stream.feed_data(b"x" * 2 * LIMIT) is False
    assert stream.feed_data(b"x") is True
    assert pauser.calls == ["pause"]
    await stream.read(LIMIT + 1)
    assert pauser.is_paused  # LIMIT bytes are left
    await stream.read(1)
    assert pauser.calls == ["pause", "resume"]


async def test_who_reads_everything_is_not_held_up_by_the_marks() -> None:
    pauser = Pauser()
    stream = make_stream(b"x" * 100, pauser=pauser)
    task = await waiting(stream.read())
    assert not pauser.is_paused
    stream.feed_data(b"x" * 100)
    await asyncio.sleep(0)
    assert not pauser.is_paused
    stream.feed_eof()
    assert await task == b"x" * 200


async def test_the_marks_can_be_raised_but_not_lowered() -> None:
    stream = make_stream()
    stream.set_read_chunk_size(5)
    assert stream.get_read_buffer_limits() == (16, 32)
    stream.set_read_chunk_size(20)
    assert stream.get_read_buffer_limits() == (20, 40)


async def test_a_limit_of_zero_does_not_stop_reading_for_ever() -> None:
    pauser = Pauser()
    stream = make_stream(b"abc", limit=0, pauser=pauser)
    assert pauser.is_paused
    await stream.readany()
    assert not pauser.is_paused


Step = tuple[str, int]
steps = st.lists(
    st.tuples(st.sampled_from(["feed", "read", "line", "nowait", "any", "chunk", "unread"]), st.integers(1, 60)),
    max_size=30,
)


@pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")
@given(steps, st.booleans(), st.integers(0, 20))
def test_reading_is_never_stuck_and_no_byte_is_lost(plan: list[Step], is_coded: bool, limit: int) -> None:
    asyncio.run(follow(plan, is_coded, limit))


async def follow(plan: list[Step], is_coded: bool, limit: int) -> None:
    """Feed and read in any order: what was read is what was fed, and who has read all goes on."""
    pauser = Pauser()
    stream = make_stream(limit=limit, pauser=pauser, decoder=gzip_decoder() if is_coded else None)
    coder = zlib.compressobj(wbits=31)
    fed, taken = bytearray(), bytearray()
    for name, n in plan:
        if name != "feed":
            await take(stream, name, n, taken)
        elif not pauser.is_paused:
            data = os.urandom(n - 1) + b"\n"
            fed += data
            stream.feed_data(coder.compress(data) + coder.flush(zlib.Z_SYNC_FLUSH) if is_coded else data)
        await check_not_stuck(stream, pauser, fed, taken)
    if is_coded:
        stream.feed_data(coder.flush())
    stream.feed_eof()
    assert bytes(taken) + await stream.read() == fed
    assert stream.at_eof()


async def take(stream: StreamReader, name: str, n: int, taken: bytearray) -> None:
    if name == "nowait":
        taken += stream.read_nowait(n)
    elif name == "unread":
        count = min(n, len(taken))
        stream.unread_data(bytes(taken[len(taken) - count :]))
        del taken[len(taken) - count :]
    elif stream.total_bytes > len(taken):  # else it would wait
        readers_by_name: dict[str, Callable[[], Awaitable[bytes]]] = {
            "read": lambda: stream.read(n),
            "line": lambda: stream.readline(max_line_length=10_000),
            "any": stream.readany,
            "chunk": lambda: only_data(stream.readchunk()),
        }
        taken += await readers_by_name[name]()


async def check_not_stuck(stream: StreamReader, pauser: Pauser, fed: bytearray, taken: bytearray) -> None:
    if pauser.is_paused and len(taken) == len(fed):
        task = asyncio.ensure_future(stream.readany())  # a reader that waits for more
        await asyncio.sleep(0)
        assert not pauser.is_paused
        assert not task.done()
        await give_up(task)


# Content codings.


@readers
async def test_every_read_decodes(read: Read) -> None:
    body = b"abcde\n--"
    plain = make_stream(body, eof=True)
    coded = make_stream(gzip.compress(body), eof=True, limit=100, decoder=gzip_decoder())
    assert await read(coded) == await read(plain)
    assert await coded.read() == await plain.read()
    assert coded.at_eof()


async def test_nothing_is_decoded_before_somebody_reads() -> None:
    stream = make_stream(gzip.compress(b"x" * 10_000_000), limit=2**18, decoder=gzip_decoder())
    assert stream.total_bytes == 0
    assert await stream.read(1) == b"x"
    assert stream.total_bytes <= MAX_DECODE_STEP_BYTES


async def test_reading_pauses_by_the_bytes_received_and_goes_on_when_they_are_decoded() -> None:
    pauser = Pauser()
    data = gzip.compress(os.urandom(1000))
    stream = make_stream(data, pauser=pauser, decoder=gzip_decoder())
    assert pauser.is_paused
    while len(await stream.readany()) and stream.total_bytes < 1000:
        pass
    task = await waiting(stream.readany())
    assert not pauser.is_paused
    stream.feed_eof()
    assert await task == b""


async def test_a_reader_that_keeps_up_with_coded_data_is_never_paused() -> None:
    pauser = Pauser()
    stream = make_stream(pauser=pauser, limit=100, decoder=gzip_decoder())
    coder = zlib.compressobj(wbits=31)
    task = asyncio.ensure_future(collect(stream.iter_any()))
    for _ in range(50):
        stream.feed_data(coder.compress(os.urandom(50)) + coder.flush(zlib.Z_SYNC_FLUSH))
        for _ in range(3):
            await asyncio.sleep(0)
    stream.feed_data(coder.flush())
    stream.feed_eof()
    assert len(b"".join(await task)) == 2500
    assert pauser.calls == []


@pytest.mark.parametrize("kept", [1, 9, 15, 25, -9, -1])
async def test_a_body_that_was_cut_short_is_an_error_however_it_is_read(kept: int) -> None:
    data = gzip.compress(b"some body that is not that long")[:kept]
    for drain in (drain_whole, drain_by_any, drain_until_at_eof):
        stream = make_stream(data, eof=True, limit=100, decoder=gzip_decoder())
        with pytest.raises(CodingError, match="cut short"):
            await drain(stream)
        with pytest.raises(CodingError):
            await stream.read()


async def drain_whole(stream: StreamReader) -> None:
    await stream.read()


async def drain_by_any(stream: StreamReader) -> None:
    await collect(stream.iter_any())


async def drain_until_at_eof(stream: StreamReader) -> None:
    while not stream.at_eof():
        await stream.read(4)


async def test_an_empty_body_with_a_coding_is_empty() -> None:
    stream = make_stream(eof=True, decoder=gzip_decoder())
    assert stream.at_eof()
    assert await stream.read() == b""


async def test_damaged_data_is_an_error_from_then_on() -> None:
    data = bytearray(gzip.compress(os.urandom(100_000)))
    data[50_000] ^= 0xFF
    data[-6] ^= 0xFF
    stream = make_stream(bytes(data), b"more", eof=True, limit=2**18, decoder=gzip_decoder())
    for _ in range(3):
        with pytest.raises(CodingError, match="damaged gzip"):
            await collect(stream.iter_any())


async def test_the_user_sees_the_decoders_error_as_the_owner_wants_it() -> None:
    def as_public(error: Exception) -> Exception:
        return Broken(str(error))

    stream = StreamReader(Pauser(), LIMIT, decoder=gzip_decoder(), as_public=as_public)
    stream.feed_data(b"this is not gzip")
    with pytest.raises(Broken, match="damaged gzip") as caught:
        await stream.readany()
    assert isinstance(caught.value.__cause__, CodingError)
    assert stream.exception() is caught.value


# Bombs: a body of 300 kB that inflates to 300 MB.


@pytest.fixture(scope="module")
def bomb() -> bytes:
    coder = zlib.compressobj(9, wbits=31)
    megabyte = bytes(2**20)
    return b"".join([coder.compress(megabyte) for _ in range(300)]) + coder.flush()


async def test_a_bomb_read_whole_is_an_error_and_stays_one(bomb: bytes) -> None:
    stream = make_stream(bomb, eof=True, limit=2**18, decoder=gzip_decoder())
    with pytest.raises(CodingError, match=r"grew beyond .*iter_chunked"):
        await stream.read()
    assert stream.total_bytes <= MAX_DECODED_BODY_BYTES + MAX_DECODE_STEP_BYTES
    for read in (stream.read, stream.readany):
        with pytest.raises(CodingError):  # and not the tail, as if it were all
            await read()


async def test_a_bomb_read_in_portions_takes_little_memory_and_leaves_the_loop_alone(bomb: bytes) -> None:
    stream = make_stream(bomb, eof=True, limit=2**18, decoder=gzip_decoder())
    turns = asyncio.ensure_future(count_turns())
    tracemalloc.start()
    total = 0
    try:
        async for portion in stream.iter_chunked(2**16):
            assert len(portion) <= 2**16
            total += len(portion)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 300 * 2**20
    assert peak < 4 * 2**20
    turns.cancel()
    assert await turns >= 100  # one in 3 MB


async def count_turns() -> int:
    """Count the turns of the loop until cancelled."""
    turns = 0
    try:
        while True:
            await asyncio.sleep(0)
            turns += 1
    except asyncio.CancelledError:
        return turns


@settings(max_examples=20)
@given(st.binary(max_size=100), st.integers(1, 40))
def test_a_body_whose_ratio_is_modest_is_read_whole(body: bytes, times: int) -> None:
    stream = make_stream(gzip.compress(body * times), eof=True, limit=10, decoder=gzip_decoder())
    assert asyncio.run(stream.read()) == body * times


async def test_the_end_of_the_body_resumes_the_connection() -> None:
    pauser = Pauser()
    stream = make_stream(bytes(2 * LIMIT + 1), pauser=pauser)
    assert pauser.is_paused
    stream.feed_eof()
    assert not pauser.is_paused  # nobody may ever read the rest, and the connection goes on to the next request
    assert await stream.read() == bytes(2 * LIMIT + 1)
