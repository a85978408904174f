"""A server, any one of whose calls to the system fails, leaves its client no doubt, keeps nothing, and goes on."""

import asyncio
import logging
from contextlib import suppress
from functools import partial

import pytest

from tests.torture.client_flows import LIMIT_S
from tests.torture.faults import Faults, fail_everywhere, failing_files, listener
from tests.torture.figures import figures
from tests.torture.leaks import run_on
from tests.torture.loops import LOOPS
from tests.torture.server_flows import FLOWS, Flow, Pace, flow_server, play_client, serve_another
from tests.torture.stepping import MAX_WAITS, Cut
from tests.web.serving import Serving
from trunkline.web.runner import ServerRunner
from trunkline.web.sites import SockSite


async def run_failing(flow: Flow, faults: Faults) -> None:
    """Let a server start and serve a client while a call fails, and then another client."""
    pace = Pace()
    runner = ServerRunner(flow_server(flow, Cut(MAX_WAITS, is_late=False), pace), shutdown_timeout=LIMIT_S)
    await runner.setup()
    sock = listener(faults)
    try:
        with suppress(OSError), faults.armed():
            await SockSite(runner, sock).start()
        if not faults.failed:
            await serve_failing(Serving(runner), flow, pace, faults)
    finally:
        async with asyncio.timeout(LIMIT_S):
            await runner.cleanup()
        sock.close()


async def serve_failing(serving: Serving, flow: Flow, pace: Pace, faults: Faults) -> None:
    with failing_files(faults), faults.armed():
        await play_client(serving, flow, pace)
    await serve_another(serving)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", FLOWS)
def test_a_server_goes_on_and_leaves_nothing_behind_whichever_call_fails(
    name: str, loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # that a file cannot be read is told to the server's log
    failed = run_on(loop, fail_everywhere(partial(run_failing, FLOWS[name])))
    figures.add("calls failed", name, len(failed))
