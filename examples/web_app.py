"""One session for a whole web application: made when it starts, shared by all requests, closed when it ends.

`cleanup_ctx` keeps both halves in one function: what stands before `yield` runs at start-up, what stands behind it at
clean-up, after the last request.

    python examples/upstream.py &
    python examples/web_app.py &
    curl http://127.0.0.1:8080/items/1 http://127.0.0.1:8080/items/2
    curl http://127.0.0.1:8081/counts     # of many requests one after the other: one connection
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import trunkline
from trunkline import web

PORT = int(os.environ.get("PORT", "8080"))
UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8081")

SESSION = web.AppKey("SESSION", trunkline.ClientSession)
routes = web.RouteTableDef()


async def client_session(app: web.Application) -> AsyncIterator[None]:
    async with trunkline.ClientSession(UPSTREAM, headers={"User-Agent": "web_app"}) as session:
        app[SESSION] = session
        yield


@routes.get(r"/items/{id:\d+}")
async def read_item(request: web.Request) -> web.Response:
    try:
        async with request.app[SESSION].get(f"/items/{request.match_info['id']}") as response:
            return web.json_response(await response.json(), status=response.status)
    except (trunkline.ClientError, TimeoutError) as error:
        raise web.HTTPBadGateway(text=f"upstream: {error}\n") from error


def make_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(client_session)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=PORT)
