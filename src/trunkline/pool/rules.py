"""The rules of a pool, and those of one request that asks it for a connection."""

from typing import NamedTuple


class ConnectLimits(NamedTuple):
    """How long a request may wait for its connection, in seconds, and behind whom; None for no limit.

    connect_s: in the queue and for opening together. open_s: for resolving, connecting and TLS alone. queue_s: in the
    queue alone. queue_limit: how many may wait before it. priority: higher is served earlier.
    """

    connect_s: float | None = None
    open_s: float | None = None
    queue_s: float | None = None
    queue_limit: int | None = None
    priority: int = 0


def checked_priority(priority: int) -> int:
    """Return `priority`; raise TypeError when it cannot be compared."""
    if not isinstance(priority, int):
        raise TypeError(
            f"priority is of type {type(priority).__name__}; pass an int: higher is served earlier, 0 is usual"
        )
    return priority


def checked_queue_limit(limit: int | None) -> int | None:
    """Return `limit`; raise TypeError or ValueError when no queue can have it."""
    if limit is None:
        return None
    if not isinstance(limit, int):
        raise TypeError(
            f"queue_limit is of type {type(limit).__name__}; pass a number of requests, or None for no limit"
        )
    if limit < 0:
        raise ValueError(f"queue_limit is {limit}; pass 0 to let no request wait, more, or None for no limit")
    return limit


def checked_queue_timeout(seconds: float | None) -> float | None:
    """Return `seconds`; raise ValueError when nobody can wait for so long."""
    if seconds is not None and not seconds > 0:  # NaN is not, either
        raise ValueError(
            f"queue_timeout is {seconds}; pass seconds above 0, or None for no limit (queue_limit=0 lets nobody wait)"
        )
    return seconds


class PoolRules(NamedTuple):
    """How a pool treats its connections and its queue; None for no limit.

    keepalive_s: how long a connection may be idle. force_close: each is used once. max_age_s: how old it may become.
    queue_s, queue_limit: as in ConnectLimits, for requests whose own are None.
    """

    keepalive_s: float | None = None
    force_close: bool = False
    max_age_s: float | None = None
    queue_s: float | None = None
    queue_limit: int | None = None
