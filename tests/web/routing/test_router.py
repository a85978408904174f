"""The router: which route a request finds, what may be registered, and the views of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.routing.asking import asking, named, outcome
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.web.routing.resources import AbstractResource, PlainResource
from trunkline.web.routing.router import UrlDispatcher
from trunkline.web.routing.routes import AbstractRoute


def routing(*lines: str) -> UrlDispatcher:
    """Make a router with a route for each line `METHOD /path`; its handler is named by the line."""
    router = UrlDispatcher()
    for line in lines:
        method, _, path = line.partition(" ")
        router.add_route(method, path, named(line))
    return router


ORDER = (
    "GET /{a}", "GET /a/{b}", "GET /{a}/b", "GET /a/b", "POST /a/b", "PUT /a/{b}", "DELETE /{a}/b", "PATCH /{a}/{b}",
    "GET /p-{x}", "GET /a/q{z}", "POST /t{x:.*}", "POST /t/{x:.*}", "POST /{x:.*}", "GET /u/{x}/{y}/z",
    "GET /u/{x}/y/z",
)  # fmt: skip


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("GET /a/b", "GET /a/b"),
        ("POST /a/b", "POST /a/b"),
        ("PUT /a/b", "PUT /a/{b} b=b"),
        ("DELETE /a/b", "DELETE /{a}/b a=a"),
        ("PATCH /a/b", "PATCH /{a}/{b} a=a b=b"),
        ("GET /z/b", "GET /{a}/b a=z"),
        ("GET /p-1", "GET /{a} a=p-1"),
        ("GET /a/qz", "GET /a/{b} b=qz"),
        ("POST /t/q", "POST /t/{x:.*} x=q"),
        ("POST /tq", "POST /t{x:.*} x=q"),
        ("POST /t", "POST /t{x:.*} x="),
        ("POST /q/t/r", "POST /{x:.*} x=q/t/r"),
        ("GET /u/a/y/z", "GET /u/{x}/{y}/z x=a y=y"),
        ("OPTIONS /a/b", "405 DELETE GET PATCH POST PUT"),
        ("OPTIONS /z", "405 GET POST"),
        ("OPTIONS *", "404"),
        ("GET /", "405 POST"),
    ],
)
async def test_the_longest_constant_beginning_wins_then_the_order_of_registration(line: str, found: str) -> None:
    assert await outcome(routing(*ORDER), line) == found


PATHS = (
    "GET /", "GET /plain", "GET /slash/", "GET /café", "GET /a+b", "GET //dbl", "GET /d/{name}", "GET /100%",
    "GET /a.b/../c",
)  # fmt: skip


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/", "GET /"),
        ("/?x", "GET /"),
        ("/plain?x=1?y", "GET /plain"),
        ("/plain#f", "GET /plain"),
        ("/plain/", "404"),
        ("/plain;x", "404"),
        ("//plain", "404"),
        ("/slash", "404"),
        ("/slash/", "GET /slash/"),
        ("/caf%c3%a9", "GET /café"),
        ("/a%2bb", "GET /a+b"),
        ("//dbl", "GET //dbl"),
        ("/dbl", "404"),
        ("/d/a%2Fb", "GET /d/{name} name=a/b"),
        ("/d/a/b", "404"),
        ("/d/%2525", "GET /d/{name} name=%25"),
        ("/d/..", "GET /d/{name} name=.."),
        ("/d/../plain", "404"),
        ("/./plain", "404"),
        ("/100%25", "GET /100%"),
        ("/100%", "GET /100%"),
        ("/a.b/../c", "GET /a.b/../c"),
        ("http://h/plain", "GET /plain"),
        ("http://h/d/a%2Fb?x", "GET /d/{name} name=a/b"),
        ("http://h/", "GET /"),
        ("http://h", "GET /"),
        ("*", "404"),
        ("plain", "404"),
    ],
)
async def test_a_target_leads_to_the_route_of_its_path(target: str, found: str) -> None:
    assert await outcome(routing(*PATHS), f"GET {target}") == found


async def test_the_authority_form_leads_nowhere() -> None:
    assert await outcome(routing("CONNECT /", "GET /{x:.*}"), "CONNECT h:80") == "404"


async def test_a_wildcard_takes_the_methods_without_route() -> None:
    router = routing("POST /a", "* /b", "PUT /a", "* /a")
    assert await outcome(router, "POST /a") == "POST /a"
    assert await outcome(router, "PUT /a") == "PUT /a"
    assert await outcome(router, "BREW /a") == "* /a"


@pytest.mark.parametrize(("allow_head", "found"), [(True, "get"), (False, "405 GET")])
async def test_get_answers_head_unless_told_otherwise(allow_head: bool, found: str) -> None:
    router = UrlDispatcher()
    router.add_get("/a", named("get"), allow_head=allow_head)
    assert await outcome(router, "HEAD /a") == found


@pytest.mark.parametrize("method", ["head", "options", "get", "post", "put", "patch", "delete"])
async def test_every_method_has_its_shortcut(method: str) -> None:
    router = UrlDispatcher()
    route = getattr(router, f"add_{method}")("/a", named(method), name="name")
    assert await outcome(router, f"{method.upper()} /a") == method
    assert route.method == method.upper()
    assert route.name == "name"


def test_the_same_path_and_name_twice_in_a_row_make_one_resource() -> None:
    router = UrlDispatcher()
    first = router.add_resource("/a/{b}")
    assert router.add_resource("/a/{b}") is first
    assert router.add_resource("/a/{b:.+}") is not first
    assert router.add_resource("/a/{b}") is not first
    named_one = router.add_resource("/c", name="c")
    assert router.add_resource("/c", name="c") is named_one
    assert router.add_resource("/c") is not named_one
    assert len(router.resources()) == 5


async def test_a_resource_gets_routes_after_it_was_added() -> None:
    router = UrlDispatcher()
    resource = router.add_resource("/a")
    assert await outcome(router, "GET /a") == "404"
    resource.add_route("GET", named("late"))
    assert await outcome(router, "GET /a") == "late"


@pytest.mark.parametrize("path", ["x", "*", "http://h/x", "{a}"])
def test_a_path_begins_with_a_slash(path: str) -> None:
    with pytest.raises(ValueError, match="path should be started with / or be empty"):
        UrlDispatcher().add_resource(path)


@pytest.mark.parametrize("name", ["a", "a.b-c:d", "a_b", "é"])
def test_a_name_finds_its_resource(name: str) -> None:
    router = UrlDispatcher()
    resource = router.add_resource("/", name=name)
    assert router[name] is resource
    assert name in router
    assert list(router) == list(router.named_resources()) == [name]
    assert len(router) == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *((name, "sequence of python identifiers") for name in ("", "1", "a b", "a/b", "a..b", ".a", "-")),
        *((name, "python keywords cannot be used") for name in ("class", "a.if", "not:a")),
    ],
)
def test_a_name_consists_of_identifiers(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"Incorrect route name {name!r}.*{why}"):
        UrlDispatcher().add_resource("/", name=name)


def test_a_name_belongs_to_one_resource() -> None:
    router = UrlDispatcher()
    router.add_get("/a", named("a"), name="name")
    with pytest.raises(ValueError, match="Duplicate 'name', already handled by <PlainResource 'name'  /a>"):
        router.add_get("/b", named("b"), name="name")
    assert len(router.resources()) == 1


def test_a_frozen_router_takes_no_routes(tmp_path: Path) -> None:
    router = UrlDispatcher()
    router.freeze()
    for add in (
        lambda: router.add_get("/", named("a")),
        lambda: router.add_static("/s", tmp_path),
        lambda: router.register_resource(PlainResource("/x")),
    ):
        with pytest.raises(RuntimeError, match="Cannot register a resource into frozen router"):
            add()


def test_only_resources_are_registered() -> None:
    with pytest.raises(TypeError, match="Instance of AbstractResource class is required, got 5"):
        UrlDispatcher().register_resource(5)  # type: ignore[arg-type]  # the error is tested


def test_views_show_resources_and_routes() -> None:
    router = UrlDispatcher()
    route = router.add_get("/a", named("a"), allow_head=False)
    other = router.add_post("/b", named("b"))
    assert list(router.routes()) == [route, other]
    assert len(router.routes()) == 2
    assert route in router.routes()
    assert list(router.resources()) == [route.resource, other.resource]
    assert route.resource in router.resources()
    assert PlainResource("/a") not in router.resources()


async def test_static_files_are_a_resource_among_others(tmp_path: Path) -> None:
    router = routing("GET /s/plain")
    static = router.add_static("/s/", tmp_path, name="files")
    assert router["files"] is static
    assert await outcome(router, "GET /s/plain") == "GET /s/plain"
    assert await outcome(router, "POST /s/file") == "405 GET HEAD"
    match_info = router.find(asking("GET /s/a%20b/c"))
    assert match_info == {"filename": "a b/c"}


async def test_a_resource_taken_from_the_index_is_not_found() -> None:
    router = routing("GET /a")
    (resource,) = router.resources()
    router.unindex_resource(resource)
    assert await outcome(router, "GET /a") == "404"
    router.index_resource(resource)
    assert await outcome(router, "GET /a") == "GET /a"


class OwnResource(AbstractResource):
    """A resource as the documentation lets users write one: with nothing but `resolve` to ask."""

    canonical = "/own/{x}"

    def __init__(self, route: AbstractRoute) -> None:
        super().__init__(name="own")
        self.route = route

    def url_for(self, **kwargs: str) -> Any:
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError

    def get_info(self) -> dict[str, str]:
        return {}

    def raw_match(self, path: str) -> bool:
        return False

    async def resolve(self, request: Any) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        if request.method != "GET":
            return None, {"GET"}
        return UrlMappingMatchInfo({"x": request.path}, self.route), {"GET"}

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter([self.route])


async def test_a_resource_of_the_users_own_is_awaited_in_its_turn() -> None:
    router = routing("GET /own/plain", "PUT /{x:.*}", "GET /{x:.*}")
    route = router.add_get("/elsewhere", named("own"))
    router.register_resource(OwnResource(route))
    assert router.find(asking("GET /own/1")) is None
    assert await outcome(router, "GET /own/1") == "own x=/own/1"
    assert await outcome(router, "GET /own/plain") == "GET /own/plain"
    assert await outcome(router, "PUT /own/1") == "PUT /{x:.*} x=own/1"
    assert await outcome(router, "POST /own/1") == "405 GET PUT"
    assert await outcome(router, "GET /other") == "GET /{x:.*} x=other"


async def test_a_router_that_overrides_resolve_is_awaited() -> None:
    class OwnRouter(UrlDispatcher):
        async def resolve(self, request: Any) -> UrlMappingMatchInfo:
            return await super().resolve(asking("GET /b"))

    router = OwnRouter()
    router.add_get("/b", named("b"))
    assert router.find(asking("GET /b")) is None
    assert await outcome(router, "GET /a") == "b"
