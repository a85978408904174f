"""Many deadlines, one timer.

Nearly every request asks for the same duration (300 s by default), so deadlines that share a duration expire
in the order in which they were added: a deque per duration, a lane, is sorted without any work. A lane arms
one loop timer, for its head. A deadline that is met only clears its slot, so that it holds no response; empty
slots are dropped from the left when the next deadline is added. A timer that finds nothing live is not armed
again. Durations beyond the bound on lanes fall back to `loop.call_later`. Deadlines follow the loop's clock;
they are not for use from another thread.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakValueDictionary

from trunkline.wire.limits import MAX_DEADLINE_LANES

# A lane may hold this many slots beyond twice its live ones before it is compacted: the cost of compaction,
# linear in the length, is then spread over at least half as many additions.
_SLACK_SLOTS = 64

# uvloop's clock and timers count whole milliseconds; a head this close is due, or the timer would spin until
# it is.
_CLOCK_STEP_S = 0.001

_OnExpiry = Callable[[], object]


class Deadline:
    """What to call at `expires_at`, in seconds of the loop's clock; None once it is met or expired."""

    __slots__ = ("_lane", "expires_at", "on_expiry")

    def __init__(self, expires_at: float, on_expiry: _OnExpiry, lane: "_Lane") -> None:
        self.expires_at = expires_at
        self.on_expiry: _OnExpiry | None = on_expiry
        self._lane = lane

    def cancel(self) -> None:
        """Forget the callback, and with it all that it holds; a second call does nothing."""
        if self.on_expiry is not None:
            self.on_expiry = None
            self._lane.live -= 1


class _LoneDeadline(Deadline):
    """A deadline with a loop timer of its own, for a duration that has no lane."""

    __slots__ = ("_timer",)

    def __init__(self, seconds: float, on_expiry: _OnExpiry, lane: "_Lane") -> None:
        super().__init__(lane.loop.time() + seconds, on_expiry, lane)
        lane.live += 1
        self._timer = lane.loop.call_later(seconds, self._expire)

    def cancel(self) -> None:
        super().cancel()
        self._timer.cancel()

    def _expire(self) -> None:
        on_expiry = self.on_expiry
        if on_expiry is not None:
            self.cancel()
            on_expiry()


class _Lane:
    """The deadlines of one duration, in the order in which they expire."""

    __slots__ = ("live", "loop", "slots", "timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.slots: deque[Deadline] = deque()
        self.live = 0
        self.timer: asyncio.TimerHandle | None = None

    def drop_cleared(self) -> None:
        """Remove the cleared slots on the left, or all of them when they outnumber the live ones."""
        slots = self.slots
        while slots and slots[0].on_expiry is None:
            slots.popleft()
        if len(slots) > 2 * self.live + _SLACK_SLOTS:
            self.slots = deque(slot for slot in slots if slot.on_expiry is not None)

    def arm(self) -> None:
        self.timer = self.loop.call_at(self.slots[0].expires_at, self._expire_due)

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _expire_due(self) -> None:
        self.timer = None
        due_until = self.loop.time() + _CLOCK_STEP_S
        self.drop_cleared()
        while self.slots and self.slots[0].expires_at <= due_until:
            self._expire(self.slots.popleft())
            self.drop_cleared()
        if self.slots and self.timer is None:
            self.arm()

    def _expire(self, slot: Deadline) -> None:
        on_expiry = slot.on_expiry
        slot.cancel()
        if on_expiry is None:
            return
        try:
            on_expiry()
        except Exception as error:  # the deadlines behind this one must not pay for it
            self.loop.call_exception_handler({"message": "a deadline's callback failed", "exception": error})


class Deadlines:
    """All deadlines of one loop."""

    __slots__ = ("__weakref__", "_lanes", "_lone", "_loop", "_now")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # The default loops' clock, without the Python function around it.
        self._now = time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
        self._lanes: dict[float, _Lane] = {}
        self._lone = _Lane(loop)

    def add(self, seconds: float, on_expiry: _OnExpiry) -> Deadline:
        """Call `on_expiry` in `seconds`, unless the deadline that is returned is cancelled before."""
        lane = self._lanes.get(seconds)
        if lane is None:
            lane = self._open_lane(seconds)
            if lane is None:
                return _LoneDeadline(seconds, on_expiry, self._lone)
        slots = lane.slots
        if slots and slots[0].on_expiry is None:
            slots.popleft()  # one for each that is added: in steady state that is all there is to do
        if len(slots) > 2 * lane.live + _SLACK_SLOTS:
            lane.drop_cleared()
            slots = lane.slots
        deadline = Deadline(self._now() + seconds, on_expiry, lane)
        slots.append(deadline)
        lane.live += 1
        if lane.timer is None:
            lane.arm()
        return deadline

    def add_odd(self, seconds: float, on_expiry: _OnExpiry) -> Deadline:
        """Do the same for a duration that will hardly come again, such as what is left of another."""
        return _LoneDeadline(seconds, on_expiry, self._lone)

    def _open_lane(self, seconds: float) -> _Lane | None:
        """Return a new lane, in the place of an idle one if all are taken; None when none is idle."""
        if len(self._lanes) >= MAX_DEADLINE_LANES:
            idle = next((key for key, lane in self._lanes.items() if not lane.live), None)
            if idle is None:
                return None
            self._lanes.pop(idle).stop()
        lane = self._lanes[seconds] = _Lane(self._loop)
        return lane


# Keyed by the loop's id: the Deadlines hold their loop, so the id is theirs for as long as the entry lives.
# (With the loop itself as a weak key, value and key would keep each other alive.)
_of_loop: WeakValueDictionary[int, Deadlines] = WeakValueDictionary()


def deadlines_of(loop: asyncio.AbstractEventLoop) -> Deadlines:
    """Return the deadlines of `loop`, shared by all who hold them; they live as long as somebody does."""
    deadlines = _of_loop.get(id(loop))
    if deadlines is None:
        deadlines = _of_loop[id(loop)] = Deadlines(loop)
    return deadlines
