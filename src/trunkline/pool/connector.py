"""`BaseConnector`, and `UnixConnector` beside other ones to a path: the pool as users set it up and look at it.

A connector belongs to the loop it was made on. It may be shared by several sessions. Work is done by `Pool`, which
connections keep alive; the connector itself is held by users alone, so that one that is dropped unclosed can tell.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from aiohappyeyeballs import AddrInfoType, SocketFactoryType

from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.ground.caller import caller
from trunkline.ground.errors import TrunklineError
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.pool.connection import Connection
from trunkline.pool.establish import Establisher
from trunkline.pool.hooks import CreateByHook, weak
from trunkline.pool.pool import ConnectLimits, Pool
from trunkline.pool.slots import Slots

KEEPALIVE_S: Final = 15.0  # aiohttp's default; below nginx's 75 s and most load balancers' 60 s

__all__ = ("AddrInfoType", "BaseConnector", "SocketFactoryType", "UnixConnector")


class BaseConnector:
    """What all connectors have in common: a pool of connections with limits.

    keepalive_timeout: seconds that an idle connection is kept; None for ever. limit: sockets in all, limit_per_host:
    sockets to one (host, port, is_ssl); 0 for no limit. force_close: use each connection once.
    enable_cleanup_closed, timeout_ceil_threshold: accepted; what they work around does not arise here.
    """

    allowed_protocol_schema_set: frozenset[str] = frozenset({"", "http", "https", "ws", "wss"})
    _is_finished = False  # `close` was called; `_closed` is true before, if `_close` was

    def __init__(
        self,
        *,
        keepalive_timeout: float | Sentinel | None = sentinel,
        force_close: bool = False,
        limit: int = 100,
        limit_per_host: int = 0,
        enable_cleanup_closed: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        timeout_ceil_threshold: float = 5,
    ) -> None:
        """Raises RuntimeError when no loop is running, ValueError for arguments that contradict each other."""
        self._closed = True  # until it is complete, for __del__
        if force_close and keepalive_timeout is not None and keepalive_timeout is not sentinel:
            raise ValueError("keepalive_timeout cannot be set if force_close is True")
        self._loop = loop or _running_loop(type(self).__name__)
        keepalive_s = KEEPALIVE_S if isinstance(keepalive_timeout, Sentinel) else keepalive_timeout
        self._keepalive_timeout = keepalive_s
        slots: Slots[ClientH1] = Slots(
            _checked_limit("limit", limit), _checked_limit("limit_per_host", limit_per_host), keepalive_s
        )
        self._establisher = self._make_establisher(self._loop)
        self.pool = Pool(self._loop, slots, self._establisher)
        self.pool.force_close = force_close
        self._made_at = caller()
        self._closed = False

    def _make_establisher(self, loop: asyncio.AbstractEventLoop) -> Establisher | CreateByHook:
        return CreateByHook(weak(self._create_connection))

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        """Open a connection for `req` and return its ResponseHandler, connected to a transport.

        For subclasses that connect in a way of their own. Any: a ClientRequest, Traces and a ClientTimeout.
        """
        raise NotImplementedError(
            f"{type(self).__name__} opens no connections; override _create_connection(), or use TCPConnector"
        )

    @property
    def _factory(self) -> Callable[[], ClientH1]:
        return partial(ClientH1, self._loop)

    def _close(self) -> None:
        """Begin to close all connections; `close` may still be awaited for the rest."""
        if not self._closed:
            self._closed = True
            self.pool.shut()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        # _warn: modules may be gone when the interpreter ends.
        if self._closed:
            return
        self._closed = True
        sockets = self.pool.slots.taken
        if sockets:
            # Garbage may be collected in any thread; the pool is its loop's.
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self.pool.shut)
            _warn(
                f"Unclosed connector {self!r}, made at {self._made_at}, with {sockets} open connections; "
                "use `async with` on its session, or await its close()",
                ResourceWarning,
                source=self,
            )

    def __enter__(self) -> None:
        raise TypeError("use `async with` instead of `with`: closing a connector takes time")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        exc_traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._closed

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it belongs to."""
        return self._loop

    @property
    def force_close(self) -> bool:
        """True when each connection is used once."""
        return self.pool.force_close

    @property
    def limit(self) -> int:
        """Sockets in all; 0 for no limit."""
        return self.pool.slots.limit

    @property
    def limit_per_host(self) -> int:
        """Sockets to one (host, port, is_ssl); 0 for no limit."""
        return self.pool.slots.limit_per_host

    async def connect(self, req: Any, traces: Any = None, timeout: Any = None) -> Connection:
        """Return a connection for `req`, from the pool or a new one; waits while `limit` is exhausted.

        Any: a ClientRequest, Traces and a ClientTimeout, whose modules are above this one. The caller sends with
        `req.send(connection)`, or releases it. Raises the errors of `ClientSession.request`.
        """
        exchange: Exchange = req.new_exchange(ExchangeRules())
        exchange.probe = traces or None
        limits = ConnectLimits() if timeout is None else ConnectLimits(timeout.connect, timeout.sock_connect)
        try:
            connection = await self.pool.acquire(req.connection_key, exchange, limits)
        except TrunklineError as error:
            raise exchange.as_public(exchange, error) from error
        return Connection(exchange, self._loop, connection)

    @property
    def _conns(self) -> Mapping[ConnectionKey, Any]:
        # Any: each value is a deque of (connection, idle since). Read by programs that watch reuse.
        return MappingProxyType(self.pool.slots.idle)

    @property
    def _acquired(self) -> frozenset[ClientH1]:
        return frozenset(self.pool.slots.acquired)

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections and wait until their sockets are gone; requests under way fail. Idempotent.

        abort_ssl: accepted; TLS is always closed with one alert and without waiting for the peer's.
        """
        if not self._is_finished:
            self.check_loop()
            self._closed = self._is_finished = True
            await self.pool.close()

    def check_loop(self) -> None:
        """Raise RuntimeError when there are sockets to close that belong to another loop than the running one."""
        running = asyncio.get_running_loop()
        if running is not self._loop and self.pool.slots.taken:
            raise RuntimeError(
                f"the connections of this connector belong to the event loop {self._loop!r}, and cannot be closed on "
                f"{running!r}; await close() in the loop (and thread) that made it, before that loop ends"
            )


_CONNECT: Final = BaseConnector.connect


def own_connect(connector: BaseConnector) -> "Callable[..., Awaitable[Connection]] | None":
    """The connector's `connect`, when a subclass, a test double or a proxy object has replaced ours; None otherwise."""
    connect = connector.connect
    return None if getattr(connect, "__func__", None) is _CONNECT else connect


