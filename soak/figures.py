"""`Figures`: what a process holds at one moment, and `Complaints`: what it has logged that nobody asked for.

Both processes take theirs when nothing is under way, after a full collection, so that what is left is what is kept.
Linux only: memory and descriptors are read from /proc.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import re
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

MAX_KINDS = 20  # of complaints kept: a broken run repeats itself
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one process holds.

    fds: file descriptors beyond those of open connections, which are counted apart. objects: those that the collector
    tracks. cpu_s: used since the process began.
    """

    objects: int
    fds: int
    tasks: int
    connections: int
    rss_bytes: int
    cpu_s: float


def take(connections: int) -> Figures:
    """Count what this process holds; `connections` of its descriptors are accounted for."""
    gc.collect()
    return Figures(
        objects=len(gc.get_objects()),
        # The listing itself holds one.
        fds=len(os.listdir("/proc/self/fd")) - 1 - connections,
        tasks=len(asyncio.all_tasks()),
        connections=connections,
        rss_bytes=int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES,
        cpu_s=time.process_time(),
    )


def objects_by_type() -> Counter[str]:
    """Count the objects that the collector tracks, by the name of their type."""
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


class Complaints(logging.Handler):
    """Counts each warning and error logged, except those of an exception of type `injected`.

    asyncio logs what no task or callback caught, and `logging.captureWarnings` what was dropped unclosed.
    """

    def __init__(self, injected: type[Exception]) -> None:
        super().__init__(logging.WARNING)
        self.counts: Counter[str] = Counter()
        self._injected = injected

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, self._injected):
            return
        text = f"{record.name}: {record.getMessage()}" + (f" {error!r}" if error else "")
        # Numbers and addresses differ from one complaint to the next of the same kind.
        text = re.sub(r"0x[0-9a-f]+|\d+", "…", text)
        if text in self.counts or len(self.counts) < MAX_KINDS:
            self.counts[text] += 1

    def collect(self) -> None:
        """Be told of everything from now on, in place of standard error."""
        warnings.simplefilter("always", ResourceWarning)
        logging.captureWarnings(True)
        logging.getLogger().handlers = [self]
