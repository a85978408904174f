"""`ClientResponse`: the answer to one request, as users read it.

It is made when the head has come. Everything derived from the head (multidict, cookies, links, media type) is computed
when somebody asks. The body arrives in `content`; when it has come whole, the connection is already back in the
pool, and `release` finds nothing to do. A response dropped before that closes its connection, and says so.
"""

import asyncio
import codecs
import json
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from yarl import URL

from trunkline import hdrs
from trunkline.body.stream import StreamReader
from trunkline.client.errors import ClientConnectionError, ClientResponseError, ContentTypeError
from trunkline.client.request_info import RequestInfo
from trunkline.client.response_view import ResponseView
from trunkline.client.upload import output_size, upload_complete
from trunkline.conn.exchange import Exchange
from trunkline.ground.caller import caller
from trunkline.pool.connection import Connection
from trunkline.wire.charset import received_charset
from trunkline.wire.mime import media_type
from trunkline.wire.version import HttpVersion

_RELEASED: Final = "Connection closed: the response was released or closed before its body was read; read it first"


class ClientResponse(ResponseView):
    """A response. Sessions make it; `async with` it, or read it to its end, or `release` it."""

    ATTRS: ClassVar[frozenset[str]] = frozenset()  # aiohttp's name; attributes of any name may be set
    starts_itself: ClassVar[bool] = False  # a subclass overrides `start`

    # What holds until the head has come; class attributes, so that making a response sets few of them.
    version: HttpVersion | None = None
    reason: str | None = None
    _content: StreamReader | None = None
    _history: "tuple[ClientResponse, ...]" = ()
    _body: bytes | None = None
    is_read = False  # the whole body was read, so that nothing is held any more
    _exchange: Exchange | None = None
    _released = False
    _made_at = ""
    traces: Any = None  # who is told of the body; Any: test doubles give lists of their own

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        writer: object = None,
        continue100: object = None,
        timer: object = None,
        request_info: RequestInfo | None = None,
        traces: object = (),
        loop: asyncio.AbstractEventLoop | None = None,
        session: Any = None,  # Any: the session's module is above this one
        stream_writer: object = None,
    ) -> None:
        """url: with its fragment. The rest is for test doubles: all of it is optional."""
        self.set_up(method, url, loop, session)
        if request_info is not None:
            self._request_info = request_info
        if traces:
            self.traces = traces

    # Any: see the constructor
    def set_up(self, method: str, url: URL, loop: asyncio.AbstractEventLoop | None, session: Any) -> None:
        """Do what the constructor does without the arguments that are for test doubles; it costs half as much."""
        self.method = method
        self._real_url = url
        self._loop = loop
        self._session = session

    def __init_subclass__(cls, **arguments: Any) -> None:  # Any: of other bases
        super().__init_subclass__(**arguments)
        cls.starts_itself = cls.start is not ClientResponse.start

    # Any: a ClientRequest; see `request`
    def begin(self, exchange: Exchange, request: Any, history: "tuple[ClientResponse, ...]") -> None:
        """Take what `exchange` has received; called once, when the head has come."""
        head = exchange.head
        assert head is not None
        self.version = head.version
        self.status = head.status
        self.reason = head.reason
        self._fields = head.fields
        self._exchange = exchange
        self.request = request
        if history:
            self._history = history
        if exchange.carrier is not None:  # only these can be dropped unclosed
            self._made_at = caller(self._loop is not None and self._loop.get_debug())

    def follow_on(self, history: "tuple[ClientResponse, ...]") -> None:
        """Note the redirects that led here, before the head comes."""
        self._history = history

    async def start(self, connection: Connection) -> Self:
        """Wait for the head that answers what was sent on `connection`, if anything was. A subclass may do more."""
        exchange = connection.exchange
        if exchange.head is None and exchange.waiter is not None:
            await exchange.waiter
        if exchange.head is not None:
            self.begin(exchange, exchange.request, self._history)
        return self

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.carrier is not None:
            loop = self._loop
            if loop is None or not loop.is_closed():
                exchange.abort()
            _warn(
                f"Unclosed response {self.method} {self.url} [{self.status}]: its connection had to be closed; use "
                f"`async with` on the request, read the body to its end, or call release(); made at {self._made_at}",
                ResourceWarning,
                source=self,
            )

    def __repr__(self) -> str:
        reason = (self.reason or "").encode("ascii", "backslashreplace").decode("ascii")
        return f"<{type(self).__name__}({self.url}) [{self.status} {reason}]>\n{self.headers}\n"

    # The request and the connection.

    @property
    def history(self) -> "tuple[ClientResponse, ...]":
        """The redirects that led here, first one first."""
        return self._history

    @property
    def exchange(self) -> Exchange | None:
        """What carries the response; None in one that was made by hand."""
        return self._exchange

    @property
    def connection(self) -> Connection | None:
        """The connection, while the response is still arriving."""
        exchange = self._exchange
        if exchange is None:
            return None
        if exchange.carrier is None and (self.status != 101 or self._released):
            return None  # but one that has left HTTP is its user's until the response is closed
        return Connection(exchange, self._loop or asyncio.get_running_loop())

    @property
    def closed(self) -> bool:
        """True when the connection is not held any more."""
        return self._released or self._exchange is None or self._exchange.carrier is None

    def close(self) -> None:
        """Give up the response: its connection is closed unless the body had come whole."""
        self.release()

    def release(self) -> "Released":
        """Let go of the connection; it is closed if the body has not come whole. May be awaited."""
        if not self._released:
            self._released = True
            exchange = self._exchange
            if exchange is not None and exchange.carrier is not None:
                exchange.abort()
            content = self.content if self._body is None else None
            if content is not None and not content.at_eof() and content.exception() is None:
                content.set_exception(ClientConnectionError(_RELEASED))
        return RELEASED

    @property
    def upload_complete(self) -> "asyncio.Future[None]":
        """Done when nothing more of the request's body will be sent; fails with UploadAbortedError if it was cut."""
        return upload_complete(self.request)

    @property
    def output_size(self) -> int:
        """Bytes of the request that were handed to the transport so far, its head included."""
        return 0 if self.request is None else output_size(self.request)

    async def wait_for_close(self) -> None:
        """Wait until the request's body was sent, then release."""
        exchange = self._exchange
        if exchange is not None and exchange.upload is not None:
            await asyncio.wait([exchange.upload])
        self.release()

    async def __aenter__(self) -> "ClientResponse":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.release()
        await self.wait_for_close()

    # The body.

    @property
    def content(self) -> StreamReader:
        """The body as a stream."""
        content = self._content
        if content is None and self._exchange is not None:
            content = self._content = self._exchange.open_stream()
        return content  # type: ignore[return-value]  # None only in responses made by hand

    @content.setter
    def content(self, content: StreamReader) -> None:
        self._content = content

    async def read(self) -> bytes:
        """Return the whole body.

        Raises ClientPayloadError when it was cut short or damaged, ClientConnectionError after `release`.
        """
        body = self._body
        if body is None:
            exchange = self._exchange
            if exchange is not None and exchange.whole is not None and self._content is None and not self._released:
                body = self._body = exchange.whole
                self.is_read = True
            else:
                body = self._body = await self._read_stream()
            if self.traces is not None:
                for trace in self.traces:
                    await trace.send_response_chunk_received(self.method, self.url, body)
        return body

    async def _read_stream(self) -> bytes:
        if self.status == 101:  # what follows is of another protocol (RFC 9110 §7.8)
            return b""
        try:
            body = await self.content.read()
            self.is_read = True
        except BaseException:
            self.close()
            raise
        return body

    def get_encoding(self) -> str:
        """Return the charset to decode the body with: the server's, else what the session's resolver says."""
        kind, parameters = media_type(self.headers.get(hdrs.CONTENT_TYPE))
        charset = parameters.get("charset")
        known = None if charset is None else _known_charset(charset)
        if known is not None:
            return known
        if kind == "application/json" or kind.endswith("+json"):
            return "utf-8"  # RFC 8259 §8.1
        if self._body is None:
            raise RuntimeError("Cannot compute fallback encoding of a not yet read body; await read() first")
        if self._session is None:
            return "utf-8"
        encoding: str = self._session.resolve_charset(self, self._body)
        return encoding

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Return the body as text. Raises UnicodeDecodeError where `errors` says so."""
        body = await self.read()
        return body.decode(encoding or self.get_encoding(), errors)

    # Any: what JSON holds is not known
    async def json(
        self,
        *,
        encoding: str | None = None,
        loads: Callable[[str], Any] = json.loads,
        content_type: str | None = "application/json",
    ) -> Any:
        """Return the body as JSON, None when it is empty.

        content_type: the media type that the response must have; None for any. `application/json` also takes
        types that end in `+json` (RFC 6839). Raises ContentTypeError when it differs.
        """
        body = await self.read()
        if content_type is not None:
            self._check_json_type(content_type)
        stripped = body.strip()
        if not stripped:
            return None
        return loads(stripped.decode(encoding or self.get_encoding()))

    def _check_json_type(self, wanted: str) -> None:
        kind = self.content_type
        wanted = wanted.lower()
        if wanted == kind or (wanted == "application/json" and kind.endswith("+json")):
            return
        seen = self.headers.get(hdrs.CONTENT_TYPE, "")
        if wanted not in seen.lower():
            raise ContentTypeError(
                self.request_info,
                self.history,
                status=self.status,
                message=f"Attempt to decode JSON with unexpected mimetype: {seen}",
                headers=self.headers,
            )

    def raise_for_status(self) -> None:
        """Raise ClientResponseError when the status is 400 or above; the connection is released first."""
        if not self.ok:
            reason = self.reason or ""
            self.release()
            raise ClientResponseError(
                self.request_info, self.history, status=self.status, message=reason, headers=self.headers
            )


START: Final = ClientResponse.start  # as it is here; test doubles replace it in the class


class Released:
    """What `release` returns: awaiting it does nothing. Old programs await it, new ones need not."""

    __slots__ = ()

    def __await__(self) -> Any:
        return iter(())


RELEASED: Final = Released()


def _known_charset(charset: str) -> str | None:
    """Return Python's name for `charset`, None when it has none."""
    try:
        "".encode(received_charset(charset))  # refuses codecs that are not for text
        return codecs.lookup(charset).name
    except (LookupError, ValueError):
        return None
