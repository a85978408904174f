"""Words for what belongs to one event loop, thread and process, and was used in another.

Who finds that out loads this, so that what is used rightly does not pay for it. Where it was made comes last, for in
debug mode that is a whole stack.
"""

import asyncio
import os
import threading


def _describe(loop: asyncio.AbstractEventLoop, thread_name: str) -> str:
    """Name `loop` so that two of a kind can be told apart; its repr says whether it runs, or is closed."""
    return f"{loop!r} (id {id(loop):#x}, thread {thread_name!r})"


def wrong_loop(what: str, loop: asyncio.AbstractEventLoop, thread_name: str, made_at: str, advice: str) -> RuntimeError:
    """Make the error for use on the running loop of `what`, which was made at `made_at` and belongs to `loop`."""
    running = _describe(asyncio.get_running_loop(), threading.current_thread().name)
    return RuntimeError(
        f"{what} belongs to the event loop {_describe(loop, thread_name)}, but this is {running}; {advice}; "
        f"it was made at {made_at}"
    )


def inherited(what: str, parent_pid: int, made_at: str) -> RuntimeError:
    """Make the error for use in a forked child of `what`, which its parent made at `made_at`."""
    return RuntimeError(
        f"{what} belongs to process {parent_pid}, but this is its forked child, process {os.getpid()}, and two "
        f"processes cannot share connections; make one in the child, inside asyncio.run(); it was made at {made_at}"
    )
