"""`MessageMethods`: what the public WebSocket classes of both roles share: sending and receiving messages by kind.

How one is opened and closed differs, and is theirs.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, Self

from trunkline.conn.websocket import WebSocketConnection
from trunkline.ground.types import JSONBytesEncoder, JSONDecoder, JSONEncoder
from trunkline.wire.ws.message import WSMessage, WSMessageTypeError, WSMsgType


class MessageMethods(ABC):
    """Sends and receives messages; all ways to send raise ConnectionResetError when the connection is closing."""

    __slots__ = ()

    @abstractmethod
    def _opened(self) -> WebSocketConnection:
        """Return the connection. Raises RuntimeError before there is one."""

    @abstractmethod
    async def receive(self, timeout: float | None = None) -> WSMessage:
        """Return the next message, one of CLOSE, CLOSING, CLOSED or ERROR when there are no more."""

    # Sending.

    async def ping(self, message: bytes | str = b"") -> None:
        """Send a PING frame. Raises ValueError for more than 125 bytes."""
        await self._opened().send(WSMsgType.PING, as_bytes(message))

    async def pong(self, message: bytes | str = b"") -> None:
        """Send a PONG frame that answers no PING. Raises ValueError for more than 125 bytes."""
        await self._opened().send(WSMsgType.PONG, as_bytes(message))

    async def send_frame(self, message: bytes, opcode: WSMsgType, compress: int | None = None) -> None:
        """Send bytes as they are, in one frame of the kind `opcode`, whose meaning they must have."""
        await self._opened().send(opcode, message, compress)

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Send a text message. compress: level for this message, 0 for none."""
        connection = self._opened()
        if not isinstance(data, str):
            raise TypeError(f"data argument must be str ({type(data)!r})")
        await connection.send(WSMsgType.TEXT, data.encode(), compress)

    async def send_bytes(self, data: bytes | bytearray | memoryview, compress: int | None = None) -> None:
        """Send a binary message. compress: level for this message, 0 for none."""
        connection = self._opened()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        await connection.send(WSMsgType.BINARY, data, compress)

    # Any: whatever the encoder takes.
    async def send_json(self, data: Any, compress: int | None = None, *, dumps: JSONEncoder = json.dumps) -> None:
        """Send `data` as a text message in JSON."""
        self._opened()
        await self.send_str(dumps(data), compress)

    async def send_json_bytes(self, data: Any, compress: int | None = None, *, dumps: JSONBytesEncoder) -> None:
        """Send `data` as a binary message in JSON, by an encoder that returns bytes."""
        self._opened()
        await self.send_bytes(dumps(data), compress)

    # Receiving.

    async def receive_str(self, *, timeout: float | None = None) -> str:
        """Return the next message's text. Raises WSMessageTypeError when it is no text message."""
        message = await self.receive(timeout)
        text: str = _of_kind(message, WSMsgType.TEXT)
        return text

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """Return the next message's bytes. Raises WSMessageTypeError when it is no binary message."""
        message = await self.receive(timeout)
        data: bytes = _of_kind(message, WSMsgType.BINARY)
        return data

    # Any: whatever `loads` makes of it.
    async def receive_json(self, *, loads: JSONDecoder = json.loads, timeout: float | None = None) -> Any:
        """Return the next message, as `loads` reads its text. Raises WSMessageTypeError when it is no text message."""
        return loads(await self.receive_str(timeout=timeout))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WSMessage:
        message = await self.receive()
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
            raise StopAsyncIteration
        return message


def as_bytes(message: bytes | str) -> bytes:
    """Return the payload of a control frame, whose text is UTF-8."""
    if isinstance(message, str):
        return message.encode()
    if not isinstance(message, (bytes, bytearray, memoryview)):
        raise TypeError(f"message of type {type(message).__name__}; wanted bytes or str")
    return bytes(message)


def _of_kind(message: WSMessage, kind: WSMsgType) -> Any:  # Any: as WSMessage.data
    if message.type is not kind:
        raise WSMessageTypeError(f"Received message {message.type}:{message.data!r} is not WSMsgType.{kind.name}")
    return message.data
