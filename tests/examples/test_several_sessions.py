from __future__ import annotations

import asyncio

import trunkline
from tests.examples.running import Count, Upstream, complaints, example


async def get(session: trunkline.ClientSession, path: str) -> object:
    async with session.get(path, raise_for_status=True) as response:
        answer: object = await response.json()
        return answer


async def test_two_sessions_share_a_connection_and_bulk_work_keeps_to_its_own(upstream: Upstream) -> None:
    async with example("several_sessions") as process, trunkline.ClientSession(await process.url()) as session:
        bulk = asyncio.create_task(get(session, "/bulk/200"))
        while "bulk" not in await upstream.counts():
            pass
        for _ in range(3):
            answer = await get(session, "/items/7")
            assert isinstance(answer, dict)
            assert answer["users"] == answer["audit"]  # the connection is part of the item
        assert not bulk.done()
        assert await bulk == {"done": 200}
        assert await upstream.counts() == {
            "users": Count(requests=3, connections=1),
            "audit": Count(requests=3, connections=1),
            "bulk": Count(requests=200, connections=2),
        }
        assert await process.stop() == 0
    assert complaints(process) == []
