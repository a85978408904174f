import asyncio

import pytest

from trunkline.transport.flow import WriteFlow


async def started(flow: WriteFlow, count: int = 1) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(flow.drain()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def new_flow() -> WriteFlow:
    return WriteFlow(asyncio.get_running_loop())


async def test_drain_returns_at_once_while_writing_is_not_paused() -> None:
    (task,) = await started(new_flow())
    assert task.done()


async def test_resuming_wakes_all_writers() -> None:
    flow = new_flow()
    flow.pause_writing()
    tasks = await started(flow, 3)
    assert not any(task.done() for task in tasks)
    flow.resume_writing()
    await asyncio.gather(*tasks)


async def test_a_writer_waits_on_when_writing_is_paused_again_before_it_runs() -> None:
    flow = new_flow()
    flow.pause_writing()
    (task,) = await started(flow)
    flow.resume_writing()
    flow.pause_writing()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    flow.resume_writing()
    await task


async def test_a_cancelled_writer_leaves_the_others_waiting() -> None:
    flow = new_flow()
    flow.pause_writing()
    first, second = await started(flow, 2)
    first.cancel()
    await asyncio.sleep(0)
    assert not second.done()
    flow.resume_writing()
    await second


@pytest.mark.parametrize("error", [None, OSError("cable cut")])
async def test_a_lost_connection_fails_waiting_and_later_writers(error: OSError | None) -> None:
    flow = new_flow()
    flow.pause_writing()
    tasks = await started(flow, 2)
    flow.connection_lost(error)
    tasks += await started(flow)
    for task in tasks:
        with pytest.raises(ConnectionResetError) as caught:
            await task
        assert caught.value.__cause__ is error
