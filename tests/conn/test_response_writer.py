"""`ResponseWriter` on a server's connection to a socket pair: heads, bodies, files, and responses without bodies."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from multidict import CIMultiDict

from tests.conn.silent_service import SilentService
from tests.conn.socket_pair import peer_of, receive, receive_all
from trunkline.conn.errors import WriteLost
from trunkline.conn.response_writer import ResponseWriter
from trunkline.conn.server_connection import ServerConnection
from trunkline.conn.service import ServiceRules

HEAD = b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n"
LARGE = b"a" * 100_000
DIGITS = b"0123456789" * 100_000


class Connection(ServerConnection):
    """One that notes each write."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, SilentService(loop, ServiceRules()))
        self.gone: asyncio.Future[None] = loop.create_future()

    def buffer_updated(self, nbytes: int) -> None:
        """Nothing is expected."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.gone.set_result(None)


@dataclass
class Ends:
    connection: Connection
    peer: socket.socket

    async def begun(self, **kwargs: object) -> ResponseWriter:
        """Return a writer whose head is rendered and held."""
        writer = ResponseWriter(self.connection)
        for name, value in kwargs.items():
            setattr(writer, name, value)
        await writer.write_headers("HTTP/1.1 200 OK", CIMultiDict({"X-A": "1"}))
        return writer

    async def receive(self) -> bytes:
        return await receive(self.peer)

    async def received(self) -> bytes:
        """Everything that was written, after closing our end in good order."""
        self.connection.close()
        return await receive_all(self.peer)


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    connection = Connection(asyncio.get_running_loop())
    async with peer_of(connection) as peer:
        yield Ends(connection, peer)


async def test_the_head_is_held_for_the_first_bytes_of_the_body(ends: Ends) -> None:
    writer = await ends.begun()
    assert not writer.is_started
    await writer.write(b"abc")
    assert writer.is_started
    assert await ends.receive() == HEAD + b"abc"
    await writer.write_eof(b"d")
    assert writer.is_finished
    assert await ends.received() == b"d"
    assert writer.output_size == len(HEAD) + 4


async def test_the_head_can_leave_alone(ends: Ends) -> None:
    writer = await ends.begun()
    writer.send_headers()
    writer.send_headers()
    assert await ends.receive() == HEAD
    await writer.write_eof()
    assert await ends.received() == b""


async def test_a_large_body_follows_its_head_without_being_copied(ends: Ends) -> None:
    writer = await ends.begun()
    await asyncio.gather(writer.write_eof(LARGE), _expect(ends, HEAD + LARGE))


async def _expect(ends: Ends, data: bytes) -> None:
    received = b""
    while len(received) < len(data):
        received += await ends.receive()
    assert received == data


async def test_an_empty_body_leaves_with_its_head(ends: Ends) -> None:
    writer = await ends.begun(length=0)
    await writer.write_eof()
    await writer.write_eof()
    assert await ends.received() == HEAD


async def test_chunks_begin_with_the_head(ends: Ends) -> None:
    writer = await ends.begun()
    writer.enable_chunking()
    await writer.write(b"abc")
    await writer.write_eof()
    assert await ends.received() == HEAD + b"3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("chunks", [False, True])
async def test_a_response_that_has_no_body_gets_none_whatever_is_written(ends: Ends, chunks: bool) -> None:
    writer = await ends.begun(has_body=False, length=10)
    if chunks:
        writer.enable_chunking()
    await writer.write(b"abc")
    await writer.write_eof(b"d")
    assert await ends.received() == HEAD


async def test_a_body_that_does_not_fit_its_length_is_an_error(ends: Ends) -> None:
    writer = await ends.begun(length=3)
    with pytest.raises(ValueError, match="1 bytes more than its Content-Length"):
        await writer.write(b"abcd")
    assert not writer.is_started
    shorter = await ends.begun(length=3)
    with pytest.raises(ValueError, match="ended 1 bytes before"):
        await shorter.write_eof(b"ab")


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("HTTP/1.1 200 OK\r\nX: y", {}),
        ("HTTP/1.1 200 OK", {"X": "a\r\nY: z"}),
        ("HTTP/1.1 200 OK", {"X y": "a"}),
        ("HTTP/1.1 200 OK", {"X": "a\0"}),
    ],
)
async def test_a_head_that_must_not_be_sent_is_refused(ends: Ends, line: str, fields: dict[str, str]) -> None:
    writer = ResponseWriter(ends.connection)
    with pytest.raises(ValueError, match=r".+"):
        await writer.write_headers(line, CIMultiDict(fields))
    writer.send_headers()
    assert not writer.is_started
    assert await ends.received() == b""


# Files.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DIGITS)
    return path


@pytest.mark.parametrize("by_system", [True, False])
async def test_a_part_of_a_file_is_sent(
    ends: Ends, file: Path, by_system: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_system:

        async def not_available(*args: object, **kwargs: object) -> int:
            raise NotImplementedError

        monkeypatch.setattr(asyncio.get_running_loop(), "sendfile", not_available)
    writer = await ends.begun(length=900_000)
    with file.open("rb") as source:
        expected = HEAD + DIGITS[5:900_005]
        await asyncio.gather(writer.sendfile(source, 5, 900_000), _expect(ends, expected))
    await writer.write_eof()
    assert (writer.length, writer.output_size) == (0, len(expected))


async def test_no_byte_of_a_file_follows_a_head_that_stands_alone(ends: Ends, file: Path) -> None:
    writer = await ends.begun(has_body=False)
    with file.open("rb") as source:
        await writer.sendfile(source, 0, 10)
    await writer.write_eof()
    assert await ends.received() == HEAD


async def test_more_of_a_file_than_was_announced_is_not_sent(ends: Ends) -> None:
    writer = await ends.begun(length=3)
    with pytest.raises(ValueError, match="announce what is sent"):
        await writer.sendfile(io.BytesIO(b"abcd"), 0, 4)


async def test_a_file_that_shrank_is_an_error(ends: Ends, tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_bytes(b"abc")
    writer = await ends.begun(length=10)
    with path.open("rb") as source, pytest.raises(ValueError, match="ended after 3 of 10 bytes"):
        await writer.sendfile(source, 0, 10)


async def test_a_file_for_a_peer_that_is_given_up_is_too(
    ends: Ends, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = await ends.begun(length=1_000_000)
    with file.open("rb") as source:
        sending = asyncio.ensure_future(writer.sendfile(source, 0, 1_000_000))
        await ends.receive()
        ends.connection.abort()
        with pytest.raises(WriteLost):
            await sending
    with pytest.raises(WriteLost):
        await (await ends.begun()).write(b"a")
    assert not caplog.records


async def test_a_peer_that_is_gone_when_the_system_sends_a_file_is_lost(ends: Ends, file: Path) -> None:
    writer = await ends.begun(length=1_000_000)
    with file.open("rb") as source:
        sending = asyncio.ensure_future(writer.sendfile(source, 0, 1_000_000))
        await ends.receive()
        ends.peer.close()
        with pytest.raises(WriteLost):
            await sending
    assert ends.connection.is_lost
