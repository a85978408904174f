"""A client's flow that is cancelled at any of its waits, early or late, leaves nothing behind."""

import asyncio
import logging
from functools import partial

import pytest

from tests.torture.client_flows import FLOWS, LIMIT_S, Flow, world
from tests.torture.figures import figures
from tests.torture.leaks import run_on
from tests.torture.loops import LOOPS
from tests.torture.stepping import Cut, cut_everywhere


async def run_cut(flow: Flow, cut: Cut) -> None:
    """Run a flow, cut as told, and check what is left within its session and after."""
    async with world(**flow.connector) as around:
        if flow.before is not None:
            await flow.before(around)
        async with asyncio.timeout(LIMIT_S):
            await cut.run(flow.run(around))
        if around.session.closed:
            await around.session.close()  # to the end, should that have been cut
        await around.check_nothing_is_held()


@pytest.mark.parametrize("is_late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_cancelled_at_any_wait_leaves_nothing_behind(
    name: str, loop: str, is_late: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # what a session ends that is drained is told to its log
    made = run_on(loop, cut_everywhere(partial(run_cut, FLOWS[name]), is_late))
    figures.add("cancelled", name, made)
    assert made >= 2
