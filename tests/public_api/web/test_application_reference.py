"""Web reference, "Application": its arguments, signals, nested applications, store and life, seen through a socket."""

import asyncio
import json
import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.serving import serving
from trunkline import web
from trunkline.abc import AbstractAccessLogger, AbstractMatchInfo, AbstractRouter

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello")


async def echo(request: web.Request) -> web.Response:
    return web.Response(text=await request.text())


async def count_fields(request: web.Request) -> web.Response:
    return web.json_response(len(await request.post()))


def posting(body: str, content_type: str = "text/plain") -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: test\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


async def test_an_application_is_a_dict_that_cannot_be_copied() -> None:
    key = web.AppKey("key", str)
    app = web.Application()
    app[key] = "value"
    assert (app[key], app.get(key), key in app, len(app), list(app)) == ("value", "value", True, 1, [key])
    assert app.get(web.AppKey("other", int), 5) == 5
    with pytest.raises(KeyError):
        app[web.AppKey("other", int)]
    assert not hasattr(app, "copy")
    del app[key]
    assert len(app) == 0


def test_an_application_is_itself_only_and_true_even_when_empty() -> None:
    assert web.Application() != web.Application()
    assert bool(web.Application())


def test_an_app_key_names_itself_and_its_module_and_type() -> None:
    key = web.AppKey("database", dict)
    assert repr(key) == f"<AppKey({__name__}.database, type=dict)>"
    assert key != web.AppKey("database", dict)


async def test_the_logger_is_for_the_handlers() -> None:
    async def handler(request: web.Request) -> web.Response:
        request.app.logger.warning("from the handler")
        return web.Response()

    records: list[logging.LogRecord] = []
    logger = logging.Logger("mine")  # noqa: LOG001 - one that no configuration reaches
    logger.addFilter(lambda record: bool(records.append(record)))  # type: ignore[func-returns-value]  # False: no output
    app = web.Application(logger=logger)
    app.router.add_get("/", handler)
    async with serving(app) as served:
        await served.get("/")
    assert [record.getMessage() for record in records] == ["from the handler"]
    assert web.Application().logger.name == "trunkline.web"


async def test_a_body_over_client_max_size_is_refused_when_it_is_read() -> None:
    app = web.Application(client_max_size=10)
    app.router.add_post("/", echo)
    async with serving(app) as served:
        assert (await served.ask(posting("0123456789")))[::2] == (200, b"0123456789")
        assert (await served.ask(posting("0123456789x")))[0] == 413


async def test_a_mebibyte_is_the_size_of_a_body_by_default() -> None:
    app = web.Application()
    app.router.add_post("/", echo)
    async with serving(app) as served:
        assert (await served.ask(posting("x" * 1024**2)))[0] == 200
        assert (await served.ask(posting("x" * (1024**2 + 1))))[0] == 413


@pytest.mark.parametrize(
    ("limit", "body", "status"),
    [(3, "a=1&b=2&c=3", 200), (3, "a=1&&&", 413), (3, "a=1&b=2&c=3&d=4", 413), (0, "a=1&" * 1500, 200)],
)
async def test_forms_have_a_limited_number_of_fields(limit: int, body: str, status: int) -> None:
    app = web.Application(client_max_fields=limit)
    app.router.add_post("/", count_fields)
    async with serving(app) as served:
        assert (await served.ask(posting(body, "application/x-www-form-urlencoded")))[0] == status


async def test_handler_args_configure_the_server() -> None:
    lines: list[str] = []

    class Noting(AbstractAccessLogger):
        def log(self, request: Any, response: Any, time: float) -> None:
            lines.append(f"{self.log_format} {request.path} {response.status}")

    app = web.Application(handler_args={"access_log_class": Noting, "access_log_format": "mine", "max_field_size": 20})
    app.router.add_get("/", hello)
    async with serving(app) as served:
        await served.get("/")
        assert (await served.get("/", f"X: {'x' * 40}"))[0] in (400, 431)
    assert lines[0] == "mine / 200"


