"""What is done to the bytes of one part of a multipart body: a content coding, then a transfer encoding.

Content-Encoding of a part is compression, as of a whole message; Content-Transfer-Encoding comes from mail
(RFC 2045 §6) and makes text of bytes. Encoders work piece by piece, and what they hold back is a few bytes.
Undoing all this is the multipart reader's part.
"""

from __future__ import annotations

import asyncio
import binascii
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.wire.coding import Encoder, make_encoder
from trunkline.wire.zlib_backend import zlib_library

_STEP_BYTES: Final = 2**16  # encoded at a time; zlib takes some 2 ms for it, so the loop is not held up


def _raw_deflate_encoder() -> Encoder:
    # Without zlib's header, unlike the coding of RFC 9110 §8.4.1.2: aiohttp's readers of parts take nothing
    # else.
    stream = zlib_library().compressobj(wbits=-zlib.MAX_WBITS)
    return Encoder(stream.compress, stream.flush)


def _base64_encoder() -> Encoder:
    held = b""

    def encode(data: bytes) -> bytes:
        nonlocal held
        data = held + data
        whole = len(data) - len(data) % 3
        held = data[whole:]
        return binascii.b2a_base64(data[:whole], newline=False)

    return Encoder(encode, lambda: binascii.b2a_base64(held, newline=False))


def _quoted_printable_encoder() -> Encoder:
    # CRLF is a line break; a lone CR or LF is data and is encoded, so that the bytes come back as they were
    # (RFC 2045 §6.7, rule 4).
    held = b""  # a CR whose LF may follow
    needs_soft_break = False

    def encode(data: bytes) -> bytes:
        nonlocal held, needs_soft_break
        data = held + data
        held = b"\r" if data.endswith(b"\r") else b""
        lines = data.removesuffix(b"\r").split(b"\r\n")
        encoded = b"\r\n".join(_quoted_printable_line(line) for line in lines)
        if needs_soft_break and encoded:
            encoded = b"=\r\n" + encoded
        needs_soft_break = bool(lines[-1]) or (needs_soft_break and not encoded)
        return encoded

    def flush() -> bytes:
        return b"=\r\n" * needs_soft_break + b"=0D" if held else b""

    return Encoder(encode, flush)


def _quoted_printable_line(line: bytes) -> bytes:
    return binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n")


_CONTENT_CODINGS: Final[Mapping[str, Callable[[], Encoder] | None]] = {
    "": None,
    "identity": None,
    "gzip": lambda: make_encoder("gzip"),
    "deflate": _raw_deflate_encoder,
}
_TRANSFER_ENCODINGS: Final[Mapping[str, Callable[[], Encoder] | None]] = {
    "": None,
    "binary": None,
    "base64": _base64_encoder,
    "quoted-printable": _quoted_printable_encoder,
}


def part_codings(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the content coding and the transfer encoding that `headers` ask for; "" changes nothing.

    Raises RuntimeError for one that we do not have.
    """
    return (
        _known(headers, hdrs.CONTENT_ENCODING, _CONTENT_CODINGS),
        _known(headers, hdrs.CONTENT_TRANSFER_ENCODING, _TRANSFER_ENCODINGS),
    )


def _known(headers: Mapping[str, str], field: str, table: Mapping[str, Callable[[], Encoder] | None]) -> str:
    name = headers.get(field, "").lower()
    if name not in table:
        wanted = ", ".join(filter(None, table))
        raise RuntimeError(f"unknown {field} {name!r} of a part; wanted one of {wanted}")
    return "" if table[name] is None else name


def part_encoders(coding: str, transfer_encoding: str) -> list[Encoder]:
    """Return what the bytes of a part go through, in this order; nothing when they stay as they are."""
    makers = (_CONTENT_CODINGS[coding], _TRANSFER_ENCODINGS[transfer_encoding])
    return [make() for make in makers if make is not None]


def encode_part(encoders: Sequence[Encoder], data: bytes) -> bytes:
    """Return `data` after all `encoders`, complete."""
    for encoder in encoders:
        data = encoder.encode(data) + encoder.flush()
    return data


class PartWriter(AbstractStreamWriter):
    """Passes what a part writes through encoders to the message's writer; `write_eof` ends only the part."""

    def __init__(self, writer: AbstractStreamWriter, encoders: Sequence[Encoder]) -> None:
        self._writer = writer
        self._encoders = encoders

    async def write(self, chunk: bytes | bytearray | memoryview[Any]) -> None:  # Any: as in the base class
        for start in range(0, len(chunk), _STEP_BYTES):
            if start:
                await asyncio.sleep(0)
            data = bytes(chunk[start : start + _STEP_BYTES])
            for encoder in self._encoders:
                data = encoder.encode(data)
            if data:
                await self._writer.write(data)

    async def write_eof(self, chunk: bytes = b"") -> None:
        await self.write(chunk)
        data = b""
        for encoder in self._encoders:
            data = encoder.encode(data) + encoder.flush()
        if data:
            await self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        raise RuntimeError("a part is compressed by its Content-Encoding field; set that before it is written")

    def enable_chunking(self) -> None:
        raise RuntimeError("a part has no framing of its own; enable_chunking() of the whole message's writer")

    async def write_headers(self, status_line: str, headers: CIMultiDict[str]) -> None:
        raise RuntimeError("a part's fields are written from its payload's headers; set them there")
