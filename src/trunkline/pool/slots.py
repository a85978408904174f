"""`Slots`: who may use which connection, decided in plain functions with no loop, clock or socket.

A socket that is open or being opened takes one slot of `limit`, and one of `limit_per_host` of its endpoint, whether it
is in use or idle: there are never more sockets than `limit`. A request is answered in this order:

    reuse   the newest idle connection of its key; old ones age out at the other end
    open    a slot is free, or can be made free by closing the connection that has been idle longest
    wait    in order of priority, then of arrival; one whose turn came to nothing stands before others of its priority

A connection that comes back goes straight to the first waiter of its key, never to a newcomer. When a waiter of
another key comes before, it may be passed over MAX_PASSED_OVER times by those of its priority, for reuse is cheaper
than closing and opening; then the connection is closed for it. For one that wants a fresh connection, because its last
was stale, that is done at once. A waiter for a host at its limit stands in nobody's way.
The caller closes what is returned to be closed, and tells when a socket is gone.
"""

from abc import ABC, abstractmethod
from collections import deque
from itertools import count
from typing import Final, Generic, Protocol, TypeVar

from trunkline.conn.key import ConnectionKey
from trunkline.pool.line import Line

# Times that a waiter may see a younger waiter of another key served by reuse. Each spares a handshake; 16 of them cost
# the one that waits less than one handshake of its own would.
MAX_PASSED_OVER: Final = 16


_MOST_MISSES: Final = 7  # that count


class Pooled(Protocol):
    """What the pool needs to know of a connection."""

    key: ConnectionKey
    is_reusable: bool  # False as soon as it is closing, whoever closes it
    idle_s: float  # after how much idle time it must not be used any more
    rested_s: float  # for how long it was idle before it was acquired

    @property
    def is_shared(self) -> bool:
        """True when others use its socket, too, so that another in its place would be no fresher."""


C = TypeVar("C", bound=Pooled)


class Waiter(ABC, Generic[C]):
    """A request in the queue. priority: higher is served earlier. passed_over: by how many younger ones of it.

    room: a connection that was closed for it; until that is gone, no other one needs to be.
    misses: how often its turn came to nothing; of its priority it comes before those with fewer.
    wants_fresh: it takes no connection that has served.
    """

    __slots__ = ("key", "line", "passed_over", "priority", "rank", "room", "ticket", "wants_fresh")

    line: "Line[Waiter[C]]"  # of those who wait for its key; a key takes long to hash

    def __init__(
        self,
        key: ConnectionKey,
        priority: int = 0,
        room: C | None = None,
        misses: int = 0,
        *,
        wants_fresh: bool = False,
    ) -> None:
        self.key = key
        self.wants_fresh = wants_fresh
        self.priority = priority
        self.rank = (_MOST_MISSES + 1) * priority + (min(misses, _MOST_MISSES) if misses else 0)
        self.room = room
        self.passed_over = 0
        self.ticket = 0  # its place in the order of arrival

    def is_before(self, other: "Waiter[C]") -> bool:
        """Tell whether it is served first."""
        return (-self.rank, self.ticket) < (-other.rank, other.ticket)

    def is_served_by(self, connection: C) -> bool:
        """Tell whether it takes `connection`."""
        return connection.key == self.key and (connection.is_shared or not self.wants_fresh)

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """False when it gave up, though it may still be listed."""

    @abstractmethod
    def wake(self, connection: C | None) -> None:
        """Hand over a connection, or with None the slot to open one; called once."""


