"""`Pool`: owns connections, hands them to requests and takes them back.

What should happen is decided in `slots`, synchronously; here it is done: sockets are opened and closed, requests wait.
Connections refer to the pool, and the loop to connections; so the pool lives as long as a socket does, while the
connector, which users hold, can be found unclosed and say so. What happens is told to the exchange's probe, if it has
one; a callback that ends the request there loses no slot and no connection.
"""

import asyncio
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from logging import DEBUG
from typing import Final

from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.errors import ConnectionLost
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.conn.telling import cut_short, tell
from trunkline.ground.logs import pool_logger
from trunkline.pool.errors import ConnectTimeout, PoolClosed
from trunkline.pool.establish import Establisher
from trunkline.pool.hooks import CreateByHook
from trunkline.pool.slots import Slots, Waiter

CLOSE_GRACE_S: Final = 2.0  # for transports to flush what was written; then they are aborted
_CLOSED: Final = "the connector was closed, with its session, while the request was under way"


@dataclass(frozen=True, slots=True)
class ConnectLimits:
    """How long a request may wait for its connection, in seconds; None for no limit.

    connect_s: in the queue and for opening together. open_s: for resolving, connecting and TLS alone.
    """

    connect_s: float | None = None
    open_s: float | None = None


class _QueuedRequest(Waiter[ClientH1]):
    __slots__ = ("future",)

    def __init__(self, key: ConnectionKey, future: "asyncio.Future[ClientH1 | None]") -> None:
        super().__init__(key)
        self.future = future

    @property
    def is_waiting(self) -> bool:
        return not self.future.done()

    def wake(self, connection: ClientH1 | None) -> None:
        self.future.set_result(connection)


