"""What tests of all parts share: both event loops, more than one try for what is measured, and little garbage."""

import asyncio
import gc
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import Any

import pytest
import uvloop

from tests.both_loops import Run
from tests.hostile.nearby import LoopHeld


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Give a test that found the loop held two more tries: the least of its times is what the code takes."""
    try:
        return (yield)
    except LoopHeld:
        arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    with suppress(LoopHeld):
        return pyfuncitem.obj(**arguments)
    return pyfuncitem.obj(**arguments)


def pytest_collection_finish() -> None:
    """Let the collector leave the thousands of tests alone, which would make each `gc.collect()` of theirs slow."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine to its end, on each event loop in turn."""

    def run_on_loop(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main)

    return run_on_loop
