"""The cookies of a jar, in bounded room (RFC 6265bis §5.7, §5.8.3 and §6.1).

Cookies lie by domain, then by path and name, so that a request looks only at its own host and the domains
above it. When room is short, expired cookies go first, then those unused for longest; within a domain that is
full, the non-secure ones before the Secure ones.
Decides neither who may set a cookie nor what the time is: see `client/cookiejar`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookies import Morsel

from trunkline.wire.cookies import domain_matches, path_matches
from trunkline.wire.errors import BadCookie
from trunkline.wire.limits import (
    KEPT_COOKIES,
    KEPT_COOKIES_PER_DOMAIN,
    MAX_COOKIES,
    MAX_COOKIES_PER_DOMAIN,
)


@dataclass(slots=True, eq=False)
class StoredCookie:
    """A cookie with the facts that decide where it is sent.

    domain: in lower case, or "" for a cookie that goes to every host.
    expires_at: Unix time; infinity for a session cookie.
    """

    morsel: Morsel[str]
    domain: str
    path: str
    host_only: bool
    secure: bool
    expires_at: float = math.inf
    used_at: float = 0.0
    serial: int = 0  # counts up with each creation; a replaced cookie hands its own on

    @property
    def name(self) -> str:
        return self.morsel.key

    def precedence(self) -> tuple[bool, int, int]:
        """Rank cookies of one name for one request: the most specific is the greatest."""
        return bool(self.domain), len(self.path), len(self.domain)


class CookieStore:
    """A bounded set of cookies with at most one per domain, path and name."""

    __slots__ = ("_by_domain", "_serial", "count", "next_expiry")

    def __init__(self) -> None:
        self._by_domain: dict[str, dict[tuple[str, str], StoredCookie]] = {}
        self.count = 0
        self._serial = 0
        self.next_expiry = math.inf

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[StoredCookie]:
        for held in self._by_domain.values():
            yield from held.values()

    def put(self, cookie: StoredCookie, now: float) -> None:
        """Add `cookie`, or replace the one of its domain, path and name; an expired one only removes it.

        Call `remove_expired` first, so that no live cookie makes room for it instead of an expired one.
        Raises BadCookie when there is no room.
        """
        old = self._by_domain.get(cookie.domain, {}).get((cookie.path, cookie.name))
        if cookie.expires_at <= now:
            if old is not None:
                self._remove(old)
            return
        if old is None:
            self._make_room(cookie)
            self._serial += 1
            self.count += 1
        cookie.serial = self._serial if old is None else old.serial
        cookie.used_at = now
        self._by_domain.setdefault(cookie.domain, {})[cookie.path, cookie.name] = cookie
        self.next_expiry = min(self.next_expiry, cookie.expires_at)

    def remove_if(self, predicate: Callable[[StoredCookie], bool]) -> None:
        """Remove the cookies for which `predicate` is true."""
        for cookie in [cookie for cookie in self if predicate(cookie)]:
            self._remove(cookie)

    def remove_expired(self, now: float) -> None:
        """Remove the cookies whose time has come; costs one comparison when there are none."""
        if now < self.next_expiry:
            return
        self.remove_if(lambda cookie: cookie.expires_at <= now)
        self.next_expiry = min((cookie.expires_at for cookie in self), default=math.inf)

    def select(self, domains: list[str], request_path: str, secure: bool) -> list[StoredCookie]:
        """Return the cookies for a request: one per name, in the order of sending (RFC 6265bis §5.8.3).

        domains: "" and the host, which host-only cookies must equal, then the domains above the host.
        """
        best: dict[str, StoredCookie] = {}
        for index, domain in enumerate(domains):
            for cookie in self._by_domain.get(domain, {}).values():
                if (cookie.host_only and index > 1) or (cookie.secure and not secure):
                    continue
                if not path_matches(request_path, cookie.path):
                    continue
                rival = best.get(cookie.name)
                if rival is None or cookie.precedence() > rival.precedence():
                    best[cookie.name] = cookie
        return sorted(best.values(), key=lambda cookie: (-len(cookie.path), cookie.serial))

    def has_secure_rival(self, cookie: StoredCookie) -> bool:
        """Tell whether `cookie` would replace or shadow a Secure one (RFC 6265bis §5.7 step 16)."""
        return any(
            rival.secure and rival.name == cookie.name and path_matches(cookie.path, rival.path)
            for domain, held in self._by_domain.items()
            if domain_matches(domain, cookie.domain) or domain_matches(cookie.domain, domain)
            for rival in held.values()
        )

    def _make_room(self, cookie: StoredCookie) -> None:
        if len(self._by_domain.get(cookie.domain, {})) >= MAX_COOKIES_PER_DOMAIN:
            self._thin_out_domain(cookie)
        if self.count >= MAX_COOKIES:
            self._remove_longest_unused(list(self), self.count + 1 - KEPT_COOKIES)

    def _thin_out_domain(self, cookie: StoredCookie) -> None:
        held = list(self._by_domain.get(cookie.domain, {}).values())
        excess = len(held) + 1 - KEPT_COOKIES_PER_DOMAIN
        victims = [rival for rival in held if not rival.secure]
        if not victims and not cookie.secure:
            # Else a server on plain http could flush out the Secure cookies, and then set its own.
            raise BadCookie("the domain is full of Secure cookies")
        self._remove_longest_unused(victims or held, excess)

    def _remove_longest_unused(self, victims: list[StoredCookie], count: int) -> None:
        victims.sort(key=lambda cookie: (cookie.used_at, cookie.serial))
        for cookie in victims[:count]:
            self._remove(cookie)

    def _remove(self, cookie: StoredCookie) -> None:
        held = self._by_domain[cookie.domain]
        del held[cookie.path, cookie.name]
        self.count -= 1
        if not held:
            del self._by_domain[cookie.domain]
