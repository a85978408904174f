"""What a process and its loop hold, to be compared before and after: descriptors, tasks, timers, our objects.

Buffers belong to objects of ours, connections, streams and responses, so a buffer that is left shows as one of these.
"""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from tests.torture.loops import LOOPS, noting

T = TypeVar("T")

SETTLE_S: Final = 5.0  # far above what it takes to close sockets of loopback
# Classes of which one is kept for each name, header or duration that was ever met, whatever became of the request.
_KEPT: Final = frozenset({"Deadline", "MimeType", "_Lane", "_LoneDeadline"})


def run_on(loop: str, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a loop of this name; fail if something was reported to the loop that nobody caught."""
    reported: list[str] = []

    def report(_: object, context: dict[str, Any]) -> None:  # Any: what asyncio has to tell
        reported.append(f"{context['message']}: {context.get('exception')!r}")

    set_old_objects_apart()
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.get_loop().set_exception_handler(report)
        result = runner.run(main)
    assert not reported, reported
    return result


def set_old_objects_apart() -> None:
    """Let the collector look only at what is made from now on, which makes counting it cheap; until `gc.unfreeze()`."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Held:
    """What is held at one time."""

    descriptors: frozenset[tuple[str, str]]
    tasks: frozenset[str]
    timers: Counter[str]
    objects: Counter[str]

    @classmethod
    def now(cls) -> Self:
        loop = asyncio.get_running_loop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        return cls(
            frozenset(_descriptors()),
            frozenset(repr(task) for task in others),
            Counter(noting().timers(loop.time())),
            _objects(),
        )

    def more_than(self, before: Self) -> dict[str, object]:
        """Tell what is held beyond what was held `before`."""
        more: dict[str, object] = {
            "descriptors": self.descriptors - before.descriptors,
            "tasks": self.tasks - before.tasks,
            "timers": self.timers - before.timers,
            "objects": self.objects - before.objects,
        }
        return {kind: what for kind, what in more.items() if what}


async def wait_no_more_than(before: Held) -> None:
    """Wait until nothing is held beyond what was held `before`; fail when that does not come."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + SETTLE_S
    while more := Held.now().more_than(before):
        assert loop.time() < give_up_at, f"left behind: {more}"
        await asyncio.sleep(0.001)


def _descriptors() -> Iterator[tuple[str, str]]:
    for name in os.listdir("/proc/self/fd"):
        try:
            yield name, os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the one that lists them
            pass


def _objects() -> Counter[str]:
    gc.collect()
    names = (type(each) for each in gc.get_objects())
    return Counter(
        each.__qualname__ for each in names if each.__module__.startswith("trunkline.") and each.__name__ not in _KEPT
    )
