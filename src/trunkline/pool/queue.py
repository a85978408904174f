"""`Queue`: how a request waits while no connection is free, and what becomes of it if it waits too long.

Whose turn it is, `slots` decides. A request that gives up in the moment in which it is served passes on what it got.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.conn.telling import tell
from trunkline.pool.errors import ConnectTimeout, PoolClosed, QueueFull
from trunkline.pool.rules import ConnectLimits, PoolRules
from trunkline.pool.slots import Slots, Waiter


class _QueuedRequest(Waiter[ClientConnection]):
    __slots__ = ("future",)

    future: "asyncio.Future[ClientConnection | None]"

    @property
    def is_waiting(self) -> bool:
        return not self.future.done()

    def wake(self, connection: ClientConnection | None) -> None:
        self.future.set_result(connection)


class Queue:
    """The requests that wait for connections of one pool.

    state: tells in words how full the pool is. give_back: takes a connection that nobody wants any more.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        slots: Slots[ClientConnection],
        rules: PoolRules,
        state: Callable[[], str],
        give_back: Callable[[ClientConnection], None],
    ) -> None:
        self._loop = loop
        self._slots = slots
        self._rules = rules
        self._state = state
        self._give_back = give_back

    def wait_s(self, limits: ConnectLimits) -> float | None:
        """Return how long a request by these limits may wait, in seconds; None for no limit."""
        return self._rules.queue_s if limits.queue_s is None else limits.queue_s

    def check(self, key: ConnectionKey, limits: ConnectLimits, count_leaving: Callable[[ConnectionKey], int]) -> None:
        """Raise QueueFull when a request by these limits may not join.

        count_leaving: tells how many sockets will be gone in a moment, each of which lets one go on that waits.
        """
        limit = self._rules.queue_limit if limits.queue_limit is None else limits.queue_limit
        if limit is not None and self._slots.queued - count_leaving(key) >= limit:
            raise QueueFull(key.host, key.port or 0, limit, self._state())

    def wait(
        self, key: ConnectionKey, exchange: Exchange, limits: ConnectLimits, *, room: ClientConnection | None
    ) -> Coroutine[Any, Any, ClientConnection | None]:  # Any: what the loop sends and gets
        """Do what `stand` does, but raise ConnectTimeout after as long as a request by `limits` may wait."""
        wait_s = self.wait_s(limits)
        if wait_s is None:
            return self.stand(key, exchange, limits.priority, room=room)
        return self._stand_in_time(wait_s, key, exchange, limits.priority, room)

    async def _stand_in_time(
        self, wait_s: float, key: ConnectionKey, exchange: Exchange, priority: int, room: ClientConnection | None
    ) -> ClientConnection | None:
        began_at = self._loop.time()
        timeout = asyncio.timeout(wait_s)
        try:
            async with timeout:
                return await self.stand(key, exchange, priority, room=room)
        except TimeoutError:
            if not timeout.expired():
                raise
            phase = f"waiting in the queue for a connection to {key.host}:{key.port} ({self._state()}; queue_timeout)"
            raise ConnectTimeout(phase, wait_s, self._loop.time() - began_at) from None

    async def stand(
        self, key: ConnectionKey, exchange: Exchange, priority: int, *, room: ClientConnection | None
    ) -> ClientConnection | None:
        """Return a connection, or None with the slot to open one.

        room: as in `Waiter`.
        """
        waiter = _QueuedRequest(key, priority, room, exchange.misses, wants_fresh=exchange.wants_fresh)
        future: asyncio.Future[ClientConnection | None] = self._loop.create_future()
        waiter.future = future
        self._slots.enqueue(waiter)
        exchange.waiter = future
        probe = exchange.probe
        try:
            if probe is not None:
                await tell(exchange, probe.send_connection_queued_start())
            connection = await future
            if probe is not None:
                await tell(exchange, probe.send_connection_queued_end())
            return connection
        except BaseException:
            self._slots.dequeue(waiter)
            if future.done() and not future.cancelled() and future.exception() is None:
                self._pass_on(key, future.result())  # it was this request's turn just when it gave up
            raise
        finally:
            exchange.waiter = None

    def _pass_on(self, key: ConnectionKey, connection: ClientConnection | None) -> None:
        if connection is None:
            self._slots.free_slot(key)
        else:
            self._give_back(connection)

    def close(self, reason: str) -> None:
        """End all waits with PoolClosed."""
        for waiter in self._slots.waiters():
            if isinstance(waiter, _QueuedRequest) and waiter.is_waiting:
                waiter.future.set_exception(PoolClosed(reason))
