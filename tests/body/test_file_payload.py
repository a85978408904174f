from __future__ import annotations

import asyncio
import gzip
import io
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.body.recording import RecordingWriter, written, written_with_length
from trunkline.body.file_payload import (
    FILE_CHUNK_BYTES,
    BufferedReaderPayload,
    BytesIOPayload,
    IOBasePayload,
    TextIOPayload,
    guess_filename,
)
from trunkline.body.payload import PayloadConsumed

DATA = b"0123456789" * 60_000  # more than two chunks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.png"
    path.write_bytes(DATA)
    return path


@pytest.mark.parametrize("buffering", [0, -1])
async def test_a_file_is_sent_from_its_position_on_and_again(path: Path, buffering: int) -> None:
    with path.open("rb", buffering=buffering) as file:
        file.seek(5)
        payload = IOBasePayload(file)
        assert payload.size == len(DATA) - 5
        assert payload.can_replay
        for _ in range(2):
            assert await written(payload) == DATA[5:]
            assert await payload.as_bytes() == DATA[5:]
        assert await written_with_length(payload, 3) == b"567"
        assert await written_with_length(payload, FILE_CHUNK_BYTES + 1) == DATA[5 : FILE_CHUNK_BYTES + 6]
        assert payload.decode() == DATA[5:].decode()
        assert payload.size == len(DATA) - 5
        assert not payload.consumed


async def test_a_file_is_read_in_another_thread(tmp_path: Path) -> None:
    readers: set[int] = set()

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            readers.add(threading.get_ident())
            return super().read(size)

    await written(IOBasePayload(Watched(DATA)))
    assert readers
    assert threading.get_ident() not in readers


def test_a_files_name_gives_media_type_and_disposition(path: Path) -> None:
    with path.open("rb") as file:
        assert dict(BufferedReaderPayload(file).headers) == {
            "Content-Type": "image/png",
            "Content-Disposition": 'attachment; filename="data.png"',
        }
        payload = BufferedReaderPayload(file, "inline", filename="ы.txt")
        assert payload.filename == "ы.txt"
        assert payload.headers["Content-Disposition"] == 'inline; filename="%D1%8B.txt"'
        unnamed = BufferedReaderPayload(file, disposition=None)
        assert dict(unnamed.headers) == {"Content-Type": "image/png"}
        kept = BufferedReaderPayload(file, content_type="a/b", headers={"Content-Disposition": "x"})
        assert dict(kept.headers) == {"Content-Type": "a/b", "Content-Disposition": "x"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("/a/b.txt", "b.txt"), ("<stdin>", None), (7, None), (None, None), ("", None), ("/a/", None)],
)
def test_only_a_path_gives_a_file_name(name: Any, expected: str | None) -> None:  # Any: what `name` may be
    class Named:
        pass

    named = Named()
    named.name = name  # type: ignore[attr-defined]  # an attribute that a file may have
    assert guess_filename(named) == expected
    assert guess_filename(object(), "default") == "default"


async def test_a_pipe_is_sent_once() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"abc")
    os.close(writer)
    payload = BufferedReaderPayload(os.fdopen(reader, "rb"))
    assert payload.size is None
    assert payload.filename is None
    assert not payload.can_replay
    assert not payload.consumed
    assert await written(payload) == b"abc"
    assert payload.consumed
    with pytest.raises(PayloadConsumed, match=r"cannot seek.*redirect"):
        await written(payload)
    await payload.close()


async def test_a_decompressing_file_has_no_known_size(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(DATA)
    with gzip.open(tmp_path / "a.gz", "rb") as file:
        payload = IOBasePayload(file)
        assert payload.size is None
        assert await written(payload) == DATA


def test_a_spooled_file_has_a_known_size() -> None:
    with tempfile.SpooledTemporaryFile() as file:
        file.write(b"abc")
        file.seek(1)
        assert IOBasePayload(file).size == 2


async def test_close_closes_the_file(path: Path) -> None:
    file = path.open("rb")
    payload = BufferedReaderPayload(file)
    assert not payload.autoclose
    await payload.close()
    await payload.close()
    assert file.closed
    with pytest.raises(ValueError, match="closed file"):
        await written(payload)


async def test_bytes_io_is_chunked_and_stays_open() -> None:
    file = io.BytesIO(DATA)
    file.seek(2)
    payload = BytesIOPayload(file)
    assert payload.autoclose
    assert payload.size == len(DATA) - 2
    for _ in range(2):
        recording = RecordingWriter()
        await payload.write(recording)
        assert recording.data == DATA[2:]
        assert max(map(len, recording.chunks)) == FILE_CHUNK_BYTES
    await payload.close()
    assert not file.closed


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "koi8-r"])
async def test_text_files_are_encoded_as_one_text(tmp_path: Path, encoding: str) -> None:
    text = "ы\n" * FILE_CHUNK_BYTES
    (tmp_path / "a.txt").write_text(text, encoding="koi8-r")
    payload = TextIOPayload((tmp_path / "a.txt").open(encoding="koi8-r"), encoding=encoding)
    assert payload.size is None
    assert payload.content_type == f"text/plain; charset={encoding}"
    assert payload.filename == "a.txt"
    for _ in range(2):
        assert await written(payload) == text.encode(encoding)
    assert await payload.as_bytes() == text.encode(encoding)
    assert payload.decode() == text
    await payload.close()


async def test_a_cancelled_write_leaves_nothing_that_disturbs_the_next(path: Path) -> None:
    class Stalled(RecordingWriter):
        def __init__(self) -> None:
            super().__init__()
            self.has_begun = asyncio.Event()

        async def write(self, chunk: bytes | bytearray | memoryview[Any]) -> None:  # Any: as the base has it
            self.has_begun.set()
            await asyncio.Event().wait()

    file = path.open("rb")
    payload = BufferedReaderPayload(file)
    stalled = Stalled()
    task = asyncio.create_task(payload.write(stalled))
    await stalled.has_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await written(payload) == DATA
    await payload.close()
    assert file.closed


async def test_a_read_left_behind_takes_nothing_from_the_next_write() -> None:
    may_read = threading.Event()
    is_reading = threading.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            is_reading.set()
            may_read.wait(5)
            return super().read(3)

    payload = IOBasePayload(Slow(b"abcdef"))
    task = asyncio.create_task(written(payload))
    await asyncio.to_thread(is_reading.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    again = asyncio.create_task(written(payload))
    await asyncio.sleep(0)
    may_read.set()
    assert await again == b"abcdef"


@pytest.mark.parametrize("kind", [IOBasePayload, BytesIOPayload])
async def test_a_write_overtaken_by_another_fails(kind: type[IOBasePayload]) -> None:
    payload = kind(io.BytesIO(DATA))

    class Overtaken(RecordingWriter):
        async def write(self, chunk: bytes | bytearray | memoryview[Any]) -> None:  # Any: as the base has it
            assert await written(payload) == DATA

    with pytest.raises(RuntimeError, match="one payload, and one open file, for each request"):
        await payload.write(Overtaken())


async def test_close_does_not_wait_for_a_silent_pipe() -> None:
    is_reading = threading.Event()

    class Watched(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            is_reading.set()
            return super().read(-1 if size is None else size) or b""

    reader, writer = os.pipe()
    file = Watched(reader)
    payload = IOBasePayload(file)
    task = asyncio.create_task(written(payload))
    await asyncio.to_thread(is_reading.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(payload.close(), 5)
    assert not file.closed
    os.close(writer)  # the read ends, and its thread closes the file
    await payload.close()
    assert file.closed
