"""`ClientStream`: one request and its response in one stream of an HTTP/2 connection (RFC 9113 §8.1).

What comes for the stream fills its exchange there and then. A body that comes whole in the same read as its head needs
no stream of bytes; others get one, and when their reader is slow no window is given back. What is given up is reset:
the connection, and its other streams, do not notice.
"""

import asyncio
from typing import Any, Protocol

from trunkline.body.empty_stream import EMPTY_PAYLOAD
from trunkline.conn.errors import ConnectionClosed, NotTaken, WriteLost
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.conn.owner import Owner
from trunkline.conn.receiver import Receiver
from trunkline.conn.silence import PeerSilence
from trunkline.conn.transport_h2 import StreamTransport
from trunkline.transport.flow import WriteFlow
from trunkline.wire.errors import StreamFault, StreamReset
from trunkline.wire.h1.head import ResponseHead
from trunkline.wire.h2.codes import ErrorCode
from trunkline.wire.h2.connection import H2Connection
from trunkline.wire.h2.head import check_trailers, parse_response_head
from trunkline.wire.h2.stream import FieldPairs, State, Stream
from trunkline.wire.limits import MAX_INTERIM_RESPONSES


class Sharing(Protocol):
    """The connection, as its streams see it. settling: streams that the read which is going on brings bytes."""

    h2: H2Connection
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport | None
    is_full: bool
    settling: "list[ClientStream]"

    def flush_soon(self) -> None:
        """Write, within this turn of the loop, what there is to be said."""

    def note_written(self, nbytes: int) -> None:
        """Count bytes of a body; many of them leave at once."""

    def withdraw(self, stream: "ClientStream") -> bool:
        """Forget a stream that waits to be opened; False when it has been."""

    def demand_h1(self) -> None:
        """Note that the server wants HTTP/1.1 for what it was asked."""


class Place(Protocol):
    """The lane, as its streams see it. owner: None once it is gone."""

    owner: Owner[Any] | None  # Any: of the lane's own class
    key: ConnectionKey

    def let_go(self, stream: "ClientStream") -> None:
        """The exchange of `stream` has ended."""

    def note_response(self) -> None:
        """A response came, whole or as far as it was wanted."""

    def note_failure(self, error: Exception) -> None:
        """Count that a body ended with `error`."""


class _Silence(PeerSilence):
    """The read timeout of a stream. One that waits in line behind others has not been sent: nobody owes an answer."""

    __slots__ = ("_stream",)

    def __init__(self, stream: "ClientStream", loop: asyncio.AbstractEventLoop, limit_s: float) -> None:
        super().__init__(loop, limit_s, stream, stream.exchange)
        self._stream = stream

    def _judge(self, silent_s: float) -> None:
        if self._stream.is_in_line:
            self.resume()
        else:
            super()._judge(silent_s)


