"""`StreamTransport`: one stream of an HTTP/2 connection in the shape of a transport.

It is what users see as the transport of a connection: they ask it who the peer is, measure what it still holds, and
close it, which ends their stream and no other.
"""

import asyncio
from typing import Any, Protocol

from trunkline.conn.errors import ConnectionClosed


class Streaming(Protocol):
    """The stream, as its transport sees it. unsent: what waits for the peer's window, from `unsent_from` on."""

    unsent: bytes
    unsent_from: int

    @property
    def is_closed(self) -> bool: ...

    def send(self, data: bytes) -> None: ...
    def end_body(self) -> None: ...
    def fail(self, error: Exception) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class StreamTransport(asyncio.Transport):
    """The transport of one stream. real: that of its connection."""

    def __init__(self, stream: Streaming, real: asyncio.Transport) -> None:
        super().__init__()
        self._stream = stream
        self._real = real
        self._is_reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: as asyncio has it
        return self._real.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._stream.is_closed or self._real.is_closing()

    def close(self) -> None:
        """End the stream."""
        self._stream.fail(ConnectionClosed("the connection was closed by its user"))

    def abort(self) -> None:
        """End the stream."""
        self.close()

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:  # Any: of any format
        self._stream.send(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._stream.end_body()

    def get_write_buffer_size(self) -> int:
        """Return the bytes that wait for the peer's window, and those of all streams that the transport holds."""
        stream = self._stream
        return len(stream.unsent) - stream.unsent_from + self._real.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: the limits are the connection's, which others share."""

    def is_reading(self) -> bool:
        return self._is_reading and not self.is_closing()

    def pause_reading(self) -> None:
        self._is_reading = False
        self._stream.pause_reading()

    def resume_reading(self) -> None:
        self._is_reading = True
        self._stream.resume_reading()
