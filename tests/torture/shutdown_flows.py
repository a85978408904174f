"""A server that is shut down in the midst of everything: its application, and its clients, over TCP or TLS."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pytest

from tests.torture.server_flows import CLIENT_TLS, GET, HELLO, large_file
from tests.web.raw_websocket import HEAD, close_frame
from trunkline.web import connections, sites
from trunkline.web.app import Application
from trunkline.web.file_response import FileResponse
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.runner import AppRunner
from trunkline.web.stream_response import StreamResponse
from trunkline.web.websocket import WebSocketResponse

SHUTDOWN_S: Final = 0.02  # for handlers that do not end when they are told, or were not told
GRACE_S: Final = 0.01  # in place of a tenth of a second, and more, that are for networks

_UPLOAD: Final = b"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 2000\r\n\r\n" + bytes(1000)  # the half of it
_IDLE, _WEBSOCKET = 0, 1
_REQUESTS: Final = (
    GET,
    HEAD.replace("/ ", "/websocket ", 1).encode() + b"\r\n",
    GET.replace(b"/ ", b"/slow ", 1),
    GET.replace(b"/ ", b"/file ", 1),
    _UPLOAD,
)

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def application() -> Application:
    """An application whose handlers end when it is shut down, and which waits in each of its signals."""
    ending = asyncio.Event()

    async def wait(request: Request) -> StreamResponse:
        if request.path == "/upload":
            return Response(body=await request.read())
        if request.path == "/websocket":
            websocket = WebSocketResponse()
            await websocket.prepare(request)
            await ending.wait()
            await websocket.close()
            return websocket
        if request.path in ("/slow", "/file"):
            await ending.wait()
        return FileResponse(large_file()) if request.path == "/file" else Response(text="ok")

    async def end(app: Application) -> None:
        await asyncio.sleep(0)
        ending.set()

    async def resource(app: Application) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        yield
        await asyncio.sleep(0)

    app = Application()
    app.router.add_route("*", "/{path:.*}", wait)
    app.on_shutdown.append(end)
    app.cleanup_ctx.append(resource)
    return app


@contextmanager
def short_graces() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "GRACE_S", GRACE_S)
        patch.setattr(sites, "_LAST_HANDSHAKES_S", GRACE_S)
        yield


class Clients:
    """Clients of every kind: idle, with a handler, a file, an upload, a WebSocket, or a handshake or head begun."""

    def __init__(self, port: int, *, is_tls: bool) -> None:
        self._port = port
        self._tls = CLIENT_TLS if is_tls else None
        self._beginning = HELLO[:50] if is_tls else GET[:10]
        self._streams: list[Stream] = []

    async def come(self, runner: AppRunner) -> None:
        """Connect, ask, and wait until all have been heard."""
        for request in _REQUESTS:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
            self._streams.append((reader, writer))
            writer.write(request)
        await self._streams[_IDLE][0].readuntil(b"ok")
        await self._streams[_WEBSOCKET][0].readuntil(b"\r\n\r\n")
        assert runner.server is not None
        while runner.server.requests_count < len(_REQUESTS):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
        self._answering = asyncio.ensure_future(_answer_close(*self._streams[_WEBSOCKET]))
        await self._begin()
        await asyncio.sleep(0.001)  # it is to be accepted
        self._last = socket.create_connection(("127.0.0.1", self._port))
        self._last.sendall(self._beginning)  # it is to be found in the backlog

    async def _begin(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._beginning)
        self._streams.append((reader, writer))

    async def see_the_end(self) -> None:
        """Wait until the server has closed all connections; then leave."""
        self._streams.append(await asyncio.open_connection(sock=self._last))
        if self._tls is not None and not isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop):
            for _, writer in self._streams[-2:]:  # uvloop gives up a handshake after 60 s, and lets nobody else end it
                writer.close()
        await asyncio.wait([self._answering])
        for reader, writer in self._streams:
            with suppress(ConnectionError, ssl.SSLError):
                await reader.read()
            writer.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self._port))


async def _answer_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the server's Close frame, if it still comes."""
    with suppress(ConnectionError, ssl.SSLError):
        if await reader.read(4):
            writer.write(close_frame(1000))
