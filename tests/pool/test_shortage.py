"""A want of descriptors as the requests of one pool see it: order, limits of the queue, and what they are told."""

import asyncio
import errno
from collections.abc import AsyncIterator

import pytest

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.pool.errors import ConnectTimeout, OutOfDescriptors
from trunkline.pool.establish import Establisher
from trunkline.pool.pool import Pool
from trunkline.pool.rules import ConnectLimits, PoolRules
from trunkline.pool.slots import Slots
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.errors import ConnectError
from trunkline.transport.resolve import DefaultResolver
from trunkline.wire.message import RequestHead, Target

SOON = ConnectLimits()


class Short(Establisher):
    """Opens connections while there are descriptors. number: what it fails with; None to succeed."""

    number: int | None = errno.EMFILE
    tries = 0

    async def open(self, key: ConnectionKey, exchange: Exchange) -> ClientConnection:
        self.tries += 1
        await asyncio.sleep(0)
        if self.number is not None:
            raise ConnectError(key.host, key.port or 0, OSError(self.number, "no"))
        return await super().open(key, exchange)


@pytest.fixture
async def short() -> AsyncIterator[Short]:
    loop = asyncio.get_running_loop()
    dns = DNSCache(DefaultResolver(loop=loop))
    yield Short(loop, dns)
    await dns.close()


async def pool_of(short: Short, **rules: float) -> Pool:
    return Pool(asyncio.get_running_loop(), Slots[ClientConnection](10, 0), short, PoolRules(**rules))  # type: ignore[arg-type]  # some are int


def exchange() -> Exchange:
    return Exchange(RequestHead("GET", Target("http", "test", "/"), ()), ExchangeRules(), lambda exchange, error: error)


async def test_the_limit_in_the_queue_holds_for_a_shortage_and_its_cause_is_told(
    short: Short, key: ConnectionKey
) -> None:
    pool = await pool_of(short, queue_s=0.12)
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    with pytest.raises(OutOfDescriptors):
        await pool.acquire(key, exchange(), SOON)
    assert short.tries > 1
    assert loop.time() - began_at + 0.001 >= 0.12
    assert pool.slots.taken == pool.slots.queued == 0
    await pool.close()


async def test_who_may_not_wait_is_told_of_the_shortage_at_once(short: Short, key: ConnectionKey) -> None:
    pool = await pool_of(short, queue_limit=0)
    with pytest.raises(OutOfDescriptors):
        await pool.acquire(key, exchange(), SOON)
    assert short.tries == 1
    await pool.close()


async def test_who_tries_for_all_keeps_its_place(short: Short, key: ConnectionKey) -> None:
    pool = await pool_of(short)
    served: list[int] = []
    held: list[ClientConnection] = []

    async def ask(number: int) -> None:
        held.append(await pool.acquire(key, exchange(), SOON))
        served.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(ask(number))
        async with asyncio.timeout(5):
            while short.tries < 8:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        short.number = None
    assert served == [0, 1, 2, 3, 4]
    assert pool.slots.queued == 0
    for connection in held:
        pool.release(connection)
    await pool.close()


async def test_another_failure_ends_the_shortage(short: Short, key: ConnectionKey) -> None:
    pool = await pool_of(short)
    waiting = asyncio.create_task(pool.acquire(key, exchange(), SOON))
    while not short.tries:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)
    short.number = errno.ECONNREFUSED
    with pytest.raises(ConnectError):
        await waiting
    assert pool.openings.shortage.number is None
    await pool.close()


async def test_a_limit_for_connecting_tells_the_cause(short: Short, key: ConnectionKey) -> None:
    pool = await pool_of(short)
    with pytest.raises(OutOfDescriptors):
        await pool.acquire(key, exchange(), ConnectLimits(connect_s=0.03))
    short.number = errno.ECONNREFUSED
    with pytest.raises(ConnectError):
        await pool.acquire(key, exchange(), SOON)
    short.number = None
    held = [await pool.acquire(key, exchange(), SOON) for _ in range(10)]
    with pytest.raises(ConnectTimeout):
        await pool.acquire(key, exchange(), ConnectLimits(connect_s=0.03))
    for connection in held:
        pool.release(connection)
    await pool.close()
