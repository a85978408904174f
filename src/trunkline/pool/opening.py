"""`Openings`: the connections that a pool is opening, each in a slot that was taken for it.

Whatever ends one, a limit in time, its request, the pool's end, or a want of descriptors, the slot goes back and
nothing stays open. How a connection is opened, `establish` knows.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.errors import ConnectionLost
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.conn.telling import cut_short, tell
from trunkline.ground.probe import Probe
from trunkline.pool.errors import ConnectTimeout, PoolClosed
from trunkline.pool.establish import Establisher
from trunkline.pool.hooks import CreateByHook
from trunkline.pool.slots import Slots
from trunkline.transport.errors import TransportError


class Openings:
    """What is being opened for one pool. shortage: of descriptors, which keeps connections from being opened."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, slots: Slots[ClientConnection], establisher: Establisher | CreateByHook
    ) -> None:
        from trunkline.pool.descriptors import Shortage  # not at import time, and no later: that needs a descriptor

        self._loop = loop
        self._slots = slots
        self._establisher = establisher
        self._closed = ""  # why, once it is
        self._under_way: dict[Callable[[], None], asyncio.Future[None]] = {}  # what interrupts each; done when it ended
        self.shortage = Shortage(loop, slots.wake_first)

    async def open(self, key: ConnectionKey, exchange: Exchange, open_s: float | None) -> ClientConnection:
        """Open a connection in the slot that was taken for it."""
        began_at = self._loop.time()
        timeout = asyncio.timeout(open_s)
        interrupt = partial(cut_short, timeout)
        ended = self._under_way[interrupt] = self._loop.create_future()
        try:
            if self._closed or exchange.error is not None:  # since the slot was handed over
                raise exchange.error or PoolClosed(self._closed)
            async with timeout:
                exchange.interrupt = interrupt
                connection = await self._establish(key, exchange)
            if self._closed:  # it was interrupted in the moment in which it was open
                connection.abort()
                raise PoolClosed(self._closed)
            if connection.is_closed:
                raise ConnectionLost(f"{key.host}:{key.port} closed the connection as soon as it was open")
        except BaseException as error:
            self._give_up_slot(key, error)
            if isinstance(error, TimeoutError) and timeout.expired():
                raise self._why_interrupted(key, exchange, open_s, began_at) from None
            raise
        finally:
            exchange.interrupt = None
            del self._under_way[interrupt]
            ended.set_result(None)
        return connection

    def _give_up_slot(self, key: ConnectionKey, error: BaseException) -> None:
        """Give back the slot of a connection that `error` prevented; raise OutOfDescriptors if that was their want."""
        if isinstance(error, (TransportError, OSError)) and self.shortage.has_caused(error):
            self._slots.drop_slot(key)
            raise self.shortage.error(key, self._slots.limit) from error
        if isinstance(error, TransportError):
            self.shortage.stop()  # there were descriptors
        self._slots.free_slot(key)

    async def _establish(self, key: ConnectionKey, exchange: Exchange) -> ClientConnection:
        probe = exchange.probe
        place = self._establisher.join(key)
        if place is not None:
            return place if probe is None else await _told(exchange, probe, place)
        if probe is None:
            return await self._establisher.open(key, exchange)
        await probe.send_connection_create_start()
        connection = await self._establisher.open(key, exchange)
        try:
            await probe.send_connection_create_end()
        except BaseException:
            connection.abort()
            raise
        return connection

    def _why_interrupted(
        self, key: ConnectionKey, exchange: Exchange, open_s: float | None, began_at: float
    ) -> Exception:
        if self._closed:
            return PoolClosed(self._closed)
        if exchange.error is not None:
            return exchange.error
        phase = f"opening a connection to {key.host}:{key.port} (timeout.sock_connect)"
        return ConnectTimeout(phase, open_s or 0.0, self._loop.time() - began_at)

    def __len__(self) -> int:
        return len(self._under_way)

    def shut(self, reason: str) -> None:
        """End all that are under way with PoolClosed, and those that may still begin."""
        self._closed = reason
        self.shortage.stop()
        for interrupt in self._under_way:
            interrupt()

    async def wait(self) -> None:
        """Wait until none is under way."""
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()))


async def _told(exchange: Exchange, probe: Probe, place: ClientConnection) -> ClientConnection:
    """Tell the probe that an open connection has a place for its exchange, which is given up if the callback fails."""
    try:
        await tell(exchange, probe.send_connection_reuseconn())
    except BaseException:
        place.close()
        raise
    return place
