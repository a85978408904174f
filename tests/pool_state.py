"""What a connector holds when nothing is under way: idle connections, and nothing else."""

import asyncio

from trunkline import BaseConnector, ClientSession

SETTLE_S = 5.0  # far above what closing a loopback socket takes


def idle_count(connector: BaseConnector) -> int:
    return sum(len(idle) for idle in connector._conns.values())


async def wait_nothing_held(session: ClientSession) -> None:
    """Wait until the pool's books say that only idle connections are left; raise TimeoutError if they never do."""
    connector = session.connector
    assert connector is not None
    slots = connector.pool.slots
    async with asyncio.timeout(SETTLE_S):
        while connector._acquired or slots.queued or slots.taken != idle_count(connector):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
