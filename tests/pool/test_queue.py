"""The queue of a pool, seen from sessions: order, priorities, and its limits in length and time."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.pool_state import wait_nothing_held
from tests.raw_server import OK, Peer, RawServer, replying
from trunkline import (
    BaseConnector,
    ClientError,
    ClientSession,
    ConnectionTimeoutError,
    NamedPipeConnector,
    TCPConnector,
    UnixConnector,
)
from trunkline.client.prioritized import PrioritizedSession
from trunkline.errors import PoolQueueFull


class Gate:
    """A server that answers each request when it is let through, and notes the order in which they came."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self._open = asyncio.Semaphore(0)

    async def serve(self, peer: Peer) -> None:
        while True:
            try:
                head = await peer.head()
            except asyncio.IncompleteReadError:
                return
            self.paths.append(head.split(b" ")[1].decode())
            await self._open.acquire()
            await peer.send(OK)

    def let_through(self, count: int) -> None:
        for _ in range(count):
            self._open.release()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def server(gate: Gate) -> AsyncIterator[RawServer]:
    async with RawServer(gate.serve) as server:
        yield server


async def get(session: ClientSession | PrioritizedSession, server: RawServer, path: str, **options: Any) -> int:
    async with session.get(server.url(path), **options) as response:
        await response.read()
        return response.status


async def asked(session: ClientSession, server: RawServer, path: str, **options: Any) -> "asyncio.Task[int]":
    """Start a request and wait until it stands in the queue, or holds the connection."""
    assert session.connector is not None
    slots = session.connector.pool.slots
    before = slots.queued + len(slots.acquired)
    task = asyncio.create_task(get(session, server, path, **options))
    async with asyncio.timeout(5):
        while slots.queued + len(slots.acquired) == before and not task.done():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
    return task


async def test_requests_are_served_in_the_order_in_which_they_came(server: RawServer, gate: Gate) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        tasks = [await asked(session, server, f"/{number}") for number in range(50)]
        gate.let_through(50)
        assert await asyncio.gather(*tasks) == [200] * 50
    assert gate.paths == [f"/{number}" for number in range(50)]


async def test_priorities_of_requests_and_of_views_share_one_queue(server: RawServer, gate: Gate) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        first = await asked(session, server, "/first")
        tasks = [
            await asked(session, server, "/bulk", priority=-1),
            await asked(session, server, "/usual"),
            await asked(session, server, "/urgent", priority=5),
        ]
        view = session.with_priority(10)
        tasks.append(asyncio.create_task(get(view, server, "/now")))
        assert session.connector is not None
        while session.connector.pool.slots.queued < 4:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)
        gate.let_through(5)
        await asyncio.gather(first, *tasks)
        assert not view.closed
        assert view.headers is session.headers
    assert view.closed
    assert gate.paths == ["/first", "/now", "/urgent", "/usual", "/bulk"]


async def test_sessions_with_rules_of_their_own_share_a_connector(server: RawServer, gate: Gate) -> None:
    async with TCPConnector(limit=1) as connector:
        bulk = ClientSession(connector=connector, connector_owner=False, priority=-1, queue_limit=1)
        users = ClientSession(connector=connector, connector_owner=False)
        async with bulk, users:
            held = await asked(users, server, "/held")
            waiting = await asked(bulk, server, "/bulk")
            with pytest.raises(PoolQueueFull):
                await get(bulk, server, "/refused")
            user = await asked(users, server, "/user")
            gate.let_through(3)
            await asyncio.gather(held, waiting, user)
    assert gate.paths == ["/held", "/user", "/bulk"]


async def test_a_full_queue_refuses_at_once_and_tells_the_state_of_the_pool(server: RawServer, gate: Gate) -> None:
    async with ClientSession(connector=TCPConnector(limit=1, queue_limit=2)) as session:
        tasks = [await asked(session, server, "/") for _ in range(3)]
        with pytest.raises(PoolQueueFull, match=r"1 in use, 1 open of 1, 2 waiting; queue_limit=2.*raise") as caught:
            await get(session, server, "/refused")
        assert isinstance(caught.value, ClientError)
        assert (caught.value.limit, caught.value.state) == (2, "1 in use, 1 open of 1, 2 waiting")
        assert session.stats().errors == {"PoolQueueFull": 1}
        gate.let_through(3)
        await asyncio.gather(*tasks)
    assert gate.paths == ["/"] * 3


