"""Open a connection for a key: resolve, race, secure, and choose the class that speaks the protocol.

This is the only place that knows which protocol versions there are, and which ways: straight, over a Unix socket,
through a proxy, or by the hooks of a connector's subclass. A proxy is verified like an origin, by the same setting;
but a Fingerprint pins the origin alone. Whoever fails to connect makes the DNS cache forget,
unless it has learnt of other addresses since.
"""

import asyncio
import errno
from collections.abc import Callable, Hashable
from ssl import SSLContext
from typing import TYPE_CHECKING, Final, TypeVar

from yarl import URL

from trunkline import hdrs
from trunkline.abc import ResolveResult
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.errors import ClientConnectionError
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import HTTP_PROXIES, ConnectionKey
from trunkline.ground.probe import Mark, Probe, no_mark
from trunkline.pool.hooks import NO_HOOKS, Connect, Hooks, NoTimeouts, as_ours
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.errors import (
    ConnectError,
    FingerprintMismatch,
    NotAllowed,
    ProxyUnreachable,
    ResolveError,
    TLSError,
)
from trunkline.transport.handshake import TLSOptions, start_tls
from trunkline.transport.race import DEFAULT_RACE, FailedAddresses, RaceOptions, addr_info
from trunkline.transport.tcp import open_on, open_tcp, open_unix
from trunkline.transport.tls import HTTP2_ALPN, HTTP11_ALPN, Fingerprint, TLSSetting, checked_setting, context_for
from trunkline.transport.tls_sessions import SessionCache

if TYPE_CHECKING:
    from trunkline.conn.client_h2 import ClientH2
    from trunkline.pool.sharing import SharedConnections
    from trunkline.transport.policy import Policy

P = TypeVar("P", bound=asyncio.BaseProtocol)

SOCKS_PORT: Final = 1080  # RFC 1928 §3
PRIOR_KNOWLEDGE: Final = "prior-knowledge"  # RFC 9113 §3.3
_NO_DESCRIPTOR: Final = (errno.EMFILE, errno.ENFILE)  # which is no fault of an address


