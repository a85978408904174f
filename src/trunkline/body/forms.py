"""HTML forms: fields to an urlencoded or a multipart body (WHATWG URL §5, RFC 7578).

Fields of plain values make an urlencoded body; one field that is a file, bytes or another body, or that has a
media type or a file name, makes it multipart. Names and file names reach the fields of a part, so control
characters in them are refused when they are added. Reading forms is the multipart reader's part.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from multidict import MultiDict, MultiDictProxy

from trunkline import hdrs
from trunkline.body.bytes_payload import BytesPayload
from trunkline.body.file_payload import guess_filename
from trunkline.body.multipart_writer import MultipartWriter
from trunkline.body.payload import Payload, check_charset
from trunkline.body.registry import PayloadLookupError, get_payload
from trunkline.wire.fields import check_field_value

_URLENCODED: Final = "application/x-www-form-urlencoded"
_UNNAMED: Final = "unknown"  # aiohttp's name of a file that has none


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    value: Any  # Any: whatever makes a payload, or text by str()
    content_type: str | None
    filename: str | None


class FormData:
    """The fields of a form; call it to get its body.

    quote_fields: percent-encode names and file names. charset: of text and of urlencoded fields, by default
    UTF-8. default_to_multipart: make the body multipart whatever the fields are.
    """

    __slots__ = ("_charset", "_entries", "_is_multipart", "_quote_fields")

    def __init__(
        self,
        fields: Iterable[Any] = (),  # Any: what add_fields takes
        quote_fields: bool = True,
        charset: str | None = None,
        *,
        default_to_multipart: bool = False,
    ) -> None:
        if charset is not None:
            check_charset(charset)
        self._entries: list[_Field] = []
        self._quote_fields = quote_fields
        self._charset = charset
        self._is_multipart = default_to_multipart
        if isinstance(fields, Mapping):
            self.add_fields(*fields.items())
        elif isinstance(fields, (list, tuple)):
            self.add_fields(*fields)
        else:
            self.add_fields(fields)

    @property
    def is_multipart(self) -> bool:
        """True when the body will be `multipart/form-data`."""
        return self._is_multipart

    @property
    def _fields(self) -> list[tuple[MultiDict[str], dict[str, str], Any]]:
        # As tests of programs look at them: what the Content-Disposition tells, other fields, and the value.
        return [
            (
                MultiDict({"name": entry.name} | ({} if entry.filename is None else {"filename": entry.filename})),
                {} if entry.content_type is None else {hdrs.CONTENT_TYPE: entry.content_type},
                entry.value,
            )
            for entry in self._entries
        ]

    def add_field(
        self,
        name: str,
        value: Any,  # Any: text, a number, bytes, a file, an async iterable or a Payload
        *,
        content_type: str | None = None,
        filename: str | None = None,
        content_transfer_encoding: str | None = None,
    ) -> None:
        """Add a field.

        filename: by default that of the file, or `name`, for a file or bytes; "" is sent as it is. Bytes without one
        are deprecated. content_transfer_encoding: deprecated; makes the form multipart, and bytes no file; the encoding
        itself is not applied (RFC 7578 §4.7).
        Raises TypeError for a wrong type, ValueError for a control character in a text.
        """
        _check_text("name", name)
        for what, text in (
            ("content_type", content_type),
            ("filename", filename),
            ("content_transfer_encoding", content_transfer_encoding),
        ):
            if text is not None:
                _check_text(what, text)
                self._is_multipart = True
        is_bytes = isinstance(value, (bytes, bytearray, memoryview))
        if content_transfer_encoding is not None:
            _warn_deprecated(
                "content_transfer_encoding is deprecated. To maintain compatibility with v4 please pass a BytesPayload."
            )
        if filename is None and isinstance(value, io.IOBase):
            filename = guess_filename(value, name)
        elif filename is None and is_bytes and content_transfer_encoding is None:
            filename = name
            _warn_deprecated(
                "In v4, passing bytes will no longer create a file field. "
                "Please explicitly use the filename parameter or pass a BytesIO object."
            )
        if is_bytes or isinstance(value, (io.IOBase, Payload, AsyncIterable)):
            self._is_multipart = True
        self._entries.append(_Field(name, value, content_type, filename))

    def add_fields(self, *fields: Any) -> None:  # Any: one of three kinds, told apart below
        """Add files, pairs of name and value, and all the items of multidicts."""
        for field in fields:
            if isinstance(field, io.IOBase):
                self.add_field(guess_filename(field, _UNNAMED) or _UNNAMED, field)
            elif isinstance(field, (MultiDict, MultiDictProxy)):
                for name, value in field.items():
                    self.add_field(name, value)
            elif isinstance(field, (list, tuple)) and len(field) == 2:
                self.add_field(field[0], field[1])
            else:
                raise TypeError(
                    "Only io.IOBase, multidict and (name, file) pairs allowed, use .add_field() for passing more "
                    f"complex parameters, got {field!r:.100}"
                )

    def __call__(self) -> Payload:
        """Return the body."""
        return self._multipart() if self._is_multipart else self._urlencoded()

    def _urlencoded(self) -> BytesPayload:
        charset = self._charset or "utf-8"
        content_type = _URLENCODED if charset == "utf-8" else f"{_URLENCODED}; charset={charset}"
        pairs = [(field.name, field.value) for field in self._entries]
        return BytesPayload(urlencode(pairs, doseq=True, encoding=charset).encode("ascii"), content_type=content_type)

    def _multipart(self) -> MultipartWriter:
        writer = MultipartWriter("form-data")
        for field in self._entries:
            writer.append_payload(self._part(field))
        return writer

    def _part(self, field: _Field) -> Payload:
        options: dict[str, Any] = {"encoding": self._charset}  # Any: arguments of a payload class
        if field.content_type is not None:
            options["content_type"] = field.content_type
        try:
            part = get_payload(field.value, **options)
        except PayloadLookupError as error:
            raise TypeError(
                f"cannot serialize form field {field.name!r} of type {type(field.value).__name__};"
                " in a multipart form values are str, bytes, files or payloads"
            ) from error
        if field.content_type is not None:
            part.headers[hdrs.CONTENT_TYPE] = field.content_type  # over that of a Payload made before
        names = {"name": field.name}
        if field.filename is not None:
            names["filename"] = field.filename
        part.set_content_disposition("form-data", quote_fields=self._quote_fields, **names)
        part.headers.popall(hdrs.CONTENT_LENGTH, None)
        return part


def _check_text(what: str, text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{what} of a form field is {text!r}; wanted str")
    check_field_value(text)


def _warn_deprecated(message: str) -> None:
    warnings.warn(message, category=DeprecationWarning, stacklevel=3)
