from collections.abc import Iterator

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline.conn.key import ConnectionKey
from trunkline.pool.slots import MAX_PASSED_OVER, Slots, Waiter

A = ConnectionKey("a", 80, False, True)
A_OTHER = A._replace(proxy="http://proxy/")  # the same endpoint, but not the same connections
B = ConnectionKey("b", 80, False, True)
C = ConnectionKey("c", 80, False, True)


class FakeConnection:
    def __init__(self, key: ConnectionKey) -> None:
        self.key = key
        self.is_closed = False


class FakeWaiter(Waiter[FakeConnection]):
    def __init__(self, key: ConnectionKey) -> None:
        super().__init__(key)
        self.has_given_up = False
        self.wakings: list[FakeConnection | None] = []

    @property
    def is_waiting(self) -> bool:
        return not self.has_given_up and not self.wakings

    def wake(self, connection: FakeConnection | None) -> None:
        assert self.is_waiting
        self.wakings.append(connection)


FakeSlots = Slots[FakeConnection]


def make_slots(limit: int = 0, per_host: int = 0, keepalive_s: float | None = 15.0) -> FakeSlots:
    return Slots(limit, per_host, keepalive_s)


def open_connection(slots: FakeSlots, key: ConnectionKey = A) -> FakeConnection:
    assert slots.try_open(key)
    connection = FakeConnection(key)
    slots.acquired.add(connection)
    return connection


def open_idle(slots: FakeSlots, key: ConnectionKey = A, since: float = 0.0) -> FakeConnection:
    connection = open_connection(slots, key)
    assert slots.give_back(connection, since)
    return connection


def enqueue(slots: FakeSlots, key: ConnectionKey) -> FakeWaiter:
    waiter = FakeWaiter(key)
    slots.enqueue(waiter)
    return waiter


def lose(slots: FakeSlots, connection: FakeConnection) -> None:
    """What the pool does when a socket is gone."""
    connection.is_closed = True
    slots.remove(connection)
    slots.free_slot(connection.key)


# Reuse and expiry.


def test_the_newest_idle_connection_is_reused_first() -> None:
    slots = make_slots()
    connections = [open_connection(slots) for _ in range(3)]
    for now, connection in enumerate(connections):
        slots.give_back(connection, now)
    assert [slots.reuse(A, 3.0) for _ in range(4)] == [*reversed(connections), None]
    assert slots.acquired == set(connections)
    assert slots.idle == {}


def test_a_connection_is_never_reused_for_another_key() -> None:
    slots = make_slots()
    open_idle(slots, A)
    assert slots.reuse(A_OTHER, 0.0) is None
    assert slots.reuse(B, 0.0) is None


@pytest.mark.parametrize(("keepalive_s", "is_reused"), [(15.0, True), (14.9, False), (None, True), (0.0, False)])
def test_a_connection_is_reused_until_its_keepalive_is_over(keepalive_s: float | None, is_reused: bool) -> None:
    slots = make_slots(keepalive_s=keepalive_s)
    open_idle(slots, since=100.0)
    assert (slots.reuse(A, 115.0) is not None) is is_reused


def test_connections_that_are_too_old_are_left_to_the_sweep() -> None:
    slots = make_slots()
    old, older = open_connection(slots), open_connection(slots)
    slots.give_back(older, 0.0)
    slots.give_back(old, 1.0)
    young = open_idle(slots, B, 10.0)
    assert slots.reuse(A, 20.0) is None
    assert slots.acquired == set()
    assert slots.expired(20.0) == [older, old]
    assert slots.expired(20.0) == []
    assert slots.reuse(B, 20.0) is young
    assert slots.taken == 3  # until the sockets are gone


def test_a_closed_connection_hides_no_older_one_that_is_still_good() -> None:
    slots = make_slots()
    good, closed = open_connection(slots), open_connection(slots)
    slots.give_back(good, 0.0)
    slots.give_back(closed, 1.0)
    closed.is_closed = True
    assert slots.reuse(A, 2.0) is good
    lose(slots, closed)
    assert (slots.taken, slots.idle) == (1, {})


def test_only_closed_connections_are_as_good_as_none() -> None:
    slots = make_slots()
    open_idle(slots).is_closed = True
    assert slots.reuse(A, 0.0) is None
    assert slots.acquired == set()


def test_the_sweep_takes_closed_connections_without_any_keepalive() -> None:
    slots = make_slots(keepalive_s=None)
    good, closed = open_idle(slots), open_idle(slots)
    closed.is_closed = True
    assert slots.expired(1e9) == [closed]
    assert slots.all_idle() == [good]
    assert slots.all_idle() == []


# Limits.


