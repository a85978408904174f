"""The inbox: bounded, in order, for one reader."""

import asyncio
import os
import weakref
from operator import sub

import pytest

from trunkline.conn.inbox import Inbox
from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import MAX_CONTROL_FRAMES_PER_TURN, MAX_QUEUED_BYTES
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.deflate import Deflater, Inflater
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.message import CLOSING_MESSAGE, WSMsgType

TEXT, BINARY, PING, PONG, CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE


class Box:
    """An inbox whose source, pings and faults are on record."""

    def __init__(self, *, autoping: bool = True) -> None:
        self.is_paused = False
        self.faults: list[WebSocketError] = []
        self.pings: list[bytes] = []
        reader = MessageReader(is_server=False, max_bytes=2**20, inflater=Inflater())
        on_ping = self.pings.append if autoping else None
        self.inbox = Inbox(asyncio.get_running_loop(), self, reader, self.faults.append, on_ping)

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


def frame(opcode: int, payload: bytes = b"") -> bytes:
    return FrameWriter(None).render(opcode, payload)


async def test_messages_come_in_order() -> None:
    box = Box()
    box.inbox.feed(frame(TEXT, b"a") + frame(BINARY, b"b"))
    assert await box.inbox.take() == (TEXT, "a", "")
    assert await box.inbox.take() == (BINARY, b"b", "")


async def test_one_who_waits_is_woken() -> None:
    box = Box()
    reader = asyncio.create_task(box.inbox.take())
    await asyncio.sleep(0)
    assert box.inbox.is_awaited
    box.inbox.feed(frame(TEXT, b"a"))
    assert await reader == (TEXT, "a", "")
    assert not box.inbox.is_awaited


async def test_pings_go_to_whoever_answers_them_and_pongs_nowhere() -> None:
    box = Box()
    box.inbox.feed(frame(PING, b"1") + frame(PONG, b"2") + frame(TEXT, b"a"))
    assert box.pings == [b"1"]
    assert await box.inbox.take() == (TEXT, "a", "")


async def test_without_autoping_they_are_messages() -> None:
    box = Box(autoping=False)
    box.inbox.feed(frame(PING, b"1") + frame(PONG, b"2"))
    assert [await box.inbox.take(), await box.inbox.take()] == [(PING, b"1", ""), (PONG, b"2", "")]


async def test_pings_fill_no_queue() -> None:
    box = Box()
    reader = asyncio.create_task(box.inbox.take())
    await asyncio.sleep(0)
    box.inbox.feed(frame(PING, b"x" * 100) * 2000)
    box.inbox.feed(frame(TEXT, b"a"))
    assert await reader == (TEXT, "a", "")
    assert (len(box.pings), box.is_paused) == (2000, False)


async def test_a_flood_of_pings_is_taken_in_turns_so_that_others_run() -> None:
    box = Box()
    count = 3 * MAX_CONTROL_FRAMES_PER_TURN + 1
    box.inbox.feed(frame(PING) * count + frame(TEXT, b"a"))
    for turn in (1, 2, 3):
        assert (len(box.pings), box.is_paused) == (turn * MAX_CONTROL_FRAMES_PER_TURN, True)
        await asyncio.sleep(0)
    assert (len(box.pings), box.is_paused) == (count, False)
    assert await box.inbox.take() == (TEXT, "a", "")


async def test_a_reader_gets_what_is_behind_a_flood_of_pings() -> None:
    box = Box()
    reader = asyncio.create_task(box.inbox.take())
    await asyncio.sleep(0)
    box.inbox.feed(frame(PING) * (9 * MAX_CONTROL_FRAMES_PER_TURN) + frame(TEXT, b"a"))
    async with asyncio.timeout(5):
        assert await reader == (TEXT, "a", "")


@pytest.mark.parametrize("between", [b"", frame(TEXT, b"a")])
async def test_a_reader_makes_a_flood_of_pings_go_no_faster_than_a_turn_at_a_time(between: bytes) -> None:
    box = Box()
    turns = [0]

    async def read() -> None:
        while (await box.inbox.take()) != (TEXT, "end", ""):
            pass

    box.inbox.feed((frame(PING) * MAX_CONTROL_FRAMES_PER_TURN + between) * 9 + frame(TEXT, b"end"))
    reader = asyncio.create_task(read())
    while not reader.done():
        turns.append(len(box.pings))
        await asyncio.sleep(0)
    turns.append(len(box.pings))
    # One by the loop, one for a reader that has emptied the queue.
    assert max(map(sub, turns[1:], turns)) <= 2 * MAX_CONTROL_FRAMES_PER_TURN
    assert turns[-1] == 9 * MAX_CONTROL_FRAMES_PER_TURN


async def test_a_flood_that_is_cut_off_goes_on_no_more() -> None:
    box = Box()
    box.inbox.feed(frame(PING) * (2 * MAX_CONTROL_FRAMES_PER_TURN))
    box.inbox.detach()
    await asyncio.sleep(0)
    assert len(box.pings) == MAX_CONTROL_FRAMES_PER_TURN


@pytest.mark.parametrize("size", [0, 100, 10_000])
async def test_a_full_queue_pauses_the_source_until_it_is_empty(size: int) -> None:
    box = Box()
    count = 2 * MAX_QUEUED_BYTES // (size + 100)
    box.inbox.feed(frame(BINARY, bytes(size)) * count)
    assert box.is_paused
    held = len(box.inbox.messages)
    assert held < count
    for _ in range(held):
        assert box.is_paused
        await box.inbox.take()
    for _ in range(count - held):
        assert await box.inbox.take() == (BINARY, bytes(size), "")
    reader = asyncio.create_task(box.inbox.take())
    await asyncio.sleep(0)
    assert not box.is_paused
    reader.cancel()


