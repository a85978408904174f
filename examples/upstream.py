"""A service for the other examples to call; it tells how many connections each of its clients opened.

Clients are told apart by their User-Agent. Every answer takes 20 ms, and names the connection that it travels on by the
port at the client's end.

    python examples/upstream.py &
    curl http://127.0.0.1:8081/items/1 http://127.0.0.1:8081/items/2
    curl http://127.0.0.1:8081/counts
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from dataclasses import dataclass, field

from trunkline import web

PORT = int(os.environ.get("PORT", "8081"))
DELAY_S = 0.02


@dataclass(slots=True)
class Client:
    requests: int = 0
    connections: set[int] = field(default_factory=set)  # the port of each, at the client's end


CLIENTS = web.AppKey("CLIENTS", defaultdict[str, Client])
routes = web.RouteTableDef()


@routes.get(r"/items/{id:\d+}")
async def read_item(request: web.Request) -> web.Response:
    client = request.app[CLIENTS][request.headers.get("User-Agent", "unknown")]
    port = request.get_extra_info("peername")[1]
    client.requests += 1
    client.connections.add(port)
    await asyncio.sleep(DELAY_S)
    return web.json_response({"id": int(request.match_info["id"]), "connection": port})


@routes.get("/counts")
async def read_counts(request: web.Request) -> web.Response:
    clients = request.app[CLIENTS].items()
    counts = {name: {"requests": c.requests, "connections": len(c.connections)} for name, c in clients}
    return web.json_response(counts)


def make_app() -> web.Application:
    app = web.Application()
    app[CLIENTS] = defaultdict(Client)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=PORT)
