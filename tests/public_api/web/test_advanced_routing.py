"""Web Server Advanced: Unicode, routing by other criteria, static files, Expect, resources, nested applications."""

import re
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

import trunkline
from tests.web.serving import serving
from trunkline import web


async def show_match(request: web.Request) -> web.Response:
    return web.json_response(dict(request.match_info))


async def hello(request: web.Request) -> web.Response:
    return web.Response(body=b"Hello, world")


@pytest.mark.parametrize("route", ["/городá/{street}", "/%D0%B3%D0%BE%D1%80%D0%BE%D0%B4%C3%A1/{street}"])
async def test_a_path_beyond_ascii_is_found_however_the_route_was_written(route: str) -> None:
    app = web.Application()
    app.add_routes([web.get(route, show_match)])
    async with serving(app) as served:
        status, _, body = await served.get(URL("/городá/улица 5").raw_path)
        assert (status, body.decode()) == (200, r'{"street": "\u0443\u043b\u0438\u0446\u0430 5"}')


async def test_a_pattern_of_ones_own_sees_text_and_not_its_encoding() -> None:
    # The page says the opposite; aiohttp 3.14 does as is tested here.
    app = web.Application()
    app.add_routes([web.get("/a/{x:(%[0-9A-F]{2})+}", show_match), web.get("/b/{x:[а-я]+}", show_match)])
    async with serving(app) as served:
        assert (await served.get("/a/%D1%8F"))[0] == 404
        assert (await served.get("/b/%D1%8F"))[0] == 200


class AcceptChooser:
    """The page's second layer of routing, by the Accept header."""

    def __init__(self) -> None:
        self.acceptors: dict[str, Any] = {}  # Any: handlers

    async def route(self, request: web.Request) -> web.StreamResponse:
        for accept in request.headers.getall("ACCEPT", []):
            if (acceptor := self.acceptors.get(accept)) is not None:
                response: web.StreamResponse = await acceptor(request)
                return response
        raise web.HTTPNotAcceptable()


async def test_routing_by_the_accept_header() -> None:
    async def as_json(request: web.Request) -> web.Response:
        return web.json_response({})

    async def as_xml(request: web.Request) -> web.Response:
        return web.Response(text="<x/>", content_type="application/xml")

    chooser = AcceptChooser()
    chooser.acceptors |= {"application/json": as_json, "application/xml": as_xml}
    app = web.Application()
    app.add_routes([web.get("/", chooser.route)])
    async with serving(app) as served:
        assert (await served.get("/", "Accept: application/json"))[2] == b"{}"
        assert (await served.get("/", "Accept: text/csv", "Accept: application/xml"))[2] == b"<x/>"
        assert (await served.get("/", "Accept: image/png"))[0] == 406


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to serve, with a link to a file outside and one to a file inside."""
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "site.css").write_text("body {}")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "in.css").symlink_to(folder / "css" / "site.css")
    return folder


@pytest.mark.parametrize("as_str", [True, False])
async def test_static_files_and_their_folders(folder: Path, as_str: bool) -> None:
    app = web.Application()
    app.add_routes([web.static("/prefix", str(folder) if as_str else folder)])
    async with serving(app) as served:
        status, fields, body = await served.get("/prefix/css/site.css")
        assert (status, fields["content-type"], body) == (200, "text/css", b"body {}")
        assert (await served.get("/prefix/in.css"))[2] == b"body {}"
        assert (await served.get("/prefix/css"))[0] == 403
        assert (await served.get("/prefix/out.txt"))[0] == 404
        assert (await served.get("/prefix/none.css"))[0] == 404
        assert (await served.get("/prefix/%2e%2e/secret.txt"))[0] in (403, 404)


async def test_static_with_an_index_and_links_that_lead_outside(folder: Path) -> None:
    routes = web.RouteTableDef()
    routes.static("/prefix", folder, show_index=True, follow_symlinks=True)
    app = web.Application()
    app.add_routes(routes)
    async with serving(app) as served:
        status, fields, body = await served.get("/prefix/")
        assert (status, fields["content-type"].partition(";")[0]) == (200, "text/html")
        assert b'href="/prefix/css' in body
        assert (await served.get("/prefix/out.txt"))[2] == b"secret"


async def test_static_with_versions_that_follow_the_content(folder: Path) -> None:
    app = web.Application()
    app.add_routes([web.static("/prefix", folder, name="static", append_version=True)])
    resource = app.router["static"]

    first = resource.url_for(filename="css/site.css")
    assert first.path == "/prefix/css/site.css"
    assert first.query["v"]
    assert resource.url_for(filename=Path("css/site.css")) == first
    assert "v" not in resource.url_for(filename="css/site.css", append_version=False).query
    assert resource.url_for(filename="css/none.css") == URL("/prefix/css/none.css")
    async with serving(app) as served:
        assert (await served.get(str(first)))[2] == b"body {}"

    (folder / "css" / "site.css").write_text("body { color: red }")
    assert resource.url_for(filename="css/site.css") != first


async def check_auth(request: web.Request) -> None:
    if request.version != trunkline.HttpVersion11:
        return
    if (expect := request.headers.get("EXPECT")) != "100-continue":
        raise web.HTTPExpectationFailed(text=f"Unknown Expect: {expect}")
    if request.headers.get("AUTHORIZATION") is None:
        raise web.HTTPForbidden()
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def receive(request: web.Request) -> web.Response:
    return web.Response(text=f"got {await request.text()}")


UPLOAD = "POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: {}\r\n{}\r\n"


async def test_an_expectation_is_met_before_the_body_is_sent() -> None:
    app = web.Application()
    app.add_routes([web.post("/up", receive)])
    async with serving(app) as served, await served.talk() as talk:
        talk.send(UPLOAD.format("100-continue", "").encode())
        assert await talk.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        talk.send(b"ok")
        assert (await talk.response())[2] == b"got ok"


async def test_an_unknown_expectation_fails() -> None:
    app = web.Application()
    app.add_routes([web.post("/up", receive)])
    async with serving(app) as served:
        status, _, body = await served.ask(UPLOAD.format("a-miracle", "").encode())
        assert status == 417
        assert b"a-miracle" in body


@pytest.mark.parametrize(
    ("expect", "more", "status"),
    [("a-miracle", "", 417), ("100-continue", "", 403), ("100-continue", "Authorization: x\r\n", 200)],
)
async def test_an_expect_handler_of_ones_own_decides(expect: str, more: str, status: int) -> None:
    calls: list[str] = []

    @web.middleware
    async def note(request: web.Request, handler: Any) -> Any:  # Any: any handler and its response
        calls.append("middleware")
        return await handler(request)

    app = web.Application(middlewares=[note])
    app.add_routes([web.post("/up", receive, expect_handler=check_auth)])
    async with serving(app) as served, await served.talk() as talk:
        talk.send(UPLOAD.format(expect, more).encode())
        if status == 200:
            assert await talk.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
            talk.send(b"ok")
        assert (await talk.response())[0] == status
    assert calls == (["middleware"] if status == 200 else [])


async def test_an_expect_handler_may_answer_itself() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=202, text="no need")

    app = web.Application()
    app.add_routes([web.post("/up", receive, expect_handler=answer)])
    async with serving(app) as served:
        status, _, body = await served.ask(UPLOAD.format("100-continue", "").encode())
        assert (status, body) == (202, b"no need")


class Everything(web.AbstractResource):
    """A resource of a user's own: it answers whatever begins with /every."""

    @property
    def canonical(self) -> str:
        return "/every"

    def url_for(self, **kwargs: str) -> URL:
        return URL("/every")

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError

    def get_info(self) -> Any:  # Any: what the resource likes to tell
        return {"path": "/every"}

    def raw_match(self, path: str) -> bool:
        return False

    def freeze(self) -> None:
        pass

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        if not request.path.startswith("/every"):
            return None, set()
        route = web.ResourceRoute("GET", show_match, self)
        return web.UrlMappingMatchInfo({"rest": request.path[6:]}, route), {"GET"}

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Any:  # Any: an iterator of no routes
        return iter(())


