"""Connect to the first address that answers: Happy Eyeballs (RFC 8305).

Attempts start one after the other, a connection attempt delay apart, and run side by side; the first
connected socket wins and the others are closed. The package aiohappyeyeballs does the race. Here addresses
become socket addresses, and failures become one `ConnectError` that names what was tried. Names are resolved
before (RFC 8305 §3 would start earlier), and the order within a family is the resolver's (RFC 6724).
"""

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohappyeyeballs import AddrInfoType, SocketFactoryType, addr_to_addr_infos, start_connection

from trunkline.abc import ResolveResult
from trunkline.transport.errors import ConnectError

RACE_DELAY_S = 0.250  # RFC 8305 §8 recommends 250 ms


@dataclass(frozen=True, slots=True)
class RaceOptions:
    """How to race: the parameters of the same names of aiohttp's TCPConnector.

    happy_eyeballs_delay: seconds between attempts; None tries one address after the other.
    interleave: First Address Family Count (RFC 8305 §8); 0 keeps the order; None is 1 with a delay, else 0.
    """

    local_addr: tuple[str, int] | None = None
    happy_eyeballs_delay: float | None = RACE_DELAY_S
    interleave: int | None = None
    socket_factory: SocketFactoryType | None = None


DEFAULT_RACE = RaceOptions()


async def connect_any(
    addresses: Sequence[ResolveResult], host: str, port: int, options: RaceOptions = DEFAULT_RACE
) -> socket.socket:
    """Return a connected, non-blocking socket to one of `addresses`, which must not be empty.

    host, port: what the caller asked for, to name in errors.
    """
    try:
        sock = await start_connection(
            [addr_info(address) for address in addresses],
            local_addr_infos=addr_to_addr_infos(options.local_addr),
            happy_eyeballs_delay=options.happy_eyeballs_delay,
            interleave=options.interleave,
            socket_factory=options.socket_factory,
        )
    except (
        OSError,
        RuntimeError,
    ) as error:  # RuntimeError: the loop refuses a descriptor that is in use already
        os_error = error if isinstance(error, OSError) else OSError(str(error))
        raise ConnectError(host, port, os_error, tuple(_spelled(address) for address in addresses)) from error
    send_at_once(sock)
    return sock


def send_at_once(sock: socket.socket) -> None:
    """Let small requests not wait for the acknowledgement of the ones before (Nagle, RFC 896)."""
    with suppress(OSError):  # on some systems, when the peer has reset the connection by now: the first write will tell
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def addr_info(address: ResolveResult) -> AddrInfoType:
    """Spell `address` as `socket.getaddrinfo` does."""
    host, _, zone = address["host"].partition("%")
    if ":" in host:  # whatever family a resolver of the user's says, or does not say
        zone_index = _zone_index(zone) if zone else 0
        return (
            socket.AF_INET6,
            socket.SOCK_STREAM,
            address["proto"],
            "",
            (host, address["port"], 0, zone_index),
        )
    return socket.AF_INET, socket.SOCK_STREAM, address["proto"], "", (host, address["port"])


def resolved(info: AddrInfoType, hostname: str) -> ResolveResult:
    """Spell what `socket.getaddrinfo` found for `hostname` as an address: the other way round."""
    family, _, proto, _, address = info
    host = address[0]
    if len(address) > 3 and address[3]:
        host = f"{host}%{address[3]}"
    return ResolveResult(hostname=hostname, host=host, port=address[1], family=family, proto=proto, flags=0)


def _zone_index(zone: str) -> int:
    """Turn an IPv6 zone, an interface's name or number (RFC 4007 §11.2), into its number."""
    return int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)


def _spelled(address: ResolveResult) -> str:
    host, port = address["host"], address["port"]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
