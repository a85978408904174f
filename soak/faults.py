"""The faults, by name: what the server says or does in place of an answer, and what the client must make of it.

Those that are bytes leave the connection open: it is the client that must close it, or the server's handler stays and
the figures show it. `CUT` tells those that the server ends itself. Faults of the client's own making stand in
`soak/flows`.
"""

from __future__ import annotations

from typing import NamedTuple

from trunkline import (
    ClientError,
    ClientOSError,
    ClientPayloadError,
    ClientResponseError,
    ServerDisconnectedError,
    SocketTimeoutError,
)

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"

ANSWERS = {
    "cut length": _OK + b"Content-Length: 1000\r\n\r\nonly this",
    "cut chunk": _CHUNKED + b"1000\r\nonly this",
    "cut head": _OK + b"Content-Le",
    "stalled head": b"HTTP/1.1 200",
    "stalled body": _OK + b"Content-Length: 1000\r\n\r\nwait",
    "two lengths": _OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunks": _OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "bad chunk": _CHUNKED + b"zz\r\nbad\r\n0\r\n\r\n",
    "bad field": _OK + b"no colon here\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"\x16\x03\x01 what is this\r\n\r\n",
    "surplus": _OK + b"Content-Length: 2\r\n\r\nok" + _OK + b"Content-Length: 6\r\n\r\npoison",
}
CUT = {"cut length", "cut chunk", "cut head"}


class Injected(Exception):
    """The handler failed, as it was told to."""


class Expected(NamedTuple):
    """What the client must make of a fault: one of `errors`, or an answer with `status` if there is one."""

    errors: tuple[type[Exception], ...] = ()
    status: int | None = None


EXPECTED = {
    "reset": Expected((ServerDisconnectedError, ClientOSError)),
    "error": Expected(status=500),
    "close": Expected(status=200),
    "cut length": Expected((ClientPayloadError,)),
    "cut chunk": Expected((ClientPayloadError,)),
    "cut head": Expected((ServerDisconnectedError, ClientResponseError)),
    "stalled head": Expected((SocketTimeoutError,)),
    "stalled body": Expected((SocketTimeoutError,)),
    "two lengths": Expected((ClientResponseError,)),
    # RFC 9112 §6.3: Transfer-Encoding wins, or the response is refused.
    "length and chunks": Expected((ClientError,), status=200),
    "bad chunk": Expected((ClientPayloadError, ClientResponseError)),
    "bad field": Expected((ClientResponseError,)),
    "no HTTP": Expected((ClientResponseError,)),
    "surplus": Expected(status=200),
}
