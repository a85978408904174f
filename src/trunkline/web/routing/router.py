"""`UrlDispatcher`: from a request to its route.

Routes are found by an index of the paths' constant beginnings, longest first (see `route_index`), so a lookup costs
the same for ten routes as for a thousand. Sub-applications of domains are asked before everything else. A router
with a resource of the user's own class cannot answer without awaiting it: then `find` says None, and `resolve` asks
the same resources in the same order.
"""

import keyword
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sized
from os import PathLike
from types import MappingProxyType
from typing import Any, Final

from trunkline import hdrs
from trunkline.abc import AbstractRouter, AbstractView
from trunkline.web.exceptions import HTTPMethodNotAllowed, HTTPNotFound
from trunkline.web.routing.dynamic_resource import DynamicResource
from trunkline.web.routing.match_info import MatchInfoError, UrlMappingMatchInfo
from trunkline.web.routing.prefixes import MatchedSubAppResource
from trunkline.web.routing.resources import AbstractResource, PlainResource, Resource
from trunkline.web.routing.route_index import RouteIndex
from trunkline.web.routing.route_paths import requested_path
from trunkline.web.routing.routedef import AbstractRouteDef
from trunkline.web.routing.routes import AbstractRoute, ExpectHandler, Handler
from trunkline.web.routing.static import StaticResource

# Any of `request`: Request stands above this module, and tests use stand-ins.
_Handler = Handler | type[AbstractView]


class ResourcesView(Sized, Iterable[AbstractResource], Container[AbstractResource]):
    """All resources of a router, in order of registration."""

    def __init__(self, resources: list[AbstractResource]) -> None:
        self._resources = resources

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[AbstractResource]:
        yield from self._resources

    def __contains__(self, resource: object) -> bool:
        return resource in self._resources


class RoutesView(Sized, Iterable[AbstractRoute], Container[AbstractRoute]):
    """All routes of a router's resources, as they were when the view was made."""

    def __init__(self, resources: list[AbstractResource]) -> None:
        self._routes = [route for resource in resources for route in resource]

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[AbstractRoute]:
        yield from self._routes

    def __contains__(self, route: object) -> bool:
        return route in self._routes


