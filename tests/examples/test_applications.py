"""The three examples of one shared session in a web application, each in a framework of its own."""

from __future__ import annotations

import asyncio
import signal

import pytest

import trunkline
from tests.examples.running import Count, Upstream, complaints, example

# uvicorn shuts down, then ends as the signal would have ended it.
STATUSES = {"web_app": 0, "fastapi_app": -signal.SIGTERM, "starlette_app": -signal.SIGTERM}
LIFESPAN_LEFT = "INFO:     Application shutdown complete."
AT_A_TIME = 5
NOTHING = Count(requests=0, connections=0)


async def fetch(session: trunkline.ClientSession, number: int) -> None:
    async with session.get(f"/items/{number}", raise_for_status=True) as response:
        item = await response.json()
    assert item["id"] == number


@pytest.mark.parametrize("name", STATUSES)
async def test_all_requests_share_one_session_that_is_closed_at_the_end(name: str, upstream: Upstream) -> None:
    async with example(name) as process, trunkline.ClientSession(await process.url()) as session:
        for number in range(10):
            await fetch(session, number)
        assert await upstream.counts() == {name: Count(requests=10, connections=1)}
        for _ in range(3):
            await asyncio.gather(*(fetch(session, number) for number in range(AT_A_TIME)))
        count = (await upstream.counts())[name]
        assert count.requests == 10 + 3 * AT_A_TIME
        assert count.connections <= AT_A_TIME
        assert await process.stop() == STATUSES[name]
    assert complaints(process) == []
    assert (LIFESPAN_LEFT in process.lines) == (name != "web_app")


@pytest.mark.parametrize("name", STATUSES)
@pytest.mark.usefixtures("no_upstream")
async def test_an_upstream_that_is_down_is_a_bad_gateway(name: str) -> None:
    async with example(name) as process, trunkline.ClientSession(await process.url()) as session:
        async with session.get("/items/1") as response:
            assert response.status == 502
            assert "127.0.0.1:1" in await response.text()
        assert await process.stop() == STATUSES[name]


async def test_a_request_under_way_is_finished_before_the_session_is_closed(upstream: Upstream) -> None:
    async with example("web_app") as process, trunkline.ClientSession(await process.url()) as session:
        under_way = [asyncio.create_task(fetch(session, number)) for number in range(AT_A_TIME)]
        while (await upstream.counts()).get("web_app", NOTHING).requests < AT_A_TIME:
            pass
        assert await process.stop() == 0
        await asyncio.gather(*under_way)
    assert complaints(process) == []
