"""`ClientSession`: one set of defaults, one cookie jar and one connector for many requests.

`_request` is the only way to send: the verbs, test doubles and libraries all go through it. A request that adds nothing
to the defaults takes a short way to `attempt`: its target and its fields were rendered before. The others are built by
`request_factory`; redirects, middlewares and tracers are `send`'s part.
"""

import asyncio
import json
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import current_thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from trunkline.abc import AbstractCookieJar, LooseCookies
from trunkline.client.attempt import attempt
from trunkline.client.auth import BasicAuth
from trunkline.client.defaults import DefaultFields
from trunkline.client.errors import ClientConnectionError
from trunkline.client.redirects import STATUSES
from trunkline.client.request import SEND, ClientRequest
from trunkline.client.request_factory import RequestFactory, check_options
from trunkline.client.response import START, ClientResponse
from trunkline.client.send import CURRENT, Chain, Sender, check_status, tracked
from trunkline.client.session_arguments import (
    check_credentials,
    checked_base_url,
    checked_connector,
    filled_jar,
    frozen,
    merged_timeout,
)
from trunkline.client.session_verbs import SessionVerbs
from trunkline.client.session_view import SessionView
from trunkline.client.settings import RaiseForStatus, Settings, exchange_rules, session_limits
from trunkline.client.timeouts import ClientTimeout
from trunkline.client.upload import close_body
from trunkline.ground.caller import caller, is_repeated
from trunkline.ground.forks import watch
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import LooseHeaders, StrOrURL
from trunkline.pool.connector import BaseConnector, own_connect
from trunkline.transport.deadline import deadlines_of
from trunkline.wire.version import HttpVersion, UsualVersion

if TYPE_CHECKING:
    from trunkline.client.drain import Straggler
    from trunkline.client.prioritized import PrioritizedSession


