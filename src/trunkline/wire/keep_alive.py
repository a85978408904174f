"""The Keep-Alive field: how long a server keeps an idle connection, and for how many more requests.

No standard in force defines it, but Apache, nginx and Node.js send it: `Keep-Alive: timeout=5, max=99`, a list of
parameters (RFC 2068 §19.7.1.1; `timeout` as in draft-thomson-hybi-http-timeout-03 §2). What makes no sense is
ignored, each parameter for itself: the field is advice, and without it the connection is as good. When to stop
using a connection is the connection's part.
"""

import re
from math import inf
from typing import Final, NamedTuple

from trunkline.wire.limits import KEEPALIVE_MARGIN_RATIO, KEEPALIVE_MARGIN_S, MAX_DELTA_DIGITS

# keepalive-param = param-name "=" value   (RFC 2068 §19.7.1.1); both values are delta-seconds or a count: 1*DIGIT
_PARAMETER: Final = re.compile(r"(timeout|max)[ \t]*=[ \t]*([0-9]+)", re.IGNORECASE | re.ASCII)


class KeepAliveHint(NamedTuple):
    """What the server says of a connection; inf where it says nothing.

    idle_s: how long the connection may be idle and then be used. requests_left: how many more it takes after this one.
    """

    idle_s: float = inf
    requests_left: float = inf

    def joined_with(self, other: "KeepAliveHint") -> "KeepAliveHint":
        """Return what heeds both."""
        return KeepAliveHint(min(self.idle_s, other.idle_s), min(self.requests_left, other.requests_left))


def parse_keep_alive(value: str) -> KeepAliveHint | None:
    """Return what a field value says; None when it says nothing of use. Of two values for the same, the last counts."""
    given: dict[str, int] = {}
    for parameter in value.split(","):
        match = _PARAMETER.fullmatch(parameter.strip(" \t"))
        if match is not None and len(match[2]) <= MAX_DELTA_DIGITS:
            given[match[1].lower()] = int(match[2])
    if not given:
        return None
    return KeepAliveHint(safe_idle_s(given.get("timeout", inf)), given.get("max", inf))


def safe_idle_s(timeout_s: float) -> float:
    """Tell how long a connection may be idle and then be used, when the server closes it after `timeout_s`.

    The server's time runs from its last byte sent to our first received, so a round trip of it is not ours.
    """
    return max(timeout_s / 2, min(timeout_s - KEEPALIVE_MARGIN_S, timeout_s * (1 - KEEPALIVE_MARGIN_RATIO)))
