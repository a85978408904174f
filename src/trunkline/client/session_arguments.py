"""Checks of what `ClientSession` is constructed with, each with its advice."""

import asyncio
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from yarl import URL

from trunkline.abc import AbstractCookieJar, LooseCookies
from trunkline.client.auth import BasicAuth, warn_of_auth
from trunkline.client.cookiejar import CookieJar
from trunkline.client.timeouts import DEFAULT_TIMEOUT, ClientTimeout
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import StrOrURL
from trunkline.pool.connector import BaseConnector
from trunkline.pool.tcp_connector import TCPConnector


def checked_base_url(base_url: StrOrURL | None) -> URL | None:
    """Return the base URL; raise ValueError unless it is absolute and ends in "/"."""
    if base_url is None:
        return None
    url = URL(base_url)
    if not url.absolute:
        raise ValueError(f"base_url {str(url)!r} is not absolute; give one such as 'https://example.com/api/'")
    if not url.path.endswith("/"):
        raise ValueError(f"base_url {str(url)!r} must have a path that ends in '/', or its last part would be lost")
    return url


def checked_connector(connector: BaseConnector | None, loop: asyncio.AbstractEventLoop | None) -> BaseConnector:
    """Return the connector, a new one if none is given; raise RuntimeError when it belongs to another loop."""
    if connector is None:
        return TCPConnector(loop=loop)
    if loop is not None and loop is not connector.loop:
        raise RuntimeError("Session and connector have to use same event loop")
    return connector


def check_credentials(auth: BasicAuth | None, proxy_auth: BasicAuth | None) -> None:
    """Warn of credentials that are given in the deprecated way."""
    for name, value in (("auth", auth), ("proxy_auth", proxy_auth)):
        if value is not None:
            warn_of_auth(name)


def filled_jar(jar: AbstractCookieJar | None, cookies: LooseCookies | None) -> AbstractCookieJar:
    """Return the jar, a new one if none is given, with `cookies` in it."""
    jar = CookieJar() if jar is None else jar
    if cookies:
        jar.update_cookies(cookies)
    return jar


def frozen(trace_configs: Sequence[Any] | None) -> list[Any]:  # Any: TraceConfigs, whose module few import
    """Freeze the tracers, and return the very list of them: libraries append to it later."""
    for trace_config in trace_configs or ():
        trace_config.freeze()
    return [] if trace_configs is None else trace_configs  # type: ignore[return-value]  # nearly always a list


def merged_timeout(
    timeout: ClientTimeout | Sentinel | None,
    read_timeout: float | Sentinel | None,
    conn_timeout: float | None,
) -> ClientTimeout:
    """Return the session\'s timeouts from `timeout` or its deprecated forms; raise ValueError when they conflict."""
    if timeout is not sentinel and timeout is not None:
        if not isinstance(timeout, ClientTimeout):
            raise ValueError(
                f"timeout parameter cannot be of {type(timeout)} type, please use 'timeout=ClientTimeout(...)'"
            )
        if read_timeout is not sentinel or conn_timeout is not None:
            raise ValueError("read_timeout, conn_timeout and timeout parameters conflict; say all in timeout")
        return timeout
    merged = DEFAULT_TIMEOUT
    if not isinstance(read_timeout, Sentinel):
        warnings.warn(
            "read_timeout is deprecated, use timeout=ClientTimeout(total=…)", DeprecationWarning, stacklevel=3
        )
        merged = replace(merged, total=read_timeout)
    if conn_timeout is not None:
        warnings.warn(
            "conn_timeout is deprecated, use timeout=ClientTimeout(connect=…)",
            DeprecationWarning,
            stacklevel=3,
        )
        merged = replace(merged, connect=conn_timeout)
    return merged
