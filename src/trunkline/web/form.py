"""The fields of a form that a request carries, urlencoded or multipart (WHATWG URL §5.1, RFC 7578).

Everything is read, within the application's bounds: texts into memory, small files too, larger ones into
temporary files that threads write. `close_files` gives those back when the request is over. What a peer sent
wrong is answered with 400, what is too much with 413. The grammar of multipart is in `body/multipart_reader`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Final, Protocol
from urllib.parse import parse_qsl

from multidict import MultiDict, MultiDictProxy

from trunkline import hdrs
from trunkline.body.multipart_reader import MultipartReader
from trunkline.body.part_decoding import UnknownEncoding
from trunkline.body.part_reader import BodyPartReader
from trunkline.body.part_source import Content
from trunkline.web.exceptions import HTTPBadRequest, HTTPRequestEntityTooLarge
from trunkline.wire.charset import received_charset
from trunkline.wire.errors import BadMultipart, WireError
from trunkline.wire.limits import MAX_FILE_IN_MEMORY_BYTES, MAX_INLINE_FORM_BYTES
from trunkline.wire.mime import media_type

_METHODS: Final = frozenset({hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH, hdrs.METH_TRACE, hdrs.METH_DELETE})


@dataclass(frozen=True, slots=True)
class FileField:
    """A file of a form.

    filename: as the peer wrote it: no safe path. file: at its beginning; closed when the request is over.
    """

    name: str
    filename: str
    file: IO[bytes]
    content_type: str
    headers: Mapping[str, str]


Form = MultiDict[str | bytes | FileField]


class FormRequest(Protocol):
    """What reading a form needs of a request."""

    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content_type(self) -> str: ...
    @property
    def charset(self) -> str | None: ...
    @property
    def content(self) -> Content: ...
    @property
    def client_max_size(self) -> int: ...
    @property
    def client_max_fields(self) -> int: ...
    async def read(self) -> bytes: ...


async def read_form(request: FormRequest) -> MultiDictProxy[str | bytes | FileField]:
    """Return the form's fields; none when the method or the media type is not that of a form.

    Raises HTTPRequestEntityTooLarge above `client_max_size` bytes or `client_max_fields` fields, 0 being no
    limit, and HTTPBadRequest for what cannot be read.
    """
    form: Form = MultiDict()
    read = _READERS.get(request.content_type) if request.method in _METHODS else None
    if read is not None:
        try:
            await read(request, form)
        except (WireError, UnicodeError, LookupError, UnknownEncoding) as error:  # LookupError: unknown charsets
            close_files(form)
            raise HTTPBadRequest(text=f"the form cannot be read: {error}") from error
        except BaseException:
            close_files(form)
            raise
    return MultiDictProxy(form)


def close_files(form: Mapping[str, str | bytes | FileField]) -> None:
    """Close the files of a form, which deletes those on disk."""
    for field in form.values():
        if isinstance(field, FileField):
            field.file.close()


async def _read_urlencoded(request: FormRequest, form: Form) -> None:
    data = (await request.read()).rstrip()
    _check_count(request, data.count(b"&") + 1)
    charset = received_charset(request.charset or "utf-8")
    parse = partial(parse_qsl, data.decode(charset), keep_blank_values=True, encoding=charset)
    form.extend(parse() if len(data) <= MAX_INLINE_FORM_BYTES else await asyncio.to_thread(parse))


async def _read_multipart(request: FormRequest, form: Form) -> None:
    reader = MultipartReader(request.headers, _Bounded(request.content, request.client_max_size))
    while (part := await reader.next()) is not None:
        _check_count(request, len(form) + 1)
        if not isinstance(part, BodyPartReader):
            raise BadMultipart("a field is multipart itself; wanted one value or file (RFC 7578 §4.3)")
        if part.name is None:
            raise BadMultipart("a field without a name in its Content-Disposition (RFC 7578 §4.2)")
        form.add(part.name, await _value(part, part.name))


def _check_count(request: FormRequest, count: int) -> None:
    limit = request.client_max_fields
    if limit and count > limit:
        raise HTTPRequestEntityTooLarge(limit, count, text=f"Maximum number of form fields {limit} exceeded.")


async def _value(part: BodyPartReader, name: str) -> str | bytes | FileField:
    content_type = part.headers.get(hdrs.CONTENT_TYPE)
    if part.filename:  # browsers send an empty one for a file that was not chosen
        file = await _stored(part)
        return FileField(name, part.filename, file, media_type(content_type)[0], part.headers)
    if content_type is None or media_type(content_type)[0].startswith("text/"):
        return await part.text()
    return bytes(await part.read(decode=True))


async def _stored(part: BodyPartReader) -> IO[bytes]:
    file = tempfile.SpooledTemporaryFile(max_size=MAX_FILE_IN_MEMORY_BYTES)  # noqa: SIM115  # the form closes it
    try:
        async for piece in part.iter_decoded():
            if file.tell() + len(piece) <= MAX_FILE_IN_MEMORY_BYTES:
                file.write(piece)
            else:
                await _off_loop(file.write, piece)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


async def _off_loop(write: Callable[[bytes], int], piece: bytes) -> None:
    writing = asyncio.get_running_loop().run_in_executor(None, write, piece)
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait((writing,))  # the file must not be closed under the thread that writes it
        raise


class _Bounded:
    """A body that raises HTTPRequestEntityTooLarge above its limit of bytes; 0 is none."""

    def __init__(self, content: Content, limit: int) -> None:
        self._content = content
        self._limit = limit
        self._total = 0

    async def readany(self) -> bytes:
        data = await self._content.readany()
        self._total += len(data)
        if self._limit and self._total > self._limit:
            raise HTTPRequestEntityTooLarge(self._limit, self._total)
        return data


_READERS: Final[Mapping[str, Callable[[FormRequest, Form], Awaitable[None]]]] = {
    "application/x-www-form-urlencoded": _read_urlencoded,
    "multipart/form-data": _read_multipart,
}
