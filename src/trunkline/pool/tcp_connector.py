"""`TCPConnector`: connections over TCP, with a DNS cache, and TLS for https.

Its underscored methods are hooks: subclasses in the field override them, so they have aiohttp's names and shapes, and
are asked for each new connection where they are overridden.
"""

import asyncio
import socket
import warnings
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiohappyeyeballs import AddrInfoType, SocketFactoryType

from trunkline import hdrs
from trunkline.abc import AbstractResolver, ResolveResult
from trunkline.conn.errors import ClientConnectionError
from trunkline.ground.caller import outer_level
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.pool.connector import BaseConnector
from trunkline.pool.establish import PRIOR_KNOWLEDGE, Establisher
from trunkline.pool.hooks import CreateByHook, Hooks, weak
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.handshake import TLSOptions
from trunkline.transport.race import RACE_DELAY_S, RaceOptions, resolved
from trunkline.transport.resolve import DefaultResolver
from trunkline.transport.tcp import open_tcp
from trunkline.transport.tls import Fingerprint, TLSSetting, checked_setting, default_context

if TYPE_CHECKING:
    from trunkline.transport.policy import Policy

P = TypeVar("P", bound=asyncio.BaseProtocol)
F = TypeVar("F", bound=Callable[..., Any])

# "public", a network, or a function of (host, ip, port); ip is None for a name that a proxy resolves.
Allowed = str | IPv4Network | IPv6Network | Callable[[str, IPv4Address | IPv6Address | None, int], bool]


