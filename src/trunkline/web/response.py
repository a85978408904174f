"""`Response`: a response whose whole body is known, and the two ways to answer with JSON.

The usual one, a few bytes of a known type with no other fields, is sent as one piece of bytes: `render_whole` puts a
head from a table before the body. Everything else goes the way of `StreamResponse`.
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.body.json_text import json_text
from trunkline.body.payload import OCTET_STREAM, Payload
from trunkline.body.registry import PayloadLookupError, get_payload
from trunkline.ground.sentinel import sentinel
from trunkline.ground.types import LooseHeaders
from trunkline.web.date import last_fields, last_lines
from trunkline.web.stream_response import AnsweredRequest, StreamResponse
from trunkline.wire.coding import make_encoder
from trunkline.wire.h1.response_render import render_status_line
from trunkline.wire.limits import MAX_CACHED_LINES
from trunkline.wire.message import FieldBlock, lower_case_fields
from trunkline.wire.version import HttpVersion11

# Larger bodies are compressed in a thread, so that the loop is not kept from all else; aiohttp's threshold.
_EXECUTOR_BYTES: Final = 4096

# A larger body is sent in turns with those of other streams.
_WHOLE_BYTES: Final = 2**16

# What most texts are sent as, complete.
_UTF8_TYPES: Final[dict[str | None, str]] = {
    None: "text/plain; charset=utf-8",
    "text/html": "text/html; charset=utf-8",
    "application/json": "application/json; charset=utf-8",
}

# Fields with a say in how the response is framed, or that are otherwise ours to set.
_DECIDED_LATER: Final = (
    hdrs.CONTENT_LENGTH,
    hdrs.TRANSFER_ENCODING,
    hdrs.CONNECTION,
    hdrs.DATE,
    hdrs.SERVER,
)

_starts: dict[tuple[int, str, str | None], bytes] = {}
_start_fields: dict[tuple[int, str | None], list[tuple[str, str]]] = {}  # the same for HTTP/2


class Response(StreamResponse):
    """A response with its whole body.

    body: bytes, or anything that a payload can be made of. text: str, encoded with charset, UTF-8 by default.
    zlib_executor_size: bytes above which a body is compressed in zlib_executor, or in the loop's default one.
    """

    _sends_head_at_once = False
    # Any: bytes, or a Payload, or None.
    _body: Any = None
    _compressed: bytes | None = None
    _zlib_executor_size = _EXECUTOR_BYTES
    _zlib_executor: Executor | None = None

    def __init__(
        self,
        *,
        body: Any = None,  # Any: whatever a payload can be made of
        status: int = 200,
        reason: str | None = None,
        text: str | None = None,
        headers: LooseHeaders | None = None,
        content_type: str | None = None,
        charset: str | None = None,
        zlib_executor_size: int = _EXECUTOR_BYTES,
        zlib_executor: Executor | None = None,
    ) -> None:
        if status != 200 or reason is not None:
            self._set_status(status, reason)
        if headers is not None:
            self._headers = CIMultiDict(headers)
        if text is not None:
            if body is not None:
                raise ValueError("both body and text; pass one of them")
            self._take_text(text, content_type, charset)
        else:
            if content_type is not None or charset is not None:
                self._describe(content_type or OCTET_STREAM, charset)
            if type(body) is bytes:
                self._body = body
            elif body is not None:
                self.body = body
        if zlib_executor_size != _EXECUTOR_BYTES:
            self._zlib_executor_size = zlib_executor_size
        if zlib_executor is not None:
            self._zlib_executor = zlib_executor

    def _take_text(self, text: str, content_type: str | None, charset: str | None) -> None:
        if type(text) is not str and not isinstance(text, str):
            raise TypeError(f"text of type {type(text).__name__}; wanted str, or body= for bytes")
        if self._headers is not None and hdrs.CONTENT_TYPE in self._headers and not (content_type or charset):
            charset = self.charset
            if charset is None:
                self.charset = charset = "utf-8"
        elif charset is None and self._headers is None and content_type in _UTF8_TYPES:
            self._content_type = _UTF8_TYPES[content_type]
        else:
            self._describe(content_type or "text/plain", charset or "utf-8")
        self._body = text.encode() if charset is None else text.encode(charset)

    def _describe(self, content_type: str, charset: str | None) -> None:
        if "charset" in content_type:
            raise ValueError(f"content_type {content_type!r} has a charset; pass charset= instead")
        field = content_type if charset is None else f"{content_type}; charset={charset}"
        if self._headers is None:
            self._content_type = field
        elif hdrs.CONTENT_TYPE in self._headers:
            raise ValueError("a Content-Type field and content_type or charset; pass it in one way")
        else:
            self._headers[hdrs.CONTENT_TYPE] = field

    @property
    def body(self) -> Any:
        """The body: bytes, a Payload, or None. Set bytes, None, or anything that a payload can be made of."""
        return self._body

    @body.setter
    def body(self, body: Any) -> None:
        self._compressed = None
        if body is None or isinstance(body, (bytes, bytearray)):
            self._body = body
            return
        try:
            self._body = payload = get_payload(body)
        except PayloadLookupError as error:
            raise ValueError(f"unsupported body type {type(body).__name__}; {error}") from error
        headers = self.headers
        headers.setdefault(hdrs.CONTENT_TYPE, payload.content_type)
        for name, value in payload.headers.items():
            headers.setdefault(name, value)

    @property
    def text(self) -> str | None:
        """The body as text. Set a str; it is encoded with the charset, UTF-8 by default."""
        body = self._body
        if body is None:
            return None
        if isinstance(body, Payload):
            return body.decode(self.charset or "utf-8")
        return bytes(body).decode(self.charset or "utf-8")

    @text.setter
    def text(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"text of type {type(text).__name__}; wanted str, or set body to bytes")
        if self.content_type == OCTET_STREAM:
            self.content_type = "text/plain"
        if self.charset is None:
            self.charset = "utf-8"
        self._body = text.encode(self.charset or "utf-8")
        self._compressed = None

    @property
    def content_length(self) -> int | None:
        """The length of the body as it is sent; None when it is not known before."""
        if self._is_chunked:
            return None
        if self._headers is not None and hdrs.CONTENT_LENGTH in self._headers:
            return int(self._headers[hdrs.CONTENT_LENGTH])
        if self._compressed is not None:
            return len(self._compressed)
        if isinstance(self._body, Payload):
            return self._body.size
        return 0 if self._body is None else len(self._body)

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        raise RuntimeError("the length of a Response is that of its body; use StreamResponse to set another")

    # Sending.

    async def _start(self, request: AnsweredRequest) -> AbstractStreamWriter:
        if self._is_compressed and not self._is_chunked and not isinstance(self._body, Payload):
            await self._compress(request)
        return await super()._start(request)

    async def _compress(self, request: AnsweredRequest) -> None:
        """Compress the body that is known whole, so that its length is known too."""
        self._is_compressed = False
        coding = self._chosen_coding(request)
        if coding is None or self._body is None:
            return
        body = bytes(self._body)
        if len(body) > self._zlib_executor_size:
            loop = asyncio.get_running_loop()
            self._compressed = await loop.run_in_executor(self._zlib_executor, _compress, coding, body, self._strategy)
        else:
            self._compressed = _compress(coding, body, self._strategy)
        self.headers[hdrs.CONTENT_ENCODING] = coding
        self.headers.pop(hdrs.CONTENT_LENGTH, None)

    def _frame_body(self, request: AnsweredRequest, writer: AbstractStreamWriter) -> None:
        if not self._is_chunked and hdrs.CONTENT_LENGTH not in self.headers and not self._is_compressed:
            length = self.content_length
            # Without a body in answer to HEAD, nobody has said what GET would get. (RFC 9110 §8.6)
            if length is not None and not (self._body is None and request.method == hdrs.METH_HEAD):
                self.headers[hdrs.CONTENT_LENGTH] = str(length)
        super()._frame_body(request, writer)
        if writer.has_body and type(self._body) is bytes and not self._is_compressed and not self._is_chunked:
            self._check_length(len(self._body if self._compressed is None else self._compressed))

    def _check_length(self, length: int) -> None:
        announced = self._announced_length()
        if announced is not None and announced != length:
            raise ValueError(f"Content-Length is {announced}, the body has {length} bytes; leave the field to us")

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the body, then end the response; a second call does nothing."""
        if self._is_ended:
            return
        body = self._compressed if self._compressed is not None else self._body
        writer = self._payload_writer
        if isinstance(body, Payload) and writer is not None:
            try:
                if writer.has_body:
                    await body.write(writer)
            finally:
                await body.close()
            await super().write_eof()
        else:
            await super().write_eof(b"" if body is None else bytes(body))

    def render_whole(self, request: AnsweredRequest, keeps_alive: bool) -> bytes | None:
        """Return the response as one piece of bytes; None when it has to take the long way."""
        body = self._body
        if type(body) is not bytes or request.version is not HttpVersion11 or not self._is_plain(body):
            return None
        start = self._known_start() if self._headers is None and self._cookies is None else self._render_start()
        if start is None:
            return None
        last, last_closing = last_lines()
        if self._keep_alive is None:
            self._keep_alive = keeps_alive
        head = b"%b%d\r\n%b" % (start, len(body), last if self._keep_alive else last_closing)
        self._is_ended = True
        whole = head if request.method == hdrs.METH_HEAD else head + body
        self._body_length = len(whole)
        return whole

    def _is_plain(self, body: bytes) -> bool:
        """Tell whether the response goes as it is, with a Content-Length."""
        return (
            (body != b"" or self._content_type is not None)  # else it goes without a Content-Type
            and not self._is_compressed
            and not self._is_chunked
            and self._payload_writer is None
            and not self._is_ended
            and self.has_body_allowed
        )

    def fields_whole(self, request: AnsweredRequest) -> list[tuple[str, str]] | None:
        """Return the head of HTTP/2 if the response can be sent whole, which it then is; None for the long way."""
        body = self._body
        if type(body) is not bytes or len(body) > _WHOLE_BYTES or not self._is_plain(body):
            return None
        start = self._known_fields() if self._headers is None and self._cookies is None else self._own_fields()
        if start is None:
            return None
        if self._keep_alive is None:
            self._keep_alive = True
        self._is_ended = True
        self._body_length = 0 if request.method == hdrs.METH_HEAD else len(body)
        return [*start, ("content-length", str(len(body))), *last_fields()]

    def _known_fields(self) -> list[tuple[str, str]] | None:
        """Do what `_known_start` does, for HTTP/2."""
        key = (self._status, self._content_type)
        fields = _start_fields.get(key)
        if fields is None:
            try:
                fields = [(":status", str(key[0])), *lower_case_fields([(hdrs.CONTENT_TYPE, key[1] or OCTET_STREAM)])]
            except ValueError:
                return None  # the long way tells what is wrong
            if len(_start_fields) >= MAX_CACHED_LINES:
                _start_fields.clear()
            _start_fields[key] = fields
        return fields

    def _own_fields(self) -> list[tuple[str, str]] | None:
        """Do what `_render_start` does, for HTTP/2."""
        headers = self._settled_headers()
        if headers is None:
            return None
        try:
            return [(":status", str(self._status)), *lower_case_fields(headers.items())]
        except (TypeError, ValueError):
            return None

    def _known_start(self) -> bytes | None:
        """Return the head up to the value of Content-Length, for a response that has no fields but its type."""
        key = (self._status, self._reason, self._content_type)
        start = _starts.get(key)
        if start is None:
            try:
                fields = FieldBlock([(hdrs.CONTENT_TYPE, self._content_type or OCTET_STREAM)])
                start = b"%b%bContent-Length: " % (render_status_line(HttpVersion11, key[0], key[1]), fields.h1)
            except ValueError:
                return None  # the long way tells what is wrong
            if len(_starts) >= MAX_CACHED_LINES:
                _starts.clear()
            _starts[key] = start
        return start

    def _render_start(self) -> bytes | None:
        """Do the same for one that has fields, unless they are some that the long way decides on."""
        headers = self._settled_headers()
        if headers is None:
            return None
        try:
            fields = FieldBlock(headers.items())
            return b"%b%bContent-Length: " % (render_status_line(HttpVersion11, self._status, self._reason), fields.h1)
        except (TypeError, ValueError):
            return None

    def _settled_headers(self) -> "CIMultiDict[str] | None":
        """Return all fields but those of the end; None when the long way has to decide on some."""
        headers = self.headers
        for name in _DECIDED_LATER:
            if name in headers:
                return None
        headers.setdefault(hdrs.CONTENT_TYPE, OCTET_STREAM)
        self._add_cookie_fields()
        return headers