class ClientStream(Stream):
    """One exchange, until it is over. Its body is written to it; readers of the response pause it."""

    __slots__ = (
        "_facade",
        "_flow",
        "_interim",
        "_is_fresh",
        "_is_listed",
        "_pieces",
        "_place",
        "_shared",
        "_silence",
        "exchange",
        "is_over",
    )

    is_framed = True

    def __init__(self, shared: Sharing, place: Place, exchange: Exchange) -> None:
        super().__init__()
        self._shared = shared
        self._place = place
        self.exchange = exchange
        self.is_over = False
        self._is_fresh = False  # the head has come, and where its body goes is not settled
        self._is_listed = False  # among those to be settled
        self._pieces: list[bytes] = []  # what has come of the body in this read
        self._interim = 0  # heads of 1xx responses that came
        self._flow: WriteFlow | None = None
        self._facade: StreamTransport | None = None
        self._silence: PeerSilence | None = None
        if exchange.rules.read_timeout_s is not None:
            self._silence = _Silence(self, shared.loop, exchange.rules.read_timeout_s)

    # What comes.

    def head_received(self, fields: FieldPairs, ends: bool) -> bool:
        exchange = self.exchange
        exchange.is_answered = True
        if self._silence is not None:
            self._silence.hear()
        head = parse_response_head(fields, exchange.rules.max_field_bytes, exchange.rules.max_fields)
        if head.status < 200:
            self._take_interim(head)
            return False
        method = exchange.request.method
        if method == "HEAD" or head.status == 204 or head.status == 304:
            self.missing = 0
        else:
            self.missing = head.content_length
        exchange.head = head
        self._is_fresh = True
        if not ends:
            self._list()
        waiter = exchange.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        return True

    def _take_interim(self, head: ResponseHead) -> None:
        self._interim += 1
        if self._interim > MAX_INTERIM_RESPONSES:
            raise StreamFault(
                ErrorCode.ENHANCE_YOUR_CALM,
                f"more than {MAX_INTERIM_RESPONSES} interim responses (1xx) without a final one",
            )
        if head.status == 100 and self.exchange.on_continue is not None:
            self.exchange.on_continue()

    def data_received(self, data: bytes) -> None:
        if self._silence is not None:
            self._silence.hear()
        self._pieces.append(data)
        if not self._is_listed:
            self._list()

    def _list(self) -> None:
        self._is_listed = True
        self._shared.settling.append(self)

    def settle(self) -> None:
        """Hand on what has come of the body, now that the connection has read all that there was."""
        self._is_listed = False
        if self.is_over:
            return
        exchange = self.exchange
        if self._is_fresh:
            self._is_fresh = False
            assert exchange.head is not None
            exchange.begin_stream(exchange.head, self, self._shared.loop)
        if self._pieces and exchange.body is not None:
            exchange.body.feed_data(self._take_pieces())

    def _take_pieces(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return data

    def trailers_received(self, fields: FieldPairs) -> None:
        check_trailers(fields)  # nobody can ask for them

    def end_received(self) -> None:
        if self.is_over:
            return
        exchange = self.exchange
        head = exchange.head
        if not self._is_fresh or head is None or (self._pieces and head.content_encoding is not None):
            self.settle()
        else:
            self._is_fresh = False
            if self._pieces:
                exchange.whole = self._take_pieces()
            else:
                exchange.body = EMPTY_PAYLOAD
        body = exchange.body
        self._end(exchange)
        if body is not None and body is not EMPTY_PAYLOAD:
            body.feed_eof()

    def _end(self, exchange: Exchange) -> None:
        """The response is complete: give the lane back, before anybody else runs."""
        if self.state is not State.CLOSED:  # the server answered early; the rest of the request is of no use to it
            if exchange.upload is not None and not exchange.upload.done():
                exchange.upload.cancel()
            self.reset(ErrorCode.CANCEL)
        self._place.note_response()
        self.let_go()

    def failed(self, error: Exception) -> None:
        if isinstance(error, StreamReset):
            if error.code == ErrorCode.HTTP_1_1_REQUIRED:
                self._shared.demand_h1()
                error = NotTaken(str(error))
            elif error.is_unprocessed:
                error = NotTaken(str(error))
        self.end(error)

    def end(self, error: Exception) -> None:
        """The exchange ends with `error`, the stream has ended before."""
        if self.is_over:
            return
        self.settle()  # who reads the body is told
        self.is_over = True
        self.exchange.fail(error)
        self.let_go()

    def let_go(self) -> None:
        """Note that the exchange has ended, and give back the lane."""
        self.is_over = True
        self.stop_silence()
        if self._flow is not None:
            self._flow.connection_lost(None)
        self.exchange.finish()
        del self.exchange  # whose body knows this stream: only the garbage collector would find them
        self._place.let_go(self)

    def reset(self, code: int) -> None:
        """End the stream before its time, if it is open."""
        self._shared.h2.reset(self, code)
        self._shared.flush_soon()

    def stop_silence(self) -> None:
        """Let the peer be silent from now on."""
        if self._silence is not None:
            self._silence.pause()
            self._silence = None

    # The side of the exchange.

    def abort_exchange(self, exchange: Exchange, error: Exception | None = None) -> None:
        """End the exchange; the rest of its response is not wanted (§5.4.2)."""
        if self.is_over:
            return
        if error is None and exchange.head:
            self._place.note_response()
        self.fail(error or ConnectionClosed("the response was given up before it had come whole"))

    def fail(self, error: Exception) -> None:
        """Reset the stream; its exchange ends with `error`."""
        if self.is_over:
            return
        if not self._shared.withdraw(self):
            self.reset(ErrorCode.CANCEL)
        self.end(error)

    def note_failure(self, error: Exception) -> None:
        self._place.note_failure(error)

    @property
    def owner(self) -> Owner[Any] | None:
        """Who counts its failures."""
        return self._place.owner

    @property
    def key(self) -> ConnectionKey:
        """What its connection may be used for."""
        return self._place.key

    @property
    def missing_words(self) -> str | None:
        """What has not come of the body, in words; None if the head has not."""
        if self.exchange.head is None:
            return None
        return "the end of the body" if self.missing is None else f"{self.missing} bytes of the body"

    @property
    def is_closed(self) -> bool:
        """True when nothing comes any more."""
        return self.is_over or self._shared.transport is None

    # The side of the bodies.

    def pause_reading(self) -> None:
        self._shared.h2.hold(self)
        if self._silence is not None:
            self._silence.pause()

    def resume_reading(self) -> None:
        self._shared.h2.release(self)
        self._shared.flush_soon()
        if self._silence is not None:
            self._silence.resume()

    @property
    def transport(self) -> asyncio.Transport | None:
        """What stands for a transport of this stream alone; None once it is over."""
        shared = self._shared
        if self.is_over or shared.transport is None:
            return None
        if self._facade is None:
            self._facade = StreamTransport(self, shared.transport)
        return self._facade

    @property
    def flow(self) -> WriteFlow:
        """Tells writers when to wait: for the windows, or for the transport."""
        flow = self._flow
        if flow is None:
            flow = self._flow = WriteFlow(self._shared.loop)
            if self._shared.is_full or self.id == 0:
                flow.pause_writing()
        return flow

    @property
    def writes(self) -> bool:
        """True when somebody writes a body."""
        return self._flow is not None

    @property
    def is_in_line(self) -> bool:
        """True while it waits for other streams to end, so that the server takes it."""
        return not self.id and bool(self._shared.h2.streams)

    def opened(self) -> None:
        """The stream is open: what waited for that goes on."""
        if self._silence is not None:
            self._silence.hear()
        self.transport_drained()

    def send(self, data: bytes) -> None:
        """Send bytes of the body, or keep them for the window; raise WriteLost when the stream has ended."""
        shared = self._shared
        if self.is_over or self.state is State.CLOSED or shared.transport is None or shared.transport.is_closing():
            raise WriteLost("the stream was closed before the body was sent")
        if not self.id:  # it waits to be opened
            self.unsent += data
            return
        is_sent = shared.h2.send_data(self, data)
        shared.note_written(len(data))
        if not is_sent or shared.is_full:
            self.transport_full()

    def end_body(self) -> None:
        """Say that the body is whole (§8.1: END_STREAM)."""
        if self.is_over or self.state is State.CLOSED:
            return
        self._shared.h2.send_data(self, b"", True)
        self._shared.flush_soon()

    def transport_full(self) -> None:
        """Have writers wait."""
        if self._silence is not None:
            self._silence.note_full()
        self.flow.pause_writing()

    def transport_drained(self) -> None:
        """Let writers go on, if window and transport allow."""
        if self._flow is not None and not self.unsent and self.id and not self._shared.is_full:
            self._flow.resume_writing()

    def drained(self) -> None:
        self.transport_drained()

    # The other protocol of an extended CONNECT (RFC 8441).

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`. Raises RuntimeError without a response that allows it."""
        raise RuntimeError("HTTP/2 has no Upgrade (RFC 9113 §8.6)")

    def close(self) -> None:
        """End the stream."""
        self.fail(ConnectionClosed("the connection was closed by its user"))