async def test_a_queue_limit_of_0_refuses_whoever_would_have_to_wait(server: RawServer, gate: Gate) -> None:
    async with ClientSession(connector=TCPConnector(limit=1, queue_limit=0)) as session:
        task = await asked(session, server, "/")
        with pytest.raises(PoolQueueFull):
            await get(session, server, "/refused")
        gate.let_through(2)
        assert await task == 200
        assert await get(session, server, "/") == 200


async def test_a_queue_limit_of_0_lets_an_idle_connection_be_closed_for_another_host(
    server: RawServer, gate: Gate
) -> None:
    async with RawServer(gate.serve) as other, ClientSession(connector=TCPConnector(limit=1, queue_limit=0)) as session:
        gate.let_through(2)
        assert await get(session, server, "/") == 200
        assert await get(session, other, "/") == 200


@pytest.mark.parametrize("ending", [b"Connection: close\r\n", b"Keep-Alive: max=0\r\n"])
async def test_a_queue_limit_of_0_waits_for_a_socket_that_is_being_closed(ending: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + ending + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    connector = TCPConnector(limit=1, queue_limit=0)
    async with RawServer(replying(answer)) as server, ClientSession(connector=connector) as session:
        for _ in range(5):
            assert await get(session, server, "/") == 200
        assert server.connections == 5


async def test_the_wait_in_the_queue_has_a_limit_of_its_own(server: RawServer, gate: Gate) -> None:
    async with ClientSession(connector=TCPConnector(limit=1, queue_timeout=0.02)) as session:
        held = await asked(session, server, "/held")
        with pytest.raises(
            ConnectionTimeoutError, match=r"in the queue.*1 in use, 1 open of 1, 0 waiting.*queue_timeout"
        ):
            await get(session, server, "/late")
        gate.let_through(1)
        assert await held == 200
        await wait_nothing_held(session)
        stats = session.stats()
    assert stats.waited == 1
    assert stats.wait_p50_s >= 0.02
    assert gate.paths == ["/held"]


async def test_a_session_may_wait_longer_than_its_connector_says(server: RawServer, gate: Gate) -> None:
    connector = TCPConnector(limit=1, queue_timeout=0.001)
    async with ClientSession(connector=connector, queue_timeout=60) as session:
        held = await asked(session, server, "/held")
        patient = await asked(session, server, "/patient")
        await asyncio.sleep(0.02)  # well over the connector's limit: it must not count
        gate.let_through(2)
        assert (await held, await patient) == (200, 200)


async def test_one_that_gives_up_leaves_the_queue_in_order(server: RawServer, gate: Gate) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        tasks = [await asked(session, server, f"/{number}", priority=number % 2) for number in range(6)]
        tasks[3].cancel()
        tasks[4].cancel()
        gate.let_through(6)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, BaseException) for result in results] == [False, False, False, True, True, False]
        await wait_nothing_held(session)
    assert gate.paths == ["/0", "/1", "/5", "/2"]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"queue_limit": -1}, ValueError, "queue_limit is -1"),
        ({"queue_limit": "5"}, TypeError, "queue_limit is of type str"),
        ({"queue_timeout": 0}, ValueError, "queue_timeout is 0"),
        ({"max_connection_age": 0}, ValueError, "max_connection_age is 0"),
        ({"queue_limits": 1}, TypeError, "got an unexpected keyword argument 'queue_limits'"),
    ],
)
async def test_a_connector_refuses_rules_that_make_no_sense(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        TCPConnector(**options)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"priority": "high"}, TypeError, "priority is of type str"),
        ({"queue_limit": -1}, ValueError, "queue_limit is -1"),
        ({"queue_timeout": -1}, ValueError, "queue_timeout is -1"),
        ({"nonsense": 1}, TypeError, "got an unexpected keyword argument 'nonsense'"),
    ],
)
async def test_a_session_refuses_rules_that_make_no_sense(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    async with TCPConnector() as connector:
        with pytest.raises(error, match=text):
            ClientSession(connector=connector, **options)


@pytest.mark.parametrize("cls", [ClientSession, BaseConnector, TCPConnector, UnixConnector, NamedPipeConnector])
def test_constructors_name_each_of_their_arguments(cls: type) -> None:
    """Libraries pass on what a signature names, and everything where it has a `**`."""
    kinds = {parameter.kind for parameter in inspect.signature(cls).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
