"""Web reference, "UrlDispatcher" to "View", and `normalize_path_middleware`: which handler a request reaches."""

import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.web.serving import serving
from trunkline import web
from trunkline.abc import AbstractRouter, AbstractView

Routes = Callable[[web.UrlDispatcher], object]


def answering(text: str) -> Any:  # Any: a handler
    async def answer(request: web.Request) -> web.Response:
        return web.json_response([text, dict(request.match_info)])

    return answer


async def answers(app: web.Application, *requests: str) -> list[tuple[int, str]]:
    """Send each request, `METHOD path`, to the application; return statuses and the texts of the handlers."""
    got = []
    async with serving(app) as served:
        for request in requests:
            async with await served.talk() as talk:
                talk.send(f"{request} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
                head, _, body = (await talk.rest()).partition(b"\r\n\r\n")
                text = json.loads(body)[0] if body.startswith(b"[") else ""
                got.append((int(head.split()[1]), text))
    return got


def test_the_dispatcher_is_a_router_and_a_mapping_of_names() -> None:
    router = web.Application().router
    assert isinstance(router, web.UrlDispatcher)
    assert isinstance(router, AbstractRouter)
    plain = router.add_resource("/a", name="plain")
    router.add_get("/b/{c}", answering("b"), name="dynamic")
    assert router["plain"] is plain
    assert ("plain" in router, "none" in router, len(router), list(router)) == (True, False, 2, ["plain", "dynamic"])
    assert router.get("none") is None
    with pytest.raises(KeyError):
        router["none"]


@pytest.mark.parametrize(
    ("method", "add"),
    [
        ("HEAD", web.UrlDispatcher.add_head),
        ("POST", web.UrlDispatcher.add_post),
        ("PUT", web.UrlDispatcher.add_put),
        ("PATCH", web.UrlDispatcher.add_patch),
        ("DELETE", web.UrlDispatcher.add_delete),
        ("OPTIONS", web.UrlDispatcher.add_options),
    ],
)
async def test_the_shortcuts_add_a_route_for_their_method(method: str, add: Any) -> None:
    app = web.Application()
    route = add(app.router, "/x", answering("x"), name="x")
    assert (route.method, route.name, route.resource) == (method, "x", app.router["x"])
    [(status, _), (other, _)] = await answers(app, f"{method} /x", "GET /x")
    assert (status, other) == (200, 405)


async def test_get_brings_head_unless_told_otherwise() -> None:
    app = web.Application()
    app.router.add_get("/both", answering("both"), name="both")
    app.router.add_get("/get", answering("get"), allow_head=False)
    assert [status for status, _ in await answers(app, "HEAD /both", "GET /both", "HEAD /get", "GET /get")] == [
        200, 200, 405, 200,
    ]  # fmt: skip


async def test_methods_are_written_in_any_case_and_a_star_is_all_of_them() -> None:
    app = web.Application()
    app.router.add_route("get", "/lower", answering("lower"))
    app.router.add_route("*", "/star", answering("star"))
    app.router.add_route("BREW", "/pot", answering("coffee"))
    assert await answers(app, "GET /lower", "PURGE /star", "BREW /pot", "GET /pot") == [
        (200, "lower"), (200, "star"), (200, "coffee"), (405, ""),
    ]  # fmt: skip


async def test_405_names_the_methods_that_there_are() -> None:
    app = web.Application()
    app.router.add_get("/x", answering("x"))
    app.router.add_post("/x", answering("x"))
    async with serving(app) as served:
        status, fields, _ = await served.ask(b"PUT /x HTTP/1.1\r\nHost: test\r\n\r\n")
    assert (status, fields["allow"]) == (405, "GET,HEAD,POST")


@pytest.mark.parametrize("path", ["/one/two/three", "/one/two/three/", "/one/two"])
async def test_the_longest_constant_beginning_is_asked_first(path: str) -> None:
    app = web.Application()
    app.router.add_get("/{tail:.*}", answering("/{tail}"))
    app.router.add_get("/one/{tail:.*}", answering("/one/{tail}"))
    app.router.add_get("/one/two/three", answering("/one/two/three"))
    expected = "/one/two/three" if path == "/one/two/three" else "/one/{tail}"
    assert await answers(app, f"GET {path}", "GET /other") == [(200, expected), (200, "/{tail}")]


async def test_fixed_paths_are_preferred_and_variable_ones_in_order() -> None:
    app = web.Application()
    app.router.add_get("/a/{name}", answering("/a/{name}"))
    app.router.add_get("/a/b", answering("/a/b"))
    app.router.add_get("/users/{x}/{y}/z", answering("first"))
    app.router.add_get("/users/{x}/y/z", answering("second"))
    assert await answers(app, "GET /a/b", "GET /a/c", "GET /users/1/y/z") == [
        (200, "/a/b"), (200, "/a/{name}"), (200, "first"),
    ]  # fmt: skip


async def test_a_resource_without_the_method_leaves_it_to_the_next() -> None:
    app = web.Application()
    app.router.add_get("/{a}", answering("get"))
    app.router.add_post("/{b}", answering("post"))
    assert await answers(app, "GET /x", "POST /x", "PUT /x") == [(200, "get"), (200, "post"), (405, "")]


async def test_a_resource_takes_each_method_once() -> None:
    resource = web.Application().router.add_resource("/x", name="x")
    route = resource.add_route("GET", answering("x"))
    assert isinstance(route, web.ResourceRoute)
    assert (len(resource), list(resource)) == (1, [route])
    with pytest.raises(RuntimeError, match="GET"):
        resource.add_route("GET", answering("y"))
    resource.add_route("*", answering("z"))
    with pytest.raises(RuntimeError, match="never be executed"):
        resource.add_route("POST", answering("y"))


def test_the_views_of_resources_and_routes() -> None:
    router = web.Application().router
    route = router.add_get("/a", answering("a"), name="a")
    other = router.add_post("/b", answering("b"))
    assert (len(router.resources()), len(router.routes()), len(router.named_resources())) == (2, 3, 1)
    assert route.resource in router.resources()
    assert route in router.routes()
    assert [resource.canonical for resource in router.resources()] == ["/a", "/b"]
    assert [route.method for route in router.routes()] == ["HEAD", "GET", "POST"]
    named = router.named_resources()
    assert isinstance(named, types.MappingProxyType)
    assert dict(named) == {"a": route.resource}
    assert (other.name, "a" in named) == (None, True)


def test_resources_describe_themselves_and_build_their_urls(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("x")
    router = web.Application().router
    plain = router.add_resource("/path/to", name="plain")
    dynamic = router.add_resource(r"/get/{num:\d+}/{to}", name="dynamic")
    static = router.add_static("/prefix", tmp_path, name="static")
    assert (type(plain), type(dynamic), type(static)) == (web.PlainResource, web.DynamicResource, web.StaticResource)
    assert [resource.canonical for resource in router.resources()] == ["/path/to", "/get/{num}/{to}", "/prefix"]
    assert plain.get_info() == {"path": "/path/to"}
    info = dynamic.get_info()
    assert info["formatter"] == "/get/{num}/{to}"
    assert info["pattern"].fullmatch("/get/15/x")
    assert plain.url_for() == URL("/path/to")
    assert plain.url_for().with_query({"a": 1, "b": 2}) == URL("/path/to?a=1&b=2")
    assert str(dynamic.url_for(num="15", to="ü x")) == "/get/15/%C3%BC%20x"
    assert static.url_for(filename="dir/file.txt") == URL("/prefix/dir/file.txt")
    assert dynamic.add_route("GET", answering("x")).url_for(num="1", to="y") == URL("/get/1/y")


@pytest.mark.parametrize("name", ["class", "1a", "a b", "a..b"])
def test_names_are_identifiers_joined_by_dots_dashes_and_colons(name: str) -> None:
    router = web.Application().router
    router.add_resource("/a", name="users.list-all:v1")
    with pytest.raises(ValueError, match="name"):
        router.add_resource("/b", name=name)


def test_a_name_is_taken_once_and_a_path_begins_with_a_slash() -> None:
    router = web.Application().router
    router.add_get("/a", answering("a"), name="a")
    with pytest.raises(ValueError, match="Duplicate 'a'"):
        router.add_get("/b", answering("b"), name="a")
    with pytest.raises(ValueError, match="started with /"):
        router.add_get("b", answering("b"))
    for path in ("/{", "/{1x}", "/{a:(}", "/a}"):
        with pytest.raises(ValueError):
            router.add_get(path, answering("b"))


def test_what_is_no_coroutine_function_is_no_handler() -> None:
    with pytest.raises((TypeError, AssertionError)):
        web.Application().router.add_get("/", None)  # type: ignore[arg-type]  # the mistake


async def test_resolve_finds_without_raising_and_the_match_raises() -> None:
    router = web.UrlDispatcher()
    router.add_get("/x", answering("x"))
    results: list[Any] = []

    async def ask(request: web.Request) -> web.Response:
        for method, path in (("GET", "/x"), ("GET", "/none"), ("PUT", "/x")):
            results.append(await router.resolve(request.clone(method=method, rel_url=path)))
        for match in results[1:]:
            with pytest.raises(type(match.http_exception)):
                await match.handler(request)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", ask)
    async with serving(app) as served:
        assert (await served.get("/"))[0] == 200
    assert [match.http_exception and match.http_exception.status for match in results] == [None, 404, 405]
    assert results[1].route.resource is None
    assert (results[2].route.status, results[2].route.reason) == (405, "Method Not Allowed")


class Pages(web.View):
    """A class of handlers, one for each method that it has."""

    async def get(self) -> web.Response:
        assert isinstance(self, AbstractView)
        return web.json_response([f"get {self.request.path}"])

    async def post(self) -> web.Response:
        return web.json_response(["post"])


def by_router(app: web.Application) -> None:
    app.router.add_view("/view", Pages)


def by_list(app: web.Application) -> None:
    app.add_routes([web.view("/view", Pages)])


def by_table(app: web.Application) -> None:
    table = web.RouteTableDef()
    table.view("/view")(Pages)
    app.add_routes(table)


def by_star(app: web.Application) -> None:
    app.router.add_route("*", "/view", Pages)


@pytest.mark.parametrize("add", [by_router, by_list, by_table, by_star])
async def test_a_view_answers_the_methods_that_it_has(add: Callable[[web.Application], None]) -> None:
    app = web.Application()
    add(app)
    assert await answers(app, "GET /view", "POST /view", "DELETE /view", "BREW /view") == [
        (200, "get /view"), (200, "post"), (405, ""), (405, ""),
    ]  # fmt: skip


async def test_definitions_are_values_until_they_are_registered(tmp_path: Path) -> None:
    handler = answering("x")
    definition = web.get("/x", handler, name="x", allow_head=False)
    assert isinstance(definition, web.RouteDef)
    assert isinstance(definition, web.AbstractRouteDef)
    assert (definition.method, definition.path, definition.handler) == ("GET", "/x", handler)
    assert definition.kwargs == {"name": "x", "allow_head": False}
    static = web.static("/static", tmp_path, show_index=True)
    assert isinstance(static, web.StaticDef)
    assert (static.prefix, static.path, static.kwargs) == ("/static", tmp_path, {"show_index": True})
    router = web.UrlDispatcher()
    [route] = definition.register(router)
    assert route.handler is handler
    assert {route.method for route in static.register(router)} == {"GET", "HEAD"}


async def test_every_kind_of_definition_reaches_its_handler() -> None:
    makers = {
        "GET": web.get, "HEAD": web.head, "POST": web.post, "PUT": web.put, "PATCH": web.patch,
        "DELETE": web.delete, "OPTIONS": web.options,
    }  # fmt: skip
    app = web.Application()
    app.add_routes([make(f"/{method}", answering(method)) for method, make in makers.items()])
    app.add_routes([web.route("BREW", "/BREW", answering("BREW"))])
    got = await answers(app, *(f"{method} /{method}" for method in [*makers, "BREW"]))
    assert got == [(200, "" if method == "HEAD" else method) for method in [*makers, "BREW"]]


async def test_a_table_is_a_sequence_filled_by_decorators() -> None:
    table = web.RouteTableDef()
    decorators = {
        "GET": table.get, "HEAD": table.head, "POST": table.post, "PUT": table.put, "PATCH": table.patch,
        "DELETE": table.delete, "OPTIONS": table.options,
    }  # fmt: skip
    for method, decorator in decorators.items():
        handler = answering(method)
        assert decorator(f"/{method}", name=method.lower())(handler) is handler
    table.route("BREW", "/BREW")(answering("BREW"))
    assert (len(table), table[0].path, [r.method for r in table[-2:]]) == (8, "/GET", ["OPTIONS", "BREW"])  # type: ignore[attr-defined]  # RouteDefs, all of them
    assert all(definition in table for definition in table)
    app = web.Application()
    app.add_routes(table)
    assert [status for status, _ in await answers(app, *(f"{method} /{method}" for method in decorators))] == [200] * 7


@pytest.mark.parametrize(
    ("options", "route", "path", "location"),
    [
        ({}, "/a/", "/a", "/a/"),
        ({}, "/a/b/", "//a//b", "/a/b/"),
        ({}, "/a/b", "/a///b?q=1", "/a/b?q=1"),
        ({"append_slash": False, "remove_slash": True}, "/a", "/a/", "/a"),
        ({"append_slash": False, "remove_slash": True}, "/a/b", "/a//b/", "/a/b"),
        ({"merge_slashes": False}, "/a/b/", "/a//b", None),
        ({"append_slash": False}, "/a/", "/a", None),
        ({}, "/a", "/none", None),
    ],
)
async def test_slashes_are_corrected_by_a_redirect(
    options: dict[str, Any], route: str, path: str, location: str | None
) -> None:
    app = web.Application(middlewares=[web.normalize_path_middleware(**options)])
    app.router.add_get(route, answering("found"))
    async with serving(app) as served:
        status, fields, _ = await served.get(path)
        assert (status, fields.get("location")) == (308 if location else 404, location)
        if location:
            assert (await served.get(location))[0] == 200


async def test_the_kind_of_redirect_can_be_chosen_and_both_corrections_exclude_each_other() -> None:
    app = web.Application(middlewares=[web.normalize_path_middleware(redirect_class=web.HTTPMovedPermanently)])
    app.router.add_get("/a/", answering("found"))
    async with serving(app) as served:
        assert (await served.get("/a"))[0] == 301
    with pytest.raises(AssertionError):
        web.normalize_path_middleware(append_slash=True, remove_slash=True)
