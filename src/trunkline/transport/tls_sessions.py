"""TLS session resumption: a repeat connection skips the certificates and most of the handshake's cost.

A session is saved after data has arrived, because TLS 1.3 sends tickets after the handshake (RFC 8446
§4.6.1), and offered to the next connection to the same peer with the same context. A resumed handshake presents
no certificate again, so a session is kept under all that was verified: the context and its rules, the name, and
what the caller calls the peer. A TLS 1.3 ticket is used once while others remain, lest an observer link
connections by it (RFC 8446 §C.4); the last one is kept, for a second use is better than a full handshake. Event
loops have no parameter for a session: they call `wrap_bio` on the context they are given, so they are given a
stand-in. ALPN is no part of the key: each handshake negotiates it anew (RFC 7301 §3.1). See docs/adr/004.
"""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from trunkline.wire.limits import (
    MAX_TLS_SESSION_AGE_S,
    MAX_TLS_SESSION_CONTEXTS,
    MAX_TLS_SESSION_PEERS,
    MAX_TLS_SESSIONS_PER_PEER,
)


class _Key(NamedTuple):
    """What a session may be offered with: OpenSSL itself only refuses those of another context.

    rules: how the context verified when the session was made; a user may change them later.
    """

    context: ssl.SSLContext
    rules: tuple[object, ...]
    server_hostname: str
    peer: Hashable


@dataclass(frozen=True, slots=True)
class _Saved:
    """A session. verified_at: when the peer last presented its certificate; both times are of the wall's clock."""

    session: ssl.SSLSession
    verified_at: float
    expires_at: float
    is_single_use: bool


class _Offer:
    """Stands in for a context in one handshake, and offers a session in it, if there is one."""

    __slots__ = ("_saved", "is_used_up", "key", "made_at", "verified_at")

    def __init__(self, key: _Key, saved: _Saved | None, made_at: float) -> None:
        self.key = key
        self.made_at = made_at
        self.verified_at = made_at if saved is None else saved.verified_at
        self.is_used_up = False  # once the session that came of it is saved
        self._saved = saved

    # asyncio and uvloop check isinstance(…, SSLContext), which asks this property.
    @property  # type: ignore[misc]  # read-only here
    def __class__(self) -> type[ssl.SSLContext]:  # type: ignore[override]  # another class on purpose
        return ssl.SSLContext

    # Transports show it as their "sslcontext" to whoever asks.
    def __getattr__(self, name: str) -> Any:  # Any: whatever contexts have
        return getattr(self.key.context, name)

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
    ) -> ssl.SSLObject:
        saved, self._saved = self._saved, None
        return self.key.context.wrap_bio(
            incoming,
            outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
            session=None if saved is None else saved.session,
        )


class SessionCache:
    """Keeps TLS sessions per peer and counts handshakes.

    full, resumed: handshakes that succeeded, without the help of a session and with it.
    """

    def __init__(
        self,
        max_peers: int = MAX_TLS_SESSION_PEERS,
        max_contexts: int = MAX_TLS_SESSION_CONTEXTS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """now: the clock on the wall, for OpenSSL dates sessions by it."""
        self._max_peers = max_peers
        self._max_contexts = max_contexts
        self._now = now
        self._peers: OrderedDict[_Key, list[_Saved]] = OrderedDict()
        self.full = 0
        self.resumed = 0

    def offer(self, context: ssl.SSLContext, server_hostname: str, peer: Hashable) -> ssl.SSLContext:
        """Return what to use as the context of one handshake with `peer`: a stand-in for `context`."""
        if not _is_pythons_own(context):
            return context
        key = _Key(context, _rules(context), server_hostname, peer)
        return cast(ssl.SSLContext, _Offer(key, self._take(key), self._now()))

    def note_handshake(self, transport: asyncio.Transport) -> None:
        """Count a handshake that has succeeded."""
        ssl_object = transport.get_extra_info("ssl_object")
        if getattr(ssl_object, "session_reused", False):
            self.resumed += 1
        else:
            self.full += 1

    def save(self, transport: asyncio.Transport) -> None:
        """Keep the session of a healthy connection whose handshake was begun by an offer; once, after data was read."""
        offer = transport.get_extra_info("sslcontext")
        if type(offer) is not _Offer or offer.is_used_up:
            return
        offer.is_used_up = True
        ssl_object: ssl.SSLObject = transport.get_extra_info("ssl_object")
        session = ssl_object.session
        if session is None:
            return
        is_single_use = ssl_object.version() == "TLSv1.3"
        # The certificate that a resumed session stands on is that of the handshake it began with.
        verified_at = offer.verified_at if ssl_object.session_reused else offer.made_at
        expires_at = min(session.time + _lifetime_s(session, is_single_use), verified_at + MAX_TLS_SESSION_AGE_S)
        if expires_at > self._now():
            self._keep(offer.key, _Saved(session, verified_at, expires_at, is_single_use))

    def forget(self, offer: object) -> None:
        """Drop the sessions of the peer with which a handshake failed that `offer()` was asked for."""
        if type(offer) is _Offer:
            self._peers.pop(offer.key, None)

    def clear(self) -> None:
        """Drop all sessions."""
        self._peers.clear()

    def _keep(self, key: _Key, new: _Saved) -> None:
        saved = self._peers.get(key)
        if saved is None:
            saved = self._peers[key] = []
            self._make_room()
        self._peers.move_to_end(key)
        saved.append(new)
        # Sessions of TLS 1.2 may be used again and again, so the newest is enough.
        del saved[: -MAX_TLS_SESSIONS_PER_PEER if new.is_single_use else -1]

    def _make_room(self) -> None:
        # Sessions keep their contexts alive, so those of a program that makes one for each request must go.
        while len(self._peers) > self._max_peers or len({key.context for key in self._peers}) > self._max_contexts:
            self._peers.popitem(last=False)

    def _take(self, key: _Key) -> _Saved | None:
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
        return newest


def _is_pythons_own(context: ssl.SSLContext) -> bool:
    # A subclass may verify for itself, after the handshake, what a resumed one does not carry. The name in the
    # module says nothing: truststore puts its subclass there.
    return type(context).__module__ == "ssl"


def _rules(context: ssl.SSLContext) -> tuple[object, ...]:
    """Return what can be seen of how `context` verifies: stricter rules must not meet a session of laxer ones."""
    return (
        context.verify_mode,
        context.check_hostname,
        context.verify_flags,
        *context.cert_store_stats().values(),
    )


def _lifetime_s(session: ssl.SSLSession, is_tls13: bool) -> float:
    """Tell how long after its making `session` may be offered; 0 for one that cannot be resumed."""
    hint = session.ticket_lifetime_hint if session.has_ticket else 0
    if is_tls13:
        # Without a ticket there is nothing to offer; a lifetime of 0 says: discard at once (RFC 8446 §4.6.1).
        return min(hint, MAX_TLS_SESSION_AGE_S)
    # In TLS 1.2 the hint may be missing (RFC 5077 §3.3), or the session known by its id only: OpenSSL's
    # timeout holds then.
    return min(hint or session.timeout, MAX_TLS_SESSION_AGE_S) if session.has_ticket or session.id else 0
