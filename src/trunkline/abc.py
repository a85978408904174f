"""Abstract bases that users implement: resolvers, cookie jars and stream writers (aiohttp's `abc` module)."""

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from http.cookies import BaseCookie, Morsel, SimpleCookie
from types import MappingProxyType
from typing import Any, TypedDict

from multidict import CIMultiDict
from yarl import URL

ClearCookiePredicate = Callable[["Morsel[str]"], bool]
LooseCookies = (
    Mapping[str, "str | BaseCookie[str] | Morsel[Any]"]
    | Iterable[tuple[str, "str | BaseCookie[str] | Morsel[Any]"]]
    | BaseCookie[str]
)


class ResolveResult(TypedDict):
    """One resolved address.

    hostname: the name that was asked for; host: the address; port, family, proto, flags: as `getaddrinfo` takes them.
    """

    hostname: str
    host: str
    port: int
    family: int
    proto: int
    flags: int


class AbstractResolver(ABC):
    """Turns a host name into addresses."""

    @abstractmethod
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; raise OSError when there are none."""

    @abstractmethod
    async def close(self) -> None:
        """Release what the resolver holds; it is not used afterwards."""


class AbstractCookieJar(Sized, Iterable["Morsel[str]"]):
    """Keeps the cookies of responses and picks those that go with a request (RFC 6265)."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop

    @property
    def quote_cookie(self) -> bool:
        """True when values that need it are sent in double quotes."""
        return True

    @property
    def unsafe(self) -> bool:
        """True when cookies of hosts that are IP addresses are taken."""
        return False

    @property
    def treat_as_secure_origin(self) -> frozenset[URL]:
        """Origins whose plain http counts as secure."""
        return frozenset()

    @property
    def cookies(self) -> Mapping[tuple[str, str], SimpleCookie]:
        """The cookies by (domain, path)."""
        return MappingProxyType({})

    @property
    def host_only_cookies(self) -> frozenset[tuple[str, str, str]]:
        """The (domain, path, name) of cookies that go to one host only."""
        return frozenset()

    @abstractmethod
    def clear(self, predicate: ClearCookiePredicate | None = None) -> None:
        """Drop all cookies, or those for which `predicate` is true."""

    @abstractmethod
    def clear_domain(self, domain: str) -> None:
        """Drop the cookies of `domain` and its subdomains."""

    @abstractmethod
    def update_cookies(self, cookies: LooseCookies, response_url: URL = URL()) -> None:  # noqa: B008 - immutable
        """Take cookies as if `response_url` had set them."""

    @abstractmethod
    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Take the cookies of `headers`, the values of a response's Set-Cookie fields."""

    @abstractmethod
    def filter_cookies(self, request_url: URL) -> "BaseCookie[str]":
        """Return the cookies that belong to a request for `request_url`."""

    @abstractmethod
    def __iter__(self) -> Iterator["Morsel[str]"]: ...


class AbstractStreamWriter(ABC):
    """Where a payload writes its bytes; framing and compression happen behind it."""

    buffer_size: int = 0
    output_size: int = 0
    length: int | None = 0

    @abstractmethod
    async def write(self, chunk: "bytes | bytearray | memoryview[Any]") -> None:
        """Send `chunk`; wait while the peer reads slower than we write."""

    @abstractmethod
    async def write_eof(self, chunk: bytes = b"") -> None:
        """Send `chunk`, then end the body."""

    @abstractmethod
    async def drain(self) -> None:
        """Wait until the buffer of the transport is below its high-water mark."""

    @abstractmethod
    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        """Compress what is written from now on."""

    @abstractmethod
    def enable_chunking(self) -> None:
        """Send the body in chunks (RFC 9112 §7.1)."""

    @abstractmethod
    async def write_headers(self, status_line: str, headers: "CIMultiDict[str]") -> None:
        """Send the head."""
