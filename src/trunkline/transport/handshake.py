"""Put TLS on a transport that is connected already: to a server, or through a tunnel.

The loop's `start_tls` shakes hands and checks the certificate. It expects a protocol that has met its
transport before, and may deliver data that came with the handshake's last flight (RFC 8446 §4.4.4 lets a
server send early) before it returns. So a stand-in receives until the protocol has been introduced, and hands
over what came. Any failure aborts the transport. The transport may be one of TLS already: that to a proxy.
A session is taken from the cache, if there is one, at the last moment, and the cache is told how the handshake ended.
"""

import asyncio
import ssl
import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from trunkline.transport.errors import CertificateError, TLSError
from trunkline.transport.tls_sessions import SessionCache

P = TypeVar("P", bound=asyncio.BaseProtocol)

# A transport of asyncio's TLS that carries another TLS fails before 3.13 when it is told of an error.
_TLS_IN_TLS_FAILS: Final = sys.version_info < (3, 13)


@dataclass(frozen=True, slots=True)
class TLSOptions:
    """How to start TLS on one connection.

    sessions: where a session to resume may be, that was made with `peer`. Timeouts of None are the loop's own.
    by_alpn: makes the protocol when the peer has chosen one by its name (RFC 7301); for other names the usual one.
    """

    context: ssl.SSLContext
    server_hostname: str
    handshake_timeout_s: float | None = None
    shutdown_timeout_s: float | None = None
    sessions: SessionCache | None = None
    peer: Hashable = None
    by_alpn: Mapping[str, Callable[[], asyncio.BaseProtocol]] = field(default_factory=dict)


async def start_tls(
    transport: asyncio.Transport, factory: Callable[[], P], host: str, port: int, tls: TLSOptions
) -> tuple[asyncio.Transport, P]:
    """Put TLS, then a protocol, on a connected transport; raise TLSError or CertificateError."""
    early = _Early()
    try:
        secured = await _resume(transport, early, tls, tls.sessions)
        ssl_object = secured.get_extra_info("ssl_object")
        is_real = isinstance(ssl_object, ssl.SSLObject)
        chosen = ssl_object.selected_alpn_protocol() if is_real else None
        protocol = cast(P, tls.by_alpn.get(chosen or "", factory)())
    except ssl.SSLCertVerificationError as error:
        transport.abort()
        raise CertificateError(host, port, error) from error
    except (OSError, ValueError) as error:  # ValueError: a server_hostname that cannot be one
        transport.abort()
        raise TLSError(host, port, error if isinstance(error, OSError) else OSError(str(error))) from error
    except BaseException:
        transport.abort()
        raise
    secured.set_protocol(protocol if is_real else cast(asyncio.BaseProtocol, _InPieces(protocol)))
    protocol.connection_made(secured)
    for data in early.received:
        deliver(protocol, data)
    return secured, protocol


class _Early(asyncio.Protocol):
    """Keeps what arrives while `start_tls` has not returned; a loop reads a few times at most until then."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True


class _InPieces:
    """Stands in for a protocol above a TLS object that cannot read into a buffer, such as the fakes of Mocket."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def __getattr__(self, name: str) -> Any:  # Any: whatever protocols have
        return getattr(self._protocol, name)

    def data_received(self, data: bytes) -> None:
        deliver(self._protocol, data)


async def _resume(
    transport: asyncio.Transport, early: _Early, tls: TLSOptions, sessions: SessionCache | None
) -> asyncio.Transport:
    """Shake hands, with a session of the peer if there is one."""
    if sessions is None:
        return await _shake_hands(transport, early, tls, tls.context)
    offer = sessions.offer(tls.context, tls.server_hostname, tls.peer)
    try:
        secured = await _shake_hands(transport, early, tls, offer)
    except (OSError, ValueError):  # not a cancellation, for which the peer is not to blame
        sessions.forget(offer)
        raise
    sessions.note_handshake(secured)
    return secured


async def _shake_hands(
    transport: asyncio.Transport, early: _Early, tls: TLSOptions, context: ssl.SSLContext
) -> asyncio.Transport:
    # uvloop would wait for the handshake on a closed transport until its timeout.
    if transport.is_closing():
        raise ConnectionResetError("the peer closed the connection, or spoke first, before the handshake")
    if _TLS_IN_TLS_FAILS and type(transport).__module__ == "asyncio.sslproto":
        transport = cast(asyncio.Transport, _Carrying(transport))
    secured = await asyncio.get_running_loop().start_tls(
        transport,
        early,
        context,
        server_hostname=tls.server_hostname,
        ssl_handshake_timeout=tls.handshake_timeout_s,
        ssl_shutdown_timeout=tls.shutdown_timeout_s,
    )
    if secured is None or early.is_lost:
        raise ConnectionResetError("the peer closed the connection during the TLS handshake")
    return secured


class _Carrying:
    """Stands in for asyncio's TLS transport below another TLS, which otherwise hides why its handshake failed.

    There `_force_close` calls `_abort` of its protocol with an argument that it does not take.
    """

    _start_tls_compatible = True  # the loop asks

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:  # Any: whatever transports have
        return getattr(self._transport, name)

    def _force_close(self, exc: BaseException | None) -> None:
        self._transport.abort()


def deliver(protocol: asyncio.BaseProtocol, data: bytes) -> None:
    """Give `data` to `protocol` in the way of its kind."""
    if isinstance(protocol, asyncio.Protocol):
        protocol.data_received(data)
        return
    assert isinstance(protocol, asyncio.BufferedProtocol)
    rest = memoryview(data)
    while rest:
        buffer = memoryview(protocol.get_buffer(len(rest)))
        size = min(len(buffer), len(rest))
        buffer[:size] = rest[:size]
        protocol.buffer_updated(size)
        rest = rest[size:]
