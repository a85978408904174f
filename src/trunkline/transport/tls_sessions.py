"""TLS session resumption: a repeat connection skips the certificates and most of the handshake's cost.

A session is saved after data has arrived, because TLS 1.3 sends tickets after the handshake (RFC 8446
§4.6.1), and offered to the next connection to the same peer with the same context. The peer's key must hold
all that was verified, the server name above all: a resumed handshake presents no certificate again. A TLS 1.3
ticket is used once while others remain, lest an observer link connections by it (RFC 8446 §C.4); the last one
is kept, for a second use is better than a full handshake. Event loops have no parameter for a session: they
call `wrap_bio` on the context they are given, so they are given a stand-in.
"""

import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import cast

from trunkline.wire.limits import MAX_TLS_SESSION_AGE_S, MAX_TLS_SESSION_PEERS, MAX_TLS_SESSIONS_PER_PEER

# The context is part of the key: OpenSSL refuses a session of another one.
_Key = tuple[ssl.SSLContext, Hashable]


@dataclass(frozen=True, slots=True)
class _Saved:
    session: ssl.SSLSession
    expires_at: float
    is_single_use: bool


class _Resuming:
    """Stands in for a context in one handshake, and offers `session` in it."""

    __slots__ = ("_context", "_session")

    def __init__(self, context: ssl.SSLContext, session: ssl.SSLSession) -> None:
        self._context = context
        self._session = session

    # asyncio and uvloop check isinstance(…, SSLContext), which asks this property.
    @property  # type: ignore[misc]  # read-only here
    def __class__(self) -> type[ssl.SSLContext]:  # type: ignore[override]  # another class on purpose
        return ssl.SSLContext

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
    ) -> ssl.SSLObject:
        return self._context.wrap_bio(
            incoming,
            outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
            session=self._session,
        )


class SessionCache:
    """Keeps TLS sessions per peer and counts how many handshakes they shortened.

    full, resumed: connections that were saved after a full handshake, and after a resumed one.
    """

    def __init__(self, max_peers: int = MAX_TLS_SESSION_PEERS, now: Callable[[], float] = time.monotonic) -> None:
        self._max_peers = max_peers
        self._now = now
        self._peers: OrderedDict[_Key, list[_Saved]] = OrderedDict()
        self.full = 0
        self.resumed = 0

    def wrap(self, context: ssl.SSLContext, peer: Hashable) -> ssl.SSLContext:
        """Return what to use as the context of one connection to `peer`: a stand-in if a session is left."""
        session = self._take((context, peer))
        if session is None:
            return context
        return cast(ssl.SSLContext, _Resuming(context, session))

    def save(self, peer: Hashable, ssl_object: ssl.SSLObject) -> None:
        """Keep the session of a healthy connection to `peer`; call it once, after data was read."""
        if ssl_object.session_reused:
            self.resumed += 1
        else:
            self.full += 1
        # A subclass may verify for itself, after the handshake, what a resumed one does not carry.
        session = ssl_object.session if type(ssl_object.context) is ssl.SSLContext else None
        is_single_use = ssl_object.version() == "TLSv1.3"
        lifetime_s = 0.0 if session is None else _lifetime_s(session, is_single_use)
        if session is None or not lifetime_s:
            return
        key = (ssl_object.context, peer)
        saved = self._peers.setdefault(key, [])
        self._peers.move_to_end(key)
        saved.append(_Saved(session, self._now() + lifetime_s, is_single_use))
        # Sessions of TLS 1.2 may be used again and again, so the newest is enough.
        del saved[: -MAX_TLS_SESSIONS_PER_PEER if is_single_use else -1]
        while len(self._peers) > self._max_peers:
            self._peers.popitem(last=False)

    def forget(self, context: ssl.SSLContext, peer: Hashable) -> None:
        """Drop the sessions of a peer with which a handshake failed."""
        self._peers.pop((context, peer), None)

    def clear(self) -> None:
        """Drop all sessions."""
        self._peers.clear()

    def _take(self, key: _Key) -> ssl.SSLSession | None:
        """Return the newest live session; a single-use one leaves the cache unless it is the last."""
        saved = self._peers.get(key)
        if saved is None:
            return None
        now = self._now()
        saved[:] = [one for one in saved if one.expires_at > now]
        if not saved:
            del self._peers[key]
            return None
        self._peers.move_to_end(key)
        newest = saved[-1]
        if newest.is_single_use and len(saved) > 1:
            saved.pop()
        return newest.session


def _lifetime_s(session: ssl.SSLSession, is_tls13: bool) -> float:
    """Tell how long `session` may be offered; 0 for one that cannot be resumed."""
    hint = session.ticket_lifetime_hint if session.has_ticket else 0
    if is_tls13:
        # Without a ticket there is nothing to offer; a lifetime of 0 says: discard at once (RFC 8446 §4.6.1).
        return min(hint, MAX_TLS_SESSION_AGE_S)
    # In TLS 1.2 the hint may be missing (RFC 5077 §3.3), or the session known by its id only: OpenSSL's
    # timeout holds then.
    return min(hint or session.timeout, MAX_TLS_SESSION_AGE_S) if session.has_ticket or session.id else 0
