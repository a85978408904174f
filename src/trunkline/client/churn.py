"""`SessionChurnWarning`: tells of a line that makes sessions for a few requests each, and of what that costs.

Sessions are looked at when they close, from the second one of a line on. Their connections that are idle then would
have served the sessions that are made at the line within the next seconds; what these open instead is the cost. So
nobody is blamed for sessions that live side by side, for those of different origins, or for WebSockets. Lines are
watched for each loop apart: a program of tests, each with its own loop, cannot share a session.
"""

import asyncio
import warnings
import weakref
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from trunkline.ground.caller import place_of
from trunkline.pool.connector import BaseConnector
from trunkline.wire.limits import MAX_SESSION_LINES, MAX_SPARE_CONNECTIONS

MIN_SESSIONS: Final = 10  # of a line, before it is told; ours: fewer cost a program little
MAX_REQUESTS_PER_SESSION: Final = 3  # on average; ours: with more, reuse pays for opening the connection


class SessionChurnWarning(UserWarning):
    """Sessions are made and closed for a few requests each, again and again at one line, instead of being shared."""


@dataclass(slots=True)
class _Line:
    """The sessions of one line on one loop that have closed.

    spare: for each origin the times at which connections came free that nobody has taken since, in order.
    saved, saved_tls, saved_s: the connections that need not have been opened, and what they took.
    """

    loop: "weakref.ref[asyncio.AbstractEventLoop]"
    sessions: int = 0
    requests: int = 0
    saved: int = 0
    saved_tls: int = 0
    saved_s: float = 0.0
    spare: dict[str, list[float]] = field(default_factory=dict)

    @property
    def is_churn(self) -> bool:
        return (
            self.sessions >= MIN_SESSIONS
            and self.requests <= self.sessions * MAX_REQUESTS_PER_SESSION
            and 2 * self.saved >= self.sessions  # for most of them, reuse would have made a difference
        )

    def add(self, connector: BaseConnector) -> None:
        """Count a session that closes now, with its connector."""
        stats = BaseConnector.stats(connector)  # a subclass may have something else of that name
        now = connector.loop.time()
        keepalive_s = connector.pool.rules.keepalive_s
        since_s = 0.0 if keepalive_s is None else connector.made_at_s - keepalive_s
        self.sessions += 1
        self.requests += stats.requests
        for name, origin in stats.origins.items():
            saved = self._take(name, origin.opened, since_s, connector.made_at_s)
            self.saved += saved
            if saved:
                self.saved_s += stats.opening_s * saved / stats.opened
                self.saved_tls += saved if name.startswith("https:") else 0
            came_free = origin.opened if connector.force_close else origin.idle
            times = self.spare.pop(name, [])
            self.spare[name] = [*times, *[now] * came_free][-MAX_SPARE_CONNECTIONS:]
        while len(self.spare) > MAX_SPARE_CONNECTIONS:
            self.spare.pop(next(iter(self.spare)))

    def _take(self, origin: str, wanted: int, since_s: float, until_s: float) -> int:
        """Take up to `wanted` of the connections that came free between these times; forget the earlier ones."""
        times = self.spare.get(origin, [])
        del times[: bisect_left(times, since_s)]
        taken = min(wanted, bisect_right(times, until_s))
        del times[:taken]
        return taken


_lines: dict[tuple[int, str, int], _Line] = {}  # by the loop's id and the place
_told: set[tuple[str, int]] = set()


def look_for_churn(connector: BaseConnector, made_at: str) -> Callable[[], None] | None:
    """Count a session that is about to close with its connector; return what warns of its line, if it should be told.

    made_at: of the session, from `caller`.
    """
    file, line = place_of(made_at)
    if (file, line) in _told:
        return None
    watched = _watched(connector.loop, file, line)
    watched.add(connector)
    if not watched.is_churn:
        return None
    _told.add((file, line))
    del _lines[id(connector.loop), file, line]
    return partial(warnings.warn_explicit, _message(watched, file, line), SessionChurnWarning, file, line)


def _watched(loop: asyncio.AbstractEventLoop, file: str, line: int) -> _Line:
    key = id(loop), file, line
    watched = _lines.get(key)
    if watched is None or watched.loop() is not loop:
        watched = _lines[key] = _Line(weakref.ref(loop))
        if len(_lines) > MAX_SESSION_LINES:
            del _lines[next(iter(_lines))]
    return watched


def _message(watched: _Line, file: str, line: int) -> str:
    return (
        f"{watched.sessions} sessions made at {file}:{line} were closed after {watched.requests} requests in all. "
        f"They opened {watched.saved} connections ({watched.saved_tls} of them with TLS), in "
        f"{1000 * watched.saved_s:.3g} ms, that one shared session would have had open already. Make one ClientSession "
        "for the program's life, or use trunkline.shared_session(), in place of trunkline.request() too; sessions with "
        "cookies of their own can share one connector (connector_owner=False)"
    )
