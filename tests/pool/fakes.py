"""Connections and waiters for the tests of slots: no socket, no loop."""

from trunkline.conn.key import ConnectionKey
from trunkline.pool.slots import Slots, Waiter

A = ConnectionKey("a", 80, False, True)
A_OTHER = A._replace(proxy="http://proxy/")  # the same endpoint, but not the same connections
B = ConnectionKey("b", 80, False, True)
C = ConnectionKey("c", 80, False, True)


class FakeConnection:
    def __init__(self, key: ConnectionKey, idle_s: float = 15.0) -> None:
        self.key = key
        self.is_reusable = True
        self.idle_s = idle_s
        self.rested_s = 0.0
        self.is_shared = False


class FakeWaiter(Waiter[FakeConnection]):
    def __init__(self, key: ConnectionKey, priority: int = 0, misses: int = 0, *, wants_fresh: bool = False) -> None:
        super().__init__(key, priority, misses=misses, wants_fresh=wants_fresh)
        self.has_given_up = False
        self.wakings: list[FakeConnection | None] = []

    @property
    def is_waiting(self) -> bool:
        return not self.has_given_up and not self.wakings

    def wake(self, connection: FakeConnection | None) -> None:
        assert self.is_waiting
        self.wakings.append(connection)


FakeSlots = Slots[FakeConnection]


def make_slots(limit: int = 0, per_host: int = 0) -> FakeSlots:
    return Slots(limit, per_host)


def open_connection(slots: FakeSlots, key: ConnectionKey = A, idle_s: float = 15.0) -> FakeConnection:
    assert slots.try_open(key)
    connection = FakeConnection(key, idle_s)
    slots.acquired.add(connection)
    return connection


def open_idle(slots: FakeSlots, key: ConnectionKey = A, since: float = 0.0, idle_s: float = 15.0) -> FakeConnection:
    connection = open_connection(slots, key, idle_s)
    assert slots.give_back(connection, since)
    return connection


def enqueue(
    slots: FakeSlots, key: ConnectionKey, priority: int = 0, misses: int = 0, *, wants_fresh: bool = False
) -> FakeWaiter:
    waiter = FakeWaiter(key, priority, misses, wants_fresh=wants_fresh)
    slots.enqueue(waiter)
    return waiter


def lose(slots: FakeSlots, connection: FakeConnection) -> None:
    """What the pool does when a socket is gone."""
    connection.is_reusable = False
    slots.remove(connection)
    slots.free_slot(connection.key)
