"""Host names to addresses, by the system's resolver in a thread or by c-ares on the loop.

`ThreadedResolver` asks `getaddrinfo`, so that /etc/hosts, mDNS and whatever else the host is set up with
count. `AsyncResolver` needs the optional package aiodns, which is imported when one is constructed. Both
raise `OSError` for a name without addresses, `socket.gaierror` with EAI_NONAME if the name does not exist
(NXDOMAIN, RFC 2308 §2.1), and keep the zone of IPv6 addresses that need one (RFC 4007 §11). Caching is the
business of `dns_cache`; but c-ares, too, keeps answers for as long as their records say.
"""

import asyncio
import importlib
import importlib.util
import socket
from typing import Any

from trunkline.abc import AbstractResolver, ResolveResult

# What is returned is an address already: the resolver must not be asked again.
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class ThreadedResolver(AbstractResolver):
    """Resolves names with `socket.getaddrinfo` in the loop's thread pool."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = self._loop or asyncio.get_running_loop()
        # AI_ADDRCONFIG: no IPv6 addresses for a host that has no IPv6 (RFC 3493 §6.1).
        try:
            infos = await loop.getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except UnicodeError as error:  # an empty label, or one of more than 63 bytes (RFC 1035 §2.3.4)
            raise socket.gaierror(socket.EAI_NONAME, f"not a host name: {error}") from error
        return [_result(host, found, proto, address) for found, _, proto, _, address in infos]

    async def close(self) -> None:
        """Nothing to release."""


class AsyncResolver(AbstractResolver):
    """Resolves names with aiodns (c-ares), which takes no thread per look-up."""

    # Any: handed to aiodns as they are. What it answers is Any too: it need not be installed to check types.
    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, *args: Any, **kwargs: Any) -> None:
        try:
            aiodns = importlib.import_module("aiodns")
        except ImportError as error:
            raise RuntimeError(
                "AsyncResolver needs aiodns, which is not here: pip install aiodns, or use ThreadedResolver"
            ) from error
        self._dns_error: type[Exception] = aiodns.error.DNSError
        self._not_found: int = aiodns.error.ARES_ENOTFOUND
        self._resolver: Any = aiodns.DNSResolver(*args, loop=loop or asyncio.get_running_loop(), **kwargs)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            answer = await self._resolver.getaddrinfo(
                host, port=port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except self._dns_error as error:
            raise self._as_os_error(error) from error
        return [
            _result(host, node.family, 0, (node.addr[0].decode("ascii"), *node.addr[1:])) | {"ttl": node.ttl}
            for node in answer.nodes
        ]

    async def close(self) -> None:
        await self._resolver.close()

    def _as_os_error(self, error: Exception) -> OSError:
        text = str(error.args[-1]) if error.args else "DNS look-up failed"
        if error.args and error.args[0] == self._not_found:
            return socket.gaierror(socket.EAI_NONAME, text)
        return OSError(None, text)


def _result(hostname: str, family: int, proto: int, address: tuple[Any, ...]) -> ResolveResult:
    # Any: the parts of a socket address are str and int, in an order that depends on its family.
    host: str = address[0]
    if len(address) > 3 and address[3] and "%" not in host:
        host = f"{host}%{socket.if_indextoname(address[3])}"
    return ResolveResult(
        hostname=hostname,
        host=host,
        port=address[1],
        family=family,
        proto=proto or socket.IPPROTO_TCP,
        flags=_NUMERIC,
    )


def numeric_address(host: str, port: int) -> ResolveResult | None:
    """Return the result for a `host` that is an IP address already, with or without a zone; else None."""
    for family, text in ((socket.AF_INET, host), (socket.AF_INET6, host.partition("%")[0])):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):  # ValueError: a NUL in the text
            continue
        return _result(host, family, socket.IPPROTO_TCP, (host, port))
    return None


def is_ip_address(host: str | None) -> bool:
    """Tell whether `host` is an IP address, with or without a zone."""
    return host is not None and numeric_address(host, 0) is not None


# Looking for the package costs some file status calls; importing it would cost milliseconds and a shared
# library.
DefaultResolver: type[ThreadedResolver] | type[AsyncResolver] = (
    AsyncResolver if importlib.util.find_spec("aiodns") else ThreadedResolver
)
