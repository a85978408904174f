"""`ClientH1`: one HTTP/1.1 connection in the client role (RFC 9112).

Bytes arrive in `buffer_updated` and are parsed there and then: the head fills the exchange, the body its stream, and
the end hands the connection back to its owner before the request's coroutine runs again. What comes next is told by
two things: is there an exchange, and is it within a body. The connection may be used again only when a response ended
exactly where its framing said, with nothing after it; every doubt closes it. What follows a 101 is another protocol's.
"""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final, cast

from trunkline.body.empty_stream import EMPTY_PAYLOAD
from trunkline.conn.by_hand import DrivenByHand, drop
from trunkline.conn.client_connection import ClientConnection, OnItsOwnSocket
from trunkline.conn.errors import ConnectionClosed, NotSent, WriteLost, what_was_lost
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import NO_KEY, ConnectionKey
from trunkline.conn.owner import Owner
from trunkline.conn.receive_buffer import receive_buffer
from trunkline.conn.receiver import Receiver
from trunkline.conn.silence import PeerSilence
from trunkline.conn.upgrade import Upgrade, awaits_switch, is_upgraded
from trunkline.ground.logs import pool_logger
from trunkline.transport.flow import WriteFlow, unread_check
from trunkline.transport.tls import has_tls_ended
from trunkline.wire.errors import BadHead, WireError
from trunkline.wire.h1.body import BodyDecoder, CloseDecoder, body_decoder
from trunkline.wire.h1.framing import UNTIL_CLOSE, response_framing
from trunkline.wire.h1.head import ResponseHead, parse_response_head
from trunkline.wire.h1.head_buffer import HeadBuffer
from trunkline.wire.h1.render import render_request_head
from trunkline.wire.limits import MAX_INTERIM_RESPONSES

# How much is searched for the end of a head before what follows it is copied. Nearly all heads are shorter.
_USUAL_HEAD_BYTES: Final = 4096


