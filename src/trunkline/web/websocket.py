"""`WebSocketResponse`: the answer that turns a request into a WebSocket, and the server's end of it (RFC 6455).

`prepare` checks the handshake, sends the 101 head and gives the connection's bytes to a `WebSocketConnection`, which
does the rest; here is the public API over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

from trunkline.abc import AbstractStreamWriter
from trunkline.conn.message_methods import MessageMethods, as_bytes
from trunkline.conn.requester import Requester
from trunkline.conn.websocket import WebSocketConnection, WebSocketRules
from trunkline.web.exceptions import HTTPBadRequest
from trunkline.web.request import BaseRequest
from trunkline.web.stream_response import StreamResponse
from trunkline.wire.errors import BadHandshake
from trunkline.wire.limits import MAX_MESSAGE_BYTES
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.handshake import VERSION, Opening, answer_handshake, check_protocols
from trunkline.wire.ws.message import WSCloseCode, WSMessage

# A loop that goes on reading a closed WebSocket would never end, and never let others run; aiohttp stops it here too.
_MAX_READS_AFTER_CLOSE: Final = 5


@dataclass(frozen=True, slots=True)
class WebSocketReady:
    """Whether a request can become a WebSocket, and which subprotocol it would speak."""

    ok: bool
    protocol: str | None

    def __bool__(self) -> bool:
        return self.ok


class WebSocketResponse(MessageMethods, StreamResponse):
    """A WebSocket, from the server's side.

    timeout: seconds to wait for the client's Close frame; receive_timeout: for a message. autoclose: answer the
    client's Close frame. autoping: answer pings, and keep them and pongs from the reader. heartbeat: seconds of silence
    after which the client is pinged; if it then stays silent, the connection is closed. protocols: the subprotocols
    spoken here. compress: agree to permessage-deflate. max_msg_size: in bytes, 0 is no limit. writer_limit: bytes that
    may wait to be sent before sending waits. decode_text: False leaves text messages as bytes, unchecked.
    """

    _protocol: Requester | None = None
    _connection: WebSocketConnection | None = None
    _reads_after_close = 0
    _ws_protocol: str | None = None

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        receive_timeout: float | None = None,
        autoclose: bool = True,
        autoping: bool = True,
        heartbeat: float | None = None,
        protocols: Iterable[str] = (),
        compress: bool = True,
        max_msg_size: int = MAX_MESSAGE_BYTES,
        writer_limit: int = 2**18,
        decode_text: bool = True,
    ) -> None:
        super().__init__(status=101)
        self._protocols = tuple(protocols)
        check_protocols(self._protocols)
        self._compress: bool | int = compress
        self._max_msg_size = max_msg_size
        self._decode_text = decode_text
        self._rules = WebSocketRules(timeout, receive_timeout, autoclose, autoping, heartbeat, writer_limit)

    # Opening.

    def can_prepare(self, request: BaseRequest) -> WebSocketReady:
        """Tell whether `prepare` would succeed; never raises."""
        if self._connection is not None:
            raise RuntimeError("Already started")
        try:
            opening = self._answer(request)
        except BadHandshake:
            return WebSocketReady(False, None)
        return WebSocketReady(True, opening.protocol)

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:  # type: ignore[override]  # upgrades
        """Open the WebSocket, in answer to `request`. Raises HTTPBadRequest when it does not ask for one."""
        if self.prepared:
            return self._payload_writer
        try:
            opening = self._answer(request)
        except BadHandshake as error:
            # RFC 6455 §4.4: a client that speaks another version learns which one would do.
            raise HTTPBadRequest(text=str(error), headers={"Sec-WebSocket-Version": VERSION}) from error
        self.headers.update(opening.fields())
        writer = await super().prepare(request)
        self._open(request, opening)
        return writer

    def _answer(self, request: BaseRequest) -> Opening:
        head = request._message
        return answer_handshake(head.method, head.version, head.headers, self._protocols, compress=bool(self._compress))

    def _open(self, request: BaseRequest, opening: Opening) -> None:
        deflate = opening.deflate
        self._ws_protocol = opening.protocol
        self._compress = 0 if deflate is None else deflate.window_bits(is_server=True)
        reader = MessageReader(
            is_server=True,
            max_bytes=self._max_msg_size,
            inflater=None if deflate is None else deflate.inflater(is_server=True),
            decode_text=self._decode_text,
        )
        writer = FrameWriter(None, None if deflate is None else deflate.deflater(is_server=True))
        self._protocol = request.protocol
        self._connection = WebSocketConnection(request._loop, self._protocol, reader, writer, self._rules)
        self._protocol.switch_protocol(self._connection)

    def _opened(self) -> WebSocketConnection:
        if self._connection is None:
            raise RuntimeError("Call .prepare() first")
        return self._connection

    # State.

    @property
    def _writer(self) -> Self | None:
        """Who sends frames once it is open: Home Assistant calls `_writer.send_frame`."""
        return None if self._connection is None else self

    @property
    def closed(self) -> bool:
        """True when it has been closed, or is being closed."""
        return self._connection is not None and self._connection.closed

    @property
    def close_code(self) -> int | None:
        """The code of the client's Close frame, 1006 when it sent none; None while open."""
        return None if self._connection is None else self._connection.close_code

    @property
    def ws_protocol(self) -> str | None:
        """The subprotocol that was agreed upon."""
        return self._ws_protocol

    @property
    def compress(self) -> int | bool:
        """What was asked for; once prepared, window bits of what we compress, 0 without compression."""
        return self._compress

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: as the transport's
        """Return what the transport knows under `name`, such as `peername`."""
        transport = None if self._protocol is None else self._protocol.transport
        return default if transport is None else transport.get_extra_info(name, default)

    def exception(self) -> BaseException | None:
        """Return the error that ended the connection, or came up when it was closed."""
        return None if self._connection is None else self._connection.error

    # Sending.

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Refuse: a WebSocket sends messages."""
        raise RuntimeError("Cannot call .write() for websocket")

    # Closing.

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes | str = b"", drain: bool = True) -> bool:
        """Close with a Close frame, and wait for the client's; return False when that was done before.

        Any task may call it; one that waits in receive() gets a CLOSING message. Raises ValueError for a code or a
        message that must not be sent.
        """
        return await self._opened().close(code, as_bytes(message), drain=drain)

    async def write_eof(self, data: bytes = b"") -> None:
        """Close, if it was not done before; the server calls it when the handler has returned."""
        if self._is_ended:
            return
        connection = self._opened()
        await connection.close()
        await connection.wait_gone()
        self._is_ended = True
        self._req = None
        self._payload_writer = None

    # Receiving.

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """Return the next message, one of CLOSE, CLOSING, CLOSED or ERROR when there are no more.

        Only one task may wait for messages. Raises TimeoutError, and RuntimeError when it is called again and again
        after the end.
        """
        connection = self._connection
        if connection is None:
            raise RuntimeError("Call .prepare() first")
        if connection.closed:
            self._reads_after_close += 1
            if self._reads_after_close >= _MAX_READS_AFTER_CLOSE:
                raise RuntimeError("WebSocket connection is closed.")
        return await connection.receive(timeout)
