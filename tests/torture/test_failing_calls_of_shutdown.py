"""A server that is shut down, any one of whose calls fails meanwhile, closes everything, and soon."""

import asyncio
import logging
from functools import partial
from typing import Final

import pytest

from tests.torture.client_flows import CA, LIMIT_S
from tests.torture.faults import Faults, fail_everywhere, failing_bios, failing_files, listener
from tests.torture.figures import figures
from tests.torture.leaks import run_on
from tests.torture.loops import LOOPS
from tests.torture.shutdown_flows import SHUTDOWN_S, Clients, application, short_graces
from trunkline.web.runner import AppRunner
from trunkline.web.sites import SockSite

TLS: Final = CA.server_context()


async def run_failing(is_tls: bool, faults: Faults) -> None:
    """Shut a server down that has clients of every kind, while a call fails."""
    runner = AppRunner(application(), shutdown_timeout=SHUTDOWN_S, access_log=None)
    await runner.setup()
    with listener(faults) as sock:
        await SockSite(runner, sock, ssl_context=faults.watch_tls(TLS) if is_tls else None).start()
        with short_graces(), failing_files(faults), failing_bios():
            await _shut_down_failing(runner, Clients(runner.addresses[0][1], is_tls=is_tls), faults)


async def _shut_down_failing(runner: AppRunner, clients: Clients, faults: Faults) -> None:
    server = runner.server
    assert server is not None
    async with asyncio.timeout(LIMIT_S):
        await clients.come(runner)
    async with asyncio.timeout(LIMIT_S):
        with faults.armed():
            await runner.cleanup()
        assert not runner.sites
        assert not server.connections
        await clients.see_the_end()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", ["shutdown", "shutdown, TLS"])
def test_a_server_is_shut_down_and_leaves_nothing_behind_whichever_call_fails(
    name: str, loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # that a file cannot be read is told to the server's log
    failed = run_on(loop, fail_everywhere(partial(run_failing, "TLS" in name)))
    figures.add("calls failed", name, len(failed))
