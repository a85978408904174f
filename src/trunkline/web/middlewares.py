"""`middleware`, which marks a function as one, and the middleware that corrects slashes in paths."""

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from yarl import URL

from trunkline.web.exceptions import HTTPMove, HTTPPermanentRedirect
from trunkline.web.request import Request
from trunkline.web.routing.route_paths import raw_requested_path
from trunkline.web.routing.routes import SystemRoute
from trunkline.web.stream_response import StreamResponse

_Function = TypeVar("_Function")
_Handler = Callable[[Request], Awaitable[StreamResponse]]
_Middleware = Callable[[Request, _Handler], Awaitable[StreamResponse]]

_SLASHES = re.compile("//+")


def middleware(f: _Function) -> _Function:
    """Mark `f` as a middleware: a coroutine function of a request and a handler."""
    f.__middleware_version__ = 1  # type: ignore[attr-defined]  # a mark for whoever calls it
    return f


def normalize_path_middleware(
    *,
    append_slash: bool = True,
    remove_slash: bool = False,
    merge_slashes: bool = True,
    redirect_class: type[HTTPMove] = HTTPPermanentRedirect,
) -> _Middleware:
    """Return a middleware that redirects a path without route to one that has, if only slashes differ.

    append_slash, remove_slash: at the end of the path; not both. merge_slashes: of several in a row into one.
    """
    if append_slash and remove_slash:
        raise AssertionError("Cannot both remove and append slash; set append_slash=False to remove slashes")

    def corrected(path: str) -> Iterator[str]:
        merged = _SLASHES.sub("/", path)
        if merge_slashes:
            yield merged
        for base in (path, merged) if merge_slashes else (path,):
            if append_slash and not base.endswith("/"):
                yield base + "/"
            if remove_slash and base.endswith("/"):
                yield base[:-1]

    @middleware
    async def normalize_path(request: Request, handler: _Handler) -> StreamResponse:
        if isinstance(request.match_info.route, SystemRoute):
            path = raw_requested_path(request._message)
            for candidate in corrected(path):
                # A Location that begins with two slashes would lead to another host (RFC 3986 §4.2).
                target = "/" + candidate.lstrip("/")
                if target != path and await _is_routed(request, target):
                    query = request.rel_url.raw_query_string
                    raise redirect_class(URL.build(path=target, query_string=query, encoded=True))
        return await handler(request)

    return normalize_path


async def _is_routed(request: Request, path: str) -> bool:
    alternative = request.clone(rel_url=URL.build(path=path, encoded=True))
    match_info = await request.app.router.resolve(alternative)
    return match_info.http_exception is None
