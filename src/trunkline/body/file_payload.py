"""Payloads that read a file while it is sent.

Files are read outside the event loop's thread, chunk by chunk, from the position at which they were first
looked at; a replay begins there again. Pipes and other files that cannot seek are sent once. A file belongs
to the payload that sends it, and `close` closes it. `sendfile` is not used: it knows neither TLS nor chunks.
"""

from __future__ import annotations

import asyncio
import codecs
import io
import os
import stat
import threading
from collections.abc import Iterator
from typing import Any, Final

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import Payload, PayloadConsumed, text_type

FILE_CHUNK_BYTES: Final = 2**18  # aiohttp's chunk; to read it takes about as long as the hop to a thread
_CLOSE_WAIT_S: Final = 1.0  # ours; a disk ends a read in milliseconds, a pipe perhaps never


class IOBasePayload(Payload):
    """A body read from a binary file.

    disposition: the type of the Content-Disposition that names the file; None sends no such field.
    `size` is known of regular files and of what is in memory, and None of pipes and of files that decompress.
    """

    __slots__ = ("_chunks", "_is_looked_at", "_is_started", "_lock", "_start")

    # Any: a binary file here, a text file in a subclass; the rest goes on to Payload.
    def __init__(self, value: Any, disposition: str | None = "attachment", *args: Any, **kwargs: Any) -> None:
        if kwargs.get("filename") is None:
            kwargs["filename"] = guess_filename(value)
        super().__init__(value, *args, **kwargs)
        if disposition and self._filename is not None and hdrs.CONTENT_DISPOSITION not in self.headers:
            self.set_content_disposition(disposition, filename=self._filename)
        self._is_looked_at = False
        self._is_started = False
        self._start: int | None = None  # None also for a file that cannot seek
        self._lock = threading.Lock()
        self._chunks: Iterator[bytes] | None = None  # the write under way

    @property
    def size(self) -> int | None:
        self._look()
        return self._size

    @property
    def consumed(self) -> bool:
        return self._is_started and not self.can_replay

    @property
    def can_replay(self) -> bool:
        self._look()
        return self._start is not None

    def _look(self) -> None:
        if self._is_looked_at:
            return
        self._is_looked_at = True
        if self._value.seekable():
            self._start = self._value.tell()
            self._size = self._measure()

    def _measure(self) -> int | None:
        total = total_bytes(self._value)
        return None if total is None or self._start is None else max(0, total - self._start)

    def _begin(self) -> Iterator[bytes]:
        self._look()
        if self.consumed:
            raise PayloadConsumed(
                f"the body was read from {self._value!r}, which cannot seek, and cannot be sent again,"
                " for a redirect or a retry; pass bytes or a seekable file, or allow_redirects=False"
            )
        self._is_started = True
        self._chunks = chunks = self._read_chunks()
        return chunks

    def _read_chunks(self) -> Iterator[bytes]:
        if self._start is not None:
            self._value.seek(self._start)
        while chunk := self._value.read(FILE_CHUNK_BYTES):
            yield chunk

    def _take(self, chunks: Iterator[bytes]) -> bytes:
        # Two writes share the file's position. The earlier one, cancelled or not, must take nothing from
        # the later one, and must not end as if it were complete.
        if chunks is not self._chunks:
            raise RuntimeError(
                f"the body from {self._value!r} was closed or written again before it was written to its end;"
                " use one payload, and one open file, for each request under way"
            )
        return next(chunks, b"")

    def _take_in_thread(self, chunks: Iterator[bytes]) -> bytes:
        with self._lock:
            return self._take(chunks)

    async def _next(self, chunks: Iterator[bytes]) -> bytes:
        return await asyncio.to_thread(self._take_in_thread, chunks)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        chunks = self._begin()
        left = content_length
        while left != 0 and (chunk := await self._next(chunks)):
            if left is not None:
                chunk = chunk[:left]
                left -= len(chunk)
            await writer.write(chunk)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._begin()).decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        chunks = self._begin()
        parts: list[bytes] = []
        while chunk := await self._next(chunks):
            parts.append(chunk)
        return b"".join(parts)

    async def close(self) -> None:
        """Close the file.

        A read under way, left behind by a cancelled write, is waited for briefly; from a pipe that stays
        silent the thread that reads it closes the file some day, and does not hold us up.
        """
        self._chunks = None
        if self._value.closed:
            return
        closing = asyncio.get_running_loop().run_in_executor(None, self._close_in_thread)
        done, _ = await asyncio.wait((closing,), timeout=_CLOSE_WAIT_S)
        for future in done:
            future.result()

    def _close_in_thread(self) -> None:
        with self._lock:
            self._value.close()


class BufferedReaderPayload(IOBasePayload):
    """A body read from a buffered binary file, as `open(path, "rb")` returns it."""

    __slots__ = ()


class BytesIOPayload(IOBasePayload):
    """A body that a BytesIO holds from its position on; sent in chunks, and never closed."""

    __slots__ = ()

    _autoclose = True

    async def _next(self, chunks: Iterator[bytes]) -> bytes:
        # Memory needs no thread; but a fast peer may take chunk after chunk, and others want the loop too.
        await asyncio.sleep(0)
        return self._take(chunks)

    async def close(self) -> None:
        """Do nothing: it is memory, and the caller may want it again."""


class TextIOPayload(IOBasePayload):
    """A body read from a text file, encoded while it is read.

    `size` is None: how many bytes decoding, newline translation and encoding leave is not known before.
    """

    __slots__ = ()

    # Any: as above.
    def __init__(
        self,
        value: Any,
        *args: Any,
        encoding: str | None = None,
        content_type: str | None = None,
        **kwargs: Any,
    ) -> None:
        encoding, content_type = text_type(encoding, content_type)
        super().__init__(value, *args, content_type=content_type, encoding=encoding, **kwargs)

    def _measure(self) -> None:
        return None

    def _read_chunks(self) -> Iterator[bytes]:
        # Incremental: a byte order mark belongs at the start of the text, not of each chunk.
        encoder = codecs.getincrementalencoder(self._encoding or "utf-8")()
        if self._start is not None:
            self._value.seek(self._start)
        while text := self._value.read(FILE_CHUNK_BYTES):
            if chunk := encoder.encode(text):
                yield chunk
        if rest := encoder.encode("", final=True):
            yield rest

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._begin()).decode(self._encoding or encoding, errors)


def guess_filename(file: Any, default: str | None = None) -> str | None:  # Any: whatever may have a `name`
    """Return the last part of the path that `file` was opened with, `default` when there is none."""
    name = getattr(file, "name", None)
    # A pipe's name is its number; "<stdin>" and the like are no paths.
    if not isinstance(name, str) or (name.startswith("<") and name.endswith(">")):
        return default
    return os.path.basename(name) or default


def total_bytes(file: Any) -> int | None:  # Any: any kind of file
    """Return how many bytes a seekable `file` holds; None when only reading it would tell."""
    if isinstance(file, io.BytesIO) or hasattr(file, "rollover"):  # `rollover`: a SpooledTemporaryFile
        here = file.tell()
        end: int = file.seek(0, os.SEEK_END)
        file.seek(here)
        return end
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    # Only of FileIO is fileno() sure to be the data itself: that of a GzipFile is the compressed file.
    if not isinstance(raw, io.FileIO):
        return None
    status = os.fstat(raw.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None
