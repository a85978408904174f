"""What went wrong below, in the words of the public API: one table.

Layers below the client raise their own errors; users catch those of `errors`. The table is keyed by class, and the
nearest base of an error decides. Two things matter besides the class: which connection was asked for, and whether
the head had come, because what fails after it is the payload.
"""

import ssl
from collections.abc import Callable
from typing import Final, Protocol

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from trunkline import hdrs
from trunkline.client.errors import (
    AddressNotAllowed,
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientHttpProxyError,
    ClientOSError,
    ClientPayloadError,
    ClientProxyConnectionError,
    ClientResponseError,
    ConnectionTimeoutError,
    PoolQueueFull,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
    SocketTimeoutError,
    UnixClientConnectorError,
)
from trunkline.client.request_info import RequestInfo
from trunkline.conn.errors import ConnectionClosed, ConnectionLost, DeadlineExpired, PeerSilent, UploadFailed
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.ground.errors import TrunklineError
from trunkline.pool.errors import ConnectTimeout, OutOfDescriptors, PoolClosed, QueueFull
from trunkline.transport.errors import (
    BadTunnel,
    CertificateError,
    ConnectError,
    FingerprintMismatch,
    NotAllowed,
    ProxyUnreachable,
    ResolveError,
    TLSError,
    TunnelLost,
    TunnelRefused,
)
from trunkline.wire.errors import StreamReset, WireError


class Asked(Protocol):
    """What errors tell of a ClientRequest, whose module is above this one."""

    method: str

    @property
    def url(self) -> URL: ...
    @property
    def connection_key(self) -> ConnectionKey: ...
    @property
    def request_info(self) -> RequestInfo: ...


def as_public(exchange: Exchange, error: Exception) -> Exception:
    """Return the error that users see of `error`, with that as its cause; others are returned as they are."""
    for kind in type(error).__mro__:
        translate = _TABLE.get(kind)
        if translate is not None:
            public = translate(error, exchange.request, exchange)
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


def _lost(error: ConnectionLost | TunnelLost, request: Asked, exchange: Exchange) -> Exception:
    if exchange.head is not None:
        return ClientPayloadError(f"Response payload is not completed: {error}")
    if isinstance(error.os_error, OSError):
        what = str(error) if isinstance(error, TunnelLost) else error.os_error.strerror or str(error.os_error)
        return ClientOSError(error.os_error.errno, what)
    return ServerDisconnectedError(f"Server disconnected: {error}")


def _reset(error: StreamReset, request: Asked, exchange: Exchange) -> Exception:
    if exchange.head is not None:
        return ClientPayloadError(f"Response payload is not completed: {error}")
    return ServerDisconnectedError(f"Server disconnected: {error}")


def _bad_bytes(error: WireError, request: Asked, exchange: Exchange) -> Exception:
    if exchange.head is not None:
        return ClientPayloadError(f"Response payload is not completed: {error}")
    return ClientResponseError(request.request_info, (), status=400, message=str(error))


def _connect(error: ConnectError, request: Asked, exchange: Exchange) -> Exception:
    if error.port == 0:  # a path
        return UnixClientConnectorError(error.host, request.connection_key, error.os_error)
    return ClientConnectorError(request.connection_key, error.os_error)


def _tls(error: TLSError, request: Asked, exchange: Exchange) -> Exception:
    return _of_tls(error, request.connection_key) or ClientConnectorError(request.connection_key, error.ssl_error)


def _of_tls(error: TLSError, key: ConnectionKey) -> Exception | None:
    """Return the public error of a handshake that TLS itself refused, and did not just break off."""
    if isinstance(error, CertificateError):
        return ClientConnectorCertificateError(key, error.ssl_error)
    return ClientConnectorSSLError(key, error.ssl_error) if isinstance(error.ssl_error, ssl.SSLError) else None


def _proxy(error: ProxyUnreachable, request: Asked, exchange: Exchange) -> Exception:
    # As for an origin, but the key is the proxy's: that is how users tell one from the other.
    key = ConnectionKey(error.host, error.port, error.is_tls, request.connection_key.ssl)
    cause = error.error
    if isinstance(cause, TLSError):
        return _of_tls(cause, key) or ClientProxyConnectionError(key, cause.ssl_error)
    if isinstance(cause, NotAllowed):
        return AddressNotAllowed(key, cause.os_error, cause.refused)
    kind = ClientConnectorDNSError if isinstance(cause, ResolveError) else ClientProxyConnectionError
    return kind(key, cause.os_error)


def _refused(error: TunnelRefused, request: Asked, exchange: Exchange) -> Exception:
    headers = CIMultiDictProxy(CIMultiDict(error.fields))
    info = _connect_info(request)
    return ClientHttpProxyError(info, (), status=error.status, message=error.reason, headers=headers)


def _bad_tunnel(error: BadTunnel, request: Asked, exchange: Exchange) -> Exception:
    return ClientHttpProxyError(_connect_info(request), (), status=400, message=str(error))


def _connect_info(request: Asked) -> RequestInfo:
    """Tell of the CONNECT that was made for `request`, without what is secret in it."""
    key = request.connection_key
    fields = CIMultiDict({hdrs.HOST: f"{request.url.host_subcomponent}:{key.port}"})
    return RequestInfo(request.url, hdrs.METH_CONNECT, CIMultiDictProxy(fields), key.proxy.with_user(None))


def _deadline(error: DeadlineExpired, request: Asked, exchange: Exchange) -> Exception:
    return TimeoutError(f"{request.method} {request.url}: {error} (timeout.total)")


def _silent(error: PeerSilent, request: Asked, exchange: Exchange) -> Exception:
    limit_s = exchange.rules.read_timeout_s
    return SocketTimeoutError(
        f"Timeout on reading data from socket: {error}, {limit_s:g} s are allowed (timeout.sock_read)"
    )


_TABLE: Final[dict[type, _Translate]] = {
    # wire
    WireError: _bad_bytes,
    StreamReset: _reset,
    # transport
    ResolveError: lambda error, request, _: ClientConnectorDNSError(request.connection_key, error.os_error),
    ConnectError: _connect,
    NotAllowed: lambda error, request, _: AddressNotAllowed(request.connection_key, error.os_error, error.refused),
    TLSError: _tls,
    FingerprintMismatch: lambda error, *_: ServerFingerprintMismatch(error.expected, error.got, error.host, error.port),
    ProxyUnreachable: _proxy,
    TunnelRefused: _refused,
    TunnelLost: _lost,
    BadTunnel: _bad_tunnel,
    # conn
    ConnectionLost: _lost,
    ConnectionClosed: lambda error, *_: ClientConnectionError(f"Connection closed: {error}"),
    PeerSilent: _silent,
    DeadlineExpired: _deadline,
    UploadFailed: lambda error, *_: ClientConnectionError(f"Failed to send the request's body: {error}"),
    # pool
    PoolClosed: lambda error, *_: ClientConnectionError(f"Connector is closed: {error}"),
    QueueFull: lambda error, *_: PoolQueueFull(f"Connection queue is full: {error}", error.limit, error.state),
    OutOfDescriptors: lambda error, request, _: ClientConnectorError(request.connection_key, error.os_error),
    ConnectTimeout: lambda error, *_: ConnectionTimeoutError(f"Connection timeout: {error}"),
    # whatever else is ours
    TrunklineError: lambda error, *_: ClientConnectionError(str(error)),
}
