"""Whether the end or a byte waits unread in a socket pair, on both loops, told before the loop has its turn."""

import asyncio
import select
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from tests.conn.socket_pair import peer_of
from trunkline.conn.client_h1 import ClientH1

Test = Callable[[ClientH1, socket.socket], Awaitable[None]]
OnBothLoops = Callable[[Test], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> OnBothLoops:
    """Runs a test with a connection and the socket of its peer."""

    async def connected(test: Test) -> None:
        connection = ClientH1(asyncio.get_running_loop())
        async with peer_of(connection) as peer:
            await test(connection, peer)

    def run(test: Test) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(connected(test))

    return run


def test_a_connection_is_alive_however_often_it_is_asked(play: OnBothLoops) -> None:
    async def test(connection: ClientH1, peer: socket.socket) -> None:
        for _ in range(3):
            assert connection.is_alive()
            await asyncio.sleep(0)

    play(test)


def test_an_end_that_waits_unread_is_seen(play: OnBothLoops) -> None:
    async def test(connection: ClientH1, peer: socket.socket) -> None:
        assert connection.is_alive()
        peer.shutdown(socket.SHUT_WR)
        assert not connection.is_closed  # nobody has noticed
        assert not connection.is_alive()

    play(test)


def test_a_byte_for_nobody_is_seen(play: OnBothLoops) -> None:
    async def test(connection: ClientH1, peer: socket.socket) -> None:
        peer.send(b"H")
        assert not connection.is_alive()

    play(test)


def test_a_closed_connection_is_not_alive(play: OnBothLoops) -> None:
    async def test(connection: ClientH1, peer: socket.socket) -> None:
        assert connection.is_alive()
        connection.close()
        assert not connection.is_alive()
        await connection.gone
        assert not connection.is_alive()

    play(test)


def test_a_reset_is_seen() -> None:
    async def test() -> None:
        connection = ClientH1(asyncio.get_running_loop())
        with socket.create_server(("127.0.0.1", 0)) as server:
            await asyncio.get_running_loop().create_connection(lambda: connection, *server.getsockname())
            peer, _ = server.accept()
            assert connection.is_alive()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            assert not connection.is_alive()
        await connection.gone

    asyncio.run(test())


def test_where_there_is_no_poll_an_open_connection_counts_as_alive(
    play: OnBothLoops, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(connection: ClientH1, peer: socket.socket) -> None:
        with monkeypatch.context() as patch:
            patch.delattr(select, "poll")
            peer.send(b"H")
            assert connection.is_alive()

    play(test)


class Without(asyncio.Transport):
    """A transport of the user's, under which there is no socket."""

    def is_closing(self) -> bool:
        return False


async def test_a_transport_without_a_socket_counts_as_alive() -> None:
    connection = ClientH1(asyncio.get_running_loop())
    connection.connection_made(Without())
    assert connection.is_alive()
