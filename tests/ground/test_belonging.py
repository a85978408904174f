"""The words for what was used in another loop, thread or process than its own."""

import asyncio
import os

from trunkline.ground.belonging import inherited, wrong_loop


async def test_both_loops_and_threads_are_told_apart() -> None:
    running = asyncio.get_running_loop()
    other = asyncio.new_event_loop()
    other.close()
    said = str(wrong_loop("this session", other, "worker-1", "app.py:12", "make one for each"))
    assert f"{other!r} (id {id(other):#x}, thread 'worker-1')" in said
    assert f"{running!r} (id {id(running):#x}, thread 'MainThread')" in said
    assert "closed=True" in said
    assert said.startswith("this session belongs to the event loop ")
    assert said.endswith("; make one for each; it was made at app.py:12")


def test_both_processes_are_named() -> None:
    said = str(inherited("this session", 12345, "app.py:12"))
    assert said.startswith("this session belongs to process 12345, ")
    assert said.endswith("it was made at app.py:12")
    assert f"its forked child, process {os.getpid()}, " in said
