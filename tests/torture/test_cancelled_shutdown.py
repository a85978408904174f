"""A server whose start or shutdown is cancelled at any wait, early or late, keeps no socket, handler or connection."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import pytest

from tests.torture.client_flows import LIMIT_S, SERVER_TLS
from tests.torture.figures import figures
from tests.torture.leaks import run_on
from tests.torture.loops import LOOPS
from tests.torture.shutdown_flows import SHUTDOWN_S, Clients, application, short_graces
from tests.torture.stepping import Cut, cut_everywhere
from trunkline.web.runner import AppRunner
from trunkline.web.sites import TCPSite


async def start(runner: AppRunner, *, is_tls: bool = False) -> None:
    await runner.setup()
    await TCPSite(runner, "127.0.0.1", 0, ssl_context=SERVER_TLS if is_tls else None).start()


async def cut_start(cut: Cut) -> None:
    runner = AppRunner(application(), shutdown_timeout=SHUTDOWN_S, access_log=None)
    await cut.run(start(runner))
    async with asyncio.timeout(LIMIT_S):
        await runner.cleanup()


async def cut_shutdown(is_tls: bool, cut: Cut) -> None:
    """Shut down, cut as told, what has clients of every kind."""
    runner = AppRunner(application(), shutdown_timeout=SHUTDOWN_S, access_log=None)
    await start(runner, is_tls=is_tls)
    clients = Clients(runner.addresses[0][1], is_tls=is_tls)
    with short_graces():
        async with asyncio.timeout(LIMIT_S):
            await clients.come(runner)
        async with asyncio.timeout(LIMIT_S):
            await cut.run(runner.cleanup())
            await runner.cleanup()  # whoever was cut calls it again
            assert not runner.sites
            await clients.see_the_end()


FLOWS: Final[dict[str, Callable[[Cut], Awaitable[None]]]] = {
    "start": cut_start,
    "shutdown": partial(cut_shutdown, False),
    "shutdown, TLS": partial(cut_shutdown, True),
}


@pytest.mark.parametrize("is_late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", FLOWS)
def test_a_server_cancelled_at_any_wait_leaves_nothing_behind(name: str, loop: str, is_late: bool) -> None:
    made = run_on(loop, cut_everywhere(FLOWS[name], is_late))
    figures.add("cancelled", name, made)
    assert made >= 1