def test_there_are_never_more_sockets_than_the_limit() -> None:
    slots = make_slots(limit=2)
    first = open_connection(slots, A)
    open_idle(slots, B)
    assert not slots.try_open(C)
    lose(slots, first)
    assert slots.try_open(C)
    assert slots.taken == 2


def test_the_limit_per_host_counts_by_endpoint_whatever_else_the_key_says() -> None:
    slots = make_slots(per_host=2)
    open_connection(slots, A)
    open_connection(slots, A_OTHER)
    assert not slots.try_open(A)
    assert not slots.try_open(A_OTHER)
    assert slots.try_open(A._replace(port=81))
    assert slots.try_open(A._replace(is_ssl=True))
    assert slots.try_open(B)


def test_without_limits_everybody_may_open() -> None:
    slots = make_slots()
    assert all(slots.try_open(A) for _ in range(1000))


def test_an_opening_that_failed_gives_its_slot_back() -> None:
    slots = make_slots(limit=1, per_host=1)
    assert slots.try_open(A)
    slots.free_slot(A)
    assert slots.taken == 0
    assert slots.try_open(A)


def test_room_is_made_by_closing_what_has_been_idle_longest() -> None:
    slots = make_slots(limit=3)
    open_idle(slots, A, 2.0)
    oldest = open_idle(slots, B, 1.0)
    open_idle(slots, B, 3.0)
    assert slots.make_room(C) is oldest
    assert not slots.try_open(C)  # its socket is not gone yet
    lose(slots, oldest)
    assert slots.try_open(C)


def test_room_for_a_host_at_its_limit_is_made_at_that_host() -> None:
    slots = make_slots(limit=3, per_host=1)
    open_idle(slots, B, 0.0)
    at_the_host = open_idle(slots, A, 1.0)
    assert slots.make_room(A_OTHER) is at_the_host
    assert slots.make_room(A_OTHER) is None
    assert slots.make_room(C) is not None


def test_busy_connections_make_no_room() -> None:
    slots = make_slots(limit=1)
    open_connection(slots, A)
    assert slots.make_room(B) is None


# Waiting.


def test_waiters_of_a_key_are_served_in_order_of_arrival() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots)
    waiters = [enqueue(slots, A) for _ in range(3)]
    assert slots.waiters() == waiters
    for number, waiter in enumerate(waiters):
        assert slots.queued == 3 - number
        assert slots.give_back(connection, 0.0)
        assert waiter.wakings == [connection]
    assert slots.acquired == {connection}
    assert slots.queued == 0


def test_a_connection_goes_straight_to_a_waiter_and_never_to_a_newcomer() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots)
    waiter = enqueue(slots, A)
    slots.give_back(connection, 0.0)
    assert waiter.wakings == [connection]
    assert slots.reuse(A, 0.0) is None
    assert not slots.try_open(A)


def test_a_slot_that_comes_free_goes_to_the_longest_waiter_of_all() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots, A)
    first, second = enqueue(slots, B), enqueue(slots, A)
    lose(slots, connection)
    assert first.wakings == [None]
    assert second.is_waiting
    assert slots.taken == 1  # the slot is the waiter's now


def test_a_connection_nobody_of_its_key_waits_for_is_closed_for_another() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots, A)
    waiter = enqueue(slots, B)
    assert not slots.give_back(connection, 0.0)
    assert slots.acquired == set()
    assert slots.idle == {}
    lose(slots, connection)
    assert waiter.wakings == [None]


def test_an_older_waiter_of_another_key_is_passed_over_only_so_often() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots, A)
    old = enqueue(slots, B)
    younger = [enqueue(slots, A) for _ in range(MAX_PASSED_OVER + 1)]
    for waiter in younger[:-1]:
        assert slots.give_back(connection, 0.0)
        assert waiter.wakings == [connection]
    assert not slots.give_back(connection, 0.0)
    lose(slots, connection)
    assert old.wakings == [None]
    assert younger[-1].is_waiting


def test_a_waiter_that_was_passed_over_costs_one_connection_not_all_that_come_back() -> None:
    slots = make_slots(limit=20)
    connections = [open_connection(slots, A) for _ in range(20)]
    enqueue(slots, B)
    for _ in range(40):
        enqueue(slots, A)
    assert [slots.give_back(connection, 0.0) for connection in connections].count(False) == 1


def test_nobody_is_passed_over_by_an_older_waiter() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots, A)
    first, second = enqueue(slots, A), enqueue(slots, B)
    slots.give_back(connection, 0.0)
    assert first.wakings == [connection]
    assert second.passed_over == 0


