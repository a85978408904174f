"""What the tests of the client over HTTP/2 share: contexts of a throwaway authority, and sessions that speak it."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import trustme

from tests.h2_server import ServerStream
from trunkline import ClientSession, ClientTimeout, TCPConnector
from trunkline.pool.stats import PoolStats

AUTHORITY = trustme.CA()


def server_context(*alpn: str) -> ssl.SSLContext:
    """The context of a server on loopback; by default it speaks HTTP/2 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(list(alpn or ("h2",)))
    return context


def client_context(*alpn: str) -> ssl.SSLContext:
    """A context of a user's own, which trusts these servers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    context.set_alpn_protocols(list(alpn or ("h2", "http/1.1")))
    return context


def clear_session(**options: object) -> ClientSession:
    """A session that speaks HTTP/2 without TLS. options: of its connector."""
    connector = TCPConnector(http2="prior-knowledge", **options)  # type: ignore[arg-type]  # those of the constructor
    return ClientSession(connector=connector, timeout=ClientTimeout(total=20))


def tls_session(**options: object) -> ClientSession:
    """A session over TLS that takes any certificate. options: of its connector."""
    connector = TCPConnector(ssl=False, **options)  # type: ignore[arg-type]  # those of the constructor
    return ClientSession(connector=connector, timeout=ClientTimeout(total=20))


async def hello(stream: ServerStream) -> None:
    stream.answer(b"hello", fields=[("content-length", "5")])


async def echo(stream: ServerStream) -> None:
    stream.answer(await stream.whole())


async def pieces(count: int) -> AsyncIterator[bytes]:
    """The body of an upload."""
    for _ in range(count):
        yield b"a piece"
        await asyncio.sleep(0)


async def read_all(session: ClientSession, url: str) -> bytes:
    async with session.get(url) as response:
        return await response.read()


async def post(session: ClientSession, url: str, data: object) -> bytes:
    async with session.post(url, data=data) as response:
        return await response.read()


def stats_of(session: ClientSession) -> PoolStats:
    assert session.connector is not None
    return session.connector.stats()
