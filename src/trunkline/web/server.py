"""`Server`: makes the connections of a listening socket and answers their requests with one handler.

A handler's response is sent whatever it is: returned, raised, or none at all. Where a head has left already, a failure
can only be told by closing the connection before the body's end. How a request is read is `conn/server_h1`'s part,
which handler a request gets is `web/app`'s.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, Final, Literal

from trunkline import hdrs
from trunkline.abc import AbstractAccessLogger, AbstractStreamWriter
from trunkline.body.empty_stream import EMPTY_PAYLOAD
from trunkline.body.stream import StreamReader
from trunkline.conn.errors import RequestLost
from trunkline.conn.requester import Requester
from trunkline.conn.response_writer import ResponseWriter
from trunkline.conn.server_connection import ServerConnection
from trunkline.conn.server_h1 import ServerH1
from trunkline.conn.service import ServiceRules
from trunkline.conn.starter import make_starter
from trunkline.conn.watch import Watch
from trunkline.ground.logs import access_logger, server_logger
from trunkline.web.access_log import AccessLogger
from trunkline.web.connections import Connections
from trunkline.web.exceptions import HTTPException
from trunkline.web.failures import answer_failure, answer_nothing, plain_response, refuse_request
from trunkline.web.request import BaseRequest
from trunkline.web.response import Response
from trunkline.web.stream_response import StreamResponse
from trunkline.wire.errors import WireError
from trunkline.wire.limits import (
    BODY_TIMEOUT_S,
    HEAD_TIMEOUT_S,
    KEEPALIVE_S,
    LINGERING_S,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_LINE_BYTES,
    WRITE_TIMEOUT_S,
)
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion11, HttpVersion20

# What the preface of HTTP/2 is to a parser of HTTP/1.1: the head of a request that nobody sends (RFC 9113 §3.4).
_PREFACE_HEAD: Final = b"PRI * HTTP/2.0"

# To a connection beyond `max_connections`, whose request is not waited for.
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"

# Any: a request of the user's own class, and what handlers return is checked.
RawHandler = Callable[[Any], Awaitable[Any]]
RequestFactory = Callable[
    [ReceivedHead, StreamReader, Requester, "AbstractStreamWriter | None", "asyncio.Task[None] | None"], BaseRequest
]


class Server:
    """A protocol factory for `loop.create_server`.

    handler: a coroutine function, from request to response. request_factory: makes the requests, of message, payload,
    protocol, writer and task. handler_cancellation: a handler is cancelled when its client goes away.

    Times are in seconds, 0 is no limit. keepalive_timeout: between two requests. head_timeout: for a head, once begun.
    read_timeout, write_timeout: in which a client sends too little of a body, or takes too little. lingering_time:
    for the rest of a body that no handler read. Sizes are in bytes; max_headers counts field lines. max_connections: at
    once, 0 is no limit; who comes beyond it gets a 503, or a reset if it has sent its request already.

    http2: spoken over TLS where both sides offer it; "prior-knowledge": also over plain connections that begin with it.
    """

    is_closing = False
    _is_shut_down = False

    def __init__(
        self,
        handler: RawHandler,
        *,
        request_factory: RequestFactory | None = None,
        handler_cancellation: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        debug: bool | None = None,
        keepalive_timeout: float = KEEPALIVE_S,
        head_timeout: float = HEAD_TIMEOUT_S,
        read_timeout: float = BODY_TIMEOUT_S,
        write_timeout: float = WRITE_TIMEOUT_S,
        lingering_time: float = LINGERING_S,
        tcp_keepalive: bool = True,
        logger: logging.Logger = server_logger,
        access_log: logging.Logger | None = access_logger,
        access_log_class: type[AbstractAccessLogger] = AccessLogger,
        access_log_format: str = AccessLogger.LOG_FORMAT,
        max_line_size: int = MAX_LINE_BYTES,
        max_headers: int = MAX_FIELDS,
        max_field_size: int = MAX_FIELD_BYTES,
        max_connections: int = 0,
        http2: "bool | Literal['prior-knowledge']" = True,
        read_bufsize: int = 2**16,
        auto_decompress: bool = True,
        timeout_ceil_threshold: float = 5,  # accepted for compatibility; there is one timer for all connections
    ) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._debug = self._loop.get_debug() if debug is None else debug
        self.request_handler = handler
        self.request_factory: RequestFactory = request_factory or self._make_request
        self._invites_bodies = request_factory is None  # else an application asks the route
        self.requests_count = 0
        self.rules = ServiceRules(
            max_line_bytes=max_line_size,
            max_field_bytes=max_field_size,
            max_fields=max_headers,
            read_limit_bytes=read_bufsize,
            decompress=auto_decompress,
            tcp_keepalive=tcp_keepalive,
            cancels_handlers=handler_cancellation,
            keepalive_s=float(keepalive_timeout or 0),
            head_timeout_s=float(head_timeout or 0),
            body_timeout_s=float(read_timeout or 0),
            write_timeout_s=float(write_timeout or 0),
            lingering_s=float(lingering_time or 0),
        )
        if http2 not in (True, False, "prior-knowledge"):
            raise ValueError(f"http2={http2!r}; wanted True, False or 'prior-knowledge'")
        self.http2 = http2
        self._max_connections = max_connections or inf
        self.starter = make_starter(self._loop)
        self.watch = Watch(self._loop, self.rules.limits_s)
        self.logger = logger
        self.access_logger = None if access_log is None else access_log_class(access_log, access_log_format)
        self._connections = Connections(self._loop, self.watch.now, logger)
        self._handshakes: set[asyncio.Task[Any]] = set()  # Any: their result is nobody's

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self._connections)} connections, {self.requests_count} requests>"

    def __call__(self) -> ServerH1:
        """Return the protocol of a new connection."""
        return ServerH1(self._loop, self)

    def over_tls(self) -> ServerH1:
        """Return the protocol of a connection whose TLS handshake is to come; `shutdown` ends that where it can."""
        task = asyncio.current_task()  # asyncio does a handshake in a task that asks for the protocol; uvloop in none
        if task is not None:
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)
        return self()

    @property
    def connections(self) -> list[ServerConnection]:
        """The connections that are open."""
        return list(self._connections)

    # The side of the connections.

    def connection_made(self, handler: ServerConnection, transport: asyncio.Transport) -> None:
        """Note a new connection."""
        self._connections.add(handler)
        self.watch.add(handler)
        if self._is_shut_down:
            handler.abort()  # its TLS handshake took longer than we waited for it
        elif len(self._connections) > self._max_connections:
            server_logger.debug("%r: refused, for %d others are open", handler, len(self._connections) - 1)
            handler.turn_away(_BUSY)

    def speak_h2(self, connection: ServerH1, head: bytes, rest: bytes) -> bool:
        """Hand a transport over to HTTP/2 if TLS has agreed on it, or if its preface begins a plain connection."""
        transport = connection.transport
        if transport is None or not (
            self.http2 and _agreed_on_h2(transport)
            if connection.is_tls
            else self.http2 == "prior-knowledge" and head == _PREFACE_HEAD and not connection.served
        ):
            return False
        from trunkline.conn.server_h2 import ServerH2  # when a client speaks it: docs/adr/009

        connection.transport = None
        successor = ServerH2(self._loop, self)
        transport.set_protocol(successor)
        successor.connection_made(transport)
        if connection.is_tls:
            self.connection_made(successor, transport)
        else:
            self._replace(connection, successor)
            successor.feed(head + b"\r\n\r\n" + rest)
        return True

    def _replace(self, connection: ServerConnection, successor: ServerConnection) -> None:
        self._connections.add(successor)
        self.watch.add(successor)
        self._connections.discard(connection)
        self.watch.discard(connection)

    def connection_lost(self, handler: ServerConnection, exc: BaseException | None = None) -> None:
        """Note that a connection is lost."""
        self.watch.discard(handler)

    def done(self, handler: ServerConnection) -> None:
        """Note that nothing is left of a connection."""
        self._connections.discard(handler)

    def _make_request(
        self,
        message: ReceivedHead,
        payload: StreamReader,
        protocol: Requester,
        writer: AbstractStreamWriter | None,
        task: "asyncio.Task[None] | None",
    ) -> BaseRequest:
        return BaseRequest(message, payload, protocol, writer, task, self._loop)

    # Answers.

    async def answer(self, connection: Requester, head: ReceivedHead, body: StreamReader) -> None:
        """Answer one request: run the handler, send its response, go on with the connection."""
        self.requests_count += 1
        logs = self.access_logger is not None and self.access_logger.enabled
        began_at = self.watch.now() if logs else 0.0
        keeps_alive = False
        request: BaseRequest | None = None
        response: Any = None  # Any: what a handler returned
        try:
            request = self.request_factory(head, body, connection, None, None)
            if self._invites_bodies and head.expect is not None and head.expects_continue:
                connection.send_continue()
            try:
                response = await self.request_handler(request)
            except HTTPException as error:
                response = error.with_traceback(None)  # its frames refer to it: a circle for each error otherwise
            except Exception as error:
                if isinstance(error, RequestLost) or _tells_a_loss(error, connection):
                    raise
                response = answer_failure(request, error, self.logger, self._debug)
            whole = None
            if type(response) is Response and request.is_unanswered and not request.has_prepare_hook:
                whole = response.render_whole(request, head.keep_alive and not self.is_closing)
            if whole is not None:
                connection.send(whole)
            elif head.version is not HttpVersion20 or not _send_whole(connection, request, response):
                response = await self._send(request, response)
            keeps_alive = response.keep_alive is True
        except ConnectionError as error:
            server_logger.debug("%r: the client went away: %s", connection, error)
        except Exception:
            self.logger.exception("failed to answer a request from %s", connection)
        finally:
            try:
                if request is not None:
                    if logs and isinstance(response, StreamResponse):
                        self._log(request, response, began_at)
                    if request.has_form:
                        self._close_form(request)
            finally:
                connection.finish(keeps_alive)

    async def refuse(self, connection: Requester, error: WireError) -> None:
        """Answer what could not be read as a request; the connection ends with it."""
        server_logger.debug("%r: refused: %s", connection, error)
        head = ReceivedHead("UNKNOWN", "/", HttpVersion11, keep_alive=False)
        request = BaseRequest(head, EMPTY_PAYLOAD, connection, None, None, self._loop)
        try:
            response = refuse_request(error)
            await self._send(request, response)
            if self.access_logger is not None and self.access_logger.enabled:
                self._log(request, response, self.watch.now())
        except ConnectionError:
            server_logger.debug("%r: the client went away", connection)
        finally:
            connection.finish(False)

    # Any: what a handler returned.
    async def _send(self, request: BaseRequest, response: Any) -> StreamResponse:
        """Send a response the long way; return the one that was sent, perhaps in part: then the connection closes."""
        if not isinstance(response, StreamResponse):
            response = answer_nothing(response, self.logger)
        elif response.prepared and not response.is_answer_to(request):
            self.logger.error("%r has been sent in answer to another request; make a new one for each", response)
            response = plain_response(500)
        return await self._send_response(request, response)

    async def _send_response(self, request: BaseRequest, response: StreamResponse) -> StreamResponse:
        if not response.prepared and not self._forget_other(request, response):
            return response
        try:
            await response.prepare(request)
            await response.write_eof()
        except Exception as error:
            response.force_close()
            if _tells_a_loss(error, request.protocol):
                server_logger.debug("%r: the client went away: %s", request.protocol, error)
                return response
            self.logger.exception("could not send %r in answer to %r", response, request)
            return await self._send_failure(request, response)
        return response

    async def _send_failure(self, request: BaseRequest, failed: StreamResponse) -> StreamResponse:
        """Send a 500 in place of a response that could not be sent, past the hooks, one of which may be why."""
        if not self._forget_other(request, failed):
            return failed
        fallback = plain_response(500)
        await fallback.prepare(BaseRequest(request._message, EMPTY_PAYLOAD, request.protocol, None, None, self._loop))
        await fallback.write_eof()
        return fallback

    def _forget_other(self, request: BaseRequest, response: StreamResponse) -> bool:
        """Make way for `response`; False, with the connection closed, when bytes of another one have left."""
        writer = request.writer
        if isinstance(writer, ResponseWriter) and writer.is_started:
            self.logger.error(
                "%r cannot be sent, %r has been answered in part; closing the connection", response, request
            )
            response.force_close()
            # The client is to see that the body is cut. Where its end is that of the connection, only a reset tells.
            request.protocol.close() if writer.is_delimited else request.protocol.abort()
            return False
        request.forget_writer()
        return True

    def _close_form(self, request: BaseRequest) -> None:
        try:
            request.close_form()
        except Exception:
            self.logger.exception("could not close the files of a form of %r", request)

    def _log(self, request: BaseRequest, response: StreamResponse, began_at: float) -> None:
        assert self.access_logger is not None
        try:
            self.access_logger.log(request, response, self.watch.now() - began_at)
        except Exception:
            self.logger.exception("the access logger failed")

    # The end.

    def pre_shutdown(self) -> None:
        """Take no new requests: close what is idle, and every other connection after its response.

        A connection that was active a moment ago is left to `shutdown`: a request may be on its way.
        """
        self.is_closing = True
        self._connections.announce_end()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Close all connections, once their handlers have ended; cancel those that take over `timeout` seconds."""
        self.pre_shutdown()
        try:
            await self._connections.end(timeout)
        finally:  # at once, should the shutdown itself be cancelled
            self._connections.abort()
            for handshake in self._handshakes:
                handshake.cancel()
            self.starter.close()
            self._is_shut_down = True
        await asyncio.sleep(0)  # for the starter


# Any: what a handler returned.
def _send_whole(stream: Any, request: BaseRequest, response: Any) -> bool:
    """Send a response in a stream of HTTP/2 in one piece, if it can be."""
    if type(response) is not Response or not request.is_unanswered or request.has_prepare_hook:
        return False
    fields = response.fields_whole(request)
    if fields is not None:
        stream.send_whole(fields, b"" if request.method == hdrs.METH_HEAD else response.body)
    return fields is not None


def _agreed_on_h2(transport: asyncio.Transport) -> bool:
    ssl_object = transport.get_extra_info("ssl_object")
    return ssl_object is not None and ssl_object.selected_alpn_protocol() == "h2"


def _tells_a_loss(error: Exception, connection: Requester) -> bool:
    """True when `error` may be the loss of `connection`, and not that of one to somebody else."""
    return isinstance(error, ConnectionError) and connection.is_lost
