"""What a body is: a value that knows its size and media type and can write itself.

`Payload` is the base for users too. The kinds are in `bytes_payload`, `file_payload`, `iterable_payload` and
`multipart_writer`; which value goes to which is told in `registry`.

Replay: a redirect (307, 308) or a retry sends the body again. `can_replay` says whether that gives the same
bytes. What cannot be replayed refuses a second `write` with PayloadConsumed: to send an empty body would be
silent damage. Framing and compression are the writer's work, not a payload's.
"""

from __future__ import annotations

import mimetypes
from abc import ABC, abstractmethod
from typing import Any, Final

from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.ground.errors import TrunklineError
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import LooseHeaders
from trunkline.wire.content_disposition import content_disposition_header
from trunkline.wire.fields import TOKEN
from trunkline.wire.mime import parse_mimetype

OCTET_STREAM: Final = "application/octet-stream"  # RFC 9110 §8.3: what to assume of unknown data


class PayloadConsumed(TrunklineError, RuntimeError):
    """A payload that gives its bytes only once was asked to write them again."""


class Payload(ABC):
    """A body. Subclasses implement `write` and `decode`, and set `_size` when they know it."""

    __slots__ = ("_content_type", "_encoding", "_filename", "_headers", "_size", "_value")

    _default_content_type = OCTET_STREAM
    _autoclose = False

    def __init__(
        self,
        value: Any,  # Any: each subclass takes its own type
        headers: LooseHeaders | None = None,
        content_type: str | Sentinel | None = sentinel,
        filename: str | None = None,
        encoding: str | None = None,
        **kwargs: Any,  # Any: not looked at, as in aiohttp
    ) -> None:
        self._value = value
        self._encoding = encoding
        self._filename = filename
        self._size: int | None = None
        self._content_type = self._chosen_content_type(content_type)
        self._headers: CIMultiDict[str] | None = None
        if headers:
            self.headers.update(headers)

    def _chosen_content_type(self, content_type: str | Sentinel | None) -> str:
        if content_type is not sentinel and content_type is not None:
            return content_type
        if self._filename is not None:
            return mimetypes.guess_type(self._filename)[0] or self._default_content_type
        return self._default_content_type

    @property
    def headers(self) -> CIMultiDict[str]:
        """The fields that describe this body; a live mapping, changes are sent."""
        # Made on first use: a request with a small JSON body needs the content type only.
        headers = self._headers
        if headers is None:
            headers = self._headers = CIMultiDict({hdrs.CONTENT_TYPE: self._content_type})
        return headers

    @property
    def content_type(self) -> str:
        """The Content-Type field of this body."""
        if self._headers is None:
            return self._content_type
        return self._headers.get(hdrs.CONTENT_TYPE, self._content_type)

    @property
    def size(self) -> int | None:
        """The number of bytes that `write` sends, None when that is not known before."""
        return self._size

    @property
    def filename(self) -> str | None:
        """The name of the file that the body comes from."""
        return self._filename

    @property
    def encoding(self) -> str | None:
        """The charset that text was encoded with."""
        return self._encoding

    @property
    def autoclose(self) -> bool:
        """True when nothing is held that `close` must release."""
        return self._autoclose

    @property
    def consumed(self) -> bool:
        """True when the bytes were given away and cannot be had again."""
        return False

    @property
    def can_replay(self) -> bool:
        """True when `write` may run more than once and gives the same bytes each time.

        False here, for nothing is known about a subclass's source; override it where that is wrong.
        """
        return False

    def set_content_disposition(
        self,
        disptype: str,
        quote_fields: bool = True,
        _charset: str = "utf-8",
        **params: str,
    ) -> None:
        """Set the Content-Disposition field; see `content_disposition_header`."""
        self.headers[hdrs.CONTENT_DISPOSITION] = content_disposition_header(disptype, quote_fields, _charset, **params)

    @abstractmethod
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text; files are read in the caller's thread."""

    @abstractmethod
    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the whole body."""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the first `content_length` bytes of the body; None means all of them."""
        await self.write(writer)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the whole body; `encoding` matters only to a body that is text until it is written."""
        return self.decode(encoding, errors).encode(encoding, errors)

    async def close(self) -> None:  # noqa: B027 - most payloads hold nothing
        """Release what the payload holds; it may be called more than once."""


def text_type(encoding: str | None, content_type: str | None) -> tuple[str, str]:
    """Complete the charset and the media type of text from each other, by default UTF-8 and text/plain."""
    if content_type is None:
        if encoding is None:
            return "utf-8", "text/plain; charset=utf-8"
        content_type = f"text/plain; charset={encoding}"
    elif encoding is None:
        encoding = parse_mimetype(content_type).parameters.get("charset", "utf-8")
    check_charset(encoding)
    return encoding, content_type


def check_charset(encoding: str) -> None:
    """Raise ValueError for a charset that cannot stand in a field (RFC 9110 §8.3.2: a token).

    Python itself is lenient: it takes "utf\\r\\n8" for UTF-8.
    """
    if TOKEN.fullmatch(encoding) is None:
        raise ValueError(f"charset {encoding!r} is not a token; wanted a name like 'utf-8'")
