"""What can go wrong between a host name and a connected, verified transport: one class per step.

Each error carries plain values and the `OSError` it came from, so that `client` can build the public error
without parsing text. TLS trouble is an `OSError` too: `ssl.SSLError` derives from it.
"""

import errno
import ssl

from trunkline.ground.errors import TrunklineError


class TransportError(TrunklineError):
    """A transport could not be opened, or must not be used."""


class ResolveError(TransportError):
    """The host name has no usable address."""

    def __init__(self, host: str, port: int, os_error: OSError) -> None:
        super().__init__(
            f"cannot resolve {host}:{port}: {_reason(os_error)}; check the name and the resolver's settings"
        )
        self.host = host
        self.port = port
        self.os_error = os_error


class ConnectError(TransportError):
    """No address of the host accepted a connection.

    addresses: the ones that were tried; port is 0 for a path.
    """

    def __init__(self, host: str, port: int, os_error: OSError, addresses: tuple[str, ...] = ()) -> None:
        tried = f" (tried {', '.join(addresses)})" if addresses else ""
        super().__init__(f"cannot connect to {host}:{port}{tried}: {_reason(os_error)}")
        self.host = host
        self.port = port
        self.os_error = os_error
        self.addresses = addresses


class NotAllowed(ConnectError):
    """The connector's `allow` lets none of the addresses pass; nothing was sent to them.

    refused: each address, or a name that a proxy would resolve, and why.
    """

    def __init__(self, host: str, port: int, refused: tuple[tuple[str, str], ...]) -> None:
        reasons = "; ".join(f"{address} {why}" for address, why in refused)
        text = f"not allowed: {reasons} (the connector's allow= decides; extend it if this is meant)"
        super().__init__(host, port, PermissionError(errno.EACCES, text))
        self.refused = refused


class TLSError(TransportError):
    """The TLS handshake failed, or ended before it was complete."""

    advice = ""

    def __init__(self, host: str, port: int, ssl_error: OSError) -> None:
        super().__init__(f"TLS handshake with {host}:{port} failed: {_reason(ssl_error)}{self.advice}")
        self.host = host
        self.port = port
        self.ssl_error = ssl_error


class CertificateError(TLSError):
    """The peer's certificate is not one that we may trust for this host."""

    ssl_error: ssl.SSLCertVerificationError
    advice = "; check the host name, or trust a private issuer by ssl=ssl.create_default_context(cafile=…)"


class FingerprintMismatch(TransportError):
    """The peer's certificate is not the pinned one."""

    def __init__(self, expected: bytes, got: bytes, host: str, port: int) -> None:
        super().__init__(
            f"certificate of {host}:{port} has SHA-256 {got.hex()}; {expected.hex()} was pinned"
            " (update the Fingerprint if the certificate was renewed)"
        )
        self.expected = expected
        self.got = got
        self.host = host
        self.port = port


class ProxyUnreachable(TransportError):
    """There is no connection to the proxy itself. error: why not; is_tls: TLS was wanted with the proxy."""

    def __init__(self, host: str, port: int, is_tls: bool, error: ResolveError | ConnectError | TLSError) -> None:
        super().__init__(f"on the way to the proxy: {error}")
        self.host = host
        self.port = port
        self.is_tls = is_tls
        self.error = error


class TunnelRefused(TransportError):
    """The proxy answered CONNECT with something else than a 2xx. fields: of its answer."""

    def __init__(self, host: str, port: int, status: int, reason: str, fields: tuple[tuple[str, str], ...]) -> None:
        super().__init__(f"the proxy {host}:{port} answered CONNECT with {status} {reason}".rstrip())
        self.host = host
        self.port = port
        self.status = status
        self.reason = reason
        self.fields = fields


class TunnelLost(TransportError):
    """The proxy closed the connection before it had answered CONNECT. os_error: None if in good order."""

    def __init__(self, host: str, port: int, os_error: Exception | None) -> None:
        how = "" if os_error is None else f" ({os_error})"
        super().__init__(f"the proxy {host}:{port} closed the connection before it answered CONNECT{how}")
        self.os_error = os_error


class BadTunnel(TransportError):
    """The proxy's answer to CONNECT is malformed, too long, or not the end of what it says."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"the proxy {host}:{port} answered CONNECT badly: {reason}")


def _reason(error: OSError) -> str:
    """Put `error` into words, with advice where its own text gives none."""
    text = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"{text}: no more sockets for this process (lower the connector's limit= or raise `ulimit -n`)"
    return text
