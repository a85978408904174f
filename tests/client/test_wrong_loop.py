"""A session that is used on another loop than its own: after its run, in another thread, in debug mode."""

import asyncio
from collections.abc import Callable, Coroutine
from threading import Thread
from typing import Any

import pytest
import uvloop

from tests.raw_server import OK, RawServer, replying
from trunkline import ClientSession

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
URL = "http://127.0.0.1:9/"
ADVICE = r"make one for each, inside asyncio\.run\(\), or use the one that trunkline\.shared_session\(\) returns there"
Misuse = Callable[[ClientSession], Coroutine[Any, Any, object]]  # Any: what coroutines send and receive
USES = pytest.mark.parametrize("use", [lambda session: session._request("GET", URL), ClientSession.drain])


async def make() -> ClientSession:
    return ClientSession()


async def refused(session: ClientSession, use: Misuse) -> str:
    with pytest.raises(RuntimeError, match=ADVICE) as refusal:
        await use(session)
    return str(refusal.value)


@LOOPS
@USES
def test_after_its_run_has_ended(use: Misuse, loop_factory: LoopFactory) -> None:
    async def misuse(session: ClientSession) -> str:
        said = await refused(session, use)
        await session.close()  # it holds no socket, so any loop will do
        return said

    with asyncio.Runner(loop_factory=loop_factory) as first:
        session = first.run(make())
    with asyncio.Runner(loop_factory=loop_factory, debug=True) as second:
        said = second.run(misuse(session))
    assert said.endswith(f"test_wrong_loop.py:{make.__code__.co_firstlineno + 1}")
    assert "closed=True" in said
    assert "running=True" in said


@LOOPS
@USES
def test_in_another_thread(use: Misuse, loop_factory: LoopFactory) -> None:
    said: list[str] = []

    def in_thread(session: ClientSession) -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            said.append(runner.run(refused(session, use)))

    async def main() -> None:
        async with ClientSession() as session:
            thread = Thread(target=in_thread, args=(session,), name="worker-1")
            thread.start()
            await asyncio.to_thread(thread.join)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert "thread 'MainThread'" in said[0]
    assert "thread 'worker-1'" in said[0]


@LOOPS
def test_what_holds_sockets_cannot_be_closed_in_another_thread_either(loop_factory: LoopFactory) -> None:
    said: list[str] = []

    async def close(session: ClientSession) -> None:
        with pytest.raises(RuntimeError, match="await close\\(\\) before that loop ends") as refusal:
            await session.close()
        said.append(str(refusal.value))

    def in_thread(session: ClientSession) -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(close(session))

    async def main() -> None:
        async with RawServer(replying(OK)) as server, ClientSession() as session:
            for _ in range(2):
                async with session.get(server.url()) as response:
                    await response.read()
                await asyncio.to_thread(in_thread, session)
            assert server.connections == 1

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert len(said) == 2
    assert "thread 'MainThread'" in said[0]


@LOOPS
def test_closing_when_its_loop_is_closed_warns_and_ends_it(loop_factory: LoopFactory) -> None:
    async def use_and_keep() -> ClientSession:
        session = ClientSession()
        async with RawServer(replying(OK)) as server, session.get(server.url()) as response:
            await response.read()
        assert session.connector is not None
        session.connector.pool.slots.taken += 1  # a socket that the loop's end has left
        return session

    with asyncio.Runner(loop_factory=loop_factory) as first:
        session = first.run(use_and_keep())
    with asyncio.Runner(loop_factory=loop_factory) as second:
        with pytest.warns(ResourceWarning, match=r"await close\(\) before that loop ends"):
            second.run(session.close())
        second.run(session.close())
    assert session.closed
