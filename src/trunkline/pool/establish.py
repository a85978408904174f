"""Open a connection for a key: resolve, race, secure, and choose the class that speaks the protocol.

This is the only place that knows which protocol versions there are. Whoever fails to connect makes the DNS cache
forget, and whoever fails to shake hands the TLS sessions.
"""

import asyncio
import ssl
from collections.abc import Hashable

from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.key import ConnectionKey
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.errors import ConnectError, TLSError
from trunkline.transport.handshake import TLSOptions, start_tls
from trunkline.transport.race import DEFAULT_RACE, RaceOptions
from trunkline.transport.tcp import open_tcp, open_unix
from trunkline.transport.tls import Fingerprint, TLSSetting, context_for
from trunkline.transport.tls_sessions import SessionCache


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
    ) -> None:
        """dns: None for a Unix socket. ssl_setting: holds for keys whose own is True, the default."""
        self._loop = loop
        self._dns = dns
        self._ssl_setting = ssl_setting
        self._race = race
        self._path = path
        self.sessions = SessionCache()

    async def open(self, key: ConnectionKey) -> ClientH1:
        """Return a new connection; its owner has still to be set. Raises TransportError."""
        setting: TLSSetting = self._ssl_setting if key.ssl is True else key.ssl
        tls = await self._tls_options(key, setting) if key.is_ssl else None
        connection = ClientH1(self._loop, key)
        try:
            if self._path is not None:
                await self._open_unix(connection, self._path, tls)
            else:
                await self._open_tcp(connection, key, tls)
            if isinstance(setting, Fingerprint) and connection.transport is not None:
                setting.check(connection.transport)
        except BaseException as error:
            if isinstance(error, TLSError):
                self.sessions.forget(await context_for(setting), _peer(key))
            connection.abort()
            raise
        return connection

    async def _tls_options(self, key: ConnectionKey, setting: TLSSetting) -> TLSOptions:
        context = self.sessions.wrap(await context_for(setting), _peer(key))
        # A certificate names hosts without the dot that ends an absolute name.
        return TLSOptions(context, key.server_hostname or key.host.rstrip("."))

    async def _open_tcp(self, connection: ClientH1, key: ConnectionKey, tls: TLSOptions | None) -> None:
        assert self._dns is not None
        port = key.port or (443 if key.is_ssl else 80)
        addresses = await self._dns.resolve(key.host, port)
        try:
            await open_tcp(lambda: connection, addresses, key.host, port, tls, self._race)
        except ConnectError:
            self._dns.forget(key.host, port)
            raise

    async def _open_unix(self, connection: ClientH1, path: str, tls: TLSOptions | None) -> None:
        if tls is None:
            await open_unix(path, lambda: connection)
        else:
            transport, _ = await open_unix(path, asyncio.Protocol)
            await start_tls(transport, lambda: connection, path, 0, tls)

    def save_session(self, connection: ClientH1) -> None:
        """Keep the TLS session of a connection over which a response has come."""
        if connection.transport is not None:
            ssl_object: ssl.SSLObject | None = connection.transport.get_extra_info("ssl_object")
            if ssl_object is not None:
                self.sessions.save(_peer(connection.key), ssl_object)


def _peer(key: ConnectionKey) -> Hashable:
    # All that was verified: a Fingerprint takes the place of the name.
    pinned = key.ssl.fingerprint if isinstance(key.ssl, Fingerprint) else None
    return key.host, key.port, key.server_hostname, pinned
