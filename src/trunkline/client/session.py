"""`ClientSession`: one set of defaults, one cookie jar and one connector for many requests.

`_request` is the only way to send: the verbs, test doubles and libraries all go through it. A request that adds nothing
to the defaults takes a short way to `attempt`: its target and its fields were rendered before. The others are built by
`request_factory`; redirects, middlewares and tracers are `send`'s part.
"""

import asyncio
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, ClassVar

from multidict import CIMultiDict
from yarl import URL

from trunkline.abc import AbstractCookieJar, LooseCookies
from trunkline.client.attempt import attempt
from trunkline.client.auth import BasicAuth
from trunkline.client.cookiejar import CookieJar
from trunkline.client.defaults import DefaultFields
from trunkline.client.redirects import STATUSES
from trunkline.client.request import SEND, ClientRequest
from trunkline.client.request_factory import RequestFactory, check_options
from trunkline.client.response import START, ClientResponse
from trunkline.client.send import Chain, Sender, check_status, tracked
from trunkline.client.session_arguments import (
    check_credentials,
    checked_base_url,
    checked_connector,
    frozen,
    merged_timeout,
)
from trunkline.client.session_verbs import SessionVerbs
from trunkline.client.settings import RaiseForStatus, Settings, connect_limits, exchange_rules
from trunkline.client.timeouts import ClientTimeout
from trunkline.client.upload import close_body
from trunkline.ground.caller import caller
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import LooseHeaders, StrOrURL
from trunkline.pool.connector import BaseConnector, own_connect
from trunkline.transport.deadline import deadlines_of
from trunkline.wire.version import HttpVersion, HttpVersion11


class ClientSession(SessionVerbs):
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
    trust_env: use the proxies of the environment, and .netrc. proxy, proxy_auth: for requests that name none.
    middlewares: called for each request, the first one outermost. trace_configs: TraceConfigs, told of what happens.
    ssl_shutdown_timeout, loop: accepted.
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
        proxy: StrOrURL | None = None,
        proxy_auth: BasicAuth | None = None,
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
        trace_configs: Sequence[Any] | None = None,  # Any: TraceConfigs, whose module few import
        read_bufsize: int = 2**18,
        max_line_size: int = 8190,
        max_field_size: int = 8190,
        max_headers: int = 128,
        fallback_charset_resolver: Callable[[ClientResponse, bytes], str] = lambda response, body: "utf-8",
        middlewares: Sequence[Any] = (),
        ssl_shutdown_timeout: float | Sentinel | None = sentinel,
    ) -> None:
        """Raises RuntimeError when no loop is running, ValueError or TypeError for what cannot be served."""
        self._base_url = checked_base_url(base_url)
        self._connector = self._given_connector = connector = checked_connector(connector, loop)
        self._loop = connector.loop
        self._connector_owner = connector_owner
        self._timeout = merged_timeout(timeout, read_timeout, conn_timeout)
        self._raise_for_status = raise_for_status
        self._auto_decompress = auto_decompress
        self._trust_env = trust_env
        self._version = version
        self._ws_response_class = ws_response_class
        check_credentials(auth, proxy_auth)
        self._trace_configs = frozen(trace_configs)
        self._middlewares = middlewares
        has_own_class = response_class.starts_itself or request_class.sends_itself
        self._is_watched = bool(middlewares) or has_own_class or own_connect(connector) is not None
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
            response_class=response_class,
            version=version,
            json_serialize=json_serialize,
            json_serialize_bytes=json_serialize_bytes,
            proxy=proxy,
            proxy_auth=proxy_auth,
            trust_env=trust_env,
            schemes=connector.allowed_protocol_schema_set,
        )
        rules = exchange_rules(self._timeout, read_bufsize, auto_decompress, max_line_size, max_field_size, max_headers)
        self._settings = Settings(rules, connect_limits(self._timeout), self._timeout.total or 0, raise_for_status)
        self._deadlines = deadlines_of(self._loop)
        self._sender = Sender(
            self, self._loop, self._deadlines, self._factory, self._cookie_jar, response_class, requote_redirect_url
        )
        self._made_at = caller()
        self._closed = False

    def __init_subclass__(cls, **arguments: Any) -> None:  # Any: of other bases
        super().__init_subclass__(**arguments)
        warnings.warn(
            f"Inheritance class {cls.__name__} from ClientSession is discouraged", DeprecationWarning, stacklevel=2
        )

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

    # Requests.

    async def _request(self, method: str, str_or_url: StrOrURL, **options: Any) -> ClientResponse:
        connector = self._connector
        if self._closed or connector is None:
            with tracked(options):
                raise RuntimeError("Session is closed; make requests before close(), or make a new session")
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(self._wrong_loop())
        settings = self._settings
        is_watched: object = self._is_watched or self._trace_configs
        if (  # test doubles, and agents that trace, put theirs there at any time
            connector is not self._given_connector
            or "connect" in connector.__dict__
            or ClientResponse.start is not START
            or ClientRequest.send is not SEND
        ):
            is_watched = True
        request = None
        if len(options) == 1 and options.get("allow_redirects") is True:
            if not is_watched:
                request = self._factory.build_plain(method, str_or_url)
        else:
            check_options(options)
            settings = settings.overridden(options)
            is_watched = is_watched or options.get("middlewares") or options.get("upload_tracker") is not None
        if is_watched:
            with tracked(options):
                return await self._send_watched(connector, method, str_or_url, options, settings)
        if request is None:
            request = self._factory.build(method.upper(), str_or_url, options)
        try:
            exchange = await attempt(connector.pool, self._deadlines, request, settings, settings.total_s)
            response = self._sender.respond(exchange, request, ())
            if response.status in STATUSES and settings.allow_redirects:
                ends_at = None if exchange.deadline is None else exchange.deadline.expires_at
                headers = self._factory.merged(options.get("headers"))
                chain = Chain(connector.pool, settings, options, headers, ends_at)
                request, response = await self._sender.follow(chain, request, response)
            if request.body:
                await close_body(response.exchange, request)
        except BaseException:
            await request.close()
            raise
        if settings.raise_for_status:
            await check_status(response, settings.raise_for_status)
        return response

    async def _send_watched(
        self, connector: BaseConnector, method: str, str_or_url: StrOrURL, options: dict[str, Any], settings: Settings
    ) -> ClientResponse:
        """Send a request of which middlewares, tracers or classes of the user's want to know."""
        url = self._factory.checked_url(str_or_url, options)
        middlewares = options.get("middlewares")
        if middlewares is None:
            middlewares = self._middlewares
        traces = None
        if self._trace_configs:
            from trunkline.client.tracing import start_traces  # few need it

            traces = start_traces(self, self._trace_configs, options.get("trace_request_ctx"))
        headers = self._factory.merged(options.get("headers"))
        chain = Chain(connector.pool, settings, options, headers, None, middlewares, traces)
        chain.connect = own_connect(connector)
        return await self._sender.send_watched(chain, method, url)

    def _prepare_headers(self, headers: LooseHeaders | None) -> "CIMultiDict[str]":
        return self._factory.merged(headers)

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
            self._connector = self._given_connector = None
            if connector is not None:
                await connector.close()

    def detach(self) -> None:
        """Let go of the connector without closing it; the session is closed then."""
        self._connector = self._given_connector = None
        self._closed = True
