"""What can be wrong with bytes: one class per kind of damage.

A `WireError` always means that the peers may no longer agree where a message ends, so its connection is never reused.
"""

from http.cookies import CookieError

from trunkline.ground.errors import TrunklineError


class WireError(TrunklineError, ValueError):
    """The peer's bytes, or bytes that we were asked to send, break the protocol."""


class BadHead(WireError):
    """A start line or field line does not match its grammar (RFC 9112 §3, §4, §5)."""


class FieldTooLong(BadHead):
    """A line or a whole head is longer than its limit."""


class TargetTooLong(FieldTooLong):
    """The request line is longer than its limit."""


class BadFraming(WireError):
    """The end of the body cannot be told for sure (RFC 9112 §6.3)."""


class BadChunk(BadFraming):
    """A chunk size line, chunk or trailer is malformed (RFC 9112 §7.1)."""


class IncompleteBody(WireError):
    """The connection ended before the body did (RFC 9112 §8)."""


class CodingError(WireError):
    """A content coding's data is damaged, cut short, or grows beyond its bound."""


class BadMultipart(WireError):
    """A multipart body's boundaries or lengths do not fit, or it goes beyond a bound (RFC 2046 §5.1)."""


class WebSocketError(WireError):
    """A WebSocket peer breaks the protocol or a limit. code: the close code that tells it so (RFC 6455 §7.4.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[1])


class BadHandshake(WireError):
    """A request or response does not open a WebSocket connection (RFC 6455 §4)."""


class H2Fault(WireError):
    """A peer breaks HTTP/2 so that its connection cannot go on (RFC 9113 §5.4.1). code: what GOAWAY tells it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[1])


class StreamFault(H2Fault):
    """A peer breaks HTTP/2 in one stream alone (RFC 9113 §5.4.2). code: what RST_STREAM tells it."""


class HeadTooLarge(StreamFault, FieldTooLong):
    """A field of a head is longer than its limit, or there are more of them. A server may still answer."""


class StreamReset(WireError):
    """The peer ended a stream before its time, by RST_STREAM or GOAWAY (RFC 9113 §6.4, §6.8).

    is_unprocessed: the peer has done nothing of the request, so it may be sent again, whatever its method (§8.7).
    """

    def __init__(self, code: int, message: str, *, is_unprocessed: bool) -> None:
        super().__init__(code, message)
        self.code = code
        self.is_unprocessed = is_unprocessed

    def __str__(self) -> str:
        return str(self.args[1])


class CompressionFault(WireError):
    """A header block cannot be decoded, nor can any after it: COMPRESSION_ERROR of its connection (RFC 9113 §4.3)."""


class FieldsTooLong(WireError):
    """A decoded field list is beyond its bound; the table stays in step, so the connection may go on."""


class BadChallenge(TrunklineError, ValueError):
    """A Digest challenge that cannot be answered (RFC 7616 §3.3); not a `WireError`: the message around it is sound."""


class BadCookie(TrunklineError, CookieError, ValueError):
    """A cookie that RFC 6265bis refuses.

    Not a `WireError`: the message around the cookie is sound. A `CookieError`, because users of
    `http.cookies` catch that.
    """
