"""What a connector makes of names: a real dnsmasq, and servers on several addresses of loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.dnsmasq import Dnsmasq
from tests.pool.tries import Tries
from tests.waiting import until
from trunkline import ClientConnectorDNSError, ClientConnectorError, ClientSession, ClientTimeout, TCPConnector
from trunkline.testing.ports import unused_port
from trunkline.transport.resolve import AsyncResolver
from trunkline.wire.limits import MIN_DNS_TTL_S

ONE, TWO = "127.0.0.1", "127.0.0.2"


@asynccontextmanager
async def serving(host: str, port: int) -> AsyncIterator[None]:
    """An HTTP server that answers each connection once, with its own address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n" + host.encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, host, port):
        yield


@pytest.fixture
def dns(tmp_path: Path) -> Iterator[Dnsmasq]:
    with Dnsmasq(tmp_path, one=[ONE], two=[ONE, TWO]) as server:
        yield server


@pytest.fixture
async def resolver(dns: Dnsmasq) -> AsyncIterator[AsyncResolver]:
    async with dns.resolving() as resolver:
        yield resolver


@pytest.fixture
def port() -> int:
    return unused_port()


async def server_of(session: ClientSession, url: str) -> str:
    async with session.get(url) as response:
        return await response.text()


async def until_the_ttl_is_over() -> None:
    """Wait for as long as the records are fresh: their TTL is 0, which counts as a second."""
    await asyncio.sleep(MIN_DNS_TTL_S + 0.05)


@pytest.mark.parametrize("delay", [0.25, None])
async def test_a_dead_address_is_tried_once_and_the_name_is_looked_up_anew(
    dns: Dnsmasq, resolver: AsyncResolver, port: int, delay: float | None
) -> None:
    tries = Tries()
    connector = TCPConnector(
        resolver=resolver, socket_factory=tries, happy_eyeballs_delay=delay, family=socket.AF_INET, ttl_dns_cache=300
    )
    async with serving(ONE, port), ClientSession(connector=connector) as session:
        assert {await server_of(session, f"http://two.test:{port}/") for _ in range(10)} == {ONE}
        assert (tries.hosts.count(TWO), tries.hosts.count(ONE)) == (1, 10)
        await until(lambda: dns.asked("two.test") >= 2)  # nobody waits for the refresh
    assert dns.asked("two.test") == 2


async def test_a_changed_record_is_followed_after_its_ttl(dns: Dnsmasq, resolver: AsyncResolver, port: int) -> None:
    connector = TCPConnector(resolver=resolver, family=socket.AF_INET)
    async with serving(ONE, port), serving(TWO, port), ClientSession(connector=connector) as session:
        url = f"http://one.test:{port}/"
        assert [await server_of(session, url) for _ in range(3)] == [ONE] * 3
        dns.change(one=[TWO])
        assert await server_of(session, url) == ONE
        await until_the_ttl_is_over()
        assert await server_of(session, url) == ONE  # stale; asks
        while await server_of(session, url) != TWO:
            pass
        assert dns.asked("one.test") == 2


async def test_stale_addresses_that_fail_give_way_to_the_refreshed_ones(
    dns: Dnsmasq, resolver: AsyncResolver, port: int
) -> None:
    async with ClientSession(connector=TCPConnector(resolver=resolver, family=socket.AF_INET)) as session:
        url = f"http://one.test:{port}/"
        async with serving(ONE, port):
            assert await server_of(session, url) == ONE
        dns.change(one=[TWO])
        await until_the_ttl_is_over()
        async with serving(TWO, port):
            assert await server_of(session, url) == TWO


async def test_a_name_that_does_not_exist_fails_at_once_the_next_time(
    dns: Dnsmasq, resolver: AsyncResolver, port: int
) -> None:
    async with ClientSession(connector=TCPConnector(resolver=resolver, family=socket.AF_INET)) as session:
        for _ in range(3):
            with pytest.raises(ClientConnectorDNSError, match=r"no\.test"):
                await session.get(f"http://no.test:{port}/")
    assert dns.asked("no.test") == 1


async def test_a_dns_server_that_is_down_is_not_noticed_for_a_while(
    dns: Dnsmasq, resolver: AsyncResolver, port: int
) -> None:
    connector = TCPConnector(resolver=resolver, family=socket.AF_INET)
    async with serving(ONE, port), ClientSession(connector=connector) as session:
        url = f"http://one.test:{port}/"
        assert await server_of(session, url) == ONE
        dns.pause()
        await until_the_ttl_is_over()
        async with asyncio.timeout(0.2):
            assert await server_of(session, url) == ONE
    # and a refresh that is under way does not outlive the session


async def test_a_silent_address_is_to_blame_for_a_timeout(dns: Dnsmasq, resolver: AsyncResolver) -> None:
    tries = Tries()
    connector = TCPConnector(
        resolver=resolver, socket_factory=tries, happy_eyeballs_delay=None, family=socket.AF_INET, ttl_dns_cache=300
    )
    with socket.create_server((TWO, 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((TWO, port))
        try:
            async with serving(ONE, port), ClientSession(connector=connector) as session:
                url, timeout = f"http://two.test:{port}/", ClientTimeout(sock_connect=0.4)
                failures = 0
                for _ in range(6):
                    try:
                        async with session.get(url, timeout=timeout):
                            pass
                    except TimeoutError:
                        failures += 1
                assert (failures, tries.hosts.count(TWO)) == (1, 1)
        finally:
            for filler in fillers:
                filler.close()


async def test_an_unreachable_host_stays_an_error_and_is_asked_for_anew(
    dns: Dnsmasq, resolver: AsyncResolver, port: int
) -> None:
    connector = TCPConnector(resolver=resolver, family=socket.AF_INET, ttl_dns_cache=300)
    async with ClientSession(connector=connector) as session:
        for _ in range(2):
            with pytest.raises(ClientConnectorError, match=r"one\.test"):
                await session.get(f"http://one.test:{port}/")
    assert dns.asked("one.test") == 2
