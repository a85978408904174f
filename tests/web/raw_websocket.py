"""A WebSocket that a raw client opens, frame by frame, and the script that its server runs on it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.web.serving import Talk, serving
from trunkline.web.request import BaseRequest
from trunkline.web.websocket import WebSocketResponse
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.message import WSMessage, WSMsgType

TEXT, BINARY, CLOSE, PING, PONG = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE, WSMsgType.PING, WSMsgType.PONG
CLOSED = WSMessage(WSMsgType.CLOSED, None, None)
CLOSING = WSMessage(WSMsgType.CLOSING, None, None)

Script = Callable[[WebSocketResponse], Awaitable[Any]]  # Any: what a test looks at

HEAD = (
    "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def frame(opcode: int, payload: bytes = b"") -> bytes:
    return FrameWriter(lambda: b"\x11\x22\x33\x44").render(opcode, payload)


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


class Running:
    """A WebSocket that a raw client has opened, and the script that its server runs on it."""

    def __init__(self, talk: Talk, result: "asyncio.Future[Any]") -> None:
        self.talk = talk
        self._result = result

    async def result(self) -> Any:  # Any: the script's
        return await asyncio.wait_for(asyncio.shield(self._result), 5)

    def send(self, *frames: bytes) -> None:
        self.talk.send(b"".join(frames))

    async def read(self, wanted: bytes) -> None:
        assert await asyncio.wait_for(self.talk.reader.readexactly(len(wanted)), 5) == wanted

    async def read_end(self, wanted: bytes = b"") -> None:
        assert await asyncio.wait_for(self.talk.rest(), 5) == wanted


class Opener:
    """Opens a WebSocket with options for its WebSocketResponse."""

    def __init__(self, script: Script, extensions: str = "", **options: Any) -> None:  # Any: as the class takes them
        self._script = script
        self._head = HEAD + (f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else "") + "\r\n"
        self._options = options
        self._result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._serving = serving(self._handle)

    async def _handle(self, request: BaseRequest) -> WebSocketResponse:
        websocket = WebSocketResponse(**self._options)
        await websocket.prepare(request)
        try:
            result = await self._script(websocket)
        except Exception as error:
            self._result.set_exception(error)
            raise
        self._result.set_result(result)
        return websocket

    async def __aenter__(self) -> Running:
        served = await self._serving.__aenter__()
        self._talk = await served.talk()
        self._talk.send(self._head.encode())
        assert (await self._talk.head()).startswith(b"HTTP/1.1 101 ")
        return Running(self._talk, self._result)

    async def __aexit__(self, *exc_info: Any) -> None:  # Any: as Python calls it
        self._talk.writer.close()
        await self._serving.__aexit__(*exc_info)


async def receive_all(websocket: WebSocketResponse) -> list[WSMessage]:
    """Receive until the end, and once more."""
    messages = []
    while not websocket.closed:
        messages.append(await websocket.receive())
    return [*messages, await websocket.receive()]
