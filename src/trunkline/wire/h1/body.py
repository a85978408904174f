"""The three ways in which a body ends, behind one verb (RFC 9112 §6.3).

A decoder takes the bytes of a connection and tells where the body ends: after a length, after the last chunk, or with
the connection. Which one a message needs is decided in `framing`; the chunks themselves are in `chunked`.
"""

from typing import Protocol

from trunkline.wire.h1.chunked import ChunkedDecoder
from trunkline.wire.h1.framing import CHUNKED, UNTIL_CLOSE


class BodyDecoder(Protocol):
    """Finds the end of one body."""

    def decode(self, data: bytes, pieces: list[bytes], ends: list[int]) -> bytes | None:
        """Append what `data` holds of the body to `pieces`, and to `ends` the offsets at which chunks ended.

        Returns None while the body goes on, else the bytes after it. Raises BadChunk.
        """

    @property
    def missing(self) -> str:
        """What has not come yet, in words."""


class LengthDecoder:
    """A body of known length."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    def decode(self, data: bytes, pieces: list[bytes], ends: list[int]) -> bytes | None:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            pieces.append(data)
            return None
        pieces.append(data[: self._left])
        rest = data[self._left :]
        self._left = 0
        return rest

    @property
    def missing(self) -> str:
        return f"{self._left} bytes of the body"


class CloseDecoder:
    """A body that ends with the connection."""

    __slots__ = ()

    def decode(self, data: bytes, pieces: list[bytes], ends: list[int]) -> bytes | None:
        pieces.append(data)
        return None

    missing = "the orderly end of the connection, which ends the body,"


def body_decoder(framing: int, max_field_bytes: int, max_fields: int) -> BodyDecoder:
    """Return the decoder for what `response_framing` returned. The limits are those of trailer fields."""
    if framing == CHUNKED:
        return ChunkedDecoder(max_field_bytes, max_fields)
    return CloseDecoder() if framing == UNTIL_CLOSE else LengthDecoder(framing)
