"""`Line`: who waits, in the order in which they are served.

The highest priority comes first, and among equals who came first. Programs use a handful of priorities, so each has a
queue of its own, from whose middle one that gave up is taken at no more cost than from its end.
"""

from bisect import insort
from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class InLine(Protocol):
    """One that waits. priority: higher is served earlier."""

    @property
    def priority(self) -> int: ...


W = TypeVar("W", bound=InLine)


class Line(Generic[W]):
    """A queue with priorities; each waiter is in it once at most."""

    __slots__ = ("_levels", "_order")

    def __init__(self) -> None:
        self._levels: dict[int, OrderedDict[W, None]] = {}  # sets in order of arrival, by priority; none is empty
        self._order: list[int] = []  # the priorities, highest first

    def __bool__(self) -> bool:
        return bool(self._order)

    def __len__(self) -> int:
        return sum(map(len, self._levels.values()))

    def __iter__(self) -> Iterator[W]:
        for priority in self._order:
            yield from self._levels[priority]

    def __contains__(self, waiter: W) -> bool:
        level = self._levels.get(waiter.priority)
        return level is not None and waiter in level

    def add(self, waiter: W, *, is_first: bool = False) -> None:
        """Let `waiter` stand behind all of its priority, or before them."""
        priority = waiter.priority
        try:
            level = self._levels[priority]
        except KeyError:
            level = self._levels[priority] = OrderedDict()
            insort(self._order, priority, key=int.__neg__)
        level[waiter] = None
        if is_first:
            level.move_to_end(waiter, last=False)

    def remove(self, waiter: W) -> None:
        """Take out a waiter that stands in line."""
        level = self._levels[waiter.priority]
        del level[waiter]
        if not level:
            del self._levels[waiter.priority]
            self._order.remove(waiter.priority)

    def first(self) -> W:
        """Return whose turn it is; the line must not be empty."""
        return next(iter(self._levels[self._order[0]]))