class ClientSession(SessionVerbs, SessionView):
    """Sends requests over shared connections. Make one, inside a coroutine, and use it for the program's life.

    base_url: absolute, with a path that ends in "/"; relative URLs are joined to it (RFC 3986).
    connector: by default a TCPConnector of its own. connector_owner: close it with the session.
    cookies, headers, auth: sent with every request; credentials not to other origins.
    skip_auto_headers: names of fields that are not to be added by us. version: given, no other one is spoken.
    json_serialize returns text; json_serialize_bytes, if given, is used instead.
    timeout: a ClientTimeout. raise_for_status: True, or a coroutine function that checks a response.
    read_bufsize: bytes of a body that wait for their reader before the connection pauses at twice as many.
    max_line_size, max_field_size: bytes; max_headers: fields of a response's head.
    fallback_charset_resolver: names the charset of a body (response, bytes) that does not say.
    trust_env: use the proxies of the environment, and .netrc. proxy, proxy_auth: for requests that name none.
    middlewares: called for each request, the first one outermost. trace_configs: TraceConfigs, told of what happens.
    ssl_shutdown_timeout, loop: accepted.

    Beyond aiohttp: retry: send a request once more that a stale connection has lost, where that is safe. timeline: give
    each response its `timeline`. priority: of its requests in the connector's queue, higher is served earlier.
    queue_limit, queue_timeout: as in BaseConnector, for this session; None for the connector's.
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
        version: HttpVersion = UsualVersion,
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
        timeline: bool = False,
        retry: bool = True,
        priority: int = 0,
        queue_limit: int | None = None,
        queue_timeout: float | None = None,
    ) -> None:
        """Raises RuntimeError when no loop is running, ValueError or TypeError for what cannot be served."""
        self._base_url = checked_base_url(base_url)
        connector = checked_connector(connector, loop)
        self._attach(connector, connector_owner)
        self._timeout = merged_timeout(timeout, read_timeout, conn_timeout)
        self._ws_response_class = ws_response_class
        check_credentials(auth, proxy_auth)
        self._trace_configs = frozen(trace_configs)
        self._middlewares = middlewares
        self._timeline = timeline
        takes_part = response_class.starts_itself or request_class.sends_itself or own_connect(connector) is not None
        self._is_watched = timeline or takes_part or bool(middlewares)
        self._resolve_charset = fallback_charset_resolver
        self._cookie_jar = filled_jar(cookie_jar, cookies)
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
        limits = session_limits(self._timeout, priority, queue_limit, queue_timeout)
        self._settings = Settings(rules, limits, self._timeout.total or 0, raise_for_status, retry=retry)
        self._deadlines = deadlines_of(self._loop)
        self._sender = Sender(
            self, self._loop, self._deadlines, self._factory, self._cookie_jar, response_class, requote_redirect_url
        )
        self._refuses = self._closed = False
        watch(self)

    def _attach(self, connector: BaseConnector, is_owner: bool) -> None:
        """Note where the session belongs, and who made it."""
        self._connector = self._given_connector = connector
        self._connector_owner = is_owner
        self._loop = connector.loop
        self._chains: set[Chain] = set()  # that are under way; other requests are with the pool or on a connection
        self._made_at = caller(self._loop.get_debug())
        self._thread_name = current_thread().name

    def __init_subclass__(cls, **arguments: Any) -> None:  # Any: of other bases
        super().__init_subclass__(**arguments)
        warnings.warn(
            f"Inheritance class {cls.__name__} from ClientSession is discouraged", DeprecationWarning, stacklevel=2
        )

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not self._closed:
            _warn(
                f"Unclosed client session {self!r}; use `async with`, or await its close(); made at {self._made_at}",
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
        if not self.is_shared:
            await self.close()

    # Requests.

    async def _request(self, method: str, str_or_url: StrOrURL, **options: Any) -> ClientResponse:
        connector = self._connector
        if (self._refuses and not self._admits()) or connector is None or asyncio.get_running_loop() is not self._loop:
            with tracked(options):
                raise self._refusal()
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
                chain = Chain(connector.pool, settings, options, self._factory.merged(options.get("headers")), ends_at)
                with self._listed(chain):
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
        traces = recording = None
        if self._trace_configs or self._timeline:
            from trunkline.client.tracing import start_traces  # few need it

            traces = start_traces(self, self._trace_configs, options.get("trace_request_ctx"))
            keepers = [keeper for keeper in (trace.keeper for trace in traces) if keeper is not None]
            if keepers or self._timeline:
                from trunkline.client.observe.recorder import Recording  # fewer

                recording = Recording(keepers)
        headers = self._factory.merged(options.get("headers"))
        chain = Chain(connector.pool, settings, options, headers, None, middlewares, traces)
        chain.connect = own_connect(connector)
        chain.recording = recording
        with self._listed(chain):
            return await self._sender.send_watched(chain, method, url)

    @contextmanager
    def _listed(self, chain: Chain) -> Iterator[None]:
        """Let `drain` know of a request that is not always with the pool or on a connection."""
        self._chains.add(chain)
        outer = CURRENT.get()
        CURRENT.set(weakref.ref(chain))
        try:
            yield
        finally:
            CURRENT.set(outer)
            self._chains.discard(chain)
            ended, self._end_of_chain = self._end_of_chain, None
            if ended is not None and not ended.done():
                ended.set_result(None)

    def _admits(self) -> bool:
        """Tell whether a request made here and now is part of one that `drain` waits for."""
        current = CURRENT.get()
        return not self._closed and current is not None and current() in self._chains

    def with_priority(self, priority: int) -> "PrioritizedSession":
        """Return a view of this session whose requests have `priority` in the queue: higher is served earlier."""
        from trunkline.client.prioritized import PrioritizedSession  # few need it

        return PrioritizedSession(self, priority)

    def _refusal(self) -> Exception:
        """Tell why a request cannot be sent now."""
        from trunkline.ground.belonging import inherited, wrong_loop  # for the messages

        connector = self._connector
        if self._inherited_from:
            return inherited("this session", self._inherited_from, self._made_at)
        if connector is not None and connector.inherited_from:
            return inherited("the connector of this session", connector.inherited_from, self._made_at)
        if self._closed or connector is None:
            return RuntimeError("Session is closed; make requests before close(), or make a new session")
        if self._refuses:
            return ClientConnectionError(
                "this session is draining: it takes no more requests, and closes when those under way have ended; "
                "make requests before drain(), or use another session"
            )
        advice = "a session serves one loop (and thread): make one for each, inside asyncio.run(), or use the one that "
        advice += "trunkline.shared_session() returns there"
        return wrong_loop("this session", self._loop, self._thread_name, self._made_at, advice)

    # The end.

    async def drain(self, timeout: float | None = None) -> "tuple[Straggler, ...]":
        """Take no more requests, wait until those under way have ended, then close; return those that had not.

        A request has ended when its response has come whole or was released, or its WebSocket is gone. timeout: seconds
        to wait, None for as long as it takes; what is left then is logged, and fails with ClientConnectionError.
        Requests of other sessions that share the connector do not count, and go on. What a middleware or a tracer
        requests of this session is part of the request that it does it for, and is taken. When drain is cancelled while
        it waits, nothing is closed and the session takes requests again.
        """
        connector = self._connector
        if self._closed or connector is None:
            return ()
        if asyncio.get_running_loop() is not self._loop:
            raise self._refusal()
        from trunkline.client.drain import finish_requests  # once, at the end of a service

        self._drains += 1
        self._refuses = True
        try:
            stragglers = await finish_requests(self, connector.pool, self._chains, self._when_ended, timeout)
        except BaseException:
            self._drains -= 1
            self._refuses = self._closed or self._drains > 0
            raise
        self.is_drained = True
        await self.close()
        return stragglers

    def _when_ended(self) -> "asyncio.Future[None]":
        """Return what is done when the next of the chains has its response, or has failed."""
        if self._end_of_chain is None:
            self._end_of_chain = self._loop.create_future()
        return self._end_of_chain

    async def close(self) -> None:
        """Close the session, and its connector if it owns it; sockets are gone when it returns.

        Requests under way fail with ClientConnectionError. Idempotent; who calls it meanwhile waits, too.
        """
        warn_of_churn = None
        if not self._closed:
            connector = self._connector if self._connector_owner else None
            if connector is not None:
                connector.check_loop()
                if is_repeated(self._made_at):  # a line's first session cannot be churn
                    warn_of_churn = self._look_for_churn(connector)
            self._refuses = self._closed = True
            self._connector = self._given_connector = None
            self._leaving = connector
        leaving = self._leaving
        if leaving is not None:
            await leaving.close()
            self._leaving = None
        if warn_of_churn is not None:
            warn_of_churn()

    def _look_for_churn(self, connector: BaseConnector) -> Callable[[], None] | None:
        # Whatever goes wrong here must not keep the session from closing: there may be no descriptor to read the module
        # with, and a connector of the user's may be a mock.
        with suppress(Exception):
            from trunkline.client.churn import look_for_churn

            return look_for_churn(connector, self._made_at)
        return None

    def detach(self) -> None:
        """Let go of the connector without closing it; the session is closed then."""
        self._connector = self._given_connector = None
        self._refuses = self._closed = True

    def leave_to_parent(self, parent_pid: int) -> None:
        """Be closed, in a forked child: process `parent_pid` goes on with the session."""
        if not self._closed:
            self._inherited_from = parent_pid
            self._refuses = self._closed = True
