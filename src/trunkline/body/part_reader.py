"""`BodyPartReader`: one part of a multipart body, read whole, in portions, by line, or decoded.

Nothing is read before it is asked for, and bytes pass through as they arrive. A Content-Length is believed
only as far as the boundaries agree: it tells the end of a part before the next one begins, as in a series of
pictures without end (`multipart/x-mixed-replace`). Parts of forms have none (RFC 7578 §4.8).
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from trunkline import hdrs
from trunkline.body.part_decoding import PartDecoder, transfer_split
from trunkline.body.part_source import Content, PartSource
from trunkline.wire.charset import received_charset
from trunkline.wire.content_disposition import content_disposition_filename, parse_content_disposition
from trunkline.wire.errors import BadMultipart
from trunkline.wire.http_exceptions import LineTooLong
from trunkline.wire.limits import MAX_DECODE_STEP_BYTES, MAX_LENGTH_DIGITS, MAX_PART_LINE_BYTES
from trunkline.wire.mime import media_type

_SHOWN_BYTES: Final = 100  # of a line that is too long
_STEPS_PER_TURN: Final = 8  # decoding steps before the loop gets a turn: about 2 MiB, a few milliseconds
_LENGTH_RE: Final = re.compile(f"[0-9]{{1,{MAX_LENGTH_DIGITS}}}")  # RFC 9110 §8.6


class PartTooLarge(ValueError):
    """A part has more bytes than may be read at once."""

    def __init__(self, max_size: int) -> None:
        super().__init__(f"a part of more than {max_size} bytes; read it with read_chunk(), or raise client_max_size")


class BodyPartReader:
    """Reads one part.

    boundary: with its two hyphens. content: begins with the part's content. max_decompress_size: bytes that
    decoding brings forth at a time. client_max_size: bytes that `read()` and its kin may gather; above it
    `max_size_error_cls(client_max_size)` is raised.
    """

    chunk_size: int = 8192

    def __init__(
        self,
        boundary: bytes,
        headers: Mapping[str, str],
        content: Content,
        *,
        subtype: str = "mixed",
        default_charset: str | None = None,
        max_decompress_size: int = MAX_DECODE_STEP_BYTES,
        client_max_size: int = sys.maxsize,
        max_size_error_cls: Callable[[int], Exception] = PartTooLarge,
    ) -> None:
        self.headers = headers
        if not isinstance(content, PartSource):
            content = PartSource(content, boundary.removeprefix(b"--"), is_in_part=True)
        self._source = content
        self._is_form_data = subtype == "form-data"
        self._default_charset = default_charset
        self._max_decompress_size = max_decompress_size
        self._client_max_size = client_max_size
        self._max_size_error_cls = max_size_error_cls
        self._at_eof = False
        self._held = b""  # arrived and not taken, from `_taken` on
        self._taken = 0
        self._rest = b""  # what read_chunk() could not return since it cannot be decoded by itself
        self._split = transfer_split(headers)
        length = headers.get(hdrs.CONTENT_LENGTH)
        if length is not None and not self._is_form_data:
            self._expect(length)

    def _expect(self, length: str) -> None:
        if _LENGTH_RE.fullmatch(length) is None:
            raise BadMultipart(f"Content-Length {length[:40]!r} of a part; wanted digits")
        self._source.expect_length(int(length))

    def __aiter__(self) -> AsyncIterator[bytearray]:
        return self

    async def __anext__(self) -> bytearray:
        data = await self.next()
        if data is None:
            raise StopAsyncIteration
        return data

    @functools.cached_property
    def name(self) -> str | None:
        """The field's name by Content-Disposition."""
        return self._disposition("name")

    @functools.cached_property
    def filename(self) -> str | None:
        """The file's name by Content-Disposition, as the peer wrote it but for leading separators: no safe path."""
        return self._disposition("filename")

    def _disposition(self, parameter: str) -> str | None:
        _, parameters = parse_content_disposition(self.headers.get(hdrs.CONTENT_DISPOSITION))
        return content_disposition_filename(parameters, parameter)

    def get_charset(self, default: str | None = None) -> str | None:
        """Return the charset of Content-Type, else that of the form's `_charset_` field, else `default`."""
        _, parameters = media_type(self.headers.get(hdrs.CONTENT_TYPE))
        return parameters.get("charset", self._default_charset or default)

    def at_eof(self) -> bool:
        """True when the part has been read to its end."""
        return self._at_eof

    async def read(self, *, decode: bool = False) -> bytearray:
        """Return all that is left of the part.

        decode: undo Content-Transfer-Encoding and Content-Encoding; RuntimeError for one that we do not have.
        """
        if decode:
            decoder = self._decoder()
            return await self._gather(self._decoded(decoder), decoder.check_growth)
        return await self._gather(self._pieces())

    async def next(self) -> bytearray | None:
        """Return all that is left of the part, None when it is nothing."""
        return await self.read() or None

    async def read_chunk(self, size: int = chunk_size) -> bytes:
        """Return up to `size` bytes as soon as any are there; b"" at the end.

        Of base64 and quoted-printable a chunk is as much as `decode()` can decode; base64 comes without its line
        breaks.
        """
        piece = await self._piece(size)
        if self._split is None:
            return piece
        while True:
            whole, self._rest = self._split(self._rest + piece)
            if not piece:
                whole, self._rest = self._rest, b""
            if whole or not piece:
                return whole
            piece = await self._piece(size)

    async def readline(self) -> bytes:
        """Return bytes up to and including the next newline; the rest at the end."""
        line = bytearray()
        while not line.endswith(b"\n") and await self._has_more():
            end = self._held.find(b"\n", self._taken) + 1 or len(self._held)
            line += self._held[self._taken : end]
            self._taken = end
            if len(line) > MAX_PART_LINE_BYTES:
                raise LineTooLong(bytes(line[:_SHOWN_BYTES]), MAX_PART_LINE_BYTES)
        return bytes(line)

    async def release(self) -> None:
        """Skip what is left of the part."""
        while await self._piece(sys.maxsize):
            pass

    async def text(self, *, encoding: str | None = None) -> str:
        """Return the decoded part as text; `encoding` goes before its own charset, which is UTF-8 by default."""
        return (await self.read(decode=True)).decode(self._encoding(encoding))

    async def json(self, *, encoding: str | None = None) -> Any:  # Any: whatever the JSON holds
        """Return what the part's JSON holds; None for an empty part."""
        text = await self.text(encoding=encoding)
        return json.loads(text) if text else None

    async def form(self, *, encoding: str | None = None) -> list[tuple[str, str]]:
        """Return the fields of an urlencoded part."""
        encoding = self._encoding(encoding)
        text = (await self.read(decode=True)).rstrip().decode(encoding)
        return parse_qsl(text, keep_blank_values=True, encoding=encoding)

    def _encoding(self, encoding: str | None) -> str:
        return encoding or received_charset(self.get_charset() or "utf-8")

    def decode(self, data: bytes | bytearray) -> bytes:
        """Return `data`, all of the part, decoded as by `read(decode=True)`; use `decode_iter` for much data."""
        decoder = self._decoder()
        decoded = bytearray()
        for piece in decoder.whole(bytes(data), self._max_decompress_size):
            decoded += piece
            decoder.check_growth(len(decoded))
        return bytes(decoded)

    async def decode_iter(self, data: bytes | bytearray) -> AsyncIterator[bytes]:
        """Iterate over `data`, all of the part, decoded; the loop gets its turns."""
        async for piece in _with_turns(self._decoder().whole(bytes(data), self._max_decompress_size)):
            yield piece

    def iter_decoded(self) -> AsyncIterator[bytes]:
        """Iterate over the part as it arrives, decoded as by `read(decode=True)`."""
        return self._decoded(self._decoder())

    # Inside.

    def _decoder(self) -> PartDecoder:
        return PartDecoder(self.headers, has_content_coding=not self._is_form_data)

    async def _has_more(self) -> bool:
        """Tell whether bytes wait; wait for some when there are none."""
        if self._taken == len(self._held) and not self._at_eof:
            self._held = await self._source.readany()
            self._taken = 0
            self._at_eof = not self._held
        return not self._at_eof

    async def _piece(self, size: int) -> bytes:
        """Return up to `size` of the bytes that wait; wait when there are none; b"" at the end."""
        if not await self._has_more():
            return b""
        piece = self._held[self._taken : self._taken + size]
        self._taken += len(piece)
        return piece

    async def _pieces(self) -> AsyncIterator[bytes]:
        if self._rest:
            rest, self._rest = self._rest, b""
            yield rest
        while piece := await self._piece(sys.maxsize):
            yield piece

    async def _decoded(self, decoder: PartDecoder) -> AsyncIterator[bytes]:
        async for piece in self._pieces():
            async for decoded in _with_turns(decoder.decode(piece, self._max_decompress_size)):
                yield decoded
        async for decoded in _with_turns(decoder.finish(self._max_decompress_size)):
            yield decoded

    async def _gather(
        self, pieces: AsyncIterator[bytes], check_growth: Callable[[int], None] = lambda _: None
    ) -> bytearray:
        data = bytearray()
        async for piece in pieces:
            data += piece
            if len(data) > self._client_max_size:
                raise self._max_size_error_cls(self._client_max_size)
            check_growth(len(data))
        return data


async def _with_turns(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for count, piece in enumerate(pieces, 1):
        yield piece
        if count % _STEPS_PER_TURN == 0:
            await asyncio.sleep(0)
