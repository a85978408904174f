"""The table of errors: each error of the layers below, as users see it."""

import errno
import socket
import ssl

import pytest
from yarl import URL

from trunkline.client import errors
from trunkline.client.failures import as_payload_error, as_public
from trunkline.client.request import ClientRequest
from trunkline.conn.errors import (
    ConnectionClosed,
    ConnectionLost,
    DeadlineExpired,
    NotSent,
    PeerSilent,
    UploadFailed,
)
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.ground.errors import TrunklineError
from trunkline.pool.errors import ConnectTimeout, PoolClosed
from trunkline.transport.errors import (
    CertificateError,
    ConnectError,
    FingerprintMismatch,
    ResolveError,
    TLSError,
)
from trunkline.wire.errors import BadHead
from trunkline.wire.h1.head import parse_response_head

REFUSED = OSError(errno.ECONNREFUSED, "Connection refused")
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def exchange(*, is_answered: bool = False) -> Exchange:
    request = ClientRequest("GET", URL("https://example.com/a#b"))
    made = Exchange(request, ExchangeRules(read_timeout_s=2), as_public)
    if is_answered:
        made.head = parse_response_head(b"HTTP/1.1 200 OK", 100, 100, 10)
    return made


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ResolveError("example.com", 443, socket.gaierror(-2, "unknown")), errors.ClientConnectorDNSError, "unknown"),
        (
            ConnectError("example.com", 443, REFUSED),
            errors.ClientConnectorError,
            "example.com:443 .*Connection refused",
        ),
        (ConnectError("/run/x.sock", 0, REFUSED), errors.UnixClientConnectorError, "unix socket /run/x.sock"),
        (
            CertificateError("example.com", 443, ssl.SSLCertVerificationError("wrong host")),
            errors.ClientConnectorCertificateError,
            "wrong host",
        ),
        (TLSError("example.com", 443, ssl.SSLError(1, "handshake")), errors.ClientConnectorSSLError, "handshake"),
        (TLSError("example.com", 443, RESET), errors.ClientConnectorError, "Connection reset by peer"),
        (ConnectionLost("no response"), errors.ServerDisconnectedError, "Server disconnected: no response"),
        (NotSent("too late"), errors.ServerDisconnectedError, "Server disconnected: too late"),
        (ConnectionLost("no response", RESET), errors.ClientOSError, "Connection reset by peer"),
        (BadHead("no status line"), errors.ClientResponseError, "400, message='no status line'"),
        (ConnectionClosed("given up"), errors.ClientConnectionError, "Connection closed: given up"),
        (PeerSilent(2.5), errors.SocketTimeoutError, "Timeout on reading data from socket: .* 2 s are allowed"),
        (
            DeadlineExpired("reading", 3.0, 3.1),
            TimeoutError,
            r"GET https://example.com/a: .* 3 s in all.*timeout\.total",
        ),
        (UploadFailed("KeyError"), errors.ClientConnectionError, "Failed to send the request's body: KeyError"),
        (PoolClosed("too late"), errors.ClientConnectionError, "Connector is closed: too late"),
        (ConnectTimeout("opening", 1.0, 1.5), errors.ConnectionTimeoutError, "Connection timeout: .*opening"),
        (TrunklineError("something else"), errors.ClientConnectionError, "something else"),
    ],
)
def test_each_error_has_its_public_form(error: Exception, kind: type[Exception], text: str) -> None:
    public = as_public(exchange(), error)
    assert type(public) is kind
    assert public.__cause__ is error
    with pytest.raises(kind, match=text):
        raise public


def test_a_wrong_fingerprint_is_told_with_both() -> None:
    public = as_public(exchange(), FingerprintMismatch(b"a" * 32, b"b" * 32, "example.com", 443))
    assert isinstance(public, errors.ServerFingerprintMismatch)
    assert (public.expected, public.got, public.host, public.port) == (b"a" * 32, b"b" * 32, "example.com", 443)


@pytest.mark.parametrize("error", [ConnectionLost("cut"), ConnectionLost("cut", RESET), BadHead("cut")])
def test_what_fails_after_the_head_is_the_payload(error: Exception) -> None:
    public = as_public(exchange(is_answered=True), error)
    assert type(public) is errors.ClientPayloadError
    assert str(public) == "Response payload is not completed: cut"


def test_errors_of_others_stay_as_they_are() -> None:
    error = ZeroDivisionError()
    assert as_public(exchange(), error) is error


def test_a_damaged_body_names_its_cause() -> None:
    cause = BadHead("bad chunk")
    public = as_payload_error(cause)
    assert type(public) is errors.ClientPayloadError
    assert (str(public), public.__cause__) == ("Response payload is not completed: bad chunk", cause)
