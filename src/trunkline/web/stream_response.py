"""`StreamResponse`: a response whose head is sent by `prepare` and whose body is written piece by piece.

`prepare` completes the fields (framing, compression, Date, Server, Connection), lets the application's signal see
them, and sends the head. How the body is framed follows RFC 9112 §6: by a length if one was set, in chunks for
HTTP/1.1, else by the end of the connection.
"""

import asyncio
import enum
import warnings
from http import HTTPStatus
from typing import Any, Final, Protocol

from multidict import CIMultiDict, CIMultiDictProxy

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.ground.product import SERVER_NAME
from trunkline.ground.types import LooseHeaders
from trunkline.web.date import current_date
from trunkline.web.keys import ResponseKey
from trunkline.web.response_fields import ResponseFields
from trunkline.web.store import KeyedStore
from trunkline.wire.h1.response_render import check_reason
from trunkline.wire.negotiation import rank_codings
from trunkline.wire.optional import has_brotli, has_zstd
from trunkline.wire.version import HttpVersion, HttpVersion11

_REASONS: Final = {int(status): status.phrase for status in HTTPStatus}


class ContentCoding(enum.Enum):
    """The content codings that a response can be compressed with; br and zstd where they are installed."""

    deflate = "deflate"
    gzip = "gzip"
    br = "br"
    zstd = "zstd"
    identity = "identity"


class AnsweredRequest(Protocol):
    """What a response needs to know of the request that it answers."""

    method: str
    version: HttpVersion

    @property
    def path(self) -> str: ...
    @property
    def keep_alive(self) -> bool: ...
    @property
    def is_last(self) -> bool: ...
    @property
    def headers(self) -> "CIMultiDictProxy[str]": ...
    @property
    def writer(self) -> AbstractStreamWriter: ...
    @property
    def task(self) -> "asyncio.Task[Any] | None": ...
    async def _prepare_hook(self, response: Any) -> None: ...  # Any: as the request declares it


