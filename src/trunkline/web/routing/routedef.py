"""Route definitions: routes as values, collected in a list or by decorators and added to a router later."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Protocol, TypeVar, overload

from trunkline import hdrs
from trunkline.abc import AbstractView
from trunkline.web.routing.resources import AbstractResource
from trunkline.web.routing.routes import AbstractRoute, Handler

_Handler = Handler | type[AbstractView]
_AnyHandler = TypeVar("_AnyHandler", bound=_Handler)
_Path = str | PathLike[str]

# Any of `kwargs`: what the router's method of that name takes, which checks it.


class Decorator(Protocol):
    """Takes a handler, and returns it as it is."""

    def __call__(self, handler: _AnyHandler) -> _AnyHandler: ...


class Registry(Protocol):
    """What a definition asks of a router, with arguments that only the router knows."""

    @property
    def add_get(self) -> Callable[..., AbstractRoute]: ...

    @property
    def add_route(self) -> Callable[..., AbstractRoute]: ...

    @property
    def add_static(self) -> Callable[..., AbstractResource]: ...


class AbstractRouteDef(ABC):
    """A route, or several, to be registered later."""

    @abstractmethod
    def register(self, router: Any) -> list[AbstractRoute]:  # Any: a Registry, or UrlDispatcher in a user's subclass
        """Add the routes to `router`, and return them."""


@dataclass(frozen=True, repr=False)
class RouteDef(AbstractRouteDef):
    """A handler for a method and a path.

    kwargs: further arguments of the router's method.
    """

    method: str
    path: str
    handler: _Handler
    kwargs: dict[str, Any]

    def register(self, router: Registry) -> list[AbstractRoute]:
        """Add the route to `router`; one for GET adds HEAD as well, unless told otherwise."""
        if self.method == hdrs.METH_GET:
            return [router.add_get(self.path, self.handler, **self.kwargs)]
        return [router.add_route(self.method, self.path, self.handler, **self.kwargs)]

    def __repr__(self) -> str:
        name = getattr(self.handler, "__name__", repr(self.handler))
        return f"<RouteDef {self.method} {self.path} -> {name!r}{_shown(self.kwargs)}>"


@dataclass(frozen=True, repr=False)
class StaticDef(AbstractRouteDef):
    """A directory of files to serve below a prefix.

    kwargs: further arguments of `UrlDispatcher.add_static`.
    """

    prefix: str
    path: _Path
    kwargs: dict[str, Any]

    def register(self, router: Registry) -> list[AbstractRoute]:
        """Add the directory to `router`."""
        return list(router.add_static(self.prefix, self.path, **self.kwargs))

    def __repr__(self) -> str:
        return f"<StaticDef {self.prefix} -> {self.path}{_shown(self.kwargs)}>"


def route(method: str, path: str, handler: _Handler, **kwargs: Any) -> RouteDef:
    """Return a definition for any one method, or `*` for all."""
    return RouteDef(method, path, handler, kwargs)


def head(path: str, handler: _Handler, **kwargs: Any) -> RouteDef:
    """Return a definition for HEAD."""
    return route(hdrs.METH_HEAD, path, handler, **kwargs)


def options(path: str, handler: _Handler, **kwargs: Any) -> RouteDef:
    """Return a definition for OPTIONS."""
    return route(hdrs.METH_OPTIONS, path, handler, **kwargs)


def get(path: str, handler: _Handler, *, name: str | None = None, allow_head: bool = True, **kwargs: Any) -> RouteDef:
    """Return a definition for GET and, unless told otherwise, for HEAD."""
    return route(hdrs.METH_GET, path, handler, name=name, allow_head=allow_head, **kwargs)


def post(path: str, handler: _Handler, **kwargs: Any) -> RouteDef:
    """Return a definition for POST."""
    return route(hdrs.METH_POST, path, handler, **kwargs)


def put(path: str, handler: _Handler, **kwargs: Any) -> RouteDef:
    """Return a definition for PUT."""
    return route(hdrs.METH_PUT, path, handler, **kwargs)


def patch(path: str, handler: _Handler, **kwargs: Any) -> RouteDef:
    """Return a definition for PATCH."""
    return route(hdrs.METH_PATCH, path, handler, **kwargs)


def delete(path: str, handler: _Handler, **kwargs: Any) -> RouteDef:
    """Return a definition for DELETE."""
    return route(hdrs.METH_DELETE, path, handler, **kwargs)


def view(path: str, handler: type[AbstractView], **kwargs: Any) -> RouteDef:
    """Return a definition for a class-based view."""
    return route(hdrs.METH_ANY, path, handler, **kwargs)


def static(prefix: str, path: _Path, **kwargs: Any) -> StaticDef:
    """Return a definition for a directory of files."""
    return StaticDef(prefix, path, kwargs)


class RouteTableDef(Sequence[AbstractRouteDef]):
    """A list of route definitions that decorators fill."""

    def __init__(self) -> None:
        self._items: list[AbstractRouteDef] = []

    def __repr__(self) -> str:
        return f"<RouteTableDef count={len(self._items)}>"

    @overload
    def __getitem__(self, index: int) -> AbstractRouteDef: ...

    @overload
    def __getitem__(self, index: slice) -> list[AbstractRouteDef]: ...

    def __getitem__(self, index: int | slice) -> AbstractRouteDef | list[AbstractRouteDef]:
        return self._items[index]

    def __iter__(self) -> Iterator[AbstractRouteDef]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def route(self, method: str, path: str, **kwargs: Any) -> Decorator:
        """Decorate the handler of any one method, or of `*`."""

        def add(handler: _AnyHandler) -> _AnyHandler:
            self._items.append(RouteDef(method, path, handler, kwargs))
            return handler

        return add

    def head(self, path: str, **kwargs: Any) -> Decorator:
        """Decorate the handler of HEAD."""
        return self.route(hdrs.METH_HEAD, path, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Decorator:
        """Decorate the handler of GET and, unless told otherwise, HEAD."""
        return self.route(hdrs.METH_GET, path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> Decorator:
        """Decorate the handler of POST."""
        return self.route(hdrs.METH_POST, path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> Decorator:
        """Decorate the handler of PUT."""
        return self.route(hdrs.METH_PUT, path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> Decorator:
        """Decorate the handler of PATCH."""
        return self.route(hdrs.METH_PATCH, path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Decorator:
        """Decorate the handler of DELETE."""
        return self.route(hdrs.METH_DELETE, path, **kwargs)

    def options(self, path: str, **kwargs: Any) -> Decorator:
        """Decorate the handler of OPTIONS."""
        return self.route(hdrs.METH_OPTIONS, path, **kwargs)

    def view(self, path: str, **kwargs: Any) -> Decorator:
        """Decorate a class-based view."""
        return self.route(hdrs.METH_ANY, path, **kwargs)

    def static(self, prefix: str, path: _Path, **kwargs: Any) -> None:
        """Add a directory of files."""
        self._items.append(StaticDef(prefix, path, kwargs))


def _shown(kwargs: dict[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in sorted(kwargs.items()) if value is not None)
