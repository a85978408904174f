from __future__ import annotations

import signal

import pytest

from tests.examples.running import EXAMPLES, complaints, example

CLIENTS = {"observability", "watched_client", "websocket_client", "worker"}
SERVERS = sorted({path.stem for path in EXAMPLES.glob("*.py")} - CLIENTS)


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.usefixtures("no_upstream")
async def test_ctrl_c_ends_a_server_in_good_order(name: str) -> None:
    async with example(name) as process:
        await process.url()
        assert await process.stop(signal.SIGINT) == 0
    assert complaints(process) == []