class Pool:
    """The connections of one connector, on one loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        slots: Slots[ClientH1],
        establisher: Establisher | CreateByHook,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """now: the clock that idle connections age by, in seconds."""
        self.loop = loop
        self.slots = slots
        self.force_close = False
        self.closed = False
        self.opened = 0  # connections, since the beginning
        self._sockets: set[ClientH1] = set()  # all that are open, closing ones too
        self._establisher = establisher
        self._now = now
        # Asked anew whenever a connection is opened or swept, not twice for each request.
        self._logs = pool_logger.isEnabledFor(DEBUG)
        self._openings: dict[Callable[[], None], asyncio.Future[None]] = {}  # what interrupts each; done when it ended
        self._sweeper: asyncio.TimerHandle | None = None

    # Getting a connection.

    def take(self, key: ConnectionKey) -> ClientH1 | None:
        """Return an idle connection at once, if there is one."""
        connection = self.slots.reuse(key, self._now())
        if self._logs and connection is not None:
            pool_logger.debug("reuse %r to %s:%s", connection, key.host, key.port)
        return connection

    async def acquire(
        self, key: ConnectionKey, exchange: Exchange, limits: ConnectLimits, *, is_fresh: bool = False
    ) -> ClientH1:
        """Return a connection for `exchange`: an idle one, a new one, or one that comes back while it waits.

        is_fresh: not an idle one, which may be stale.
        Raises ConnectTimeout, PoolClosed, what opening raised, or what ended the exchange meanwhile.
        """
        if limits.connect_s is None:
            return await self._acquire(key, exchange, limits.open_s, is_fresh)
        began_at = self.loop.time()
        timeout = asyncio.timeout(limits.connect_s)
        try:
            async with timeout:
                return await self._acquire(key, exchange, limits.open_s, is_fresh)
        except TimeoutError:
            if not timeout.expired():
                raise
            phase = f"getting a connection to {key.host}:{key.port} ({self._state()}; timeout.connect)"
            raise ConnectTimeout(phase, limits.connect_s, self.loop.time() - began_at) from None

    async def _acquire(self, key: ConnectionKey, exchange: Exchange, open_s: float | None, is_fresh: bool) -> ClientH1:
        if self.closed:
            raise PoolClosed("this request came after its close(); make a new session")
        connection = None if is_fresh else self.take(key)
        if connection is None and not self.slots.try_open(key):
            room = self.slots.make_room(key)
            if room is not None:
                room.close()
            connection = await self._wait(key, exchange)
            if self._logs and connection is not None:
                pool_logger.debug("reuse %r to %s:%s, after a wait", connection, key.host, key.port)
        if connection is None:
            return await self._open(key, exchange, open_s)
        if exchange.probe is not None:
            await self.tell_reuse(connection, exchange)
        return connection

    async def tell_reuse(self, connection: ClientH1, exchange: Exchange) -> None:
        """Tell the probe of `exchange` that it got `connection`, which is taken back if the callback fails."""
        assert exchange.probe is not None
        try:
            await tell(exchange, exchange.probe.send_connection_reuseconn())
        except BaseException:
            self.release(connection)
            raise

    async def _wait(self, key: ConnectionKey, exchange: Exchange) -> ClientH1 | None:
        """Wait in the queue; return a connection, or None with the slot to open one."""
        future: asyncio.Future[ClientH1 | None] = self.loop.create_future()
        waiter = _QueuedRequest(key, future)
        self.slots.enqueue(waiter)
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
            self.slots.dequeue(waiter)
            if future.done() and not future.cancelled() and future.exception() is None:
                self._pass_on(key, future.result())  # it was this request's turn just when it gave up
            raise
        finally:
            exchange.waiter = None

    def _pass_on(self, key: ConnectionKey, connection: ClientH1 | None) -> None:
        if connection is None:
            self.slots.free_slot(key)
        else:
            self.release(connection)

    async def _open(self, key: ConnectionKey, exchange: Exchange, open_s: float | None) -> ClientH1:
        """Open a connection in the slot that was taken for it."""
        began_at = self.loop.time()
        timeout = asyncio.timeout(open_s)
        interrupt = partial(cut_short, timeout)
        ended = self._openings[interrupt] = self.loop.create_future()
        try:
            if self.closed or exchange.error is not None:  # since the slot was handed over
                raise exchange.error or PoolClosed(_CLOSED)
            async with timeout:
                exchange.interrupt = interrupt
                connection = await self._establish(key, exchange)
            if self.closed:  # it was interrupted in the moment in which it was open
                connection.abort()
                raise PoolClosed(_CLOSED)
            if connection.is_closed:
                raise ConnectionLost(f"{key.host}:{key.port} closed the connection as soon as it was open")
        except BaseException as error:
            self.slots.free_slot(key)
            if isinstance(error, TimeoutError) and timeout.expired():
                raise self._why_interrupted(key, exchange, open_s, began_at) from None
            raise
        finally:
            exchange.interrupt = None
            del self._openings[interrupt]
            ended.set_result(None)
        self.opened += 1
        self._logs = pool_logger.isEnabledFor(DEBUG)
        connection.owner = self
        self._sockets.add(connection)
        self.slots.acquired.add(connection)
        pool_logger.debug("open %r to %s:%s (%s)", connection, key.host, key.port, self._state())
        return connection

    async def _establish(self, key: ConnectionKey, exchange: Exchange) -> ClientH1:
        probe = exchange.probe
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
        if self.closed:
            return PoolClosed(_CLOSED)
        if exchange.error is not None:
            return exchange.error
        phase = f"opening a connection to {key.host}:{key.port} (timeout.sock_connect)"
        return ConnectTimeout(phase, open_s or 0.0, self.loop.time() - began_at)

    def _state(self) -> str:
        slots = self.slots
        limit = slots.limit or "no limit"
        return f"{len(slots.acquired)} in use, {slots.taken} open of {limit}, {slots.queued} waiting"

    # What connections tell (`client_h1.Owner`).

    def release(self, connection: ClientH1) -> None:
        """Take back a connection whose exchange ended."""
        if self._logs:
            pool_logger.debug("release %r", connection)
        if not connection.is_reusable or self.force_close or self.closed:
            self.slots.acquired.discard(connection)
            connection.close()
        elif not self.slots.give_back(connection, self._now()):
            connection.close()
        elif self._sweeper is None and self.slots.keepalive_s is not None:
            self._plan_sweep()

    def first_response(self, connection: ClientH1) -> None:
        """Keep the TLS session of a connection that has proved good."""
        self._establisher.save_session(connection)

    def forget(self, connection: ClientH1) -> None:
        """Drop a connection whose transport is gone; its slot goes to the next in line."""
        self._sockets.discard(connection)
        self.slots.remove(connection)
        self.slots.free_slot(connection.key)

    # Growing old.

    def _plan_sweep(self) -> None:
        keepalive_s = self.slots.keepalive_s
        if keepalive_s is not None and self.slots.idle:
            self._sweeper = self.loop.call_later(max(keepalive_s, 1.0), _sweep, weakref.ref(self))

    def sweep(self) -> None:
        """Close the connections that have been idle for too long."""
        self._sweeper = None
        self._logs = pool_logger.isEnabledFor(DEBUG)
        for connection in self.slots.expired(self._now()):
            connection.close()
        self._plan_sweep()

    # The end.

    def shut(self) -> list[ClientH1]:
        """Take no more requests, end those that wait or are under way; return the connections that are not gone yet."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for waiter in self.slots.waiters():
            if isinstance(waiter, _QueuedRequest) and waiter.is_waiting:
                waiter.future.set_exception(PoolClosed(_CLOSED))
        for interrupt in self._openings:
            interrupt()
        self.slots.idle.clear()
        sockets = list(self._sockets)
        for connection in sockets:
            connection.interrupt(_CLOSED)
        return sockets

    async def close(self) -> None:
        """Close everything and wait until the sockets are gone."""
        closing = self.shut()
        if self._openings:
            await asyncio.wait(list(self._openings.values()))
        if closing:
            await asyncio.wait([connection.gone for connection in closing], timeout=CLOSE_GRACE_S)
            for connection in closing:
                connection.abort()
            await asyncio.wait([connection.gone for connection in closing])


def _sweep(reference: "weakref.ref[Pool]") -> None:
    pool = reference()
    if pool is not None:
        pool.sweep()
