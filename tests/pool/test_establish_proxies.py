"""The ways through proxies: what is verified, kept and shared, and that nothing of a way that was given up is left."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from tests.raw_server import OK, Handler, Peer, RawServer, replying, silent
from tests.tunnels import AGREED, TunnelProxy
from trunkline import (
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    Fingerprint,
    ServerFingerprintMismatch,
    TCPConnector,
)
from trunkline.pool.establish import Establisher
from trunkline.transport.tls_sessions import SessionCache


def server_context_of(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    return server_context_of(authority, "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
async def origin(server_context: ssl.SSLContext) -> AsyncIterator[RawServer]:
    async with RawServer(replying(OK), ssl=server_context) as server:
        yield server


async def fetch(session: ClientSession, url: str, proxy: str) -> str:
    async with session.get(url, proxy=proxy) as response:
        return await response.text()


def sessions_of(connector: TCPConnector) -> SessionCache:
    establisher = connector._establisher
    assert isinstance(establisher, Establisher)
    return establisher.sessions


# Verified.


async def test_a_fingerprint_pins_the_origin_behind_the_proxy(origin: RawServer) -> None:
    certificate = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", origin.port))
    pin = Fingerprint(hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).digest())
    async with TunnelProxy() as proxy, ClientSession(connector=TCPConnector(ssl=pin)) as session:
        assert await fetch(session, origin.url(), proxy.url()) == "ok"
        with pytest.raises(ServerFingerprintMismatch) as caught:
            await session.get(origin.url(), proxy=proxy.url(), ssl=Fingerprint(b"\0" * 32))
        assert (caught.value.host, caught.value.port) == ("127.0.0.1", origin.port)


async def test_an_https_proxy_is_verified_though_the_origin_is_pinned(server_context: ssl.SSLContext) -> None:
    async with TunnelProxy(ssl=server_context) as proxy, ClientSession() as session:
        with pytest.raises(ssl.CertificateError, match=f"127.0.0.1:{proxy.port}"):
            await session.get("http://a.test/", proxy=proxy.url(), ssl=Fingerprint(b"\0" * 32))
        assert not proxy.heads


async def test_without_verification_the_proxy_is_not_verified_either(
    server_context: ssl.SSLContext, origin: RawServer
) -> None:
    async with (
        TunnelProxy(ssl=server_context) as proxy,
        ClientSession() as session,
        session.get(origin.url(), proxy=proxy.url(), ssl=False) as response,
    ):
        assert response.status == 200


# Kept and shared.


async def test_proxy_and_origin_resume_their_own_sessions(
    server_context: ssl.SSLContext, trust: ssl.SSLContext, origin: RawServer
) -> None:
    connector = TCPConnector(ssl=trust, force_close=True)
    async with TunnelProxy(ssl=server_context) as proxy, ClientSession(connector=connector) as session:
        sessions = sessions_of(connector)
        counts = []
        for through in (True, True, False, False):
            async with session.get(origin.url(), proxy=proxy.url() if through else None) as response:
                assert response.status == 200
            counts.append((sessions.full, sessions.resumed))
        # Two handshakes on the way through the proxy. On the straight way, the origin is not shown the other's ticket.
        assert counts == [(2, 0), (2, 2), (3, 2), (3, 3)]


async def test_a_forwarding_https_proxy_resumes_its_session(
    server_context: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    connector = TCPConnector(ssl=trust, force_close=True)
    async with TunnelProxy(ssl=server_context) as proxy, ClientSession(connector=connector) as session:
        for host in ("a.test", "b.test"):
            assert await fetch(session, f"http://{host}/", proxy.url()) == "forwarded"
        assert (sessions_of(connector).full, sessions_of(connector).resumed) == (1, 1)


async def test_limit_per_host_counts_the_origins_behind_a_proxy() -> None:
    connector = TCPConnector(limit_per_host=1)
    async with TunnelProxy() as proxy, ClientSession(connector=connector) as session:
        first = session.get("http://a.test/", proxy=proxy.url())
        second = session.get("http://b.test/", proxy=proxy.url())
        async with first, second:
            pass
        assert proxy.connections == 2  # each is kept for its own origin
        for host in ("a.test", "b.test"):
            assert await fetch(session, f"http://{host}/", proxy.url()) == "forwarded"
        assert proxy.connections == 2


# Given up.


async def agree_and_stall(peer: Peer) -> None:
    await peer.head()
    await peer.send(AGREED)
    await peer.wait_closed_by_client()


async def drip(peer: Peer) -> None:
    await peer.head()
    await peer.send(b"HTTP/1.1 200 OK\r\n")
    while not peer.reader.at_eof():
        await peer.send(b"X: 1\r\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("scheme", "handler", "url"),
    [
        ("http", silent, "https://a.test/"),
        ("http", drip, "https://a.test/"),
        ("http", agree_and_stall, "https://a.test/"),  # within the handshake with the origin
        ("https", silent, "https://a.test/"),  # within that with the proxy
        ("https", silent, "http://a.test/"),
        ("socks5", silent, "http://a.test/"),
    ],
)
async def test_a_proxy_that_stalls_is_given_up_in_time(scheme: str, handler: Handler, url: str) -> None:
    timeout = ClientTimeout(sock_connect=0.2)
    connector = TCPConnector(limit=1)
    async with RawServer(handler) as proxy, ClientSession(timeout=timeout, connector=connector) as session:
        for _ in range(2):  # and the one slot is free again
            with pytest.raises(ConnectionTimeoutError, match=r"a\.test.*timeout\.sock_connect"):
                await session.get(url, proxy=f"{scheme}://127.0.0.1:{proxy.port}")
        await proxy.wait_all_closed()
        assert connector.pool.slots.taken == 0


async def test_a_cancellation_at_any_step_leaves_no_socket(
    server_context: ssl.SSLContext, trust: ssl.SSLContext, origin: RawServer
) -> None:
    connector = TCPConnector(ssl=trust, force_close=True)
    async with TunnelProxy(ssl=server_context) as proxy, ClientSession(connector=connector) as session:
        was_answered = False
        steps = 0
        while not was_answered:
            request = asyncio.ensure_future(fetch(session, origin.url(), proxy.url()))
            for _ in range(steps):  # turns of the loop, which take the request a step further each
                await asyncio.sleep(0)
            was_answered = request.done()
            request.cancel()
            await asyncio.wait([request])
            steps += 1
        await proxy.wait_all_closed()
        await origin.wait_all_closed()
        assert connector.pool.slots.taken == 0
