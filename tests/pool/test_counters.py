"""What a pool counts, told by hand; test_stats_of_servers has it from real connections."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from yarl import URL

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.key import ConnectionKey
from trunkline.pool.counters import Counters, origin_name
from trunkline.pool.slots import Slots
from trunkline.pool.stats import PoolStats
from trunkline.transport.tls_sessions import SessionCache
from trunkline.wire.limits import MAX_COUNTED_ORIGINS, MAX_COUNTED_WAITS

A = ConnectionKey("a", 80, False, True)
B = ConnectionKey("b", None, True, True)


@dataclass
class BarePool:
    """As much of a pool as its counters need."""

    slots: Slots[ClientConnection] = field(default_factory=lambda: Slots(0, 0))
    opening: int = 0

    def stats(self, counters: Counters) -> PoolStats:
        return counters.snapshot(self.slots, self.opening)

    def open(self, counters: Counters, key: ConnectionKey, seconds: float = 0.0) -> ClientConnection:
        assert self.slots.try_open(key)
        connection = ClientH1(asyncio.get_running_loop(), key)
        self.slots.acquired.add(connection)
        counters.note_opened(connection, seconds)
        return connection

    def lose(self, counters: Counters, connection: ClientConnection) -> None:
        self.slots.remove(connection)
        self.slots.free_slot(connection.key)
        counters.note_gone(connection)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (A, "http://a:80"),
        (B, "https://b:443"),
        (A._replace(host="::1", port=8080), "http://[::1]:8080"),
        (A._replace(proxy=URL("http://user:secret@p:3128")), "http://a:80 via http://p:3128"),
        (B._replace(proxy=URL("https://p")), "https://b:443 via https://p"),
        (B._replace(proxy=URL("socks5://[::1]")), "https://b:443 via socks5://[::1]"),
    ],
)
def test_an_origin_is_named_with_its_proxy_and_without_credentials(key: ConnectionKey, name: str) -> None:
    assert origin_name(key) == name


# What is reused: each request of a connection but its first, since counting began.


async def test_the_first_request_of_a_connection_is_no_reuse() -> None:
    pool, counters = BarePool(), Counters()
    for served in (0, 1, 4):  # given up before it served, used once, used again
        pool.open(counters, A, 0.25).served = served
    stats = pool.stats(counters)
    assert (stats.opened, stats.reused, stats.opening_s) == (3, 3, 0.75)
    assert stats.reuse_ratio == 0.5


async def test_what_a_connection_served_is_remembered_when_it_is_gone() -> None:
    pool, counters = BarePool(), Counters()
    connection = pool.open(counters, A)
    connection.served = 4
    before = pool.stats(counters)
    pool.lose(counters, connection)
    counters.note_gone(connection)
    after = pool.stats(counters)
    assert (before.reused, after.reused) == (3, 3)
    assert (before.active, after.active) == (1, 0)


async def test_after_a_reset_each_request_on_an_open_connection_is_a_reuse() -> None:
    pool, counters = BarePool(), Counters()
    used, unused = pool.open(counters, A), pool.open(counters, A)
    used.served = 5
    counters.reset([used, unused])
    assert pool.stats(counters).requests == 0
    used.served = 8
    unused.served = 1
    pool.lose(counters, used)
    stats = pool.stats(counters)
    assert (stats.opened, stats.reused) == (0, 3)
    assert list(stats.origins) == ["http://a:80"]


# The rest.


async def test_connections_are_told_by_what_they_do() -> None:
    pool, counters = BarePool(opening=1), Counters()
    pool.open(counters, A)
    pool.slots.give_back(pool.open(counters, B), 0.0)
    stats = pool.stats(counters)
    assert (stats.active, stats.idle, stats.opening) == (1, 1, 1)
    assert {name: (one.active, one.idle) for name, one in stats.origins.items()} == {
        "http://a:80": (1, 0),
        "https://b:443": (0, 1),
    }


async def test_retries_and_errors_are_counted_by_origin_and_in_all() -> None:
    counters = Counters()
    counters.note_retry(A)
    for key, name in ((A, "TimeoutError"), (A, "ClientOSError"), (B, "TimeoutError")):
        counters.note_error(key, name)
    stats = BarePool().stats(counters)
    assert stats.retries == 1
    assert stats.errors == {"TimeoutError": 2, "ClientOSError": 1}
    assert stats.origins["http://a:80"].errors == {"TimeoutError": 1, "ClientOSError": 1}
    assert stats.origins["https://b:443"].retries == 0


async def test_a_snapshot_does_not_change() -> None:
    counters = Counters()
    counters.note_error(A, "TimeoutError")
    stats = BarePool().stats(counters)
    counters.note_error(A, "TimeoutError")
    assert stats.errors == stats.origins["http://a:80"].errors == {"TimeoutError": 1}


@pytest.mark.parametrize(
    ("waits", "p50", "p99"),
    [
        ([], 0.0, 0.0),
        ([0.5], 0.5, 0.5),
        ([float(number) for number in range(100, 0, -1)], 50.0, 99.0),
        ([1000.0] * 10 + [1.0] * MAX_COUNTED_WAITS, 1.0, 1.0),  # only the last ones count
    ],
)
async def test_percentiles_are_of_the_last_waits(waits: list[float], p50: float, p99: float) -> None:
    counters = Counters()
    for wait in waits:
        counters.note_wait(wait)
    stats = BarePool().stats(counters)
    assert (stats.waited, stats.wait_p50_s, stats.wait_p99_s) == (len(waits), p50, p99)


async def test_origins_beyond_the_bound_are_counted_as_other() -> None:
    pool, counters = BarePool(), Counters()
    oldest = pool.open(counters, A)
    oldest.served = 3
    counters.note_error(A, "TimeoutError")
    for number in range(MAX_COUNTED_ORIGINS):
        counters.note_retry(A._replace(host=f"h{number}"))
    stats = pool.stats(counters)
    assert len(stats.origins) == MAX_COUNTED_ORIGINS + 1
    other = stats.origins["other"]
    assert (other.opened, other.reused, other.active, other.errors) == (1, 2, 1, {"TimeoutError": 1})
    assert (stats.opened, stats.reused, stats.retries) == (1, 2, MAX_COUNTED_ORIGINS)


async def test_what_the_caches_counted_before_a_reset_is_not_told() -> None:
    tls = SessionCache()
    counters = Counters(tls=tls)
    tls.full, tls.resumed = 2, 3
    assert (BarePool().stats(counters).tls_full, BarePool().stats(counters).tls_resumed) == (2, 3)
    counters.reset([])
    tls.resumed += 4
    assert (BarePool().stats(counters).tls_full, BarePool().stats(counters).tls_resumed) == (0, 4)


@contextmanager
def collecting_at_every_chance(pool: BarePool, counters: Counters) -> Iterator[list[str]]:
    """Let the pool work whenever garbage is collected, which may begin where anything is made that could be garbage.

    Yields what it did, by the names of the origins.
    """
    worked: list[str] = []

    def work(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            worked.append(f"o{len(worked)}")
            key = A._replace(host=worked[-1])
            pool.open(counters, key)
            counters.note_error(key, worked[-1])
            counters.note_error(A, worked[-1])

    thresholds = gc.get_threshold()
    gc.callbacks.append(work)
    gc.set_threshold(1)
    try:
        yield worked
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(work)


async def test_a_snapshot_may_be_taken_while_the_pool_works() -> None:
    counters, pool = Counters(), BarePool()
    for number in range(20):
        key = A._replace(host=f"a{number}")
        pool.open(counters, key)
        for name in ("One", "Two", "Three"):
            counters.note_error(key, name)
            counters.note_error(A, name)
    pool.stats(counters)  # what it imports is no part of it
    with collecting_at_every_chance(pool, counters) as worked:
        stats = pool.stats(counters)
    assert worked
    assert 20 <= stats.opened <= 20 + len(worked)
