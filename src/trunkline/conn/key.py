"""`ConnectionKey`: which connections may serve which requests.

Two requests may share a connection when all of this is equal:

    host, port      the peer, or the proxy's client in a tunnel
    is_ssl          http and https never mix
    ssl             True, False, an SSLContext or a Fingerprint: who was trusted when it was opened
    proxy, proxy_auth, proxy_headers_hash   the way through a proxy
    server_hostname the name that the certificate was checked against, when it is not the host
"""

from typing import Any, NamedTuple


class ConnectionKey(NamedTuple):
    """The fields that aiohttp's users read; it is hashable and prints them all."""

    host: str
    port: int | None
    is_ssl: bool
    ssl: Any  # bool, SSLContext or Fingerprint: compared and handed on, never looked into here
    proxy: Any = None  # yarl.URL or None; proxies come with their own layer
    proxy_auth: Any = None  # the caller's credentials, compared only
    proxy_headers_hash: int | None = None
    server_hostname: str | None = None

    @property
    def endpoint(self) -> tuple[str, int | None, bool]:
        """What `limit_per_host` counts by."""
        return self[:3]
