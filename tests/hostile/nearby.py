"""Names that all lead to loopback, so that a test may speak of any host, and a watch on how long the loop is held."""

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trunkline.abc import AbstractResolver, ResolveResult

HELD_S = 0.1  # docs/threat-model.md: the loop is never held for longer


class LoopHeld(AssertionError):
    """The loop was held for too long. Other work of a machine can lengthen it, so `tests/conftest` tries again."""


class Nearby(AbstractResolver):
    """Every name is 127.0.0.1. asked: the names, in order. failures: how many of the first questions fail."""

    def __init__(self, failures: int = 0) -> None:
        self.asked: list[str] = []
        self._failures = failures

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if len(self.asked) <= self._failures:
            raise OSError(None, "the name server fails")
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0),
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def loop_is_free() -> AsyncIterator[None]:
    """Raise LoopHeld when something takes more than a tenth of a second of the loop's turn within the block.

    Counted is the thread's own time, which other processes of a busy machine do not lengthen. The garbage collector
    does not look at what other tests have left, which may take it as long.
    """
    gc.freeze()
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        while True:
            began_at = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - began_at)

    watching = asyncio.create_task(watch())
    try:
        yield
        await asyncio.sleep(0)  # what came last counts, too
    finally:
        watching.cancel()
        gc.unfreeze()
    if longest_s >= HELD_S:
        raise LoopHeld(f"the loop was held for {longest_s:.3f} s; wanted less than {HELD_S:g} s")
