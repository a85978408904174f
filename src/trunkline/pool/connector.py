"""`BaseConnector`, and `UnixConnector` beside other ones to a path: the pool as users set it up and look at it.

A connector belongs to the loop it was made on. It may be shared by several sessions. Work is done by `Pool`, which
connections keep alive; the connector itself is held by users alone, so that one that is dropped unclosed can tell.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from threading import current_thread
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from aiohappyeyeballs import AddrInfoType, SocketFactoryType

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.ground.caller import caller, caller_and_import, outer_level
from trunkline.ground.errors import TrunklineError
from trunkline.ground.forks import watch
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.pool.connection import Connection
from trunkline.pool.establish import Establisher
from trunkline.pool.hooks import CreateByHook, weak
from trunkline.pool.pool import Pool
from trunkline.pool.rules import ConnectLimits, PoolRules, checked_queue_limit, checked_queue_timeout
from trunkline.pool.slots import Slots

if TYPE_CHECKING:
    from trunkline.pool.stats import PoolStats

KEEPALIVE_S: Final = 15.0  # aiohttp's default; below nginx's 75 s and most load balancers' 60 s

__all__ = ("AddrInfoType", "BaseConnector", "SocketFactoryType", "UnixConnector")


class BaseConnector:
    """What all connectors have in common: a pool of connections with limits.

    keepalive_timeout: seconds that an idle connection is kept; None for ever. limit: sockets in all, limit_per_host:
    sockets to one (host, port, is_ssl); 0 for no limit. force_close: use each connection once.
    enable_cleanup_closed, timeout_ceil_threshold: accepted; what they work around does not arise here.

    Beyond aiohttp: queue_limit: how many requests may wait for a connection; one more fails with PoolQueueFull,
    whatever its priority. queue_timeout: seconds that one may wait; then it fails with ConnectionTimeoutError.
    max_connection_age: seconds after which a connection is not used again, less up to a tenth, so that changes of DNS
    are followed. None, the default of each, is no limit.
    """

    allowed_protocol_schema_set: frozenset[str] = frozenset({"", "http", "https", "ws", "wss"})
    _closed = True  # until it is complete, for __del__
    _is_finished = False  # `close` is done; `_closed` is true before
    inherited_from = 0  # in a forked child: the process that goes on with its connections

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
        queue_limit: int | None = None,
        queue_timeout: float | None = None,
        max_connection_age: float | None = None,
    ) -> None:
        """Raises RuntimeError when no loop is running, ValueError for arguments that contradict each other."""
        if force_close and keepalive_timeout is not None and keepalive_timeout is not sentinel:
            raise ValueError("keepalive_timeout cannot be set if force_close is True")
        self._loop = loop or _running_loop(type(self).__name__)
        keepalive_s = KEEPALIVE_S if isinstance(keepalive_timeout, Sentinel) else keepalive_timeout
        self._keepalive_timeout = keepalive_s
        rules = _pool_rules(keepalive_s, force_close, queue_limit, queue_timeout, max_connection_age)
        slots: Slots[ClientConnection] = Slots(
            _checked_limit("limit", limit), _checked_limit("limit_per_host", limit_per_host)
        )
        self._establisher = self._make_establisher(self._loop)
        self.pool = Pool(self._loop, slots, self._establisher, rules)
        if limit:
            from trunkline.pool.descriptors import check_limit  # the pool has imported it

            check_limit(limit)
        self._made_at = caller(self._loop.get_debug())
        self.made_at_s = self._loop.time()
        self._thread_name = current_thread().name
        self._closed = False
        watch(self)

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
                f"Unclosed connector {self!r} with {sockets} open connections; "
                f"use `async with` on its session, or await its close(); made at {self._made_at}",
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

    def stats(self) -> "PoolStats":
        """Tell what its pool has done since it was made or its stats were reset, and what it does now.

        May be called in any thread, and after `close`.
        """
        return self.pool.counters.snapshot(self.pool.slots, len(self.pool.openings))

    def reset_stats(self) -> None:
        """Begin to count anew; what is open or waits stays as it is."""
        self.pool.counters.reset(self.pool.sockets)

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
    def _acquired(self) -> frozenset[ClientConnection]:
        return frozenset(self.pool.slots.acquired)

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections and wait until their sockets are gone; requests under way fail. Idempotent.

        abort_ssl: accepted; TLS is always closed with one alert and without waiting for the peer's.
        """
        if not self._is_finished:
            self.check_loop()
        if not self._is_finished:
            self._closed = True
            try:
                await self.pool.close()
            finally:
                await self._close_resolving()
            self._is_finished = True

    async def _close_resolving(self) -> None:
        """Close what tells the addresses of hosts, if there is something."""

    def check_loop(self) -> None:
        """Raise RuntimeError when there are sockets to close that belong to another loop than the running one.

        When that loop is closed nothing can be closed any more: a ResourceWarning says so, and the connector is closed.
        """
        if asyncio.get_running_loop() is self._loop or not self.pool.slots.taken or self._is_finished:
            return
        from trunkline.ground.belonging import wrong_loop  # for the message

        advice = "its connections can be closed only there: await close() before that loop ends"
        error = wrong_loop("this connector", self._loop, self._thread_name, self._made_at, advice)
        if not self._loop.is_closed():
            raise error
        self._closed = self._is_finished = True
        self.pool.closed = True
        warnings.warn(str(error), ResourceWarning, stacklevel=outer_level())

    def leave_to_parent(self, parent_pid: int) -> None:
        """Be closed, in a forked child, without a word to the peers: process `parent_pid` goes on talking to them."""
        self._closed = self._is_finished = True
        self.inherited_from = parent_pid
        self.pool.leave_to_parent()


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
        queue_limit: int | None = None,
        queue_timeout: float | None = None,
        max_connection_age: float | None = None,
    ) -> None:
        self._path = path
        super().__init__(
            force_close=force_close,
            keepalive_timeout=keepalive_timeout,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
            queue_limit=queue_limit,
            queue_timeout=queue_timeout,
            max_connection_age=max_connection_age,
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


def _pool_rules(
    keepalive_s: float | None,
    force_close: bool,
    queue_limit: int | None,
    queue_timeout: float | None,
    max_connection_age: float | None,
) -> PoolRules:
    if max_connection_age is not None and not max_connection_age > 0:  # NaN is not, either
        raise ValueError(
            f"max_connection_age is {max_connection_age}; pass seconds above 0, or None for no limit "
            "(force_close=True uses each connection once)"
        )
    return PoolRules(
        keepalive_s,
        force_close,
        max_connection_age,
        checked_queue_timeout(queue_timeout),
        checked_queue_limit(queue_limit),
    )


def _running_loop(what: str) -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            f"no running event loop: a {what} belongs to one loop, so make it inside a coroutine "
            "(for example at the start of the function that asyncio.run() runs), not at import time; "
            f"this one was made at {caller_and_import()}"
        ) from None
