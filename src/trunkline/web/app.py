"""`Application`: a router, middlewares, signals and a store, the unit that handlers are written in.

Answering a request is finding its handler and awaiting it: middlewares are put around a handler once and the result is
kept. Everything else happens at the two ends of life. `pre_freeze` closes the lists (an application that is added to
another one is at this stage), `freeze` deprecates changes of the store as well, `startup`, `shutdown` and `cleanup`
send the signals, those of nested applications included. How connections are served is `web/server`'s part.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import lru_cache, partial
from types import EllipsisType
from typing import Any, ClassVar, TypeVar, cast

from aiosignal import Signal
from frozenlist import FrozenList

from trunkline.abc import AbstractAccessLogger, AbstractRouter, AbstractStreamWriter
from trunkline.body.stream import StreamReader
from trunkline.conn.requester import Requester
from trunkline.ground.logs import web_logger
from trunkline.web.access_log import AccessLogger
from trunkline.web.app_store import AppStore
from trunkline.web.cleanup import CleanupContext
from trunkline.web.handler_chain import Handler, Middleware, as_new_style, put_around
from trunkline.web.request import MAX_BODY_BYTES, MAX_FORM_FIELDS, Request
from trunkline.web.routing.prefixes import Domain, MaskDomain, MatchedSubAppResource, PrefixedSubAppResource
from trunkline.web.routing.routedef import AbstractRouteDef
from trunkline.web.routing.router import UrlDispatcher
from trunkline.web.routing.routes import AbstractRoute
from trunkline.web.server import Server
from trunkline.web.stream_response import StreamResponse
from trunkline.wire.limits import MAX_HANDLER_CHAINS
from trunkline.wire.received import ReceivedHead

_Resource = TypeVar("_Resource", bound=MatchedSubAppResource | PrefixedSubAppResource)
_AppSignal = Signal["Application"]


class Application(AppStore):
    """A web application.

    logger: for the handlers' own use. handler_args: override what the server is made with. client_max_size and
    client_max_fields: bounds of a request's body, see `Request.read` and `Request.post`.
    router, loop, debug: deprecated.
    """

    # Subclasses add the names of their attributes to it. aiohttp warns of others in debug mode; all are welcome here.
    ATTRS: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        *,
        logger: logging.Logger = web_logger,
        router: AbstractRouter | None = None,
        middlewares: Iterable[Middleware] = (),
        handler_args: Mapping[str, Any] | None = None,  # Any: the server checks each by its name
        client_max_size: int = MAX_BODY_BYTES,
        client_max_fields: int = MAX_FORM_FIELDS,
        loop: asyncio.AbstractEventLoop | None = None,
        debug: bool | EllipsisType | None = ...,
    ) -> None:
        for name, is_given in (("router", router is not None), ("loop", loop is not None), ("debug", debug is not ...)):
            if is_given:
                _warn_deprecated(f"{name} argument is deprecated")
        super().__init__()
        self.logger = logger
        self._loop = loop
        self._debug = debug
        self._handler_args = dict(handler_args or {})
        self._client_max_size = client_max_size
        self._client_max_fields = client_max_fields
        self._set_router(UrlDispatcher() if router is None else router)

        self._middlewares: FrozenList[Middleware] = FrozenList(middlewares)
        self._has_middlewares = False
        self._sends_prepare = False  # on_response_prepare, here or in a nested application
        self.active_middlewares: tuple[Middleware, ...] = ()
        self._chain = lru_cache(MAX_HANDLER_CHAINS)(put_around)
        self._subapps: list[Application] = []
        self._pre_frozen = False

        self._cleanup_ctx = CleanupContext()
        self._on_startup: _AppSignal = Signal(self)
        self._on_shutdown: _AppSignal = Signal(self)
        self._on_cleanup: _AppSignal = Signal(self)
        self._on_response_prepare: Signal[Request, StreamResponse] = Signal(self)
        self._on_startup.append(self._cleanup_ctx.enter)
        self._on_cleanup.append(self._cleanup_ctx.leave)

    def __init_subclass__(cls) -> None:
        message = f"Inheritance class {cls.__name__} from web.Application is discouraged"
        _warn_deprecated(message, stacklevel=4)  # the class statement calls us by way of ABCMeta

    def _set_router(self, router: AbstractRouter) -> None:
        if not isinstance(router, AbstractRouter):
            raise TypeError(f"router is {router!r}; wanted a trunkline.abc.AbstractRouter")
        # Another router has only what `AbstractRouter` says; who passed it knows not to ask it for more.
        self._router = cast(UrlDispatcher, router)
        self._find = router.find if isinstance(router, UrlDispatcher) else _find_nothing
        router.post_init(self)

    @property
    def router(self) -> UrlDispatcher:
        """Finds the handlers."""
        return self._router

    @property
    def middlewares(self) -> FrozenList[Middleware]:
        """What is put around every handler, the outermost first."""
        return self._middlewares

    @property
    def on_startup(self) -> _AppSignal:
        """Sent before the first connection is taken, with the application."""
        return self._on_startup

    @property
    def on_shutdown(self) -> _AppSignal:
        """Sent when no more requests are taken, with the application; end what is long-lived here."""
        return self._on_shutdown

    @property
    def on_cleanup(self) -> _AppSignal:
        """Sent after the last connection was closed, with the application."""
        return self._on_cleanup

    @property
    def cleanup_ctx(self) -> CleanupContext:
        """Functions that return what is entered at startup and left at cleanup."""
        return self._cleanup_ctx

    @property
    def on_response_prepare(self) -> Signal[Request, StreamResponse]:
        """Sent before a response's head is, with the request and the response."""
        return self._on_response_prepare

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of `startup`; deprecated."""
        _warn_deprecated("loop property is deprecated")
        return self._loop

    @property
    def debug(self) -> bool | EllipsisType | None:
        """The argument of that name, from `startup` on the loop's if it was not given; deprecated."""
        _warn_deprecated("debug property is deprecated")
        return self._debug

    def add_subapp(self, prefix: str, subapp: Application) -> PrefixedSubAppResource:
        """Let `subapp` answer what is below `prefix`."""
        if not isinstance(prefix, str):
            raise TypeError(f"prefix of a nested application is {prefix!r}; wanted str")
        prefix = prefix.rstrip("/")
        if not prefix:
            raise ValueError("Prefix cannot be empty; a nested application needs a path of its own")
        return self._add(partial(PrefixedSubAppResource, prefix, subapp), subapp)

    def add_domain(self, domain: str, subapp: Application) -> MatchedSubAppResource:
        """Let `subapp` answer what is asked of the host `domain`, or of any that it matches with its `*`."""
        if not isinstance(domain, str):
            raise TypeError(f"domain of a nested application is {domain!r}; wanted str")
        rule = MaskDomain(domain) if "*" in domain else Domain(domain)
        return self._add(partial(MatchedSubAppResource, rule, subapp), subapp)

    def _add(self, make_resource: Callable[[], _Resource], subapp: Application) -> _Resource:
        if not isinstance(subapp, Application):
            raise TypeError(f"nested application is {subapp!r}; wanted a web.Application")
        if self._frozen:
            raise RuntimeError("Cannot add sub application to frozen application")
        if subapp._frozen:
            raise RuntimeError("Cannot add frozen application")
        resource = make_resource()
        self._router.register_resource(resource)
        self._pass_signals_to(subapp)
        self._subapps.append(subapp)
        subapp.pre_freeze()
        return resource

    def _pass_signals_to(self, subapp: Application) -> None:
        for outer, inner in (
            (self._on_startup, subapp._on_startup),
            (self._on_shutdown, subapp._on_shutdown),
            (self._on_cleanup, subapp._on_cleanup),
        ):
            outer.append(partial(_send_to, subapp, inner))

    def add_routes(self, routes: Iterable[AbstractRouteDef]) -> list[AbstractRoute]:
        """Add the routes of a list or RouteTableDef."""
        return self._router.add_routes(routes)

    @property
    def pre_frozen(self) -> bool:
        """True when lists and routes are closed."""
        return self._pre_frozen

    def pre_freeze(self) -> None:
        """Close the lists and the router; the store stays open."""
        if self._pre_frozen:
            return
        self._pre_frozen = True
        self._router.freeze()
        for closed in (
            self._middlewares, self._on_response_prepare, self._cleanup_ctx,
            self._on_startup, self._on_shutdown, self._on_cleanup,
        ):  # fmt: skip
            closed.freeze()
        self.active_middlewares = tuple(as_new_style(middleware, self) for middleware in self._middlewares)
        for subapp in self._subapps:
            subapp.pre_freeze()
        nested = any(subapp._has_middlewares for subapp in self._subapps)
        self._has_middlewares = nested or bool(self.active_middlewares)
        self._sends_prepare = bool(self._on_response_prepare) or any(app._sends_prepare for app in self._subapps)

    def freeze(self) -> None:
        """Close everything; changes of the store are deprecated from now on."""
        if self._frozen:
            return
        self.pre_freeze()
        super().freeze()
        for subapp in self._subapps:
            subapp.freeze()

    async def startup(self) -> None:
        """Send `on_startup`. If it fails, leave the contexts of `cleanup_ctx` that were entered."""
        self._bind(asyncio.get_running_loop())
        self._on_startup.freeze()
        try:
            await self._on_startup.send(self)
        except BaseException:
            await self._leave_contexts()
            raise

    async def shutdown(self) -> None:
        """Send `on_shutdown`."""
        await self._on_shutdown.send(self)

    async def cleanup(self) -> None:
        """Send `on_cleanup`, unless the application was never frozen, and leave all contexts even if that fails."""
        try:
            if self._on_cleanup.frozen:
                await self._on_cleanup.send(self)
        finally:
            await self._leave_contexts()

    async def _leave_contexts(self) -> None:
        async with AsyncExitStack() as stack:  # it goes on after an error, and begins with the last
            stack.push_async_callback(self._cleanup_ctx.leave, self)
            for subapp in self._subapps:
                stack.push_async_callback(subapp._leave_contexts)

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None and self._loop is not loop:
            raise RuntimeError(
                f"{self!r} was started in {self._loop!r} and now in {loop!r}; make a new application for each loop"
            )
        self._loop = loop
        if self._debug is ...:
            self._debug = loop.get_debug()
        for subapp in self._subapps:
            subapp._bind(loop)

    def make_server(
        self,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        access_log_class: type[AbstractAccessLogger] = AccessLogger,
        **kwargs: Any,  # Any: the server checks each by its name
    ) -> Server:
        """Freeze, and return the server that answers with this application."""
        if not (isinstance(access_log_class, type) and issubclass(access_log_class, AbstractAccessLogger)):
            raise TypeError(
                f"access_log_class must be subclass of trunkline.abc.AbstractAccessLogger, got {access_log_class!r}"
            )
        self.freeze()
        if self._debug is not ...:
            kwargs.setdefault("debug", self._debug)
        kwargs |= {"loop": loop, "access_log_class": access_log_class} | self._handler_args
        return Server(self._handle, request_factory=self._make_request, **kwargs)

    def make_handler(
        self,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        access_log_class: type[AbstractAccessLogger] = AccessLogger,
        **kwargs: Any,  # Any: as above
    ) -> Server:
        """Return the server, a protocol factory; deprecated, use AppRunner."""
        _warn_deprecated("Application.make_handler(...) is deprecated, use AppRunner API instead")
        return self.make_server(loop=loop, access_log_class=access_log_class, **kwargs)

    def _make_request(
        self,
        message: ReceivedHead,
        payload: StreamReader,
        protocol: Requester,
        writer: AbstractStreamWriter | None,
        task: asyncio.Task[None] | None,
    ) -> Request:
        return Request(
            message,
            payload,
            protocol,
            writer,
            task,
            protocol.loop,
            client_max_size=self._client_max_size,
            client_max_fields=self._client_max_fields,
        )

    async def _handle(self, request: Request) -> StreamResponse:
        match_info = self._find(request)
        if match_info is None:
            match_info = await self._router.resolve(request)
        match_info.add_app(self)
        match_info.freeze()
        request._match_info = match_info
        if self._sends_prepare:
            request.has_prepare_hook = True
        if request._message.expect is not None:
            response = await match_info.expect_handler(request)
            if response is not None:
                return cast(StreamResponse, response)
        handler: Handler = match_info.handler
        if self._has_middlewares:
            # The handler that raises a 404 is made for its request, so it is not worth keeping.
            surround = self._chain if match_info.http_exception is None else put_around
            handler = surround(handler, match_info.apps)
        return await handler(request)

    def __call__(self) -> Application:
        """Return itself, so that Gunicorn takes it for a factory."""
        return self

    def __repr__(self) -> str:
        return f"<Application {id(self):#x}>"


def _warn_deprecated(message: str, stacklevel: int = 3) -> None:
    warnings.warn(message, category=DeprecationWarning, stacklevel=stacklevel)


async def _send_to(subapp: Application, signal: _AppSignal, app: Application) -> None:
    await signal.send(subapp)


def _find_nothing(request: Request) -> None:
    """Stand in for `find` of a router that only has `resolve`."""
