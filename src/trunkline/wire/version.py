"""The protocol version of a message (RFC 9110 §2.5)."""

from typing import Final, NamedTuple


class HttpVersion(NamedTuple):
    """Major and minor number, in wire order: `HttpVersion(1, 1)` is HTTP/1.1."""

    major: int
    minor: int


HttpVersion10: Final = HttpVersion(1, 0)
HttpVersion11: Final = HttpVersion(1, 1)
