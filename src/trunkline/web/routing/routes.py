"""Routes: a method with its handler, on a resource or, for 404 and 405, on none.

Checks handlers when they are registered, where the traceback names the line at fault.
"""

import asyncio
import inspect
import re
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn, Protocol

from yarl import URL

from trunkline import hdrs
from trunkline.abc import AbstractView
from trunkline.ground.caller import outer_level
from trunkline.web.exceptions import HTTPException
from trunkline.web.routing.expect import invite_body

# Any: Request stands above this module; a handler returns any response, or a stand-in for one.
Handler = Callable[[Any], Awaitable[Any]]
ExpectHandler = Callable[[Any], Awaitable[Any]]

# Both know an AsyncMock: one of them before Python 3.12, the other since, and asyncio's is deprecated in 3.14.
_is_coroutine_function = inspect.iscoroutinefunction if sys.version_info >= (3, 12) else asyncio.iscoroutinefunction

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Z]+")  # RFC 9110 §9.1: a token


class LinkedResource(Protocol):
    """What a route and its users ask of its resource."""

    @property
    def name(self) -> str | None: ...

    @property
    def canonical(self) -> str: ...

    def url_for(self, *args: Any, **kwargs: Any) -> URL: ...  # Any: each resource takes its own

    def get_info(self) -> Any: ...  # Any: a TypedDict of the resource's choice


class AbstractRoute(ABC):
    """A method and the handler of its requests.

    method: in any case; `*` stands for every method. handler: a coroutine function or a View class; a plain function
    is deprecated. expect_handler: called first for a request with an Expect field; None invites the body.
    """

    def __init__(
        self,
        method: str,
        handler: Handler | type[AbstractView],
        *,
        expect_handler: ExpectHandler | None = None,
        resource: LinkedResource | None = None,
    ) -> None:
        if expect_handler is not None and not _is_async(expect_handler):
            raise TypeError(f"expect_handler is {expect_handler!r}; give a coroutine function (async def)")
        self._method = _checked_method(method)
        self._handler = _checked_handler(handler)
        self._expect_handler = expect_handler or invite_body
        self._resource = resource

    @property
    def method(self) -> str:
        """The method in upper case, or `*`."""
        return self._method

    @property
    def handler(self) -> Handler:
        """Answers the requests."""
        return self._handler

    @property
    @abstractmethod
    def name(self) -> str | None:
        """The name of the resource."""

    @property
    def resource(self) -> LinkedResource | None:
        """The resource that the route belongs to."""
        return self._resource

    @abstractmethod
    def get_info(self) -> Any:  # Any: a TypedDict of the resource's choice
        """Describe what the route matches, for people."""

    @abstractmethod
    def url_for(self, *args: Any, **kwargs: Any) -> URL:  # Any: each resource takes its own
        """Return a link to the resource."""

    async def handle_expect_header(self, request: Any) -> Any:  # Any: as in Handler
        """Answer an Expect field; None goes on to the handler (RFC 9110 §10.1.1)."""
        return await self._expect_handler(request)


class ResourceRoute(AbstractRoute):
    """A route of a resource."""

    _resource: LinkedResource

    def __init__(
        self,
        method: str,
        handler: Handler | type[AbstractView],
        resource: LinkedResource,
        *,
        expect_handler: ExpectHandler | None = None,
    ) -> None:
        super().__init__(method, handler, expect_handler=expect_handler, resource=resource)

    @property
    def name(self) -> str | None:
        """The name of the resource."""
        return self._resource.name

    def get_info(self) -> Any:  # Any: a TypedDict of the resource's choice
        """Describe what the resource matches, for people."""
        return self._resource.get_info()

    def url_for(self, *args: Any, **kwargs: Any) -> URL:  # Any: each resource takes its own
        """Return a link to the resource."""
        return self._resource.url_for(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<ResourceRoute [{self.method}] {self._resource} -> {self.handler!r}>"


class SystemRoute(AbstractRoute):
    """The route of a request that matched none: its handler raises `http_exception`."""

    def __init__(self, http_exception: HTTPException) -> None:
        # Not by a method of ours: the route of every 404 would refer to itself.
        super().__init__(hdrs.METH_ANY, partial(_refuse, http_exception))
        self._exception = http_exception

    @property
    def name(self) -> None:
        """None: no resource, no name."""
        return None

    @property
    def status(self) -> int:
        """The status of the error."""
        return self._exception.status

    @property
    def reason(self) -> str | None:
        """The reason phrase of the error."""
        return self._exception.reason

    def get_info(self) -> dict[str, HTTPException]:
        """Return the error."""
        return {"http_exception": self._exception}

    def url_for(self, *args: Any, **kwargs: Any) -> NoReturn:  # Any: as the base class
        """Raise RuntimeError."""
        raise RuntimeError(".url_for() is not allowed for SystemRoute: it has no resource to link to")

    async def handle_expect_header(self, request: Any) -> None:
        """Do nothing: the error goes out instead of an invitation to send the body (RFC 9110 §10.1.1)."""

    def __repr__(self) -> str:
        return f"<SystemRoute {self.status}: {self.reason}>"


async def _refuse(error: HTTPException, request: Any) -> NoReturn:  # Any: as for Handler
    raise error


def _checked_method(method: str) -> str:
    upper = method.upper()
    if not _METHOD.fullmatch(upper):
        raise ValueError(f"{method!r} is not allowed HTTP method: a method is a token such as GET, or * for all")
    return upper


def _checked_handler(handler: Handler | type[AbstractView]) -> Handler:
    if _is_async(handler) or (isinstance(handler, type) and issubclass(handler, AbstractView)):
        return handler
    if not callable(handler) or inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise TypeError(f"handler is {handler!r}; give a coroutine function (async def) or a subclass of View")
    warnings.warn(
        f"Bare functions are deprecated, use async ones: {handler!r}",
        category=DeprecationWarning,
        stacklevel=outer_level(),
    )
    return _awaitable(handler)


def _is_async(handler: object) -> bool:
    # The second look is for instances with `async def __call__`.
    return _is_coroutine_function(handler) or _is_coroutine_function(getattr(type(handler), "__call__", None))  # noqa: B004


def _awaitable(function: Callable[[Any], Any]) -> Handler:
    async def handler(request: Any) -> Any:
        result = function(request)
        return await result if inspect.isawaitable(result) else result

    return handler
