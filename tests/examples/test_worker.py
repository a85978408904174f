from __future__ import annotations

import signal

import pytest

from tests.examples.running import Upstream, complaints, example
from tests.web.processes import ServerProcess


def finished(process: ServerProcess) -> int:
    return sum(" is done: " in line for line in process.lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_consumers_finish_what_is_queued(number: signal.Signals, upstream: Upstream) -> None:
    async with example("worker") as process:
        await process.line_with(" is done: ", count=40)
        assert await process.stop(number) == 0
    assert complaints(process) == []
    [stopping] = [line for line in process.lines if line.startswith("stopping after job ")]
    assert process.lines[-1] == "all jobs are done"
    count = (await upstream.counts())["worker"]
    assert finished(process) == count.requests == int(stopping.split()[-1])
    assert count.connections <= 4


@pytest.mark.usefixtures("no_upstream")
async def test_a_job_that_fails_ends_neither_its_consumer_nor_the_program() -> None:
    async with example("worker") as process:
        await process.line_with(" has failed: ClientConnectorError", count=8)
        assert await process.stop() == 0
    assert process.lines[-1] == "all jobs are done"
    assert finished(process) == 0
