"""`BaseProtocol` on a socket pair, and as the feeder of a stream that has no connection."""

import asyncio
import socket

import pytest

from trunkline.body.stream import StreamReader
from trunkline.conn.base_protocol import BaseProtocol


class Telling(BaseProtocol):
    """Notes what comes, and tells of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.data = b""
        self.has_data = asyncio.Event()
        self.is_lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.has_data.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.is_lost.set()


async def test_it_pauses_the_transport_and_lets_it_go_on() -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: Telling(loop), sock=ours)
    assert protocol.connected
    protocol.pause_reading()
    protocol.pause_reading()
    theirs.send(b"ab")
    await asyncio.sleep(0)
    assert protocol.data == b""
    protocol.resume_reading()
    await protocol.has_data.wait()
    assert protocol.data == b"ab"
    theirs.close()
    await protocol.is_lost.wait()
    assert not protocol.connected
    with pytest.raises(ConnectionResetError):
        await protocol._drain_helper()


async def test_a_stream_can_be_fed_without_a_connection() -> None:
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    stream = StreamReader(protocol, 1, loop=loop)
    stream.feed_data(b"abc")
    assert protocol._reading_paused
    assert await stream.readany() == b"abc"
    assert not protocol._reading_paused


async def test_writers_wait_while_it_is_full() -> None:
    protocol = BaseProtocol(asyncio.get_running_loop())
    protocol.pause_writing()
    assert protocol.writing_paused
    draining = asyncio.create_task(protocol._drain_helper())
    await asyncio.sleep(0)
    assert not draining.done()
    protocol.resume_writing()
    await draining
