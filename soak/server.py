"""The server of the soak, in a process of its own: `python -m soak.server`.

It writes its port on its standard output, and then a line of figures for each line on its standard input; at the
input's end it shuts down, so that it never outlives the client. Each healthy answer carries the number of the request
that it answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import struct
import sys
from dataclasses import asdict

from soak import figures
from soak.faults import ANSWERS, CUT, Injected
from soak.loops import LOOPS, run
from trunkline import web

NUMBER = "X-Number"  # the field that carries a request's number
STREAMED_PARTS = 20
ABANDONED_S = 60.0  # far above every timeout of the client: a handler that waits so long was never given up
STOP_S = 2.0  # for handlers that are left over at the end; the figures have shown them by then


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m soak.server", description=__doc__)
    parser.add_argument("--loop", choices=LOOPS, default=LOOPS[0])
    run(_serve(), parser.parse_args().loop)


def application() -> web.Application:
    """Make the application: a route for each flow, and one for the faults."""
    app = web.Application()
    app.add_routes([
        web.get("/get", _get),
        web.post("/post", _post),
        web.post("/upload", _upload),
        web.get("/stream", _stream),
        web.get("/redirect", _redirect),
        web.get("/websocket", _websocket),
        web.get("/fault", _fault),
    ])  # fmt: skip
    return app


async def _serve() -> None:
    complaints = figures.Complaints(Injected)
    complaints.collect()
    # A handler whose client has gone away ends; what stays is a leak.
    runner = web.AppRunner(application(), handler_cancellation=True, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    is_over = asyncio.Event()

    def answer() -> None:
        if os.read(sys.stdin.fileno(), 1):
            assert runner.server is not None
            taken = figures.take(len(runner.server.connections))
            _say({**asdict(taken), "complaints": complaints.counts})
        else:
            is_over.set()

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), answer)
    _say(runner.addresses[0][1])
    await is_over.wait()
    await runner.cleanup()


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _number(request: web.Request) -> str:
    return request.headers[NUMBER]


async def _get(request: web.Request) -> web.Response:
    return web.Response(text=_number(request))


async def _post(request: web.Request) -> web.Response:
    return web.json_response({"n": int(_number(request)), "got": await request.json()})


async def _upload(request: web.Request) -> web.Response:
    size = 0
    async for part in request.content.iter_any():
        size += len(part)
    return web.Response(text=f"{_number(request)} {size}")


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(STREAMED_PARTS):
        await response.write(_number(request).encode() + b"\n")
        await asyncio.sleep(0)
    return response


async def _redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound("/get")


async def _websocket(request: web.Request) -> web.WebSocketResponse:
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    async for message in websocket:
        await websocket.send_str(message.data)
    return websocket


async def _fault(request: web.Request) -> web.Response:
    name = request.query["name"]
    if name == "error":
        raise Injected
    if name == "close":
        response = web.Response(text=_number(request))
        response.force_close()
        return response
    transport = request.transport
    assert transport is not None
    if name == "reset":
        _reset(transport)
    else:
        transport.write(ANSWERS[name])
        if name in CUT:
            transport.close()
    await asyncio.sleep(ABANDONED_S)
    raise RuntimeError(f"the client kept its connection for {ABANDONED_S:.0f} s after the fault {name!r}")


def _reset(transport: asyncio.Transport) -> None:
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() sends RST
    transport.abort()


if __name__ == "__main__":
    main()
