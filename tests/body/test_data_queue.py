"""`DataQueue`: items in order, the end and errors behind them, one reader, and the pause of a protocol."""

import asyncio

import pytest

from trunkline.body.data_queue import DataQueue, FlowControlDataQueue
from trunkline.body.stream import EofStream


def make_queue(*items: object) -> DataQueue[object]:
    queue: DataQueue[object] = DataQueue(asyncio.get_running_loop())
    for item in items:
        queue.feed_data(item, 1)
    return queue


async def test_items_come_in_order_and_then_the_end_for_ever() -> None:
    queue = make_queue(1, {"a": 2})
    assert len(queue) == 2
    queue.feed_eof()
    assert (queue.is_eof(), queue.at_eof()) == (True, False)
    assert [await queue.read(), await queue.read()] == [1, {"a": 2}]
    assert queue.at_eof()
    for _ in range(2):
        with pytest.raises(EofStream):
            await queue.read()


async def test_items_that_came_before_an_error_can_still_be_read() -> None:
    queue = make_queue(1)
    queue.set_exception(ValueError("broken"), OSError("why"))
    assert queue.is_eof()
    assert await queue.read() == 1
    with pytest.raises(ValueError, match="broken") as raised:
        await queue.read()
    assert raised.value is queue.exception()
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.parametrize("end", ["item", "eof", "error"])
async def test_a_reader_waits_for_whatever_comes(end: str) -> None:
    queue = make_queue()
    reading = asyncio.create_task(queue.read())
    await asyncio.sleep(0)
    if end == "item":
        queue.feed_data("x")
        assert await reading == "x"
    elif end == "eof":
        queue.feed_eof()
        with pytest.raises(EofStream):
            await reading
    else:
        queue.set_exception(KeyError("x"))
        with pytest.raises(KeyError):
            await reading


async def test_a_cancelled_reader_makes_way_for_another() -> None:
    queue = make_queue()
    reading = asyncio.create_task(queue.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    queue.feed_data("x")
    assert await queue.read() == "x"


async def test_only_one_coroutine_may_wait() -> None:
    queue = make_queue()
    reading = asyncio.create_task(queue.read())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one coroutine"):
        await queue.read()
    queue.feed_data("x")
    assert await reading == "x"


async def test_iteration_ends_with_the_queue() -> None:
    queue = make_queue(1, b"", 2)
    queue.feed_eof()
    assert [item async for item in queue] == [1, b"", 2]


class Pauses:
    def __init__(self) -> None:
        self.told: list[str] = []

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([8], [[]]),  # twice the limit is allowed
        ([9], [["pause"], ["resume"]]),
        ([4, 4, 1], [["pause"], ["resume"], [], []]),
        ([4, 5, 4, 5], [["pause"], [], [], ["resume"], []]),
        ([0, 0], [[], [], []]),
    ],
)
async def test_a_limited_queue_pauses_its_protocol_once_and_lets_it_go_on(
    sizes: list[int], told: list[list[str]]
) -> None:
    pauses = Pauses()
    queue: FlowControlDataQueue[int] = FlowControlDataQueue(pauses, 4, loop=asyncio.get_running_loop())
    for size in sizes:
        queue.feed_data(size, size)
    for expected in told:
        assert pauses.told == expected
        pauses.told = []
        if len(queue):
            await queue.read()
