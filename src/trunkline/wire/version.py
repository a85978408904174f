"""The protocol version of a message (RFC 9110 §2.5)."""

from typing import Final, NamedTuple


class HttpVersion(NamedTuple):
    """Major and minor number, in wire order: `HttpVersion(1, 1)` is HTTP/1.1."""

    major: int
    minor: int


HttpVersion10: Final = HttpVersion(1, 0)
HttpVersion11: Final = HttpVersion(1, 1)
HttpVersion20: Final = HttpVersion(2, 0)  # on the wire a version that is negotiated, and in no message (RFC 9113 §3)
# That of requests for which nobody chose one, known by its identity: HTTP/1.1, or what TLS negotiates.
UsualVersion: Final = HttpVersion(1, 1)
