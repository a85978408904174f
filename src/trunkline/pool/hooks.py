"""What a subclass of a connector may replace in the opening of connections: resolving, connecting, or all of it.

The shapes are those of aiohttp's `_resolve_host`, `_wrap_create_connection` and `_create_connection`, which libraries
override. Connections keep the pool alive and the pool its hooks; the connector must not live by them, lest nobody sees
that it was dropped unclosed. So hooks are held weakly.
"""

import ssl as tls
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

from trunkline.abc import ResolveResult
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.errors import ClientError
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.ground.probe import Probe
from trunkline.transport.errors import CertificateError, ConnectError, ResolveError, TLSError

F = TypeVar("F", bound=Callable[..., Any])

Resolve = Callable[[str, int, Probe | None], Awaitable[list[ResolveResult]]]


class NoTimeouts(NamedTuple):
    """The timeouts of a replacement: none, because the pool keeps them."""

    total: float | None = None
    connect: float | None = None
    sock_connect: float | None = None
    sock_read: float | None = None


class Connect(Protocol):
    """Opens a connection, with TLS if `ssl` is a context, and returns its transport and its ClientH1."""

    def __call__(
        self,
        protocol_factory: Callable[[], ClientH1],
        *,
        addr_infos: list[Any],  # Any: tuples as `socket.getaddrinfo` returns them
        req: Any,  # Any: the client's request, whose module is above this one
        timeout: NoTimeouts,
        client_error: type[Exception],
        ssl: tls.SSLContext | None,
        server_hostname: str | None,
    ) -> Awaitable[tuple[Any, Any]]: ...  # Any: what users return is checked


class Hooks(NamedTuple):
    """What is replaced at the moment; None where nothing is.

    resolve, connect: in place of the DNS cache, and of opening the sockets that lead to origins without a proxy.
    proxy_request: makes of a request one whose fields go to the proxy. Any: requests are of a module above this.
    ssl_context: tells the context for a request over TLS.
    """

    resolve: Resolve | None = None
    connect: Connect | None = None
    proxy_request: Callable[[Any], Any] | None = None
    ssl_context: Callable[[Any], tls.SSLContext | None] | None = None


NO_HOOKS: Final = Hooks()


def weak(method: F) -> F:
    """Return a callable like the bound `method` that does not keep its object alive."""
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any, **options: Any) -> Any:  # Any: those of `method`
        bound = reference()
        if bound is None:
            raise RuntimeError("the connector is gone; keep it as long as its connections are used")
        return bound(*arguments, **options)

    return cast(F, call)


@contextmanager
def as_ours(host: str, port: int, kind: type[ResolveError] | type[ConnectError]) -> Iterator[None]:
    """Raise errors of the operating system and of TLS, which a hook lets through, as errors of this package."""
    try:
        yield
    except OSError as error:
        if isinstance(error, (ClientError, TimeoutError)):
            raise
        if isinstance(error, tls.SSLCertVerificationError):
            raise CertificateError(host, port, error) from error
        raise (TLSError if isinstance(error, tls.SSLError) else kind)(host, port, error) from error


class CreateByHook:
    """Opens connections by a connector's `_create_connection(req, traces, timeout)`."""

    dns = sessions = None  # nothing is known of names and TLS here

    def __init__(self, create: Callable[..., Awaitable[Any]]) -> None:  # Any: what users return is checked
        self._create = create

    def may_share(self, key: ConnectionKey) -> bool:
        """Return False: what a hook opens speaks HTTP/1.1."""
        return False

    def takes_connect(self, key: ConnectionKey) -> bool:
        """Return False, for the same reason."""
        return False

    def join(self, key: ConnectionKey) -> None:
        """Return None: what a hook opens is not shared."""

    async def open(self, key: ConnectionKey, exchange: Exchange) -> ClientH1:
        """Return a new connection; its owner has still to be set. Raises what the hook raises."""
        with as_ours(key.host, key.port or 0, ConnectError):
            protocol = await self._create(exchange.request, exchange.probe or [], NoTimeouts())
        if not isinstance(protocol, ClientH1):
            raise TypeError(f"_create_connection() returned a {type(protocol).__name__}; wanted a ResponseHandler")
        protocol.key = key
        return protocol

    def save_session(self, connection: ClientConnection) -> None:
        """There is nowhere to keep it."""
