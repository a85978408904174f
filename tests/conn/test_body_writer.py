"""`BodyWriter` on a connection to a socket pair: framing, compression, lengths that do not fit, back-pressure."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.conn.socket_pair import peer_of, receive_all
from trunkline.conn.body_writer import BodyWriter
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.key import ConnectionKey


@dataclass
class Ends:
    connection: ClientH1
    peer: socket.socket

    def writer(self, length: int | None = None, *, chunked: bool = False, coding: str | None = None) -> BodyWriter:
        return BodyWriter(self.connection, length, chunked=chunked, coding=coding)

    async def received(self) -> bytes:
        """Everything that was written, after closing our end in good order."""
        assert self.connection.transport is not None
        self.connection.transport.close()
        return await receive_all(self.peer)


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    connection = ClientH1(asyncio.get_running_loop(), ConnectionKey("test", 80, False, True))
    async with peer_of(connection) as peer:
        yield Ends(connection, peer)


async def test_a_body_of_known_length_is_sent_as_it_is(ends: Ends) -> None:
    writer = ends.writer(6)
    for part in (b"ab", bytearray(b"cd"), memoryview(b"ef"), b""):
        await writer.write(part)
    await writer.write_eof()
    assert writer.output_size == 6
    assert await ends.received() == b"abcdef"


async def test_each_write_of_body_bytes_is_told_to_who_asked(ends: Ends) -> None:
    told: list[tuple[int, int]] = []
    writer = ends.writer(chunked=True)
    writer.on_body_write = lambda nbytes, output_size: told.append((nbytes, output_size))
    await writer.write(b"ab")
    await writer.write(b"")
    await writer.write_eof(b"cde")
    assert told == [(2, 7), (3, 15)]


async def test_chunks_frame_each_portion_and_none_is_empty(ends: Ends) -> None:
    writer = ends.writer(chunked=True)
    for part in (b"ab", b"", b"cde"):
        await writer.write(part)
    await writer.write_eof(b"f")
    assert await ends.received() == b"2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n0\r\n\r\n"


async def test_a_compressed_body_is_whole_at_its_end(ends: Ends) -> None:
    writer = ends.writer(coding="gzip")
    for _ in range(100):
        await writer.write(b"hello")
    await writer.write_eof(b"!")
    assert gzip.decompress(await ends.received()) == b"hello" * 100 + b"!"


@pytest.mark.parametrize(("first", "second"), [(b"", b"abcd"), (b"ab", b"cd"), (b"abc", b"d")])
async def test_more_than_the_announced_length_is_never_sent(ends: Ends, first: bytes, second: bytes) -> None:
    writer = ends.writer(3)
    await writer.write(first)
    with pytest.raises(ValueError, match="more than its Content-Length"):
        await writer.write(second)
    assert await ends.received() == first


async def test_less_than_the_announced_length_is_an_error_at_the_end(ends: Ends) -> None:
    writer = ends.writer(3)
    await writer.write(b"ab")
    with pytest.raises(ValueError, match="ended 1 bytes before"):
        await writer.write_eof()


async def test_a_writer_waits_for_a_peer_that_does_not_read(ends: Ends) -> None:
    writer = ends.writer()
    writing = asyncio.create_task(writer.write(bytes(10_000_000)))
    await asyncio.sleep(0)
    assert ends.connection.flow.paused
    assert not writing.done()
    left = 10_000_000
    while left:
        left -= len(await asyncio.get_running_loop().sock_recv(ends.peer, 2**20))
    await writing


async def test_a_writer_that_waits_is_told_when_the_connection_is_lost(ends: Ends) -> None:
    writer = ends.writer()
    writing = asyncio.create_task(writer.write(bytes(10_000_000)))
    await asyncio.sleep(0)
    ends.connection.abort()
    with pytest.raises(ConnectionResetError, match=r".{20}"):
        await writing
    with pytest.raises(ConnectionResetError, match=r".{20}"):
        await writer.write(b"x")


async def test_the_head_is_not_the_writers(ends: Ends) -> None:
    with pytest.raises(RuntimeError, match="head"):
        await ends.writer().write_headers("GET / HTTP/1.1", None)  # type: ignore[arg-type]  # refused whatever it is
