"""Middlewares around a handler: `put_around` makes of both one handler, to be kept and called for every request.

Each middleware gets the next one as `handler`. While an application's middlewares run, `request.app` is that
application, however deep the handler is nested.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Sequence
from functools import partial, update_wrapper
from typing import Any, Protocol

from trunkline.web.request import Request
from trunkline.web.stream_response import StreamResponse

Handler = Callable[[Request], Awaitable[StreamResponse]]


class Middleware(Protocol):
    """A coroutine function of a request and the handler that comes next."""

    # `...` and Any: (request, handler) and the response; of old-style ones (app, handler) and a handler.
    __call__: Callable[..., Awaitable[Any]]


class Surrounding(Protocol):
    """An application, as far as it concerns its middlewares."""

    @property
    def active_middlewares(self) -> Sequence[Middleware]: ...


def put_around(handler: Handler, apps: Sequence[Surrounding]) -> Handler:
    """Return `handler` with the middlewares of `apps`, the outermost first, around it."""
    for app in reversed(apps):
        for middleware in reversed(app.active_middlewares):
            # By name: "second argument should be named handler exactly" (web_advanced.rst).
            handler = update_wrapper(partial(middleware, handler=handler), handler)
        if len(apps) > 1:
            handler = update_wrapper(partial(_handle_in, app, handler), handler)
    return handler


def as_new_style(middleware: Middleware, app: Surrounding) -> Middleware:
    """Return a `middleware(request, handler)`; warn when it had to be adapted from the old (app, handler) style."""
    # What `web.middleware` leaves on a function; third-party code sets it by hand too.
    if getattr(middleware, "__middleware_version__", 0) == 1:
        return middleware
    warnings.warn(
        f'old-style middleware "{middleware!r}" deprecated, see #2252; decorate it with @web.middleware',
        category=DeprecationWarning,
        stacklevel=2,
    )

    async def adapted(request: Request, handler: Handler) -> StreamResponse:
        old_style: Handler = await middleware(app, handler)
        return await old_style(request)

    return adapted


async def _handle_in(app: Surrounding, handler: Handler, request: Request) -> StreamResponse:
    match_info = request.match_info
    outer = match_info.current_app
    match_info.current_app = app
    try:
        return await handler(request)
    finally:
        match_info.current_app = outer
