"""A server whose start or shutdown is cancelled at any wait, early or late, keeps no socket, handler or connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import pytest

from tests.torture.client_flows import LIMIT_S
from tests.torture.figures import figures
from tests.torture.leaks import run_on
from tests.torture.loops import LOOPS
from tests.torture.server_flows import GET
from tests.torture.stepping import Cut, cut_everywhere
from tests.web.raw_websocket import HEAD, close_frame
from trunkline.web.app import Application
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.runner import AppRunner
from trunkline.web.sites import TCPSite
from trunkline.web.stream_response import StreamResponse
from trunkline.web.websocket import WebSocketResponse

SHUTDOWN_S: Final = 0.2  # for handlers that were not told to end, because the cut came before


def application() -> Application:
    """An application whose handlers end when it is shut down, and which waits in each of its signals."""
    ending = asyncio.Event()

    async def wait(request: Request) -> StreamResponse:
        if request.path == "/websocket":
            websocket = WebSocketResponse()
            await websocket.prepare(request)
            await ending.wait()
            await websocket.close()
            return websocket
        if request.path == "/slow":
            await ending.wait()
        return Response(text="ok")

    async def end(app: Application) -> None:
        await asyncio.sleep(0)
        ending.set()

    async def resource(app: Application) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        yield
        await asyncio.sleep(0)

    app = Application()
    app.router.add_get("/{path:.*}", wait)
    app.on_shutdown.append(end)
    app.cleanup_ctx.append(resource)
    return app


async def start(runner: AppRunner) -> None:
    await runner.setup()
    await TCPSite(runner, "127.0.0.1", 0).start()


async def cut_start(cut: Cut) -> None:
    runner = AppRunner(application(), shutdown_timeout=SHUTDOWN_S, access_log=None)
    await cut.run(start(runner))
    async with asyncio.timeout(LIMIT_S):
        await runner.cleanup()


async def answer_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the server's Close frame, if it still comes."""
    if await reader.read(4):
        writer.write(close_frame(1000))


async def cut_shutdown(cut: Cut) -> None:
    """Shut down, cut as told, what has an idle connection, a handler under way, and a WebSocket."""
    runner = AppRunner(application(), shutdown_timeout=SHUTDOWN_S, access_log=None)
    await start(runner)
    port = runner.addresses[0][1]
    heads = (GET, GET.replace(b"/ ", b"/slow ", 1), HEAD.replace("/ ", "/websocket ", 1).encode() + b"\r\n")
    clients = [await asyncio.open_connection("127.0.0.1", port) for _ in heads]
    for (_, writer), head in zip(clients, heads, strict=True):
        writer.write(head)
    await clients[0][0].readuntil(b"ok")
    await clients[2][0].readuntil(b"\r\n\r\n")
    answering = asyncio.ensure_future(answer_close(*clients[2]))
    async with asyncio.timeout(LIMIT_S):
        await cut.run(runner.cleanup())
        await runner.cleanup()  # whoever was cut calls it again
        assert not runner.sites
        await answering
        for reader, writer in clients:
            with suppress(ConnectionError):
                await reader.read()
            writer.close()


FLOWS: Final = {"start": cut_start, "shutdown": cut_shutdown}


@pytest.mark.parametrize("is_late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", FLOWS)
def test_a_server_cancelled_at_any_wait_leaves_nothing_behind(name: str, loop: str, is_late: bool) -> None:
    made = run_on(loop, cut_everywhere(FLOWS[name], is_late))
    figures.add("cancelled", name, made)
    assert made >= 1
