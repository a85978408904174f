from __future__ import annotations

import asyncio

import pytest

from tests.body.streams import make_stream
from trunkline.body.part_source import PartSource
from trunkline.wire.errors import BadMultipart
from trunkline.wire.limits import MAX_MULTIPART_DEPTH


async def test_what_is_left_of_a_part_is_skipped() -> None:
    source = PartSource(make_stream(b"--:\r\na: 1\r\n\r\nx\r\n--:\r\na: 2\r\n\r\ny\r\n--:--"), b":")
    assert await source.readany() == b""  # no part has begun
    assert await source.next_fields() == [("a", "1")]
    assert await source.next_fields() == [("a", "2")]
    assert await source.readany() == b"y"
    assert await source.readany() == await source.readany() == b""
    assert await source.next_fields() is None
    assert await source.next_fields() is None


async def test_a_source_reads_through_another_up_to_a_depth() -> None:
    source = PartSource(make_stream(b"--:\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n--:--"), b":")
    await source.next_fields()
    inner = PartSource(source, b"b")
    assert await inner.next_fields() == []
    assert await inner.readany() == b"x"
    assert await inner.next_fields() is None
    assert await source.next_fields() is None
    for _ in range(MAX_MULTIPART_DEPTH - 1):
        source = PartSource(source, b":")
    with pytest.raises(BadMultipart, match="nested more than"):
        PartSource(source, b":")


async def test_cancelling_loses_nothing() -> None:
    stream = make_stream(b"--:\r\n\r\nab")
    source = PartSource(stream, b":")
    await source.next_fields()
    assert await source.readany() == b"ab"
    task = asyncio.ensure_future(source.readany())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stream.feed_data(b"c\r\n--:--")
    assert await source.readany() == b"c"


async def test_many_empty_parts_let_others_run() -> None:
    source = PartSource(make_stream(b"--:\r\n\r\n" * 10_000 + b"--:--"), b":")
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(take_turns())
    while await source.next_fields() is not None:
        pass
    task.cancel()
    assert turns > 100
