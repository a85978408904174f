"""`ClientSession`: one set of defaults, one cookie jar and one connector for many requests.

`_request` is the only way to send: the verbs, test doubles and libraries all go through it. A request that adds nothing
to the defaults takes a short way to `attempt`: its target and its fields were rendered before. The others are built by
`request_factory`, and redirects go around again.
"""

import asyncio
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, ClassVar

from yarl import URL

from trunkline.abc import AbstractCookieJar, LooseCookies
from trunkline.client.attempt import attempt
from trunkline.client.auth import BasicAuth
from trunkline.client.context import RequestContext
from trunkline.client.cookiejar import CookieJar
from trunkline.client.defaults import DefaultFields
from trunkline.client.errors import ClientError
from trunkline.client.redirects import STATUSES, drain, next_hop
from trunkline.client.request import ClientRequest
from trunkline.client.request_factory import RequestFactory, check_options
from trunkline.client.response import ClientResponse
from trunkline.client.session_arguments import checked_base_url, merged_timeout, refuse_what_is_not_here
from trunkline.client.session_view import SessionView
from trunkline.client.settings import RaiseForStatus, Settings, connect_limits, exchange_rules
from trunkline.client.timeouts import ClientTimeout
from trunkline.client.upload import close_body
from trunkline.conn.exchange import Exchange
from trunkline.ground.caller import caller
from trunkline.ground.logs import client_logger
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import LooseHeaders, StrOrURL
from trunkline.pool.connector import BaseConnector, TCPConnector
from trunkline.pool.pool import Pool
from trunkline.transport.deadline import deadlines_of
from trunkline.wire.version import HttpVersion, HttpVersion11