def test_a_waiter_for_a_busy_host_stands_in_nobodys_way() -> None:
    slots = make_slots(limit=2, per_host=1)
    open_connection(slots, A)
    other = open_connection(slots, B)
    blocked, free = enqueue(slots, A), enqueue(slots, C)
    assert not slots.give_back(other, 0.0)
    lose(slots, other)
    assert free.wakings == [None]
    assert blocked.is_waiting


def test_a_connection_that_helps_no_waiter_is_kept() -> None:
    slots = make_slots(limit=2, per_host=1)
    open_connection(slots, A)
    other = open_connection(slots, B)
    blocked = enqueue(slots, A)
    assert slots.give_back(other, 0.0)
    assert blocked.is_waiting
    assert slots.reuse(B, 0.0) is other


def test_a_connection_is_closed_for_a_waiter_of_another_key_at_the_same_endpoint() -> None:
    slots = make_slots(per_host=1)
    connection = open_connection(slots, A)
    waiter = enqueue(slots, A_OTHER)
    assert not slots.give_back(connection, 0.0)
    lose(slots, connection)
    assert waiter.wakings == [None]
    assert not slots.try_open(A)


def test_the_longest_waiter_of_an_endpoint_gets_its_slot_whatever_the_key() -> None:
    slots = make_slots(per_host=1)
    connection = open_connection(slots, A)
    elsewhere, first, second = enqueue(slots, B), enqueue(slots, A_OTHER), enqueue(slots, A)
    slots.dequeue(elsewhere)
    lose(slots, connection)
    assert first.wakings == [None]
    assert second.is_waiting


@pytest.mark.parametrize("per_host", [0, 1])
def test_those_who_gave_up_are_skipped_even_before_they_have_left(per_host: int) -> None:
    slots = make_slots(limit=1, per_host=per_host)
    connection = open_connection(slots)
    gone, alive = enqueue(slots, A), enqueue(slots, A)
    gone.has_given_up = True
    slots.give_back(connection, 0.0)
    assert (gone.wakings, alive.wakings) == ([], [connection])
    slots.dequeue(gone)  # as it does when it runs at last
    slots.dequeue(alive)
    assert slots.queued == 0


@pytest.mark.parametrize("per_host", [0, 1])
def test_a_slot_stays_free_when_all_have_given_up(per_host: int) -> None:
    slots = make_slots(limit=1, per_host=per_host)
    connection = open_connection(slots)
    enqueue(slots, B).has_given_up = True
    lose(slots, connection)
    assert (slots.taken, slots.queued) == (0, 0)


def test_leaving_the_queue_twice_does_nothing() -> None:
    slots = make_slots(limit=1)
    waiter, other = enqueue(slots, A), enqueue(slots, A)
    slots.dequeue(waiter)
    slots.dequeue(waiter)
    assert slots.waiters() == [other]


# Any order of events.


