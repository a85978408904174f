"""Payloads that hold their bytes: bytes, text and JSON, encoded when they are made.

Constructors take `*args: Any` and `**kwargs: Any` after aiohttp's signatures; what they do not name goes on
to `Payload`. Large bodies are better files or iterables; a warning says so.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any, Final

from trunkline.abc import AbstractStreamWriter
from trunkline.body.json_text import json_text
from trunkline.body.payload import OCTET_STREAM, Payload, text_type

LARGE_BYTES: Final = 2**20  # aiohttp's threshold of the same warning


class BytesPayload(Payload):
    """A body of bytes."""

    __slots__ = ()

    _autoclose = True

    def __init__(self, value: bytes | bytearray | memoryview, *args: Any, **kwargs: Any) -> None:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"a body of type {type(value).__name__}; wanted bytes, bytearray or memoryview")
        kwargs.setdefault("content_type", OCTET_STREAM)
        super().__init__(value, *args, **kwargs)
        if isinstance(value, memoryview):
            # Slices and lengths are to count bytes, whatever the view's items are.
            self._value = value = value.cast("B") if value.c_contiguous else value.tobytes()
        self._size = len(value)
        if self._size > LARGE_BYTES:
            warnings.warn(
                "Sending a large body directly with raw bytes might lock the event loop:"
                f" {self._size} bytes go out in one piece; pass io.BytesIO(data), which is sent in chunks",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    @property
    def data(self) -> bytes:
        """The bytes themselves, for those who send them without `write`."""
        return self._value if type(self._value) is bytes else bytes(self._value)

    @property
    def can_replay(self) -> bool:
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return bytes(self._value)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await writer.write(self._value)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await writer.write(self._value if content_length is None else self._value[:content_length])


class StringPayload(BytesPayload):
    """A body of text, encoded at once."""

    __slots__ = ()

    def __init__(
        self,
        value: str,
        *args: Any,
        encoding: str | None = None,
        content_type: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a text body of type {type(value).__name__}; wanted str")
        encoding, content_type = text_type(encoding, content_type)
        super().__init__(value.encode(encoding), *args, encoding=encoding, content_type=content_type, **kwargs)


class StringIOPayload(StringPayload):
    """The text that a StringIO holds from its position on."""

    __slots__ = ()

    def __init__(self, value: Any, *args: Any, **kwargs: Any) -> None:  # Any: whatever reads text at once
        super().__init__(value.read(), *args, **kwargs)


class JsonPayload(BytesPayload):
    """A value as JSON, made by a `dumps` that returns text."""

    __slots__ = ()

    def __init__(
        self,
        value: Any,  # Any: whatever `dumps` takes
        encoding: str = "utf-8",
        content_type: str = "application/json",
        dumps: Callable[[Any], str] = json.dumps,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        text = json_text(value) if dumps is json.dumps else dumps(value)
        data = text.encode(encoding)
        super().__init__(data, *args, content_type=content_type, encoding=encoding, **kwargs)


class JsonBytesPayload(BytesPayload):
    """A value as JSON, made by a `dumps` that returns bytes."""

    __slots__ = ()

    def __init__(
        self,
        value: Any,  # Any: whatever `dumps` takes
        dumps: Callable[[Any], bytes],
        content_type: str = "application/json",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(dumps(value), *args, content_type=content_type, **kwargs)
