"""What the tests of body streams share: streams with a connection that only takes notes, and ways to read them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from trunkline.body.stream import StreamReader
from trunkline.ground.errors import TrunklineError
from trunkline.wire.coding import Decoder, make_decoder

LIMIT = 16  # of most streams here: reading pauses above 32 bytes


class Pauser:
    """Stands in for a connection: notes when it is told to pause and to go on."""

    def __init__(self) -> None:
        self.is_paused = False
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        assert not self.is_paused, "paused twice"
        self.is_paused = True
        self.calls.append("pause")

    def resume_reading(self) -> None:
        assert self.is_paused, "resumed, though not paused"
        self.is_paused = False
        self.calls.append("resume")


def make_stream(
    *chunks: bytes,
    eof: bool = False,
    limit: int = LIMIT,
    pauser: Pauser | None = None,
    decoder: Decoder | None = None,
) -> StreamReader:
    stream = StreamReader(pauser or Pauser(), limit, decoder=decoder)
    for chunk in chunks:
        stream.feed_data(chunk)
    if eof:
        stream.feed_eof()
    return stream


def gzip_decoder() -> Decoder:
    decoder = make_decoder(["gzip"])
    assert decoder is not None
    return decoder


async def waiting(reader: Awaitable[bytes]) -> asyncio.Task[bytes]:
    """Start `reader` and let it come to where it waits."""
    task = asyncio.ensure_future(reader)
    await asyncio.sleep(0)
    assert isinstance(task, asyncio.Task)
    assert not task.done()
    return task


async def give_up(task: asyncio.Task[bytes]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def collect(iterator: AsyncIterator[bytes]) -> list[bytes]:
    return [part async for part in iterator]


Read = Callable[[StreamReader], Awaitable[bytes]]

READERS: dict[str, Read] = {
    "read": lambda stream: stream.read(),
    "read 5": lambda stream: stream.read(5),
    "readany": lambda stream: stream.readany(),
    "readexactly": lambda stream: stream.readexactly(5),
    "readline": lambda stream: stream.readline(),
    "readuntil": lambda stream: stream.readuntil(b"--"),
    "readchunk": lambda stream: only_data(stream.readchunk()),
}
readers = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


async def only_data(chunk: Awaitable[tuple[bytes, bool]]) -> bytes:
    return (await chunk)[0]


class Broken(TrunklineError):
    pass
