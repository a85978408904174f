"""The DNS cache and the resolver on c-ares against a real dnsmasq; the clock of the cache is the test's."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.dnsmasq import Dnsmasq
from tests.transport.test_dns_cache import Clock, hosts
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.errors import ResolveError
from trunkline.transport.resolve import AsyncResolver
from trunkline.wire.limits import MIN_DNS_TTL_S, NEGATIVE_DNS_S


@pytest.fixture
def dns(tmp_path: Path) -> Iterator[Dnsmasq]:
    with Dnsmasq(tmp_path, a=["127.0.0.1"], two=["127.0.0.1", "127.0.0.2"]) as server:
        yield server


@pytest.fixture
async def resolver(dns: Dnsmasq) -> AsyncIterator[AsyncResolver]:
    async with dns.resolving() as resolver:
        yield resolver


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cache(resolver: AsyncResolver, clock: Clock) -> AsyncIterator[DNSCache]:
    cache = DNSCache(resolver, now=clock, family=socket.AF_INET)
    yield cache
    await cache.close()


async def refreshed(cache: DNSCache, name: str) -> list[str]:
    """Let a refresh that is under way end, and resolve."""
    await cache.others(name, 80, [])
    return await hosts(cache, name)


async def test_the_records_ttl_is_told(tmp_path: Path) -> None:
    with Dnsmasq(tmp_path, ttl_s=77, a=["127.0.0.1"]) as server:
        resolver = server.resolver()
        assert [one.get("ttl") for one in await resolver.resolve("a.test", 80)] == [77]
        await resolver.close()


async def test_only_a_name_that_does_not_exist_is_eai_noname(resolver: AsyncResolver, dns: Dnsmasq) -> None:
    with pytest.raises(socket.gaierror) as caught:
        await resolver.resolve("no.test", 80)
    assert caught.value.errno == socket.EAI_NONAME
    dns.pause()
    for name, family in [("refused.example", socket.AF_INET), ("a.test", socket.AF_INET6), ("a.test", socket.AF_INET)]:
        with pytest.raises(OSError) as other:
            await resolver.resolve(name, 80, family)
        assert not isinstance(other.value, socket.gaierror)


async def test_a_changed_record_is_followed_after_its_ttl(cache: DNSCache, dns: Dnsmasq, clock: Clock) -> None:
    assert await hosts(cache, "a.test") == ["127.0.0.1"]
    dns.change(a=["127.0.0.3"])
    clock.time_s = MIN_DNS_TTL_S - 0.1
    assert await refreshed(cache, "a.test") == ["127.0.0.1"]
    assert dns.asked("a.test") == 1
    clock.time_s = MIN_DNS_TTL_S
    assert await hosts(cache, "a.test") == ["127.0.0.1"]  # stale, while the resolver is asked
    assert await refreshed(cache, "a.test") == ["127.0.0.3"]
    assert dns.asked("a.test") == 2


async def test_a_name_that_does_not_exist_is_asked_for_once(cache: DNSCache, dns: Dnsmasq, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(ResolveError, match=r"cannot resolve new\.test:80: Domain name not found"):
            await cache.resolve("new.test", 80)
    assert dns.asked("new.test") == 1
    dns.change(new=["127.0.0.1"])
    clock.time_s = NEGATIVE_DNS_S
    assert await hosts(cache, "new.test") == ["127.0.0.1"]


@pytest.mark.parametrize("name", ["refused.example", "a.test"])
async def test_other_failures_are_not_kept(cache: DNSCache, dns: Dnsmasq, name: str) -> None:
    if name == "a.test":
        dns.pause()
    for _ in range(2):
        with pytest.raises(ResolveError):
            await cache.resolve(name, 80)
    dns.resume()
    assert await hosts(cache, "a.test") == ["127.0.0.1"]
    assert cache.misses == 3


async def test_a_server_that_is_down_leaves_the_stale_answer(cache: DNSCache, dns: Dnsmasq, clock: Clock) -> None:
    await cache.resolve("a.test", 80)
    dns.pause()
    for time_s in (MIN_DNS_TTL_S, 2 * MIN_DNS_TTL_S - 0.1):
        clock.time_s = time_s
        async with asyncio.timeout(0.1):  # nobody waits for the refresh
            assert await hosts(cache, "a.test") == ["127.0.0.1"]
        assert await refreshed(cache, "a.test") == ["127.0.0.1"]
    clock.time_s = 2 * MIN_DNS_TTL_S
    with pytest.raises(ResolveError, match="Timeout"):
        await cache.resolve("a.test", 80)
    dns.resume()
    assert await hosts(cache, "a.test") == ["127.0.0.1"]


async def test_a_name_that_is_gone_is_not_served_stale_for_long(cache: DNSCache, dns: Dnsmasq, clock: Clock) -> None:
    await cache.resolve("a.test", 80)
    dns.change(a=[])
    clock.time_s = MIN_DNS_TTL_S
    assert await hosts(cache, "a.test") == ["127.0.0.1"]
    with pytest.raises(ResolveError, match="not found"):
        await refreshed(cache, "a.test")


async def test_all_addresses_of_a_name_are_found(cache: DNSCache) -> None:
    assert sorted(await hosts(cache, "two.test")) == ["127.0.0.1", "127.0.0.2"]
