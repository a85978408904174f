"""`BaseConnector`, `TCPConnector`, `UnixConnector`: the pool as users set it up and look at it.

A connector belongs to the loop it was made on. It may be shared by several sessions. Work is done by `Pool`, which
connections keep alive; the connector itself is held by users alone, so that one that is dropped unclosed can tell.
"""

import asyncio
import socket
import warnings
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from aiohappyeyeballs import AddrInfoType, SocketFactoryType

from trunkline.abc import AbstractResolver
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.key import ConnectionKey
from trunkline.ground.caller import caller
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.pool.establish import Establisher
from trunkline.pool.pool import Pool
from trunkline.pool.slots import Slots
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.race import RACE_DELAY_S, RaceOptions
from trunkline.transport.resolve import DefaultResolver
from trunkline.transport.tls import Fingerprint, TLSSetting, checked_setting

KEEPALIVE_S: Final = 15.0  # aiohttp's default; below nginx's 75 s and most load balancers' 60 s

__all__ = ("AddrInfoType", "BaseConnector", "SocketFactoryType", "TCPConnector", "UnixConnector")


class BaseConnector:
    """What all connectors have in common: a pool of connections with limits.

    keepalive_timeout: seconds that an idle connection is kept; None for ever. limit: sockets in all, limit_per_host:
    sockets to one (host, port, is_ssl); 0 for no limit. force_close: use each connection once.
    enable_cleanup_closed, timeout_ceil_threshold: accepted; what they work around does not arise here.
    """

    allowed_protocol_schema_set: frozenset[str] = frozenset({"", "http", "https", "ws", "wss"})

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

    def _make_establisher(self, loop: asyncio.AbstractEventLoop) -> Establisher:
        raise NotImplementedError("BaseConnector opens no connections; use TCPConnector or UnixConnector")

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
        if not self._closed:
            self.check_loop()
            self._closed = True
            await self.pool.close()

    def check_loop(self) -> None:
        """Raise RuntimeError when there are sockets to close that belong to another loop than the running one."""
        running = asyncio.get_running_loop()
        if running is not self._loop and self.pool.slots.taken:
            raise RuntimeError(
                f"the connections of this connector belong to the event loop {self._loop!r}, and cannot be closed on "
                f"{running!r}; await close() in the loop (and thread) that made it, before that loop ends"
            )


class TCPConnector(BaseConnector):
    """Connects over TCP, with TLS for https.

    ssl: True verifies by the system's trust store, False not at all; an SSLContext or a Fingerprint says how.
    use_dns_cache, ttl_dns_cache (seconds, None for ever), dns_cache_max_size (names): the DNS cache.
    family: 0 for both, or socket.AF_INET or AF_INET6. local_addr: (host, port) to bind to.
    resolver: an AbstractResolver; its owner closes it. happy_eyeballs_delay (seconds), interleave: RFC 8305.
    socket_factory: makes sockets from address infos. ssl_shutdown_timeout: accepted.
    verify_ssl, fingerprint, ssl_context: deprecated ways to say `ssl`.
    """

    allowed_protocol_schema_set = BaseConnector.allowed_protocol_schema_set | {"tcp"}

    def __init__(
        self,
        *,
        verify_ssl: bool = True,
        fingerprint: bytes | None = None,
        use_dns_cache: bool = True,
        ttl_dns_cache: int | None = 10,
        dns_cache_max_size: int = 1000,
        family: socket.AddressFamily = socket.AddressFamily.AF_UNSPEC,
        ssl_context: Any = None,  # Any: deprecated; checked with the others
        ssl: TLSSetting = True,
        local_addr: tuple[str, int] | None = None,
        resolver: AbstractResolver | None = None,
        keepalive_timeout: float | Sentinel | None = sentinel,
        force_close: bool = False,
        limit: int = 100,
        limit_per_host: int = 0,
        enable_cleanup_closed: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        timeout_ceil_threshold: float = 5,
        happy_eyeballs_delay: float | None = RACE_DELAY_S,
        interleave: int | None = None,
        socket_factory: SocketFactoryType | None = None,
        ssl_shutdown_timeout: float | Sentinel | None = sentinel,
    ) -> None:
        self._closed = True  # until it is complete, for __del__
        self._ssl = merged_ssl(ssl, verify_ssl, ssl_context, fingerprint)
        self._race = RaceOptions(local_addr, happy_eyeballs_delay, interleave, socket_factory)
        self._family = family
        self._use_dns_cache = use_dns_cache
        self._resolver = resolver
        self._owns_resolver = resolver is None
        self._dns_settings = (ttl_dns_cache, dns_cache_max_size if use_dns_cache else 0)
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
            enable_cleanup_closed=enable_cleanup_closed,
            loop=loop,
            timeout_ceil_threshold=timeout_ceil_threshold,
        )

    def _make_establisher(self, loop: asyncio.AbstractEventLoop) -> Establisher:
        if self._resolver is None:
            self._resolver = DefaultResolver(loop=loop)
        ttl_s, max_size = self._dns_settings
        self._dns = DNSCache(self._resolver, ttl_s, max_size, family=self._family)
        return Establisher(loop, self._dns, ssl_setting=self._ssl, race=self._race)

    @property
    def family(self) -> int:
        """The address family of sockets; 0 for both."""
        return self._family

    @property
    def use_dns_cache(self) -> bool:
        """True when resolved names are remembered."""
        return self._use_dns_cache

    def clear_dns_cache(self, host: str | None = None, port: int | None = None) -> None:
        """Forget one name, given with its port, or all."""
        self._dns.clear(host, port)

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections and look-ups and wait until they are gone. Idempotent."""
        if not self._closed:
            self.check_loop()
            try:
                await super().close(abort_ssl=abort_ssl)
            finally:
                await self._dns.close()
                if self._owns_resolver and self._resolver is not None:
                    await self._resolver.close()


class UnixConnector(BaseConnector):
    """Connects to the Unix socket at `path`, whatever the host of the URL."""

    allowed_protocol_schema_set = BaseConnector.allowed_protocol_schema_set | {"unix"}

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

    def _make_establisher(self, loop: asyncio.AbstractEventLoop) -> Establisher:
        return Establisher(loop, None, path=self._path)

    @property
    def path(self) -> str:
        """Path of the socket."""
        return self._path


def merged_ssl(ssl: object, verify_ssl: bool | None, ssl_context: object, fingerprint: bytes | None) -> TLSSetting:
    """Return the one TLS setting that `ssl` and its deprecated forms ask for; raise when they contradict."""
    setting = checked_setting(ssl)
    old: list[object] = []
    if verify_ssl is not None and not verify_ssl:
        old.append(False)
    if ssl_context is not None:
        old.append(ssl_context)
    if fingerprint is not None:
        old.append(Fingerprint(fingerprint))
    if not old:
        return setting
    warnings.warn(
        "verify_ssl, ssl_context and fingerprint are deprecated; say ssl=False, ssl=context or ssl=Fingerprint(…)",
        DeprecationWarning,
        stacklevel=4,
    )
    if len(old) > 1 or setting is not True:
        raise ValueError("verify_ssl, ssl_context, fingerprint and ssl parameters are mutually exclusive")
    return checked_setting(old[0])


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
