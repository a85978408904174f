"""The first half of the documentation's quickstart for servers: handlers, resources, routes, views, JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType

import pytest
from yarl import URL

from trunkline import web
from trunkline.test_utils import TestClient, TestServer

Client = TestClient[web.Request, web.Application]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def client_of(*routes: web.AbstractRouteDef) -> Client:
    app = web.Application()
    app.add_routes(routes)
    return TestClient(TestServer(app))


def saying(text: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=text)

    return handler


async def echo_method(request: web.Request) -> web.Response:
    return web.Response(text=request.method)


async def echo_match(request: web.Request) -> web.Response:
    return web.json_response(dict(request.match_info))


# Handlers.


def test_no_public_name_is_hidden_by_a_module_of_the_same_name() -> None:
    assert [name for name in web.__all__ if isinstance(getattr(web, name), ModuleType)] == []


async def test_a_handler_on_a_method_and_a_path_is_a_server() -> None:
    async with client_of(web.get("/", saying("Hello, world"))) as client:
        response = await client.get("/")
        assert response.status == 200
        assert response.content_type == "text/plain"
        assert response.charset == "utf-8"
        assert await response.text() == "Hello, world"


async def test_decorators_fill_a_table_that_is_added_as_a_list_is() -> None:
    routes = web.RouteTableDef()

    @routes.get("/")
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="Hello, world")

    async with client_of(*routes) as client, client.get("/") as response:
        assert await response.text() == "Hello, world"
    assert await hello(None) is not None  # type: ignore[arg-type]  # the decorated name is the function still


async def test_an_empty_response_is_a_200_without_a_body() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    async with client_of(web.get("/", handler)) as client, client.get("/") as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == "0"
        assert await response.read() == b""


@pytest.mark.parametrize("register", ["functions", "decorators", "router"])
async def test_three_ways_to_register_are_one(register: str) -> None:
    app = web.Application()
    routes = web.RouteTableDef()
    for method in ("get", "post", "put", "patch", "delete"):
        path, handler = f"/{method}", saying(method)
        if register == "functions":
            app.add_routes([getattr(web, method)(path, handler)])
        elif register == "decorators":
            getattr(routes, method)(path)(handler)
        else:
            getattr(app.router, f"add_{method}")(path, handler)
    app.router.add_routes(routes)
    async with TestClient(TestServer(app)) as client:
        for method in ("get", "post", "put", "patch", "delete"):
            async with client.request(method.upper(), f"/{method}") as response:
                assert await response.text() == method


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
async def test_a_wildcard_serves_any_method_and_the_handler_can_ask_which(method: str) -> None:
    routes = web.RouteTableDef()
    routes.route("*", "/decorated")(echo_method)
    async with client_of(web.route("*", "/path", echo_method), *routes) as client:
        for path in ("/path", "/decorated"):
            async with client.request(method, path) as response:
                assert await response.text() == method


async def test_head_is_answered_as_get_would_be_without_the_body() -> None:
    async with client_of(web.get("/", saying("Hello, world"))) as client:
        got = await client.get("/")
        response = await client.head("/")
        assert response.status == 200
        assert await response.read() == b""
        for name in ("Content-Type", "Content-Length", "Server"):
            assert response.headers[name] == got.headers[name]


async def test_head_can_be_denied_and_then_its_handler_is_not_called() -> None:
    called: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        called.append(request.method)
        return web.Response()

    async with client_of(web.get("/", handler, allow_head=False)) as client:
        response = await client.head("/")
        assert (response.status, response.reason) == (405, "Method Not Allowed")
        assert response.headers["Allow"] == "GET"
    assert called == []


# Resources and routes.


async def test_routes_of_one_path_that_follow_each_other_share_a_resource() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    def count(*routes: web.RouteDef) -> int:
        app = web.Application()
        app.add_routes(routes)
        return len(app.router.resources())

    get_1, post_1 = web.get("/path1", handler), web.post("/path1", handler)
    get_2, post_2 = web.get("/path2", handler), web.post("/path2", handler)
    assert count(get_1, post_1, get_2, post_2) == 2
    assert count(get_1, get_2, post_2, post_1) == 3


async def test_both_orders_of_registration_answer_alike() -> None:
    get_1, post_1 = web.get("/path1", saying("get 1")), web.post("/path1", saying("post 1"))
    get_2, post_2 = web.get("/path2", saying("get 2")), web.post("/path2", saying("post 2"))
    for routes in ((get_1, post_1, get_2, post_2), (get_1, get_2, post_2, post_1)):
        async with client_of(*routes) as client:
            for path in ("/path1", "/path2"):
                for method in ("GET", "POST"):
                    async with client.request(method, path) as response:
                        assert await response.text() == f"{method.lower()} {path[-1]}"
            refused = await client.put("/path1")
            assert (refused.status, refused.headers["Allow"]) == (405, "GET,HEAD,POST")
            assert (await client.get("/path3")).status == 404


@pytest.mark.parametrize(
    ("template", "path", "found"),
    [
        ("/a/{name}/c", "/a/b/c", {"name": "b"}),
        ("/a/{name}/c", "/a/1/c", {"name": "1"}),
        ("/a/{name}/c", "/a/etc/c", {"name": "etc"}),
        ("/a/{name}/c", "/a/%D1%8F%20x/c", {"name": "я x"}),
        ("/a/{name}/c", "/a/b/c?name=query", {"name": "b"}),
        ("/a/{name}/c", "/a//c", None),
        ("/a/{name}/c", "/a/b/b/c", None),
        ("/a/{name}/c", "/a/b/c/", None),
        (r"/{name:\d+}", "/42", {"name": "42"}),
        (r"/{name:\d+}", "/fortytwo", None),
        (r"/{name:\d+}", "/42x", None),
        (r"/{year:\d{4}}-{month:\d\d}", "/2024-05", {"year": "2024", "month": "05"}),
        ("/path/to/{tail:.+}", "/path/to/a/b/c", {"tail": "a/b/c"}),
        ("/path/to/{tail:.+}", "/path/to/", None),
    ],
)
async def test_variable_parts_of_a_path_are_in_match_info(
    template: str, path: str, found: dict[str, str] | None
) -> None:
    async with client_of(web.get(template, echo_match)) as client, client.get(URL(path, encoded=True)) as response:
        assert response.status == (404 if found is None else 200)
        if found is not None:
            assert await response.json() == found


async def test_a_named_resource_builds_its_url() -> None:
    routes = web.RouteTableDef()

    @routes.get("/root", name="root")
    async def root(request: web.Request) -> web.Response:
        url = request.app.router["root"].url_for().with_query({"a": "b", "c": "d"})
        assert url == URL("/root?a=b&c=d")
        return web.Response(text=str(url))

    async with client_of(*routes) as client, client.get("/root") as response:
        assert await response.text() == "/root?a=b&c=d"


async def test_a_named_variable_resource_takes_the_parts() -> None:
    app = web.Application()
    resource = app.router.add_resource(r"/{user}/info", name="user-info")
    resource.add_route("GET", echo_match)
    url = app.router["user-info"].url_for(user="john_doe")
    assert url == URL("/john_doe/info")
    assert str(url.with_query("a=b")) == "/john_doe/info?a=b"
    async with TestClient(TestServer(app)) as client:
        for user in ("john_doe", "a b", "я"):
            async with client.get(resource.url_for(user=user)) as response:
                assert await response.json() == {"user": user}


async def test_resources_can_be_listed_all_or_those_with_a_name() -> None:
    app = web.Application()
    app.add_routes(
        [web.get("/", echo_match, name="index"), web.get("/{name}/x", echo_match), web.get("/y", echo_match)]
    )
    assert [resource.canonical for resource in app.router.resources()] == ["/", "/{name}/x", "/y"]
    assert {name: resource.canonical for name, resource in app.router.named_resources().items()} == {"index": "/"}


# Classes.


class Greeter:
    """Handlers with something in common, as plain methods."""

    def __init__(self, greeting: str) -> None:
        self._greeting = greeting

    async def intro(self, request: web.Request) -> web.Response:
        return web.Response(text=self._greeting)

    async def greet(self, request: web.Request) -> web.Response:
        return web.Response(text=f"{self._greeting}, {request.match_info.get('name', 'Anonymous')}")


async def test_methods_of_an_object_are_handlers() -> None:
    greeter = Greeter("Hello")
    routes = [
        web.get("/intro", greeter.intro),
        web.get("/greet", greeter.greet),
        web.get("/greet/{name}", greeter.greet),
    ]
    async with client_of(*routes) as client:
        for path, text in (("/intro", "Hello"), ("/greet", "Hello, Anonymous"), ("/greet/Jane", "Hello, Jane")):
            async with client.get(path) as response:
                assert await response.text() == text


class MyView(web.View):
    async def get(self) -> web.Response:
        return web.Response(text=f"got {self.request.query_string}")

    async def post(self) -> web.Response:
        return web.Response(text=f"posted {await self.request.text()}")


async def test_a_view_answers_the_methods_that_it_has_and_405_to_the_others() -> None:
    table = web.RouteTableDef()
    assert table.view("/decorated")(MyView) is MyView
    async with client_of(web.view("/path/to", MyView), *table) as client:
        for path in ("/path/to", "/decorated"):
            assert await (await client.get(f"{path}?a=b")).text() == "got a=b"
            assert await (await client.post(path, data=b"body")).text() == "posted body"
            for method in ("PUT", "DELETE", "HEAD", "PROPFIND"):
                refused = await client.request(method, path)
                assert refused.status == 405
                assert refused.headers["Allow"] == "GET,POST"


# JSON.


async def test_json_response_dumps_and_is_a_response_like_others() -> None:
    async def handler(request: web.Request) -> web.Response:
        response = web.json_response({"some": "data", "text": "я"}, status=201)
        response.set_cookie("seen", "yes")
        return response

    async with client_of(web.get("/", handler)) as client, client.get("/") as response:
        assert response.status == 201
        assert response.content_type == "application/json"
        assert response.cookies["seen"].value == "yes"
        assert await response.json() == {"some": "data", "text": "я"}
