from math import inf

import pytest

from tests.pool.fakes import (
    A_OTHER,
    A,
    B,
    C,
    FakeWaiter,
    enqueue,
    lose,
    make_slots,
    open_connection,
    open_idle,
)
from trunkline.pool.slots import MAX_PASSED_OVER

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


@pytest.mark.parametrize(("idle_s", "is_reused"), [(15.0, True), (14.9, False), (inf, True), (0.0, False)])
def test_a_connection_is_reused_until_it_was_idle_for_too_long(idle_s: float, is_reused: bool) -> None:
    slots = make_slots()
    open_idle(slots, since=100.0, idle_s=idle_s)
    assert (slots.reuse(A, 115.0) is not None) is is_reused


def test_a_connection_knows_for_how_long_it_was_idle() -> None:
    slots = make_slots(limit=1)
    connection = open_idle(slots, since=100.0)
    assert slots.reuse(A, 105.0) is connection
    assert connection.rested_s == 5.0
    enqueue(slots, A)
    slots.give_back(connection, 106.0)  # at once to the one that waits
    assert connection.rested_s == 0.0


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
    closed.is_reusable = False
    assert slots.reuse(A, 2.0) is good
    lose(slots, closed)
    assert (slots.taken, slots.idle) == (1, {})


def test_one_that_is_too_old_hides_no_older_one_that_may_still_be_used() -> None:
    slots = make_slots()
    patient, hasty, closed = (open_connection(slots, idle_s=idle_s) for idle_s in (60.0, 1.0, 60.0))
    for since, connection in enumerate((patient, hasty, closed)):
        slots.give_back(connection, since)
    closed.is_reusable = False
    assert slots.reuse(A, 10.0) is patient
    assert slots.reuse(A, 10.0) is None
    assert slots.expired(10.0) == [hasty]


def test_only_closed_connections_are_as_good_as_none() -> None:
    slots = make_slots()
    open_idle(slots).is_reusable = False
    assert slots.reuse(A, 0.0) is None
    assert slots.acquired == set()


def test_the_sweep_takes_closed_connections_without_any_keepalive() -> None:
    slots = make_slots()
    good, closed = open_idle(slots, idle_s=inf), open_idle(slots, idle_s=inf)
    closed.is_reusable = False
    assert slots.expired(1e9) == [closed]
    assert [connection for queue in slots.idle.values() for connection, _ in queue] == [good]


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


def test_a_slot_that_is_dropped_wakes_nobody_until_somebody_is_let_try() -> None:
    slots = make_slots(limit=1)
    assert slots.try_open(A)
    waiter = enqueue(slots, B)
    assert not slots.wake_first()  # no slot is free
    slots.drop_slot(A)
    assert (slots.taken, waiter.wakings) == (0, [])
    assert slots.wake_first()
    assert (slots.taken, waiter.wakings) == (1, [None])
    assert not slots.wake_first()


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


# Priorities.


def test_a_connection_goes_to_the_highest_priority_of_its_key() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots)
    usual, urgent = enqueue(slots, A), enqueue(slots, A, priority=1)
    assert slots.give_back(connection, 0.0)
    assert (usual.wakings, urgent.wakings) == ([], [connection])


def test_a_slot_goes_to_the_highest_priority_of_all() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots)
    usual, urgent = enqueue(slots, A), enqueue(slots, B, priority=1)
    lose(slots, connection)
    assert (usual.wakings, urgent.wakings) == ([], [None])


def test_those_whose_turn_came_to_nothing_are_before_others_of_their_priority_in_the_order_of_arrival() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots)
    waiters = {
        "usual": enqueue(slots, A),
        "again": enqueue(slots, A, misses=1),
        "again, later": enqueue(slots, A, misses=1),
        "over and over": enqueue(slots, A, misses=2),
        "urgent": enqueue(slots, A, priority=1),
    }
    order = []
    while waiters:
        slots.give_back(connection, 0.0)
        (woken,) = [name for name, waiter in waiters.items() if waiter.wakings]
        order.append(woken)
        del waiters[woken]
    assert order == ["urgent", "over and over", "again", "again, later", "usual"]


def test_nobody_passes_over_a_higher_priority_to_save_a_handshake() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots, A)
    enqueue(slots, A)
    urgent = enqueue(slots, B, priority=1)
    assert not slots.give_back(connection, 0.0)
    lose(slots, connection)
    assert urgent.wakings == [None]


def test_among_hosts_with_room_the_highest_priority_is_first() -> None:
    slots = make_slots(limit=2, per_host=1)
    full = open_connection(slots, A)
    gone = open_connection(slots, C)
    blocked, usual, urgent = enqueue(slots, A, priority=9), enqueue(slots, B), enqueue(slots, C, priority=1)
    lose(slots, gone)
    assert (blocked.wakings, usual.wakings, urgent.wakings) == ([], [], [None])
    assert full in slots.acquired


