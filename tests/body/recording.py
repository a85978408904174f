"""A stream writer that keeps what a payload writes."""

from __future__ import annotations

from typing import Any

from multidict import CIMultiDict

from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import Payload


class RecordingWriter(AbstractStreamWriter):
    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)

    async def write(self, chunk: bytes | bytearray | memoryview[Any]) -> None:  # Any: as in the base class
        self.chunks.append(bytes(chunk))

    async def write_eof(self, chunk: bytes = b"") -> None:
        await self.write(chunk)

    async def drain(self) -> None: ...

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None: ...

    def enable_chunking(self) -> None: ...

    async def write_headers(self, status_line: str, headers: CIMultiDict[str]) -> None: ...


async def written(payload: Payload) -> bytes:
    writer = RecordingWriter()
    await payload.write(writer)
    return writer.data


async def written_with_length(payload: Payload, content_length: int | None) -> bytes:
    writer = RecordingWriter()
    await payload.write_with_length(writer, content_length)
    return writer.data
