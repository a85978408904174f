"""`ServerConnection` on a socket pair: sending, closing, back-pressure, and waits that end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.conn.silent_service import SilentService
from tests.conn.socket_pair import peer_of, receive
from trunkline.conn.errors import WriteLost
from trunkline.conn.server_connection import ServerConnection
from trunkline.conn.service import ServiceRules


class Connection(ServerConnection):
    """One that notes what it receives and that it was lost."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rules: ServiceRules) -> None:
        super().__init__(loop, SilentService(loop, rules))
        self.received = b""
        self.made = asyncio.Event()
        self.came = asyncio.Event()
        self.gone: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.made.set()

    def buffer_updated(self, nbytes: int) -> None:
        self.received += self._buffer[:nbytes].tobytes()
        self.came.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.gone.set_result(None)


@dataclass
class Ends:
    connection: Connection
    peer: socket.socket

    async def receive(self) -> bytes:
        return await receive(self.peer)


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    connection = Connection(asyncio.get_running_loop(), ServiceRules(write_timeout_s=5.0))
    async with peer_of(connection) as peer:
        yield Ends(connection, peer)


async def test_what_is_sent_arrives_and_close_comes_behind_it(ends: Ends) -> None:
    ends.connection.send(b"abc")
    ends.connection.close()
    ends.connection.close()
    assert await ends.receive() == b"abc"
    assert await ends.receive() == b""
    await ends.connection.gone
    assert ends.connection.transport is None


async def test_nothing_is_sent_on_a_connection_that_closes_or_is_lost(ends: Ends) -> None:
    ends.connection.close()
    with pytest.raises(WriteLost):
        ends.connection.send(b"a")
    await ends.connection.gone
    with pytest.raises(ConnectionResetError):
        ends.connection.send(b"a")
    ends.connection.close()
    ends.connection.abort()


async def test_writers_wait_while_the_transport_is_full(ends: Ends) -> None:
    connection = ends.connection
    assert connection.transport is not None
    connection.transport.set_write_buffer_limits(high=10)
    connection.send(b"a" * 10_000_000)
    assert connection.flow.paused
    waiting = asyncio.ensure_future(connection.flow.drain())
    while not waiting.done():
        await ends.receive()
    assert not connection.flow.paused


async def test_a_peer_that_takes_nothing_for_the_write_timeout_loses_the_connection(ends: Ends) -> None:
    connection = ends.connection
    connection.send(b"a" * 10_000_000)
    assert connection.flow.paused
    now = connection.loop.time()
    connection.look(now + 4.9)
    assert connection.transport is not None
    assert not connection.transport.is_closing()
    connection.look(now + 6)
    await connection.gone


async def test_waits_for_the_peer_are_noted_and_end_the_connection(ends: Ends) -> None:
    connection = ends.connection
    before = connection.loop.time()
    connection.expect_progress()
    assert before <= connection.idle_since <= connection.loop.time()
    connection.expect_nothing()
    connection.look(before + 100)
    assert connection.transport is not None
    connection.expect_progress()
    connection.look(before + 100)
    await connection.gone
    connection.look(before + 100)


async def test_a_file_that_is_being_sent_is_cancelled_with_the_connection(ends: Ends) -> None:
    async def never() -> int:
        return int(await asyncio.get_running_loop().create_future())

    ends.connection.sending = asyncio.ensure_future(never())
    ends.connection.abort()
    await ends.connection.gone
    with pytest.raises(asyncio.CancelledError):
        await ends.connection.sending


async def test_our_direction_alone_can_be_closed(ends: Ends) -> None:
    assert ends.connection._say_no_more()
    assert await ends.receive() == b""
    ends.connection.abort()
    await ends.connection.gone
    assert not ends.connection._say_no_more()


async def test_reading_can_be_paused(ends: Ends) -> None:
    loop = asyncio.get_running_loop()
    ends.connection._pause()
    await loop.sock_sendall(ends.peer, b"abc")
    for _ in range(5):
        await asyncio.sleep(0)
    assert ends.connection.received == b""
    ends.connection._resume()
    await ends.connection.came.wait()
    assert ends.connection.received == b"abc"


@pytest.mark.parametrize("keepalive", [True, False])
async def test_tcp_keepalive_is_set_where_it_is_wanted(keepalive: bool) -> None:
    loop = asyncio.get_running_loop()
    connection = Connection(loop, ServiceRules(tcp_keepalive=keepalive))
    server = await loop.create_server(lambda: connection, "127.0.0.1", 0)
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await connection.made.wait()
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) is keepalive
        assert not connection.is_tls
        writer.close()
        connection.abort()
        await connection.gone
        await writer.wait_closed()
