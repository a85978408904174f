import errno
import os
import socket
import ssl

import pytest

from trunkline.ground.errors import TrunklineError
from trunkline.transport.errors import (
    CertificateError,
    ConnectError,
    FingerprintMismatch,
    ResolveError,
    TLSError,
    TransportError,
)


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ResolveError("h", 80, socket.gaierror(-2, "Name or so")), "resolve h:80: Name or"),
        (ConnectError("h", 80, os_error(errno.ECONNREFUSED)), "cannot connect to h:80: Connection refused"),
        (
            ConnectError("h", 80, OSError("odd"), ("[::1]:80", "b:80")),
            "(tried [::1]:80, b:80): odd",
        ),
        (ConnectError("h", 80, os_error(errno.EMFILE)), "raise `ulimit -n`"),
        (TLSError("h", 443, ConnectionResetError()), "with h:443 failed: ConnectionResetError"),
        (CertificateError("h", 443, ssl.SSLCertVerificationError(1, "expired")), "h:443 failed: expired"),
        (
            FingerprintMismatch(b"\x01", b"\x02", "h", 443),
            "h:443 has SHA-256 02; 01 was pinned",
        ),
    ],
)
def test_a_message_says_what_was_seen_and_what_to_do(error: TransportError, text: str) -> None:
    assert text in str(error)
    assert isinstance(error, TrunklineError)


def test_errors_carry_the_error_they_came_from() -> None:
    reason = os_error(errno.ECONNREFUSED)
    assert ConnectError("h", 80, reason).os_error is reason
    assert ResolveError("h", 80, reason).os_error is reason
    assert TLSError("h", 80, reason).ssl_error is reason
