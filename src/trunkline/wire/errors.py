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


class BadFraming(WireError):
    """The end of the body cannot be told for sure (RFC 9112 §6.3)."""


class BadChunk(BadFraming):
    """A chunk size line, chunk or trailer is malformed (RFC 9112 §7.1)."""


class IncompleteBody(WireError):
    """The connection ended before the body did (RFC 9112 §8)."""


class CodingError(WireError):
    """A content coding's data is damaged, cut short, or grows beyond its bound."""


class BadCookie(TrunklineError, CookieError, ValueError):
    """A cookie that RFC 6265bis refuses.

    Not a `WireError`: the message around the cookie is sound. A `CookieError`, because users of
    `http.cookies` catch that.
    """
