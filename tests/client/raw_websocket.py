"""A server that agrees to open a WebSocket and then says what a test scripts, frame by frame."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any

from tests.raw_server import Peer, RawServer
from trunkline import ClientSession, ClientWebSocketResponse, WSMessage, WSMsgType
from trunkline.wire.ws.frames import FrameReader, FrameWriter
from trunkline.wire.ws.handshake import accept_token

TEXT, BINARY, CLOSE, PING, PONG = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE, WSMsgType.PING, WSMsgType.PONG
CLOSED = WSMessage(WSMsgType.CLOSED, None, None)
CLOSING = WSMessage(WSMsgType.CLOSING, None, None)

frame = FrameWriter(None).render

Play = Callable[[Peer], Awaitable[None]]


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


def field(head: bytes, name: str) -> str | None:
    """Return the value of a field, None without one."""
    found = re.search(rf"^{name}: (.*?)\r$".encode(), head, re.MULTILINE | re.IGNORECASE)
    return None if found is None else found[1].decode()


def agreement(head: bytes, *more: str) -> bytes:
    """Return the head that agrees to the request `head`. more: further fields."""
    accept = accept_token(field(head, "Sec-WebSocket-Key") or "")
    fields = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}", *more)
    return "\r\n".join(("HTTP/1.1 101 Switching Protocols", *fields, "", "")).encode()


class Script:
    """Agrees, says `then`, and reads until the client leaves.

    ends: close our direction behind it. play: called in between. said: frames of the client, and what is no frame.
    """

    def __init__(self, then: bytes = b"", *more: str, ends: bool = False, play: Play | None = None) -> None:
        self._then = then
        self._more = more
        self._ends = ends
        self._play = play
        self.said: list[tuple[int, bytes]] = []
        self.left = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        head = await peer.head()
        await peer.send(agreement(head, *self._more) + self._then)
        if self._play is not None:
            await self._play(peer)
        if self._ends:
            peer.writer.write_eof() if peer.writer.can_write_eof() else peer.writer.close()
        try:
            await self._listen(peer)
        finally:
            self.left.set()

    async def _listen(self, peer: Peer) -> None:
        frames = FrameReader(is_masked=True, may_be_compressed=True, max_bytes=2**30)
        while data := await peer.reader.read(65536):
            frames.feed(data)
            while (found := frames.next_frame()) is not None:
                self.said.append((found[0] & 0x0F, bytes(found[1])))


@asynccontextmanager
async def opened(
    script: Script,
    *,
    tls: SSLContext | None = None,
    session: dict[str, Any] | None = None,  # Any: as ClientSession takes them
    **options: Any,
) -> AsyncIterator[ClientWebSocketResponse]:
    """Open a WebSocket to `script`; what the client said is known when the block has ended."""
    async with RawServer(script, ssl=tls) as server, asyncio.timeout(20):
        async with ClientSession(**(session or {})) as client:
            yield await client.ws_connect(server.url(), **options)
        await script.left.wait()


async def receive_all(websocket: ClientWebSocketResponse) -> list[WSMessage]:
    """Receive until the end, and once more."""
    messages = []
    while not websocket.closed:
        messages.append(await websocket.receive())
    return [*messages, await websocket.receive()]
