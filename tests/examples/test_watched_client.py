from __future__ import annotations

import pytest

from tests.examples.running import Count, Upstream, complaints, example


async def test_each_request_is_told_and_one_connection_serves_all(upstream: Upstream) -> None:
    async with example("watched_client") as process:
        assert await process.ended() == 0
    assert complaints(process) == []
    told = [line.rpartition(", ")[0] for line in process.lines]  # without the time
    assert told == [
        "item 1: 200, new connection",
        *(f"item {number}: 200, reused connection" for number in range(2, 6)),
    ]
    assert await upstream.counts() == {"watched_client": Count(requests=5, connections=1)}


@pytest.mark.usefixtures("no_upstream")
async def test_a_server_that_is_not_there_is_asked_three_times() -> None:
    async with example("watched_client") as process:
        assert await process.ended() == 1
    assert [line.partition(" of ")[0] for line in process.lines[:2]] == ["try 1", "try 2"]
    assert process.lines[2].startswith("item 1: ClientConnectorError, no connection, ")
    assert process.lines[3].startswith("given up: Cannot connect to host 127.0.0.1:1")
    assert len(process.lines) == 4
