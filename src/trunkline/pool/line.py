"""`Line`: who waits, in the order in which they are served.

The highest rank comes first, and among equals who came first. Programs use a handful of priorities, so each rank has a
queue of its own, from whose middle one that gave up is taken at no more cost than from its end.
"""

from bisect import insort
from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class InLine(Protocol):
    """One that waits. rank: higher is served earlier."""

    @property
    def rank(self) -> int: ...


W = TypeVar("W", bound=InLine)


class Line(Generic[W]):
    """A queue with ranks; each waiter is in it once at most."""

    __slots__ = ("_levels", "_order")

    def __init__(self) -> None:
        self._levels: dict[int, OrderedDict[W, None]] = {}  # sets in order of arrival, by rank; none is empty
        self._order: list[int] = []  # the ranks, highest first

    def __bool__(self) -> bool:
        return bool(self._order)

    def __len__(self) -> int:
        return sum(map(len, self._levels.values()))

    def __iter__(self) -> Iterator[W]:
        for rank in self._order:
            yield from self._levels[rank]

    def __contains__(self, waiter: W) -> bool:
        level = self._levels.get(waiter.rank)
        return level is not None and waiter in level

    def add(self, waiter: W) -> None:
        """Let `waiter` stand behind all of its rank."""
        rank = waiter.rank
        try:
            level = self._levels[rank]
        except KeyError:
            level = self._levels[rank] = OrderedDict()
            insort(self._order, rank, key=int.__neg__)
        level[waiter] = None

    def remove(self, waiter: W) -> None:
        """Take out a waiter that stands in line."""
        level = self._levels[waiter.rank]
        del level[waiter]
        if not level:
            del self._levels[waiter.rank]
            self._order.remove(waiter.rank)

    def first(self) -> W:
        """Return whose turn it is; the line must not be empty."""
        return next(iter(self._levels[self._order[0]]))