class Fixed(AbstractRouter):
    """A router of a user's own, with the one mandatory method."""

    async def resolve(self, request: web.Request) -> AbstractMatchInfo:
        if request.path == "/":
            route = web.ResourceRoute("GET", show_match, web.PlainResource("/"))
            return web.UrlMappingMatchInfo({"by": "my router"}, route)
        return await web.UrlDispatcher().resolve(request)


async def show_match(request: web.Request) -> web.Response:
    return web.json_response(dict(request.match_info))


async def test_a_router_of_ones_own_works_with_all_the_rest() -> None:
    with pytest.warns(DeprecationWarning, match="router"):
        app = web.Application(router=Fixed())
    assert isinstance(app.router, Fixed)
    async with serving(app) as served:
        assert (await served.get("/"))[2] == b'{"by": "my router"}'
        assert (await served.get("/other"))[0] == 404


@pytest.mark.parametrize(("argument", "value"), [("debug", True), ("loop", None)])
def test_old_arguments_are_accepted(argument: str, value: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        web.Application(**{argument: value})  # type: ignore[arg-type]  # by name


def test_old_properties_can_be_read() -> None:
    app = web.Application()
    with pytest.warns(DeprecationWarning, match="loop"):
        assert app.loop is None
    with pytest.warns(DeprecationWarning, match="debug"):
        assert app.debug in (False, ...)


async def test_the_prepare_signal_can_fit_the_length_to_a_changed_body() -> None:
    async def shout(request: web.Request, response: web.StreamResponse) -> None:
        if isinstance(response, web.Response) and response.text is not None:
            response.text = response.text.upper() + "!"
            response.headers["Content-Length"] = str(len(response.text))

    app = web.Application()
    app.on_response_prepare.append(shout)
    app.router.add_get("/", hello)
    async with serving(app) as served:
        assert (await served.get("/"))[2] == b"HELLO!"


def lose_length(response: web.StreamResponse) -> None:
    del response.headers["Content-Length"]


def say_close(response: web.StreamResponse) -> None:
    response.headers["Connection"] = "close"


def have_no_body(response: web.StreamResponse) -> None:
    response.set_status(204)


@pytest.mark.parametrize(
    ("change", "status", "closes"), [(lose_length, 200, False), (say_close, 200, True), (have_no_body, 204, False)]
)
async def test_whatever_the_prepare_signal_does_a_response_has_its_end(
    change: Callable[[web.StreamResponse], None], status: int, closes: bool
) -> None:
    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        change(response)

    app = web.Application()
    app.on_response_prepare.append(prepare)
    app.router.add_get("/", hello)
    async with serving(app) as served, await served.talk() as talk:
        for _ in range(1 if closes else 2):
            talk.send(GET)
            assert (await talk.response())[::2] == (status, b"" if status == 204 else b"Hello")
        if closes:
            assert await talk.rest() == b""


async def test_signal_handlers_run_in_the_order_in_which_they_were_added() -> None:
    calls: list[str] = []

    def noting(name: str) -> Callable[[web.Application], Any]:
        async def note(app: web.Application) -> None:
            await asyncio.sleep(0)
            calls.append(name)

        return note

    app = web.Application()
    for signal, names in ((app.on_startup, "ab"), (app.on_shutdown, "cd"), (app.on_cleanup, "ef")):
        for name in names:
            signal.append(noting(name))
    app.freeze()
    await app.startup()
    assert calls == ["a", "b"]
    await app.shutdown()
    assert calls[2:] == ["c", "d"]
    await app.cleanup()
    assert calls[4:] == ["e", "f"]


async def test_a_served_application_is_frozen() -> None:
    app = web.Application()
    app.router.add_get("/", hello)
    async with serving(app) as served:
        await served.get("/")
        assert app.frozen
        for change in (
            lambda: app.router.add_get("/late", hello),
            lambda: app.on_startup.append(lambda app: hello(app)),  # type: ignore[arg-type]  # never called
            lambda: app.middlewares.append(lambda request, handler: handler(request)),
            lambda: app.add_subapp("/late", web.Application()),
        ):
            with pytest.raises(RuntimeError):
                change()
        with pytest.warns(DeprecationWarning, match="frozen|started"):
            app[web.AppKey("late", int)] = 1


async def test_a_nested_application_takes_all_below_its_prefix() -> None:
    admin = web.Application()
    admin.router.add_get("", hello)
    admin.router.add_get("/item/{id}", show_match)
    app = web.Application()
    app.router.add_get("/administration", hello)
    resource = app.add_subapp("/admin/", admin)
    assert isinstance(resource, web.PrefixedSubAppResource)
    assert resource.canonical == "/admin"
    with pytest.raises(RuntimeError):
        resource.url_for()
    async with serving(app) as served:
        assert (await served.get("/admin"))[0] == 200
        assert (await served.get("/admin/item/5"))[2] == b'{"id": "5"}'
        assert (await served.get("/admin/none"))[0] == 404
        assert (await served.get("/administration"))[0] == 200
        assert (await served.get("/item/5"))[0] == 404


async def test_domains_are_asked_before_paths() -> None:
    def answering(name: str) -> web.Application:
        async def answer(request: web.Request) -> web.Response:
            return web.Response(text=name)

        app = web.Application()
        app.router.add_get("/", answer)
        return app

    app = answering("main")
    resource = app.add_domain("shop.example", answering("shop"))
    app.add_domain("*.blog.example", answering("blogs"))
    app.add_domain("local.example:8080", answering("port"))
    assert resource.canonical == "shop.example"
    async with serving(app) as served:
        for host, name in (
            ("shop.example", "shop"),
            ("SHOP.example", "shop"),
            ("shop.example:5", "shop"),
            ("jane.blog.example", "blogs"),
            ("local.example:8080", "port"),
            ("local.example", "main"),
            ("other.example", "main"),
        ):
            _, _, body = await served.ask(GET.replace(b"test", host.encode()))
            assert (host, body.decode()) == (host, name)


async def test_add_routes_takes_lists_and_tables_and_returns_the_routes() -> None:
    table = web.RouteTableDef()
    table.get("/table")(hello)
    app = web.Application()
    routes = [*app.add_routes([web.get("/list", hello), web.post("/list", hello)]), *app.add_routes(table)]
    assert sorted(route.method for route in routes) == ["GET", "GET", "POST"]
    assert len(app.router.routes()) == 5  # a GET route brings its HEAD route, and stands for both
    async with serving(app) as served:
        assert [(await served.get(path))[0] for path in ("/list", "/table")] == [200, 200]


async def test_make_handler_still_gives_a_protocol_factory() -> None:
    app = web.Application()
    app.router.add_get("/", hello)
    with pytest.warns(DeprecationWarning, match="make_handler"):
        handler = app.make_handler(keepalive_timeout=10)
    await app.startup()
    assert isinstance(handler, web.Server)
    server = await asyncio.get_running_loop().create_server(handler, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(GET)
    assert (await reader.readuntil(b"Hello")).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (len(handler.connections), handler.requests_count) == (1, 1)
    server.close()
    await app.shutdown()
    await handler.shutdown(1)
    assert await reader.read() == b""
    writer.close()
    await app.cleanup()
    assert handler.connections == []


async def test_a_class_that_inherits_from_application_works_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="discouraged"):

        class Mine(web.Application):
            """What the documentation discourages."""

    app = Mine()
    app.router.add_get("/", hello)
    async with serving(app) as served:
        assert (await served.get("/"))[0] == 200


async def test_the_match_info_leads_to_the_route_and_the_applications() -> None:
    async def tell(request: web.Request) -> web.Response:
        info = request.match_info
        assert info.handler is tell
        assert info.http_exception is None
        assert info.apps == (app, inner)
        assert info.current_app is request.app is inner
        assert isinstance(info, dict)
        assert isinstance(info, AbstractMatchInfo)
        assert info.route.resource is not None
        return web.json_response([info["name"], info.route.method, info.route.name, info.route.resource.canonical])

    inner = web.Application()
    inner.router.add_get("/{name}", tell, name="tell")
    app = web.Application()
    app.add_subapp("/in", inner)
    async with serving(app) as served:
        assert json.loads((await served.get("/in/x"))[2]) == ["x", "GET", "tell", "/in/{name}"]