async def test_for_one_who_waits_the_source_is_paused_only_when_more_comes_than_there_is_room_for() -> None:
    box = Box()
    reader = asyncio.create_task(box.inbox.take())
    await asyncio.sleep(0)
    box.inbox.feed(frame(BINARY, bytes(MAX_QUEUED_BYTES)) + frame(TEXT, b"a"))
    assert (len(box.inbox.messages), box.is_paused) == (1, False)
    box.inbox.feed(frame(TEXT, b"b"))
    assert (len(box.inbox.messages), box.is_paused) == (1, True)
    await reader
    assert [await box.inbox.take(), await box.inbox.take()] == [(TEXT, "a", ""), (TEXT, "b", "")]
    assert not box.is_paused


async def test_bytes_that_come_while_it_is_full_are_kept_in_order() -> None:
    box = Box()
    box.inbox.feed(frame(BINARY, bytes(40_000)) * 3)
    box.is_paused = False  # a source that could not stop at once
    box.inbox.feed(frame(TEXT, b"last"))
    assert box.is_paused
    assert [(await box.inbox.take() or CLOSING_MESSAGE).type for _ in range(4)] == [BINARY] * 3 + [TEXT]


async def test_what_compressed_messages_come_to_is_bounded() -> None:
    box = Box()
    deflated = Deflater(keeps_context=False).deflate(bytes(2**20))
    wire = bytearray(frame(BINARY, deflated))
    wire[0] |= 0x40
    box.inbox.feed(bytes(wire) * 100)  # 100 MB, in 100 KB
    assert sum(len(message.data) for message in box.inbox.messages) == 2**20
    for _ in range(100):
        message = await box.inbox.take()
        assert message is not None
        assert len(message.data) == 2**20


async def test_who_empties_the_queue_over_and_over_lets_others_run() -> None:
    box = Box()
    box.inbox.feed(frame(BINARY, bytes(MAX_QUEUED_BYTES)) * 20)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(count())
    for _ in range(20):
        await box.inbox.take()
    other.cancel()
    assert turns >= 4


async def test_messages_before_a_fault_are_delivered_and_nothing_after_it() -> None:
    box = Box()
    box.inbox.feed(frame(TEXT, b"a") + b"\x83\x00" + frame(TEXT, b"b"))
    box.inbox.feed(frame(TEXT, b"c"))
    assert [fault.code for fault in box.faults] == [1002]
    assert await box.inbox.take() == (TEXT, "a", "")
    assert await box.inbox.take() is None


async def test_a_fault_behind_a_full_queue_is_told_when_it_is_reached() -> None:
    box = Box()
    box.inbox.feed(frame(BINARY, bytes(40_000)) * 2 + b"\x83\x00")
    assert box.faults == []
    await box.inbox.take()
    await box.inbox.take()
    assert await box.inbox.take() is None
    assert len(box.faults) == 1


async def test_a_close_frame_is_the_last_message() -> None:
    box = Box()
    box.inbox.feed(frame(CLOSE) + frame(TEXT, b"a"))
    box.inbox.feed(os.urandom(100))
    assert await box.inbox.take() == (CLOSE, 0, "")
    assert await box.inbox.take() is None
    assert box.faults == []


async def test_the_end_wakes_the_reader() -> None:
    box = Box()
    reader = asyncio.create_task(box.inbox.take())
    await asyncio.sleep(0)
    box.inbox.end()
    assert await reader is None


async def test_an_interruption_comes_before_what_the_reader_was_woken_for() -> None:
    box = Box()
    assert box.inbox.interrupt(CLOSING_MESSAGE) is False
    reader = asyncio.create_task(box.inbox.take())
    await asyncio.sleep(0)
    box.inbox.feed(frame(TEXT, b"a"))
    assert box.inbox.interrupt(CLOSING_MESSAGE) is True
    assert await reader == CLOSING_MESSAGE
    assert await box.inbox.take() == (TEXT, "a", "")


async def test_a_reader_that_is_being_cancelled_cannot_be_interrupted() -> None:
    box = Box()
    reader = asyncio.create_task(box.inbox.take())
    await asyncio.sleep(0)
    reader.cancel()
    assert box.inbox.interrupt(CLOSING_MESSAGE) is False
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_detached_it_keeps_nobody_alive_and_tells_nobody() -> None:
    class Owner:
        def fail(self, fault: WebSocketError) -> None:
            raise AssertionError(fault)

        def answer(self, payload: bytes) -> None:
            raise AssertionError(payload)

    owner = Owner()
    reader = MessageReader(is_server=False, max_bytes=2**20)
    inbox = Inbox(asyncio.get_running_loop(), Box(), reader, owner.fail, owner.answer)
    inbox.feed(frame(BINARY, bytes(40_000)) * 2 + frame(PING) + b"\x83\x00")
    inbox.detach()
    gone = weakref.ref(owner)
    del owner
    assert gone() is None
    assert [(await inbox.take() or CLOSING_MESSAGE).type for _ in range(2)] == [BINARY, BINARY]
    assert await inbox.take() is None