class ClientSession(SessionView):
    """Sends requests over shared connections. Make one, inside a coroutine, and use it for the program's life.

    base_url: absolute, with a path that ends in "/"; relative URLs are joined to it (RFC 3986).
    connector: by default a TCPConnector of its own. connector_owner: close it with the session.
    cookies, headers, auth: sent with every request; credentials not to other origins.
    skip_auto_headers: names of fields that are not to be added by us. version: HTTP/1.1 or 1.0.
    json_serialize returns text; json_serialize_bytes, if given, is used instead.
    timeout: a ClientTimeout. raise_for_status: True, or a coroutine function that checks a response.
    read_bufsize: bytes of a body that wait for their reader before the connection pauses at twice as many.
    max_line_size, max_field_size: bytes; max_headers: fields of a response's head.
    fallback_charset_resolver: names the charset of a body (response, bytes) that does not say.
    trust_env, ssl_shutdown_timeout, loop: accepted. trace_configs, middlewares, proxy: not supported yet.
    """

    ATTRS: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        base_url: StrOrURL | None = None,
        *,
        connector: BaseConnector | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        cookies: LooseCookies | None = None,
        headers: LooseHeaders | None = None,
        proxy: None = None,
        proxy_auth: None = None,
        skip_auto_headers: Iterable[str] | None = None,
        auth: BasicAuth | None = None,
        json_serialize: Callable[[Any], str] = json.dumps,
        json_serialize_bytes: Callable[[Any], bytes] | None = None,
        request_class: type[ClientRequest] = ClientRequest,
        response_class: type[ClientResponse] = ClientResponse,
        ws_response_class: type[Any] | None = None,  # Any: WebSockets come with their own layer
        version: HttpVersion = HttpVersion11,
        cookie_jar: AbstractCookieJar | None = None,
        connector_owner: bool = True,
        raise_for_status: RaiseForStatus = False,
        read_timeout: float | Sentinel | None = sentinel,
        conn_timeout: float | None = None,
        timeout: ClientTimeout | Sentinel | None = sentinel,
        auto_decompress: bool = True,
        trust_env: bool = False,
        requote_redirect_url: bool = True,
        trace_configs: Sequence[Any] | None = None,
        read_bufsize: int = 2**18,
        max_line_size: int = 8190,
        max_field_size: int = 8190,
        max_headers: int = 128,
        fallback_charset_resolver: Callable[[ClientResponse, bytes], str] = lambda response, body: "utf-8",
        middlewares: Sequence[Any] = (),
        ssl_shutdown_timeout: float | Sentinel | None = sentinel,
    ) -> None:
        """Raises RuntimeError when no loop is running, ValueError or TypeError for what cannot be served."""
        refuse_what_is_not_here(
            proxy=proxy, proxy_auth=proxy_auth, trace_configs=trace_configs, middlewares=middlewares
        )
        self._base_url = checked_base_url(base_url)
        if connector is None:
            connector = TCPConnector(loop=loop)
        self._loop = connector.loop
        if loop is not None and loop is not self._loop:
            raise RuntimeError("Session and connector have to use same event loop")
        self._connector: BaseConnector | None = connector
        self._connector_owner = connector_owner
        self._timeout = merged_timeout(timeout, read_timeout, conn_timeout)
        self._raise_for_status = raise_for_status
        self._auto_decompress = auto_decompress
        self._trust_env = trust_env
        self._requote_redirect_url = requote_redirect_url
        self._version = version
        self._response_class = response_class
        self._resolve_charset = fallback_charset_resolver
        self._cookie_jar = CookieJar() if cookie_jar is None else cookie_jar
        if cookies:
            self._cookie_jar.update_cookies(cookies)
        self._fields = DefaultFields(headers, skip_auto_headers, auth, closes=connector.force_close)
        self._factory = RequestFactory(
            self,
            base_url=self._base_url,
            fields=self._fields,
            jar=self._cookie_jar,
            request_class=request_class,
            version=version,
            json_serialize=json_serialize,
            json_serialize_bytes=json_serialize_bytes,
        )
        self._settings = Settings(
            exchange_rules(self._timeout, read_bufsize, auto_decompress, max_line_size, max_field_size, max_headers),
            connect_limits(self._timeout),
            self._timeout.total or 0,
            raise_for_status,
        )
        self._deadlines = deadlines_of(self._loop)
        self._made_at = caller()
        self._closed = False

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not self._closed:
            _warn(
                f"Unclosed client session {self!r}, made at {self._made_at}; use `async with`, or await its close()",
                ResourceWarning,
                source=self,
            )

    def __enter__(self) -> None:
        raise TypeError("Use async with instead: closing a session takes time")

    def __exit__(self, *exc_info: object) -> None:
        """Never called; without it, `with` would not get as far as the advice of `__enter__`."""

    async def __aenter__(self) -> "ClientSession":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        await self.close()

    # Requests. Any: the options are checked by name, and each by its own part.

    def request(self, method: str, url: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request `url`; await the result, or enter it with `async with`.

        params: added to the query. data, json: the body, one of them. headers, cookies, auth: for this request.
        allow_redirects, max_redirects; compress, chunked, expect100: how the body is sent; timeout: ClientTimeout,
        seconds in all, or None for no limit; ssl, server_hostname: TLS. The rest overrides the session's own.
        """
        return RequestContext(self._request(method, url, **kwargs))

    def get(self, url: StrOrURL, *, allow_redirects: bool = True, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with GET; see `request`."""
        return RequestContext(self._request("GET", url, allow_redirects=allow_redirects, **kwargs))

    def options(self, url: StrOrURL, *, allow_redirects: bool = True, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with OPTIONS; see `request`."""
        return RequestContext(self._request("OPTIONS", url, allow_redirects=allow_redirects, **kwargs))

    def head(self, url: StrOrURL, *, allow_redirects: bool = False, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with HEAD; see `request`."""
        return RequestContext(self._request("HEAD", url, allow_redirects=allow_redirects, **kwargs))

    def post(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with POST; see `request`."""
        return RequestContext(self._request("POST", url, data=data, **kwargs))

    def put(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with PUT; see `request`."""
        return RequestContext(self._request("PUT", url, data=data, **kwargs))

    def patch(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with PATCH; see `request`."""
        return RequestContext(self._request("PATCH", url, data=data, **kwargs))

    def delete(self, url: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with DELETE; see `request`."""
        return RequestContext(self._request("DELETE", url, **kwargs))

    async def _request(self, method: str, str_or_url: StrOrURL, **options: Any) -> ClientResponse:
        connector = self._connector
        if self._closed or connector is None:
            raise RuntimeError("Session is closed; make requests before close(), or make a new session")
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(self._wrong_loop())
        settings = self._settings
        request = None
        if len(options) == 1 and options.get("allow_redirects") is True:
            request = self._factory.build_plain(method, str_or_url)
        else:
            check_options(options)
            settings = settings.overridden(options)
        if request is None:
            request = self._factory.build(method.upper(), str_or_url, options)
        try:
            exchange = await attempt(connector.pool, self._deadlines, request, settings, settings.total_s)
            response = self._respond(exchange, request, ())
            if response.status in STATUSES and settings.allow_redirects:
                pool = connector.pool  # the session may be closed on the way
                exchange, request, response = await self._follow(pool, exchange, request, response, settings, options)
            if request.body:
                await close_body(exchange, request)
        except BaseException:
            await request.close()
            raise
        if settings.raise_for_status:
            await _check_status(response, settings.raise_for_status)
        return response

    async def _follow(
        self,
        pool: Pool,
        exchange: Exchange,
        request: ClientRequest,
        response: ClientResponse,
        settings: Settings,
        options: dict[str, Any],
    ) -> tuple[Exchange, ClientRequest, ClientResponse]:
        """Go where the redirect `response` leads, as long as there are redirects."""
        keeps_credentials = True
        while response.status in STATUSES:
            try:
                redirect = next_hop(
                    request,
                    response,
                    max_redirects=settings.max_redirects,
                    requote=self._requote_redirect_url,
                    keeps_credentials=keeps_credentials,
                )
            except ClientError:
                await drain(exchange, response)
                raise
            if redirect is None:
                break
            await drain(exchange, response)
            if not redirect.keeps_body:
                await request.close()
            keeps_credentials = redirect.keeps_credentials
            history = (*response.history, response)
            request, options = self._factory.build_hop(redirect, request, options)
            client_logger.debug("redirect %d to %s %s", response.status, redirect.method, redirect.url)
            left_s = 0.0
            if exchange.deadline is not None:  # it is for the chain as a whole
                left_s = max(exchange.deadline.expires_at - self._loop.time(), 0.001)
            exchange = await attempt(pool, self._deadlines, request, settings, left_s)
            response = self._respond(exchange, request, history)
        return exchange, request, response

    def _respond(
        self, exchange: Exchange, request: ClientRequest, history: tuple[ClientResponse, ...]
    ) -> ClientResponse:
        """Make the response of an exchange whose head has come, and keep its cookies."""
        try:
            response = self._response_class(request.method, request.prepared.real_url, loop=self._loop, session=self)
            response.begin(exchange, request, history)
            head = exchange.head
            if head is not None and head.has_set_cookie:
                fields = [value for name, value in head.fields if name.lower() == "set-cookie"]
                self._cookie_jar.update_cookies_from_headers(fields, request.url)
        except BaseException:  # of a response class or a cookie jar that is the user's
            exchange.abort()
            raise
        return response

    def _build_url(self, str_or_url: StrOrURL) -> URL:
        return self._factory.url(str_or_url)

    def resolve_charset(self, response: ClientResponse, body: bytes) -> str:
        """Name the charset of a body that does not say, by `fallback_charset_resolver`."""
        return self._resolve_charset(response, body)

    def _wrong_loop(self) -> str:
        return (
            f"this session belongs to the event loop {self._loop!r}, but the request runs on "
            f"{asyncio.get_running_loop()!r}; a session serves one loop (and thread): make one for each, "
            "inside asyncio.run()"
        )

    # The end.

    async def close(self) -> None:
        """Close the session, and its connector if it owns it; sockets are gone when it returns. Idempotent."""
        if not self._closed:
            connector = self._connector if self._connector_owner else None
            if connector is not None:
                connector.check_loop()
            self._closed = True
            self._connector = None
            if connector is not None:
                await connector.close()

    def detach(self) -> None:
        """Let go of the connector without closing it; the session is closed then."""
        self._connector = None
        self._closed = True


async def _check_status(response: ClientResponse, check: RaiseForStatus) -> None:
    if not callable(check):
        response.raise_for_status()
        return
    try:
        await check(response)
    except BaseException:
        response.close()
        raise
