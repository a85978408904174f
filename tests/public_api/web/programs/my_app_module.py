"""The application that the documentation deploys: by run_app with options, from the command line, under gunicorn."""

from __future__ import annotations

import argparse
import asyncio
import logging

from trunkline import web


async def index(request: web.Request) -> web.Response:
    return web.Response(text="Welcome home!")


async def tell_of_proxy(request: web.Request) -> web.Response:
    return web.json_response([request.host, request.headers.get("X-Forwarded-For"), str(request.url)])


async def stream(request: web.Request) -> web.StreamResponse:
    """Send a second piece only when the client has told, by a request of its own, that it has got the first."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"first ")
    await _got_first.wait()
    await response.write(b"second")
    return response


async def acknowledge(request: web.Request) -> web.Response:
    _got_first.set()
    return web.Response()


def configure(app: web.Application) -> web.Application:
    app.add_routes(
        [
            web.get("/", index),
            web.get("/proxied", tell_of_proxy),
            web.get("/proxied/stream", stream),
            web.post("/proxied/acknowledge", acknowledge),
        ]
    )
    return app


_got_first = asyncio.Event()

my_web_app = configure(web.Application())


async def my_web_app_later() -> web.Application:
    return configure(web.Application())


def init_func(argv: list[str]) -> web.Application:
    return configure(web.Application())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="server example")
    parser.add_argument("--path")
    parser.add_argument("--port")
    args = parser.parse_args()

    logging.basicConfig(level=logging.DEBUG)
    web.run_app(my_web_app, path=args.path, port=args.port)
