"""The server that the pages' examples talk to in place of httpbin.org: it tells what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.web.serving import serving
from trunkline import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
COMPRESSED_BYTES = 100_000


@dataclass
class Seen:
    """A request, as its server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpBin:
    """A running server. seen: what came, in order."""

    url: str = ""
    port: int = 0
    seen: list[Seen] = field(default_factory=list)

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    async def note(self, request: web.Request) -> None:
        headers = {name.title(): value for name, value in request.headers.items()}
        body = b"" if request.path == "/form" else await request.read()  # a form is read once, by its handler
        self.seen.append(Seen(request.method, request.raw_path, headers, body))


@asynccontextmanager
async def httpbin() -> AsyncIterator[HttpBin]:
    """Serve the routes below on a free port."""
    bin_ = HttpBin()

    @web.middleware
    async def noting(request: web.Request, handler: Handler) -> web.StreamResponse:
        await bin_.note(request)
        return await handler(request)

    app = web.Application(middlewares=[noting], client_max_size=2**30)
    app.add_routes(
        [
            web.get("/redirect", redirect),
            web.post("/redirect", redirect),
            web.get("/cookies", cookies),
            web.get("/cookies/set", set_cookies),
            web.get("/response", response),
            web.get("/lines", lines),
            web.get("/packed", packed),
            web.get("/slow", slow),
            web.route("*", "/status/{status}", status),
            web.post("/form", form),
            web.route("*", "/{any:.*}", anything),
        ]
    )
    async with serving(app, handler_cancellation=True) as served:
        bin_.url, bin_.port = served.url, served.port
        yield bin_


async def anything(request: web.Request) -> web.Response:
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "args": {name: request.query.getall(name) for name in request.query},
            "headers": dict(request.headers),
            "data": body.decode("utf-8", "replace"),
        }
    )


async def form(request: web.Request) -> web.Response:
    fields = await request.post()
    shown = {}
    for name, value in fields.items():
        if isinstance(value, web.FileField):
            shown[name] = [value.filename, value.content_type, value.file.read().decode()]
        else:
            shown[name] = [str(value)]
    return web.json_response({"content_type": request.content_type, "form": shown})


async def redirect(request: web.Request) -> web.Response:
    """?to=: where; ?status="""
    return web.Response(status=int(request.query.get("status", "302")), headers={"Location": request.query["to"]})


async def status(request: web.Request) -> web.Response:
    return web.Response(status=int(request.match_info["status"]), text="the body")


async def cookies(request: web.Request) -> web.Response:
    return web.json_response({"cookies": dict(request.cookies)})


async def set_cookies(request: web.Request) -> web.Response:
    answer = web.Response(status=302, headers={"Location": "/cookies"})
    for name, value in request.query.items():
        answer.set_cookie(name, value)
    return answer


async def response(request: web.Request) -> web.Response:
    """?body=, and all other parameters are fields."""
    query = request.query.copy()
    return web.Response(body=query.pop("body", "").encode("latin-1"), headers=query)


async def lines(request: web.Request) -> web.StreamResponse:
    """Ten lines, each in a chunk of its own."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    for number in range(10):
        await answer.write(b"line %d\n" % number)
    return answer


async def packed(request: web.Request) -> web.Response:
    answer = web.Response(body=b"x" * COMPRESSED_BYTES)
    answer.enable_compression()
    return answer


async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()
