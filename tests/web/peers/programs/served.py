"""`python served.py FOLDER [--uvloop] [--tls] [--h2c]`: the application that foreign clients and our own talk to.

It serves FOLDER/files under /files/ and its own page at /, on a port that the banner names and on the Unix socket
FOLDER/socket; by TLS with the certificate FOLDER/server.pem. It notes how it answered, for the tests to ask for.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import sys
from pathlib import Path

import uvloop

from trunkline import web

MAX_FORM_BYTES = 64 * 2**20  # more than any file that the tests put into a form
PIECES = 5  # of a streamed answer
TEXT = "a line that compresses well\n" * 1000
PAGE = Path(__file__).parent / "page"

ANSWERS = web.AppKey("ANSWERS", list[str])
FINDINGS = web.AppKey("FINDINGS", asyncio.Future[str])
routes = web.RouteTableDef()


@routes.get("/")
async def show_page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


@routes.get("/hello")
async def greet(request: web.Request) -> web.Response:
    return web.Response(text="hello")


@routes.get("/nothing")
async def say_nothing(request: web.Request) -> web.Response:
    return web.Response(status=204)


@routes.get("/text")
async def compress(request: web.Request) -> web.Response:
    response = web.Response(text=TEXT)
    response.enable_compression()
    return response


@routes.get("/stream")
async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(PIECES):
        await response.write(b"piece %d\n" % number)
    return response


@routes.get("/peer")
async def tell_peer(request: web.Request) -> web.Response:
    """The client's address: two answers that differ came on two connections."""
    assert request.transport is not None
    return web.Response(text=str(request.transport.get_extra_info("peername")))


@routes.post("/form")
async def read_form(request: web.Request) -> web.Response:
    form = await request.post()
    return web.json_response([_told(name, value) for name, value in form.items()])


def _told(name: str, value: str | bytes | web.FileField) -> list[object]:
    if not isinstance(value, web.FileField):
        return [name, str(value)]
    return [name, value.filename, value.content_type, hashlib.sha256(value.file.read()).hexdigest()]


@routes.post("/form-then-hello")
async def redirect_after_form(request: web.Request) -> web.Response:
    await request.post()
    raise web.HTTPSeeOther("/hello")


@routes.post("/json")
async def echo_json(request: web.Request) -> web.Response:
    return web.json_response(await request.json())


@routes.route("*", "/upload")
async def digest(request: web.Request) -> web.Response:
    """Read the body as it comes, none of it kept."""
    sha256 = hashlib.sha256()
    async for piece in request.content.iter_any():
        sha256.update(piece)
    return web.json_response([request.method, request.headers.get("Transfer-Encoding"), sha256.hexdigest()])


async def _refuse(request: web.Request) -> None:
    raise web.HTTPRequestEntityTooLarge(max_size=0, actual_size=request.content_length or 0)


@routes.put("/refused", expect_handler=_refuse)
async def take_refused(request: web.Request) -> web.Response:
    raise AssertionError("its expect_handler has let a request through")


@routes.get("/cookies")
async def exchange_cookies(request: web.Request) -> web.Response:
    """Tell the cookies that came; set two, and take a third away."""
    response = web.json_response(dict(request.cookies))
    response.set_cookie("open", "from the server", samesite="Lax")
    response.set_cookie("hidden", "secret", httponly=True)
    response.del_cookie("own")
    return response


@routes.get("/echo")
async def echo_messages(request: web.Request) -> web.WebSocketResponse:
    """Echo messages; close when told to, and note with which code the client closed."""
    socket = web.WebSocketResponse(protocols=["echo"])
    await socket.prepare(request)
    async for message in socket:
        if message.data == "close":
            await socket.close(code=4001, message="as told")
        elif message.type is web.WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    request.app[ANSWERS].append(f"closed {socket.close_code}")
    return socket


@routes.get("/answers")
async def tell_answers(request: web.Request) -> web.Response:
    return web.json_response(request.app[ANSWERS])


@routes.post("/findings")
async def take_findings(request: web.Request) -> web.Response:
    request.app[FINDINGS].set_result(await request.text())
    return web.Response(status=204)


@routes.get("/findings")
async def tell_findings(request: web.Request) -> web.Response:
    """Wait for what the page reports."""
    return web.Response(text=await request.app[FINDINGS])


async def note_answer(request: web.Request, response: web.StreamResponse) -> None:
    request.app[ANSWERS].append(f"{request.method} {request.path} {response.status}")


async def start(app: web.Application) -> None:
    app[FINDINGS] = asyncio.get_running_loop().create_future()


def make_app(folder: Path) -> web.Application:
    app = web.Application(client_max_size=MAX_FORM_BYTES)
    app[ANSWERS] = []
    app.on_startup.append(start)
    app.on_response_prepare.append(note_answer)
    app.add_routes(routes)
    app.router.add_static("/page/", PAGE)
    app.router.add_static("/files/", folder / "files")
    return app


def main(folder: Path, options: list[str]) -> None:
    context = None
    if "--tls" in options:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "server.pem")
    loop = uvloop.new_event_loop() if "--uvloop" in options else None
    web.run_app(
        make_app(folder),
        host="127.0.0.1",
        port=0,
        path=folder / "socket",
        ssl_context=context,
        loop=loop,
        http2="prior-knowledge" if "--h2c" in options else True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