class ClientH1(OnItsOwnSocket, DrivenByHand, asyncio.BufferedProtocol):
    """One connection. key: what it may be used for; its owner is set once it is open, and told when it is gone."""

    __slots__ = (
        "_body",
        "_buffer",
        "_exchange",
        "_has_unread",
        "_head",
        "_interim",
        "_loop",
        "_max_served",
        "_silence",
        "_upgrade",
        "flow",
        "gone",
        "hinted_s",
        "idle_s",
        "is_reusable",
        "is_tls",
        "key",
        "owner",
        "rested_s",
        "served",
        "transport",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, key: ConnectionKey = NO_KEY) -> None:
        self._loop = loop
        self.owner: Owner[ClientConnection] | None = None
        self.key = key
        self.served = 0  # exchanges begun
        self.idle_s = inf  # the longest time without one, after which another may begin
        self.rested_s = 0.0  # for how long it was idle before the exchange that it carries
        self.hinted_s = inf  # what the server last said of that
        self._max_served: float = 2**30 - 1  # exchanges, then the server wants no more; a small int compares fastest
        self._buffer = receive_buffer(loop)
        self.transport: asyncio.Transport | None = None
        self.flow = WriteFlow(loop)
        self.gone: asyncio.Future[None] = loop.create_future()
        self.is_reusable = True
        self.is_tls = False
        self._exchange: Exchange | None = None
        self._head: HeadBuffer | None = None  # what has come of a head that did not come whole
        self._body: BodyDecoder | None = None  # set while the next bytes are of a body
        self._interim = 0  # heads of 1xx responses that came for this exchange
        self._silence: PeerSilence | None = None
        self._upgrade: Upgrade | None = None  # once the connection has left HTTP
        self._has_unread: Callable[[], bool] | None = None

    def __repr__(self) -> str:
        is_busy = self._exchange is not None or self._upgrade is not None
        state = "closed" if self.is_closed else "busy" if is_busy else "idle"
        return f"<{type(self).__name__} {state}, {self.served} served>"

    # The side of the exchange.

    @property
    def is_closed(self) -> bool:
        """True when no request can be sent any more."""
        return self.transport is None or self.transport.is_closing()

    @property
    def exchange(self) -> Exchange | None:
        """The exchange that it carries; after a 101, the one that led there."""
        return self._exchange if self._upgrade is None else self._upgrade.exchange

    def is_alive(self) -> bool:
        """Tell, by a system call, whether an idle connection is open and nothing waits unread, no end either."""
        if self.transport is None or self.transport.is_closing():
            return False
        if self._has_unread is None:
            self._has_unread = unread_check(self.transport)
        return not self._has_unread()

    def start(self, exchange: Exchange, body: bytes = b"", *, is_whole: bool = True) -> "ClientH1":
        """Send the head of `exchange`, with `body` behind it, in one write; the response fills the exchange."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise NotSent("the connection was lost before the request was sent")
        self._exchange = exchange
        exchange.carrier = self
        self._interim = 0
        self.served += 1
        if exchange.rules.read_timeout_s is not None:
            self._silence = PeerSilence(self._loop, exchange.rules.read_timeout_s, self, exchange)
        transport.write(render_request_head(exchange.request, body))
        return self

    def abort_exchange(self, exchange: Exchange, error: Exception | None = None) -> None:
        """End `exchange`. The rest of its response may still come, so the connection is closed."""
        if self._exchange is exchange:
            if error is None and exchange.head and self.is_reusable and self.is_tls and self.owner is not None:
                self.owner.first_response(self)
            self.fail(error or ConnectionClosed("the response was given up before it had come whole"))
        elif self._upgrade is not None and self._upgrade.exchange is exchange:
            self.close()

    def note_failure(self, error: Exception) -> None:
        if self.owner is not None:
            self.owner.note_failure(self, error)

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`, beginning with those that have come already; this is HTTP no more.

        Neither the exchange's deadline nor its read timeout counts from now on. Raises RuntimeError without a 101.
        """
        exchange = self._exchange
        if exchange is None or not is_upgraded(exchange):
            raise RuntimeError("the server has not answered 101 (Switching Protocols), so this connection speaks HTTP")
        if self.is_tls and self.owner is not None:
            self.owner.first_response(self)
        self._exchange = self._body = None
        self._stop_silence()
        upgrade = self._upgrade = Upgrade(exchange, receiver)
        upgrade.hand_over(is_closing=self.is_closed, is_lost=self.transport is None)

    def send(self, data: bytes) -> None:
        """Write `data` of the protocol that was switched to; raise WriteLost, a ConnectionResetError, if it is lost."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise WriteLost("Cannot write to closing transport")
        transport.write(data)

    def close(self) -> None:
        """Close the transport; what is unsent is dropped, as long as this is HTTP. Idempotent."""
        self.is_reusable = False
        transport = self.transport
        if transport is None:
            return
        if self._upgrade is not None:
            self._upgrade.close(self._loop, transport)
            return
        if not transport.is_closing():
            pool_logger.debug("close %r", self)
            transport.close()
        # A peer that does not read, or over TLS does not answer our close_notify, must not keep the socket.
        drop(transport)

    def abort(self) -> None:
        """Close the transport at once and drop what was not sent. Idempotent."""
        self.is_reusable = False
        if self.transport is not None:
            drop(self.transport)

    # The side of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no instances of it
        self.is_tls = transport.get_extra_info("sslcontext") is not None

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def eof_received(self) -> bool:
        self.is_reusable = False
        exchange = self._exchange
        if self._upgrade is not None:
            self._upgrade.receiver.eof_received()
        elif exchange is not None and exchange.body is not None and self._ends_body(exchange):
            self._end(exchange, b"")
            exchange.body.feed_eof()
        # `connection_lost` tells an exchange that is left. The transport would first wait until all is sent.
        # In a moment, for asyncio's TLS reads within its close(), which fails when it is aborted from there.
        self._loop.call_soon(self.close)
        return False

    def _ends_body(self, exchange: Exchange) -> bool:
        """Tell whether the end of the stream, which has just come, is the orderly end of a body."""
        if self.transport is None or not isinstance(self._body, CloseDecoder) or awaits_switch(exchange):
            return False
        # Over TLS, anybody on the way can end the stream, but only the peer can say close_notify.
        return not self.is_tls or has_tls_ended(self.transport)

    def pause_writing(self) -> None:
        if self._silence is not None:
            self._silence.note_full()
        self.flow.pause_writing()
        if self._upgrade is not None:
            self._upgrade.receiver.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()
        if self._upgrade is not None:
            self._upgrade.receiver.resume_writing()

    def pause_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
            if self._silence is not None:
                self._silence.pause()

    def resume_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
            if self._silence is not None:
                self._silence.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.is_reusable = False
        exchange = self._exchange
        self._stop_silence()
        self.flow.connection_lost(exc)
        upgrade, self._upgrade = self._upgrade, None
        if upgrade is not None:
            upgrade.end(exc)
        elif exchange is not None and exchange.body is not None and awaits_switch(exchange):
            exchange.body.feed_eof()  # whoever switches will still want what came before the end
        elif exchange is not None:
            self._exchange = None
            head_bytes = 0 if self._head is None else len(self._head)
            exchange.fail(what_was_lost(exc, None if self._body is None else self._body.missing, head_bytes))
        if not self.gone.done():
            self.gone.set_result(None)
        owner, self.owner = self.owner, None
        if owner is not None:
            owner.forget(self)

    def fail(self, error: Exception) -> None:
        """Close the connection; the exchange that is going on, if any, ends with `error`."""
        exchange, self._exchange = self._exchange, None
        self.close()
        self._stop_silence()
        if exchange is not None:
            exchange.fail(error)
            self._let_go()

    def _stop_silence(self) -> None:
        if self._silence is not None:
            self._silence.pause()
            self._silence = None

    # Bytes.

    def buffer_updated(self, nbytes: int) -> None:
        data = self._buffer[:nbytes]
        exchange = self._exchange
        if exchange is None:
            if self._upgrade is not None:
                self._upgrade.receiver.data_received(data.tobytes())
            elif self.is_reusable:  # else we are closing, perhaps just now: asyncio's TLS reads within its close()
                pool_logger.debug("%d unexpected bytes on an idle connection; closing it", len(data))
                self.close()
            return
        if self._silence is not None:
            self._silence.hear()
        try:
            if self._body is None:
                self._feed_head(exchange, data)
            else:
                self._feed_body(exchange, self._body, data.tobytes())
        except WireError as error:
            self.fail(error)

    def _feed_head(self, exchange: Exchange, data: memoryview) -> None:
        exchange.is_answered = True
        rules = exchange.rules
        start = data[:_USUAL_HEAD_BYTES].tobytes()
        end = start.find(b"\r\n\r\n") if self._head is None else -1
        if end >= 0:  # nearly always: the head comes whole
            lines = start[:end]
            rest = data[end + 4 :].tobytes()
        else:
            found = self._gather_head(rules, data.tobytes())
            if found is None:
                return
            lines, rest = found
        head = parse_response_head(lines, rules.max_line_bytes, rules.max_field_bytes, rules.max_fields)
        if head.status < 200 and head.status != 101:
            self._take_interim(exchange, head, rest)
        else:
            self._take_head(exchange, head, rest)

    def _gather_head(self, rules: ExchangeRules, data: bytes) -> tuple[bytes, bytes] | None:
        buffer = HeadBuffer() if self._head is None else self._head
        found = buffer.feed(data)
        self._head = buffer if found is None else None
        if found is None:
            buffer.check(rules.max_line_bytes, rules.max_field_bytes, rules.max_fields)
        return found

    def _take_interim(self, exchange: Exchange, head: ResponseHead, rest: bytes) -> None:
        self._interim += 1
        if self._interim > MAX_INTERIM_RESPONSES:
            raise BadHead(f"more than {MAX_INTERIM_RESPONSES} interim responses (1xx) without a final one")
        if head.status == 100 and exchange.on_continue is not None:
            exchange.on_continue()
        if rest:
            self._feed_head(exchange, memoryview(rest))

    def _take_head(self, exchange: Exchange, head: ResponseHead, rest: bytes) -> None:
        length = response_framing(head, exchange.request.method)
        if length == UNTIL_CLOSE and not exchange.rules.read_until_eof and head.status != 101:
            length = 0
        exchange.head = head
        hint = head.keep_alive_hint
        if hint is not None:
            self.hinted_s = hint.idle_s
            self.idle_s = min(self.idle_s, hint.idle_s)
            self._max_served = min(self._max_served, self.served + hint.requests_left)
        if length == 0:
            exchange.body = EMPTY_PAYLOAD
            self._end(exchange, rest)
        elif length == len(rest) and head.content_encoding is None:
            exchange.whole = rest
            self._end(exchange, b"")
        else:
            exchange.begin_stream(head, self, self._loop)
        waiter = exchange.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if exchange.carrier is self:  # the body goes on; what is wrong with it is for its reader, not for the waiter
            self._body = body_decoder(length, exchange.rules.max_field_bytes, exchange.rules.max_fields)
            if rest:
                self._feed_body(exchange, self._body, rest)

    def _feed_body(self, exchange: Exchange, decoder: BodyDecoder, data: bytes) -> None:
        body = exchange.body
        assert body is not None
        pieces: list[bytes] = []
        ends: list[int] = []
        try:
            rest = decoder.decode(data, pieces, ends)
        finally:
            if pieces:
                body.feed_data(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            for offset in ends:
                body.mark_chunk_end(offset)
        if rest is not None:
            self._end(exchange, rest)
            body.feed_eof()

    def _end(self, exchange: Exchange, rest: bytes) -> None:
        """The response is complete: give the connection back, before anybody else runs."""
        head = exchange.head
        is_last = exchange.request.is_last or self.served >= self._max_served
        if rest or head is None or not head.keep_alive or is_last:
            self.is_reusable = False
            if rest:
                pool_logger.debug("%d bytes after a response; closing the connection", len(rest))
        if exchange.upload is not None and not exchange.upload.done():
            self.is_reusable = False  # the server answered early; the rest of the request is of no use to it
            exchange.upload.cancel()
        if self.served == 1 and self.is_tls and not rest and self.owner is not None:
            self.owner.first_response(self)
        self._exchange = None
        exchange.finish()
        self._let_go()

    def _let_go(self) -> None:
        self._body = None
        if self._silence is not None:
            self._stop_silence()
        owner = self.owner
        if owner is not None:
            owner.release(self)
        elif not self.is_reusable:
            self.close()