class StreamResponse(ResponseFields, KeyedStore):
    """A response that is written piece by piece."""

    ATTRS: Final = frozenset[str]()

    _key_type = ResponseKey

    _sends_head_at_once = True
    # Class attributes, so that making a response, which every request does, sets few.
    _req: AnsweredRequest | None = None  # while its response is being sent
    _written_by: AbstractStreamWriter | None = None  # for good
    _payload_writer: AbstractStreamWriter | None = None
    _status = 200
    _reason = "OK"
    _is_ended = False
    _keep_alive: bool | None = None
    _is_compressed = False
    _forced_coding: ContentCoding | None = None
    _strategy: int | None = None
    _body_length = 0

    def __init__(self, *, status: int = 200, reason: str | None = None, headers: LooseHeaders | None = None) -> None:
        if headers is not None:
            self._headers = CIMultiDict(headers)
        if status != 200 or reason is not None:
            self._set_status(status, reason)

    def __repr__(self) -> str:
        if self._is_ended:
            state = "eof"
        elif self._req is not None and self.prepared:
            state = f"{self._req.method} {self._req.path} "
        else:
            state = "not prepared"
        return f"<{type(self).__name__} {self._reason} {state}>"

    @property
    def prepared(self) -> bool:
        """True once the head was sent."""
        return self._is_ended or self._payload_writer is not None

    @property
    def task(self) -> "asyncio.Task[Any] | None":
        """The task that answers the request; None before `prepare`."""
        return None if self._req is None else self._req.task

    @property
    def status(self) -> int:
        """The status code."""
        return self._status

    @property
    def reason(self) -> str:
        """The reason phrase."""
        return self._reason

    def is_answer_to(self, request: AnsweredRequest) -> bool:
        """Tell whether this response, which was prepared, was prepared for `request` or a clone of it."""
        return self._written_by is request.writer

    def set_status(self, status: int, reason: str | None = None) -> None:
        """Set the status code; its usual reason when none is given. Raises RuntimeError once the head was sent."""
        if self.prepared:
            raise RuntimeError("the head has been sent; set the status before prepare()")
        self._set_status(status, reason)

    def _set_status(self, status: int, reason: str | None) -> None:
        self._status = int(status)
        if not 100 <= self._status <= 999:
            raise ValueError(f"status {status}; wanted three digits (RFC 9110 §15)")
        if reason is None:
            reason = _REASONS.get(self._status, "")
        elif not isinstance(reason, str):
            raise TypeError(f"reason of type {type(reason).__name__}; wanted str or None")
        elif not (reason.isascii() and reason.isprintable()):
            check_reason(reason)
        self._reason = reason

    @property
    def chunked(self) -> bool:
        """True when `enable_chunked_encoding` was called."""
        return self._is_chunked

    def enable_chunked_encoding(self, chunk_size: int | None = None) -> None:
        """Send the body in chunks (RFC 9112 §7.1), for HTTP/1.1 only. chunk_size: deprecated, without effect."""
        if hdrs.CONTENT_LENGTH in self.headers:
            raise RuntimeError("a length has been set, the body cannot be chunked too; remove content_length")
        self._is_chunked = True
        if chunk_size is not None:
            _warn_deprecated("Chunk size is deprecated #1615; each write is a chunk")

    @property
    def compression(self) -> bool:
        """True when `enable_compression` was called."""
        return self._is_compressed

    def enable_compression(self, force: "bool | ContentCoding | None" = None, strategy: int | None = None) -> None:
        """Compress the body, by the coding that the request likes best, or by `force` whatever it likes.

        strategy: of zlib; None is its default.
        """
        if isinstance(force, bool):
            _warn_deprecated("Using boolean for force is deprecated #3318; pass a ContentCoding")
            force = ContentCoding.deflate if force else ContentCoding.identity
        elif force is not None and not isinstance(force, ContentCoding):
            raise TypeError(f"force is {force!r}; wanted a ContentCoding, or None for what the request accepts")
        self._is_compressed = True
        self._forced_coding = force
        self._strategy = strategy

    @property
    def keep_alive(self) -> bool | None:
        """False when the connection closes after this response; None while that is not known."""
        return self._keep_alive

    def force_close(self) -> None:
        """Close the connection after this response."""
        self._keep_alive = False

    @property
    def body_length(self) -> int:
        """Bytes that were sent, head and framing included; 0 before the end of the body."""
        return self._body_length

    @property
    def output_length(self) -> int:
        """Deprecated: use `body_length`."""
        _warn_deprecated("output_length is deprecated, use body_length")
        return self._body_length if self._payload_writer is None else self._payload_writer.output_size

    # Sending.

    async def prepare(self, request: AnsweredRequest) -> AbstractStreamWriter | None:
        """Send the head, in answer to `request`; a second call does nothing. Returns the writer of the body."""
        if self._is_ended:
            return None
        if self._payload_writer is not None:
            return self._payload_writer
        return await self._start(request)

    async def _start(self, request: AnsweredRequest) -> AbstractStreamWriter:
        if self._status < 200 and self._status != 101:
            raise ValueError(f"status {self._status} is no final one; a handler's response needs 101 or 200 to 999")
        writer = request.writer
        if writer.is_started is True:  # and no mock, which is always true
            raise RuntimeError("another response to this request has been begun; prepare only one")
        self._req = request
        self._written_by = writer
        self._complete_fields(request, writer)
        await request._prepare_hook(self)
        self._frame(request, writer)  # again, because the hook may have changed the body, the status or these fields
        self._payload_writer = writer
        await self._send_head(request, writer)
        return writer

    def _complete_fields(self, request: AnsweredRequest, writer: AbstractStreamWriter) -> None:
        headers = self.headers
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive and not request.is_last
        self._add_cookie_fields()
        if self._is_compressed:
            self._start_compression(request, writer)
        self._frame(request, writer)
        if self.has_body_allowed and self.content_length != 0:
            headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")
        headers.setdefault(hdrs.DATE, current_date())
        headers.setdefault(hdrs.SERVER, SERVER_NAME)

    def _frame(self, request: AnsweredRequest, writer: AbstractStreamWriter) -> None:
        """Decide where the body and the connection end, and let the fields say so."""
        headers = self.headers
        writer.has_body = self.has_body_allowed and request.method != hdrs.METH_HEAD
        if self.has_body_allowed:
            self._frame_body(request, writer)
        else:
            headers.popall(hdrs.TRANSFER_ENCODING, None)
            if self._status != 304:
                headers.popall(hdrs.CONTENT_LENGTH, None)
        self._say_whether_it_closes(request.version)

    @property
    def has_body_allowed(self) -> bool:
        """False for a status that never has a body (RFC 9110 §6.4.1)."""
        return self._status >= 200 and self._status not in (204, 304)

    def _frame_body(self, request: AnsweredRequest, writer: AbstractStreamWriter) -> None:
        headers = self.headers
        if headers.popall(hdrs.TRANSFER_ENCODING, None) is not None:
            self._is_chunked = True  # the one coding that there is; the writer applies it
        if self._is_chunked and request.version.major < 2:
            if request.version < HttpVersion11:
                raise RuntimeError(
                    f"chunked encoding in answer to HTTP/{request.version.major}.{request.version.minor}, which has"
                    " none; set content_length, or leave the framing to us"
                )
            if hdrs.CONTENT_LENGTH in headers:
                raise RuntimeError("both Content-Length and chunked encoding; set only one of them")
            headers[hdrs.TRANSFER_ENCODING] = "chunked"
            writer.enable_chunking()
            return
        length = self._announced_length()
        if length is not None:
            writer.length = length
        elif request.method == hdrs.METH_HEAD:
            return
        elif request.version < HttpVersion11:
            self._keep_alive = False  # its end is the end of the body
        elif request.version.major < 2:  # later ones tell the end by themselves
            headers[hdrs.TRANSFER_ENCODING] = "chunked"
            writer.enable_chunking()

    def _announced_length(self) -> int | None:
        """Return the value of Content-Length. Raises ValueError for what another recipient might read otherwise."""
        values = self.headers.getall(hdrs.CONTENT_LENGTH, ())
        if len(values) > 1 or not all(value.isascii() and value.isdigit() for value in values):
            raise ValueError(f"Content-Length is {', '.join(values)!r}; wanted one number of bytes (RFC 9110 §8.6)")
        return int(values[0]) if values else None

    def _start_compression(self, request: AnsweredRequest, writer: AbstractStreamWriter) -> None:
        coding = self._chosen_coding(request)
        if coding is None:
            return
        self.headers[hdrs.CONTENT_ENCODING] = coding
        self.headers.pop(hdrs.CONTENT_LENGTH, None)  # it was that of the body as it is
        writer.enable_compression(coding, self._strategy)

    def _chosen_coding(self, request: AnsweredRequest) -> str | None:
        forced = self._forced_coding
        if forced is not None:
            return None if forced is ContentCoding.identity else forced.value
        accepted = ", ".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))
        offered = ["deflate", "gzip"] + ["br"] * has_brotli() + ["zstd"] * has_zstd()
        ranked = rank_codings(accepted, offered)
        return ranked[0] if ranked else None

    def _say_whether_it_closes(self, version: HttpVersion) -> None:
        headers = self.headers
        said = headers.get(hdrs.CONNECTION)
        if said is not None:
            if "close" in [option.strip(" \t") for option in said.lower().split(",")]:
                self._keep_alive = False
        elif self._keep_alive:
            if version < HttpVersion11:
                headers[hdrs.CONNECTION] = "keep-alive"
        elif version >= HttpVersion11:
            headers[hdrs.CONNECTION] = "close"

    async def _send_head(self, request: AnsweredRequest, writer: AbstractStreamWriter) -> None:
        version = request.version
        line = f"HTTP/{version.major}.{version.minor} {self._status} {self._reason}"
        await writer.write_headers(line, self.headers)
        if self._sends_head_at_once:
            writer.send_headers()

    async def write(self, data: "bytes | bytearray | memoryview") -> None:
        """Send a piece of the body; wait while the client reads slower than we write.

        Raises RuntimeError before `prepare` and after `write_eof`, ValueError beyond the length that was set,
        ConnectionResetError when the client has gone.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data of type {type(data).__name__}; wanted bytes, bytearray or memoryview")
        if self._is_ended:
            raise RuntimeError("write() after write_eof(); the response has ended")
        if self._payload_writer is None:
            raise RuntimeError("write() before prepare(); call `await response.prepare(request)` first")
        if data and not self.has_body_allowed:
            raise ValueError(f"{len(data)} bytes for a {self._status} response, which has no body (RFC 9110 §6.4.1)")
        await self._payload_writer.write(data)

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written."""
        if self._payload_writer is None:
            raise RuntimeError("drain() before prepare() or after write_eof(); nothing is being sent")
        await self._payload_writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """Send `data`, then end the response; a second call does nothing."""
        if self._is_ended:
            return
        if self._payload_writer is None:
            raise RuntimeError("write_eof() before prepare(); call `await response.prepare(request)` first")
        await self._payload_writer.write_eof(data)
        self._is_ended = True
        self._body_length = self._payload_writer.output_size
        self._req = None
        self._payload_writer = None


def _warn_deprecated(message: str) -> None:
    warnings.warn(message, category=DeprecationWarning, stacklevel=3)
