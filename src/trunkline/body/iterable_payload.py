"""Bodies that an async iterable yields: a generator of the caller's, or the body of another response.

They can be had once only, and their size is not known before. Each item is written as it comes, with no
buffer between; a generator that waits makes the connection wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import OCTET_STREAM, Payload, PayloadConsumed


class AsyncIterablePayload(Payload):
    """A body that an async iterable of bytes yields, once.

    `as_bytes` keeps the bytes, and from then on they can be replayed.
    """

    __slots__ = ("_is_consumed", "_kept")

    _autoclose = True

    def __init__(self, value: AsyncIterable[bytes], *args: Any, **kwargs: Any) -> None:
        if not isinstance(value, AsyncIterable):
            raise TypeError(f"a body of type {type(value).__name__}; wanted an async iterable of bytes")
        kwargs.setdefault("content_type", OCTET_STREAM)
        super().__init__(value, *args, **kwargs)
        self._is_consumed = False
        self._kept: bytes | None = None

    @property
    def consumed(self) -> bool:
        return self._is_consumed and self._kept is None

    @property
    def can_replay(self) -> bool:
        return self._kept is not None

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if self._kept is not None:
            await writer.write(self._kept if content_length is None else self._kept[:content_length])
            return
        self._start()
        left = content_length
        async for chunk in self._value:
            if left is not None:
                chunk = chunk[:left]
                left -= len(chunk)
            await writer.write(_checked_chunk(chunk))
            if left == 0:
                return

    def _start(self) -> None:
        if self._is_consumed:
            raise PayloadConsumed(
                f"the body was streamed from a {type(self._value).__name__} and cannot be sent again,"
                " for a redirect or a retry; pass bytes or a seekable file, or allow_redirects=False"
            )
        self._is_consumed = True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        if self._kept is None:
            raise TypeError("an async iterable cannot be read here; await as_bytes() first")
        return self._kept.decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        if self._kept is None:
            self._start()
            self._kept = b"".join([_checked_chunk(chunk) async for chunk in self._value])
        return self._kept

    async def close(self) -> None:
        """Close the generator, so that what it holds is released now and not when it is collected."""
        aclose = getattr(self._value, "aclose", None)
        if aclose is not None:
            await aclose()


def _checked_chunk(chunk: Any) -> bytes | bytearray | memoryview:  # Any: the user's generator made it
    if not isinstance(chunk, (bytes, bytearray, memoryview)):
        raise TypeError(f"the body's iterable yielded {type(chunk).__name__}; wanted bytes (encode text first)")
    return chunk
