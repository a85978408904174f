"""Client middlewares: functions around the sending of a request, the first one listed outermost.

A middleware is called with the request and the next handler: it may change the request, call the handler any number of
times, or answer by itself. Each hop of a redirect passes through all of them again. The innermost handler sends.
"""

from collections.abc import Awaitable, Callable, Sequence

from trunkline.client.request import ClientRequest
from trunkline.client.response import ClientResponse

ClientHandlerType = Callable[[ClientRequest], Awaitable[ClientResponse]]
ClientMiddlewareType = Callable[[ClientRequest, ClientHandlerType], Awaitable[ClientResponse]]


def build_handler(handler: ClientHandlerType, middlewares: Sequence[ClientMiddlewareType]) -> ClientHandlerType:
    """Return `handler` with `middlewares` around it."""
    for middleware in reversed(middlewares):
        handler = _around(middleware, handler)
    return handler


def _around(middleware: ClientMiddlewareType, handler: ClientHandlerType) -> ClientHandlerType:
    # A closure, not functools.partial: the parameters' names are the middleware's own.
    return lambda request: middleware(request, handler)
