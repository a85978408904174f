import asyncio
import datetime
import errno
import gc
import socket
import ssl
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
from aiohappyeyeballs import AddrInfoType

from tests.both_loops import Run
from tests.transport.conftest import Client, Echo, context_of, echo_server, loopback
from tests.transport.test_race import Factory
from trunkline.transport.errors import CertificateError, ConnectError, TLSError
from trunkline.transport.handshake import TLSOptions
from trunkline.transport.race import RaceOptions
from trunkline.transport.tcp import open_tcp, open_unix


async def settle() -> None:
    """Let transports that were closed or aborted close their sockets."""
    for _ in range(10):
        await asyncio.sleep(0.001)


def test_a_plain_transport_carries_bytes(run: Run) -> None:
    async def main() -> None:
        async with echo_server() as (port, _):
            transport, client = await open_tcp(Client, [loopback(port)], "localhost", port)
            transport.write(b"hello")
            assert await client.received == b"hello"
            assert client.made == 1
            transport.close()

    run(main())


def test_a_tls_transport_carries_bytes(
    run: Run, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        async with echo_server(server_context) as (port, _):
            tls = TLSOptions(client_context, "localhost")
            transport, client = await open_tcp(Client, [loopback(port)], "localhost", port, tls)
            assert client.made == 1
            assert transport.get_extra_info("peercert")
            transport.write(b"hello")
            assert await client.received == b"hello"
            transport.abort()

    run(main())


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("wrong host", "Hostname mismatch"),
        ("address without SAN", "IP address mismatch"),
        ("expired", "certificate has expired"),
        ("unknown CA", "unable to get local issuer certificate"),
    ],
)
def test_a_bad_certificate_fails_before_a_byte_is_sent(
    run: Run, authority: trustme.CA, client_context: ssl.SSLContext, fault: str, text: str
) -> None:
    certificate = {
        "wrong host": lambda: authority.issue_cert("example.org"),
        "address without SAN": lambda: authority.issue_cert("localhost"),
        "expired": lambda: expired(authority),
        "unknown CA": lambda: trustme.CA().issue_cert("localhost"),
    }[fault]()
    name = "127.0.0.1" if fault == "address without SAN" else "localhost"

    async def main() -> None:
        factory = Factory()
        race = RaceOptions(socket_factory=factory)
        async with echo_server(context_of(certificate)) as (port, received):
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's side of it
            with pytest.raises(CertificateError, match=text) as caught:
                await open_tcp(Client, [loopback(port)], name, port, TLSOptions(client_context, name), race)
            await settle()
            assert isinstance(caught.value.ssl_error, ssl.SSLCertVerificationError)
            assert (caught.value.host, caught.value.port) == (name, port)
            assert not received
            assert factory.open() == []

    run(main())


