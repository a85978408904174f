"""`Pool`: owns connections, hands them to requests and takes them back.

What should happen is decided in `slots`, synchronously; here it is done: sockets are opened and closed, requests wait.
Connections refer to the pool, and the loop to connections; so the pool lives as long as a socket does, while the
connector, which users hold, can be found unclosed and say so. What happens is told to the exchange's probe, if it has
one; a callback that ends the request there loses no slot and no connection.
"""

import asyncio
import time
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from logging import DEBUG
from typing import Any, Final

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.conn.telling import tell
from trunkline.ground.logs import pool_logger
from trunkline.pool.counters import Counters
from trunkline.pool.errors import ConnectTimeout, OutOfDescriptors, PoolClosed, QueueFull
from trunkline.pool.establish import Establisher
from trunkline.pool.hooks import CreateByHook
from trunkline.pool.opening import Openings
from trunkline.pool.queue import Queue
from trunkline.pool.rules import ConnectLimits, PoolRules
from trunkline.pool.slots import Slots
from trunkline.wire.limits import SHORTAGE_PATIENCE_S

CLOSE_GRACE_S: Final = 2.0  # for transports to flush what was written; then they are aborted
AGE_JITTER: Final = 0.1  # of max_connection_age; gRPC's of MAX_CONNECTION_AGE: not all are opened anew at once
_FOREVER: Final = float("inf")
_NO_RULES: Final = PoolRules()
_CLOSED: Final = "the connector was closed, with its session, while the request was under way"


