"""`shared_session()`: one session for each loop, closed with it."""

import asyncio
import gc
from collections.abc import Callable
from threading import Thread

import pytest
import uvloop

from tests.raw_server import OK, RawServer, replying
from trunkline import ClientSession
from trunkline.client.shared import shared_session

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


async def use() -> ClientSession:
    """Request something with the loop's own session, several times."""
    async with RawServer(replying(OK)) as server:
        for _ in range(3):
            async with shared_session().get(server.url()) as response:
                assert await response.read() == b"ok"
        assert server.connections == 1
    return shared_session()


@LOOPS
@pytest.mark.filterwarnings("error")
def test_the_end_of_the_loop_closes_it(loop_factory: LoopFactory) -> None:
    sessions = []
    for _ in range(2):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            sessions += [runner.run(use()), runner.run(use())]
            assert not sessions[-1].closed
    assert [session.closed for session in sessions] == [True] * 4
    assert sessions[0] is sessions[1] is not sessions[2] is sessions[3]
    gc.collect()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.filterwarnings("error")
def test_run_closes_it(run: Callable[..., ClientSession]) -> None:
    assert run(use()).closed


async def test_a_block_leaves_it_open() -> None:
    async with shared_session() as session:
        assert session is shared_session()
    assert not session.closed
    await session.close()


@pytest.mark.parametrize("end", [ClientSession.close, ClientSession.drain])
async def test_who_closes_it_gets_another_one(end: Callable[[ClientSession], object]) -> None:
    first = shared_session()
    await end(first)  # type: ignore[misc]  # both are coroutine functions
    assert first.closed
    second = shared_session()
    assert second is not first
    assert not second.closed
    await second.close()


def test_each_thread_has_its_own() -> None:
    sessions: list[ClientSession] = []

    async def note() -> None:
        sessions.append(await use())

    threads = [Thread(target=lambda: asyncio.run(note())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(sessions)) == 2


def test_without_a_loop_the_error_tells_where_to_call_it() -> None:
    with pytest.raises(RuntimeError, match=r"no running event loop: .* call it inside a coroutine"):
        shared_session()


@LOOPS
def test_a_loop_that_just_stops_leaves_it_unclosed_and_that_is_told(loop_factory: LoopFactory) -> None:
    async def make() -> None:
        shared_session()

    loop = loop_factory()
    loop.run_until_complete(make())
    loop.close()
    del loop
    with pytest.warns(ResourceWarning, match="Unclosed client session"):
        gc.collect()


async def test_the_loop_can_be_used_after_its_generators_were_shut_down() -> None:
    session = shared_session()
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    assert session.closed
    with pytest.warns(ResourceWarning, match="after loop.shutdown_asyncgens"):
        second = shared_session()
    assert second is not session
    await second.close()
