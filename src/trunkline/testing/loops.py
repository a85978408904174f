"""Event loops for tests that have no runner of their own: made, set as the thread's loop, and closed again.

`asyncio.Runner` does more (it cancels what is left) and is the better choice in new code; these functions are
for tests that want the loop itself.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def setup_test_loop(loop_factory: LoopFactory = asyncio.new_event_loop) -> asyncio.AbstractEventLoop:
    """Make an event loop and set it as the thread's; end it with `teardown_test_loop`."""
    loop = loop_factory()
    asyncio.set_event_loop(loop)
    return loop


def teardown_test_loop(loop: asyncio.AbstractEventLoop, fast: bool = False) -> None:
    """Close a loop of `setup_test_loop`; the thread has none afterwards.

    fast: skip the garbage collection, which makes what the test left open show in this test, not in a later one.
    """
    if not loop.is_closed():
        # Callbacks that are due run once more: transports that are closing close their sockets in one.
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
    if not fast:
        gc.collect()
    asyncio.set_event_loop(None)


@contextmanager
def loop_context(
    loop_factory: LoopFactory = asyncio.new_event_loop, fast: bool = False
) -> Iterator[asyncio.AbstractEventLoop]:
    """Give an event loop for the length of a `with` block."""
    loop = setup_test_loop(loop_factory)
    try:
        yield loop
    finally:
        teardown_test_loop(loop, fast=fast)