class Goodbye(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Garbage(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"220 this is not TLS\r\n")


@pytest.mark.parametrize("protocol", [Goodbye, Garbage, asyncio.Protocol])
def test_a_peer_that_does_not_speak_tls_is_a_tls_error(
    run: Run, client_context: ssl.SSLContext, protocol: type[asyncio.Protocol]
) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        factory = Factory()
        race = RaceOptions(socket_factory=factory)
        tls = TLSOptions(client_context, "localhost", handshake_timeout_s=0.2)
        with pytest.raises(TLSError, match=f"TLS handshake with localhost:{port} failed: .") as caught:
            await open_tcp(Client, [loopback(port)], "localhost", port, tls, race)
        await settle()
        assert not isinstance(caught.value, CertificateError)
        assert factory.open() == []
        server.close()
        await settle()

    run(main())


def test_a_server_name_that_cannot_be_one_is_a_tls_error(run: Run, client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        factory = Factory()
        race = RaceOptions(socket_factory=factory)
        async with echo_server() as (port, received):
            with pytest.raises(TLSError, match="TLS handshake with h:"):
                await open_tcp(Client, [loopback(port)], "h", port, TLSOptions(client_context, ".bad"), race)
            await settle()
            assert not received
            assert factory.open() == []

    run(main())


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_protocol_that_cannot_be_made_leaks_no_socket(
    run: Run, server_context: ssl.SSLContext, client_context: ssl.SSLContext, is_tls: bool
) -> None:
    def refuse() -> Client:
        raise KeyError("no protocol")

    async def main() -> None:
        factory = Factory()
        race = RaceOptions(socket_factory=factory)
        tls = TLSOptions(client_context, "localhost") if is_tls else None
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's side of it
        async with echo_server(server_context if is_tls else None) as (port, _):
            with pytest.raises(KeyError, match="no protocol"):
                await open_tcp(refuse, [loopback(port)], "localhost", port, tls, race)
            await settle()
            assert factory.open() == []

    run(main())


class ResetAtOnce(socket.socket):
    """A socket that can be set up only once: as on macOS, where a reset by the peer makes all later attempts fail."""

    attempts = 0

    def setsockopt(self, *args: Any) -> None:  # Any: the arguments have three forms
        self.attempts += 1
        if self.attempts > 1:
            raise OSError(errno.EINVAL, "the peer has reset it")
        super().setsockopt(*args)


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_transport_that_asyncio_could_not_complete_does_not_keep_its_number(
    client_context: ssl.SSLContext, is_tls: bool
) -> None:
    made: list[ResetAtOnce] = []
    numbers: list[int] = []

    def make(info: AddrInfoType) -> socket.socket:
        made.append(ResetAtOnce(info[0], info[1], info[2]))
        numbers.append(made[-1].fileno())
        return made[-1]

    async def main() -> None:
        tls = TLSOptions(client_context, "localhost") if is_tls else None
        async with echo_server() as (port, _):
            with pytest.raises(ConnectError) as caught:  # which is held from here on, with its traceback
                await open_tcp(Client, [loopback(port)], "localhost", port, tls, RaceOptions(socket_factory=make))
            assert caught.value.os_error.errno == errno.EINVAL
            await settle()
            assert made[0].fileno() == -1
            transport, client = await open_tcp(Client, [loopback(port)], "localhost", port)
            assert transport.get_extra_info("socket").fileno() == numbers[0]
            transport.write(b"hello")
            assert await client.received == b"hello"
            transport.abort()
            await settle()

    asyncio.run(main())  # uvloop does not ask the socket
    gc.collect()  # what was not closed would warn


@pytest.mark.parametrize("is_tls", [False, True])
def test_cancelling_at_any_step_leaks_no_socket(
    run: Run, server_context: ssl.SSLContext, client_context: ssl.SSLContext, is_tls: bool
) -> None:
    async def cancel_after(steps: int, port: int) -> bool:
        """Cancel after `steps` turns of the loop; tell whether the transport was open by then."""
        factory = Factory()
        race = RaceOptions(socket_factory=factory)
        tls = TLSOptions(client_context, "localhost") if is_tls else None
        task = asyncio.create_task(open_tcp(Client, [loopback(port)], "localhost", port, tls, race))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        try:
            transport, _ = await task
        except asyncio.CancelledError:
            is_open = False
        else:
            transport.abort()
            is_open = True
        await settle()
        assert factory.open() == []
        return is_open

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server sees broken handshakes
        async with echo_server(server_context if is_tls else None) as (port, _):
            steps = 0
            while not await cancel_after(steps, port):
                steps += 1
            assert steps > 2

    run(main())


def test_a_unix_socket_carries_bytes(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    async def main() -> None:
        with pytest.raises(ConnectError, match=r"cannot connect to .+: No such file") as caught:
            await open_unix(path, Client)
        assert isinstance(caught.value.os_error, FileNotFoundError)
        server = await asyncio.get_running_loop().create_unix_server(lambda: Echo(bytearray()), path)
        transport, client = await open_unix(path, Client)
        assert transport.get_extra_info("socket").family == socket.AF_UNIX
        transport.write(b"hello")
        assert await client.received == b"hello"
        transport.close()
        server.close()

    run(main())