class Establisher:
    """Opens connections over TCP, or over the Unix socket at `path`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        dns: DNSCache | None,
        *,
        ssl_setting: TLSSetting = True,
        race: RaceOptions = DEFAULT_RACE,
        path: str | None = None,
        hooks: Callable[[], Hooks] = lambda: NO_HOOKS,
        policy: "Policy | None" = None,
        http2: bool | str = False,
    ) -> None:
        """dns: None for a Unix socket. ssl_setting: holds for keys whose own is True, the default.

        hooks: tells what is replaced; asked anew for each connection, for tests replace methods of classes.
        policy: tells which addresses may be connected to; None for all. http2: offered over TLS; PRIOR_KNOWLEDGE: and
        spoken without.
        """
        self._loop = loop
        self._dns = dns
        self._ssl_setting = ssl_setting
        self._race = race
        self._path = path
        self._hooks = hooks
        self._policy = policy
        self._http2 = http2
        self._shared: SharedConnections | None = None  # loaded by those who may need it
        self._failed = FailedAddresses() if dns is None else FailedAddresses(dns.refresh)
        self.sessions = SessionCache()

    def join(self, key: ConnectionKey) -> ClientConnection | None:
        """Return a place on a connection that is open and carries many exchanges; None when there is none."""
        return None if self._shared is None else self._shared.join(key)

    def takes_connect(self, key: ConnectionKey) -> bool:
        """Tell whether an extended CONNECT may be sent to the server of `key`, with which we have a connection."""
        return self._shared is not None and self._shared.takes_connect(key)

    async def open(self, key: ConnectionKey, exchange: Exchange) -> ClientConnection:
        """Return a new connection, or a place on one that others share; its owner has still to be set.

        Raises TransportError, and ValueError when a field for the proxy cannot be sent.
        """
        if self.may_share(key):
            return await self._sharing().open(key, exchange)
        connection = await self._open_own(key, exchange, False)
        if isinstance(connection, ClientH1):
            return connection
        return connection.new_lane()

    def may_share(self, key: ConnectionKey) -> bool:
        """Tell whether a connection for `key` may turn out to speak HTTP/2."""
        if not key.is_ssl:
            return self._http2 == PRIOR_KNOWLEDGE and not key.is_http1 and not key.is_forwarded
        return (bool(self._http2) and not key.is_http1) or isinstance(self._asked(key), SSLContext)

    def _asked(self, key: ConnectionKey) -> TLSSetting:
        setting: TLSSetting = self._ssl_setting if key.ssl is True else key.ssl
        return setting

    def _sharing(self) -> "SharedConnections":
        if self._shared is None:
            from trunkline.pool.sharing import SharedConnections  # not at import time

            self._shared = SharedConnections(self._loop, self._open_own)
        return self._shared

    async def _open_own(self, key: ConnectionKey, exchange: Exchange, offers_h2: bool) -> "ClientH1 | ClientH2":
        """Open a connection, with its socket."""
        asked = self._asked(key)
        connection: ClientH1 | ClientH2
        makers = _Makers(self._loop, key, offers_h2 and not key.is_http1 and bool(self._http2))
        try:
            hooks = self._hooks()
            setting = asked
            if key.is_ssl and hooks.ssl_context is not None:
                setting = checked_setting(hooks.ssl_context(exchange.request))
            if hooks.connect is not None and key.proxy is None:
                connection = await self._open_by_hook(hooks.connect, makers.h1(), exchange, setting)
            else:
                await self._open(makers, exchange, setting)
                connection = makers.made[-1]
            if key.is_ssl and isinstance(asked, Fingerprint):
                _check_pin(asked, connection.key, connection.transport)
        except BaseException:
            for one in makers.made:
                one.abort()
            raise
        return connection

    async def _open(self, makers: "_Makers", exchange: Exchange, setting: TLSSetting) -> None:
        key = makers.key
        tls = None
        if key.is_ssl:
            tls = await self._tls_options(setting, _peer(key, setting), key.server_hostname or key.host, makers)
        port = _port(key)
        if self._policy is not None and key.proxy is not None:
            self._policy.check_behind_proxy(key.host, port)
        factory = makers.usual
        if self._path is not None:
            await self._open_unix(factory, self._path, tls, _mark(exchange.probe))
        elif key.proxy is None:
            await self._open_tcp(factory, key.host, port, tls, exchange.probe)
        elif key.proxy.scheme not in HTTP_PROXIES:
            await self._open_socks(factory, key, tls, exchange.probe)
        elif tls is None:
            await self._open_to_proxy(factory, key.proxy, setting, exchange.probe)
        else:
            transport = await self._open_tunnel(key, exchange, setting)
            _mark(exchange.probe)("tls")
            await start_tls(transport, factory, key.host, port, tls)

    async def _open_tcp(
        self, factory: Callable[[], P], host: str, port: int, tls: TLSOptions | None, probe: Probe | None
    ) -> tuple[asyncio.Transport, P]:
        addresses = await self._resolve(host, port, probe)
        tried: list[ResolveResult] = []
        while True:
            try:
                return await open_tcp(factory, addresses, host, port, tls, self._race, self._failed, _mark(probe))
            except ConnectError as error:
                tried += addresses
                addresses = await self._others(host, port, tried, error)
                if not addresses:
                    raise

    async def _open_unix(
        self, factory: Callable[[], asyncio.BaseProtocol], path: str, tls: TLSOptions | None, mark: Mark
    ) -> None:
        if tls is None:
            await open_unix(path, factory)
        else:
            transport, _ = await open_unix(path, asyncio.Protocol)
            mark("tls")
            await start_tls(transport, factory, path, 0, tls)

    async def _open_to_proxy(
        self, factory: Callable[[], P], proxy: URL, setting: TLSSetting, probe: Probe | None
    ) -> tuple[asyncio.Transport, P]:
        """Connect to the proxy itself, over TLS if its scheme says so."""
        host, port = _endpoint(proxy)
        is_tls = proxy.scheme == "https"
        setting = True if isinstance(setting, Fingerprint) else setting
        try:
            tls = await self._tls_options(setting, _proxy_peer(proxy), host) if is_tls else None
            return await self._open_tcp(factory, host, port, tls, probe)
        except (ResolveError, ConnectError, TLSError) as error:
            raise ProxyUnreachable(host, port, is_tls, error) from error

    async def _open_tunnel(self, key: ConnectionKey, exchange: Exchange, setting: TLSSetting) -> asyncio.Transport:
        """Return a transport that leads through the proxy to the origin."""
        from trunkline.transport.tunnel import Tunnel, connect_request  # few need it

        fields = exchange.request.proxy_headers
        credentials = None if key.proxy_auth is None else key.proxy_auth.encode()
        make_proxy_request = self._hooks().proxy_request
        if make_proxy_request is not None:
            proxy_request = make_proxy_request(exchange.request)
            fields, credentials = proxy_request.headers.copy(), None
            fields.popall(hdrs.HOST, None)
            setting = setting if proxy_request.ssl is True else proxy_request.ssl
        request = connect_request(key.host, _port(key), fields.items() if fields else (), credentials)
        tunnel = Tunnel(self._loop, *_endpoint(key.proxy))
        transport, _ = await self._open_to_proxy(lambda: tunnel, key.proxy, setting, exchange.probe)
        _mark(exchange.probe)("tunnel")
        try:
            await tunnel.open(request)
        except BaseException:
            transport.abort()
            raise
        self.sessions.save(transport)
        return transport

    async def _open_socks(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        key: ConnectionKey,
        tls: TLSOptions | None,
        probe: Probe | None,
    ) -> None:
        from trunkline.transport.socks import SocksProxy, open_socks  # few need it

        host, port = _endpoint(key.proxy)
        login, password = (None, None) if key.proxy_auth is None else key.proxy_auth[:2]
        try:
            addresses = await self._resolve(host, port, probe)
            proxy = SocksProxy(key.proxy.scheme, host, port, addresses, login, password, self._race.local_addr)
            sock = await open_socks(proxy, key.host, _port(key))
        except (ResolveError, ConnectError) as error:
            self._forget(host, port)
            raise ProxyUnreachable(host, port, False, error) from error
        await open_on(sock, factory, key.host, _port(key), tls, _mark(probe))

    async def _open_by_hook(
        self, connect: Connect, connection: ClientH1, exchange: Exchange, setting: TLSSetting
    ) -> ClientH1:
        """Let a connector's subclass connect; it may bring a connection of its own."""
        key = connection.key
        port = _port(key)
        addresses = await self._resolve(key.host, port, exchange.probe)
        context = await context_for(setting) if key.is_ssl else None
        with as_ours(key.host, port, ConnectError):
            transport, protocol = await connect(
                lambda: connection,
                addr_infos=[addr_info(address) for address in addresses],
                req=exchange.request,
                timeout=NoTimeouts(),
                client_error=ClientConnectionError,
                ssl=context,
                server_hostname=_server_name(key.server_hostname or key.host) if key.is_ssl else None,
            )
        if not isinstance(protocol, ClientH1):
            transport.abort()
            raise TypeError(f"the connector's hook returned a {type(protocol).__name__}; wanted a ResponseHandler")
        protocol.key = key
        if context is not None:
            self.sessions.note_handshake(transport)
        return protocol

    # What the ways have in common.

    async def _resolve(self, host: str, port: int, probe: Probe | None) -> list[ResolveResult]:
        resolve = self._hooks().resolve
        if resolve is not None:
            with as_ours(host, port, ResolveError):
                addresses = await resolve(host, port, probe)
        else:
            assert self._dns is not None
            addresses = await self._dns.resolve(host, port, probe)
        if self._policy is not None:
            addresses = self._policy.allowed(host, port, addresses)
        _mark(probe)("connect")
        return addresses

    async def _others(
        self, host: str, port: int, tried: list[ResolveResult], error: ConnectError
    ) -> list[ResolveResult]:
        """Return the addresses learnt of since those `tried` were handed out; forget the name if there are none."""
        if self._dns is None or error.os_error.errno in _NO_DESCRIPTOR:
            return []
        if self._hooks().resolve is not None:  # it may not like all that the cache knows
            self._forget(host, port)
            return []
        others = await self._dns.others(host, port, tried)
        if self._policy is None or not others:
            return others
        try:
            return self._policy.allowed(host, port, others)
        except NotAllowed:  # those that are allowed have been tried, and their error tells more
            self._forget(host, port)
            return []

    def _forget(self, host: str, port: int) -> None:
        if self._dns is not None:
            self._dns.forget(host, port)

    async def _tls_options(
        self, setting: TLSSetting, peer: Hashable, name: str, makers: "_Makers | None" = None
    ) -> TLSOptions:
        context = await context_for(setting, HTTP2_ALPN if makers is not None and makers.offers_h2 else HTTP11_ALPN)
        by_alpn = {} if makers is None else {HTTP2_ALPN[0]: makers.h2}
        return TLSOptions(context, _server_name(name), sessions=self.sessions, peer=peer, by_alpn=by_alpn)

    @property
    def dns(self) -> DNSCache | None:
        """The names that are remembered; None for a path."""
        return self._dns

    def save_session(self, connection: ClientConnection) -> None:
        """Keep the TLS session of a connection over which a response has come."""
        if connection.transport is not None:
            self.sessions.save(connection.transport)


