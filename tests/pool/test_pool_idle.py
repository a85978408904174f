"""`Pool` and connections that their server closes while they are idle, by a clock that the tests move."""

import asyncio
from collections.abc import AsyncIterator
from math import inf

import pytest

from tests.raw_server import Peer, RawServer
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.pool.establish import Establisher
from trunkline.pool.pool import Pool
from trunkline.pool.rules import ConnectLimits, PoolRules
from trunkline.pool.slots import Slots
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.resolve import DefaultResolver
from trunkline.wire.message import RequestHead, Target


class Server:
    """Closes connection n as soon as `closing[n]` is set."""

    def __init__(self) -> None:
        self.closing = [asyncio.Event() for _ in range(3)]

    async def play(self, peer: Peer) -> None:
        await self.closing[peer.number].wait()


class Idle:
    """A pool without a limit, on a clock of its own, and the server that it connects to."""

    def __init__(self, raw: RawServer, server: Server) -> None:
        loop = asyncio.get_running_loop()
        self.now_s = 1000.0
        self.server = server
        self.key = ConnectionKey("127.0.0.1", raw.port, False, True)
        self.dns = DNSCache(DefaultResolver(loop=loop), 10, 10)
        establisher = Establisher(loop, self.dns)
        rules = PoolRules(keepalive_s=15.0)
        self.pool = Pool(loop, Slots[ClientConnection](0, 0), establisher, rules, lambda: self.now_s)

    async def open(self) -> ClientConnection:
        head = RequestHead("GET", Target("http", "test", "/"), ())
        exchange = Exchange(head, ExchangeRules(), lambda exchange, error: error)
        exchange.wants_fresh = True
        return await self.pool.acquire(self.key, exchange, ConnectLimits())

    async def lose(self, number: int, connection: ClientConnection) -> None:
        self.server.closing[number].set()
        await connection.gone

    @property
    def limit_s(self) -> float:
        return self.pool.idle_limits.limit_s(self.key.endpoint)


@pytest.fixture
async def idle() -> AsyncIterator[Idle]:
    server = Server()
    async with RawServer(server.play) as raw:
        idle = Idle(raw, server)
        yield idle
        await idle.pool.close()
        await idle.dns.close()
    assert idle.pool.slots.taken == 0


async def test_a_server_that_closes_an_idle_connection_sets_a_limit_to_later_ones(idle: Idle) -> None:
    first = await idle.open()
    assert first.idle_s == 15.0
    idle.pool.release(first)
    idle.now_s += 5
    await idle.lose(0, first)
    assert idle.limit_s == 4.5
    second = await idle.open()
    assert second.idle_s == 4.5
    idle.pool.release(second)
    idle.now_s += 4.4
    assert idle.pool.take(idle.key) is second
    idle.pool.release(second)
    idle.now_s += 4.6
    assert idle.pool.take(idle.key) is None


async def test_the_limit_is_set_to_those_that_are_open_when_they_are_swept(idle: Idle) -> None:
    first, second = await idle.open(), await idle.open()
    idle.pool.release(first)
    idle.now_s += 5
    idle.pool.release(second)
    await idle.lose(0, first)
    idle.pool.sweep()
    assert (second.idle_s, second.is_reusable) == (4.5, True)
    idle.now_s += 4.6
    idle.pool.sweep()
    assert not second.is_reusable
    await second.gone
    assert idle.limit_s == 4.5  # it was us who closed


async def test_a_connection_that_is_lost_while_it_is_used_teaches_nothing(idle: Idle) -> None:
    first = await idle.open()
    idle.now_s += 5
    await idle.lose(0, first)
    assert idle.limit_s == inf


async def test_making_room_and_the_end_teach_nothing(idle: Idle) -> None:
    for connection in (await idle.open(), await idle.open()):
        idle.pool.release(connection)
    idle.now_s += 5
    room = idle.pool.slots.make_room(idle.key)
    assert room is not None
    room.close()
    await room.gone
    await idle.pool.close()
    assert idle.limit_s == inf
