"""`BaseRequest`: one request as a handler sees it; `Request` adds the application and the route.

Nearly everything is derived from the received head when somebody asks, so that a handler pays for what it uses. The
body is read through `content`, or whole by `read` and what builds on it, within `client_max_size`. Forms, forwarded
elements, ranges and preconditions are parsed elsewhere.
"""

import asyncio
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final

from multidict import CIMultiDict, MultiDictProxy
from yarl import URL

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.body.empty_stream import EmptyStreamReader
from trunkline.body.multipart_reader import MultipartReader
from trunkline.body.stream import StreamReader
from trunkline.conn.requester import Requester
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import LooseHeaders, StrOrURL
from trunkline.web.chain_map import ChainMapProxy
from trunkline.web.exceptions import HTTPRequestEntityTooLarge
from trunkline.web.form import FileField, close_files, read_form
from trunkline.web.keys import BaseKey, RequestKey
from trunkline.web.request_fields import RequestFields
from trunkline.web.request_target import RequestTarget
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.web.store import KeyedStore
from trunkline.wire.charset import received_charset
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion

MAX_BODY_BYTES: Final = 1024**2  # aiohttp's client_max_size
MAX_FORM_FIELDS: Final = 1000  # aiohttp's client_max_fields


class BaseRequest(RequestTarget, RequestFields, KeyedStore):
    """One request. Handlers get it; only the server and test doubles make one.

    client_max_size: bytes that a body read whole may have, 0 for no limit. client_max_fields: fields of a form.
    """

    POST_METHODS: Final = frozenset({hdrs.METH_PATCH, hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_TRACE, hdrs.METH_DELETE})
    ATTRS: Final = frozenset[str]()

    _key_type = RequestKey

    method: str
    version: HttpVersion
    # Class attributes, so that making a request sets few.
    _read_bytes: bytes | None = None  # once `read` has it
    _post: "MultiDictProxy[str | bytes | FileField] | None" = None

    def __init__(
        self,
        message: ReceivedHead,
        payload: StreamReader,
        protocol: Requester,
        payload_writer: AbstractStreamWriter | None,
        task: "asyncio.Task[None] | None",
        loop: asyncio.AbstractEventLoop,
        *,
        client_max_size: int = MAX_BODY_BYTES,
        client_max_fields: int = MAX_FORM_FIELDS,
        state: dict[str | BaseKey[Any], Any] | None = None,
        scheme: str | None = None,
        host: str | None = None,
        remote: str | None = None,
    ) -> None:
        self._message = message
        self._payload = payload
        self._protocol = protocol
        self._writer = payload_writer
        self._task = task
        self._loop = loop
        self._client_max_size = client_max_size
        self._client_max_fields = client_max_fields
        self.method = message.method
        self.version = message.version
        if state is not None:
            self._state = state
        if scheme is not None:
            self._scheme = scheme
        if host is not None:
            self._host = host
        if remote is not None:
            self._remote = remote

    def __repr__(self) -> str:
        path = self._message.target.partition("?")[0].encode("ascii", "backslashreplace").decode()
        return f"<{type(self).__name__} {self.method} {path} >"

    def clone(
        self,
        *,
        method: str | Sentinel = sentinel,
        rel_url: StrOrURL | Sentinel = sentinel,
        headers: LooseHeaders | Sentinel = sentinel,
        scheme: str | Sentinel = sentinel,
        host: str | Sentinel = sentinel,
        remote: str | Sentinel = sentinel,
        client_max_size: int | Sentinel = sentinel,
        client_max_fields: int | Sentinel = sentinel,
    ) -> "BaseRequest":
        """Return a copy with some parts replaced; it shares the body. Raises RuntimeError once that was read."""
        if self._read_bytes:
            raise RuntimeError("the body of this request has been read, a clone could not read it; clone it before")
        message = self._message
        old = message.url
        url = old if rel_url is sentinel else URL(rel_url)
        replaced = ReceivedHead(
            message.method if method is sentinel else method,
            message.target if rel_url is sentinel else str(url),
            message.version,
            message.keep_alive,
        )
        for name, value in vars(message).items():
            if name not in ("method", "target", "version", "keep_alive", "headers", "raw_headers", "url"):
                setattr(replaced, name, value)
        if headers is not sentinel:
            replaced.fields = list(CIMultiDict(headers).items())  # type: ignore[arg-type]  # multidict makes istr
        return self._copy(
            replaced,
            client_max_size=self._client_max_size if client_max_size is sentinel else client_max_size,
            client_max_fields=self._client_max_fields if client_max_fields is sentinel else client_max_fields,
            scheme=self._scheme if scheme is sentinel else scheme,
            host=self._host if host is sentinel else host,
            remote=self._remote if remote is sentinel else remote,
        )

    def _copy(self, message: ReceivedHead, **kwargs: Any) -> "BaseRequest":  # Any: passed on to __init__
        state = None if self._state is None else dict(self._state)
        # The writer is opened before, lest each of them have one: there is one answer to both.
        return type(self)(
            message, self._payload, self._protocol, self.writer, self._task, self._loop, state=state, **kwargs
        )

    # The connection.

    @property
    def message(self) -> ReceivedHead:
        """The head as it was received; deprecated."""
        _warn_deprecated("Request.message is deprecated, use the properties of the request")
        return self._message

    @property
    def protocol(self) -> Requester:
        """The connection, or the stream of HTTP/2 that is this request's part of one."""
        return self._protocol

    @property
    def task(self) -> "asyncio.Task[Any] | None":
        """The task that answers this request."""
        return self._task or self._protocol.task or asyncio.current_task()

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport; None once the connection is lost."""
        return None if self._protocol is None else self._protocol.transport

    @property
    def writer(self) -> AbstractStreamWriter:
        """Where the response is written."""
        if self._writer is None:
            self._writer = self._protocol.open_writer()
        return self._writer

    _payload_writer = writer  # the name that libraries know it by

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop; deprecated."""
        _warn_deprecated("request.loop property is deprecated, use asyncio.get_running_loop()")
        return self._loop

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: as the transport's
        """Return what the transport knows under `name`, such as `peername` or `ssl_object`."""
        transport = self.transport
        return default if transport is None else transport.get_extra_info(name, default)

    # The body.

    @property
    def client_max_size(self) -> int:
        """Bytes that a body read whole may have; 0 is no limit."""
        return self._client_max_size

    @property
    def client_max_fields(self) -> int:
        """Fields that a form may have; 0 is no limit."""
        return self._client_max_fields

    @property
    def content(self) -> StreamReader:
        """The body as a stream."""
        return self._payload

    @property
    def body_exists(self) -> bool:
        """True when the request has a body."""
        return not isinstance(self._payload, EmptyStreamReader)

    @property
    def can_read_body(self) -> bool:
        """True while something of the body is left to read."""
        return not self._payload.at_eof()

    @property
    def has_body(self) -> bool:
        """Deprecated: use `can_read_body`."""
        _warn_deprecated("request.has_body is deprecated, use can_read_body")
        return self.can_read_body

    async def read(self) -> bytes:
        """Return the whole body; a second call returns the same. Raises HTTPRequestEntityTooLarge."""
        if self._read_bytes is None:
            self._read_bytes = await self._read_within(self._client_max_size)
        return self._read_bytes

    async def _read_within(self, limit: int) -> bytes:
        announced = self._message.content_length or 0
        if limit and announced > limit:
            raise HTTPRequestEntityTooLarge(limit, announced)
        if not limit or (announced and self._message.content_encoding is None):
            return await self._payload.read()
        parts: list[bytes] = []
        total = 0
        while part := await self._payload.readany():
            total += len(part)
            if total > limit:
                raise HTTPRequestEntityTooLarge(limit, total)
            parts.append(part)
        return b"".join(parts)

    async def text(self) -> str:
        """Return the whole body as text, by its charset or UTF-8. Raises LookupError for an unknown charset."""
        return (await self.read()).decode(received_charset(self.charset or "utf-8"))

    # Any: whatever `loads` makes of it.
    async def json(self, *, loads: Callable[[str], Any] = json.loads) -> Any:
        """Return the whole body, as `loads` reads it."""
        return loads(await self.text())

    async def multipart(self) -> MultipartReader:
        """Return a reader of the parts; what it reads cannot be read again.

        A part that is read whole has the bound of a body that is: HTTPRequestEntityTooLarge is raised above it.
        """
        return MultipartReader(
            self.headers,
            self._payload,
            client_max_size=self._client_max_size or sys.maxsize,
            max_size_error_cls=HTTPRequestEntityTooLarge,
        )

    async def post(self) -> "MultiDictProxy[str | bytes | FileField]":
        """Return the fields of a form; a second call returns the same. Raises HTTPRequestEntityTooLarge."""
        if self._post is None:
            self._post = await read_form(self)
        return self._post

    @property
    def has_form(self) -> bool:
        """True when `post` was called."""
        return self._post is not None

    def close_form(self) -> None:
        """Close the files that a form brought; the server does it once the request has been answered."""
        if self._post is not None:
            close_files(self._post)

    async def release(self) -> None:
        """Read what is left of the body and drop it."""
        while not self._payload.at_eof():
            await self._payload.readany()

    has_prepare_hook = False  # `_prepare_hook` has something to do

    async def _prepare_hook(self, response: Any) -> None:  # Any: responses stand beside us, not below
        """Run what wants to see the response before its head is sent."""

    @property
    def is_last(self) -> bool:
        """True when the server takes no request after this one."""
        return self._protocol is not None and self._protocol.is_ending is True  # and no mock, which is always true

    @property
    def is_unanswered(self) -> bool:
        """True until something asks for the writer of the response."""
        return self._writer is None

    def forget_writer(self) -> None:
        """Begin the response anew; nothing of it may have been sent."""
        self._writer = None


