"""Web Server Advanced: middlewares and their factories, error pages, who reads the body, data sharing, signals."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import pytest

from tests.web.serving import serving
from trunkline import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
POST = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{}"


def posting(body: str) -> bytes:
    return POST.format(len(body), body).encode()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello")


@web.middleware
async def wink(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    assert isinstance(response, web.Response)
    assert response.text is not None
    response.text += " wink"
    return response


def appending(text: str) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """The page's middleware factory."""

    @web.middleware
    async def append(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        assert isinstance(response, web.Response)
        response.text = f"{response.text}{text}"
        return response

    return append


async def test_a_middleware_changes_the_response() -> None:
    app = web.Application(middlewares=[wink])
    app.add_routes([web.get("/", hello)])
    async with serving(app) as served:
        status, fields, body = await served.get("/")
        assert (status, fields["content-length"], body) == (200, "10", b"Hello wink")


async def test_a_factory_makes_middlewares_of_its_arguments() -> None:
    app = web.Application(middlewares=[appending(" one"), appending(" two")])
    app.add_routes([web.get("/", hello)])
    async with serving(app) as served:
        assert (await served.get("/"))[2] == b"Hello two one"


async def test_an_old_style_factory_works_with_a_warning() -> None:
    async def factory(app: web.Application, handler: Handler) -> Handler:
        async def middleware(request: web.Request) -> web.StreamResponse:
            return await wink(request, handler)

        return middleware

    app = web.Application(middlewares=[factory])
    app.add_routes([web.get("/", hello)])
    with pytest.warns(DeprecationWarning, match="old-style middleware"):
        async with serving(app) as served:
            assert (await served.get("/"))[2] == b"Hello wink"


async def test_the_first_middleware_is_the_outermost() -> None:
    printed: list[str] = []

    def printing(name: str) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            printed.append(f"Middleware {name} called")
            response = await handler(request)
            printed.append(f"Middleware {name} finished")
            return response

        return middleware

    async def answer(request: web.Request) -> web.Response:
        printed.append("Handler function called")
        return web.Response()

    app = web.Application(middlewares=[printing("1"), printing("2")])
    app.router.add_get("/", answer)
    async with serving(app) as served:
        await served.get("/")
    assert printed == [
        "Middleware 1 called",
        "Middleware 2 called",
        "Handler function called",
        "Middleware 2 finished",
        "Middleware 1 finished",
    ]


async def test_a_middleware_may_ignore_the_handler() -> None:
    called: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        called.append(request)
        return web.Response()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        await asyncio.sleep(0)  # it may await what it likes, a database say
        if "Authorization" not in request.headers:
            raise web.HTTPForbidden(text="who are you?")
        return web.Response(text="a page of the guard's")

    app = web.Application(middlewares=[guard])
    app.add_routes([web.get("/", answer)])
    async with serving(app) as served:
        assert (await served.get("/"))[::2] == (403, b"who are you?")
        assert (await served.get("/", "Authorization: x"))[::2] == (200, b"a page of the guard's")
    assert called == []


async def test_an_error_of_a_middleware_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    passed: list[str] = []

    @web.middleware
    async def outer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except LookupError as error:
            passed.append(repr(error))
            raise

    @web.middleware
    async def failing(request: web.Request, handler: Handler) -> web.StreamResponse:
        raise LookupError("lost")

    app = web.Application(middlewares=[outer, failing])
    async with serving(app) as served:
        status, _, body = await served.get("/")
    assert status == 500
    assert b"lost" not in body
    assert passed == ["LookupError('lost')"]
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def test_errors_can_be_rendered_as_json() -> None:
    @web.middleware
    async def as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return web.json_response({"error": error.reason}, status=error.status)
        except Exception:
            return web.json_response({"error": "ours"}, status=500)

    async def fail(request: web.Request) -> web.Response:
        raise ValueError("x")

    app = web.Application(middlewares=[as_json])
    app.add_routes([web.get("/fail", fail), web.post("/only-post", hello)])
    async with serving(app) as served:
        for path, status, error in (
            ("/none", 404, "Not Found"),
            ("/only-post", 405, "Method Not Allowed"),
            ("/fail", 500, "ours"),
        ):
            have, fields, body = await served.get(path)
            assert (have, json.loads(body)) == (status, {"error": error})
            assert fields["content-type"].startswith("application/json")


@pytest.mark.parametrize("method", ["text", "read", "json", "post"])
async def test_a_body_that_a_middleware_read_whole_can_be_read_again(method: str) -> None:
    read: list[object] = []

    @web.middleware
    async def reading(request: web.Request, handler: Handler) -> web.StreamResponse:
        read.append(await getattr(request, method)())
        return await handler(request)

    async def read_again(request: web.Request) -> web.Response:
        read.append(await getattr(request, method)())
        return web.Response()

    app = web.Application(middlewares=[reading])
    app.add_routes([web.post("/", read_again)])
    async with serving(app) as served:
        status, _, _ = await served.ask(posting('"body"'))
    assert status == 200
    assert len(read) == 2
    assert read[0] == read[1]


async def test_a_body_read_from_its_stream_is_gone_but_can_be_passed_on() -> None:
    raw_body_key = web.RequestKey("raw_body_key", bytes)

    @web.middleware
    async def reading(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[raw_body_key] = await request.content.read()
        return await handler(request)

    async def answer(request: web.Request) -> web.Response:
        assert await request.content.read() == b""
        return web.Response(body=request.get(raw_body_key, b"nothing"))

    app = web.Application(middlewares=[reading])
    app.add_routes([web.post("/", answer)])
    async with serving(app) as served:
        assert (await served.ask(posting("body")))[::2] == (200, b"body")


async def test_data_is_shared_by_application_request_and_response() -> None:
    app_key = web.AppKey("app_key", str)
    request_key = web.RequestKey("request_key", list[str])
    response_key = web.ResponseKey("response_key", int)
    metrics: list[int] = []

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[request_key] = ["from the middleware"]
        # The first request warns of the key; others like it would only repeat that.
        with nullcontext() if metrics else pytest.warns(web.NotAppKeyWarning):
            request["by a string"] = 1
        response = await handler(request)
        metrics.append(response[response_key])
        return response

    async def answer(request: web.Request) -> web.Response:
        request[request_key].append(f"{request['by a string']}")
        response = web.json_response([request.app[app_key], request.app["by a string"], *request[request_key]])
        response[response_key] = 123
        return response

    app = web.Application(middlewares=[measure])
    app[app_key] = "from the app"
    with pytest.warns(web.NotAppKeyWarning):
        app["by a string"] = "also"
    app.add_routes([web.get("/", answer)])
    async with serving(app) as served:
        for _ in range(2):  # the second request has a store of its own
            assert json.loads((await served.get("/"))[2]) == ["from the app", "also", "from the middleware", "1"]
    assert metrics == [123, 123]


async def test_config_dict_asks_the_nested_application_first() -> None:
    own, shared, shadowed = (web.AppKey(name, str) for name in ("own", "shared", "shadowed"))

    async def answer(request: web.Request) -> web.Response:
        assert shared not in request.app
        assert request.config_dict.get(web.AppKey("none", str)) is None
        return web.json_response([request.config_dict[key] for key in (own, shared, shadowed)])

    admin = web.Application()
    admin.add_routes([web.get("/", answer)])
    admin[own], admin[shadowed] = "admin's", "inner"
    app = web.Application()
    app[shared], app[shadowed] = "app's", "outer"
    app.add_subapp("/admin", admin)
    async with serving(app) as served:
        assert json.loads((await served.get("/admin/"))[2]) == ["admin's", "app's", "inner"]


async def test_headers_can_be_changed_while_a_response_is_prepared() -> None:
    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        assert "Content-Type" in response.headers  # the default headers are there
        response.headers["My-Header"] = request.path
        del response.headers["Server"]

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"piece")
        return response

    app = web.Application()
    app.on_response_prepare.append(on_prepare)
    app.add_routes([web.get("/hello", hello), web.get("/stream", stream)])
    async with serving(app) as served:
        for path, body in (("/hello", b"Hello"), ("/stream", b"piece"), ("/none", b"404: Not Found")):
            _, fields, have = await served.get(path)
            assert (fields["my-header"], have) == (path, body)
            assert "server" not in fields


async def test_a_middleware_may_believe_the_proxy_in_front() -> None:
    @web.middleware
    async def behind_proxy(request: web.Request, handler: Handler) -> web.StreamResponse:
        [forwarded] = request.forwarded
        return await handler(
            request.clone(scheme=forwarded["proto"], host=forwarded["host"], remote=forwarded["for"], client_max_size=4)
        )

    async def show(request: web.Request) -> web.Response:
        return web.json_response([request.scheme, request.host, request.remote, str(request.url)])

    async def receive(request: web.Request) -> web.Response:
        return web.Response(text=await request.text())

    forwarded = "Forwarded: for=192.0.2.60;proto=https;host=shop.example"
    plain, believing = web.Application(), web.Application(middlewares=[behind_proxy])
    for app in (plain, believing):
        app.add_routes([web.get("/", show), web.post("/", receive)])
    async with serving(plain) as served:
        assert json.loads((await served.get("/", forwarded))[2]) == ["http", "test", "127.0.0.1", "http://test/"]
    async with serving(believing) as served:
        assert json.loads((await served.get("/", forwarded))[2]) == [
            "https", "shop.example", "192.0.2.60", "https://shop.example/",
        ]  # fmt: skip
        assert (await served.ask(posting("12345").replace(b"Host:", f"{forwarded}\r\nHost:".encode())))[0] == 413
