"""What went wrong below, in the words of the public API: one table.

Layers below the client raise their own errors; users catch those of `errors`. The table is keyed by class, and the
nearest base of an error decides. Two things matter besides the class: which connection was asked for, and whether
the head had come, because what fails after it is the payload.
"""

import ssl
from collections.abc import Callable
from typing import Final

from trunkline.client.errors import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientOSError,
    ClientPayloadError,
    ClientResponseError,
    ConnectionTimeoutError,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
    SocketTimeoutError,
    UnixClientConnectorError,
)
from trunkline.client.request import ClientRequest
from trunkline.conn.errors import ConnectionClosed, ConnectionLost, DeadlineExpired, PeerSilent, UploadFailed
from trunkline.conn.exchange import Exchange
from trunkline.ground.errors import TrunklineError
from trunkline.pool.errors import ConnectTimeout, PoolClosed
from trunkline.transport.errors import (
    CertificateError,
    ConnectError,
    FingerprintMismatch,
    ResolveError,
    TLSError,
)
from trunkline.wire.errors import WireError


def as_public(exchange: Exchange, error: Exception) -> Exception:
    """Return the error that users see of `error`, with that as its cause; others are returned as they are."""
    for kind in type(error).__mro__:
        translate = _TABLE.get(kind)
        if translate is not None:
            request = exchange.request
            assert isinstance(request, ClientRequest)
            public = translate(error, request, exchange)
            public.__cause__ = error
            return public
    return error


def as_payload_error(error: Exception) -> Exception:
    """Return the error that readers of a damaged body see."""
    public = ClientPayloadError(f"Response payload is not completed: {error}")
    public.__cause__ = error
    return public


# Any of the table's functions gets an error of its key's class; that is what the table guarantees.
_Translate = Callable[..., Exception]


def _lost(error: ConnectionLost, request: ClientRequest, exchange: Exchange) -> Exception:
    if exchange.head is not None:
        return ClientPayloadError(f"Response payload is not completed: {error}")
    if isinstance(error.os_error, OSError):
        return ClientOSError(error.os_error.errno, error.os_error.strerror or str(error.os_error))
    return ServerDisconnectedError(f"Server disconnected: {error}")


def _bad_bytes(error: WireError, request: ClientRequest, exchange: Exchange) -> Exception:
    if exchange.head is not None:
        return ClientPayloadError(f"Response payload is not completed: {error}")
    return ClientResponseError(request.request_info, (), status=400, message=str(error))


def _connect(error: ConnectError, request: ClientRequest, exchange: Exchange) -> Exception:
    if error.port == 0:  # a path
        return UnixClientConnectorError(error.host, request.connection_key, error.os_error)
    return ClientConnectorError(request.connection_key, error.os_error)


def _tls(error: TLSError, request: ClientRequest, exchange: Exchange) -> Exception:
    if isinstance(error.ssl_error, ssl.SSLError):
        return ClientConnectorSSLError(request.connection_key, error.ssl_error)
    return ClientConnectorError(request.connection_key, error.ssl_error)


def _deadline(error: DeadlineExpired, request: ClientRequest, exchange: Exchange) -> Exception:
    return TimeoutError(f"{request.method} {request.url}: {error} (timeout.total)")


def _silent(error: PeerSilent, request: ClientRequest, exchange: Exchange) -> Exception:
    limit_s = exchange.rules.read_timeout_s
    return SocketTimeoutError(
        f"Timeout on reading data from socket: {error}, {limit_s:g} s are allowed (timeout.sock_read)"
    )


_TABLE: Final[dict[type, _Translate]] = {
    # wire
    WireError: _bad_bytes,
    # transport
    ResolveError: lambda error, request, _: ClientConnectorDNSError(request.connection_key, error.os_error),
    ConnectError: _connect,
    CertificateError: lambda error, request, _: ClientConnectorCertificateError(
        request.connection_key, error.ssl_error
    ),
    TLSError: _tls,
    FingerprintMismatch: lambda error, *_: ServerFingerprintMismatch(error.expected, error.got, error.host, error.port),
    # conn
    ConnectionLost: _lost,
    ConnectionClosed: lambda error, *_: ClientConnectionError(f"Connection closed: {error}"),
    PeerSilent: _silent,
    DeadlineExpired: _deadline,
    UploadFailed: lambda error, *_: ClientConnectionError(f"Failed to send the request's body: {error}"),
    # pool
    PoolClosed: lambda error, *_: ClientConnectionError(f"Connector is closed: {error}"),
    ConnectTimeout: lambda error, *_: ConnectionTimeoutError(f"Connection timeout: {error}"),
    # whatever else is ours
    TrunklineError: lambda error, *_: ClientConnectionError(str(error)),
}
