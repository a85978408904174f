"""`IdleLimits`: how long the connections of each origin may be idle, learnt from those that their server closed.

Most servers do not tell when they close idle connections. One that closed a connection after 5 seconds will close the
next one after 5 seconds too, so later ones are used below that only. It is a guess, for the server may just have been
restarted: connections that end together teach something only if they were idle for equally long, the newest
observation counts, and after some minutes it is forgotten. What servers do tell is `keep_alive`'s part, in wire.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Final

from trunkline.wire.keep_alive import safe_idle_s
from trunkline.wire.limits import IDLE_LIMIT_LIFETIME_S, MAX_IDLE_LIMITS, MIN_LEARNED_IDLE_S

SAME_MOMENT_S: Final = 0.5  # in which connections end together; ours: far above what closing a hundred takes

Endpoint = tuple[str, int | None, bool]  # host, port, TLS: `ConnectionKey.endpoint`


class IdleLimits:
    """What is known of each origin. now: the clock, in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        # The limit, when it was learned, and from what idle time; newest last.
        self._learned: OrderedDict[Endpoint, tuple[float, float, float]] = OrderedDict()

    def limit_s(self, endpoint: Endpoint) -> float:
        """Return how long a connection of `endpoint` may be idle and then be used; inf when nothing is known."""
        known = self._learned.get(endpoint)
        if known is None:
            return inf
        limit_s, learned_at, _ = known
        if self._now() - learned_at <= IDLE_LIMIT_LIFETIME_S:
            return limit_s
        del self._learned[endpoint]
        return inf

    def note_drop(self, endpoint: Endpoint, idle_s: float, proven_s: float = 0.0) -> None:
        """Learn from a connection that the server closed when it had been idle for `idle_s`.

        proven_s: an idle time after which the same connection was still good.
        """
        if idle_s < max(MIN_LEARNED_IDLE_S, proven_s):  # a restart, or as many requests as the server allows
            return
        now = self._now()
        limit_s, learned_at, last_idle_s = self._learned.get(endpoint, (inf, -inf, 0.0))
        if now - learned_at > SAME_MOMENT_S:
            limit_s = safe_idle_s(idle_s)
        elif abs(idle_s - last_idle_s) > SAME_MOMENT_S:
            limit_s = inf  # several at once that were not idle for equally long: a restart, or the like
        self._learned[endpoint] = limit_s, now, idle_s
        self._learned.move_to_end(endpoint)
        if len(self._learned) > MAX_IDLE_LIMITS:
            self._learned.popitem(last=False)
