"""What the tests of `transport` share: both event loops, a throw-away CA, and servers on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trustme

from trunkline.abc import ResolveResult
from trunkline.transport.resolve import numeric_address


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context with a valid certificate for localhost and 127.0.0.1."""
    return context_of(authority.issue_cert("localhost", "127.0.0.1"))


@pytest.fixture(scope="session")
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts `authority` and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


class Echo(asyncio.Protocol):
    """A server's protocol: sends back what it gets, and keeps it in `received`."""

    def __init__(self, received: bytearray) -> None:
        self._received = received
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports do not derive from it

    def data_received(self, data: bytes) -> None:
        self._received += data
        assert self._transport is not None
        self._transport.write(data)


@asynccontextmanager
async def echo_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, bytearray]]:
    """An echo server on loopback: yields its port and all that it received."""
    received = bytearray()
    server = await asyncio.get_running_loop().create_server(lambda: Echo(received), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], received
    finally:
        server.close()


class Client(asyncio.Protocol):
    """A client's protocol: `received` gets the first data, or the error that ended the connection."""

    def __init__(self) -> None:
        self.made = 0
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made += 1

    def data_received(self, data: bytes) -> None:
        if not self.received.done():
            self.received.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.received.cancel()


def loopback(port: int, host: str = "127.0.0.1") -> ResolveResult:
    address = numeric_address(host, port)
    assert address is not None
    return address
