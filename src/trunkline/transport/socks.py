"""SOCKS proxies, versions 4, 4a, 5 and 5h, by the package python-socks (RFC 1928, RFC 1929).

The protocol is that package's; it is optional, and imported when it is first needed. It connects by itself, so the
proxy's addresses are tried one after the other here, without a race. Who resolves the name of the origin is told by
the scheme: the proxy for socks4a, socks5 and socks5h (as python-socks has it for socks5), we for socks4.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trunkline.abc import ResolveResult
from trunkline.transport.errors import ConnectError
from trunkline.transport.race import send_at_once

# Timeouts are the pool's, which cancels; python-socks would give up after 60 s by itself.
_NO_LIMIT_S: Final = 24 * 3600.0

# Version, and whether the proxy resolves the origin's name; None is the default of python-socks.
_SCHEMES: Final[dict[str, tuple[str, bool | None]]] = {
    "socks4": ("SOCKS4", False),
    "socks4a": ("SOCKS4", True),
    "socks5": ("SOCKS5", None),
    "socks5h": ("SOCKS5", True),
}


@dataclass(frozen=True, slots=True)
class SocksProxy:
    """A proxy and how to speak to it. addresses: of its host. login, password: None for none."""

    scheme: str
    host: str
    port: int
    addresses: Sequence[ResolveResult]
    login: str | None = None
    password: str | None = None
    local_addr: tuple[str, int] | None = None


async def open_socks(proxy: SocksProxy, host: str, port: int) -> socket.socket:
    """Return a connected socket to `host`:`port`, by way of `proxy`.

    Raises ConnectError, which names the proxy, when it is not there or refuses; RuntimeError without python-socks.
    """
    try:
        from python_socks import ProxyError, ProxyTimeoutError, ProxyType
        from python_socks.async_.asyncio import Proxy
    except ImportError as error:
        raise RuntimeError(
            f"{proxy.scheme}:// proxies need the package python-socks; run: pip install 'trunkline[socks]'"
        ) from error
    version, by_proxy = _SCHEMES[proxy.scheme]
    last: OSError = OSError("its name has no address")
    for address in proxy.addresses:
        way = Proxy(
            proxy_type=ProxyType[version],
            host=address["host"],
            port=proxy.port,
            username=proxy.login,
            password=proxy.password,
            rdns=by_proxy,
        )
        try:
            sock: socket.socket = await way.connect(host, port, timeout=_NO_LIMIT_S, local_addr=proxy.local_addr)
        except (ProxyError, ProxyTimeoutError, ValueError) as error:
            # It is there, so another address would say the same. ValueError: a name or login that SOCKS cannot tell.
            reason = OSError(f"the proxy did not connect to {host}:{port}: {error}")
            raise ConnectError(proxy.host, proxy.port, reason) from error
        except OSError as error:
            last = error.__cause__ if isinstance(error.__cause__, OSError) else error  # without python-socks' words
        else:
            send_at_once(sock)
            return sock
    tried = tuple(address["host"] for address in proxy.addresses)
    raise ConnectError(proxy.host, proxy.port, last, tried) from last
