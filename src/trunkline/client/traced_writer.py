"""A body's writer that tells tracers each piece before it is sent."""

from typing import Any

from multidict import CIMultiDict
from yarl import URL

from trunkline.abc import AbstractStreamWriter
from trunkline.conn.body_writer import BodyWriter
from trunkline.conn.exchange import Exchange
from trunkline.conn.telling import tell


class TracedWriter(AbstractStreamWriter):
    """Writes to `writer`, and tells `traces`, those of the request to `url`, as long as `exchange` lasts."""

    def __init__(self, writer: BodyWriter, exchange: Exchange, traces: Any, method: str, url: URL) -> None:
        # Any: `tracing` is above this module
        self._writer = writer
        self._exchange = exchange
        self._traces = traces
        self._method = method
        self._url = url
        self.buffer_size = 0

    @property
    def transport(self) -> object:
        """The transport written to; None once the connection is lost."""
        return self._writer.transport

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        self._writer.enable_compression(encoding, strategy)

    def enable_chunking(self) -> None:
        self._writer.enable_chunking()

    async def write_headers(self, status_line: str, headers: "CIMultiDict[str]") -> None:
        await self._writer.write_headers(status_line, headers)

    async def write(self, chunk: "bytes | bytearray | memoryview[Any]") -> None:
        await self._tell(chunk)
        await self._writer.write(chunk)

    async def write_eof(self, chunk: bytes = b"") -> None:
        if chunk:
            await self._tell(chunk)
        await self._writer.write_eof(chunk)

    async def drain(self) -> None:
        await self._writer.drain()

    async def _tell(self, chunk: "bytes | bytearray | memoryview[Any]") -> None:
        await tell(self._exchange, self._traces.send_request_chunk_sent(self._method, self._url, chunk))
