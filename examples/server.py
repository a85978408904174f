"""A server with the four things that are not one small response: a stream, a WebSocket, static files, an upload.

    python examples/server.py &
    curl -N http://127.0.0.1:8080/ticks/5                               # a line every 0.2 s
    curl -F file=@README.md -F file=@LICENSE http://127.0.0.1:8080/upload
    curl -O http://127.0.0.1:8080/static/index.html

and http://127.0.0.1:8080/static/index.html in a browser, whose page talks to the WebSocket. SIGTERM ends it: WebSockets
are told so, other requests are finished.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from weakref import WeakSet

from trunkline import web
from trunkline.body.part_reader import BodyPartReader
from trunkline.wire.ws.message import WSCloseCode

PORT = int(os.environ.get("PORT", "8080"))
STATIC = Path(__file__).with_name("static")
TICK_S = 0.2

WEBSOCKETS = web.AppKey("WEBSOCKETS", WeakSet[web.WebSocketResponse])
routes = web.RouteTableDef()
routes.static("/static", STATIC)


@routes.get(r"/ticks/{count:\d+}")
async def stream_ticks(request: web.Request) -> web.StreamResponse:
    """Send each line when it is there; nobody knows the length at the start."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    for number in range(int(request.match_info["count"])):
        await response.write(b"tick %d\n" % number)  # waits for a client that reads slowly
        await asyncio.sleep(TICK_S)
    return response


@routes.get("/echo")
async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send every message back until the client, or the end of the server, closes the WebSocket."""
    websocket = web.WebSocketResponse(heartbeat=30)
    await websocket.prepare(request)
    request.app[WEBSOCKETS].add(websocket)
    async for message in websocket:
        if message.type is web.WSMsgType.TEXT:
            await websocket.send_str(message.data)
        elif message.type is web.WSMsgType.BINARY:
            await websocket.send_bytes(message.data)
    return websocket


@routes.post("/upload")
async def upload(request: web.Request) -> web.Response:
    """Take files of any size piece by piece; memory holds one piece."""
    files = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.filename is None:
            continue
        digest, size = hashlib.sha256(), 0
        while piece := await part.read_chunk():
            digest.update(piece)
            size += len(piece)
        files.append({"name": part.filename, "bytes": size, "sha256": digest.hexdigest()})
    return web.json_response(files)


async def close_websockets(app: web.Application) -> None:
    """A WebSocket's handler ends with its client only, so it would hold up the end of the server."""
    for websocket in app[WEBSOCKETS].copy():
        await websocket.close(code=WSCloseCode.GOING_AWAY, message=b"the server ends")


def make_app() -> web.Application:
    app = web.Application()
    app[WEBSOCKETS] = WeakSet()
    app.on_shutdown.append(close_websockets)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=PORT)
