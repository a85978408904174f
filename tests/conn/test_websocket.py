"""WebSocketConnection in the client's role, against the websockets library as its server."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

from tests.conn.websocket_client import connected
from trunkline.conn.websocket import WebSocketConnection, WebSocketRules
from trunkline.transport.flow import WriteFlow
from trunkline.wire.errors import WebSocketError
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.handshake import Opening, accept_token
from trunkline.wire.ws.message import CLOSED_MESSAGE, CLOSING_MESSAGE, WSMessage, WSMsgType

TEXT, BINARY, CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE
Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def server(handler: Handler, deflate: ServerPerMessageDeflateFactory | None = None) -> AsyncIterator[int]:
    extensions = [] if deflate is None else [deflate]
    async with serve(
        handler, "127.0.0.1", 0, compression=None, extensions=extensions, max_size=None, ping_interval=None
    ) as running:
        yield int(next(iter(running.sockets)).getsockname()[1])


async def echo(peer: ServerConnection) -> None:
    async for message in peer:
        await peer.send(message)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536, 3_000_000])
async def test_messages_of_any_length_come_back(length: int) -> None:
    data = os.urandom(length)
    async with server(echo) as port, connected(port) as websocket:
        await websocket.send(BINARY, data)
        assert await websocket.receive() == (BINARY, data, "")
        await websocket.send(TEXT, b"x" * length)
        assert await websocket.receive() == (TEXT, "x" * length, "")


@pytest.mark.parametrize("bits", [9, 12, 15])
@pytest.mark.parametrize("keeps_context", [True, False])
async def test_compressed_messages_come_back(bits: int, keeps_context: bool) -> None:
    deflate = ServerPerMessageDeflateFactory(not keeps_context, not keeps_context, bits, bits)
    messages = [b"", b"a" * 10, os.urandom(100_000), b"ab" * 500_000, b"a" * 10]
    async with server(echo, deflate) as port, connected(port, deflate_bits=15) as websocket:
        for message in messages * 2:
            await websocket.send(BINARY, message)
            assert await websocket.receive() == (BINARY, message, "")


async def test_fragments_are_joined() -> None:
    async def fragments(peer: ServerConnection) -> None:
        await peer.send(["ab", "cd", "", "é"])
        await peer.send([b"1", b"2"])

    async with server(fragments) as port, connected(port) as websocket:
        assert await websocket.receive() == (TEXT, "abcdé", "")
        assert await websocket.receive() == (BINARY, b"12", "")


async def test_pings_are_answered_while_nobody_reads() -> None:
    answered = asyncio.get_running_loop().create_future()

    async def ping(peer: ServerConnection) -> None:
        await (await peer.ping(b"are you there"))
        answered.set_result(True)

    async with server(ping) as port, connected(port):
        assert await asyncio.wait_for(answered, 5)


async def test_our_pings_are_answered_and_the_answer_kept_from_the_reader() -> None:
    async with server(echo) as port, connected(port) as websocket:
        await websocket.send(WSMsgType.PING, b"x")
        await websocket.send(TEXT, b"y")
        assert await websocket.receive() == (TEXT, "y", "")


async def test_without_autoping_the_reader_gets_pongs() -> None:
    async with server(echo) as port, connected(port, rules=WebSocketRules(autoping=False)) as websocket:
        await websocket.send(WSMsgType.PING, b"x")
        assert await websocket.receive() == (WSMsgType.PONG, b"x", "")


async def test_the_closing_handshake_when_we_begin() -> None:
    seen: asyncio.Future[tuple[int | None, str | None]] = asyncio.get_running_loop().create_future()

    async def note_close(peer: ServerConnection) -> None:
        with pytest.raises(ConnectionClosed):
            await peer.recv()
        seen.set_result((peer.close_code, peer.close_reason))

    async with server(note_close) as port, connected(port) as websocket:
        assert await websocket.close(4001, b"bye") is True
        assert (websocket.closed, websocket.close_code, websocket.error) == (True, 4001, None)
        assert await websocket.close() is False
        assert await seen == (4001, "bye")
        assert await websocket.receive() == CLOSED_MESSAGE


async def test_the_closing_handshake_when_the_peer_begins() -> None:
    async def leave(peer: ServerConnection) -> None:
        await peer.send("last")
        await peer.close(4002, "see you")

    async with server(leave) as port, connected(port) as websocket:
        assert await websocket.receive() == (TEXT, "last", "")
        assert await websocket.receive() == (CLOSE, 4002, "see you")
        assert (websocket.closed, websocket.close_code, websocket.error) == (True, 4002, None)


async def test_a_peer_that_does_not_answer_a_close_is_waited_for_no_longer_than_the_timeout() -> None:
    async with silent_server() as port, connected(port, rules=WebSocketRules(close_timeout_s=0.05)) as websocket:
        await websocket.close()
        assert websocket.close_code == 1006
        assert isinstance(websocket.error, TimeoutError)


@asynccontextmanager
async def silent_server(then: bytes = b"", *, ends: bool = False) -> AsyncIterator[int]:
    """Answer the handshake, send `then`, and say nothing more."""
    done = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = head.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        lines = "".join(f"{name}: {value}\r\n" for name, value in Opening(accept_token(key), None, None).fields())
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode() + then)
        if not ends:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        done.set_result(None)

    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with running:
        yield int(running.sockets[0].getsockname()[1])
        await done


@asynccontextmanager
async def deaf_server() -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """Answer the handshake and read nothing more, until the function that comes with the port is called."""
    connections: list[asyncio.Transport] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = head.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        lines = "".join(f"{name}: {value}\r\n" for name, value in Opening(accept_token(key), None, None).fields())
        connections.append(cast(asyncio.Transport, writer.transport))
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode())
        with suppress(ConnectionError):
            await writer.wait_closed()

    def listen() -> None:
        for connection in connections:
            connection.set_protocol(asyncio.Protocol())
            connection.resume_reading()

    running = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1024)  # its reader pauses soon
    async with running:
        yield int(running.sockets[0].getsockname()[1]), listen
        for connection in connections:
            connection.abort()


async def test_a_peer_that_takes_nothing_of_a_message_loses_its_connection() -> None:
    rules = WebSocketRules(write_timeout_s=0.05, close_timeout_s=0.05)
    async with deaf_server() as (port, _), connected(port, rules=rules) as websocket:
        with pytest.raises(ConnectionResetError, match=r"took nothing of \d+ bytes for 0.05 s"):
            await websocket.send(BINARY, bytes(2**25))
        with pytest.raises(ConnectionResetError):
            await websocket.send(BINARY, b"")


async def test_a_peer_that_takes_a_message_late_gets_it_whole() -> None:
    rules = WebSocketRules(write_timeout_s=30, close_timeout_s=0.05)
    async with deaf_server() as (port, listen), connected(port, rules=rules) as websocket:
        sending = asyncio.create_task(websocket.send(BINARY, bytes(2**25)))
        await asyncio.sleep(0)
        assert not sending.done()
        listen()
        await sending


async def test_a_peer_that_goes_without_a_close_is_told_by_1006() -> None:
    async with silent_server(b"\x81\x01a", ends=True) as port, connected(port) as websocket:
        assert await websocket.receive() == (TEXT, "a", "")
        assert await websocket.receive() == CLOSED_MESSAGE
        assert websocket.close_code == 1006
        assert isinstance(websocket.error, ConnectionResetError)
        with pytest.raises(ConnectionResetError):
            await websocket.send(TEXT, b"x")


async def test_a_masked_frame_of_a_server_fails_the_connection() -> None:
    async with silent_server(b"\x81\x01a\x81\x81abcdX") as port, connected(port) as websocket:
        assert (await websocket.receive()).data == "a"
        message = await websocket.receive()
        assert message.type is WSMsgType.ERROR
        assert isinstance(message.data, WebSocketError)
        assert message.data.code == 1002
        assert message.data is websocket.error
        assert await websocket.receive() == CLOSED_MESSAGE


async def test_a_silent_peer_is_given_up_by_the_heartbeat() -> None:
    async with silent_server() as port, connected(port, rules=WebSocketRules(heartbeat_s=0.04)) as websocket:
        message = await asyncio.wait_for(websocket.receive(), 5)
        assert message.type is WSMsgType.ERROR
        assert isinstance(message.data, TimeoutError)
        assert (websocket.closed, websocket.close_code) == (True, 1006)


async def test_a_peer_that_answers_the_heartbeat_lives() -> None:
    async with server(echo) as port, connected(port, rules=WebSocketRules(heartbeat_s=0.02)) as websocket:
        with pytest.raises(TimeoutError):
            await websocket.receive(0.3)
        await websocket.send(TEXT, b"still here")
        assert (await websocket.receive()).data == "still here"


async def test_a_slow_reader_s_peer_is_not_taken_for_dead() -> None:
    async def flood(peer: ServerConnection) -> None:
        for _ in range(400):
            await peer.send(b"x" * 10_000)
        await peer.wait_closed()

    async with server(flood) as port, connected(port, rules=WebSocketRules(heartbeat_s=0.05)) as websocket:
        await asyncio.sleep(0.3)  # the time in which nobody reads is what is tested
        received = [await websocket.receive() for _ in range(400)]
        assert {message.type for message in received} == {BINARY}


async def test_closing_wakes_the_reader() -> None:
    async with server(echo) as port, connected(port) as websocket:
        reader = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0)
        assert await websocket.close() is True
        assert await reader == CLOSING_MESSAGE
        assert websocket.close_code == 1000


async def test_a_reader_that_was_about_to_wake_is_told_of_the_closing_first() -> None:
    async with silent_server() as port, connected(port) as websocket:
        reader = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0)
        websocket.data_received(b"\x81\x01a")
        async with asyncio.timeout(5):
            assert await websocket.close() is True
        assert await reader == CLOSING_MESSAGE


async def test_two_readers_are_refused() -> None:
    async with server(echo) as port, connected(port) as websocket:
        reader = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="Concurrent call"):
            await websocket.receive()
        await websocket.send(TEXT, b"x")
        assert (await reader).data == "x"


async def test_a_reader_that_comes_while_another_closes_is_told_so() -> None:
    async with silent_server() as port, connected(port, rules=WebSocketRules(close_timeout_s=0.05)) as websocket:
        closing = asyncio.create_task(websocket.close())
        await asyncio.sleep(0)
        assert await websocket.receive() == CLOSED_MESSAGE
        assert await closing is True


async def test_after_a_timeout_or_a_cancellation_reading_goes_on() -> None:
    async with server(echo) as port, connected(port) as websocket:
        with pytest.raises(TimeoutError):
            await websocket.receive(0.01)
        reader = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await websocket.send(TEXT, b"x")
        assert await websocket.receive() == WSMessage(TEXT, "x", "")


async def test_a_cancelled_close_gives_the_connection_up() -> None:
    async with silent_server() as port, connected(port) as websocket:
        closing = asyncio.create_task(websocket.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert (websocket.closed, websocket.close_code) == (True, 1006)


async def test_many_answers_leave_in_order_in_few_writes() -> None:
    async def ask(peer: ServerConnection) -> None:
        for number in range(1000):
            await peer.send(str(number))
        answers = [await peer.recv() for _ in range(1000)]
        assert answers == [str(number) for number in range(1000)]
        await peer.send("all came in order")

    async with server(ask) as port, connected(port) as websocket:
        for _ in range(1000):
            await websocket.send(TEXT, (await websocket.receive()).data.encode())
        assert (await websocket.receive()).data == "all came in order"


class _GoneTransport(asyncio.Transport):
    """Of a peer whose RST has come and was not read yet."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        raise OSError(errno.ENOTCONN, "not connected")


class _GoneCarrier:
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = _GoneTransport()
        self.flow = WriteFlow(asyncio.get_running_loop())
        self.is_closed = False

    def send(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def close(self) -> None:
        self.is_closed = True


async def test_a_peer_that_breaks_the_protocol_and_is_gone_is_not_waited_for() -> None:
    carrier = _GoneCarrier()
    reader = MessageReader(is_server=True, max_bytes=0, inflater=None, decode_text=True)
    websocket = WebSocketConnection(
        asyncio.get_running_loop(), carrier, reader, FrameWriter(None, None), WebSocketRules()
    )
    websocket.data_received(b"\xff\xff")
    await websocket.wait_gone()
    assert carrier.is_closed
    assert (await websocket.receive()).type is WSMsgType.ERROR
