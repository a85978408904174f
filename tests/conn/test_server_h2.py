"""One HTTP/2 connection of a server, between a codec that asks and a transport that takes note."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import h2.connection
import h2.events

from tests.waiting import until
from trunkline import web
from trunkline.conn.server_h2 import ServerH2

HEAD = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test")]


class Transport(asyncio.Transport):
    """Notes what it is told. held: bytes that the system has not taken."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_over = False
        self.is_paused = False
        self.held = 0

    def write(self, data: Any) -> None:  # Any: bytes of all kinds
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        self.is_over = True

    abort = close

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.held

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Peer:
    """The client of one connection."""

    def __init__(self, connection: ServerH2, transport: Transport) -> None:
        self.connection = connection
        self.transport = transport
        self.codec = h2.connection.H2Connection()
        self.codec.initiate_connection()
        self.answers = 0

    def feed(self) -> None:
        """Let the server read what the codec has to say, in one piece."""
        self.connection.feed(self.codec.data_to_send())

    def ask(self, count: int = 1, *, ends: bool = True) -> list[int]:
        numbers = []
        for _ in range(count):
            number = self.codec.get_next_available_stream_id()
            self.codec.send_headers(number, HEAD, end_stream=ends)
            numbers.append(number)
        return numbers

    def take(self) -> list[h2.events.Event]:
        """Return what was written, as events."""
        written, self.transport.writes = self.transport.writes, []
        return self.codec.receive_data(b"".join(written))


@asynccontextmanager
async def connected(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[Peer]:
    server = web.Server(handler, access_log=None)
    connection, transport = ServerH2(asyncio.get_running_loop(), server), Transport()
    connection.connection_made(transport)
    server.connection_made(connection, transport)
    peer = Peer(connection, transport)
    peer.feed()
    peer.take()
    yield peer
    connection.connection_lost(None)
    await server.shutdown()


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="hello")


async def test_all_that_one_read_brought_is_answered_in_one_write() -> None:
    async with connected(hello) as peer:
        peer.ask()
        peer.feed()
        await until(peer.take)  # the first one has the starter park a task for others
        peer.ask(50)
        await called(peer.feed)
        assert len(peer.transport.writes) == 1
        assert sum(isinstance(event, h2.events.StreamEnded) for event in peer.take()) == 50
        assert repr(peer.connection) == "<ServerH2 0 streams, 51 served>"
        assert peer.connection.is_idle


async def called(function: Callable[[], None]) -> None:
    """Call `function` as the loop calls a protocol: outside of any task."""
    asyncio.get_running_loop().call_soon(function)
    await asyncio.sleep(0)


async def test_all_that_handlers_say_in_one_turn_leaves_in_one_write() -> None:
    gate = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        await gate.wait()
        return web.Response(text="late")

    async with connected(handler) as peer:
        peer.ask(50)
        peer.feed()
        await until(lambda: len(peer.connection.tasks) == 50)
        peer.take()
        gate.set()
        await until(lambda: not peer.connection.tasks)
        await asyncio.sleep(0)
        assert len(peer.transport.writes) == 1
        assert sum(isinstance(event, h2.events.StreamEnded) for event in peer.take()) == 50


async def test_much_output_does_not_wait_for_the_end_of_the_turn() -> None:
    seen: list[int] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(0)
        for _ in range(4):
            await response.write(b"x" * 40_000)
            seen.append(len(peer.transport.writes))
        return response

    async with connected(handler) as peer:
        peer.codec.update_settings({4: 2**20})
        peer.codec.increment_flow_control_window(2**20)
        peer.ask()
        peer.feed()
        await until(lambda: len(seen) == 4)
        assert seen[1] > seen[0]
        assert seen[3] > seen[2]


async def test_a_full_transport_stops_writers_and_readers() -> None:
    pieces = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal pieces
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"x")
            pieces += 1
            await asyncio.sleep(0)
        return response

    async with connected(handler) as peer:
        peer.ask()
        peer.connection.pause_writing()
        peer.feed()
        for _ in range(10):
            await asyncio.sleep(0)
        assert (pieces, peer.transport.is_paused) == (0, True)
        peer.connection.resume_writing()
        await until(lambda: pieces == 3)
        assert not peer.transport.is_paused


async def test_what_waits_for_a_window_is_unsent() -> None:
    async with connected(hello) as peer:
        peer.codec.update_settings({4: 1})
        (number,) = peer.ask()
        peer.feed()
        await until(lambda: peer.connection.core.streams[number].unsent)
        assert peer.connection.has_unsent
        assert not peer.connection.is_idle
        peer.codec.increment_flow_control_window(10, number)
        peer.feed()
        assert not peer.connection.has_unsent
        assert peer.connection.is_idle


async def test_a_connection_that_is_lost_ends_what_runs() -> None:
    ends: list[type[BaseException]] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        try:
            await request.read()
        except BaseException as error:
            ends.append(type(error))
            raise
        return web.Response()

    async with connected(handler) as peer:
        peer.ask(3, ends=False)
        peer.feed()
        await until(lambda: len(peer.connection.tasks) == 3)
        peer.connection.connection_lost(ConnectionResetError())
        await until(lambda: len(ends) == 3)
        assert all(issubclass(end, ConnectionResetError) for end in ends)
        await until(lambda: not peer.connection.tasks)
