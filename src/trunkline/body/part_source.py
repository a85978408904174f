"""The parts of one multipart body, taken in turn from a stream: what readers of parts share.

A body is itself read from anything with `readany()`: a message's stream, or, when multipart is nested, the
source that is reading the part around it. Each level costs a pass over the bytes, so their number is bounded.
Boundaries are `wire/multipart`'s part.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from trunkline.wire.errors import BadMultipart
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_MULTIPART_DEPTH
from trunkline.wire.multipart import Event, Mark, MultipartParser, PartHead

_PARTS_PER_TURN: Final = 64  # before the loop gets a turn: a full buffer may hold 50,000 empty parts


class Content(Protocol):
    """Where the bytes of a multipart body come from."""

    async def readany(self) -> bytes:
        """Return what has arrived, at least one byte; b"" at the end."""


class PartSource:
    """Reads one multipart body: its parts' heads, and the content of the current part.

    boundary: without the two hyphens. is_in_part: `content` begins with a part's content, whose head is known.
    Raises BadMultipart for a boundary that is not allowed, and when nested too deeply.
    """

    __slots__ = ("_content", "_depth", "_is_in_part", "_parser", "_parts")

    def __init__(
        self,
        content: Content,
        boundary: bytes,
        *,
        max_field_bytes: int = MAX_FIELD_BYTES,
        max_fields: int = MAX_FIELDS,
        is_in_part: bool = False,
    ) -> None:
        self._depth: int = content._depth + 1 if isinstance(content, PartSource) else 1
        if self._depth > MAX_MULTIPART_DEPTH:
            raise BadMultipart(f"multipart bodies nested more than {MAX_MULTIPART_DEPTH} deep")
        self._content = content
        self._parser = MultipartParser(
            boundary, max_field_bytes=max_field_bytes, max_fields=max_fields, is_in_part=is_in_part
        )
        self._is_in_part = is_in_part
        self._parts = 0

    async def next_fields(self) -> list[tuple[str, str]] | None:
        """Skip the rest of the current part, and return the fields of the next; None behind the last."""
        while await self.readany():
            pass
        self._parts += 1
        if self._parts % _PARTS_PER_TURN == 0:
            await asyncio.sleep(0)
        head = await self._event()
        if not isinstance(head, PartHead):
            return None
        self._is_in_part = True
        return head.fields

    def expect_length(self, length: int) -> None:
        """Tell how many bytes the current part has, of which none has been read."""
        self._parser.expect_length(length)

    async def readany(self) -> bytes:
        """Return what has arrived of the current part; b"" at its end."""
        if not self._is_in_part:
            return b""
        piece = await self._event()
        if isinstance(piece, bytes):
            return piece
        self._is_in_part = False
        return b""

    async def _event(self) -> Event:
        parser = self._parser
        while (event := parser.next_event()) is Mark.NEED_DATA:
            data = await self._content.readany()
            if data:
                parser.feed(data)
            else:
                parser.feed_eof()
        return event
