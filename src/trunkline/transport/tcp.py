"""Open transports: TCP with or without TLS, and Unix sockets.

Race for a connected socket, give it to the loop, then start TLS on the transport. TLS is started apart, even
though the loop could do both in one call: that way the plain transport is in our hands while the handshake
goes on, so that a cancellation at any moment ends in `abort()`, and a tunnel through a proxy takes the same
path. Every failure closes the socket. Certificates are checked within the handshake, before a byte of the
protocol above is sent.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from trunkline.abc import ResolveResult
from trunkline.ground.probe import Mark, no_mark
from trunkline.transport.errors import ConnectError
from trunkline.transport.handshake import TLSOptions, start_tls
from trunkline.transport.race import DEFAULT_RACE, FailedAddresses, RaceOptions, connect_any

P = TypeVar("P", bound=asyncio.BaseProtocol)


class _BeforeTLS(asyncio.Protocol):
    """Holds the transport until TLS starts: a peer that speaks before we do does not speak TLS."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it

    def data_received(self, data: bytes) -> None:
        self._transport.abort()


async def open_tcp(
    factory: Callable[[], P],
    addresses: Sequence[ResolveResult],
    host: str,
    port: int,
    tls: TLSOptions | None = None,
    race: RaceOptions = DEFAULT_RACE,
    failed: FailedAddresses | None = None,
    mark: Mark = no_mark,
) -> tuple[asyncio.Transport, P]:
    """Connect to one of `addresses` and put a protocol on top, over TLS if asked for.

    host, port: what the caller asked for, to name in errors. failed: addresses to try last; it learns of more.
    mark: is told when TLS begins.
    Raises ConnectError, TLSError, or CertificateError.
    """
    return await open_on(await connect_any(addresses, host, port, race, failed), factory, host, port, tls, mark)


async def open_on(
    sock: socket.socket,
    factory: Callable[[], P],
    host: str,
    port: int,
    tls: TLSOptions | None = None,
    mark: Mark = no_mark,
) -> tuple[asyncio.Transport, P]:
    """Put a protocol on a connected socket, over TLS if asked for; the socket is closed if that fails.

    Raises what `open_tcp` does.
    """
    try:
        if tls is None:
            return await _adopt(sock, factory)
        transport, _ = await _adopt(sock, _BeforeTLS)
    except OSError as error:
        raise ConnectError(host, port, error) from error
    mark("tls")
    return await start_tls(transport, factory, host, port, tls)


async def _adopt(sock: socket.socket, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """Let the loop own `sock`, or close it."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_connection(factory, sock=sock)
    except Exception:
        # The loop did not take it. It did if we are cancelled: then it closes the transport, and the
        # descriptor may be another's by the time we could close it.
        _abort_half_made(loop, sock.fileno())
        sock.close()
        raise


def _abort_half_made(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    """Abort the transport that asyncio registers before its last step, setting TCP_NODELAY, and forgets if that fails.

    The step fails where the peer has reset the connection, on macOS. The transport lives until it is collected, and
    until then refuses the descriptor's number to whoever gets it next. Nothing public tells of it.
    """
    registered = getattr(loop, "_transports", None)  # uvloop has none
    transport = None if registered is None else registered.get(descriptor)
    if transport is not None:
        transport.abort()


async def open_unix(path: str, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """Connect to the Unix socket at `path`; raise ConnectError, with port 0, when that fails."""
    try:
        return await asyncio.get_running_loop().create_unix_connection(factory, path)
    except OSError as error:
        raise ConnectError(path, 0, error) from error
