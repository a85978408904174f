"""`Slots`: who may use which connection, decided in plain functions with no loop, clock or socket.

A socket that is open or being opened takes one slot of `limit`, and one of `limit_per_host` of its endpoint, whether it
is in use or idle: there are never more sockets than `limit`. A request is answered in this order:

    reuse   the newest idle connection of its key; old ones age out at the other end
    open    a slot is free, or can be made free by closing the connection that has been idle longest
    wait    in order of arrival

A connection that comes back goes straight to the longest waiter of its key, never to a newcomer. When a waiter of
another key has waited longer, it may be passed over MAX_PASSED_OVER times, for reuse is cheaper than closing and
opening; then the connection is closed for it. A waiter for a host at its limit stands in nobody's way. The caller
closes what is returned to be closed, and tells when a socket is gone.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from itertools import count
from typing import Final, Generic, Protocol, TypeVar

from trunkline.conn.key import ConnectionKey

# Times that a waiter may see a younger waiter of another key served by reuse. Each spares a handshake; 16 of them cost
# the one that waits less than one handshake of its own would.
MAX_PASSED_OVER: Final = 16


class Pooled(Protocol):
    """What the pool needs to know of a connection."""

    key: ConnectionKey
    is_reusable: bool  # False as soon as it is closing, whoever closes it


C = TypeVar("C", bound=Pooled)


class Waiter(ABC, Generic[C]):
    """A request in the queue. passed_over: how often a younger one was served first."""

    __slots__ = ("key", "passed_over", "ticket")

    def __init__(self, key: ConnectionKey) -> None:
        self.key = key
        self.passed_over = 0
        self.ticket = 0  # its place in the order of arrival

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """False when it gave up, though it may still be listed."""

    @abstractmethod
    def wake(self, connection: C | None) -> None:
        """Hand over a connection, or with None the slot to open one; called once."""


_Queue = OrderedDict[Waiter[C], None]  # a set in order of arrival


class Slots(Generic[C]):
    """The state of one pool. limit, limit_per_host: 0 for no limit. keepalive_s: None for no expiry."""

    def __init__(self, limit: int, limit_per_host: int, keepalive_s: float | None) -> None:
        self.limit = limit
        self.limit_per_host = limit_per_host
        self.keepalive_s = keepalive_s
        self.idle: dict[ConnectionKey, deque[tuple[C, float]]] = {}  # newest last, with the time it became idle
        self.acquired: set[C] = set()
        self.taken = 0  # slots: sockets open or being opened
        self._taken_per_host: dict[tuple[str, int | None, bool], int] = {}
        self._tickets = count()
        self._queue: _Queue[C] = OrderedDict()
        self._queue_per_key: dict[ConnectionKey, _Queue[C]] = {}

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    def reuse(self, key: ConnectionKey, now: float) -> C | None:
        """Take the newest idle connection of `key`, if there is one that is still good."""
        idle = self.idle.get(key)
        if idle is None:
            return None
        connection, since = idle.pop()
        while not connection.is_reusable and idle:  # it is about to be removed; nothing else is to be done with it
            connection, since = idle.pop()
        if not idle:
            del self.idle[key]
        if not connection.is_reusable:
            return None
        if self.keepalive_s is not None and now - since > self.keepalive_s:
            # All the others have been idle for longer; the sweep closes them with this one.
            self.idle.setdefault(key, deque()).append((connection, since))
            return None
        self.acquired.add(connection)
        return connection

    def expired(self, now: float) -> list[C]:
        """Take out the idle connections that are closed or too old; the caller closes them."""
        gone: list[C] = []
        for key in list(self.idle):
            kept: deque[tuple[C, float]] = deque()
            for connection, since in self.idle[key]:
                if not connection.is_reusable or (self.keepalive_s is not None and now - since > self.keepalive_s):
                    gone.append(connection)
                else:
                    kept.append((connection, since))
            self._put_idle(key, kept)
        return gone

    def try_open(self, key: ConnectionKey) -> bool:
        """Take a slot for a new connection of `key`, if one is free."""
        if (self.limit and self.taken >= self.limit) or self._is_host_full(key):
            return False
        self._take_slot(key)
        return True

    def make_room(self, key: ConnectionKey) -> C | None:
        """Take out the connection that has been idle longest, if closing it would let `key` open one.

        Its slot is free once the caller has told `free_slot`.
        """
        candidates = list(self.idle)
        if self._is_host_full(key):
            candidates = [each for each in candidates if each.endpoint == key.endpoint]
        oldest = min(candidates, key=lambda each: self.idle[each][0][1], default=None)
        if oldest is None:
            return None
        idle = self.idle[oldest]
        connection, _ = idle.popleft()
        self._put_idle(oldest, idle)
        return connection

    def enqueue(self, waiter: Waiter[C]) -> None:
        """Let a request wait for its turn."""
        waiter.ticket = next(self._tickets)
        self._queue[waiter] = None
        self._queue_per_key.setdefault(waiter.key, OrderedDict())[waiter] = None

    def dequeue(self, waiter: Waiter[C]) -> None:
        """Forget a waiter, because it was woken or gave up; nothing happens if it was not waiting."""
        if waiter in self._queue:
            del self._queue[waiter]
            same_key = self._queue_per_key[waiter.key]
            del same_key[waiter]
            if not same_key:
                del self._queue_per_key[waiter.key]

    def give_back(self, connection: C, now: float) -> bool:
        """Take back a connection that may serve another request; False when it must be closed for somebody else."""
        key = connection.key
        longest = self._longest_waiter(key) if self._queue else None
        if longest is None:  # nobody waits, or only for hosts at their limits
            self.acquired.discard(connection)
            idle = self.idle.get(key)
            if idle is None:
                idle = self.idle[key] = deque()
            idle.append((connection, now))
            return True
        if longest.key != key:
            same_key = self._first_of(key)
            if same_key is None or longest.passed_over >= MAX_PASSED_OVER:
                longest.passed_over = 0  # one connection is enough; others that come back now are not for it
                self.acquired.discard(connection)
                return False
            longest.passed_over += 1
            longest = same_key
        self._wake(longest, connection)
        return True

    def remove(self, connection: C) -> None:
        """Drop a connection that is gone from wherever it is listed."""
        self.acquired.discard(connection)
        idle = self.idle.get(connection.key)
        if idle is not None:
            self._put_idle(connection.key, deque(entry for entry in idle if entry[0] is not connection))

    def free_slot(self, key: ConnectionKey) -> None:
        """Take back the slot of a socket of `key` that is gone or was never opened; the next in line gets it."""
        self.taken -= 1
        endpoint = key.endpoint
        left = self._taken_per_host[endpoint] - 1
        if left:
            self._taken_per_host[endpoint] = left
        else:
            del self._taken_per_host[endpoint]
        if self._queue and (not self.limit or self.taken < self.limit):
            waiter = self._longest_waiter(None)
            if waiter is not None:
                self._take_slot(waiter.key)
                self._wake(waiter, None)

    def waiters(self) -> list[Waiter[C]]:
        """List those who wait, longest first."""
        return list(self._queue)

    # Inside.

    def _put_idle(self, key: ConnectionKey, idle: "deque[tuple[C, float]]") -> None:
        if idle:
            self.idle[key] = idle
        else:
            self.idle.pop(key, None)

    def _is_host_full(self, key: ConnectionKey) -> bool:
        limit = self.limit_per_host
        return bool(limit) and self._taken_per_host.get(key.endpoint, 0) >= limit

    def _take_slot(self, key: ConnectionKey) -> None:
        self.taken += 1
        endpoint = key.endpoint
        self._taken_per_host[endpoint] = self._taken_per_host.get(endpoint, 0) + 1

    def _longest_waiter(self, given: ConnectionKey | None) -> Waiter[C] | None:
        """Find the waiter that came first among those who could go on.

        given: key of a connection at hand, with which, or in whose place, waiters for its endpoint can go on.
        """
        if not self.limit_per_host:
            return self._first_live(self._queue)
        longest = None
        for key in list(self._queue_per_key):
            if self._is_host_full(key) and (given is None or key.endpoint != given.endpoint):
                continue
            waiter = self._first_of(key)
            if waiter is not None and (longest is None or waiter.ticket < longest.ticket):
                longest = waiter
        return longest

    def _first_of(self, key: ConnectionKey) -> Waiter[C] | None:
        queue = self._queue_per_key.get(key)
        return None if queue is None else self._first_live(queue)

    def _first_live(self, queue: _Queue[C]) -> Waiter[C] | None:
        """Return the first of `queue`; drop those who gave up but have not run since."""
        while queue:
            waiter = next(iter(queue))
            if waiter.is_waiting:
                return waiter
            self.dequeue(waiter)
        return None

    def _wake(self, waiter: Waiter[C], connection: C | None) -> None:
        self.dequeue(waiter)
        waiter.wake(connection)
