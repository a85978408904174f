"""A client that sends no more: what flows goes on, a streamed answer that pauses ends, whole answers are waited for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trunkline import web
from trunkline.web.handler_chain import Handler
from trunkline.wire.limits import HALF_CLOSED_PAUSE_S


@asynccontextmanager
async def half_closed(handler: Handler) -> AsyncIterator[asyncio.StreamReader]:
    """Ask a server whose handlers outlive their clients, and send no more."""
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.write_eof()
        yield reader
    finally:
        writer.close()
        await runner.cleanup()


async def test_a_stream_that_has_paused_ends_and_its_handler_sees_it() -> None:
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        while request.transport is not None:  # noqa: ASYNC110 - what handlers do
            await asyncio.sleep(0.02)
        lost.set_result(None)
        return response

    async with half_closed(handler) as reader:
        assert b"first" in await reader.readuntil(b"first")
        await asyncio.wait_for(lost, 10 * HALF_CLOSED_PAUSE_S)


async def test_a_stream_that_flows_goes_on_for_as_long_as_it_flows() -> None:
    pieces = 12

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(pieces):
            await response.write(b"piece")
            await asyncio.sleep(HALF_CLOSED_PAUSE_S / 5)
        return response

    async with half_closed(handler) as reader:
        assert (await reader.read()).count(b"piece") == pieces


async def test_an_answer_that_has_not_begun_is_waited_for() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(HALF_CLOSED_PAUSE_S * 1.5)
        return web.Response(text="late")

    async with half_closed(handler) as reader:
        assert (await reader.read()).endswith(b"late")