class UrlDispatcher(AbstractRouter, Mapping[str, AbstractResource]):
    """Finds the route of a request by method and path; a mapping of the named resources."""

    NAME_SPLIT_RE = re.compile(r"[.:-]")

    def __init__(self) -> None:
        super().__init__()
        self._resources: list[AbstractResource] = []
        self._named_resources: dict[str, AbstractResource] = {}
        self._index = RouteIndex()
        self._domains: list[MatchedSubAppResource] = []
        self.must_be_awaited = self._has_other_resolve()

    # Finding.

    def find(self, request: Any) -> UrlMappingMatchInfo | None:
        """Return the match for `request`; None when only `resolve` can tell."""
        if self.must_be_awaited:
            return None
        path = requested_path(request._message)
        method = request.method
        if not self._domains:
            for resource in self._index.exactly(path):
                match_info = resource.find(request, method, path)
                if match_info is not None:
                    return match_info
        return self.find_path(request, method, path)

    def find_path(self, request: Any, method: str, path: str) -> UrlMappingMatchInfo:
        """Return the match for a request with this method and path, in matching form."""
        for domain in self._domains:
            match_info = domain.find(request, method, path)
            if match_info is not None:
                return match_info
        for resource in self._index.candidates(path):
            match_info = resource.find(request, method, path)
            if match_info is not None:
                return match_info
        return self._refused(method, path)

    def _refused(self, method: str, path: str) -> MatchInfoError:
        allowed: set[str] = set()
        for resource in self._index.candidates(path):
            allowed |= resource.allowed_methods(path)
        return _no_match(method, allowed)

    async def resolve(self, request: Any) -> UrlMappingMatchInfo:
        """Return the match for `request`."""
        path = requested_path(request._message)
        allowed: set[str] = set()
        for resources in (self._domains, self._index.candidates(path)):
            for resource in resources:
                match_info, methods = await resource.resolve(request)
                if match_info is not None:
                    return match_info
                allowed |= methods
        return _no_match(request.method, allowed)

    # The mapping, and views of all there is.

    def __iter__(self) -> Iterator[str]:
        return iter(self._named_resources)

    def __len__(self) -> int:
        return len(self._named_resources)

    def __contains__(self, name: object) -> bool:
        return name in self._named_resources

    def __getitem__(self, name: str) -> AbstractResource:
        return self._named_resources[name]

    def resources(self) -> ResourcesView:
        """Return all resources."""
        return ResourcesView(self._resources)

    def routes(self) -> RoutesView:
        """Return the routes of all resources."""
        return RoutesView(self._resources)

    def named_resources(self) -> Mapping[str, AbstractResource]:
        """Return the resources that have a name, by name."""
        return MappingProxyType(self._named_resources)

    # Adding.

    def register_resource(self, resource: AbstractResource) -> None:
        """Take a resource made elsewhere."""
        if not isinstance(resource, AbstractResource):
            raise TypeError(f"Instance of AbstractResource class is required, got {resource!r}")
        if self.frozen:
            raise RuntimeError("Cannot register a resource into frozen router: add routes before the application runs")
        if resource.name is not None:
            self._take_name(resource.name, resource)
        self._resources.append(resource)
        self.must_be_awaited = self.must_be_awaited or resource.must_be_awaited
        if isinstance(resource, MatchedSubAppResource):
            self._domains.append(resource)
        else:
            self.index_resource(resource)

    def _take_name(self, name: str, resource: AbstractResource) -> None:
        for part in self.NAME_SPLIT_RE.split(name):
            if keyword.iskeyword(part):
                raise ValueError(f"Incorrect route name {name!r}, python keywords cannot be used for route name")
            if not part.isidentifier():
                raise ValueError(
                    f"Incorrect route name {name!r}, the name should be a sequence of python identifiers separated "
                    "by dash, dot or column"
                )
        if name in self._named_resources:
            raise ValueError(f"Duplicate {name!r}, already handled by {self._named_resources[name]!r}")
        self._named_resources[name] = resource

    def index_resource(self, resource: AbstractResource) -> None:
        """Let requests find `resource`."""
        self._index.add(resource)

    def unindex_resource(self, resource: AbstractResource) -> None:
        """Let requests find `resource` no longer; to be called before its path changes."""
        self._index.remove(resource)

    def add_prefix(self, prefix: str) -> None:
        """Move all resources below `prefix`, which is percent-encoded."""
        for resource in self._resources:
            if isinstance(resource, MatchedSubAppResource):
                resource.add_prefix(prefix)
                continue
            self.unindex_resource(resource)
            resource.add_prefix(prefix)
            self.index_resource(resource)

    def add_resource(self, path: str, *, name: str | None = None) -> Resource:
        """Add a resource, or return the last one if it was added with the same path and name."""
        if path and not path.startswith("/"):
            raise ValueError(f"path should be started with / or be empty; got {path!r}")
        if self._resources:
            last = self._resources[-1]
            if isinstance(last, Resource) and last.name == name and last.raw_match(path):
                return last
        resource: Resource
        if "{" in path or "}" in path:
            resource = DynamicResource(path, name=name)
        else:
            resource = PlainResource(path, name=name)
        self.register_resource(resource)
        return resource

    def add_route(
        self,
        method: str,
        path: str,
        handler: _Handler,
        *,
        name: str | None = None,
        expect_handler: ExpectHandler | None = None,
    ) -> AbstractRoute:
        """Let `handler` answer requests for `path` with `method`; `*` takes every method."""
        return self.add_resource(path, name=name).add_route(method, handler, expect_handler=expect_handler)

    def add_static(
        self,
        prefix: str,
        path: "str | PathLike[str]",
        *,
        name: str | None = None,
        expect_handler: ExpectHandler | None = None,
        chunk_size: int = 256 * 1024,
        show_index: bool = False,
        follow_symlinks: bool = False,
        append_version: bool = False,
    ) -> AbstractResource:
        """Serve the files of the directory `path` below `prefix`; see `StaticResource`."""
        resource = StaticResource(
            prefix,
            path,
            name=name,
            expect_handler=expect_handler,
            chunk_size=chunk_size,
            show_index=show_index,
            follow_symlinks=follow_symlinks,
            append_version=append_version,
        )
        self.register_resource(resource)
        return resource

    def add_head(self, path: str, handler: _Handler, **kwargs: Any) -> AbstractRoute:  # Any: as add_route's
        """Add a route for HEAD."""
        return self.add_route(hdrs.METH_HEAD, path, handler, **kwargs)

    def add_options(self, path: str, handler: _Handler, **kwargs: Any) -> AbstractRoute:  # Any: as add_route's
        """Add a route for OPTIONS."""
        return self.add_route(hdrs.METH_OPTIONS, path, handler, **kwargs)

    def add_get(
        self,
        path: str,
        handler: _Handler,
        *,
        name: str | None = None,
        allow_head: bool = True,
        **kwargs: Any,  # Any: as add_route's
    ) -> AbstractRoute:
        """Add a route for GET and, unless told otherwise, for HEAD."""
        resource = self.add_resource(path, name=name)
        if allow_head:
            resource.add_route(hdrs.METH_HEAD, handler, **kwargs)
        return resource.add_route(hdrs.METH_GET, handler, **kwargs)

    def add_post(self, path: str, handler: _Handler, **kwargs: Any) -> AbstractRoute:  # Any: as add_route's
        """Add a route for POST."""
        return self.add_route(hdrs.METH_POST, path, handler, **kwargs)

    def add_put(self, path: str, handler: _Handler, **kwargs: Any) -> AbstractRoute:  # Any: as add_route's
        """Add a route for PUT."""
        return self.add_route(hdrs.METH_PUT, path, handler, **kwargs)

    def add_patch(self, path: str, handler: _Handler, **kwargs: Any) -> AbstractRoute:  # Any: as add_route's
        """Add a route for PATCH."""
        return self.add_route(hdrs.METH_PATCH, path, handler, **kwargs)

    def add_delete(self, path: str, handler: _Handler, **kwargs: Any) -> AbstractRoute:  # Any: as add_route's
        """Add a route for DELETE."""
        return self.add_route(hdrs.METH_DELETE, path, handler, **kwargs)

    def add_view(self, path: str, handler: type[AbstractView], **kwargs: Any) -> AbstractRoute:  # Any: as add_route's
        """Add a class-based view, which answers every method that it has."""
        return self.add_route(hdrs.METH_ANY, path, handler, **kwargs)

    def add_routes(self, routes: Iterable[AbstractRouteDef]) -> list[AbstractRoute]:
        """Add all routes of a list or `RouteTableDef`."""
        return [route for definition in routes for route in definition.register(self)]

    def freeze(self) -> None:
        """Take no more routes."""
        super().freeze()
        self.must_be_awaited = self.must_be_awaited or self._has_other_resolve()
        for resource in self._resources:
            resource.freeze()

    def _has_other_resolve(self) -> bool:
        """Tell whether a subclass has a `resolve` of its own, or somebody has put one in the place of ours."""
        return type(self).resolve is not _OUR_RESOLVE


_OUR_RESOLVE: Final = UrlDispatcher.resolve  # monitoring libraries replace it in the class


def _no_match(method: str, allowed: set[str]) -> MatchInfoError:
    return MatchInfoError(HTTPMethodNotAllowed(method, allowed) if allowed else HTTPNotFound())
