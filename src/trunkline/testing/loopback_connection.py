"""One connection of the loopback server: requests in, responses out, one after the other (RFC 9112 §9.3).

A handler that returns a response is answered inside `data_received`; one that returns an awaitable gets a
task, and pipelined requests wait for it. A client that does not read stops being served until it does. There
is no upgrade and no trailer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

from trunkline.testing.loopback_messages import (
    Handler,
    LoopbackRequest,
    LoopbackResponse,
    RequestHead,
    RequestRefused,
    body_too_large,
    parse_head,
    render_response,
)
from trunkline.wire.errors import WireError
from trunkline.wire.h1.chunked import ChunkedDecoder
from trunkline.wire.limits import LOOPBACK_MAX_BODY_BYTES, LOOPBACK_MAX_HEAD_BYTES


@dataclass(slots=True)
class LoopbackCounts:
    """What the server saw. A connection counts from accept() on, its TLS handshake included."""

    connections: int = 0
    open: int = 0
    peak_open: int = 0
    requests: int = 0
    tls_full: int = 0
    tls_resumed: int = 0
    tls_failed: int = 0
    requests_by_connection: list[int] = field(default_factory=list)  # in the order of accept()

    def accept(self) -> int:
        """Count a connection that was accepted, and number it."""
        self.connections += 1
        self.open += 1
        self.peak_open = max(self.peak_open, self.open)
        self.requests_by_connection.append(0)
        return self.connections - 1

    def serve(self, connection: int) -> None:
        """Count a request that arrived whole."""
        self.requests += 1
        self.requests_by_connection[connection] += 1


class LoopbackConnection(asyncio.Protocol):
    """Serves one connection until either side closes it.

    open_connections: it is a member from the end of its handshake until its socket and its handler
    have ended; then `gone` is set.
    """

    def __init__(self, handler: Handler, counts: LoopbackCounts, open_connections: set[LoopbackConnection]) -> None:
        self.gone = asyncio.Event()
        self.was_made = False
        self._open_connections = open_connections
        self._number = counts.accept()
        self._handler = handler
        self._counts = counts
        self._task: asyncio.Task[None] | None = None  # the handler at work, if it is asynchronous
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._head: RequestHead | None = None
        self._chunked: ChunkedDecoder | None = None
        self._pieces: list[bytes] = []  # of a chunked body, and what they add up to
        self._body_bytes = 0
        self._client_reads = True
        self._reading = True
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.was_made = True
        self._open_connections.add(self)
        self._transport = cast(asyncio.Transport, transport)  # the loop gives stream protocols no other kind
        session: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if session is None:
            return
        if session.session_reused:
            self._counts.tls_resumed += 1
        else:
            self._counts.tls_full += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._closing = True
        self._counts.open -= 1
        if self._task is None:
            self._leave()
        else:
            self._task.cancel()
            self._task.add_done_callback(lambda _: self._leave())

    def _leave(self) -> None:
        self._open_connections.discard(self)
        self.gone.set()

    def pause_writing(self) -> None:
        self._client_reads = False

    def resume_writing(self) -> None:
        self._client_reads = True
        self._advance()

    def data_received(self, data: bytes) -> None:
        if not self._closing:
            self._received += data
            self._advance()

    async def close(self) -> None:
        """Drop the connection at once, what is unsent included, and wait until it is gone."""
        if self._transport is not None:
            self._transport.abort()
        await self.gone.wait()

    def _advance(self) -> None:
        """Serve what has arrived, as far as it goes, and read on only if there is room for more."""
        try:
            while self._is_ready():
                request = self._next_request()
                if request is None:
                    break
                self._answer(request)
        except RequestRefused as refusal:
            self._send(LoopbackResponse(refusal.status, body=str(refusal).encode(), close=True), "GET")
        except WireError as error:
            self._send(LoopbackResponse(HTTPStatus.BAD_REQUEST, body=str(error).encode(), close=True), "GET")
        self._pace_reading()

    def _is_ready(self) -> bool:
        return self._task is None and self._client_reads and not self._closing

    def _pace_reading(self) -> None:
        if self._transport is None or self._closing:
            return
        has_room = self._is_ready() or len(self._received) <= LOOPBACK_MAX_HEAD_BYTES
        if self._reading and not has_room:
            self._transport.pause_reading()
        elif has_room and not self._reading:
            self._transport.resume_reading()
        self._reading = has_room

    def _next_request(self) -> LoopbackRequest | None:
        """Take the next whole request out of what has arrived; None when more must arrive first."""
        head = self._head or self._take_head()
        if head is None:
            return None
        body = self._take_chunked_body() if head.body_length is None else self._take_body(head.body_length)
        if body is None:
            return None
        self._head = None
        return LoopbackRequest(head, body, self._number)

    def _take_head(self) -> RequestHead | None:
        # RFC 9112 §2.2: an empty line before the request line is skipped.
        while self._received.startswith(b"\r\n"):
            del self._received[:2]
        end = self._received.find(b"\r\n\r\n", 0, LOOPBACK_MAX_HEAD_BYTES)
        if end < 0:
            if len(self._received) >= LOOPBACK_MAX_HEAD_BYTES:
                why = f"head above {LOOPBACK_MAX_HEAD_BYTES} bytes"
                raise RequestRefused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, why)
            return None
        head = self._head = parse_head(bytes(self._received[:end]))
        del self._received[: end + 4]
        if head.body_length is None:
            self._chunked, self._pieces, self._body_bytes = ChunkedDecoder(), [], 0
        if head.expects_continue and not self._received and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return head

    def _take_body(self, length: int) -> bytes | None:
        if len(self._received) < length:
            return None
        body = bytes(self._received[:length])
        del self._received[:length]
        return body

    def _take_chunked_body(self) -> bytes | None:
        assert self._chunked is not None  # _take_head made it
        data = bytes(self._received)
        self._received.clear()
        pieces: list[bytes] = []
        rest = self._chunked.decode(data, pieces, [])
        self._pieces += pieces
        self._body_bytes += sum(map(len, pieces))
        if self._body_bytes > LOOPBACK_MAX_BODY_BYTES:
            raise body_too_large()
        if rest is None:
            return None
        self._received += rest
        self._chunked = None
        return b"".join(self._pieces)

    def _answer(self, request: LoopbackRequest) -> None:
        self._counts.serve(self._number)
        try:
            response = self._handler(request)
        except Exception as error:
            response = self._server_error(request, error)
        if isinstance(response, LoopbackResponse):
            self._send_final(response, request)
        else:
            self._task = asyncio.get_running_loop().create_task(self._answer_later(request, response))

    async def _answer_later(self, request: LoopbackRequest, answer: Awaitable[LoopbackResponse]) -> None:
        try:
            response = await answer
        except Exception as error:
            response = self._server_error(request, error)
        self._task = None
        self._send_final(response, request)
        self._advance()

    def _server_error(self, request: LoopbackRequest, error: Exception) -> LoopbackResponse:
        """Show a handler's error to both sides: the log of the server, the body of the response."""
        message = f"the loopback handler failed for {request.method} {request.target}"
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
        return LoopbackResponse(HTTPStatus.INTERNAL_SERVER_ERROR, body=repr(error).encode(), close=True)

    def _send_final(self, response: LoopbackResponse, request: LoopbackRequest) -> None:
        self._send(response, request.method, close=response.close or not request.head.keeps_alive)

    def _send(self, response: LoopbackResponse, method: str, *, close: bool = True) -> None:
        if self._transport is None:
            return
        self._transport.write(render_response(response, method, close=close))
        if close:
            self._closing = True
            self._transport.close()