class Request(BaseRequest):
    """A request that an application routes."""

    _match_info: UrlMappingMatchInfo | None = None

    @property
    def match_info(self) -> UrlMappingMatchInfo:
        """The route that was found, and the variable parts of the path."""
        match_info = self._match_info
        if match_info is None:
            raise RuntimeError("this request has not been routed; use match_info in handlers and middlewares")
        return match_info

    @property
    def app(self) -> Any:  # Any: Application is built on this module
        """The application that answers, the innermost one where applications are nested."""
        return self.match_info.current_app

    @property
    def config_dict(self) -> ChainMapProxy:
        """The items of the application, and of those it is nested in."""
        apps = self.match_info.apps
        return ChainMapProxy(list(reversed(apps[: apps.index(self.app) + 1])))

    async def _prepare_hook(self, response: Any) -> None:  # Any: as above
        if self._match_info is not None:
            for app in self._match_info.apps:
                if signal := app.on_response_prepare:
                    await signal.send(self, response)

    def clone(self, **kwargs: Any) -> "Request":  # Any: as BaseRequest takes them
        """Return a copy with some parts replaced, on the same route; see BaseRequest.clone."""
        cloned = super().clone(**kwargs)
        assert isinstance(cloned, Request)
        cloned._match_info = self._match_info
        return cloned


def _warn_deprecated(message: str) -> None:
    warnings.warn(message, category=DeprecationWarning, stacklevel=3)
