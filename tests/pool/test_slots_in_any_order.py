"""`Slots` under events in any order: the rules that hold always."""

from collections.abc import Iterator

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.pool.fakes import A_OTHER, A, B, C, FakeConnection, FakeWaiter, enqueue, lose, make_slots
from trunkline.conn.key import ConnectionKey


class PoolMachine(RuleBasedStateMachine):
    """A pool whose sockets open, come back, break and vanish in any order, and whose requests may give up."""

    @initialize(limit=st.integers(0, 4), per_host=st.integers(0, 3))
    def begin(self, limit: int, per_host: int) -> None:
        self.limit, self.per_host, self.now = limit, per_host, 0.0
        self.slots = make_slots(limit, per_host)
        self.opening: list[ConnectionKey] = []
        self.busy: list[FakeConnection] = []
        self.closing: list[FakeConnection] = []
        self.waiters: list[FakeWaiter] = []  # all that have not been woken

    def idle(self) -> Iterator[FakeConnection]:
        return (connection for idle in self.slots.idle.values() for connection, _ in idle)

    def take_over(self, connection: FakeConnection) -> None:
        assert connection.is_reusable
        assert connection not in self.busy
        self.busy.append(connection)

    def see_who_was_woken(self) -> None:
        for waiter in [each for each in self.waiters if each.wakings]:
            self.waiters.remove(waiter)
            [connection] = waiter.wakings
            others = [other for other in self.waiters if other.key == waiter.key and other.is_waiting]
            if connection is not None:
                assert waiter.is_served_by(connection)
                self.take_over(connection)
                others = [other for other in others if other.is_served_by(connection)]
            else:
                self.opening.append(waiter.key)
            assert all(waiter.is_before(other) for other in others)

    def close(self, connection: FakeConnection) -> None:
        connection.is_reusable = False
        if connection not in self.closing:
            self.closing.append(connection)

    @rule(key=st.sampled_from([A, A_OTHER, B, C]), priority=st.integers(-1, 1), wants_fresh=st.booleans())
    def request(self, key: ConnectionKey, priority: int, wants_fresh: bool) -> None:
        connection = None if wants_fresh else self.slots.reuse(key, self.now)
        if connection is not None:
            assert connection.key == key
            self.take_over(connection)
        elif self.slots.try_open(key):
            self.opening.append(key)
        else:
            room = self.slots.make_room(key)
            if room is not None:
                self.close(room)
            self.waiters.append(enqueue(self.slots, key, priority, wants_fresh=wants_fresh))

    @precondition(lambda self: self.opening)
    @rule(data=st.data(), works=st.booleans(), is_shared=st.booleans())
    def end_opening(self, data: st.DataObject, works: bool, is_shared: bool) -> None:
        key = self.opening.pop(data.draw(st.integers(0, len(self.opening) - 1)))
        if works:
            connection = FakeConnection(key, idle_s=10.0)
            connection.is_shared = is_shared
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
        idle = [connection for connection in self.idle() if connection.is_reusable]
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
        for connection in {*self.busy, *self.closing, *self.idle()}:
            lose(self.slots, connection)
        assert (self.slots.taken, self.slots.queued) == (0, 0)
        assert self.slots.acquired == set()
        for key in (A, B, C):
            assert self.slots.try_open(key) or self.slots.taken == self.limit > 0


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