class TCPConnector(BaseConnector):
    """Connects over TCP, with TLS for https.

    ssl: True verifies by the system's trust store, False not at all; an SSLContext or a Fingerprint says how.
    use_dns_cache, ttl_dns_cache (seconds, None for ever), dns_cache_max_size (names): the DNS cache. The default of
    ttl_dns_cache gives way to the time to live of the records, where the resolver tells it, as aiodns does.
    family: 0 for both, or socket.AF_INET or AF_INET6. local_addr: (host, port) to bind to.
    resolver: an AbstractResolver; its owner closes it. happy_eyeballs_delay (seconds), interleave: RFC 8305.
    socket_factory: makes sockets from address infos. ssl_shutdown_timeout: accepted.
    allow, beyond aiohttp: what may be connected to, by address and after resolution: "public", networks, a function
    (host, ip, port) -> bool, or a list of such; None for all (docs/ssrf.md).
    http2, beyond aiohttp: True offers HTTP/2 over TLS, False does not, "prior-knowledge" also speaks it over http. An
    SSLContext given as ssl decides for itself (set_alpn_protocols), and force_close=True goes with HTTP/1.1 alone.
    verify_ssl, fingerprint, ssl_context: deprecated ways to say `ssl`. The rest is as in BaseConnector.
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
        queue_limit: int | None = None,
        queue_timeout: float | None = None,
        max_connection_age: float | None = None,
        allow: Allowed | Iterable[Allowed] | None = None,
        http2: bool | str = True,
    ) -> None:
        self._ssl = merged_ssl(ssl, verify_ssl, ssl_context, fingerprint)
        self._address_policy = None if allow is None else _policy_of(allow)
        self._race = RaceOptions(local_addr, happy_eyeballs_delay, interleave, socket_factory)
        self._http2 = _checked_http2(http2, force_close)
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
            queue_limit=queue_limit,
            queue_timeout=queue_timeout,
            max_connection_age=max_connection_age,
        )

    def _make_establisher(self, loop: asyncio.AbstractEventLoop) -> Establisher | CreateByHook:
        if self._resolver is None:
            self._resolver = DefaultResolver(loop=loop)
        ttl_s, max_size = self._dns_settings
        self._dns = DNSCache(self._resolver, ttl_s, max_size, family=self._family)
        cls = type(self)
        if cls._create_connection is not BaseConnector._create_connection:
            if self._address_policy is not None:
                raise ValueError(
                    f"{cls.__name__}._create_connection() connects by itself, where allow= cannot see the addresses; "
                    "override _resolve_host() instead, or leave allow= out"
                )
            return super()._make_establisher(loop)
        return Establisher(
            loop,
            self._dns,
            ssl_setting=self._ssl,
            race=self._race,
            hooks=weak(self._hooks),
            policy=self._address_policy,
            http2=self._http2,
        )

    def _hooks(self) -> Hooks:
        return Hooks(
            _own(self._resolve_host),
            _own(self._wrap_create_connection),
            _own(self._update_proxy_auth_header_and_build_proxy_req),
            _own(self._get_ssl_context),
        )

    # What subclasses of users override, and call; only theirs are asked when a connection is opened (docs/adr/014).
    # Any: requests, timeouts and traces are of modules above this one.

    async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        return await self._dns.resolve(host, port, traces or None)

    async def _wrap_create_connection(
        self,
        protocol_factory: Callable[[], P],
        *,
        addr_infos: Sequence[AddrInfoType],
        req: Any,
        timeout: Any = None,
        client_error: type[Exception] = ClientConnectionError,
        ssl: Any = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, P]:
        addresses = [resolved(addr_info, req.host) for addr_info in addr_infos]
        port = addresses[0]["port"]
        tls = None if ssl is None else TLSOptions(ssl, server_hostname or req.host)
        return await open_tcp(protocol_factory, addresses, req.host, port, tls, self._race)

    def _update_proxy_auth_header_and_build_proxy_req(self, req: Any) -> Any:
        """Return a request to the proxy, whose fields go with CONNECT."""
        proxy_req = type(req)("GET", req.proxy, headers=req.proxy_headers, auth=req.proxy_auth, loop=self._loop)
        credentials = proxy_req.headers.pop(hdrs.AUTHORIZATION, None)
        if credentials is not None:
            (proxy_req if req.is_ssl() else req).headers[hdrs.PROXY_AUTHORIZATION] = credentials
        return proxy_req

    def _get_ssl_context(self, req: Any) -> SSLContext | None:
        if not req.is_ssl():
            return None
        setting = self._ssl if req.ssl is True else req.ssl
        return setting if isinstance(setting, SSLContext) else default_context(setting is True)

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

    async def _close_resolving(self) -> None:
        await self._dns.close()
        if self._owns_resolver and self._resolver is not None:
            await self._resolver.close()


def _policy_of(allow: object) -> "Policy":
    from trunkline.transport.policy import policy_of  # few need it (docs/adr/009)

    return policy_of(allow)


def _checked_http2(http2: bool | str, force_close: bool) -> bool | str:
    """Return how HTTP/2 is offered; raise ValueError for another word, or for a contradiction."""
    if not isinstance(http2, bool) and http2 != PRIOR_KNOWLEDGE:
        raise ValueError(f"http2 is {http2!r}; pass True, False or {PRIOR_KNOWLEDGE!r}")
    if force_close and http2 == PRIOR_KNOWLEDGE:
        raise ValueError("force_close uses each connection once, for which HTTP/2 is not made; leave one of them out")
    return False if force_close else http2


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
        stacklevel=outer_level(),
    )
    if len(old) > 1 or setting is not True:
        raise ValueError("verify_ssl, ssl_context, fingerprint and ssl parameters are mutually exclusive")
    return checked_setting(old[0])


# As they are here; tests replace them in the class.
_OURS: Final = (
    TCPConnector._resolve_host,
    TCPConnector._wrap_create_connection,
    TCPConnector._update_proxy_auth_header_and_build_proxy_req,
    TCPConnector._get_ssl_context,
)


def _own(hook: F) -> F | None:
    """Return a connector's hook, or None when nobody has replaced ours. A mock has no `__func__`."""
    return None if getattr(hook, "__func__", None) in _OURS else hook