class Pool:
    """The connections of one connector, on one loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        slots: Slots[ClientConnection],
        establisher: Establisher | CreateByHook,
        rules: PoolRules = _NO_RULES,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """now: the clock that idle connections age by, in seconds."""
        from trunkline.pool.idle_limits import IdleLimits  # not at import time

        self.loop = loop
        self.slots = slots
        self.rules = rules
        self.force_close = rules.force_close
        self.closed = False
        self.counters = Counters(establisher.dns, establisher.sessions)
        self.idle_limits = IdleLimits(now)
        self._queue = Queue(loop, slots, rules, self.state, self.release)
        self._sockets: set[ClientConnection] = set()  # all that are open, closing ones too
        self._seeking: set[Exchange] = set()  # those that wait for a connection, or for one to be opened
        self._inherited: list[asyncio.Transport | None] = []  # in a forked child
        self._age_s = None if rules.max_age_s is None else _ages(rules.max_age_s)
        self._retirements: dict[ClientConnection, asyncio.TimerHandle] = {}
        self.establisher = establisher
        self.openings = Openings(loop, slots, establisher)
        self._now = now
        self._freed: asyncio.Future[None] | None = None  # what `when_freed` returned
        # Does anybody want to hear? Asked anew when a connection is opened or swept, not twice for each request.
        self._is_heard = pool_logger.isEnabledFor(DEBUG)
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_s = _FOREVER  # how long an idle time was waited for when it was planned

    # Getting a connection.

    def take(self, key: ConnectionKey) -> ClientConnection | None:
        """Return an idle connection at once, if there is one."""
        connection = self.slots.reuse(key, self._now())
        if self._is_heard and connection is not None:
            pool_logger.debug("reuse %r to %s:%s", connection, key.host, key.port)
        return connection

    def acquire(
        self, key: ConnectionKey, exchange: Exchange, limits: ConnectLimits
    ) -> Coroutine[Any, Any, ClientConnection]:  # Any: what the loop sends and gets
        """Await a connection for `exchange`: an idle one, a new one, or one that comes back while it waits.

        Raises QueueFull, ConnectTimeout, OutOfDescriptors, PoolClosed, what opening raised, or what ended the exchange
        meanwhile.
        """
        if limits.connect_s is None:
            return self._acquire(key, exchange, limits)
        return self._acquire_in_time(limits.connect_s, key, exchange, limits)

    async def _acquire_in_time(
        self, connect_s: float, key: ConnectionKey, exchange: Exchange, limits: ConnectLimits
    ) -> ClientConnection:
        began_at = self.loop.time()
        timeout = asyncio.timeout(connect_s)
        try:
            async with timeout:
                return await self._acquire(key, exchange, limits)
        except TimeoutError:
            if not timeout.expired():
                raise
            if self.openings.shortage.number is not None:
                raise self.openings.shortage.error(key, self.slots.limit) from None
            phase = f"getting a connection to {key.host}:{key.port} ({self.state()}; timeout.connect)"
            raise ConnectTimeout(phase, connect_s, self.loop.time() - began_at) from None

    async def _acquire(self, key: ConnectionKey, exchange: Exchange, limits: ConnectLimits) -> ClientConnection:
        if self.closed:
            raise PoolClosed("this request came after its close(); make a new session")
        self._seeking.add(exchange)
        try:
            connection = None if exchange.wants_fresh else self.take(key)
            while connection is None and not self.slots.try_open(key):
                connection = await self._wait(key, exchange, limits)
                if connection is None or connection.is_reusable:
                    break
                self.release(connection)  # a lane, say, whose connection went away in the read in which it became free
                if self.closed:
                    raise PoolClosed(_CLOSED)
                exchange.misses += 1
                connection = None if exchange.wants_fresh else self.take(key)
            if connection is None:
                try:
                    return await self._open(key, exchange, limits.open_s)
                except OutOfDescriptors as error:
                    return await self._outwait(error, key, exchange, limits)
            if exchange.probe is not None:
                await self.tell_reuse(connection, exchange)
            return connection
        finally:
            self._seeking.discard(exchange)

    async def _outwait(
        self, shortage: OutOfDescriptors, key: ConnectionKey, exchange: Exchange, limits: ConnectLimits
    ) -> ClientConnection:
        """Return a connection that comes back, or a new one when a descriptor is to be had again; else `shortage`."""
        wait_s = self._queue.wait_s(limits)
        if wait_s is None and limits.connect_s is None:
            wait_s = SHORTAGE_PATIENCE_S
        began_at = self._now()
        timeout = asyncio.timeout(wait_s)
        connection = None
        try:
            self._queue.check(key, limits, self._count_leaving)
            async with timeout:
                while connection is None:
                    room = self._make_room(key)
                    connection = await self._queue.stand(key, exchange, limits.priority, room=room)
                    exchange.misses += 1
                    if connection is None:
                        with suppress(OutOfDescriptors):
                            return await self._open(key, exchange, limits.open_s)
        except QueueFull:
            raise shortage from None
        except TimeoutError:
            if not timeout.expired():
                raise
            raise shortage from None
        finally:
            self.counters.note_wait(self._now() - began_at)
            self._tell_freed()
        if exchange.probe is not None:
            await self.tell_reuse(connection, exchange)
        return connection

    async def tell_reuse(self, connection: ClientConnection, exchange: Exchange) -> None:
        """Tell the probe of `exchange` that it got `connection`, which is taken back if the callback fails."""
        assert exchange.probe is not None
        try:
            await tell(exchange, exchange.probe.send_connection_reuseconn())
        except BaseException:
            self.release(connection)
            raise

    async def _wait(self, key: ConnectionKey, exchange: Exchange, limits: ConnectLimits) -> ClientConnection | None:
        """Make room, and wait in the queue for it; return a connection, or None with the slot to open one."""
        room = self._make_room(key) if self.slots.idle else None
        if room is None and (limits.queue_limit is not None or self.rules.queue_limit is not None):
            self._queue.check(key, limits, self._count_leaving)
        began_at = self._now()
        try:
            connection = await self._queue.wait(key, exchange, limits, room=room)
        finally:
            self.counters.note_wait(self._now() - began_at)
            if self._freed is not None:
                self._tell_freed()
        if self._is_heard and connection is not None:
            pool_logger.debug("reuse %r to %s:%s, after a wait", connection, key.host, key.port)
        return connection

    def _make_room(self, key: ConnectionKey) -> ClientConnection | None:
        """Close the connection that has been idle longest, if one for `key` could be opened then; return it."""
        room = self.slots.make_room(key)
        if room is not None:
            room.close()
        return room

    def _count_leaving(self, key: ConnectionKey) -> int:
        """Count the sockets in whose place one for `key` could be opened as soon as they are gone."""
        endpoint = key.endpoint if self.slots.is_host_full(key) else None
        leaving = (connection.key for connection in self._sockets if connection.is_closed)
        return sum(endpoint in (None, other.endpoint) for other in leaving)

    # Opening.

    async def _open(self, key: ConnectionKey, exchange: Exchange, open_s: float | None) -> ClientConnection:
        """Open a connection in the slot that was taken for it."""
        began_at = self.loop.time()
        try:
            connection = await self.openings.open(key, exchange, open_s)
        finally:
            self._tell_freed()
        self.counters.note_opened(connection, self.loop.time() - began_at)
        self._adopt(connection)
        self.openings.shortage.note_opened()
        return connection

    def _adopt(self, connection: ClientConnection) -> None:
        """Own a connection that has just been opened, for as long as it may live."""
        key = connection.key
        self._is_heard = pool_logger.isEnabledFor(DEBUG) or self._freed is not None
        connection.owner = self
        connection.idle_s = self._allowed_idle_s(connection)
        self._sockets.add(connection)
        self.slots.acquired.add(connection)
        if self._age_s is not None:
            self._retirements[connection] = self.loop.call_later(
                max(self._age_s() - connection.aged_s, 0.0), self._retire, connection
            )
        pool_logger.debug("open %r to %s:%s (%s)", connection, key.host, key.port, self.state())

    def _retire(self, connection: ClientConnection) -> None:
        """Let a connection that has become old go: at once if it is idle, else with its exchange."""
        connection.is_reusable = False
        if connection not in self.slots.acquired:
            self.slots.remove(connection)
            connection.close()

    def state(self) -> str:
        """Tell in words how full the pool is."""
        slots = self.slots
        limit = slots.limit or "no limit"
        opening = f"{len(self.openings)} being opened, " if self.openings else ""
        return f"{len(slots.acquired)} in use, {opening}{slots.taken} open of {limit}, {slots.queued} waiting"

    # What connections tell (`client_h1.Owner`).

    def release(self, connection: ClientConnection) -> None:
        """Take back a connection whose exchange ended."""
        if self._is_heard:
            pool_logger.debug("release %r", connection)
            self._tell_freed()
        if not connection.is_reusable or self.force_close or self.closed:
            self.slots.acquired.discard(connection)
            connection.close()
        elif not self.slots.give_back(connection, self._now()):
            connection.close()
        elif connection.idle_s < self._sweep_s:
            self._plan_sweep(connection.idle_s)

    def first_response(self, connection: ClientConnection) -> None:
        """Keep the TLS session of a connection that has proved good."""
        self.establisher.save_session(connection)

    def note_failure(self, connection: ClientConnection, error: Exception) -> None:
        """Count that the body of a response on `connection` ended with `error`."""
        self.counters.note_error(connection.key, type(error).__name__)

    def forget(self, connection: ClientConnection) -> None:
        """Drop a connection whose transport is gone; its slot goes to the next in line."""
        self._sockets.discard(connection)
        self.counters.note_gone(connection)
        retirement = self._retirements.pop(connection, None)
        if retirement is not None:
            retirement.cancel()
        idle_since = self.slots.remove(connection)
        if idle_since is not None:  # what we close ourselves is not listed as idle any more
            self.idle_limits.note_drop(connection.key.endpoint, self._now() - idle_since, connection.rested_s)
        self.slots.free_slot(connection.key)
        self._tell_freed()

    # Who wants to look.

    def exchanges(self) -> list[Exchange]:
        """List the exchanges that connections carry now, WebSockets among them, and those that wait for one."""
        carried = (connection.exchange for connection in self._sockets)
        return [*self._seeking, *(exchange for exchange in carried if exchange is not None)]

    def when_freed(self) -> "asyncio.Future[None]":
        """Return what is done as soon as a connection comes back or is lost, or a wait for one ends."""
        if self._freed is None:
            self._freed = self.loop.create_future()
            self._is_heard = True  # until the next connection is opened, or the next sweep
        return self._freed

    def _tell_freed(self) -> None:
        freed, self._freed = self._freed, None
        if freed is not None and not freed.done():
            freed.set_result(None)

    @property
    def sockets(self) -> frozenset[ClientConnection]:
        """All connections that are open, closing ones too."""
        return frozenset(self._sockets)

    # Growing old.

    def _plan_sweep(self, idle_s: float) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._sweep_s = idle_s
        self._sweeper = self.loop.call_later(max(idle_s, 1.0), _sweep, weakref.ref(self))

    def sweep(self) -> None:
        """Close the connections that have been idle for too long."""
        self._sweeper = None
        self._sweep_s = _FOREVER
        self._is_heard = pool_logger.isEnabledFor(DEBUG) or self._freed is not None
        for connection in self._sockets:
            connection.idle_s = self._allowed_idle_s(connection)
        for connection in self.slots.expired(self._now()):
            connection.close()
        shortest_s = min((idle[0][0].idle_s for idle in self.slots.idle.values()), default=_FOREVER)
        if shortest_s != _FOREVER:
            self._plan_sweep(shortest_s)

    def _allowed_idle_s(self, connection: ClientConnection) -> float:
        """Tell how long `connection` may be idle, by our own rule, its server's word, and what was learnt of that."""
        ours = _FOREVER if self.rules.keepalive_s is None else self.rules.keepalive_s
        return min(ours, connection.hinted_s, self.idle_limits.limit_s(connection.key.endpoint))

    # The end.

    def shut(self) -> list[ClientConnection]:
        """Take no more requests, end those that wait or are under way; return the connections that are not gone yet."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self._queue.close(_CLOSED)
        self.openings.shut(_CLOSED)
        self.slots.idle.clear()
        sockets = list(self._sockets)
        for connection in sockets:
            connection.interrupt(_CLOSED)
        return sockets

    def leave_to_parent(self) -> None:
        """Let go of all sockets, in a forked child, without closing them: they are the parent's (see `forks`)."""
        self.closed = True
        for connection in self._sockets:
            self._inherited.append(connection.transport)  # collected, it would close its socket, and say so
            connection.abandon()
            if connection.exchange is not None:
                connection.exchange.carrier = None

    async def close(self) -> None:
        """Close everything and wait until the sockets are gone."""
        closing = self.shut()
        await self.openings.wait()
        if closing:
            await asyncio.wait([connection.gone for connection in closing], timeout=CLOSE_GRACE_S)
            for connection in closing:
                connection.abort()
            await asyncio.wait([connection.gone for connection in closing])


def _ages(max_age_s: float) -> Callable[[], float]:
    """Return what tells for each connection at which age to let it go."""
    from random import uniform  # few ask for it; later there may be no descriptor to read the module with

    return lambda: uniform(1 - AGE_JITTER, 1) * max_age_s


def _sweep(reference: "weakref.ref[Pool]") -> None:
    pool = reference()
    if pool is not None:
        pool.sweep()
