"""permessage-deflate: how a message is compressed (RFC 7692 §7.2).

A message is raw DEFLATE data that ends at a byte boundary by an empty stored block, of which the four bytes 00 00 FF FF
are left out. A side that keeps its context lets a message refer to the ones before it. What a message inflates to is
bounded by whoever asks for it; the streams, which take a few hundred KB, are made when the first message needs them.
What was agreed upon is told in `extensions`.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import MAX_FINAL_BLOCKS
from trunkline.wire.ws.message import WSCloseCode
from trunkline.wire.zlib_backend import zlib_library

_TAIL: Final = b"\0\0\xff\xff"  # §7.2.1
_EMPTY: Final = b"\0"  # an empty message, §7.2.3.6
_MAX_LEVEL: Final = 9


class Deflater:
    """Compresses the messages of one direction. window_bits: 9 to 15."""

    __slots__ = ("_keeps_context", "_stream", "_window_bits")

    def __init__(self, window_bits: int = zlib.MAX_WBITS, *, keeps_context: bool = True) -> None:
        self._window_bits = window_bits
        self._keeps_context = keeps_context
        self._stream: Any = None  # Any: of whichever library was chosen

    def deflate(self, message: bytes | bytearray, level: int | None = None) -> bytes:
        """Return the message compressed, at `level` if given; more than 9 is taken as 9."""
        if not message:
            return _EMPTY
        stream = self._stream if level is None else None
        if stream is None:
            stream = self._open(zlib_library().Z_DEFAULT_COMPRESSION if level is None else min(level, _MAX_LEVEL))
        # A stream of another level knows nothing of the messages before it, nor the usual one of its message:
        # both begin anew, for what was not said by the same stream must not be referred to.
        self._stream = stream if self._keeps_context and level is None else None
        deflated: bytes = stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)
        return deflated[: -len(_TAIL)]

    def _open(self, level: int) -> Any:  # Any: as above
        return zlib_library().compressobj(level, zlib.DEFLATED, -self._window_bits)


class Inflater:
    """Decompresses the messages of one direction, whatever the peer's window."""

    __slots__ = ("_keeps_context", "_stream")

    def __init__(self, *, keeps_context: bool = True) -> None:
        self._keeps_context = keeps_context
        self._stream: Any = None  # Any: as above

    def inflate(self, message: bytes | bytearray | memoryview, max_bytes: int) -> bytes:
        """Return the message decompressed, if it has no more than `max_bytes`. Raises WebSocketError."""
        data = b"".join((message, _TAIL))
        pieces: list[bytes] = []
        size = 0
        for _ in range(MAX_FINAL_BLOCKS):
            stream = self._stream or zlib_library().decompressobj(-zlib.MAX_WBITS)
            pieces.append(self._step(stream, data, max_bytes - size + 1))
            size += len(pieces[-1])
            if size > max_bytes:
                raise WebSocketError(
                    WSCloseCode.MESSAGE_TOO_BIG,
                    f"{len(message)} compressed bytes come to more than {max_bytes} (raise max_msg_size)",
                )
            if not stream.eof:
                self._stream = stream if self._keeps_context else None
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)
            # A block marked as the last ends a stream, not the message (§7.2.3.4): another follows.
            self._stream = None
            data = stream.unused_data
        raise _damaged(f"more than {MAX_FINAL_BLOCKS} last blocks in one message")

    def _step(self, stream: Any, data: bytes, max_bytes: int) -> bytes:  # Any: as above
        try:
            inflated: bytes = stream.decompress(data, max_bytes)
        except zlib_library().error as error:
            raise _damaged(str(error)) from error
        return inflated


def _damaged(what: str) -> WebSocketError:
    return WebSocketError(WSCloseCode.INVALID_TEXT, f"damaged compressed message: {what}")
