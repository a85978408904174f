"""Abstract bases that users implement, of both roles (aiohttp's `abc` module).

Requests, responses and applications are `Any` here: their classes stand above this module, and a user's own
implementation may take its own.
"""

import asyncio
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence, Sized
from http.cookies import BaseCookie, Morsel, SimpleCookie
from types import MappingProxyType
from typing import Any, NotRequired, TypedDict

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
    ttl: for how many seconds the answer holds, from a resolver that knows (RFC 1035 §3.2.1).
    """

    hostname: str
    host: str
    port: int
    family: int
    proto: int
    flags: int
    ttl: NotRequired[int]


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
    """Where a payload writes its bytes; framing and compression happen behind it.

    on_body_write: called behind each write of body bytes with their number and `output_size`.
    """

    buffer_size: int = 0
    output_size: int = 0
    length: int | None = 0
    is_started = False  # True once bytes of the message have left
    has_body = True  # False when no byte of a body may follow the head
    on_body_write: Callable[[int, int], None] | None = None

    @property
    def transport(self) -> Any:  # Any: tests write to transports of their own
        """The transport written to; None once it is lost, and for writers without one."""
        return None

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

    def send_headers(self) -> None:  # noqa: B027 - a writer that holds nothing back has nothing to do
        """Send a head that was held for the first bytes of its body."""

    @abstractmethod
    async def write_headers(self, status_line: str, headers: "CIMultiDict[str]") -> None:
        """Send the head."""


class AbstractMatchInfo(ABC):
    """What a router found for a request: the handler, or the error to answer with."""

    @property
    @abstractmethod
    def handler(self) -> Callable[[Any], Awaitable[Any]]:
        """Answers the request; raises `http_exception` when that is set."""

    @property
    @abstractmethod
    def expect_handler(self) -> Callable[[Any], Awaitable[Any]]:
        """Called before the handler when the request has an Expect field (RFC 9110 §10.1.1)."""

    @property
    @abstractmethod
    def http_exception(self) -> Any:
        """The HTTPException to answer with, or None."""

    @abstractmethod
    def get_info(self) -> dict[str, Any]:
        """Describe the match, for people."""

    @property
    @abstractmethod
    def apps(self) -> tuple[Any, ...]:
        """The applications that lead to the handler, the outermost first."""

    @abstractmethod
    def add_app(self, app: Any) -> None:
        """Put `app` in front of `apps`."""

    @abstractmethod
    def freeze(self) -> None:
        """Refuse further `add_app` calls."""


class AbstractRouter(ABC):
    """Finds the handler of a request."""

    def __init__(self) -> None:
        self._frozen = False

    def post_init(self, app: Any) -> None:  # noqa: B027 - a hook, empty on purpose
        """Learn the application that uses this router."""

    @property
    def frozen(self) -> bool:
        """True when no more routes are taken."""
        return self._frozen

    def freeze(self) -> None:
        """Take no more routes."""
        self._frozen = True

    @abstractmethod
    async def resolve(self, request: Any) -> AbstractMatchInfo:
        """Return what was found for `request`."""


class AbstractView(ABC):
    """A handler written as a class: made with the request, awaited for the response."""

    def __init__(self, request: Any) -> None:
        self._request = request

    @property
    def request(self) -> Any:
        """The request to answer."""
        return self._request

    @abstractmethod
    def __await__(self) -> Generator[Any, None, Any]:
        """Answer the request."""


class AbstractAccessLogger(ABC):
    """Writes a line for each request that was answered."""

    __slots__ = ("log_format", "logger")

    def __init__(self, logger: logging.Logger, log_format: str) -> None:
        self.logger = logger
        self.log_format = log_format

    @abstractmethod
    def log(self, request: Any, response: Any, time: float) -> None:
        """Log `request` and its `response`, which took `time` seconds."""

    @property
    def enabled(self) -> bool:
        """False when lines would go nowhere, so that nothing is computed for them."""
        return True