async def test_a_resource_of_ones_own() -> None:
    app = web.Application()
    app.router.add_get("/plain", hello)
    app.router.register_resource(Everything())
    async with serving(app) as served:
        assert (await served.get("/every/where"))[2] == b'{"rest": "/where"}'
        assert (await served.get("/plain"))[0] == 200
        assert (await served.get("/none"))[0] == 404


def test_what_is_no_resource_is_not_registered() -> None:
    with pytest.raises(TypeError, match="AbstractResource"):
        web.Application().router.register_resource(object())  # type: ignore[arg-type]  # the mistake


async def test_nested_applications_share_middlewares_and_signals_on_the_way() -> None:
    calls: list[str] = []

    def noting(name: str) -> Any:  # Any: a middleware
        @web.middleware
        async def note(request: web.Request, handler: Any) -> Any:
            calls.append(name)
            return await handler(request)

        return note

    def preparing(name: str) -> Any:  # Any: a signal handler
        async def prepare(request: web.Request, response: web.StreamResponse) -> None:
            response.headers.add("X-App", name)

        return prepare

    apps = {name: web.Application(middlewares=[noting(name)]) for name in ("app", "admin", "deep")}
    for name, app in apps.items():
        app.on_response_prepare.append(preparing(name))
        app.add_routes([web.get("/something", hello)])
    apps["admin"].add_subapp("/deep/", apps["deep"])
    apps["app"].add_subapp("/admin/", apps["admin"])

    async with serving(apps["app"]) as served:
        for path, names in (
            ("/something", ["app"]),
            ("/admin/something", ["app", "admin"]),
            ("/admin/deep/something", ["app", "admin", "deep"]),
        ):
            calls.clear()
            async with await served.talk() as talk:
                talk.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = await talk.head()
            assert re.findall(rb"X-App: (\w+)", head) == [name.encode() for name in names]
            assert calls == names


async def test_common_signals_are_sent_to_each_application_with_itself() -> None:
    received: list[web.Application] = []

    async def note(app: web.Application) -> None:
        received.append(app)

    app, admin = web.Application(), web.Application()
    admin.on_startup.append(note)
    admin.on_shutdown.append(note)
    admin.on_cleanup.append(note)
    app.add_subapp("/admin/", admin)
    async with serving(app):
        assert received == [admin]
    assert received == [admin] * 3


async def test_urls_of_a_nested_application_have_its_prefix() -> None:
    admin_key = web.AppKey("admin_key", web.Application)
    admin = web.Application()
    admin.add_routes([web.get("/resource", hello, name="name")])

    async def point(request: web.Request) -> web.Response:
        return web.Response(text=str(request.app[admin_key].router["name"].url_for()))

    app = web.Application()
    app.add_routes([web.get("/", point)])
    app.add_subapp("/admin/", admin)
    app[admin_key] = admin
    assert admin.router["name"].url_for() == URL("/admin/resource")
    async with serving(app) as served:
        assert (await served.get("/"))[2] == b"/admin/resource"
        assert (await served.get("/admin/resource"))[2] == b"Hello, world"
