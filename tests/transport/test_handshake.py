import asyncio
import ssl
from typing import Any, cast

import pytest
import trustme

from tests.both_loops import Run
from tests.transport.conftest import Client, context_of, loopback
from trunkline.transport.errors import TLSError
from trunkline.transport.handshake import TLSOptions, start_tls
from trunkline.transport.tcp import open_tcp

GREETING = bytes(range(256)) * 40


class Greeter(asyncio.Protocol):
    """Speaks as soon as the handshake is done, as HTTP/2 servers do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(GREETING)  # uvloop's transports do not derive from it


class Listener(asyncio.BaseProtocol):
    """Notes what a protocol is told, in order; `complete` is done when the greeting is."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.received = bytearray()
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.events.append("made")

    def note(self, data: bytes) -> None:
        self.events.append("data")
        self.received += data
        if len(self.received) == len(GREETING):
            self.complete.set_result(None)


class Unbuffered(Listener, asyncio.Protocol):
    def data_received(self, data: bytes) -> None:
        self.note(data)


class Buffered(Listener, asyncio.BufferedProtocol):
    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray(1000)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.note(bytes(self._buffer[:nbytes]))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("protocol", [Unbuffered, Buffered])
def test_a_protocol_meets_its_transport_before_the_first_data(
    run: Run,
    authority: trustme.CA,
    client_context: ssl.SSLContext,
    version: ssl.TLSVersion,
    protocol: type[Listener],
) -> None:
    server_context = context_of(authority.issue_cert("localhost"))
    server_context.maximum_version = version

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Greeter, "127.0.0.1", 0, ssl=server_context)
        port = server.sockets[0].getsockname()[1]
        for _ in range(5):
            tls = TLSOptions(client_context, "localhost")
            transport, listener = await open_tcp(protocol, [loopback(port)], "localhost", port, tls)
            await listener.complete
            assert listener.events[0] == "made"
            assert listener.events.count("made") == 1
            assert listener.received == GREETING
            transport.abort()
        server.close()

    run(main())


class PlainReads:
    """A TLS object that reads no buffers, as fakes do."""

    def __init__(self, real: ssl.SSLObject) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:  # Any: whatever TLS objects have
        return getattr(self._real, name)

    def read(self, size: int) -> bytes:
        return self._real.read(size)


def test_a_tls_object_need_not_read_into_a_buffer(
    authority: trustme.CA, client_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ssl.SSLContext.wrap_bio

    def wrap_bio(context: ssl.SSLContext, *arguments: Any, **options: Any) -> Any:  # Any: handed on
        wrapped = real(context, *arguments, **options)
        return PlainReads(wrapped) if context is client_context else wrapped

    monkeypatch.setattr(ssl.SSLContext, "wrap_bio", wrap_bio)

    async def main() -> None:
        server_context = context_of(authority.issue_cert("localhost"))
        server = await asyncio.get_running_loop().create_server(Greeter, "127.0.0.1", 0, ssl=server_context)
        port = server.sockets[0].getsockname()[1]
        tls = TLSOptions(client_context, "localhost")
        transport, listener = await open_tcp(Buffered, [loopback(port)], "localhost", port, tls)
        await listener.complete
        assert listener.received == GREETING
        transport.abort()
        server.close()

    asyncio.run(main())


def test_a_closed_transport_is_an_error_at_once(run: Run, client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await open_tcp(asyncio.Protocol, [loopback(port)], "localhost", port)
        transport.close()
        with pytest.raises(TLSError, match="before the handshake"):
            await start_tls(transport, Client, "localhost", port, TLSOptions(client_context, "localhost"))
        server.close()

    run(main())
