"""A client's flow, any one of whose calls to the system fails, ends soon, in a documented error, and leaves nothing."""

import asyncio
import logging
from functools import partial

import pytest

from tests.torture.client_flows import CA, FLOWS, LIMIT_S, Flow, world
from tests.torture.faults import Faults, FaultyFile, fail_everywhere
from tests.torture.figures import figures
from tests.torture.leaks import run_on
from tests.torture.loops import LOOPS
from trunkline import ClientError, WSMessageTypeError


async def run_failing(flow: Flow, faults: Faults) -> None:
    """Run a flow in which a call fails, and check what is left within its session and after."""
    connector = {"ssl": faults.watch_tls(CA.client_context()), "socket_factory": faults.make_socket, **flow.connector}
    async with world(**connector) as around:
        around.make_file = partial(FaultyFile, faults)
        if flow.before is not None:
            await flow.before(around)
        try:
            with faults.armed():
                async with asyncio.timeout(LIMIT_S):
                    await flow.run(around)
        except (ClientError, WSMessageTypeError):  # the latter tells that a WebSocket has ended
            assert faults.failed
        except OSError:
            if not faults.failed.startswith("file "):  # which is the user's own
                raise
        await around.check_nothing_is_held()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_ends_in_an_error_and_leaves_nothing_behind_whichever_call_fails(
    name: str, loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # what a session ends that is drained is told to its log
    failed = run_on(loop, fail_everywhere(partial(run_failing, FLOWS[name])))
    figures.add("calls failed", name, len(failed))
