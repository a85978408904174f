"""`Pool`: what becomes of requests that wait, give up, fail to connect, or are under way at the end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.raw_server import RawServer, silent
from trunkline.client.errors import ClientConnectionError
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.errors import DeadlineExpired
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.pool.errors import ConnectTimeout, PoolClosed
from trunkline.pool.establish import Establisher
from trunkline.pool.pool import Pool
from trunkline.pool.rules import ConnectLimits, PoolRules
from trunkline.pool.slots import Slots
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.errors import ConnectError
from trunkline.transport.resolve import DefaultResolver
from trunkline.wire.message import RequestHead, Target

NO_LIMITS = ConnectLimits()
RULES = PoolRules(keepalive_s=15.0)


def exchange() -> Exchange:
    return Exchange(RequestHead("GET", Target("http", "test", "/"), ()), ExchangeRules(), lambda exchange, error: error)


def key_of(server: RawServer) -> ConnectionKey:
    return ConnectionKey("127.0.0.1", server.port, False, True)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """A pool with room for one connection."""
    loop = asyncio.get_running_loop()
    dns = DNSCache(DefaultResolver(loop=loop), 10, 10)
    pool = Pool(loop, Slots[ClientConnection](1, 0), Establisher(loop, dns), RULES)
    yield pool
    await pool.close()
    await dns.close()
    assert pool.slots.taken == 0
    assert not pool.slots.acquired
    assert not pool.slots.queued


async def queued(pool: Pool, key: ConnectionKey, limits: ConnectLimits = NO_LIMITS) -> "asyncio.Task[ClientConnection]":
    """Let a request wait in the queue."""
    task = asyncio.create_task(pool.acquire(key, exchange(), limits))
    before = pool.slots.queued
    while pool.slots.queued == before:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
    return task


async def test_a_connection_given_back_is_taken_again(pool: Pool, server: RawServer) -> None:
    key = key_of(server)
    assert pool.take(key) is None
    connection = await pool.acquire(key, exchange(), NO_LIMITS)
    pool.release(connection)
    assert pool.take(key) is connection
    assert pool.counters.opened == 1
    pool.release(connection)


async def test_a_connection_given_back_goes_to_who_waits_longest(pool: Pool, server: RawServer) -> None:
    key = key_of(server)
    connection = await pool.acquire(key, exchange(), NO_LIMITS)
    first, second = await queued(pool, key), await queued(pool, key)
    pool.release(connection)
    assert await first is connection
    assert not second.done()
    pool.release(connection)
    assert await second is connection
    pool.release(connection)


async def test_who_waits_gets_the_slot_of_a_connection_that_was_closed(pool: Pool, server: RawServer) -> None:
    key = key_of(server)
    connection = await pool.acquire(key, exchange(), NO_LIMITS)
    waiting = await queued(pool, key)
    connection.close()
    other = await waiting
    assert other is not connection
    pool.release(other)


async def test_who_gives_up_just_when_it_was_served_passes_the_connection_on(pool: Pool, server: RawServer) -> None:
    key = key_of(server)
    connection = await pool.acquire(key, exchange(), NO_LIMITS)
    first, second = await queued(pool, key), await queued(pool, key)
    pool.release(connection)
    first.cancel()
    assert await second is connection
    pool.release(connection)


async def test_who_gives_up_just_when_it_got_a_slot_passes_it_on(pool: Pool, server: RawServer) -> None:
    key = key_of(server)
    connection = await pool.acquire(key, exchange(), NO_LIMITS)
    first, second = await queued(pool, key), await queued(pool, key)
    connection.close()
    await connection.gone
    first.cancel()
    pool.release(await second)


async def test_a_failure_to_connect_gives_its_slot_back(pool: Pool) -> None:
    async with RawServer(silent) as gone:
        key = key_of(gone)
    for _ in range(3):
        with pytest.raises(ConnectError, match="cannot connect"):
            await pool.acquire(key, exchange(), NO_LIMITS)
        assert pool.slots.taken == 0


async def test_the_time_in_the_queue_is_bounded(pool: Pool, server: RawServer) -> None:
    key = key_of(server)
    connection = await pool.acquire(key, exchange(), NO_LIMITS)
    with pytest.raises(ConnectTimeout, match=r"1 in use, 1 open of 1, 0 waiting; timeout\.connect.* 0\.05 s"):
        await pool.acquire(key, exchange(), ConnectLimits(connect_s=0.05))
    pool.release(connection)


async def test_an_exchange_that_fails_stops_waiting(pool: Pool, server: RawServer) -> None:
    key = key_of(server)
    connection = await pool.acquire(key, exchange(), NO_LIMITS)
    failing = exchange()
    waiting = asyncio.create_task(pool.acquire(key, failing, NO_LIMITS))
    while not pool.slots.queued:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
    failing.fail(ClientConnectionError("for a test"))
    with pytest.raises(ClientConnectionError, match="for a test"):
        await waiting
    assert not pool.slots.queued
    pool.release(connection)


async def test_those_who_wait_are_told_when_the_pool_closes(pool: Pool, server: RawServer) -> None:
    key = key_of(server)
    connection = await pool.acquire(key, exchange(), NO_LIMITS)
    waiting = await queued(pool, key)
    await pool.close()
    with pytest.raises(PoolClosed, match="close"):
        await waiting
    with pytest.raises(PoolClosed, match="close"):
        await pool.acquire(key, exchange(), NO_LIMITS)
    assert connection.is_closed
    await server.wait_all_closed()


async def test_a_connection_given_back_after_the_end_is_closed(pool: Pool, server: RawServer) -> None:
    connection = await pool.acquire(key_of(server), exchange(), NO_LIMITS)
    pool.closed = True
    pool.release(connection)
    await connection.gone
    assert pool.slots.taken == 0


class Stuck(Establisher):
    """Opens nothing, and takes a while to notice that it is cancelled."""

    async def open(self, key: ConnectionKey, exchange: Exchange) -> ClientConnection:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        raise AssertionError("the wait has no other end")


@pytest.fixture
async def stuck() -> AsyncIterator[Pool]:
    """A pool that never opens a connection, with room for one."""
    loop = asyncio.get_running_loop()
    pool = Pool(loop, Slots[ClientConnection](1, 0), Stuck(loop, None), RULES)
    yield pool
    await pool.close()
    assert pool.slots.taken == 0


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


KEY = ConnectionKey("test", 80, False, True)


async def test_a_request_that_ended_when_its_turn_came_opens_nothing(stuck: Pool) -> None:
    assert stuck.slots.try_open(KEY)
    one = exchange()
    task = asyncio.create_task(stuck.acquire(KEY, one, NO_LIMITS))
    await turns(2)
    stuck.slots.free_slot(KEY)  # it is the request's from now on
    one.fail(DeadlineExpired("waiting", 1, 1))
    async with asyncio.timeout(1):
        with pytest.raises(DeadlineExpired):
            await task


async def test_a_pool_closes_while_an_opening_is_being_interrupted(stuck: Pool) -> None:
    one = exchange()
    task = asyncio.create_task(stuck.acquire(KEY, one, NO_LIMITS))
    await turns(2)
    one.fail(DeadlineExpired("waiting", 1, 1))
    await turns(2)
    await stuck.close()
    with pytest.raises(PoolClosed):
        await task
