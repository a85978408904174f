from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.body.recording import RecordingWriter, written, written_with_length
from trunkline.body.iterable_payload import AsyncIterablePayload
from trunkline.body.payload import PayloadConsumed


async def generate(*chunks: bytes) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk


async def test_chunks_are_written_as_they_come() -> None:
    payload = AsyncIterablePayload(generate(b"a", b"bc"))
    assert payload.size is None
    assert not payload.consumed
    assert not payload.can_replay
    writer = RecordingWriter()
    await payload.write(writer)
    assert writer.chunks == [b"a", b"bc"]
    assert payload.consumed


async def test_a_second_write_says_what_to_do() -> None:
    payload = AsyncIterablePayload(generate(b"a"))
    await written(payload)
    with pytest.raises(PayloadConsumed, match=r"async_generator.*redirect.*seekable file"):
        await written(payload)


@pytest.mark.parametrize(("length", "data"), [(0, b""), (2, b"ab"), (9, b"abc"), (None, b"abc")])
async def test_no_more_than_the_length_is_written(length: int | None, data: bytes) -> None:
    payload = AsyncIterablePayload(generate(b"a", b"bc"))
    assert await written_with_length(payload, length) == data
    await payload.close()


async def test_as_bytes_keeps_them_for_replay() -> None:
    payload = AsyncIterablePayload(generate(b"a", b"bc"))
    with pytest.raises(TypeError, match="as_bytes"):
        payload.decode()
    assert await payload.as_bytes() == b"abc"
    assert payload.can_replay
    assert not payload.consumed
    assert payload.decode() == "abc"
    assert await written(payload) == await written(payload) == b"abc"
    assert await written_with_length(payload, 2) == b"ab"


async def test_text_is_refused() -> None:
    async def text() -> AsyncGenerator[str, None]:
        yield "text"

    payload = AsyncIterablePayload(text())  # type: ignore[arg-type]  # that it is refused is the point
    with pytest.raises(TypeError, match="encode text first"):
        await written(payload)
    with pytest.raises(TypeError, match="async iterable"):
        AsyncIterablePayload([b"a"])  # type: ignore[arg-type]  # same


async def test_close_releases_what_the_generator_holds() -> None:
    is_released = False

    async def holding() -> AsyncGenerator[bytes, None]:
        nonlocal is_released
        try:
            yield b"a"
            yield b"b"
        finally:
            is_released = True

    payload = AsyncIterablePayload(holding())
    assert await written_with_length(payload, 1) == b"a"
    assert not is_released
    await payload.close()
    await payload.close()
    assert is_released
