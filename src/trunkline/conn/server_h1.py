"""`ServerH1`: one HTTP/1.1 connection in the server role (RFC 9112).

Bytes arrive in `buffer_updated`. A head that is whole starts a coroutine that answers it; the bytes that follow are its
body. Requests are answered one by one, in order: what comes behind the one that is going on (pipelining) is held as
bytes, reading pauses, and parsing goes on when the answer is out. Every doubt about where a message ends closes the
connection, after it has been said why. How a request is answered is the service's part.
"""

import asyncio
import enum
from typing import Final, cast

from trunkline.body.empty_stream import EMPTY_PAYLOAD
from trunkline.body.stream import StreamReader
from trunkline.conn.errors import BodyTimeout, RequestLost
from trunkline.conn.half_closed import watch_half_closed
from trunkline.conn.intake import Intake
from trunkline.conn.receiver import Receiver
from trunkline.conn.request_body import RequestBody, open_body, refuse_late_readers
from trunkline.conn.response_writer import ResponseWriter
from trunkline.conn.server_connection import ServerConnection
from trunkline.conn.service import Service
from trunkline.conn.starter import cancel_begun
from trunkline.wire.errors import WireError
from trunkline.wire.h1.framing import request_framing
from trunkline.wire.h1.request_head import parse_request_head
from trunkline.wire.h1.response_render import CONTINUE
from trunkline.wire.received import ReceivedHead

# How much is searched for the end of a head before what follows it is copied. Nearly all heads are shorter.
_USUAL_HEAD_BYTES: Final = 4096


class _Next(enum.Enum):
    """What the next bytes of the client are."""

    HEAD = enum.auto()
    BODY = enum.auto()
    HELD = enum.auto()  # of a request behind the one that is being answered
    DROPPED = enum.auto()  # of no interest, for the connection is about to close
    SWITCHED = enum.auto()  # of another protocol


_HEAD, _HELD = _Next.HEAD, _Next.HELD  # globals are found sooner than attributes of the enum


