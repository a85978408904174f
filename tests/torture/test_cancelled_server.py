"""A handler that is cancelled at any of its waits, early or late, leaves nothing behind, and others are served."""

from functools import partial

import pytest

from tests.torture.figures import figures
from tests.torture.leaks import run_on
from tests.torture.loops import LOOPS
from tests.torture.server_flows import FLOWS, Flow, Pace, play_client, serve_another, served
from tests.torture.stepping import Cut, cut_everywhere


async def run_cut(flow: Flow, cut: Cut) -> None:
    """Let a client be served by a handler that is cut as told, and then another one."""
    pace = Pace()
    async with served(flow, cut, pace) as serving:
        await play_client(serving, flow, pace)
        await serve_another(serving)


@pytest.mark.parametrize("is_late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", FLOWS)
def test_a_handler_cancelled_at_any_wait_leaves_nothing_behind(name: str, loop: str, is_late: bool) -> None:
    made = run_on(loop, cut_everywhere(partial(run_cut, FLOWS[name]), is_late))
    figures.add("cancelled", name, made)
    assert made >= 1
