"""`Pool` with a probe: what it tells and when, and that nothing is lost when a callback ends the request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.probes import Notes
from tests.raw_server import RawServer, silent
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
CREATED = ["create_start", "create_end"]


def traced(notes: Notes | None) -> Exchange:
    head = RequestHead("GET", Target("http", "test", "/"), ())
    exchange = Exchange(head, ExchangeRules(), lambda exchange, error: error)
    exchange.probe = notes
    return exchange


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """A pool with room for one connection, of which nothing may be left in use."""
    loop = asyncio.get_running_loop()
    dns = DNSCache(DefaultResolver(loop=loop), 10, 10)
    pool = Pool(loop, Slots[ClientConnection](1, 0), Establisher(loop, dns), RULES)
    yield pool
    assert not pool.slots.acquired
    assert not pool.slots.queued
    await pool.close()
    await dns.close()
    assert pool.slots.taken == 0


async def until_queued(pool: Pool, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while pool.slots.queued < count:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


async def is_usable(pool: Pool, key: ConnectionKey) -> None:
    """Take the pool's only slot and give it back: hangs if it was lost."""
    async with asyncio.timeout(5):
        pool.release(await pool.acquire(key, traced(None), NO_LIMITS))


# What is told.


async def test_a_new_connection_is_told_and_so_is_its_reuse(pool: Pool, key: ConnectionKey) -> None:
    notes = Notes()
    pool.release(await pool.acquire(key, traced(notes), NO_LIMITS))
    pool.release(await pool.acquire(key, traced(notes), NO_LIMITS))
    assert notes.told == [*CREATED, "reuse"]


async def test_the_dns_is_told_while_a_connection_is_created(pool: Pool, key: ConnectionKey) -> None:
    notes = Notes()
    pool.release(await pool.acquire(key._replace(host="localhost"), traced(notes), NO_LIMITS))
    asked = ["miss localhost", "ask localhost", "answer localhost"]
    assert notes.told == ["create_start", *asked, "create_end"]


async def test_a_wait_is_told_before_the_reuse(pool: Pool, key: ConnectionKey) -> None:
    connection = await pool.acquire(key, traced(None), NO_LIMITS)
    notes = Notes()
    waiting = asyncio.create_task(pool.acquire(key, traced(notes), NO_LIMITS))
    await until_queued(pool)
    assert notes.told == ["queued_start"]
    pool.release(connection)
    pool.release(await waiting)
    assert notes.told == ["queued_start", "queued_end", "reuse"]


async def test_a_wait_is_told_before_the_new_connection(pool: Pool, key: ConnectionKey) -> None:
    connection = await pool.acquire(key, traced(None), NO_LIMITS)
    notes = Notes()
    waiting = asyncio.create_task(pool.acquire(key, traced(notes), NO_LIMITS))
    await until_queued(pool)
    connection.close()
    pool.release(await waiting)
    assert notes.told == ["queued_start", "queued_end", *CREATED]


async def test_a_failure_to_connect_is_no_end_of_it(pool: Pool) -> None:
    async with RawServer(silent) as gone:
        key = ConnectionKey("127.0.0.1", gone.port, False, True)
    notes = Notes()
    with pytest.raises(ConnectError):
        await pool.acquire(key, traced(notes), NO_LIMITS)
    assert notes.told == ["create_start"]


async def test_a_turn_that_comes_while_the_callback_runs_is_not_missed(pool: Pool, key: ConnectionKey) -> None:
    connection = await pool.acquire(key, traced(None), NO_LIMITS)

    async def give_back() -> None:
        pool.release(connection)
        await asyncio.sleep(0)

    async with asyncio.timeout(5):
        waiting = pool.acquire(key, traced(Notes({"queued_start": give_back})), NO_LIMITS)
        assert await waiting is connection
    pool.release(connection)


async def test_a_connection_that_is_lost_while_its_callback_runs_is_replaced(pool: Pool, key: ConnectionKey) -> None:
    connection = await pool.acquire(key, traced(None), NO_LIMITS)

    async def lose() -> None:
        connection.close()
        await connection.gone

    notes = Notes({"queued_end": lose})
    waiting = asyncio.create_task(pool.acquire(key, traced(notes), NO_LIMITS))
    await until_queued(pool)
    pool.release(connection)
    async with asyncio.timeout(5):
        pool.release(await waiting)
    assert notes.told == ["queued_start", "queued_end", *CREATED]


async def test_a_pool_that_closes_while_such_a_callback_runs_ends_the_request(pool: Pool, key: ConnectionKey) -> None:
    connection = await pool.acquire(key, traced(None), NO_LIMITS)
    waiting = asyncio.create_task(pool.acquire(key, traced(Notes({"queued_end": pool.close})), NO_LIMITS))
    await until_queued(pool)
    pool.release(connection)
    async with asyncio.timeout(5):
        with pytest.raises(PoolClosed):
            await waiting


# A callback ends the request.


async def raising() -> None:
    raise KeyError("of the callback")


async def hanging() -> None:
    await asyncio.get_running_loop().create_future()


async def fails(pool: Pool, request: "asyncio.Task[ClientConnection]", exchange: Exchange) -> None:
    with pytest.raises(KeyError, match="of the callback"):
        await request


