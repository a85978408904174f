"""Requests of HTTP/2 leave nothing behind, and nothing that only the garbage collector would find."""

import gc

from tests.waiting import until
from tests.web.h2_client import h2_talk
from tests.web.serving import serving
from trunkline import web
from trunkline.conn.server_stream import ServerStream


def streams_left() -> int:
    return sum(isinstance(thing, ServerStream) for thing in gc.get_objects())


async def test_a_request_leaves_no_circle() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/whole":
            return web.Response(body=await request.read())
        if request.path == "/unread":
            return web.Response()
        if request.path == "/raise":
            raise web.HTTPForbidden
        response = web.StreamResponse()
        await response.prepare(request)
        assert request.transport is not None
        await response.write(b"x" * 100_000)
        return response

    async with serving(handler, http2="prior-knowledge") as server, h2_talk(server.port) as talk:
        gc.collect()
        gc.disable()
        try:
            before = streams_left()
            for path in ("/whole", "/unread", "/raise", "/streamed") * 10:
                await talk.get(path, "POST", body=b"x" * 1000)
            talk.reset(talk.ask("/whole", "POST", ends=False))
            await until(lambda: not server.server.connections[0].tasks)
            assert streams_left() == before
        finally:
            gc.enable()