def _compress(coding: str, body: bytes, strategy: int | None) -> bytes:
    encoder = make_encoder(coding, strategy=strategy)
    return encoder.encode(body) + encoder.flush()


def json_response(
    data: Any = sentinel,  # Any: whatever `dumps` takes
    *,
    text: str | None = None,
    body: bytes | None = None,
    status: int = 200,
    reason: str | None = None,
    headers: LooseHeaders | None = None,
    content_type: str = "application/json",
    dumps: Callable[[Any], str] = json.dumps,
) -> Response:
    """Return a response with `data` as JSON. Raises ValueError when text or body is given as well."""
    if data is not sentinel:
        if text or body:
            raise ValueError("data with text or body; pass one of the three")
        text = json_text(data) if dumps is json.dumps else dumps(data)
    return Response(text=text, body=body, status=status, reason=reason, headers=headers, content_type=content_type)


def json_bytes_response(
    data: Any = sentinel,  # Any: whatever `dumps` takes
    *,
    dumps: Callable[[Any], bytes],
    body: bytes | None = None,
    status: int = 200,
    reason: str | None = None,
    headers: LooseHeaders | None = None,
    content_type: str = "application/json",
) -> Response:
    """Return a response with `data` as JSON, from a `dumps` that returns bytes."""
    if data is not sentinel:
        if body:
            raise ValueError("both data and body; pass one of them")
        body = dumps(data)
    return Response(body=body, status=status, reason=reason, headers=headers, content_type=content_type)
