import asyncio
import socket

import pytest

from tests.probes import Notes
from trunkline.abc import AbstractResolver, ResolveResult
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.errors import ResolveError
from trunkline.transport.resolve import numeric_address


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        return self.time_s


class Book(AbstractResolver):
    """A resolver that answers from a table, once its gate is open."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
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
        if host not in self.names:
            raise OSError(f"{host} is not in the book")
        found = [numeric_address(address, port) for address in self.names[host]]
        return [one for one in found if one is not None]

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
    for time_s, asked in [(0.0, 1), (9.9, 1), (10.0, 2), (19.9, 2), (20.0, 3)]:
        clock.time_s = time_s
        assert await hosts(cache, "a") == ["10.0.0.1"]
        assert len(book.asked) == asked
    assert (cache.hits, cache.misses) == (2, 3)


async def test_without_a_ttl_answers_are_kept_for_ever() -> None:
    clock, book = Clock(), Book(a=["10.0.0.1"])
    cache = DNSCache(book, ttl_s=None, now=clock)
    await hosts(cache, "a")
    clock.time_s = 1e9
    await hosts(cache, "a")
    assert len(book.asked) == 1


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
