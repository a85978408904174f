"""Connect to the first address that answers: Happy Eyeballs (RFC 8305).

Attempts start one after the other, a connection attempt delay apart, and run side by side; the first
connected socket wins and the others are closed. The package aiohappyeyeballs does the race. Here addresses
become socket addresses, and failures become one `ConnectError` that names what was tried. Names are resolved
before (RFC 8305 §3 would start earlier), and the order within a family is the resolver's (RFC 6724), but for
addresses that have lately failed: `FailedAddresses` puts them last (RFC 8305 §4 wants such history used).
"""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, zip_longest

from aiohappyeyeballs import AddrInfoType, SocketFactoryType, addr_to_addr_infos, start_connection

from trunkline.abc import ResolveResult
from trunkline.transport.errors import ConnectError
from trunkline.wire.limits import FAILED_ADDRESS_S, MAX_FAILED_ADDRESSES

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


class FailedAddresses:
    """Socket addresses that lately failed to connect, or came too late; they are tried last for a while.

    on_failure: called with the host and port that were asked for when an address is found to have failed, unless all
    have: whoever gets that error knows.
    """

    def __init__(
        self, on_failure: Callable[[str, int], None] = lambda *_: None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.on_failure = on_failure
        self._now = now
        self._until: OrderedDict[object, float] = OrderedDict()

    def __contains__(self, info: AddrInfoType) -> bool:
        return self._until.get(info[4], 0.0) > self._now()

    def add(self, infos: Iterable[AddrInfoType]) -> bool:
        """Put `infos` last; tell whether any of them was not."""
        are_new = False
        for info in infos:
            are_new = are_new or info not in self
            self._until[info[4]] = self._now() + FAILED_ADDRESS_S
            self._until.move_to_end(info[4])
        while len(self._until) > MAX_FAILED_ADDRESSES:
            self._until.popitem(last=False)
        return are_new

    def discard(self, info: AddrInfoType) -> None:
        """Trust an address again: it has answered."""
        self._until.pop(info[4], None)


class _Attempts:
    """What a race has tried: a socket factory that remembers, in order."""

    def __init__(self, make_socket: SocketFactoryType | None) -> None:
        self._make_socket = make_socket
        self._made: list[tuple[socket.socket, AddrInfoType, float]] = []

    def __call__(self, info: AddrInfoType) -> socket.socket:
        make = self._make_socket
        sock = socket.socket(info[0], info[1], info[2]) if make is None else make(info)
        self._made.append((sock, info, time.monotonic()))
        return sock

    def note_winner(self, winner: socket.socket, failed: FailedAddresses) -> bool:
        """Note who came too late or not at all; tell whether that is news."""
        place = next((place for place, (sock, *_) in enumerate(self._made) if sock is winner), None)
        if place is None:  # somebody else has made it: a test double connects in our place
            return False
        is_news = failed.add(info for _, info, _ in self._made[:place])
        failed.discard(self._made[place][1])
        return is_news

    def note_all(self, failed: FailedAddresses, for_s: float = 0.0) -> bool:
        """Note that nobody has answered, of those tried for so long; tell whether that is news."""
        until = time.monotonic() - for_s
        return failed.add(info for _, info, began_at in self._made if began_at <= until)


async def connect_any(
    addresses: Sequence[ResolveResult],
    host: str,
    port: int,
    options: RaceOptions = DEFAULT_RACE,
    failed: FailedAddresses | None = None,
) -> socket.socket:
    """Return a connected, non-blocking socket to one of `addresses`, which must not be empty.

    host, port: what the caller asked for, to name in errors. failed: is consulted, and told.
    """
    failed = FailedAddresses() if failed is None else failed
    attempts = _Attempts(options.socket_factory)
    try:
        sock = await start_connection(
            _in_order([addr_info(address) for address in addresses], options, failed),
            local_addr_infos=addr_to_addr_infos(options.local_addr),
            happy_eyeballs_delay=options.happy_eyeballs_delay,
            interleave=0,  # they are in order
            socket_factory=attempts,
        )
    except (
        OSError,
        RuntimeError,
    ) as error:  # RuntimeError: the loop refuses a descriptor that is in use already
        attempts.note_all(failed)
        os_error = error if isinstance(error, OSError) else OSError(str(error))
        raise ConnectError(host, port, os_error, tuple(_spelled(address) for address in addresses)) from error
    except asyncio.CancelledError:  # mostly a timeout: who has had the time to answer is to blame
        if attempts.note_all(failed, for_s=RACE_DELAY_S):
            failed.on_failure(host, port)
        raise
    if attempts.note_winner(sock, failed):
        failed.on_failure(host, port)
    send_at_once(sock)
    return sock


def _in_order(infos: list[AddrInfoType], options: RaceOptions, failed: FailedAddresses) -> list[AddrInfoType]:
    """Return `infos` in the order in which to try them."""
    if len(infos) == 1:
        return infos
    first_count = options.interleave
    if first_count is None:
        first_count = 0 if options.happy_eyeballs_delay is None else 1
    good = [info for info in infos if info not in failed]
    bad = [info for info in infos if info in failed]
    return _interleaved(good, first_count) + _interleaved(bad, first_count)


def _interleaved(infos: list[AddrInfoType], first_count: int) -> list[AddrInfoType]:
    """Let the address families take turns, after `first_count` of the first one (RFC 8305 §4); 0 keeps the order."""
    families: dict[int, list[AddrInfoType]] = {}
    for info in infos:
        families.setdefault(info[0], []).append(info)
    if not first_count or len(families) < 2:
        return infos
    first, *others = families.values()
    ahead = first_count - 1
    turns = chain.from_iterable(zip_longest(first[ahead:], *others))
    return first[:ahead] + [info for info in turns if info is not None]


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