class PoolMachine(RuleBasedStateMachine):
    """A pool whose sockets open, come back, break and vanish in any order, and whose requests may give up."""

    @initialize(limit=st.integers(0, 4), per_host=st.integers(0, 3))
    def begin(self, limit: int, per_host: int) -> None:
        self.limit, self.per_host, self.now = limit, per_host, 0.0
        self.slots = make_slots(limit, per_host, 10.0)
        self.opening: list[ConnectionKey] = []
        self.busy: list[FakeConnection] = []
        self.closing: list[FakeConnection] = []
        self.waiters: list[FakeWaiter] = []  # all that have not been woken

    def idle(self) -> Iterator[FakeConnection]:
        return (connection for idle in self.slots.idle.values() for connection, _ in idle)

    def take_over(self, connection: FakeConnection) -> None:
        assert not connection.is_closed
        assert connection not in self.busy
        self.busy.append(connection)

    def see_who_was_woken(self) -> None:
        for waiter in [each for each in self.waiters if each.wakings]:
            self.waiters.remove(waiter)
            [connection] = waiter.wakings
            if connection is None:
                self.opening.append(waiter.key)
            else:
                assert connection.key == waiter.key
                self.take_over(connection)

    def close(self, connection: FakeConnection) -> None:
        connection.is_closed = True
        if connection not in self.closing:
            self.closing.append(connection)

    @rule(key=st.sampled_from([A, A_OTHER, B, C]))
    def request(self, key: ConnectionKey) -> None:
        connection = self.slots.reuse(key, self.now)
        if connection is not None:
            assert connection.key == key
            self.take_over(connection)
        elif self.slots.try_open(key):
            self.opening.append(key)
        else:
            room = self.slots.make_room(key)
            if room is not None:
                self.close(room)
            self.waiters.append(enqueue(self.slots, key))

    @precondition(lambda self: self.opening)
    @rule(data=st.data(), works=st.booleans())
    def end_opening(self, data: st.DataObject, works: bool) -> None:
        key = self.opening.pop(data.draw(st.integers(0, len(self.opening) - 1)))
        if works:
            connection = FakeConnection(key)
            self.slots.acquired.add(connection)
            self.take_over(connection)
        else:
            self.slots.free_slot(key)
            self.see_who_was_woken()

    @precondition(lambda self: self.busy)
    @rule(data=st.data(), is_reusable=st.booleans())
    def end_response(self, data: st.DataObject, is_reusable: bool) -> None:
        connection = self.busy.pop(data.draw(st.integers(0, len(self.busy) - 1)))
        if not is_reusable:
            self.slots.acquired.discard(connection)
            self.close(connection)
        elif not self.slots.give_back(connection, self.now):
            self.close(connection)
        self.see_who_was_woken()

    @precondition(lambda self: self.closing)
    @rule(data=st.data())
    def lose_closed_socket(self, data: st.DataObject) -> None:
        connection = self.closing.pop(data.draw(st.integers(0, len(self.closing) - 1)))
        lose(self.slots, connection)
        self.see_who_was_woken()

    @precondition(lambda self: any(self.idle()))
    @rule(data=st.data())
    def server_closes_idle(self, data: st.DataObject) -> None:
        self.close(data.draw(st.sampled_from(list(self.idle()))))

    @precondition(lambda self: self.waiters)
    @rule(data=st.data(), runs_at_once=st.booleans())
    def give_up(self, data: st.DataObject, runs_at_once: bool) -> None:
        waiter = data.draw(st.sampled_from(self.waiters))
        waiter.has_given_up = True
        if runs_at_once:
            self.waiters.remove(waiter)
            self.slots.dequeue(waiter)

    @rule(seconds=st.sampled_from([1.0, 9.0, 11.0]), sweeps=st.booleans())
    def pass_time(self, seconds: float, sweeps: bool) -> None:
        self.now += seconds
        if sweeps:
            for connection in self.slots.expired(self.now):
                self.close(connection)

    @invariant()
    def sockets_never_exceed_the_limits(self) -> None:
        sockets = [*self.opening, *[each.key for each in {*self.busy, *self.closing, *self.idle()}]]
        assert self.slots.taken == len(sockets)
        if self.limit:
            assert len(sockets) <= self.limit
        if self.per_host:
            assert all(self.sockets_of(key) <= self.per_host for key in sockets)

    def sockets_of(self, key: ConnectionKey) -> int:
        connections = {*self.busy, *self.closing, *self.idle()}
        keys = [*self.opening, *[each.key for each in connections]]
        return [each.endpoint for each in keys].count(key.endpoint)

    @invariant()
    def no_connection_is_in_two_places(self) -> None:
        idle = list(self.idle())
        assert len(idle) == len(set(idle))
        assert self.slots.acquired == set(self.busy)
        assert len(self.busy) == len(set(self.busy))
        assert not set(idle) & set(self.busy)

    @invariant()
    def nobody_waits_who_could_go_on(self) -> None:
        for waiter in self.waiters:
            if waiter.is_waiting:
                self.check_must_wait(waiter.key)

    def check_must_wait(self, key: ConnectionKey) -> None:
        is_full = bool(self.limit) and self.slots.taken >= self.limit
        is_host_full = bool(self.per_host) and self.sockets_of(key) >= self.per_host
        assert is_full or is_host_full
        idle = [connection for connection in self.idle() if not connection.is_closed]
        closing = self.closing
        if is_host_full:
            idle = [connection for connection in idle if connection.key.endpoint == key.endpoint]
            closing = [connection for connection in closing if connection.key.endpoint == key.endpoint]
        assert not idle or closing, "an idle connection could be closed to make room"

    @invariant()
    def the_queue_lists_all_who_wait(self) -> None:
        assert set(self.slots.waiters()) >= {waiter for waiter in self.waiters if waiter.is_waiting}
        assert self.slots.queued <= len(self.waiters)

    def teardown(self) -> None:
        if not hasattr(self, "slots"):
            return
        for waiter in self.waiters:
            waiter.has_given_up = True
            self.slots.dequeue(waiter)
        for key in self.opening:
            self.slots.free_slot(key)
        for connection in {*self.busy, *self.closing, *self.slots.all_idle()}:
            lose(self.slots, connection)
        assert (self.slots.taken, self.slots.queued) == (0, 0)
        assert self.slots.acquired == set()
        for key in (A, B, C):
            assert self.slots.try_open(key) or self.slots.taken == self.limit > 0


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
