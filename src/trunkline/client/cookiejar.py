"""The cookie jar: which cookies a response may set, and which go with a request (RFC 6265bis §5.7 and §5.8).

Every cookie, of a server or of a user, passes the same rules on its way in; the bounded `CookieStore` keeps
it. What a request target gets is remembered until a cookie changes or expires, so that a request with
unchanged cookies costs one look-up. SameSite is kept and not enforced: a client has no site that its requests
come from. Nor is the RFC's limit of 400 days on a cookie's life: it protects people's privacy, not programs.
"""

import asyncio
import functools
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.cookies import BaseCookie, Morsel, SimpleCookie
from types import MappingProxyType
from typing import Final

from publicsuffixlist import PublicSuffixList
from yarl import URL

from trunkline.abc import AbstractCookieJar, ClearCookiePredicate, LooseCookies
from trunkline.client.cookie_store import CookieStore, StoredCookie
from trunkline.ground.logs import client_logger
from trunkline.wire.cookies import (
    DATE_DAY_OF_MONTH_RE,
    DATE_HMS_TIME_RE,
    DATE_MONTH_RE,
    DATE_TOKENS_RE,
    DATE_YEAR_RE,
    check_cookies,
    default_path,
    domain_matches,
    is_host_name,
    is_secure_name,
    make_morsel,
    parse_cookie_date,
    parse_set_cookies,
    render_cookie_field,
)
from trunkline.wire.errors import BadCookie
from trunkline.wire.limits import MAX_COOKIE_FIELD_BYTES, MAX_COOKIE_SELECTIONS, MAX_COOKIES_PER_REQUEST

_SECURE_SCHEMES: Final = frozenset({"https", "wss"})
_SHARED: Final = ""  # the domain of cookies that go to every host
_NO_URL: Final = URL()

SecureOrigins = str | URL | Sequence[str | URL] | None


@dataclass(slots=True)
class _Selection:
    """The answer for one request target."""

    cookies: list[StoredCookie]
    header: str
    used_at: float = 0.0


@functools.cache
def _public_suffixes() -> PublicSuffixList:
    # Built at the first Domain attribute, once per process: it takes about 50 ms.
    return PublicSuffixList()


