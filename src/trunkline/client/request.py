"""`ClientRequest`: everything about one request before it is sent.

Two ways lead here. `plain` is for requests that add nothing to the session's default fields: it shares their
rendered block and decides nothing. The constructor is for all others: each `update_…` step (`request_steps`) settles
one part, and `seal` renders the result. Sending is `attempt`'s part, unless a subclass has a `send` of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http.cookies import Morsel
from typing import Any, Final

from multidict import CIMultiDict, CIMultiDictProxy, istr
from yarl import URL

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.body.payload import Payload
from trunkline.client.auth import BasicAuth, split_credentials
from trunkline.client.failures import as_public
from trunkline.client.request_body import check_framing, small_bytes
from trunkline.client.request_info import RequestInfo
from trunkline.client.request_steps import RequestSteps
from trunkline.client.response import ClientResponse
from trunkline.client.target import Prepared, prepare
from trunkline.client.upload import begin
from trunkline.conn.body_writer import BodyWriter
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.ground.types import LooseHeaders, Query, StrOrURL
from trunkline.pool.connection import Connection
from trunkline.wire.h1.render import check_method
from trunkline.wire.message import FieldBlock, Target
from trunkline.wire.version import HttpVersion, HttpVersion10, UsualVersion

IDEMPOTENT_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})  # RFC 9110 §9.2.2


class ClientRequest(RequestSteps):
    """One request. Its `headers` may be changed until it is sent.

    chunked, compress: how the body is sent; None is decided by the body. session: the session that makes the request,
    or None. timer: accepted. The other arguments are those of `ClientSession.request`.
    """

    sends_itself: bool = False  # a subclass overrides `send`
    is_watched: bool = False  # by middlewares, tracers or an upload tracker
    was_sent: bool = False
    connect: "Callable[..., Awaitable[Connection]] | None" = None  # the connector's, when it has one of its own
    traces: Any = None  # the tracers that are told of the request; Any: their module is imported by those who use it
    recording: Any = None  # takes the stamps of its timeline; Any: as above
    method: str
    response: Any = None  # the response, once it has come; Any: response classes are the user's
    response_class: type[Any] = ClientResponse
    _loop: asyncio.AbstractEventLoop | None = None
    upload: "asyncio.Task[None] | None" = None  # writes the body, when that is apart from the head
    body_writer: BodyWriter | None = None  # of the upload
    upload_tracker: Any = None  # Any: an UploadTracker, whose module is imported by those who use it

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        params: Query = None,
        headers: LooseHeaders | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        data: Any = None,  # Any: whatever the payload registry knows
        cookies: "Iterable[Morsel[str]] | None" = None,
        auth: BasicAuth | None = None,
        version: HttpVersion = UsualVersion,
        compress: str | bool | None = None,
        chunked: bool | None = None,
        expect100: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        response_class: type[Any] | None = None,  # Any: response classes are the user's
        proxy: StrOrURL | None = None,
        proxy_auth: BasicAuth | None = None,
        timer: object = None,
        session: Any = None,
        ssl: Any = True,  # Any: compared by the connection key, read by the connector
        proxy_headers: LooseHeaders | None = None,
        traces: Sequence[Any] | None = None,  # Any: see the attribute
        trust_env: bool = False,
        server_hostname: str | None = None,
        prepared: Prepared | None = None,
    ) -> None:
        """Raises ValueError or TypeError for arguments that cannot be sent; prepared: what `url` was prepared to."""
        method = method.upper()
        check_method(method)
        of_url = None
        if prepared is None:
            url, of_url = split_credentials(url.extend_query(params) if params else url)
            prepared = prepare(url).with_tls(ssl, server_hostname)
        super().__init__(method, prepared.target, ())
        self.prepared = prepared
        self.auth = of_url
        self.session = session
        self._loop = loop
        if traces:
            self.traces = traces
        if response_class is not None:
            self.response_class = response_class
        self.chunked = chunked
        self.compress = "deflate" if compress is True else compress or None
        self.update_version(version)
        self.update_headers(headers)
        self.update_auto_headers(skip_auto_headers)
        self.update_cookies(cookies)
        self.update_content_encoding(data)
        self.update_auth(auth, trust_env)
        if proxy is not None or proxy_auth is not None:
            self.update_proxy(proxy, proxy_auth, proxy_headers)
        self.update_body_from_data(data)
        self.update_expect_continue(expect100)

    def __init_subclass__(cls, **arguments: Any) -> None:  # Any: of other bases
        super().__init_subclass__(**arguments)
        cls.sends_itself = cls.send is not ClientRequest.send

    @classmethod
    def plain(cls, method: str, prepared: Prepared, blocks: Sequence[FieldBlock], session: Any) -> "ClientRequest":
        """Make a request without a body whose fields are all in `blocks`."""
        request = cls.__new__(cls)
        request.method = method
        request.target = prepared.target
        request.blocks = blocks
        request.prepared = prepared
        request.session = session
        return request

    def attach(self, payload: Payload) -> bool:
        """Give a plain request a small body that needs no choices; False when it is not one."""
        data = small_bytes(payload)
        if data is None:
            return False
        self.body = payload
        self.small_body = data
        self.upload_length = len(data)
        fields = ((hdrs.CONTENT_LENGTH, str(len(data))), (hdrs.CONTENT_TYPE, payload.content_type))
        self.blocks = (*self.blocks, FieldBlock(fields))
        return True

    # What users read.

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the request is sent on."""
        return self._loop or asyncio.get_running_loop()

    @property
    def url(self) -> URL:
        """The URL without its fragment. Set to another one, the request goes there, with its Host."""
        return self.prepared.url

    @url.setter
    def url(self, url: URL) -> None:
        self.update_host(url)
        self.settle_proxy()

    @property
    def original_url(self) -> URL:
        """The URL as it was given."""
        return self.prepared.real_url

    @property
    def host(self) -> str:
        """The host of the URL."""
        return self.prepared.key.host

    @property
    def port(self) -> int | None:
        """The port of the URL, by default its scheme's."""
        return self.prepared.key.port

    @property
    def ssl(self) -> Any:
        """The TLS setting."""
        return self.prepared.key.ssl

    @ssl.setter
    def ssl(self, setting: Any) -> None:
        self.prepared = self.prepared.with_tls(setting, self.server_hostname)

    _ssl = ssl  # the name that libraries set it by

    @property
    def server_hostname(self) -> str | None:
        """The name that certificates are checked against, when it is not the host."""
        return self.prepared.key.server_hostname

    @server_hostname.setter
    def server_hostname(self, name: str | None) -> None:
        self.prepared = self.prepared.with_tls(self.ssl, name)

    @property
    def connection_key(self) -> ConnectionKey:
        """Which connections may carry the request."""
        return self.prepared.key

    def is_ssl(self) -> bool:
        """True for https."""
        return self.prepared.key.is_ssl

    @property
    def request_info(self) -> RequestInfo:
        """What errors and responses tell of the request."""
        return RequestInfo(self.url, self.method, CIMultiDictProxy(self.headers), self.original_url)

    @property
    def can_repeat(self) -> bool:
        """True when sending it twice has the effect of sending it once, and its body can be sent again."""
        return self.method in IDEMPOTENT_METHODS and self.can_replay

    @property
    def can_replay(self) -> bool:
        """True when its body can be sent again."""
        return not isinstance(self.body, Payload) or self.body.can_replay

    # Sending.

    def seal(self) -> None:
        """Render the fields as they are now. Raises ValueError when one cannot be sent, or does not fit the body."""
        self.settle_proxy()
        headers = self._headers
        if headers is None:
            return
        if self.is_http1 or hdrs.UPGRADE in headers:
            self.settle_version(headers.get(hdrs.UPGRADE, ""))
        check_method(self.method)
        check_framing(headers, self.upload_length, chunked=bool(self.chunked and self.body))
        pairs = [(name, value) for name, value in headers.items() if name not in hdrs.HOST_ALL]
        authority = headers.get(hdrs.HOST)
        if authority is not None and authority != self.target.authority:
            self.target = Target(self.target.scheme, authority, self.target.path, self.target.origin)
        connection = headers.get(hdrs.CONNECTION)
        if connection is not None:
            self.is_last = "close" in connection.lower()
        elif self.version == HttpVersion10:
            pairs.append((hdrs.CONNECTION, "keep-alive"))
        self.blocks = (FieldBlock(pairs),)

    def new_exchange(self, rules: ExchangeRules) -> Exchange:
        """Return what one try fills; its errors are the public ones."""
        return Exchange(self, rules, as_public)

    async def send(self, conn: Connection) -> Any:
        """Send the request on `conn`; return its response, whose `start` waits for the head.

        A subclass may do something before or after. Any: response classes are the user's.
        """
        exchange = conn.exchange
        self.seal()
        conn.prepare()
        begin(conn.use(), exchange, self)
        response = self.response_class(
            self.method, self.original_url, request_info=self.request_info, loop=self.loop, session=self.session
        )
        self.response = response
        return response

    async def write_bytes(self, writer: AbstractStreamWriter, conn: Any, content_length: int | None = None) -> None:
        """Write the body, or the first `content_length` bytes of it, to `writer`. A subclass may write another one.

        conn: has `transport`. Any: a subclass may expect more of it.
        """
        if isinstance(self.body, Payload) and content_length is None:
            await self.body.write(writer)
        elif isinstance(self.body, Payload):
            await self.body.write_with_length(writer, content_length)
        await writer.write_eof()

    def terminate(self) -> None:
        """Stop sending the body; the connection is closed then."""
        if self.upload is not None:
            self.upload.cancel()

    async def close(self) -> None:
        """Release what the body holds."""
        if isinstance(self.body, Payload):
            await self.body.close()


SEND: Final = ClientRequest.send  # as it is here; agents that trace replace it in the class


def merge_headers(defaults: "CIMultiDict[str]", headers: LooseHeaders | None) -> "CIMultiDict[str]":
    """Return the session's fields with a request's own: a name given by the request replaces the session's."""
    result = CIMultiDict(defaults)
    if not headers:
        return result
    given = headers if isinstance(headers, (CIMultiDict, CIMultiDictProxy)) else CIMultiDict(headers)
    for name in set(given):
        result.popall(istr(name), None)
    result.extend(given)
    return result
