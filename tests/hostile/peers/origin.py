"""The origin behind the programs: it answers GET in one or two pieces, and notes each POST by its target."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from trunkline import web
from trunkline.test_utils import TestServer

WORK_S = 0.002  # the time that a request takes here, so that many are under way whenever a program is stopped
PIECE = b"0123456789abcdef" * 2048


@dataclass
class Origin:
    """port: where it listens. posted: how often each POST came, by its target."""

    port: int
    posted: Counter[str] = field(default_factory=Counter)


def application(note_posted: Callable[[str], None]) -> web.Application:
    """Return the application. note_posted: called with the target of each POST as soon as it comes."""

    async def create(request: web.Request) -> web.Response:
        note_posted(request.path)
        await request.read()
        await asyncio.sleep(WORK_S)
        return web.Response(status=201, text="created")

    app = web.Application()
    app.router.add_get("/small", _small)
    app.router.add_get("/pieces", _pieces)
    app.router.add_post("/created/{number}", create)
    return app


@asynccontextmanager
async def serve() -> AsyncIterator[Origin]:
    """Serve it within the `with` block."""
    posted: Counter[str] = Counter()
    server = TestServer(application(lambda path: posted.update((path,))))
    await server.start_server(access_log=None)
    assert server.port is not None
    try:
        yield Origin(server.port, posted)
    finally:
        await server.close()


async def _small(request: web.Request) -> web.Response:
    return web.Response(body=b"hello")


async def _pieces(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = 2 * len(PIECE)
    await response.prepare(request)
    for _ in range(2):
        await response.write(PIECE)
        await asyncio.sleep(WORK_S)
    return response