async def is_cancelled(pool: Pool, request: "asyncio.Task[ClientConnection]", exchange: Exchange) -> None:
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


async def expires(pool: Pool, request: "asyncio.Task[ClientConnection]", exchange: Exchange) -> None:
    exchange.fail(DeadlineExpired("waiting", 1, 1))
    with pytest.raises(DeadlineExpired):
        await request


Ending = Callable[[Pool, "asyncio.Task[ClientConnection]", Exchange], Awaitable[None]]
ENDINGS = pytest.mark.parametrize(
    ("act", "ends"), [(raising, fails), (hanging, is_cancelled), (hanging, expires)], ids=["raise", "cancel", "expire"]
)


async def until_told(notes: Notes, event: str) -> None:
    async with asyncio.timeout(5):
        while event not in notes.told:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


@ENDINGS
@pytest.mark.parametrize("event", CREATED)
async def test_a_slot_is_free_again_when_a_callback_of_the_opening_ends_the_request(
    pool: Pool, key: ConnectionKey, event: str, act: Callable[[], Awaitable[None]], ends: Ending
) -> None:
    notes = Notes({event: act})
    exchange = traced(notes)
    request = asyncio.create_task(pool.acquire(key, exchange, NO_LIMITS))
    await until_told(notes, event)
    await ends(pool, request, exchange)
    assert pool.slots.taken == 0
    await is_usable(pool, key)


@ENDINGS
async def test_a_connection_is_idle_again_when_the_callback_of_its_reuse_ends_the_request(
    pool: Pool, key: ConnectionKey, act: Callable[[], Awaitable[None]], ends: Ending
) -> None:
    connection = await pool.acquire(key, traced(None), NO_LIMITS)
    pool.release(connection)
    notes = Notes({"reuse": act})
    exchange = traced(notes)
    request = asyncio.create_task(pool.acquire(key, exchange, NO_LIMITS))
    await until_told(notes, "reuse")
    await ends(pool, request, exchange)
    assert pool.take(key) is connection
    pool.release(connection)


@ENDINGS
async def test_nobody_waits_any_more_when_a_callback_ends_the_wait(
    pool: Pool, key: ConnectionKey, act: Callable[[], Awaitable[None]], ends: Ending
) -> None:
    connection = await pool.acquire(key, traced(None), NO_LIMITS)
    notes = Notes({"queued_start": act})
    exchange = traced(notes)
    request = asyncio.create_task(pool.acquire(key, exchange, NO_LIMITS))
    await until_told(notes, "queued_start")
    await ends(pool, request, exchange)
    assert not pool.slots.queued
    pool.release(connection)
    await is_usable(pool, key)


@ENDINGS
@pytest.mark.parametrize(
    ("event", "is_reusable"),
    [("queued_start", True), ("queued_start", False), ("queued_end", True), ("queued_end", False), ("reuse", True)],
)
async def test_what_was_handed_over_is_passed_on_when_a_callback_ends_the_request(
    pool: Pool, key: ConnectionKey, event: str, is_reusable: bool, act: Callable[[], Awaitable[None]], ends: Ending
) -> None:
    connection = await pool.acquire(key, traced(None), NO_LIMITS)
    gate = asyncio.Event()

    async def act_late() -> None:
        await gate.wait()
        await act()

    notes = Notes({event: act_late})
    exchange = traced(notes)
    request = asyncio.create_task(pool.acquire(key, exchange, NO_LIMITS))
    await until_queued(pool)
    next_one = asyncio.create_task(pool.acquire(key, traced(None), NO_LIMITS))
    await until_queued(pool, 2)
    if is_reusable:
        pool.release(connection)
    else:
        connection.close()
        await connection.gone
    await until_told(notes, event)
    gate.set()
    await ends(pool, request, exchange)
    async with asyncio.timeout(5):
        served = await next_one
    assert (served is connection) == is_reusable
    pool.release(served)


@pytest.mark.parametrize("event", CREATED)
async def test_the_limit_for_connecting_ends_a_callback(pool: Pool, key: ConnectionKey, event: str) -> None:
    with pytest.raises(ConnectTimeout, match=r"timeout\.connect"):
        await pool.acquire(key, traced(Notes({event: hanging})), ConnectLimits(connect_s=0.01))
    assert pool.slots.taken == 0


@pytest.mark.parametrize("event", CREATED)
async def test_a_pool_that_closes_ends_a_callback_of_the_opening(pool: Pool, key: ConnectionKey, event: str) -> None:
    notes = Notes({event: hanging})
    request = asyncio.create_task(pool.acquire(key, traced(notes), NO_LIMITS))
    await until_told(notes, event)
    async with asyncio.timeout(5):
        await pool.close()
    with pytest.raises(PoolClosed):
        await request


async def test_a_connection_taken_at_once_is_given_back_when_its_callback_raises(
    pool: Pool, key: ConnectionKey
) -> None:
    pool.release(await pool.acquire(key, traced(None), NO_LIMITS))
    connection = pool.take(key)
    assert connection is not None
    with pytest.raises(KeyError):
        await pool.tell_reuse(connection, traced(Notes({"reuse": raising})))
    assert pool.take(key) is connection
    pool.release(connection)
