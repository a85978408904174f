"""URLs to targets: which URLs may be requested, and what is derived from them once.

Services ask the same URLs again and again, so a session keeps what it derived, by the URL's text. A host that a
resolver might read in another way than we do is refused before anybody is asked.
"""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from multidict import CIMultiDict
from yarl import URL

from trunkline.client.errors import InvalidUrlClientError, NonHttpUrlClientError
from trunkline.conn.key import ConnectionKey
from trunkline.wire.message import Target

# RFC 3986 §3.2.2: reg-name without percent-encoding, which no host name that DNS knows needs.
_NAME: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=-]+")
_PATH: Final = re.compile(r"[!-~]+")  # no space, control or non-ASCII character may reach the request line
# A host whose last label is a number is an address, and must be a whole one (WHATWG URL, "ends in a number").
_ZONE: Final = re.compile(r"%[^\]]*")  # of an IPv6 address: it means nothing to the server (RFC 6874 §4)
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_HTTP_SCHEMES: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
# Schemes that a connector may allow, such as `unix` with UnixConnector: its own way to the server, then plain HTTP.
_CONNECTOR_SCHEMES: Final = {"unix": "http", "npipe": "http", "tcp": "http"}


class Prepared:
    """What a session derives from one URL. url: without the fragment; real_url: as it was asked for."""

    __slots__ = ("key", "real_url", "target", "url")

    def __init__(self, real_url: URL, url: URL, key: ConnectionKey, target: Target) -> None:
        self.real_url = real_url
        self.url = url
        self.key = key
        self.target = target

    # Any: an ssl= setting; the key only compares it
    def with_tls(self, ssl: Any, server_hostname: str | None) -> "Prepared":
        """Return the same for other TLS settings."""
        key = self.key._replace(ssl=ssl, server_hostname=server_hostname)
        return Prepared(self.real_url, self.url, key, self.target)

    def with_is_ssl(self, is_ssl: bool) -> "Prepared":
        """Return the same with TLS or without, in spite of the scheme."""
        return Prepared(self.real_url, self.url, self.key._replace(is_ssl=is_ssl), self.target)

    def with_http1(self) -> "Prepared":
        """Return the same for connections that speak HTTP/1.1."""
        return Prepared(self.real_url, self.url, self.key._replace(is_http1=True), self.target)

    # Any: BasicAuth, which is beside this module; the key compares it, and the tunnel sends it
    def with_proxy(self, proxy: URL | None, auth: Any, headers: "CIMultiDict[str] | None") -> "Prepared":
        """Return the same for the way through `proxy`, an URL without credentials; None for the direct way."""
        headers_hash = hash(tuple(headers.items())) if headers else None
        key = self.key._replace(proxy=proxy, proxy_auth=auth, proxy_headers_hash=headers_hash)
        old = self.target
        origin = f"{old.scheme}://{old.authority}" if key.is_forwarded else ""
        return Prepared(self.real_url, self.url, key, Target(old.scheme, old.authority, old.path, origin))


def prepare(real_url: URL) -> Prepared:
    """Derive what a request needs from its URL, whose credentials have been taken out.

    Raises InvalidUrlClientError, or NonHttpUrlClientError for schemes that are not HTTP's.
    """
    scheme = _HTTP_SCHEMES.get(real_url.scheme) or _CONNECTOR_SCHEMES.get(real_url.scheme)
    if scheme is None:
        check_scheme(real_url)
        raise InvalidUrlClientError(real_url, "it has no scheme; write http://… or https://…, or set base_url")
    host = real_url.raw_host
    if not host or not host.strip("."):  # a lone dot would leave nothing in Host
        raise InvalidUrlClientError(real_url, "it names no host; write https://host/path")
    if ":" in host:
        host = host.replace("%25", "%")  # before an IPv6 zone (RFC 6874 §2)
    _check_host(real_url, host)
    path = real_url.raw_path_qs or "/"
    if _PATH.fullmatch(path) is None:
        raise InvalidUrlClientError(real_url, "its path or query has a space, control or non-ASCII character; quote it")
    authority = real_url.host_port_subcomponent
    if authority is None:
        raise InvalidUrlClientError(real_url)
    if "%" in authority:
        authority = _ZONE.sub("", authority)
    url = real_url.with_fragment(None) if real_url.raw_fragment else real_url
    key = ConnectionKey(host, real_url.port, scheme == "https", True)
    return Prepared(real_url, url, key, Target(scheme, authority, path))


def check_scheme(url: URL, allowed: Collection[str] = _HTTP_SCHEMES.keys()) -> None:
    """Raise NonHttpUrlClientError for a scheme that is not allowed; none at all is another matter."""
    if url.scheme and url.scheme not in allowed:
        raise NonHttpUrlClientError(f"{url} - its scheme is {url.scheme!r}; wanted http:// or https://")


def _check_host(url: URL, host: str) -> None:
    if ":" in host:
        kind: type[IPv4Address | IPv6Address] = IPv6Address
    elif _NAME.fullmatch(host) is None:
        raise InvalidUrlClientError(url, f"host {host!r} has a character that no host name has")
    elif _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None:
        kind = IPv4Address
    else:
        return
    try:
        kind(host)
    except ValueError as error:
        raise InvalidUrlClientError(url, f"host {host!r} looks like an IP address but is none: {error}") from None