def test_one_connection_is_closed_for_a_waiter_however_many_come_back() -> None:
    slots = make_slots(limit=3)
    connections = [open_connection(slots, A) for _ in range(3)]
    waiter = enqueue(slots, B)
    assert [slots.give_back(connection, 0.0) for connection in connections] == [False, True, True]
    lose(slots, connections[0])
    assert waiter.wakings == [None]


def test_one_whose_room_went_to_a_higher_priority_gets_another() -> None:
    slots = make_slots(limit=2)
    connections = [open_connection(slots, A) for _ in range(2)]
    usual = enqueue(slots, B)
    assert not slots.give_back(connections[0], 0.0)
    urgent = enqueue(slots, C, priority=1)
    lose(slots, connections[0])
    assert (urgent.wakings, usual.wakings) == ([None], [])
    assert not slots.give_back(connections[1], 0.0)
    lose(slots, connections[1])
    assert usual.wakings == [None]


def test_who_has_room_still_takes_a_connection_of_its_key() -> None:
    slots = make_slots(limit=2)
    other, own = open_connection(slots, A), open_connection(slots, B)
    waiter = enqueue(slots, B)
    assert not slots.give_back(other, 0.0)
    assert slots.give_back(own, 0.0)
    assert waiter.wakings == [own]


def test_one_whose_room_is_lost_is_served_by_the_next_connection_of_its_host() -> None:
    slots = make_slots(limit=3, per_host=2)
    other_key = A._replace(server_hostname="x")
    first, second, third = (
        open_connection(slots, other_key),
        open_connection(slots, other_key),
        open_connection(slots, B),
    )
    elsewhere, waiter = enqueue(slots, C), enqueue(slots, A)
    assert not slots.give_back(third, 0.0)  # closed for C
    assert not slots.give_back(first, 0.0)  # closed for A
    urgent = enqueue(slots, other_key, priority=5)
    lose(slots, first)
    assert urgent.wakings == [None]
    elsewhere.has_given_up = True
    slots.dequeue(elsewhere)
    lose(slots, third)
    assert not slots.give_back(second, 0.0)  # for A once more
    lose(slots, second)
    assert waiter.wakings == [None]


# Those that want a fresh connection.


def test_what_comes_back_is_closed_for_one_that_wants_a_fresh_connection() -> None:
    slots = make_slots(limit=2)
    first, second = open_connection(slots), open_connection(slots)
    fresh = enqueue(slots, A, misses=1, wants_fresh=True)
    assert not slots.give_back(first, 0.0)
    usual = enqueue(slots, A)
    assert slots.give_back(second, 0.0)  # one is enough
    assert (fresh.wakings, usual.wakings) == ([], [second])
    lose(slots, first)
    assert fresh.wakings == [None]


def test_a_shared_connection_is_fresh_enough() -> None:
    slots = make_slots(limit=1)
    lane = open_connection(slots)
    lane.is_shared = True
    fresh = enqueue(slots, A, wants_fresh=True)
    assert slots.give_back(lane, 0.0)
    assert fresh.wakings == [lane]


def test_a_waiter_of_another_key_is_passed_over_by_those_only_who_take_what_came_back() -> None:
    slots = make_slots(limit=1)
    connection = open_connection(slots, A)
    other, fresh, usual = enqueue(slots, B), enqueue(slots, A, wants_fresh=True), enqueue(slots, A)
    assert slots.give_back(connection, 0.0)
    assert (other.wakings, fresh.wakings, usual.wakings) == ([], [], [connection])
    assert not slots.give_back(connection, 0.0)
    lose(slots, connection)
    assert (other.wakings, fresh.wakings) == ([None], [])


@pytest.mark.parametrize(("hosts", "per_host"), [(2, 2000), (2000, 2)])
def test_the_first_who_may_go_on_is_found_among_few_hosts_and_many(
    hosts: int, per_host: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = make_slots(limit_of_host := 4, per_host=2)
    keys = [A._replace(host=f"h{number}") for number in range(hosts)]
    busy = [open_connection(slots, key) for key in (keys[-2:] * 2)[:limit_of_host]]
    for key in keys:
        for _ in range(per_host):
            enqueue(slots, key)
    looks = 0

    def count(waiter: FakeWaiter) -> bool:
        nonlocal looks
        looks += 1
        return not waiter.wakings

    monkeypatch.setattr(FakeWaiter, "is_waiting", property(count))
    for connection in busy[:2]:
        slots.give_back(connection, 0.0)
    assert looks < 50
