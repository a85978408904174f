"""What a session remembers besides connections: TLS sessions and addresses."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

import trunkline as aiohttp
from tests.public_api.observing import fetch
from trunkline.abc import ResolveResult
from trunkline.testing.loopback import Loopback
from trunkline.testing.throwaway_ca import ThrowawayCA

CONNECTIONS = 40


# TLS sessions.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS1.2", "TLS1.3"])
async def test_new_connections_resume_the_tls_session(authority: ThrowawayCA, version: ssl.TLSVersion) -> None:
    trusting = authority.client_context()
    trusting.maximum_version = version
    connector = aiohttp.TCPConnector(ssl=trusting, force_close=True)
    async with Loopback(ssl=authority.server_context()) as server:
        async with aiohttp.ClientSession(connector=connector) as session:
            for _ in range(CONNECTIONS):
                await fetch(session, server.url())
        assert server.counts.connections == CONNECTIONS
        assert server.counts.tls_resumed >= 0.9 * CONNECTIONS


async def test_new_connections_resume_when_many_are_opened_at_once(
    tls_server: Loopback, trusting: ssl.SSLContext
) -> None:
    connector = aiohttp.TCPConnector(ssl=trusting, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        await fetch(session, tls_server.url())
        for _ in range(4):
            await asyncio.gather(*(fetch(session, tls_server.url()) for _ in range(10)))
    assert (tls_server.counts.connections, tls_server.counts.tls_failed) == (41, 0)
    assert tls_server.counts.tls_resumed >= 0.9 * 41


# Addresses.


class CountingResolver(aiohttp.AbstractResolver):
    """Sends every name to loopback and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        await asyncio.sleep(0)
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("use_dns_cache", "ttl_dns_cache", "asked"),
    [(True, 300, 1), (True, None, 1), (True, 0, CONNECTIONS), (False, 300, CONNECTIONS)],
    ids=["ttl", "for-ever", "expired", "off"],
)
async def test_the_resolver_is_asked_once_while_its_answer_holds(
    server: Loopback, use_dns_cache: bool, ttl_dns_cache: int | None, asked: int
) -> None:
    resolver = CountingResolver()
    connector = aiohttp.TCPConnector(
        resolver=resolver, use_dns_cache=use_dns_cache, ttl_dns_cache=ttl_dns_cache, force_close=True
    )
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(CONNECTIONS):
            await fetch(session, f"http://service.test:{server.port}/")
    assert server.counts.connections == CONNECTIONS
    assert resolver.asked == ["service.test"] * asked


async def test_requests_at_the_same_time_share_one_question(server: Loopback) -> None:
    resolver = CountingResolver()
    connector = aiohttp.TCPConnector(resolver=resolver)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(fetch(session, f"http://service.test:{server.port}/delay/20") for _ in range(10)))
        assert server.counts.connections == 10
        assert resolver.asked == ["service.test"]
        connector.clear_dns_cache("service.test", server.port)
        await fetch(session, f"http://service.test:{server.port}/")
        assert resolver.asked == ["service.test"]  # an open connection needs no address
    assert resolver.closed == 0  # its owner closes it


async def test_a_session_per_request_asks_every_time(server: Loopback) -> None:
    resolver = CountingResolver()
    for _ in range(5):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session:
            await fetch(session, f"http://service.test:{server.port}/")
    assert len(resolver.asked) == 5
