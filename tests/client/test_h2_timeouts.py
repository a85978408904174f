"""What time, and the end of a session, do to exchanges over HTTP/2."""

import asyncio

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.client.h2 import clear_session, hello, read_all
from tests.h2_server import H2Server, ServerStream
from tests.raw_server import Peer, RawServer
from tests.waiting import until
from trunkline import ClientTimeout, SocketTimeoutError


async def test_sock_read_ends_one_stream() -> None:
    async def serve(stream: ServerStream) -> None:
        if stream.path == "/stall":
            stream.head()
        else:
            stream.answer()

    timeout = ClientTimeout(sock_read=0.05)
    async with H2Server(serve) as server, clear_session() as session:
        async with session.get(server.url("/stall"), timeout=timeout) as response:
            with pytest.raises(SocketTimeoutError):
                await response.read()
        assert await read_all(session, server.url()) == b"ok"
        assert len(server.peers) == 1


async def test_sock_read_does_not_count_while_other_streams_come_first() -> None:
    async def slow(stream: ServerStream) -> None:
        await asyncio.sleep(0.05)
        stream.answer()

    timeout = ClientTimeout(total=20, sock_read=0.15)

    async def ask() -> bytes:
        async with session.get(server.url(), timeout=timeout) as response:
            return await response.read()

    async with H2Server(slow) as server, clear_session(limit=8) as session:
        await ask()
        await asyncio.gather(*(ask() for _ in range(8)))
        peer = server.peers[0]
        peer.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})  # they leave with the next response
        await ask()
        assert await asyncio.gather(*(ask() for _ in range(8))) == [b"ok"] * 8
        assert len(server.peers) == 1


async def test_sock_read_ends_the_wait_for_a_server_that_takes_no_streams() -> None:
    async def take_none(peer: Peer) -> None:
        await peer.send(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\0")  # SETTINGS_MAX_CONCURRENT_STREAMS 0
        await peer.wait_closed_by_client()

    timeout = ClientTimeout(total=20, sock_read=0.05)
    async with RawServer(take_none) as server, clear_session() as session:
        asked = (session.get(server.url(), timeout=timeout) for _ in range(3))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(result) for result in results] == [SocketTimeoutError] * 3


async def test_the_total_time_covers_a_wait_for_the_head() -> None:
    async def stall(stream: ServerStream) -> None:
        assert await stream.was_reset == ErrorCodes.CANCEL

    async with H2Server(stall) as server, clear_session() as session:
        with pytest.raises(TimeoutError, match="while waiting for the response"):
            await session.get(server.url(), timeout=ClientTimeout(total=0.05))


async def test_closing_the_session_ends_streams_and_says_goodbye() -> None:
    async def stall(stream: ServerStream) -> None:
        stream.head()

    async with H2Server(stall) as server:
        async with clear_session() as session:
            response = await session.get(server.url())
        with pytest.raises(Exception, match="closed"):
            await response.read()
        await until(lambda: server.peers[0].is_lost)
        assert server.goodbyes == [ErrorCodes.NO_ERROR]


async def test_a_drain_waits_for_streams() -> None:
    async def slow(stream: ServerStream) -> None:
        await asyncio.sleep(0.05)
        stream.answer()

    async with H2Server(slow) as server, clear_session() as session:
        task = asyncio.create_task(read_all(session, server.url()))
        await until(lambda: server.requests)
        assert await session.drain(5) == ()
        assert await task == b"ok"


async def test_a_forked_child_says_nothing_to_the_server() -> None:
    async with H2Server(hello) as server:
        session = clear_session()
        await asyncio.gather(*(read_all(session, server.url()) for _ in range(3)))
        connector = session.connector
        assert connector is not None
        transports = {lane.transport for lane in connector.pool.sockets}
        connector.leave_to_parent(1)
        await session.close()
        await asyncio.sleep(0.01)
        assert not server.peers[0].is_lost
        assert server.goodbyes == []
        (transport,) = transports
        assert transport is not None
        transport.abort()