class PathConnector(BaseConnector):
    """What connectors to a path have in common, whatever the host of the URL is."""

    def __init__(
        self,
        path: str,
        force_close: bool = False,
        keepalive_timeout: float | Sentinel | None = sentinel,
        limit: int = 100,
        limit_per_host: int = 0,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._closed = True  # until it is complete, for __del__
        self._path = path
        super().__init__(
            force_close=force_close,
            keepalive_timeout=keepalive_timeout,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
        )

    @property
    def path(self) -> str:
        """The path connected to."""
        return self._path


class UnixConnector(PathConnector):
    """Connects to the Unix socket at `path`, whatever the host of the URL."""

    allowed_protocol_schema_set = BaseConnector.allowed_protocol_schema_set | {"unix"}

    def _make_establisher(self, loop: asyncio.AbstractEventLoop) -> Establisher:
        return Establisher(loop, None, path=self._path)


def _checked_limit(name: str, value: int | None) -> int:
    if value is None:
        return 0
    if not isinstance(value, int):
        raise TypeError(f"{name} is of type {type(value).__name__}; pass a number of sockets, or 0 for no limit")
    if value < 0:  # no socket would ever be opened
        raise ValueError(f"{name} is {value}; pass a number of sockets, or 0 for no limit")
    return value


def _running_loop(what: str) -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            f"no running event loop: a {what} belongs to one loop, so make it inside a coroutine "
            "(for example at the start of the function that asyncio.run() runs), not at import time"
        ) from None
