"""Resources: what a path leads to, each with one route per method.

A resource compares paths in matching form (see `route_paths`) and finds its route without awaiting. Only a class of
the user's own, which has nothing but `resolve()`, is awaited. Paths with variable parts are `dynamic_resource`'s.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sized
from re import Pattern
from typing import Any, Final, TypedDict

from yarl import URL

from trunkline import hdrs
from trunkline.abc import AbstractView
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.web.routing.route_paths import ANY_PATH, Outline, encoded_form, matching_form, requested_path
from trunkline.web.routing.routes import AbstractRoute, ExpectHandler, Handler, ResourceRoute

# Any of `request`: Request stands above this module, and tests use stand-ins.
Resolved = tuple[UrlMappingMatchInfo | None, set[str]]


class ResourceInfo(TypedDict, total=False):
    """What `get_info()` tells: `path`, or `formatter` and `pattern`, or what a class of the user's own has."""

    path: str
    formatter: str
    pattern: Pattern[str]
    directory: Any  # Any: of static resources, a Path
    prefix: str
    routes: Any  # Any: of static resources, by method
    app: Any  # Any: Application stands above this module
    rule: Any  # Any: an AbstractRuleMatching, above this module
    http_exception: Any  # Any: of a SystemRoute


class AbstractResource(Sized, Iterable[AbstractRoute]):
    """What a path, or a family of paths, leads to.

    A class of the user's own implements `resolve()` and leaves `find` and `allowed_methods` alone; its `canonical` up
    to the first "{" tells which requests ask it.
    """

    def __init__(self, *, name: str | None = None) -> None:
        self._name = name

    @property
    def name(self) -> str | None:
        """The name in the router, if any."""
        return self._name

    @property
    @abstractmethod
    def canonical(self) -> str:
        """The path it was registered with: `/path/to`, `/path/{to}` or a prefix."""

    @abstractmethod
    def url_for(self, *args: Any, **kwargs: Any) -> URL:  # Any: each class takes its own
        """Return a link to the resource."""

    @abstractmethod
    def add_prefix(self, prefix: str) -> None:
        """Move the resource below `prefix`, which is percent-encoded."""

    @abstractmethod
    def get_info(self) -> Any:  # Any: a TypedDict, or what a class of the user's own has
        """Describe the resource, for people."""

    @abstractmethod
    def raw_match(self, path: str) -> bool:
        """Tell whether the resource was registered with exactly this path, so that it is used again."""

    @abstractmethod
    async def resolve(self, request: Any) -> Resolved:
        """Return the match for `request`, or None and the methods that the path allows."""

    def find(self, request: Any, method: str, path: str) -> UrlMappingMatchInfo | None:
        """Return the match for a request with this method and path, in matching form; None for none."""
        return None

    def allowed_methods(self, path: str) -> set[str]:
        """Return the methods of `path`, in matching form; none when the resource does not match it."""
        return set()

    @property
    def outline(self) -> Outline:
        """What is sure about the paths that match."""
        return ANY_PATH

    @property
    def must_be_awaited(self) -> bool:
        """True when only `resolve()` can tell what a request finds."""
        return True

    def freeze(self) -> None:
        """Called when the router takes no more routes."""


class FoundResource(AbstractResource):
    """A resource that finds its route by method and path, without awaiting."""

    @abstractmethod
    def find(self, request: Any, method: str, path: str) -> UrlMappingMatchInfo | None:
        """Return the match for a request with this method and path, in matching form; None for none."""

    @abstractmethod
    def allowed_methods(self, path: str) -> set[str]:
        """Return the methods of `path`, in matching form; none when the resource does not match it."""

    async def resolve(self, request: Any) -> Resolved:
        """Return the match for `request`, or None and the methods that the path allows."""
        path = requested_path(request._message)
        return self.find(request, request.method, path), self.allowed_methods(path)

    @property
    def must_be_awaited(self) -> bool:
        """True when a subclass has a `resolve()` of its own."""
        return type(self).resolve is not FoundResource.resolve


class Resource(FoundResource):
    """A resource with one route per method."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._routes: dict[str, ResourceRoute] = {}
        self._any_route: ResourceRoute | None = None

    def add_route(
        self,
        method: str,
        handler: Handler | type[AbstractView],
        *,
        expect_handler: ExpectHandler | None = None,
    ) -> ResourceRoute:
        """Let `handler` answer requests with `method`; `*` takes those of every other method."""
        for taken in (method.upper(), hdrs.METH_ANY):
            if taken in self._routes:
                raise RuntimeError(
                    f"Added route will never be executed, method {taken} is already registered for {self.canonical}"
                )
        route = ResourceRoute(method, handler, self, expect_handler=expect_handler)
        self.register_route(route)
        return route

    def register_route(self, route: ResourceRoute) -> None:
        """Take a route made elsewhere."""
        if not isinstance(route, ResourceRoute):
            raise TypeError(f"{route!r} is no ResourceRoute; use add_route(method, handler)")
        self._routes[route.method] = route
        if route.method == hdrs.METH_ANY:
            self._any_route = route

    @abstractmethod
    def match(self, path: str) -> dict[str, str] | None:
        """Return the values of the variable parts of `path`, in matching form; None when it does not match."""

    def find(self, request: Any, method: str, path: str) -> UrlMappingMatchInfo | None:
        """Return the match for a request with this method and path, in matching form; None for none."""
        values = self.match(path)
        if values is None:
            return None
        route = self._routes.get(method, self._any_route)
        return None if route is None else UrlMappingMatchInfo(values, route)

    def allowed_methods(self, path: str) -> set[str]:
        """Return the methods of `path`; none when the resource does not match it."""
        return set() if self.match(path) is None else set(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[ResourceRoute]:
        return iter(self._routes.values())

    def __repr__(self) -> str:
        name = "" if self.name is None else f"{self.name!r} "
        return f"<{type(self).__name__} {name} {self.canonical}>"


_NO_VALUES: Final[Mapping[str, str]] = {}


class PlainResource(Resource):
    """A resource with a constant path, percent-encoded or not."""

    def __init__(self, path: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._set_path(path)

    def _set_path(self, path: str) -> None:
        self._path = path
        self._form = matching_form(path)

    @property
    def canonical(self) -> str:
        """The path."""
        return self._path

    @property
    def outline(self) -> Outline:
        """The path itself."""
        return Outline(tuple(self._form.split("/")), is_open=False)

    def add_prefix(self, prefix: str) -> None:
        """Move the resource below `prefix`, which is percent-encoded."""
        self._set_path(prefix + self._path)

    def raw_match(self, path: str) -> bool:
        """Tell whether this is the path."""
        return self._path == path

    def match(self, path: str) -> dict[str, str] | None:
        """Return an empty dict when `path` is the resource's."""
        return {} if path == self._form else None

    def find(self, request: Any, method: str, path: str) -> UrlMappingMatchInfo | None:
        """Return the match for a request with this method and path, in matching form; None for none."""
        if path != self._form:
            return None
        route = self._routes.get(method, self._any_route)
        return None if route is None else UrlMappingMatchInfo(_NO_VALUES, route)

    def get_info(self) -> ResourceInfo:
        """Return the path."""
        return {"path": self._path}

    def url_for(self) -> URL:
        """Return a link to the resource."""
        return URL.build(path=encoded_form(self._path), encoded=True)
