"""What a request takes besides one try: its response with its cookies, redirects, middlewares and traces.

A plain request comes here for its response, and for redirects if there are any. One that is watched, by middlewares,
tracers, or classes of the user's that take part in sending, goes its whole way here; what it costs, others do not pay.
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

from multidict import CIMultiDict
from yarl import URL

from trunkline.abc import AbstractCookieJar
from trunkline.body.payload import Payload
from trunkline.client.attempt import attempt
from trunkline.client.errors import (
    ClientConnectionError,
    ClientError,
    ClientOSError,
    ClientPayloadError,
    ServerTimeoutError,
)
from trunkline.client.redirects import STATUSES, drain, next_hop
from trunkline.client.request import SEND, ClientRequest
from trunkline.client.request_factory import RequestFactory
from trunkline.client.response import START, ClientResponse
from trunkline.client.settings import RaiseForStatus, Settings
from trunkline.client.upload import close_body
from trunkline.conn.exchange import Exchange
from trunkline.ground.logs import client_logger
from trunkline.pool.connection import Connection
from trunkline.pool.pool import Pool
from trunkline.transport.deadline import Deadlines
from trunkline.wire.h1.head import ResponseHead


class Chain:
    """One request of a user's, with the redirects that follow: what stays the same on the way.

    headers: the session's fields and the request's own; each hop is made from them. ends_at: when the total timeout
    passes, in the loop's time, or None. traces: the tracers that are told, or None. recording: takes the stamps of a
    timeline, or None. request, method, url: of the hop at work.
    """

    __slots__ = (
        "__weakref__",
        "connect",
        "ends_at",
        "headers",
        "method",
        "middlewares",
        "options",
        "pool",
        "recording",
        "request",
        "settings",
        "traces",
        "url",
    )

    request: ClientRequest

    # Any: options are the arguments of `ClientSession.request`, traces are of `tracing`, which few import
    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        options: dict[str, Any],
        headers: "CIMultiDict[str]",
        ends_at: float | None,
        middlewares: Sequence[Any] = (),
        traces: Any = None,
    ) -> None:
        self.pool = pool
        self.settings = settings
        self.options = options
        self.headers = headers
        self.ends_at = ends_at
        self.middlewares = middlewares
        self.traces = traces
        self.recording: Any = None  # Any: its module is loaded by those who use one
        self.connect: Any = None  # the connector's, when it has one of its own; Any: whatever was put there
        self.method = ""
        self.url = URL()


# The chain for which a task runs, so that `drain` knows what belongs to a request that it waits for. Weak: handles that
# the loop makes for a connection keep the context that they were made in for as long as the connection lasts.
CURRENT: "Final[ContextVar[weakref.ref[Chain] | None]]" = ContextVar("trunkline_chain", default=None)


class Sender:
    """Sends the requests of `session`."""

    def __init__(
        self,
        session: Any,  # Any: the session's module is above this one; responses only carry it
        loop: asyncio.AbstractEventLoop,
        deadlines: Deadlines,
        factory: RequestFactory,
        jar: AbstractCookieJar,
        response_class: type[ClientResponse],
        requote: bool = True,
    ) -> None:
        """requote: URLs of redirects are quoted anew."""
        self.requote = requote
        self._session = session
        self._loop = loop
        self._deadlines = deadlines
        self._factory = factory
        self._jar = jar
        self._response_class = response_class
        ours = (ClientResponse.__new__, ClientResponse.__init__)
        self._has_our_constructor = (response_class.__new__, response_class.__init__) == ours

    def respond(
        self, exchange: Exchange, request: ClientRequest, history: tuple[ClientResponse, ...]
    ) -> ClientResponse:
        """Make the response of an exchange whose head has come, and keep its cookies."""
        try:
            cls, url = self._response_class, request.prepared.real_url
            if self._has_our_constructor:
                response = cls.__new__(cls)
                response.set_up(request.method, url, self._loop, self._session)
            else:
                response = cls(request.method, url, loop=self._loop, session=self._session)
            response.begin(exchange, request, history)
            head = exchange.head
            if head is not None and head.has_set_cookie:
                self._keep_cookies(head, request)
        except BaseException:  # of a response class or a cookie jar that is the user's
            exchange.abort()
            raise
        return response

    def _keep_cookies(self, head: ResponseHead, request: ClientRequest) -> None:
        fields = [value for name, value in head.fields if name.lower() == "set-cookie"]
        if fields:
            self._jar.update_cookies_from_headers(fields, request.url)

    # Redirects.

    async def follow(
        self, chain: Chain, request: ClientRequest, response: ClientResponse
    ) -> tuple[ClientRequest, ClientResponse]:
        """Go where the redirect `response` leads, as long as there are redirects."""
        chain.request, chain.method, chain.url = request, request.method, request.original_url
        keeps_credentials = True
        while response.status in STATUSES:
            if chain.traces is not None:
                await _tell_redirect(chain, request, response)
            try:
                redirect = next_hop(
                    request,
                    response,
                    max_redirects=chain.settings.max_redirects,
                    requote=self.requote,
                    keeps_credentials=keeps_credentials,
                )
            except ClientError:
                await drain(response)
                raise
            if redirect is None:
                break
            await drain(response)
            if not redirect.keeps_body:
                await request.close()
            keeps_credentials = redirect.keeps_credentials
            history = (*response.history, response)
            request, chain.options = self._factory.build_hop(redirect, request, chain.options, chain.headers)
            client_logger.debug("redirect %d to %s %s", response.status, redirect.method, redirect.url)
            response = await self._hop(chain, request, history)
        return request, response

    async def _hop(self, chain: Chain, request: ClientRequest, history: tuple[ClientResponse, ...]) -> ClientResponse:
        """Send one request, through the middlewares if there are any."""
        chain.request, chain.method, chain.url = request, request.method, request.original_url
        request.is_watched = True
        request.traces = chain.traces
        request.connect = chain.connect
        if chain.recording is not None:
            request.recording = chain.recording
            chain.recording.begin_hop(request.method, request.url)
        if ClientRequest.send is not SEND:
            request.sends_itself = True
        if not chain.middlewares:
            return await self._try(chain, history, request)
        from trunkline.client.middlewares import build_handler

        handler = build_handler(partial(self._try, chain, history), chain.middlewares)
        try:
            return await handler(request)
        except OSError as error:
            if isinstance(error, (ClientError, TimeoutError)):
                raise
            raise ClientOSError(*error.args) from error  # of a middleware: users catch ClientError around requests

    async def _try(self, chain: Chain, history: tuple[ClientResponse, ...], request: ClientRequest) -> ClientResponse:
        if self._session.is_drained:  # while a middleware or a tracer had the request
            raise ClientConnectionError("Connection closed: the session was drained while the request was under way")
        await _be_ready_again(request)
        request.seal()  # middlewares may have changed it
        left_s = 0.0 if chain.ends_at is None else max(chain.ends_at - self._loop.time(), 0.001)
        try:
            exchange = await attempt(chain.pool, self._deadlines, request, chain.settings, left_s)
        except BaseException as error:
            if chain.recording is not None:
                chain.recording.note_error(error)
            raise
        if not (self._response_class.starts_itself or request.sends_itself or ClientResponse.start is not START):
            response = self.respond(exchange, request, history)
        else:
            response = await self._start_response(exchange, request, history)
        if chain.traces is not None:
            response.traces = exchange.probe or chain.traces  # a middleware may have sent a request of its own
            if chain.recording is not None:
                response._recording = chain.recording
        return response

    async def _start_response(
        self, exchange: Exchange, request: ClientRequest, history: tuple[ClientResponse, ...]
    ) -> ClientResponse:
        """Start a response that was made by `ClientRequest.send`, or whose class has a `start` of its own."""
        response = request.response
        try:
            if response is None:
                response = self._response_class(
                    request.method, request.prepared.real_url, loop=self._loop, session=self._session
                )
            response.follow_on(history)
            try:
                await response.start(Connection(exchange, self._loop))
            except TimeoutError as error:
                raise ServerTimeoutError(
                    f"{request.method} {request.url}: start() of its response timed out"
                ) from error
            if exchange.head is not None:
                self._keep_cookies(exchange.head, request)
        except BaseException:
            exchange.abort()
            raise
        return response  # type: ignore[no-any-return]  # a ClientResponse, or what the user's class has in its place

    # Requests that are watched.

    async def send_watched(self, chain: Chain, method: str, url: URL) -> ClientResponse:
        """Send a request with its tracers and middlewares, check its status, and return its response."""
        traces = chain.traces
        if traces is None:
            return await self._send_chain(chain, method, url)
        chain.method, chain.url = method.upper(), url.with_user(None) if url.raw_host else url
        await traces.send_request_start(chain.method, url, chain.headers)
        try:
            response = await self._send_chain(chain, method, url)
            await _closing(response, traces.send_request_end(chain.method, chain.url, chain.headers, response))
        except BaseException as error:
            await traces.send_request_exception(chain.method, chain.url, chain.headers, error)
            raise
        return response

    async def _send_chain(self, chain: Chain, method: str, url: URL) -> ClientResponse:
        settings = chain.settings
        request = chain.request = self._factory.build_from(method, url, chain.options, chain.headers)
        if settings.total_s:
            chain.ends_at = self._loop.time() + settings.total_s
        try:
            async with _time_limit(chain) if chain.middlewares else nullcontext():
                response = await self._hop(chain, request, ())
                if response.status in STATUSES and settings.allow_redirects:
                    request, response = await self.follow(chain, request, response)
            if request.body:
                await close_body(response.exchange, request)
        except BaseException:
            await chain.request.close()  # a middleware may have given this hop a body of its own
            raise
        if settings.raise_for_status:
            await check_status(response, settings.raise_for_status)
        return response


def tracked(options: dict[str, Any]) -> AbstractContextManager[None]:
    """Return what to enter while the request that `options` describe gets its response: its upload tracker waits."""
    tracker = options.get("upload_tracker")
    return nullcontext() if tracker is None else tracker.claimed()


async def _closing(response: ClientResponse, telling: Awaitable[None]) -> None:
    """Await what is told of `response`, which nobody gets when that fails."""
    try:
        await telling
    except BaseException:
        response.close()
        raise


async def _tell_redirect(chain: Chain, request: ClientRequest, response: ClientResponse) -> None:
    telling = chain.traces.send_request_redirect(request.method, request.original_url, chain.headers, response)
    async with _time_limit(chain):
        await _closing(response, telling)


async def _be_ready_again(request: ClientRequest) -> None:
    """Prepare a request that a middleware sends once more; raise ClientPayloadError when its body cannot be."""
    if request.was_sent:
        if request.upload is not None and not request.upload.done():
            request.upload.cancel()
            await asyncio.wait([request.upload])
        if not request.can_replay and isinstance(request.body, Payload) and request.body.consumed:
            raise ClientPayloadError(
                f"{request.method} {request.url} cannot be sent again: its body can be read only once; "
                "send bytes or a seekable file, or give the request another one with update_body()"
            )
    request.was_sent = True


@asynccontextmanager
async def _time_limit(chain: Chain) -> AsyncIterator[None]:
    """Let the total timeout hold for what users do between tries, too; tries and their traces look after themselves."""
    timeout = asyncio.timeout_at(chain.ends_at)
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise TimeoutError(
            f"{chain.method} {chain.url}: {chain.settings.total_s:g} s have passed with the request in its "
            "middlewares or tracers (timeout.total)"
        ) from error


async def check_status(response: ClientResponse, check: RaiseForStatus) -> None:
    """Raise what `check`, the setting raise_for_status, asks for."""
    if not callable(check):
        response.raise_for_status()
        return
    try:
        await check(response)
    except BaseException:
        response.close()
        raise