class CookieJar(AbstractCookieJar):
    """Cookie storage adhering to RFC 6265bis.

    unsafe: also keep cookies of hosts that are IP addresses.
    quote_cookie: send values that users set in double quotes where http.cookies would; False: unquoted.
    treat_as_secure_origin: origins that may set, and get, Secure cookies over plain http.
    """

    DATE_TOKENS_RE = DATE_TOKENS_RE
    DATE_HMS_TIME_RE = DATE_HMS_TIME_RE
    DATE_DAY_OF_MONTH_RE = DATE_DAY_OF_MONTH_RE
    DATE_MONTH_RE = DATE_MONTH_RE
    DATE_YEAR_RE = DATE_YEAR_RE
    MAX_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second that datetime knows
    SUB_MAX_TIME = MAX_TIME - 1

    def __init__(
        self,
        *,
        unsafe: bool = False,
        quote_cookie: bool = True,
        treat_as_secure_origin: SecureOrigins = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(loop=loop)
        self.now: Callable[[], float] = time.time
        self._unsafe = unsafe
        self._quote_cookie = quote_cookie
        if isinstance(treat_as_secure_origin, str | URL):
            treat_as_secure_origin = [treat_as_secure_origin]
        self._secure_origins = frozenset(URL(origin).origin() for origin in treat_as_secure_origin or ())
        self._store = CookieStore()
        self._selections: dict[tuple[bool, str, str], _Selection] = {}

    @property
    def unsafe(self) -> bool:
        """True when cookies of IP addresses are kept."""
        return self._unsafe

    @property
    def quote_cookie(self) -> bool:
        """True when values that need it are sent in double quotes."""
        return self._quote_cookie

    @property
    def treat_as_secure_origin(self) -> frozenset[URL]:
        """The origins that count as secure without TLS."""
        return self._secure_origins

    @property
    def cookies(self) -> Mapping[tuple[str, str], SimpleCookie]:
        """The cookies by (domain, path); a path's trailing slash is left out, so "/" is ""."""
        view: dict[tuple[str, str], SimpleCookie] = {}
        for cookie in self._live_cookies():
            group = view.setdefault((cookie.domain, cookie.path.rstrip("/")), SimpleCookie())
            group[cookie.name] = cookie.morsel
        return MappingProxyType(view)

    @property
    def host_only_cookies(self) -> frozenset[tuple[str, str, str]]:
        """The (domain, path, name) of the cookies that do not go to subdomains; paths as in `cookies`."""
        return frozenset(
            (cookie.domain, cookie.path.rstrip("/"), cookie.name) for cookie in self._live_cookies() if cookie.host_only
        )

    def __len__(self) -> int:
        return len(self._live_cookies()) if self._store else 0

    def __iter__(self) -> Iterator[Morsel[str]]:
        return iter([cookie.morsel for cookie in self._live_cookies()])

    def clear(self, predicate: ClearCookiePredicate | None = None) -> None:
        """Drop all cookies, or those for which `predicate` is true."""
        self._store.remove_if(lambda cookie: predicate is None or predicate(cookie.morsel))
        self._forget_selections()

    def clear_domain(self, domain: str) -> None:
        """Drop the cookies of `domain` and its subdomains."""
        self._store.remove_if(lambda cookie: domain_matches(cookie.domain, domain))
        self._forget_selections()

    def update_cookies(self, cookies: LooseCookies, response_url: URL = _NO_URL) -> None:
        """Take cookies as if `response_url` had set them; without a URL they go to every host.

        A cookie that `response_url` may not set is dropped, with a log line at DEBUG.
        Raises ValueError for a name or value that cannot be sent.
        """
        morsels = check_cookies(cookies, quote=self._quote_cookie)
        now = self.now()
        # Before the cookies change: those to be evicted are chosen by their last use.
        self._forget_selections()
        self._store.remove_expired(now)  # else they would take room, and be rivals
        for morsel in morsels:
            try:
                self._store.put(self._admit(morsel, response_url, now), now)
            except BadCookie as exc:
                _log_refusal(response_url, exc)

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Take the cookies of `headers`, the values of a response's Set-Cookie fields."""
        morsels, refused = parse_set_cookies(headers)
        for exc in refused:
            _log_refusal(response_url, exc)
        if morsels:
            self.update_cookies([(morsel.key, morsel) for morsel in morsels], response_url)

    def filter_cookies(self, request_url: URL = _NO_URL) -> "BaseCookie[str]":
        """Return the cookies that belong to a request for `request_url`, in the order of sending."""
        filtered: BaseCookie[str] = SimpleCookie() if self._quote_cookie else BaseCookie()
        for cookie in self._selection(URL(request_url)).cookies:  # aiohttp's users pass str, too
            morsel = cookie.morsel
            filtered[morsel.key] = make_morsel(morsel.key, morsel.value, morsel.coded_value)
        return filtered

    def cookie_header(self, url: URL) -> str:
        """Return the value of the Cookie field for a request for `url`, "" for none.

        The same as rendering `filter_cookies(url)`, but remembered.
        """
        return self._selection(url).header if self._store.count else ""

    def save(self, file_path: str | os.PathLike[str]) -> None:
        """Write the cookies to a JSON file; if it is new, only its owner can read it."""
        from trunkline.client.cookie_file import write_cookies  # brings pickle; ADR 009

        write_cookies(file_path, self._live_cookies())

    def load(self, file_path: str | os.PathLike[str]) -> None:
        """Replace the cookies by those of a file that `save` wrote, or by an older aiohttp's pickle.

        Raises ValueError, and changes nothing, when the file holds anything else.
        """
        from trunkline.client.cookie_file import read_cookies  # as above

        store, now = CookieStore(), self.now()
        for cookie in read_cookies(file_path):
            try:
                store.put(cookie, now)
            except BadCookie as exc:
                _log_refusal(_NO_URL, exc)
        self._forget_selections()
        self._store = store

    def _live_cookies(self) -> CookieStore:
        self._drop_expired(self.now())
        return self._store

    def _drop_expired(self, now: float) -> None:
        if now >= self._store.next_expiry:
            self._forget_selections()
            self._store.remove_expired(now)

    def _is_secure(self, url: URL) -> bool:
        if url.scheme in _SECURE_SCHEMES:
            return True
        return bool(self._secure_origins) and url.absolute and url.origin() in self._secure_origins

    def _admit(self, morsel: Morsel[str], url: URL, now: float) -> StoredCookie:
        """Return the cookie as it is to be stored, or raise BadCookie (RFC 6265bis §5.7)."""
        host = url.raw_host or ""
        if _is_ip_address(host) and not self._unsafe:
            raise BadCookie("the host is an IP address (CookieJar(unsafe=True) allows that)")
        domain, host_only = _domain(morsel["domain"], host)
        path = morsel["path"]
        if not path.startswith("/"):
            path = default_path(url.raw_path)
        cookie = StoredCookie(morsel, domain, path, host_only, bool(morsel["secure"]), self._expiry(morsel, now))
        if host:
            self._check_security(cookie, url, path_given=path == morsel["path"])
        morsel["domain"], morsel["path"] = domain, path
        return cookie

    def _check_security(self, cookie: StoredCookie, url: URL, *, path_given: bool) -> None:
        if not self._is_secure(url):
            if cookie.secure:
                raise BadCookie("a Secure cookie over plain http")
            if self._store.has_secure_rival(cookie):
                raise BadCookie("it would replace a Secure cookie over plain http")
        if is_secure_name(cookie.name) and not cookie.secure:
            raise BadCookie("its prefix demands Secure")
        if is_host_name(cookie.name) and not (cookie.host_only and cookie.path == "/" and path_given):
            raise BadCookie("the prefix __Host- demands Path=/ and no Domain")

    def _expiry(self, morsel: Morsel[str], now: float) -> float:
        max_age = str(morsel["max-age"])  # users set numbers, too
        if max_age.removeprefix("-").isdecimal():
            return min(now + min(max(int(max_age), 0), self.MAX_TIME), self.MAX_TIME)
        expires_at = parse_cookie_date(str(morsel["expires"]))
        return math.inf if expires_at is None else expires_at

    def _selection(self, url: URL) -> _Selection:
        now = self.now()
        self._drop_expired(now)
        target = (self._is_secure(url), url.raw_host or "", url.raw_path or "/")
        selection = self._selections.get(target)
        if selection is None:
            if len(self._selections) >= MAX_COOKIE_SELECTIONS:
                self._forget_selections()
            selection = self._selections[target] = self._select(*target)
        selection.used_at = now
        return selection

    def _select(self, secure: bool, host: str, path: str) -> _Selection:
        domains = [_SHARED]
        if _is_ip_address(host):
            domains += [host] if self._unsafe else []
        elif host:
            labels = host.split(".")
            domains += [".".join(labels[start:]) for start in range(len(labels))]
        cookies = _within_limits(self._store.select(domains, path, secure))
        return _Selection(cookies, render_cookie_field(cookie.morsel for cookie in cookies))

    def _forget_selections(self) -> None:
        for selection in self._selections.values():
            for cookie in selection.cookies:
                cookie.used_at = max(cookie.used_at, selection.used_at)
        self._selections.clear()


class DummyCookieJar(AbstractCookieJar):
    """A jar that keeps nothing and sends nothing."""

    def __iter__(self) -> Iterator[Morsel[str]]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def clear(self, predicate: ClearCookiePredicate | None = None) -> None:
        """Do nothing."""

    def clear_domain(self, domain: str) -> None:
        """Do nothing."""

    def update_cookies(self, cookies: LooseCookies, response_url: URL = _NO_URL) -> None:
        """Ignore the cookies."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Ignore the cookies."""

    def filter_cookies(self, request_url: URL) -> "BaseCookie[str]":
        """Return no cookies."""
        return SimpleCookie()


def _domain(attribute: str, host: str) -> tuple[str, bool]:
    """Return a cookie's domain and whether it is host-only (RFC 6265bis §5.7 steps 9 to 11)."""
    domain = attribute.lower().removeprefix(".")
    if not domain:
        return host, bool(host)
    if not host:  # a user who names no URL vouches for the domain
        return domain, False
    # A public suffix, or what ends like an address, is nobody's to share with the hosts below it.
    if _is_ip_address(domain) or _public_suffixes().is_public(domain):
        if domain != host:
            raise BadCookie("its domain is an address or a public suffix")
        return host, True
    if not domain_matches(host, domain):
        raise BadCookie("its domain is not the host's")
    return domain, False


def _is_ip_address(host: str) -> bool:
    # A name whose last label is a number is an address. (WHATWG URL §3.5; yarl has checked the rest)
    return ":" in host or host.rpartition(".")[2].isdecimal()


def _within_limits(cookies: list[StoredCookie]) -> list[StoredCookie]:
    """Return the first of `cookies` that fit into one Cookie field line."""
    room = MAX_COOKIE_FIELD_BYTES - len("Cookie: ")
    for index, cookie in enumerate(cookies[:MAX_COOKIES_PER_REQUEST]):
        pair = render_cookie_field([cookie.morsel])
        room -= len(pair.encode("utf-8", "surrogateescape")) + (len("; ") if index else 0)
        if room < 0:
            return cookies[:index]
    return cookies[:MAX_COOKIES_PER_REQUEST]


def _log_refusal(url: URL, exc: BadCookie) -> None:
    # Neither name nor value: both are the server's to choose, and may be secrets.
    client_logger.debug("Dropped a cookie of %.255s: %s", url.raw_host, exc)