def _mark(probe: Probe | None) -> Mark:
    return no_mark if probe is None else probe.mark


def _port(key: ConnectionKey) -> int:
    return key.port or (443 if key.is_ssl else 80)


def _endpoint(proxy: URL) -> tuple[str, int]:
    return proxy.raw_host or "", proxy.port or SOCKS_PORT  # yarl knows those of http and https


def _server_name(host: str) -> str:
    # A certificate names hosts without the dot that ends an absolute name.
    return host.rstrip(".")


def _peer(key: ConnectionKey, setting: TLSSetting) -> Hashable:
    # What is verified besides the name. The proxy is part of it, lest a ticket link what goes through one with what
    # does not.
    pinned = setting.fingerprint if isinstance(setting, Fingerprint) else None
    return "origin", key.host, key.port, pinned, key.proxy


def _proxy_peer(proxy: URL) -> Hashable:
    return "proxy", proxy.raw_host, proxy.port


def _check_pin(pin: Fingerprint, key: ConnectionKey, transport: asyncio.Transport | None) -> None:
    if transport is None:
        return
    try:
        pin.check(transport)
    except FingerprintMismatch as error:
        if key.proxy is None:
            raise
        # The transport's peer is the proxy, which is not to blame.
        raise FingerprintMismatch(error.expected, error.got, key.host, _port(key)) from None


class _Makers:
    """Makes the protocol of one connection, and keeps it. offers_h2: over TLS, or speaks it without."""

    def __init__(self, loop: asyncio.AbstractEventLoop, key: ConnectionKey, offers_h2: bool) -> None:
        self._loop = loop
        self.key = key
        self.offers_h2 = offers_h2
        self.made: list[ClientH1 | ClientH2] = []

    def usual(self) -> "ClientH1 | ClientH2":
        """What is spoken unless TLS has negotiated something else."""
        return self.h2() if self.offers_h2 and not self.key.is_ssl else self.h1()

    def h1(self) -> ClientH1:
        connection = ClientH1(self._loop, self.key)
        self.made.append(connection)
        return connection

    def h2(self) -> "ClientH2":
        from trunkline.conn.client_h2 import ClientH2  # not at import time

        connection = ClientH2(self._loop, self.key)
        self.made.append(connection)
        return connection
