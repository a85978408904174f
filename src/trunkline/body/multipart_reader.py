"""Multipart bodies, read: the parts one after the other, as they arrive (RFC 2046 §5.1, RFC 7578).

A part that is multipart itself comes as a reader of its own, which reads through the part around it. Going on
to the next part skips what is left of the one before, so nothing is held that nobody asked for. Parts are
`part_reader`'s, boundaries `wire/multipart`'s, writing `multipart_writer`'s.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import ClassVar, Protocol

from multidict import CIMultiDict, CIMultiDictProxy

from trunkline import hdrs
from trunkline.body.part_reader import BodyPartReader, PartTooLarge
from trunkline.body.part_source import Content, PartSource
from trunkline.wire.errors import BadMultipart
from trunkline.wire.limits import MAX_CHARSET_BYTES, MAX_FIELD_BYTES, MAX_FIELDS
from trunkline.wire.mime import media_type


class Response(Protocol):
    """What `from_response` needs of a client's response."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> Content: ...
    def release(self) -> object: ...


class MultipartResponseWrapper:
    """A `MultipartReader` of a response, which lets go of the connection at the end."""

    def __init__(self, resp: Response, stream: MultipartReader) -> None:
        self.resp = resp
        self.stream = stream

    def __aiter__(self) -> AsyncIterator[MultipartReader | BodyPartReader]:
        return self

    async def __anext__(self) -> MultipartReader | BodyPartReader:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    def at_eof(self) -> bool:
        """True when the last boundary has been read."""
        return self.stream.at_eof()

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """Return the next part, None behind the last."""
        part = await self.stream.next()
        if self.stream.at_eof():
            self.resp.release()
        return part

    async def release(self) -> None:
        """Skip what is left, and let go of the connection."""
        await self.stream.release()
        self.resp.release()


class MultipartReader:
    """Reads the parts of one body.

    headers: with the Content-Type that names the boundary. client_max_size, max_size_error_cls: as of
    `BodyPartReader`, for each part. max_field_size: bytes of one field line of a part; max_headers: their number.
    Raises ValueError when `headers` name no boundary.
    """

    response_wrapper_cls = MultipartResponseWrapper
    multipart_reader_cls: ClassVar[type[MultipartReader] | None] = None  # of nested bodies; None: as this one
    part_reader_cls = BodyPartReader

    def __init__(
        self,
        headers: Mapping[str, str],
        content: Content,
        *,
        client_max_size: int = sys.maxsize,
        max_field_size: int = MAX_FIELD_BYTES,
        max_headers: int = MAX_FIELDS,
        max_size_error_cls: Callable[[int], Exception] = PartTooLarge,
    ) -> None:
        self.headers = headers
        self._subtype, boundary = _multipart_type(headers.get(hdrs.CONTENT_TYPE))
        self._boundary = b"--" + boundary
        self._source = PartSource(content, boundary, max_field_bytes=max_field_size, max_fields=max_headers)
        self._client_max_size = client_max_size
        self._max_field_size = max_field_size
        self._max_headers = max_headers
        self._max_size_error_cls = max_size_error_cls
        self._default_charset: str | None = None
        self._last_part: MultipartReader | BodyPartReader | None = None
        self._at_eof = False

    def __aiter__(self) -> AsyncIterator[MultipartReader | BodyPartReader]:
        return self

    async def __anext__(self) -> MultipartReader | BodyPartReader:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    @classmethod
    def from_response(cls, response: Response) -> MultipartResponseWrapper:
        """Return a reader of a client's response."""
        return cls.response_wrapper_cls(response, cls(response.headers, response.content))

    def at_eof(self) -> bool:
        """True when the last boundary has been read."""
        return self._at_eof

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """Return the next part, None behind the last; what is left of the part before is skipped.

        The field `_charset_` that may lead a form names the charset of the others, and is not returned (RFC 7578 §4.6).
        """
        is_first = self._last_part is None
        part = await self.fetch_next_part()
        if is_first and self._subtype == "form-data" and isinstance(part, BodyPartReader) and part.name == "_charset_":
            self._default_charset = await _read_charset(part)
            part = await self.fetch_next_part()
        return part

    async def fetch_next_part(self) -> MultipartReader | BodyPartReader | None:
        """Return the next part, `_charset_` or not; None behind the last."""
        if self._last_part is not None:
            await self._last_part.release()
        fields = None if self._at_eof else await self._source.next_fields()
        if fields is None:
            self._at_eof = True
            return None
        self._last_part = self._part(CIMultiDictProxy(CIMultiDict(fields)))
        return self._last_part

    def _part(self, headers: CIMultiDictProxy[str]) -> MultipartReader | BodyPartReader:
        if media_type(headers.get(hdrs.CONTENT_TYPE))[0].startswith("multipart/"):
            return (self.multipart_reader_cls or type(self))(
                headers,
                self._source,
                client_max_size=self._client_max_size,
                max_field_size=self._max_field_size,
                max_headers=self._max_headers,
                max_size_error_cls=self._max_size_error_cls,
            )
        return self.part_reader_cls(
            self._boundary,
            headers,
            self._source,
            subtype=self._subtype,
            default_charset=self._default_charset,
            client_max_size=self._client_max_size,
            max_size_error_cls=self._max_size_error_cls,
        )

    async def release(self) -> None:
        """Skip all that is left, up to the last boundary."""
        while await self.fetch_next_part() is not None:
            pass


def _multipart_type(content_type: str | None) -> tuple[str, bytes]:
    """Return subtype and boundary."""
    name, parameters = media_type(content_type)
    main, _, subtype = name.partition("/")
    if main != "multipart":
        raise BadMultipart(f"Content-Type {(content_type or '')[:60]!r}; wanted multipart/*")
    boundary = parameters.get("boundary")
    if boundary is None:
        raise BadMultipart(f"no boundary in Content-Type {(content_type or '')[:60]!r} (RFC 2046 §5.1.1)")
    return subtype, boundary.encode("utf-8", "surrogateescape")


async def _read_charset(part: BodyPartReader) -> str:
    charset = b""
    while piece := await part.read_chunk():
        charset += piece
        if len(charset) > MAX_CHARSET_BYTES:
            raise BadMultipart(
                f"a form's _charset_ of more than {MAX_CHARSET_BYTES} bytes; wanted something like 'utf-8'"
            )
    return charset.decode("utf-8", "replace").strip()