class ServerH1(ServerConnection):
    """One connection."""

    __slots__ = (
        "_body",
        "_intake",
        "_is_busy",
        "_is_half_closed",
        "_is_pumping",
        "_is_slow",
        "_is_uninvited",
        "_keeps_after",
        "_next",
        "_receiver",
        "_stream",
        "served",
        "writer",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, service: "Service[ServerH1]") -> None:
        super().__init__(loop, service)
        self.served = 0  # requests begun
        self.writer: ResponseWriter | None = None  # of the last answer that was streamed
        self._is_busy = False  # a coroutine answers a request
        self._next = _HEAD
        self._intake = Intake()
        self._body: RequestBody | None = None  # as long as something of it is to come
        self._stream: StreamReader | None = None  # of the body of the request that is answered
        self._is_slow = False  # whoever reads the body, or the other protocol
        self._is_pumping = False
        self._is_half_closed = False  # the client sends no more
        self._is_uninvited = False  # it waits for a 100 before it sends the body
        self._keeps_after = False  # what `finish` was told while the body was still coming
        self._receiver: Receiver | None = None

    def __repr__(self) -> str:
        state = "closed" if self.transport is None else "busy" if self._is_busy else "idle"
        return f"<{type(self).__name__} {state}, {self.served} served>"

    # The side of the service.

    @property
    def is_idle(self) -> bool:
        """True between two requests, with no byte of the next."""
        return self._next is _HEAD and not self._is_busy and self._intake.is_empty

    def open_writer(self) -> ResponseWriter:
        """Return the writer of a response."""
        self.writer = ResponseWriter(self)
        return self.writer

    def send_continue(self) -> None:
        """Ask for the body of a request that waits for it (RFC 9110 §10.1.1)."""
        if self._is_uninvited:
            self._is_uninvited = False
            self.send(CONTINUE)
            self._patience.wait(self._rules.body_timeout_s)

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`, beginning with those that have come already; this is HTTP no more."""
        if self._next is not _HELD:
            raise RuntimeError("the body of the request has not come whole; read it before the protocol is switched")
        self._receiver = receiver
        self._next = _Next.SWITCHED
        early = self._intake.take_all()
        self.resume_reading()
        if early:
            receiver.data_received(early)

    def finish(self, keeps_alive: bool) -> None:
        """The answer is out. keeps_alive: the client was told that another request may follow."""
        self._is_busy = False
        self.task = None
        if self.transport is None:
            self._service.done(self)
        elif self._next is _HELD:
            self._end_request(keeps_alive)
        elif self._body is not None:
            self._linger(keeps_alive)
        elif self._next is _Next.DROPPED:
            self._close_after_reading()
        else:
            self.close()

    def cancel(self) -> None:
        """Cancel the task that answers."""
        if self.task is not None and not cancel_begun(self.task):
            self.finish(False)  # which it will not come to call

    def close(self) -> None:
        """Close the transport once all is sent. Idempotent."""
        self._next = _Next.DROPPED
        super().close()

    force_close = close

    def abort(self) -> None:
        """Close the transport at once and drop what was not sent. Idempotent."""
        self._next = _Next.DROPPED
        super().abort()

    # The side of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._patience.wait(min(filter(None, (self._rules.head_timeout_s, self._rules.keepalive_s)), default=0.0))
        if not (self.is_tls and self._service.speak_h2(self, b"", b"")):
            self._service.connection_made(self, cast(asyncio.Transport, transport))

    def buffer_updated(self, nbytes: int) -> None:
        next_bytes = self._next
        if next_bytes is _HEAD:
            self._feed_head(nbytes)
        elif next_bytes is _Next.BODY:
            self._feed_body(self._buffer[:nbytes].tobytes())
        elif next_bytes is _HELD:
            self._intake.put(self._buffer[:nbytes].tobytes())
            self._read_on()
        elif self._receiver is not None:
            self._receiver.data_received(self._buffer[:nbytes].tobytes())

    def eof_received(self) -> bool:
        self._is_half_closed = True
        if self._receiver is not None:
            self._receiver.eof_received()
            return False
        if self._body is not None:
            self._fail_body(RequestLost(f"the client ended the connection with {self._body.missing} missing"))
            return False
        # Over TLS, and where handlers are to end with their clients, the end of one direction is the end of both.
        if not self._is_busy or self.is_tls or self._rules.cancels_handlers:
            return False
        watch_half_closed(self)
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._receiver is not None:
            self._receiver.pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._next is _HEAD and self._intake.has_bytes and not self._is_pumping:
            self._pump()
        if self._receiver is not None:
            self._receiver.resume_writing()

    def pause_reading(self) -> None:
        """Stop reading, for whoever takes the bytes is slow."""
        self._is_slow = True
        if self._body is not None:
            self._patience.stop()
        self._read_on()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._is_slow = False
        self._read_on()
        if self._body is not None and not self._body.is_dropped:
            self._patience.wait(self._rules.body_timeout_s)

    def _read_on(self) -> None:
        """Read, unless what has come waits for its turn, or whoever takes it is slow."""
        self._pause() if self._is_slow or self._intake.has_bytes else self._resume()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._intake.clear()
        if self._body is not None:
            self._fail_body(RequestLost(f"the connection was lost with {self._body.missing} missing"))
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.connection_lost(exc)
        if self._rules.cancels_handlers:
            self.cancel()
        self._service.connection_lost(self, exc)
        if not self._is_busy:
            self._service.done(self)

    def _give_up(self, limit_s: float) -> None:
        if self._body is not None and not self._body.is_dropped and self.sending is None:
            self._fail_body(BodyTimeout(f"the client sent nothing of the body for {limit_s:g} s"))
        elif self.is_idle or (self.has_unsent and self.sending is None):
            self.close()  # and let the client take its answer, as long as it does
        else:
            self.abort()

    # Heads.

    def _feed_head(self, nbytes: int) -> None:
        start = self._buffer[: nbytes if nbytes < _USUAL_HEAD_BYTES else _USUAL_HEAD_BYTES].tobytes()
        end = start.find(b"\r\n\r\n")
        intake = self._intake
        # Nearly always it comes whole, and alone.
        if end > 0 and start[0] != 0x0D and intake.is_empty and not self.flow.paused:
            if end + 4 < nbytes:
                intake.put(self._buffer[end + 4 : nbytes].tobytes())
            self._take_head(start[:end])
        else:
            intake.put(self._buffer[:nbytes].tobytes())
            self._pump()

    def _pump(self) -> None:
        """Answer the requests that are held, until one of them takes its time."""
        rules = self._rules
        intake = self._intake
        had_begun = intake.has_partial_head
        self._is_pumping = True
        try:
            # Who does not read the answers gets no more of them.
            while self._next is _HEAD and intake.has_bytes and not self.flow.paused and not self.is_lost:
                lines = intake.next_head(rules.max_line_bytes, rules.max_field_bytes, rules.max_fields)
                if lines is None:
                    break
                self._take_head(lines)
        except WireError as error:
            self._refuse(error)
        finally:
            self._is_pumping = False
        if self._next is _HEAD:
            self._read_on()
            if intake.has_partial_head and not had_begun:
                self._patience.wait(rules.head_timeout_s)
            if self._is_half_closed and not intake.has_bytes:
                self.close()

    def _take_head(self, lines: bytes) -> None:
        service = self._service
        rules = self._rules
        try:
            head = parse_request_head(lines, rules.max_line_bytes, rules.max_field_bytes, rules.max_fields)
            length = request_framing(head)
            stream = self._open_body(head, length) if length else EMPTY_PAYLOAD
        except WireError as error:
            if not service.speak_h2(self, lines, self._intake.take_all()):
                self._refuse(error)
            return
        self._patience.limit_s = 0.0
        self._is_busy = True
        self.served += 1
        self._next = _HELD
        if length:
            self._begin_body(head)
        if self._is_paused or self._intake.has_bytes:
            self._read_on()
        number = self.served
        task = service.starter.start(service.answer(self, head, stream), self._context)
        if task is not None and self.served == number:  # else the next request has been begun meanwhile
            self.task = task

    def _refuse(self, error: WireError) -> None:
        """Answer what is no request, and hear no more: where it ends is not known."""
        self._intake.clear()
        self._next = _Next.DROPPED
        self._is_busy = True
        self._patience.stop()
        self.task = self._service.starter.start(self._service.refuse(self, error), self._context)

    # Bodies.

    def _open_body(self, head: ReceivedHead, length: int) -> StreamReader:
        self._body = open_body(self, head, length, self._rules, self.loop)
        self._stream = self._body.stream
        return self._stream

    def _begin_body(self, head: ReceivedHead) -> None:
        self._next = _Next.BODY
        self._is_uninvited = head.expects_continue
        self._patience.wait(self._rules.body_timeout_s)
        if early := self._intake.take_all():
            self._feed_body(early)

    def _feed_body(self, data: bytes) -> None:
        body = self._body
        assert body is not None
        self._is_uninvited = False
        try:
            rest = body.feed(data)
        except WireError:
            self._body = None
            self._next = _Next.DROPPED
            self._patience.stop()
            if body.is_dropped:
                self.abort()
            return
        if rest is None:
            if not self._is_slow and not body.is_dropped:
                self._patience.hear(len(data), self._rules.body_timeout_s)
            return
        self._body = None
        self._next = _HELD
        self._patience.stop()
        if rest:
            self._intake.put(rest)
        if body.is_dropped:
            self._end_request(self._keeps_after)
        elif rest:
            self._read_on()

    def _fail_body(self, error: Exception) -> None:
        """The body will never be whole: tell its reader, and read no more."""
        body, self._body = self._body, None
        self._next = _Next.DROPPED
        self._patience.stop()
        if body is not None:
            body.fail(error)
        if not self._is_busy:
            self.abort()

    # After the answer.

    def _end_request(self, keeps_alive: bool) -> None:
        stream = self._stream
        if stream is not None:
            refuse_late_readers(stream)
            self._stream = None
            self._is_slow = False
        if not keeps_alive or self._service.is_closing:
            self._close_after_reading() if self._intake.has_bytes else self.close()
            return
        self._next = _HEAD
        if self._intake.has_bytes:
            if not self._is_pumping:
                self._pump()
        elif self._is_half_closed:
            self.close()
        else:
            self._patience.wait(self._rules.keepalive_s)
            if self._is_paused:
                self._resume()

    def _linger(self, keeps_alive: bool) -> None:
        """Read the rest of a body that nobody wants, for a client that sends all of it before it listens."""
        lingering_s = self._rules.lingering_s
        if self._body is None or not lingering_s:
            self.close()
            return
        self._body.drop()
        # A client that was refused its body may send it or not: what comes next cannot be told (RFC 9110 §10.1.1).
        self._keeps_after = keeps_alive and not self._is_uninvited
        if not self._keeps_after:
            self._say_no_more()
        self.resume_reading()
        self._patience.wait(lingering_s)

    def _close_after_reading(self) -> None:
        """Close when the client has: bytes that it sent and we never read would make the system drop our answer."""
        if self._is_half_closed or not self._rules.lingering_s or not self._say_no_more():
            self.close()
            return
        self._next = _Next.DROPPED
        self._intake.clear()
        self.resume_reading()
        self._patience.wait(self._rules.lingering_s)
