"""Requests that share a connection of HTTP/2: how many there are, who waits, and when a connection ends."""

import asyncio
import gc

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.client.h2 import clear_session, hello, read_all, server_context, stats_of, tls_session
from tests.h2_server import H2Server, ServerStream
from tests.waiting import until
from trunkline import ClientConnectorError, StreamReader
from trunkline.conn.stream_h2 import ClientStream


@pytest.mark.parametrize("count", [64, 1000])
async def test_requests_at_a_time_share_one_connection(count: int) -> None:
    gate = asyncio.Event()

    async def wait(stream: ServerStream) -> None:
        if len(server.requests) == count:
            gate.set()
        await gate.wait()
        stream.answer()

    settings = {SettingCodes.MAX_CONCURRENT_STREAMS: count}
    async with H2Server(wait, settings=settings) as server, clear_session(limit=count) as session:
        gate.set()
        await read_all(session, server.url())  # with its SETTINGS
        gate.clear()
        server.requests.clear()
        assert await asyncio.gather(*(read_all(session, server.url()) for _ in range(count))) == [b"ok"] * count
        assert (len(server.peers), server.peers[0].most_open) == (1, count)
        stats = stats_of(session)
        assert (stats.opened, stats.reused, stats.idle, stats.active) == (1, count, count, 0)


@pytest.mark.parametrize("limits", [{"limit": 1}, {"limit_per_host": 1}, {"limit": 3}, {"limit_per_host": 3}])
async def test_limits_count_exchanges(limits: dict[str, int]) -> None:
    async def slow(stream: ServerStream) -> None:
        await asyncio.sleep(0.001)
        stream.answer()

    async with H2Server(slow) as server, clear_session(**limits) as session:
        assert await asyncio.gather(*(read_all(session, server.url()) for _ in range(30))) == [b"ok"] * 30
        assert (len(server.peers), server.peers[0].most_open) == (1, max(limits.values()))


async def test_fifty_first_requests_open_one_connection() -> None:
    async with H2Server(hello, ssl=server_context()) as server, tls_session() as session:
        assert await asyncio.gather(*(read_all(session, server.url()) for _ in range(50))) == [b"hello"] * 50
        assert len(server.peers) == 1


async def test_a_leader_that_is_cancelled_is_replaced() -> None:
    async with H2Server(hello, ssl=server_context()) as server, tls_session() as session:
        tasks = [asyncio.create_task(read_all(session, server.url())) for _ in range(10)]
        await asyncio.sleep(0.005)  # within the handshake, or before it
        tasks[0].cancel()
        assert await asyncio.gather(*tasks[1:]) == [b"hello"] * 9
        assert len(server.peers) <= 2


async def test_those_who_wait_for_a_leader_that_fails_fail_too() -> None:
    async with tls_session() as session:
        tasks = (read_all(session, "https://127.0.0.1:1/") for _ in range(3))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [ClientConnectorError] * 3


async def test_a_second_connection_carries_what_the_server_allows_no_more_of() -> None:
    async def slow(stream: ServerStream) -> None:
        await asyncio.sleep(0.05)
        stream.answer()

    settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 10}
    async with H2Server(slow, settings=settings) as server, clear_session() as session:
        await read_all(session, server.url())
        assert await asyncio.gather(*(read_all(session, server.url()) for _ in range(15))) == [b"ok"] * 15
        assert [peer.most_open for peer in server.peers] == [10, 5]


async def test_requests_beyond_a_limit_that_comes_late_wait_in_order() -> None:
    async def slow(stream: ServerStream) -> None:
        await asyncio.sleep(0.002)
        stream.answer(stream.path.encode())

    settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 4}
    async with H2Server(slow, settings=settings) as server, clear_session() as session:
        paths = [f"/{number}" for number in range(40)]
        assert await asyncio.gather(*(read_all(session, server.url(path)) for path in paths)) == [
            path.encode() for path in paths
        ]
        assert all(peer.most_open <= 4 for peer in server.peers)


async def test_an_idle_connection_closes_with_its_last_lane() -> None:
    async with H2Server(hello) as server, clear_session(keepalive_timeout=0.01) as session:
        await asyncio.gather(*(read_all(session, server.url()) for _ in range(5)))
        await until(lambda: server.peers[0].is_lost)
        assert stats_of(session).idle == 0


async def test_an_old_connection_takes_no_more_requests() -> None:
    async with H2Server(hello) as server, clear_session(max_connection_age=0.05) as session:
        for _ in range(12):
            await asyncio.gather(*(read_all(session, server.url()) for _ in range(3)))
            await asyncio.sleep(0.01)
        assert 2 <= len(server.peers) <= 5


async def test_exchanges_leave_no_garbage() -> None:
    async def serve(stream: ServerStream) -> None:
        stream.head()
        stream.say(b"in two ")
        await asyncio.sleep(0.001)
        if stream.path == "/reset":
            stream.reset(ErrorCodes.INTERNAL_ERROR)
        else:
            stream.say(b"pieces", ends=True)

    async with H2Server(serve) as server, clear_session() as session:
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                assert await read_all(session, server.url()) == b"in two pieces"
                async with session.get(server.url("/given-up")):
                    pass
            await asyncio.sleep(0.01)
            kept = [one for one in gc.get_objects() if type(one) in (ClientStream, StreamReader)]
        finally:
            gc.enable()
        assert kept == []
