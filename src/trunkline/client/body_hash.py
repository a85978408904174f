"""The hash of a request's body, for signatures: the body is written as to a connection, so a file needs no memory."""

import asyncio
import hashlib
from typing import Any, Final

from multidict import CIMultiDict

from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import Payload

_INLINE_BYTES: Final = 2**18  # hashed in the loop; ours: a millisecond, more goes to a thread


async def hash_body(body: Payload | bytes, empty: "hashlib._Hash") -> str:
    """Add `body`, which is one that can be written again, to the hash; return it in hex."""
    writer = _HashingWriter(empty)
    if isinstance(body, Payload):
        await body.write(writer)
    else:
        await writer.write(body)
    return writer.hash.hexdigest()


class _HashingWriter(AbstractStreamWriter):
    """Takes a body as the connection would."""

    def __init__(self, empty: "hashlib._Hash") -> None:
        self.hash = empty

    async def write(self, chunk: "bytes | bytearray | memoryview[Any]") -> None:  # Any: as in the base class
        if len(chunk) > _INLINE_BYTES:
            await asyncio.to_thread(self.hash.update, chunk)
        else:
            self.hash.update(chunk)

    async def write_eof(self, chunk: bytes = b"") -> None:
        await self.write(chunk)

    async def drain(self) -> None:
        """Nothing waits."""

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        """Never asked for: what is compressed is not hashed."""

    def enable_chunking(self) -> None:
        """The hash is of the body, not of its chunks."""

    async def write_headers(self, status_line: str, headers: "CIMultiDict[str]") -> None:
        """There is no head."""
