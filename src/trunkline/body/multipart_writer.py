"""Multipart bodies, written: parts with fields of their own between boundary lines (RFC 2046 §5.1, RFC 7578).

Parts are payloads and are written one after the other, so files stream. A writer is a payload itself, and so
may be a part. `form-data` follows RFC 7578: each part has a name, and none has a length or an encoding. That
a boundary given by the caller occurs in no part is the caller's to know; ours are random. Reading is in
another module.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlencode

from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.body.bytes_payload import JsonPayload, StringPayload
from trunkline.body.part_coding import PartWriter, encode_part, part_codings, part_encoders
from trunkline.body.payload import Payload
from trunkline.body.registry import PayloadLookupError, get_payload
from trunkline.ground.types import LooseHeaders
from trunkline.wire.fields import TOKEN, check_field_value, render_field_line
from trunkline.wire.limits import MAX_BOUNDARY_LENGTH
from trunkline.wire.mime import quote_string

_BOUNDARY_BYTES: Final = 16  # random; 128 bits, as a UUID has, occur in no part by chance
_NOT_IN_FORMS: Final = (hdrs.CONTENT_ENCODING, hdrs.CONTENT_LENGTH, hdrs.CONTENT_TRANSFER_ENCODING)


class MultipartWriter(Payload):
    """A body of several parts.

    subtype: `mixed`, `related`, `form-data`, ... boundary: by default a random one.
    """

    __slots__ = ("_boundary", "_is_form_data", "_parts")

    def __init__(self, subtype: str = "mixed", boundary: str | None = None) -> None:
        if TOKEN.fullmatch(subtype.replace("/", "-")) is None:  # a slash: aiohttp's documentation uses one
            raise ValueError(f"multipart subtype {subtype!r} is not a token; wanted something like 'mixed'")
        self._boundary = os.urandom(_BOUNDARY_BYTES).hex() if boundary is None else boundary
        parameter = _boundary_parameter(self._boundary)
        super().__init__(None, content_type=f"multipart/{subtype}; boundary={parameter}")
        self._is_form_data = subtype == "form-data"
        self._parts: list[Payload] = []

    def __enter__(self) -> MultipartWriter:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Do nothing: `with` only shows which parts belong to which writer."""

    def __iter__(self) -> Iterator[tuple[Payload, str, str]]:
        """Yield each part with its content coding and its transfer encoding, "" for none."""
        return ((part, *part_codings(part.headers)) for part in self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __bool__(self) -> bool:
        return True  # without parts it is a body all the same

    @property
    def boundary(self) -> str:
        """What separates the parts, without the two hyphens."""
        return self._boundary

    @property
    def autoclose(self) -> bool:
        return all(part.autoclose for part in self._parts)

    @property
    def consumed(self) -> bool:
        return any(part.consumed for part in self._parts)

    @property
    def can_replay(self) -> bool:
        return all(part.can_replay for part in self._parts)

    def append(self, obj: Any, headers: LooseHeaders | None = None) -> Payload:  # Any: what get_payload takes
        """Add `obj` as a part, with `headers` over those that its type brings; return the part."""
        fields: CIMultiDict[str] = CIMultiDict(headers or ())
        if isinstance(obj, Payload):
            obj.headers.update(fields)
            return self.append_payload(obj)
        try:
            payload = get_payload(obj, headers=fields)
        except PayloadLookupError as error:
            raise TypeError(f"cannot make a part: {error}") from error
        return self.append_payload(payload)

    def append_payload(self, payload: Payload) -> Payload:
        """Add `payload` as a part and return it.

        Raises RuntimeError for an encoding that we do not have, ValueError for fields that cannot be sent.
        """
        if isinstance(payload, MultipartWriter) and payload.boundary.startswith(self._boundary):
            # A reader takes any line that begins with the boundary for ours (RFC 2046 §5.1.1).
            raise ValueError(
                f"inner boundary {payload.boundary!r} begins with the outer one, {self._boundary!r};"
                " give them different ones, or none to get random ones"
            )
        if self._is_form_data:
            self._prepare_form_part(payload)
        elif part_codings(payload.headers) == ("", "") and payload.size is not None:
            payload.headers[hdrs.CONTENT_LENGTH] = str(payload.size)
        self._head(payload)  # fields that cannot be sent are refused now, not half way through the body
        self._parts.append(payload)
        return payload

    def _prepare_form_part(self, payload: Payload) -> None:
        found = [name for name in _NOT_IN_FORMS if name in payload.headers]
        if found:
            raise ValueError(f"a part of form-data with {', '.join(found)}; remove it (RFC 7578 §4.8)")
        if hdrs.CONTENT_DISPOSITION not in payload.headers:
            payload.set_content_disposition("form-data", name=f"section-{len(self._parts)}")

    def append_json(self, obj: Any, headers: LooseHeaders | None = None) -> Payload:  # Any: what json takes
        """Add `obj` as a part of JSON."""
        return self.append_payload(JsonPayload(obj, headers=headers))

    def append_form(
        self, obj: Sequence[tuple[str, str]] | Mapping[str, str], headers: LooseHeaders | None = None
    ) -> Payload:
        """Add `obj` as a part of urlencoded fields."""
        if not isinstance(obj, (Sequence, Mapping)):
            raise TypeError(f"form fields of type {type(obj).__name__}; wanted a mapping or a sequence of pairs")
        data = urlencode(obj, doseq=True)
        return self.append_payload(
            StringPayload(data, headers=headers, content_type="application/x-www-form-urlencoded")
        )

    @property
    def size(self) -> int | None:
        total = len(self._end())
        for part in self._parts:
            if part.size is None or part_codings(part.headers) != ("", ""):
                return None
            total += len(self._head(part)) + part.size + len(b"\r\n")
        return total

    def _head(self, part: Payload) -> bytes:
        is_coded = part_codings(part.headers) != ("", "")
        fields = [
            render_field_line(name, value)
            for name, value in part.headers.items()
            # The length was that of the part before it got a coding.
            if not (is_coded and name.lower() == "content-length")
        ]
        return b"--%b\r\n%b\r\n" % (self._boundary.encode("ascii"), b"".join(fields))

    def _end(self) -> bytes:
        return b"--%b--\r\n" % self._boundary.encode("ascii")

    async def write(self, writer: AbstractStreamWriter, close_boundary: bool = True) -> None:
        """Write all parts.

        close_boundary: False leaves the body open for more parts, as `multipart/x-mixed-replace` wants it.
        """
        separator = b""
        for part in self._parts:
            await writer.write(separator + self._head(part))
            await self._write_part(part, writer)
            separator = b"\r\n"
        await writer.write(separator + self._end() if close_boundary else separator)

    async def _write_part(self, part: Payload, writer: AbstractStreamWriter) -> None:
        encoders = part_encoders(*part_codings(part.headers))
        # A file that grows meanwhile is cut at the size that was announced.
        if not encoders:
            await part.write_with_length(writer, part.size)
            return
        part_writer = PartWriter(writer, encoders)
        await part.write_with_length(part_writer, part.size)
        await part_writer.write_eof()

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        pieces: list[bytes] = []
        for part in self._parts:
            data = await part.as_bytes(encoding, errors)
            encoded = encode_part(part_encoders(*part_codings(part.headers)), data)
            pieces += self._head(part), encoded, b"\r\n"
        return b"".join((*pieces, self._end()))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text, to be looked at: parts appear without their codings."""
        pieces: list[str] = []
        for part in self._parts:
            pieces += self._head(part).decode("utf-8", "replace"), part.decode(encoding, errors), "\r\n"
        return "".join((*pieces, self._end().decode("ascii")))

    async def close(self) -> None:
        """Close all parts; one that fails to close does not keep the others open."""
        outcomes = await asyncio.gather(*(part.close() for part in self._parts), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome


def _boundary_parameter(boundary: str) -> str:
    # RFC 2046 §5.1.1 allows fewer characters; aiohttp takes all that a quoted-string can carry, and so do we.
    if not boundary.isascii():
        raise ValueError(f"boundary {boundary!r} should contain ASCII only")
    check_field_value(boundary)
    if not 0 < len(boundary) <= MAX_BOUNDARY_LENGTH or boundary[-1] in " \t":
        raise ValueError(
            f"boundary {boundary!r}; wanted 1 to {MAX_BOUNDARY_LENGTH} characters, the last no space (RFC 2046 §5.1.1)"
        )
    return boundary if TOKEN.fullmatch(boundary) is not None else quote_string(boundary)
