"""The queue in front of a full pool: in order, no host in another's way, priorities by sessions of their own."""

from __future__ import annotations

import asyncio

import pytest

import trunkline as aiohttp
from tests.public_api.observing import PATIENCE_S, Held, fetch, recording
from trunkline.testing.loopback import Loopback, LoopbackRequest


async def test_three_hundred_requests_are_served_in_the_order_they_came() -> None:
    seen: list[LoopbackRequest] = []
    connector = aiohttp.TCPConnector(limit=10)
    async with Loopback(recording(seen)) as server, aiohttp.ClientSession(connector=connector) as session:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(fetch(session, server.url(f"/{number}")) for number in range(300)))
        assert server.counts.peak_open == server.counts.connections == 10
    order = [int(request.path[1:]) for request in seen]
    assert sorted(order) == list(range(300))
    # Ten are on their way at any time, and may arrive in any order; none may fall behind more than those.
    assert max(abs(place - number) for place, number in enumerate(order)) < 10


async def test_at_limit_one_the_order_is_exact_and_newcomers_never_jump_the_queue() -> None:
    seen: list[LoopbackRequest] = []
    async with (
        Loopback(recording(seen)) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        late: list[asyncio.Task[object]] = []

        async def fetch_then_ask_again(number: int) -> None:
            await fetch(session, server.url(f"/{number}"))
            late.append(asyncio.create_task(fetch(session, server.url(f"/late/{number}"))))

        await asyncio.gather(*(fetch_then_ask_again(number) for number in range(30)))
        await asyncio.gather(*late)
    assert [request.path for request in seen] == [f"/{n}" for n in range(30)] + [f"/late/{n}" for n in range(30)]


@pytest.mark.parametrize("limit", [100, 2])
async def test_a_waiter_for_a_busy_host_never_blocks_another_host(server: Loopback, limit: int) -> None:
    held = Held()
    connector = aiohttp.TCPConnector(limit=limit, limit_per_host=1)
    async with Loopback(held) as busy, aiohttp.ClientSession(connector=connector) as session:
        stuck = [asyncio.create_task(fetch(session, busy.url(f"/{number}"))) for number in range(5)]
        await held.wait_for(1)
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(3):
                assert (await fetch(session, server.url()))["ok"]
        assert not any(request.done() for request in stuck)
        held.let_go()
        assert await asyncio.gather(*stuck) == [f"/{number}" for number in range(5)]
        assert busy.counts.requests_by_connection == [5]
    assert server.counts.requests_by_connection == [3]


async def test_an_idle_connection_to_one_host_makes_room_for_another(server: Loopback, other_server: Loopback) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(3):
                await fetch(session, server.url())
                await fetch(session, other_server.url())
    assert server.counts.requests_by_connection == other_server.counts.requests_by_connection == [1, 1, 1]


async def test_a_session_of_its_own_never_waits_behind_a_long_queue() -> None:
    held = Held()
    async with (
        Loopback(held) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as unimportant,
        aiohttp.ClientSession() as urgent,
    ):
        queue = [asyncio.create_task(fetch(unimportant, server.url(f"/low/{number}"))) for number in range(50)]
        await held.wait_for(1)
        first = asyncio.create_task(fetch(urgent, server.url("/high")))
        await held.wait_for(2)
        assert held.paths == ["/low/0", "/high"]
        held.let_go()
        assert await first == "/high"
        await asyncio.gather(*queue)
        assert held.paths[2:] == [f"/low/{number}" for number in range(1, 50)]
        assert server.counts.connections == 2


async def test_a_cancelled_waiter_gives_its_place_to_the_next() -> None:
    held = Held()
    async with (
        Loopback(held) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        requests = [asyncio.create_task(fetch(session, server.url(f"/{number}"))) for number in range(5)]
        await held.wait_for(1)
        requests[1].cancel()
        requests[2].cancel()
        held.let_go()
        async with asyncio.timeout(PATIENCE_S):
            results = await asyncio.gather(*requests, return_exceptions=True)
    assert [results[0], *results[3:]] == ["/0", "/3", "/4"]
    assert all(isinstance(result, asyncio.CancelledError) for result in results[1:3])
    assert held.paths == ["/0", "/3", "/4"]