class Slots(Generic[C]):
    """The state of one pool. limit, limit_per_host: 0 for no limit."""

    def __init__(self, limit: int, limit_per_host: int) -> None:
        self.limit = limit
        self.limit_per_host = limit_per_host
        self.idle: dict[ConnectionKey, deque[tuple[C, float]]] = {}  # newest last, with the time it became idle
        self.acquired: set[C] = set()
        self._leaving: set[C] = set()  # connections that are being closed for a waiter
        self.taken = 0  # slots: sockets open or being opened
        self._taken_per_host: dict[tuple[str, int | None, bool], int] = {}
        self._tickets = count()
        self._line: Line[Waiter[C]] = Line()
        self._line_per_key: dict[ConnectionKey, Line[Waiter[C]]] = {}

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._line)

    def reuse(self, key: ConnectionKey, now: float) -> C | None:
        """Take the newest idle connection of `key`, if there is one that is still good."""
        idle = self.idle.get(key)
        if idle is None:
            return None
        connection, since = idle.pop()
        rested_s = now - since
        if not connection.is_reusable or rested_s > connection.idle_s:
            return self._reuse_older(key, (connection, since), now)
        if not idle:
            del self.idle[key]
        connection.rested_s = rested_s
        self.acquired.add(connection)
        return connection

    def _reuse_older(self, key: ConnectionKey, newest: tuple[C, float], now: float) -> C | None:
        """Do the same when the newest one is no good; the sweep closes those that are too old."""
        idle = self.idle[key]
        too_old = [newest] if newest[0].is_reusable else []  # else it is about to be removed
        found = None
        while idle and found is None:
            connection, since = idle.pop()
            if not connection.is_reusable:
                continue
            if now - since > connection.idle_s:
                too_old.append((connection, since))
            else:
                found = connection
                found.rested_s = now - since
                self.acquired.add(found)
        idle.extend(reversed(too_old))
        self._put_idle(key, idle)
        return found

    def expired(self, now: float) -> list[C]:
        """Take out the idle connections that are closed or too old; the caller closes them."""
        gone: list[C] = []
        for key in list(self.idle):
            kept: deque[tuple[C, float]] = deque()
            for connection, since in self.idle[key]:
                if not connection.is_reusable or now - since > connection.idle_s:
                    gone.append(connection)
                else:
                    kept.append((connection, since))
            self._put_idle(key, kept)
        return gone

    def try_open(self, key: ConnectionKey) -> bool:
        """Take a slot for a new connection of `key`, if one is free."""
        if (self.limit and self.taken >= self.limit) or self.is_host_full(key):
            return False
        self._take_slot(key)
        return True

    def make_room(self, key: ConnectionKey) -> C | None:
        """Take out the connection that has been idle longest, if closing it would let `key` open one.

        Its slot is free once the caller has told `free_slot`.
        """
        candidates = list(self.idle)
        if self.is_host_full(key):
            candidates = [each for each in candidates if each.endpoint == key.endpoint]
        oldest = min(candidates, key=lambda each: self.idle[each][0][1], default=None)
        if oldest is None:
            return None
        idle = self.idle[oldest]
        connection, _ = idle.popleft()
        self._put_idle(oldest, idle)
        self._leaving.add(connection)
        return connection

    def enqueue(self, waiter: Waiter[C]) -> None:
        """Let a request wait for its turn."""
        waiter.ticket = next(self._tickets)
        self._line.add(waiter)
        same_key = self._line_per_key.get(waiter.key)
        if same_key is None:
            same_key = self._line_per_key[waiter.key] = Line()
        waiter.line = same_key
        same_key.add(waiter)

    def dequeue(self, waiter: Waiter[C]) -> None:
        """Forget a waiter, because it was woken or gave up; nothing happens if it was not waiting."""
        if waiter in self._line:
            self._remove(waiter)

    def give_back(self, connection: C, now: float) -> bool:
        """Take back a connection that may serve another request; False when it must be closed for somebody else."""
        key = connection.key
        first = self._first_waiter(connection) if self._line else None
        if first is None:  # nobody waits, or only for hosts at their limits
            self.acquired.discard(connection)
            idle = self.idle.get(key)
            if idle is None:
                idle = self.idle[key] = deque()
            idle.append((connection, now))
            return True
        if (first.wants_fresh or first.key != key) and not first.is_served_by(connection):
            able = None if first.wants_fresh else self._first_served_by(connection)
            if able is None or able.priority < first.priority or first.passed_over >= MAX_PASSED_OVER:
                self.acquired.discard(connection)
                self._leaving.add(connection)
                first.room = connection
                return False
            first.passed_over += 1
            first = able
        connection.rested_s = 0.0
        self._wake(first, connection)
        return True

    def remove(self, connection: C) -> float | None:
        """Drop a connection that is gone from wherever it is listed; return since when it was idle, if it was."""
        self.acquired.discard(connection)
        self._leaving.discard(connection)
        idle = self.idle.get(connection.key, ())
        since = next((since for one, since in idle if one is connection), None)
        if since is not None:
            self._put_idle(connection.key, deque(entry for entry in idle if entry[0] is not connection))
        return since

    def free_slot(self, key: ConnectionKey) -> None:
        """Take back the slot of a socket of `key` that is gone or was never opened; the next in line gets it."""
        self.drop_slot(key)
        self.wake_first()

    def drop_slot(self, key: ConnectionKey) -> None:
        """Take back the slot of a socket that could not be opened, when nobody else could open one either."""
        self.taken -= 1
        endpoint = key.endpoint
        left = self._taken_per_host[endpoint] - 1
        if left:
            self._taken_per_host[endpoint] = left
        else:
            del self._taken_per_host[endpoint]

    def wake_first(self) -> bool:
        """Give the first in line a slot, if one is free; tell whether it was given."""
        waiter = self._first_waiter(None) if self._line and (not self.limit or self.taken < self.limit) else None
        if waiter is None:
            return False
        self._take_slot(waiter.key)
        self._wake(waiter, None)
        return True

    def waiters(self) -> list[Waiter[C]]:
        """List those who wait, in the order in which they are served."""
        return list(self._line)

    # Inside.

    def _put_idle(self, key: ConnectionKey, idle: "deque[tuple[C, float]]") -> None:
        if idle:
            self.idle[key] = idle
        else:
            self.idle.pop(key, None)

    def is_host_full(self, key: ConnectionKey) -> bool:
        """Tell whether the endpoint of `key` has no slot left of `limit_per_host`."""
        limit = self.limit_per_host
        return bool(limit) and self._taken_per_host.get(key.endpoint, 0) >= limit

    def _take_slot(self, key: ConnectionKey) -> None:
        self.taken += 1
        endpoint = key.endpoint
        self._taken_per_host[endpoint] = self._taken_per_host.get(endpoint, 0) + 1

    def _first_waiter(self, given: C | None) -> Waiter[C] | None:
        """Find the first in line among those who could go on.

        given: a connection at hand, with which, or in whose place, waiters for its endpoint can go on, if none has been
        closed for them before.
        """
        waiter = self._line.first()
        if waiter.is_waiting and waiter.room is None and not self.limit_per_host:
            return waiter  # nearly always
        # Among many hosts one is soon found in line; among few, by looking at each.
        gave_up: list[Waiter[C]] = []
        found = None
        left = len(self._line_per_key)
        for waiter in self._line:
            if not waiter.is_waiting:
                gave_up.append(waiter)  # and has not run since
            elif not left:
                found = self._first_of_each(given)
                break
            elif self._is_open_to(waiter.key, given) and not self._has_room(waiter, given):
                found = waiter
                break
            else:
                left -= 1
        for waiter in gave_up:
            self.dequeue(waiter)
        return found

    def _first_of_each(self, given: C | None) -> Waiter[C] | None:
        """Do the same by the first waiter of each key."""
        first = None
        for key, line in self._line_per_key.items():
            if self._is_open_to(key, given):
                able = (waiter for waiter in line if waiter.is_waiting and not self._has_room(waiter, given))
                waiter = next(able, None)
                if waiter is not None and (first is None or waiter.is_before(first)):
                    first = waiter
        return first

    def _is_open_to(self, key: ConnectionKey, given: C | None) -> bool:
        return not self.is_host_full(key) or (given is not None and key.endpoint == given.key.endpoint)

    def _has_room(self, waiter: Waiter[C], given: C | None) -> bool:
        """Tell whether a connection is being closed for `waiter`, so that `given` need not be closed, too."""
        return given is not None and not waiter.is_served_by(given) and waiter.room in self._leaving

    def _first_served_by(self, connection: C) -> Waiter[C] | None:
        line = self._line_per_key.get(connection.key, ())
        return next((waiter for waiter in line if waiter.is_waiting and waiter.is_served_by(connection)), None)

    def _wake(self, waiter: Waiter[C], connection: C | None) -> None:
        self._remove(waiter)
        waiter.wake(connection)

    def _remove(self, waiter: Waiter[C]) -> None:
        self._line.remove(waiter)
        waiter.line.remove(waiter)
        if not waiter.line:
            del self._line_per_key[waiter.key]
