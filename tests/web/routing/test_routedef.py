"""Route definitions: collected first, registered later."""

from pathlib import Path
from typing import Any

import pytest

from tests.web.routing.asking import outcome
from trunkline.web.routing import routedef
from trunkline.web.routing.class_view import View
from trunkline.web.routing.routedef import AbstractRouteDef, RouteDef, RouteTableDef, StaticDef
from trunkline.web.routing.router import UrlDispatcher


async def handler(request: object) -> str:
    """Answer with a word."""
    return "handler"


class SomeView(View):
    """A view."""


METHODS = ["head", "options", "get", "post", "put", "patch", "delete"]


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_has_a_definition_and_a_decorator(method: str) -> None:
    table = RouteTableDef()
    assert getattr(table, method)("/decorated", name="decorated")(handler) is handler
    router = UrlDispatcher()
    router.add_routes([getattr(routedef, method)("/defined", handler, name="defined")])
    router.add_routes(table)
    assert set(router) == {"defined", "decorated"}
    for path in ("/defined", "/decorated"):
        assert await outcome(router, f"{method.upper()} {path}") == "handler"
        assert await outcome(router, f"BREW {path}") == ("405 GET HEAD" if method == "get" else f"405 {method.upper()}")


@pytest.mark.parametrize(
    ("definition", "methods"),
    [
        (routedef.get("/a", handler), ["HEAD", "GET"]),
        (routedef.get("/a", handler, allow_head=False), ["GET"]),
        (routedef.route("GET", "/a", handler), ["HEAD", "GET"]),
        (routedef.route("get", "/a", handler), ["GET"]),
        (routedef.route("*", "/a", handler), ["*"]),
        (routedef.route("TRACE", "/a", handler), ["TRACE"]),
        (routedef.route("BREW", "/a", handler), ["BREW"]),
        (routedef.view("/a", SomeView), ["*"]),
    ],
)
def test_a_definition_registers_its_methods(definition: RouteDef, methods: list[str]) -> None:
    router = UrlDispatcher()
    (route,) = router.add_routes([definition])
    assert [route.method for route in router.routes()] == methods
    assert route in router.routes()


def test_any_method_and_views_have_decorators() -> None:
    table = RouteTableDef()
    table.route("BREW", "/pot")(handler)
    assert table.view("/view")(SomeView) is SomeView
    assert list(table) == [RouteDef("BREW", "/pot", handler, {}), RouteDef("*", "/view", SomeView, {})]


def test_static_files_are_defined_and_registered(tmp_path: Path) -> None:
    table = RouteTableDef()
    table.static("/s", tmp_path, show_index=True)
    assert list(table) == [routedef.static("/s", tmp_path, show_index=True)]
    router = UrlDispatcher()
    assert sorted(route.method for route in router.add_routes(table)) == ["GET", "HEAD"]


def test_a_table_is_a_sequence() -> None:
    table = RouteTableDef()
    table.get("/a")(handler)
    table.post("/b")(handler)
    first = RouteDef("GET", "/a", handler, {})
    assert len(table) == 2
    assert table[0] == first
    assert table[-1:] == [RouteDef("POST", "/b", handler, {})]
    assert first in table
    assert repr(table) == "<RouteTableDef count=2>"


def test_definitions_of_the_users_own_are_registered() -> None:
    class Both(AbstractRouteDef):
        def register(self, router: Any) -> list[Any]:
            return [router.add_get("/a", handler), router.add_post("/a", handler)]

    assert [route.method for route in UrlDispatcher().add_routes([Both()])] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("definition", "shown"),
    [
        (routedef.get("/a", handler, name="n"), "<RouteDef GET /a -> 'handler', allow_head=True, name='n'>"),
        (routedef.post("/a", handler), "<RouteDef POST /a -> 'handler'>"),
        (routedef.view("/a", SomeView), "<RouteDef * /a -> 'SomeView'>"),
        (StaticDef("/s", "dir", {"name": "x"}), "<StaticDef /s -> dir, name='x'>"),
    ],
)
def test_definitions_show_what_they_define(definition: AbstractRouteDef, shown: str) -> None:
    assert repr(definition) == shown


def test_unknown_arguments_are_refused_by_the_router() -> None:
    with pytest.raises(TypeError, match="colour"):
        UrlDispatcher().add_routes([routedef.post("/a", handler, colour="red")])
