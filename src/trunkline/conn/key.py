"""`ConnectionKey`: which connections may serve which requests.

Two requests may share a connection when all of this is equal:

    host, port      the origin, also behind a proxy
    is_ssl          http and https never mix
    ssl             True, False, an SSLContext or a Fingerprint: who was trusted when it was opened
    proxy, proxy_auth, proxy_headers_hash   the way through a proxy
    server_hostname the name that the certificate was checked against, when it is not the host
    is_http1        True for what HTTP/1.1 alone may carry, where another version could be negotiated
"""

from typing import Any, Final, NamedTuple

# HTTP proxies forward http requests, and open tunnels for the rest; through the others, every request takes a tunnel.
HTTP_PROXIES: Final = frozenset({"http", "https"})
PROXY_SCHEMES: Final = HTTP_PROXIES | {"socks4", "socks4a", "socks5", "socks5h"}


class ConnectionKey(NamedTuple):
    """The fields that aiohttp's users read; it is hashable and prints them all."""

    host: str
    port: int | None
    is_ssl: bool
    ssl: Any  # bool, SSLContext or Fingerprint: compared and handed on, never looked into here
    proxy: Any = None  # yarl.URL or None
    proxy_auth: Any = None  # BasicAuth or None, whose module is above this one
    proxy_headers_hash: int | None = None
    server_hostname: str | None = None
    is_http1: bool = False

    @property
    def endpoint(self) -> tuple[str, int | None, bool]:
        """What `limit_per_host` counts by."""
        return self[:3]

    @property
    def is_forwarded(self) -> bool:
        """True when the connection ends at an HTTP proxy, which reads the requests and passes them on."""
        return self.proxy is not None and not self.is_ssl and self.proxy.scheme in HTTP_PROXIES


# Of a connection that was made by hand, until the pool knows what it is for.
NO_KEY: Final = ConnectionKey("", None, False, True)
