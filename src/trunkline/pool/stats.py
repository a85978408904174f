"""`PoolStats`: what a pool has done since it was made or reset, and what it does now; it prints as a table.

The numbers come from `counters`, which every pool has; this module is imported only when somebody asks for them.
Mappings are dicts, and copies that nobody else has, so `dataclasses.asdict` and `json` take a `PoolStats` as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_COLUMNS: Final = ("opened", "reused", "active", "idle", "retries")


@dataclass(frozen=True, slots=True)
class OriginStats:
    """The part of one origin in a pool's numbers; each counts as in PoolStats."""

    opened: int
    reused: int
    active: int
    idle: int
    retries: int
    errors: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The numbers of one connector's pool, which several sessions may share.

    Now: idle, active (connections), opening (connections being opened), queued (requests that wait for a connection).
    Since the pool was made or its stats were reset: opened (connections), opening_s (seconds that took in all), reused
    (requests sent on a connection that had served before), waited (requests that had to queue), dns_hits and dns_misses
    (names looked up in the cache), tls_full and tls_resumed (handshakes), retries (requests sent again because their
    connection was lost, or their server refused them), errors (requests that failed, by the name of the error that
    their caller got).
    wait_p50_s, wait_p99_s: of the last 1,024 requests that had to queue; 0.0 when none had to.
    Over HTTP/2, active and idle are the places for exchanges, many of which share one of the connections opened.
    origins: the same by "https://host:443", with " via " and the proxy behind it if there is one; of those heard of
    least recently, all together as "other".
    """

    opened: int
    reused: int
    idle: int
    active: int
    opening: int
    queued: int
    waited: int
    wait_p50_s: float
    wait_p99_s: float
    dns_hits: int
    dns_misses: int
    tls_full: int
    tls_resumed: int
    retries: int
    errors: Mapping[str, int]
    origins: Mapping[str, OriginStats]
    opening_s: float

    @property
    def requests(self) -> int:
        """Requests sent: the first on each connection, and those that reused one; one sent again counts again."""
        return self.opened + self.reused

    @property
    def reuse_ratio(self) -> float:
        """The part of the requests that needed no new connection, from 0.0 to 1.0."""
        return self.reused / self.requests if self.requests else 0.0

    def __str__(self) -> str:
        lines = [
            f"connections  {self.active} active, {self.idle} idle, {self.opening} being opened; "
            f"{self.opened} opened in {self.opening_s:.3f} s",
            f"requests     {self.requests}, {self.reuse_ratio:.1%} on a connection that was open already",
            f"queue        {self.queued} waiting; {self.waited} have waited: "
            f"p50 {self.wait_p50_s * 1000:.1f} ms, p99 {self.wait_p99_s * 1000:.1f} ms",
            f"DNS cache    {self.dns_hits} hits, {self.dns_misses} misses",
            f"TLS          {self.tls_full} full handshakes, {self.tls_resumed} resumed",
            f"failures     {self.retries} retries; {_listed(self.errors) or 'no errors'}",
        ]
        return "\n".join(lines + _table(self.origins))


def _listed(errors: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in errors.items())


def _table(origins: Mapping[str, OriginStats]) -> list[str]:
    """Return the lines of a table of `origins`, with those that opened most connections first."""
    if not origins:
        return []
    width = max(map(len, origins))
    lines = ["", " ".join([" " * width, *(f"{column:>8}" for column in _COLUMNS)])]
    for name, origin in sorted(origins.items(), key=lambda item: -item[1].opened):
        cells = " ".join(f"{getattr(origin, column):>8}" for column in _COLUMNS)
        lines.append(f"{name:<{width}} {cells}  {_listed(origin.errors)}".rstrip())
    return lines
