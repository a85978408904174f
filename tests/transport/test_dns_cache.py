import asyncio
import gc
import socket

import pytest

from tests.probes import Notes
from trunkline.abc import AbstractResolver, ResolveResult
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.errors import ResolveError
from trunkline.transport.resolve import numeric_address
from trunkline.wire.limits import DNS_RECHECK_S, MAX_DNS_TTL_S, NEGATIVE_DNS_S, STALE_DNS_S


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        return self.time_s


class Book(AbstractResolver):
    """A resolver that answers from a table, once its gate is open. ttl: of all records; error: what it raises."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.ttl: int | None = None
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        if host not in self.names:
            raise OSError(f"{host} is not in the book")
        found = [one for one in (numeric_address(address, port) for address in self.names[host]) if one is not None]
        if self.ttl is not None:
            for one in found:
                one["ttl"] = self.ttl
        return found

    async def close(self) -> None:
        pass


async def hosts(cache: DNSCache, host: str, port: int = 80) -> list[str]:
    return [one["host"] for one in await cache.resolve(host, port)]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_an_answer_is_kept_until_it_expires() -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, ttl_s=10, now=clock)
    for time_s, asked in [(0.0, 1), (9.9, 1), (10.0 + STALE_DNS_S, 2), (49.9, 2), (50.0 + STALE_DNS_S, 3)]:
        clock.time_s = time_s
        assert await hosts(cache, "a") == ["10.0.0.1"]
        assert len(book.asked) == asked
    assert (cache.hits, cache.misses) == (2, 3)


@pytest.mark.parametrize(
    ("ttl_s", "told", "fresh_s"),
    [
        (10, None, 10.0),
        (10, 300, 300.0),
        (10, 2, 2.0),
        (10, 0, 1.0),
        (10, 10**9, MAX_DNS_TTL_S),
        (11, 300, 11.0),
        (11, 2, 11.0),
        (0, 300, 0.0),
        (-1, 300, 0.0),
    ],
)
async def test_the_ttl_of_records_counts_unless_the_user_says_another(
    ttl_s: float, told: int | None, fresh_s: float
) -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    book.ttl = told
    cache = DNSCache(book, ttl_s=ttl_s, now=clock)
    await hosts(cache, "a")
    for time_s, asked in [(fresh_s - 0.1, 1), (fresh_s, 2)] if fresh_s else [(0.0, 2)]:
        clock.time_s = time_s
        await hosts(cache, "a")
        await turns()
        assert len(book.asked) == asked


async def test_without_a_ttl_answers_are_kept_for_ever() -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, ttl_s=None, now=clock)
    await hosts(cache, "a")
    clock.time_s = 1e9
    await hosts(cache, "a")
    assert len(book.asked) == 1


# Stale answers.


async def test_a_stale_answer_is_used_while_one_refresh_runs() -> None:
    clock, book, notes = Clock(), Book(a=["10.0.0.1"]), Notes()
    cache = DNSCache(book, now=clock)
    await hosts(cache, "a")
    book.gate.clear()
    book.names["a"] = ["10.0.0.2"]
    clock.time_s = 10.0
    for _ in range(3):
        assert [one["host"] for one in await cache.resolve("a", 80, notes)] == ["10.0.0.1"]
        await turns()
    assert (book.asked, notes.told) == (["a", "a"], ["hit a"] * 3)
    book.gate.set()
    await turns()
    assert await hosts(cache, "a") == ["10.0.0.2"]
    assert (cache.hits, cache.misses) == (4, 1)


async def test_a_refresh_that_fails_is_tried_again_later_until_the_bound() -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, ttl_s=60, now=clock)
    await hosts(cache, "a")
    book.error = OSError("the server is down")
    for time_s, asked in [
        (60.0, 2),
        (60.0 + DNS_RECHECK_S - 0.1, 2),
        (60.0 + DNS_RECHECK_S, 3),
        (60.0 + STALE_DNS_S - 0.1, 4),
    ]:
        clock.time_s = time_s
        assert await hosts(cache, "a") == ["10.0.0.1"]
        await turns()
        assert len(book.asked) == asked
    clock.time_s = 60.0 + STALE_DNS_S
    with pytest.raises(ResolveError, match="the server is down"):
        await cache.resolve("a", 80)


@pytest.mark.parametrize(("ttl_s", "stale_s"), [(1.0, 1.0), (10.0, 10.0), (60.0, STALE_DNS_S)])
async def test_an_answer_is_stale_no_longer_than_it_was_fresh(ttl_s: float, stale_s: float) -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, ttl_s=ttl_s, now=clock)
    await hosts(cache, "a")
    book.names["a"] = ["10.0.0.2"]
    clock.time_s = ttl_s + stale_s
    assert await hosts(cache, "a") == ["10.0.0.2"]


@pytest.mark.parametrize("ttl_s", [0, -1])
async def test_without_time_to_live_nothing_is_stale(ttl_s: int) -> None:
    book = Book(a=["10.0.0.1"])
    cache = DNSCache(book, ttl_s=ttl_s)
    await hosts(cache, "a")
    book.error = OSError("the server is down")
    with pytest.raises(ResolveError):
        await cache.resolve("a", 80)


async def test_a_refresh_without_an_answer_ends_with_those_who_joined_it() -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, now=clock)
    await hosts(cache, "a")
    book.gate.clear()
    clock.time_s = 10.0
    await hosts(cache, "a")  # begins to ask, and gets no answer
    clock.time_s = 10.0 + STALE_DNS_S
    late = asyncio.create_task(hosts(cache, "a"))
    await turns()
    late.cancel()
    await turns()
    book.gate.set()
    assert await hosts(cache, "a") == ["10.0.0.1"]
    assert (book.cancelled, book.asked) == (1, ["a", "a", "a"])


@pytest.mark.parametrize("error", [OSError("down"), ValueError("a bug of the resolver's")])
async def test_a_refresh_that_fails_is_not_reported_to_the_loop(error: Exception) -> None:
    reports: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, now=clock)
    await hosts(cache, "a")
    book.error = error
    clock.time_s = 10.0
    await hosts(cache, "a")
    await turns()
    gc.collect()
    assert (len(book.asked), reports) == (2, [])


async def test_closing_ends_a_refresh() -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, now=clock)
    await hosts(cache, "a")
    book.gate.clear()
    clock.time_s = 10.0
    await hosts(cache, "a")
    await turns()
    await cache.close()
    assert book.cancelled == 1
    assert len(asyncio.all_tasks()) == 1


async def test_a_refresh_on_demand_asks_once_and_only_for_known_names() -> None:
    book = Book(a=["10.0.0.1"])
    cache = DNSCache(book)
    cache.refresh("a", 80)
    await turns()
    assert book.asked == []
    await hosts(cache, "a")
    book.names["a"] = ["10.0.0.2"]
    cache.refresh("a", 80)
    cache.refresh("a", 80)
    assert await hosts(cache, "a") == ["10.0.0.1"]
    await turns()
    assert await hosts(cache, "a") == ["10.0.0.2"]
    assert book.asked == ["a", "a"]


async def test_after_stale_addresses_failed_there_may_be_others() -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, now=clock)
    tried = await cache.resolve("a", 80)
    book.names["a"] = ["10.0.0.1", "10.0.0.2"]
    clock.time_s = 10.0
    await hosts(cache, "a")
    assert [one["host"] for one in await cache.others("a", 80, tried)] == ["10.0.0.2"]
    assert await cache.others("a", 80, await cache.resolve("a", 80)) == []
    await hosts(cache, "a")
    assert len(book.asked) == 3  # dropped: all that was known had failed
    assert await cache.others("unknown", 80, []) == []


# Names that do not exist.

NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_that_a_name_does_not_exist_is_kept_for_a_short_while() -> None:
    clock, book, notes = Clock(), Book(a=["10.0.0.1"]), Notes()
    book.error = NO_NAME
    cache = DNSCache(book, now=clock)
    with pytest.raises(ResolveError):
        await cache.resolve("a", 80)
    clock.time_s = NEGATIVE_DNS_S - 0.1
    errors = []
    for _ in range(2):
        with pytest.raises(ResolveError, match="cannot resolve a:80: Name or service not known") as caught:
            await cache.resolve("a", 80, notes)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert (errors[0].os_error.errno, type(errors[0].os_error)) == (socket.EAI_NONAME, socket.gaierror)
    assert (book.asked, notes.told) == (["a"], ["hit a", "hit a"])
    book.error = None
    clock.time_s = NEGATIVE_DNS_S
    assert await hosts(cache, "a") == ["10.0.0.1"]


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution"),
        socket.gaierror(-5, "No address associated with hostname"),  # NODATA; not every system has a name for it
        OSError(None, "Timeout while contacting DNS servers"),
    ],
)
async def test_no_other_failure_is_kept(error: OSError) -> None:
    book = Book()
    book.error = error
    cache = DNSCache(book)
    for _ in range(2):
        with pytest.raises(ResolveError):
            await cache.resolve("a", 80)
    assert book.asked == ["a", "a"]


@pytest.mark.parametrize(("ttl_s", "max_size"), [(0, 1000), (10, 0)])
async def test_without_a_cache_no_absence_is_kept(ttl_s: int, max_size: int) -> None:
    book = Book()
    book.error = NO_NAME
    cache = DNSCache(book, ttl_s=ttl_s, max_size=max_size)
    for _ in range(2):
        with pytest.raises(ResolveError):
            await cache.resolve("a", 80)
    assert book.asked == ["a", "a"]


async def test_absences_are_bounded_with_the_rest_and_cleared_like_them() -> None:
    book = Book()
    book.error = NO_NAME
    cache = DNSCache(book, max_size=2)
    for name in ("a", "b", "c", "c", "a"):
        with pytest.raises(ResolveError):
            await cache.resolve(name, 80)
    assert book.asked == ["a", "b", "c", "a"]
    cache.clear("a", 80)
    with pytest.raises(ResolveError):
        await cache.resolve("a", 80)
    assert book.asked == ["a", "b", "c", "a", "a"]


async def test_a_refresh_that_finds_the_name_gone_ends_what_is_stale() -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, now=clock)
    await hosts(cache, "a")
    book.error = NO_NAME
    clock.time_s = 10.0
    assert await hosts(cache, "a") == ["10.0.0.1"]
    await turns()
    with pytest.raises(ResolveError):
        await cache.resolve("a", 80)


async def test_the_least_recently_used_name_goes_first() -> None:
    book = Book(a=["10.0.0.1"], b=["10.0.0.2"], c=["10.0.0.3"])
    cache = DNSCache(book, max_size=2)
    for name in "abaca":
        await hosts(cache, name)
    assert book.asked == ["a", "b", "c"]
    await hosts(cache, "b")
    assert book.asked == ["a", "b", "c", "b"]


async def test_six_thousand_names_stay_within_the_bound() -> None:
    book = Book(**{f"n{number}": ["10.0.0.1"] for number in range(6000)})
    cache = DNSCache(book)
    for name in book.names:
        await hosts(cache, name)
    for name in list(book.names)[:-1001:-1]:
        await hosts(cache, name)
    assert cache.hits == 1000


async def test_size_zero_keeps_nothing() -> None:
    book = Book(a=["10.0.0.1"])
    cache = DNSCache(book, max_size=0)
    await hosts(cache, "a")
    await hosts(cache, "a")
    assert len(book.asked) == 2


async def test_a_failure_is_not_kept() -> None:
    book = Book()
    cache = DNSCache(book)
    with pytest.raises(ResolveError, match="cannot resolve a:80: a is not in the book") as caught:
        await cache.resolve("a", 80)
    assert str(caught.value.os_error) == "a is not in the book"
    book.names["a"] = ["10.0.0.1"]
    assert await hosts(cache, "a") == ["10.0.0.1"]


async def test_an_empty_answer_is_a_failure() -> None:
    with pytest.raises(ResolveError, match="no addresses"):
        await DNSCache(Book(a=[])).resolve("a", 80)


async def test_each_use_starts_with_the_next_address() -> None:
    cache = DNSCache(Book(a=["10.0.0.1", "10.0.0.2", "10.0.0.3"]))
    starts = [(await hosts(cache, "a"))[0] for _ in range(4)]
    assert starts == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"]
    assert await hosts(cache, "a") == ["10.0.0.2", "10.0.0.3", "10.0.0.1"]


async def test_forget_and_clear_ask_again() -> None:
    book = Book(a=["10.0.0.1"], b=["10.0.0.2"])
    cache = DNSCache(book)
    await hosts(cache, "a")
    await hosts(cache, "b")
    cache.forget("a", 80)
    cache.forget("unknown", 80)
    await hosts(cache, "a")
    cache.clear("a", 80)
    await hosts(cache, "a")
    assert book.asked == ["a", "b", "a", "a"]
    cache.clear()
    await hosts(cache, "b")
    assert book.asked[-1] == "b"
    with pytest.raises(ValueError, match="both host and port"):
        cache.clear("a")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%2"])
async def test_ip_addresses_ask_nobody(host: str) -> None:
    book = Book()
    assert await hosts(DNSCache(book), host) == [host]
    assert book.asked == []


async def test_concurrent_callers_share_one_look_up() -> None:
    book = Book(a=["10.0.0.1"])
    book.gate.clear()
    cache = DNSCache(book)
    callers = [asyncio.create_task(hosts(cache, "a")) for _ in range(5)]
    await turns()
    book.gate.set()
    assert await asyncio.gather(*callers) == [["10.0.0.1"]] * 5
    assert book.asked == ["a"]


async def test_callers_of_a_failing_look_up_get_an_error_each() -> None:
    book = Book()
    book.gate.clear()
    cache = DNSCache(book)
    callers = [asyncio.create_task(hosts(cache, "a")) for _ in range(3)]
    await turns()
    book.gate.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(error, ResolveError) for error in errors)
    assert len({id(error) for error in errors}) == 3


async def test_a_cancelled_caller_does_not_cancel_the_look_up_of_others() -> None:
    book = Book(a=["10.0.0.1"])
    book.gate.clear()
    cache = DNSCache(book)
    first, second = (asyncio.create_task(hosts(cache, "a")) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    book.gate.set()
    assert await second == ["10.0.0.1"]
    assert first.cancelled()
    assert book.cancelled == 0


async def test_the_look_up_goes_with_its_last_caller() -> None:
    book = Book(a=["10.0.0.1"])
    book.gate.clear()
    cache = DNSCache(book)
    callers = [asyncio.create_task(hosts(cache, "a")) for _ in range(2)]
    await turns()
    for caller in callers:
        caller.cancel()
    late = asyncio.create_task(hosts(cache, "a"))
    await turns()
    assert book.cancelled == 1
    book.gate.set()
    assert await late == ["10.0.0.1"]
    assert book.asked == ["a", "a"]


async def test_closing_fails_the_callers_clearly() -> None:
    book = Book(a=["10.0.0.1"])
    book.gate.clear()
    cache = DNSCache(book)
    caller = asyncio.create_task(hosts(cache, "a"))
    await turns()
    await cache.close()
    await cache.close()
    with pytest.raises(ResolveError, match="was closed during the look-up"):
        await caller
    with pytest.raises(ResolveError, match="is closed"):
        await cache.resolve("a", 80)
    assert book.cancelled == 1


# What a probe is told.

ASKED = ["miss a", "ask a", "answer a"]


async def test_a_probe_is_told_of_a_miss_and_of_hits() -> None:
    cache, notes = DNSCache(Book(a=["10.0.0.1"])), Notes()
    await cache.resolve("a", 80, notes)
    await cache.resolve("a", 80, notes)
    assert notes.told == [*ASKED, "hit a"]


async def test_without_a_cache_there_are_no_hits_and_misses_to_tell() -> None:
    book = Book(a=["10.0.0.1"])
    book.gate.clear()
    cache, notes = DNSCache(book, max_size=0), Notes()
    callers = [asyncio.create_task(cache.resolve("a", 80, notes)) for _ in range(2)]
    await turns()
    book.gate.set()
    await asyncio.gather(*callers)
    assert notes.told == ["ask a", "ask a", "answer a", "answer a"]


async def test_an_ip_address_is_not_worth_telling() -> None:
    notes = Notes()
    await DNSCache(Book()).resolve("127.0.0.1", 80, notes)
    assert notes.told == []


async def test_a_failure_has_no_end_to_tell() -> None:
    notes = Notes()
    with pytest.raises(ResolveError):
        await DNSCache(Book()).resolve("a", 80, notes)
    assert notes.told == ASKED[:2]


async def test_joining_a_look_up_is_a_hit() -> None:
    book = Book(a=["10.0.0.1"])
    book.gate.clear()
    cache, probes = DNSCache(book), [Notes() for _ in range(3)]
    callers = [asyncio.create_task(cache.resolve("a", 80, notes)) for notes in probes]
    await turns()
    assert [notes.told for notes in probes] == [ASKED[:2], ["hit a"], ["hit a"]]
    book.gate.set()
    await asyncio.gather(*callers)
    assert [notes.told for notes in probes] == [ASKED, ["hit a"], ["hit a"]]


async def test_callbacks_that_take_their_time_do_not_multiply_the_look_up() -> None:
    book = Book(a=["10.0.0.1"])
    cache, probes = DNSCache(book), [Notes({"miss a": turns}) for _ in range(3)]
    await asyncio.gather(*(cache.resolve("a", 80, notes) for notes in probes))
    assert book.asked == ["a"]


@pytest.mark.parametrize("event", ASKED)
async def test_a_callback_that_raises_takes_no_other_callers_answer(event: str) -> None:
    async def fail() -> None:
        await turns()
        raise KeyError(event)

    cache = DNSCache(Book(a=["10.0.0.1"]))
    failing = asyncio.create_task(cache.resolve("a", 80, Notes({event: fail})))
    await turns(2)
    assert await hosts(cache, "a") == ["10.0.0.1"]
    with pytest.raises(KeyError, match=event):
        await failing


@pytest.mark.parametrize("event", ASKED[:2])
async def test_a_callback_that_raises_ends_a_look_up_that_nobody_else_wants(event: str) -> None:
    async def fail() -> None:
        await turns()
        raise KeyError(event)

    book = Book(a=["10.0.0.1"])
    book.gate.clear()
    with pytest.raises(KeyError, match=event):
        await DNSCache(book).resolve("a", 80, Notes({event: fail}))
    await turns()
    assert book.cancelled == 1
