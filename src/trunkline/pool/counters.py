"""`Counters`: what a pool counts while it works, and the snapshot of it that users see.

Nothing is counted for a request: how many a connection served it knows itself, so what was reused is summed up when
somebody asks. What is left happens when a connection is opened or lost, or a request waits, fails or is sent again.
A snapshot may be taken in any thread: it copies each collection in one step of the interpreter before it looks inside.
`list(mapping.items())` is not one: it makes tuples, which may start a garbage collection, and that lets others run.
Origins are bounded: the one that was heard of least recently is counted in "other" from then on.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from operator import sub
from typing import TYPE_CHECKING, Final

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.key import ConnectionKey
from trunkline.pool.slots import Slots
from trunkline.transport.dns_cache import DNSCache
from trunkline.transport.tls_sessions import SessionCache
from trunkline.wire.limits import MAX_COUNTED_ORIGINS, MAX_COUNTED_WAITS

if TYPE_CHECKING:
    from trunkline.pool.stats import PoolStats

OTHER: Final = "other"


class _Origin:
    """The counts of one origin. active, idle: filled in for a snapshot only, as is what open connections served."""

    __slots__ = ("active", "errors", "idle", "opened", "retries", "reused")

    def __init__(self) -> None:
        self.opened = 0
        self.reused = 0
        self.active = 0
        self.idle = 0
        self.retries = 0
        self.errors: dict[str, int] = {}

    def add(self, other: "_Origin") -> "_Origin":
        self.opened += other.opened
        self.reused += other.reused
        self.retries += other.retries
        for name, count in other.errors.copy().items():
            self.errors[name] = self.errors.get(name, 0) + count
        return self


class Counters:
    """The counts of one pool. opened, opening_s: connections, and the seconds that it took to open them.

    dns, tls: the caches that opening uses, if it does; they count for themselves.
    """

    __slots__ = (
        "_cached_before",
        "_connections",
        "_origins",
        "_other",
        "_waits",
        "dns",
        "opened",
        "opening_s",
        "tls",
        "waited",
    )

    def __init__(self, dns: DNSCache | None = None, tls: SessionCache | None = None) -> None:
        self.dns = dns
        self.tls = tls
        self.opened = 0
        self.opening_s = 0.0
        self.waited = 0
        self._waits: deque[float] = deque(maxlen=MAX_COUNTED_WAITS)
        self._connections: dict[
            ClientConnection, int
        ] = {}  # the open ones, and how many of their requests are not counted
        self._origins: OrderedDict[str, _Origin] = OrderedDict()
        self._other = _Origin()
        self._cached_before = (0, 0, 0, 0)  # what dns and tls had counted at the last reset

    # What the pool tells.

    def note_opened(self, connection: ClientConnection, seconds: float) -> None:
        """Count a connection that was opened in `seconds`."""
        self._connections[connection] = 1  # its first request will not be a reuse
        if not connection.served:  # else it is a place on one that was open, where every request is a reuse
            self.opened += 1
            self.opening_s += seconds
            self._origin(connection.key).opened += 1

    def note_gone(self, connection: ClientConnection) -> None:
        """Count what a connection did that is gone; not twice."""
        uncounted = self._connections.pop(connection, None)
        if uncounted is not None:
            self._origin(connection.key).reused += max(connection.served - uncounted, 0)

    def note_wait(self, seconds: float) -> None:
        """Count a request that waited in the queue for `seconds`."""
        self.waited += 1
        self._waits.append(seconds)

    def note_retry(self, key: ConnectionKey) -> None:
        """Count a request that is sent again."""
        self._origin(key).retries += 1

    def note_error(self, key: ConnectionKey, name: str) -> None:
        """Count a request that failed. name: of the class of the error that its caller gets."""
        errors = self._origin(key).errors
        errors[name] = errors.get(name, 0) + 1

    # What users ask.

    def reset(self, connections: Iterable[ClientConnection]) -> None:
        """Begin anew. connections: all that are open; what they served until now is not counted."""
        self.opened = self.waited = 0
        self.opening_s = 0.0
        self._waits.clear()
        self._origins.clear()
        self._other = _Origin()
        self._connections = {connection: max(connection.served, 1) for connection in connections}
        for connection in self._connections:
            self._origin(connection.key)
        self._cached_before = self._cached()

    def snapshot(self, slots: Slots[ClientConnection], opening: int) -> "PoolStats":
        """Return the counts, and what the pool with `slots` does now. opening: connections that it is opening."""
        from trunkline.pool.stats import OriginStats, PoolStats  # few ask

        connections = self._connections.copy()
        active = list(slots.acquired)
        idle = [connection for queue in list(slots.idle.values()) for connection, _ in list(queue)]
        origins = self._by_origin(connections, active, idle)
        total = _Origin()
        for origin in origins.values():
            total.add(origin)
        waits = sorted(self._waits)
        dns_hits, dns_misses, tls_full, tls_resumed = map(sub, self._cached(), self._cached_before)
        return PoolStats(
            opened=self.opened,
            reused=total.reused,
            idle=len(idle),
            active=len(active),
            opening=opening,
            queued=slots.queued,
            waited=self.waited,
            wait_p50_s=_percentile(waits, 50),
            wait_p99_s=_percentile(waits, 99),
            dns_hits=dns_hits,
            dns_misses=dns_misses,
            tls_full=tls_full,
            tls_resumed=tls_resumed,
            retries=total.retries,
            errors=total.errors,
            origins={
                name: OriginStats(one.opened, one.reused, one.active, one.idle, one.retries, one.errors)
                for name, one in origins.items()
            },
            opening_s=self.opening_s,
        )

    # Inside.

    def _origin(self, key: ConnectionKey) -> _Origin:
        name = origin_name(key)
        origin = self._origins.get(name)
        if origin is None:
            origin = self._origins[name] = _Origin()
            if len(self._origins) > MAX_COUNTED_ORIGINS:
                self._other.add(self._origins.popitem(last=False)[1])
        else:
            self._origins.move_to_end(name)
        return origin

    def _cached(self) -> tuple[int, int, int, int]:
        dns, tls = self.dns, self.tls
        names = (0, 0) if dns is None else (dns.hits, dns.misses)
        handshakes = (0, 0) if tls is None else (tls.full, tls.resumed)
        return (*names, *handshakes)

    def _by_origin(
        self,
        connections: dict[ClientConnection, int],
        active: list[ClientConnection],
        idle: list[ClientConnection],
    ) -> dict[str, _Origin]:
        """Return a copy of the counts, with what is known of connections that are open."""
        origins = {name: _Origin().add(origin) for name, origin in self._origins.copy().items()}
        other = _Origin().add(self._other)
        for connection, uncounted in connections.items():
            origins.get(origin_name(connection.key), other).reused += max(connection.served - uncounted, 0)
        for connection in active:
            origins.get(origin_name(connection.key), other).active += 1
        for connection in idle:
            origins.get(origin_name(connection.key), other).idle += 1
        if any((other.opened, other.reused, other.active, other.idle, other.retries, other.errors)):
            origins[OTHER] = other
        return origins


def origin_name(key: ConnectionKey) -> str:
    """Name the origin of `key`, and the proxy on the way to it, without credentials."""
    scheme, default_port = ("https", 443) if key.is_ssl else ("http", 80)
    host = f"[{key.host}]" if ":" in key.host else key.host
    name = f"{scheme}://{host}:{key.port or default_port}"
    proxy = key.proxy
    return name if proxy is None else f"{name} via {proxy.scheme}://{proxy.host_port_subcomponent}"


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that is no less than `percent` % of them (the nearest rank); 0.0 without any."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else 0.0
