"""`ClientWebSocketResponse`: a WebSocket, from the client's side (RFC 6455), and how long its parts may take.

`ws_connect` makes it, after the handshake; it gives the connection's bytes to a `WebSocketConnection`, which does the
rest. Here is the public API over it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import GenericAlias, TracebackType
from typing import Any, Final, Self

from trunkline.client.errors import ClientConnectionError, ServerTimeoutError
from trunkline.client.response import ClientResponse
from trunkline.conn.message_methods import MessageMethods, as_bytes
from trunkline.conn.websocket import WebSocketConnection, WebSocketRules
from trunkline.wire.limits import WRITE_TIMEOUT_S
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.message import CLOSED_MESSAGE, CLOSING_MESSAGE, WSCloseCode, WSMessage, WSMsgType


@dataclass(frozen=True, slots=True)
class ClientWSTimeout:
    """Limits in seconds, None for none. ws_receive: for a message to come. ws_close: for the server's Close frame.

    ws_send: in which the server takes nothing of what is sent; the connection is then lost, a ConnectionResetError.
    """

    ws_receive: float | None = None
    ws_close: float | None = None
    ws_send: float | None = WRITE_TIMEOUT_S


DEFAULT_WS_CLIENT_TIMEOUT: Final = ClientWSTimeout(ws_close=10.0)  # aiohttp's


class ClientWebSocketResponse(MessageMethods):
    """A WebSocket. `ClientSession.ws_connect` makes it; `async with` it, or `close` it."""

    def __class_getitem__(cls, decodes_text: object) -> GenericAlias:
        """Let annotations say what the messages are; aiohttp's class is generic in whether texts are decoded."""
        return GenericAlias(cls, (decodes_text,))

    def __init__(
        self,
        reader: MessageReader,
        writer: FrameWriter,
        protocol: str | None,
        response: ClientResponse,
        timeout: ClientWSTimeout,
        autoclose: bool,
        autoping: bool,
        loop: asyncio.AbstractEventLoop,
        *,
        heartbeat: float | None = None,
        compress: int = 0,
        client_notakeover: bool = False,
    ) -> None:
        """protocol: the subprotocol that was agreed upon. response: the 101, whose connection is taken over.

        compress, client_notakeover: what was agreed upon; reader and writer do it.
        """
        carrier = None if response.connection is None else response.connection.protocol
        if carrier is None:
            raise ClientConnectionError("the connection was closed before the WebSocket was open")
        self._response = response
        self._protocol = protocol
        self._autoclose = autoclose
        self._compress = compress
        self._client_notakeover = client_notakeover
        rules = WebSocketRules(
            timeout.ws_close,
            timeout.ws_receive,
            autoclose=False,  # `receive` does it here, by a `close` that a subclass may override
            autoping=autoping,
            heartbeat_s=heartbeat,
            write_timeout_s=timeout.ws_send,
            is_client=True,
            as_dead=ServerTimeoutError,
        )
        self._connection = WebSocketConnection(loop, carrier, reader, writer, rules)
        carrier.switch_protocol(self._connection)

    def _opened(self) -> WebSocketConnection:
        return self._connection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.close()

    # State.

    @property
    def _writer(self) -> _WriterView:
        return _WriterView(self._connection)

    @property
    def _conn(self) -> None:
        """None, as for a connection that is gone: ccxt then receives, and does not empty the queue behind it itself."""

    @property
    def closed(self) -> bool:
        """True when it has been closed, or is being closed."""
        return self._connection.closed

    @property
    def close_code(self) -> int | None:
        """The code of the server's Close frame, of ours when it broke the protocol, else 1006; None while open."""
        return self._connection.close_code

    @property
    def protocol(self) -> str | None:
        """The subprotocol that was agreed upon."""
        return self._protocol

    @property
    def compress(self) -> int:
        """Window bits of what we compress, 0 without compression."""
        return self._compress

    @property
    def client_notakeover(self) -> bool:
        """True when each of our messages is compressed by itself."""
        return self._client_notakeover

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: as the transport's
        """Return what the transport knows under `name`, such as `peername`."""
        connection = self._response.connection
        transport = None if connection is None else connection.transport
        return default if transport is None else transport.get_extra_info(name, default)

    def exception(self) -> BaseException | None:
        """Return the error that ended the connection, or came up when it was closed."""
        return self._connection.error

    # Closing and receiving.

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes | str = b"") -> bool:
        """Close with a Close frame, and wait for the server's; return False when that was done before.

        Any task may call it; one that waits in receive() gets a CLOSING message. Raises ValueError for a code or a
        message that must not be sent.
        """
        has_closed = await self._connection.close(code, as_bytes(message))
        self._let_go()
        return has_closed

    def _let_go(self) -> None:
        """Have nothing more to close: the connection may linger for a while, and ends by itself."""
        exchange = self._response.exchange
        if exchange is not None:
            exchange.finish()

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """Return the next message, one of CLOSE, CLOSING, CLOSED or ERROR when there are no more.

        Only one task may wait for messages. Raises TimeoutError.
        """
        message = await self._connection.receive(timeout)
        if message.type is WSMsgType.CLOSE:
            if self._autoclose:
                await self.close()
        elif message is CLOSING_MESSAGE and not self._connection.closed:  # after a CLOSE that was left to its reader
            await self.close()
            return CLOSED_MESSAGE
        elif message.type is WSMsgType.ERROR:
            self._let_go()
        return message


class _WriterView:
    """The writing side, as libraries look at it: their tests set `_closing`, to see that nothing is sent any more."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection

    @property
    def _closing(self) -> bool:
        return self._connection.is_mute

    @_closing.setter
    def _closing(self, value: bool) -> None:
        self._connection.is_mute = value
