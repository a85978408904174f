"""A request that is cancelled at any moment leaves nothing behind: no socket, no slot, no place in the queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import uvloop

from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, Peer, RawServer
from trunkline import ClientSession, TCPConnector
from trunkline.testing.throwaway_ca import ThrowawayCA

MAX_TURNS = 400  # of the loop; far more than any of these requests takes
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
CA = ThrowawayCA()


async def in_pieces(peer: Peer) -> None:
    """A handler that answers each request in two pieces, so that heads and bodies can be waited for."""
    while True:
        await peer.request()
        await peer.send(OK[:20])
        await asyncio.sleep(0)
        await peer.send(OK[20:-1])
        await asyncio.sleep(0)
        await peer.send(OK[-1:])


async def get(session: ClientSession, url: str) -> None:
    async with session.get(url) as response:
        assert await response.read() == b"ok"


async def body() -> AsyncIterator[bytes]:
    for _ in range(5):
        yield b"x" * 1000
        await asyncio.sleep(0)


async def post(session: ClientSession, url: str) -> None:
    async with session.post(url, data=body()) as response:
        assert await response.read() == b"ok"


async def get_after_another(session: ClientSession, url: str) -> None:
    """Wait in the queue behind a request that goes well."""
    first = asyncio.ensure_future(get(session, url))
    await asyncio.sleep(0)
    try:
        await get(session, url)
    finally:
        await first


@dataclass(frozen=True)
class Case:
    request: Callable[[ClientSession, str], Awaitable[None]]
    is_reused: bool = False
    over_tls: bool = False


CASES = {
    "GET, fresh": Case(get),
    "GET, reused": Case(get, is_reused=True),
    "GET, fresh, TLS": Case(get, over_tls=True),
    "GET, reused, TLS": Case(get, is_reused=True, over_tls=True),
    "POST, fresh": Case(post),
    "POST, reused": Case(post, is_reused=True),
    "POST, TLS": Case(post, over_tls=True),
    "GET, queued": Case(get_after_another),
    "GET, queued, TLS": Case(get_after_another, over_tls=True),
}


async def cancel_after(case: Case, turns: int) -> bool:
    """Cancel a request after `turns` of the loop, and check what is left; False when it had ended before."""
    async with RawServer(in_pieces, ssl=CA.server_context() if case.over_tls else None) as server:
        connector = TCPConnector(limit=1, ssl=CA.client_context())
        async with ClientSession(connector=connector) as session:
            if case.is_reused:
                await get(session, server.url())
            task = asyncio.ensure_future(case.request(session, server.url()))
            for _ in range(turns):
                await asyncio.sleep(0)
            was_cancelled = task.cancel()
            await asyncio.wait([task])
            await wait_nothing_held(session)
            assert connector.pool.slots.taken == idle_count(connector) <= 1
            async with asyncio.timeout(5):
                await get(session, server.url())
        async with asyncio.timeout(5):
            await server.wait_all_closed()
    return was_cancelled


@pytest.mark.parametrize("loop_factory", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nothing_is_left_wherever_a_request_is_cancelled(
    case: Case, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def main() -> int:
        turns = 0
        while turns < MAX_TURNS and await cancel_after(case, turns):
            turns += 1
        leftover = asyncio.all_tasks() - {asyncio.current_task()}
        assert not leftover
        return turns

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert 3 < runner.run(main()) < MAX_TURNS


async def test_a_cancelled_waiter_hands_its_turn_on() -> None:
    async with RawServer(in_pieces) as server:
        async with ClientSession(connector=TCPConnector(limit=1)) as session:
            waiting = [asyncio.ensure_future(get(session, server.url())) for _ in range(30)]
            for turn, task in enumerate(waiting):
                await asyncio.sleep(0)
                if turn % 2:
                    task.cancel()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(outcome is None for outcome in outcomes[::2])
            await wait_nothing_held(session)
        assert server.connections <= 16
