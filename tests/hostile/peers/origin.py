"""The origin behind the programs: it answers GET in one or two pieces, and counts each POST by its target."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from trunkline import web
from trunkline.test_utils import TestServer

WORK_S = 0.002  # the time that a request takes here, so that many are under way whenever a program is stopped
PIECE = b"0123456789abcdef" * 2048


@dataclass
class Origin:
    """port: where it listens. posted: how often each POST came, by its target."""

    port: int = 0
    posted: Counter[str] = field(default_factory=Counter)

    async def small(self, request: web.Request) -> web.Response:
        return web.Response(body=b"hello")

    async def pieces(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 2 * len(PIECE)
        await response.prepare(request)
        for _ in range(2):
            await response.write(PIECE)
            await asyncio.sleep(WORK_S)
        return response

    async def create(self, request: web.Request) -> web.Response:
        self.posted[request.path] += 1
        await request.read()
        await asyncio.sleep(WORK_S)
        return web.Response(status=201, text="created")


@asynccontextmanager
async def serve() -> AsyncIterator[Origin]:
    """Serve it within the `with` block."""
    origin = Origin()
    app = web.Application()
    app.router.add_get("/small", origin.small)
    app.router.add_get("/pieces", origin.pieces)
    app.router.add_post("/created/{number}", origin.create)
    server = TestServer(app)
    await server.start_server(access_log=None)
    assert server.port is not None
    origin.port = server.port
    try:
        yield origin
    finally:
        await server.close()
