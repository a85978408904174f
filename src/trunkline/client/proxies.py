"""The proxy that the environment names for a URL, for sessions with `trust_env`.

The rules are those of `urllib.request.getproxies`: `http_proxy`, `https_proxy`, `ws_proxy` and `wss_proxy`, for the
URL's own scheme alone, in lower case before upper case; an empty one means none; `no_proxy` lists names whose hosts,
and those below them, are reached directly, or `*` for all. HTTP_PROXY is not looked at in a CGI program, where a
client sets it by its header `Proxy` (httpoxy, CVE-2016-5385). `all_proxy` is not read, nor ports and networks in
`no_proxy`. On macOS and Windows the system's settings count where no variable does.

Variables may change at any time, so each call reads the two or three that matter; what they say is kept.
"""

import os
import sys
from functools import lru_cache
from typing import Final

from yarl import URL

from trunkline.client.auth import BasicAuth, split_credentials
from trunkline.client.errors import InvalidUrlClientError
from trunkline.client.netrc import netrc_auth
from trunkline.conn.key import PROXY_SCHEMES
from trunkline.ground.logs import client_logger

_HAS_SETTINGS: Final = sys.platform in ("darwin", "win32")


def environment_proxy(url: URL) -> tuple[URL, BasicAuth | None] | None:
    """Return the proxy for `url` and its credentials: its own, else those that .netrc has for its host.

    None for the direct way. Raises InvalidURL for a variable that names no proxy.
    """
    value = _proxy_value(url.scheme)
    if not value or _is_bypassed(url.raw_host or ""):
        return None
    found = _parse(value, url.scheme)
    if found is None:
        return None
    proxy, auth = found
    return proxy, auth or netrc_auth(proxy.raw_host or "")


def _proxy_value(scheme: str) -> str | None:
    value = os.environ.get(f"{scheme}_proxy")
    if value is None and not (scheme == "http" and "REQUEST_METHOD" in os.environ):
        value = os.environ.get(f"{scheme}_proxy".upper())
    if value is None and _HAS_SETTINGS:
        from urllib.request import getproxies  # some 5 MB, for two systems

        value = getproxies().get(scheme)
    return value


def _is_bypassed(host: str) -> bool:
    listed = os.environ.get("no_proxy")
    if listed is None:
        listed = os.environ.get("NO_PROXY")
    if listed is None and _HAS_SETTINGS:
        from urllib.request import proxy_bypass

        return bool(proxy_bypass(host))
    return _is_listed(host.lower(), listed) if listed else False


@lru_cache(maxsize=1024)  # as many hosts as there are DNS names
def _is_listed(host: str, listed: str) -> bool:
    if listed == "*":
        return True
    names = [name.strip().lstrip(".").lower() for name in listed.split(",")]
    return any(name and (host == name or host.endswith(f".{name}")) for name in names)


@lru_cache(maxsize=16)  # values of four variables
def _parse(value: str, scheme: str) -> tuple[URL, BasicAuth | None] | None:
    """Return the proxy that a variable names; None for one that we cannot use, which a warning tells once."""
    try:
        proxy, auth = split_credentials(URL(value if "://" in value else f"http://{value}"))
    except (ValueError, IndexError):  # IndexError: yarl's, for some hosts with a bracket in the middle
        proxy, auth = URL(), None
    if not proxy.host:
        # The value is not shown: it may hold a password.
        wanted = "the environment variable should be like http://host:port"
        raise InvalidUrlClientError(f"${scheme}_proxy", wanted) from None
    if proxy.scheme not in PROXY_SCHEMES:
        client_logger.warning(
            "%s_proxy names a proxy with the scheme %r; it is ignored (known: %s)",
            scheme,
            proxy.scheme,
            ", ".join(sorted(PROXY_SCHEMES)),
        )
        return None
    return proxy, auth
