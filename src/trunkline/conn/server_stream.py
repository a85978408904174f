"""`ServerStream`: one request in a stream of HTTP/2, and the answer to it (RFC 9113 §8.1).

It is to requests and responses what `ServerH1` is in HTTP/1.1: their protocol, with a transport, a writer and an end of
its own. What it shares with the other streams of its connection is `ServerH2`'s part.
"""

import asyncio
from typing import Final, Protocol

from trunkline.body.empty_stream import EMPTY_PAYLOAD
from trunkline.conn.answer_stream import AnswerStream, Shared
from trunkline.conn.errors import BodyTimeout, RequestLost, WriteLost
from trunkline.conn.receiver import Receiver
from trunkline.conn.request_body import open_stream, refuse_late_readers
from trunkline.conn.service import ServiceRules
from trunkline.conn.starter import cancel_begun
from trunkline.wire.errors import HeadTooLarge, StreamFault, TargetTooLong, WireError
from trunkline.wire.h2.codes import ErrorCode
from trunkline.wire.h2.extended import as_upgrade
from trunkline.wire.h2.head import check_trailers, parse_request_head
from trunkline.wire.h2.stream import FieldPairs, State
from trunkline.wire.limits import MAX_DRAINED_BYTES, WEBSOCKET_LINGERING_S
from trunkline.wire.received import ReceivedHead

_CONTINUE: Final = [(":status", "100")]  # RFC 9110 §15.2.1


class Answering(Shared, Protocol):
    """The connection, as it has requests answered."""

    def await_answer(self, stream: "ServerStream") -> None: ...
    def finished(self, stream: "ServerStream") -> None: ...


class ServerStream(AnswerStream):
    """One request and its answer. task: the one that answers; None in a first step. fault: why it is no request."""

    __slots__ = (
        "__weakref__",
        "_connection",
        "_dropped_bytes",
        "_early",
        "_is_dropped",
        "_is_tunnel",
        "_is_uninvited",
        "_receiver",
        "body",
        "fault",
        "head",
        "is_busy",
        "is_held_back",
        "task",
    )

    is_ending = False  # that the connection ends is no concern of its requests

    def __init__(self, connection: Answering) -> None:
        super().__init__(connection)
        self._connection = connection
        self.head: ReceivedHead | None = None
        self.body = EMPTY_PAYLOAD
        self.fault: WireError | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_busy = False  # a coroutine answers
        self.is_held_back = False  # the stream is closed, and one still does
        self._is_uninvited = False  # the client waits for a 100 before it sends the body
        self._is_tunnel = False  # what comes is of another protocol, or will be
        self._is_dropped = False  # what comes is of no interest
        self._dropped_bytes = 0
        self._early: list[bytes] = []  # of the other protocol, before it was switched to
        self._receiver: Receiver | None = None

    # The side of the service.

    def send_continue(self) -> None:
        """Ask for the body of a request that waits for it (RFC 9110 §10.1.1)."""
        if self._is_uninvited and not self.is_closed:
            self._is_uninvited = False
            self.send_head(_CONTINUE, False)
            self._wait(self._shared.rules.body_timeout_s)

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`, beginning with those that have come already; this is HTTP no more."""
        if not self._is_tunnel:
            raise RuntimeError("the request did not ask for another protocol; it cannot be switched")
        if self.is_lost:
            raise WriteLost("the client gave up the request before the protocol was switched")
        self._receiver = receiver
        early, self._early = b"".join(self._early), []
        self.resume_reading()
        if early:
            receiver.data_received(early)
        if self.state is State.PEER_ENDED:
            self._end_tunnel()

    def finish(self, keeps_alive: bool) -> None:
        """The answer is out, or there is none. keeps_alive: of no concern; other streams go on anyway."""
        self.is_busy = False
        self.task = None
        if self.body is not EMPTY_PAYLOAD:
            refuse_late_readers(self.body)
            self.body = EMPTY_PAYLOAD
        self.writer = self._transport = None  # which know us: a circle for each request otherwise
        if self.state is not State.CLOSED:
            if self.is_closed:
                self._settle()
            elif not self._is_dropped:
                self._reset(ErrorCode.INTERNAL_ERROR)
        self._connection.finished(self)

    def _settle(self) -> None:
        """The answer has been given: let the rest of the request come, which nobody reads, for some time.

        Asked at once to send no more (RFC 9113 §8.1), some clients drop the answer, too.
        """
        if self.state is not State.LOCAL_ENDED or self._is_dropped or self._is_gone:
            return
        self._is_dropped = True
        if lingering_s := self._shared.rules.lingering_s:
            self._wait(lingering_s)
            self._shared.core.release(self)
        else:
            self._reset(ErrorCode.NO_ERROR)

    def _drop(self, data: bytes) -> None:
        self._dropped_bytes += len(data)
        if self._dropped_bytes > MAX_DRAINED_BYTES:
            self._shared.loop.call_soon(self._reset, ErrorCode.NO_ERROR)  # not while the codec is at it

    def cancel(self) -> None:
        """Cancel the task that answers."""
        if self.task is not None and not cancel_begun(self.task):
            self.finish(False)  # which it will not come to call

    def close(self) -> None:
        """End the stream: another protocol's in good order, an answer's so that it never looks whole. Idempotent."""
        if self._is_tunnel and self._receiver is not None:
            self.end_body()
            self._is_dropped = True
            if self.state is State.CLOSED:
                self._lose(None)
            elif not self.unsent:
                self._wait(WEBSOCKET_LINGERING_S)
        else:
            self.abort()

    force_close = close

    def abort(self) -> None:
        """End the stream at once and drop what was not sent. Idempotent."""
        # RFC 8441 §5: CANCEL is what a reset of TCP would have been.
        self._reset(ErrorCode.CANCEL if self._is_tunnel else ErrorCode.INTERNAL_ERROR)

    def _reset(self, code: ErrorCode) -> None:
        if not self._is_gone:
            self._shared.core.reset(self, code)
            self._shared.flush_soon(0)
            self._lose(None)

    # What comes.

    def head_received(self, fields: FieldPairs, ends: bool) -> bool:
        rules = self._shared.rules
        try:
            head = parse_request_head(fields, rules.max_field_bytes, rules.max_fields)
        except HeadTooLarge as error:
            self.fault = error
            self._connection.await_answer(self)
            return True
        if len(head.target) > rules.max_line_bytes:
            self.fault = TargetTooLong(f"a target of {len(head.target)} bytes; the limit is {rules.max_line_bytes}")
        elif head.method == "CONNECT":
            self._is_tunnel = True
            head = as_upgrade(head)
        elif ends:
            if head.content_length:
                said = f"Content-Length is {head.content_length}, and there is no body (RFC 9113 §8.1.1)"
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, said)
        else:
            self.missing = head.content_length
            self._open_body(head, rules)
        self.head = head
        self._connection.await_answer(self)
        return True

    def _open_body(self, head: ReceivedHead, rules: ServiceRules) -> None:
        try:
            self.body = open_stream(self, head, rules, self._shared.loop)
        except WireError as error:
            self.fault = error
            return
        self._is_uninvited = head.expects_continue
        self._wait(rules.body_timeout_s)

    def data_received(self, data: bytes) -> None:
        self._is_uninvited = False
        if self._is_dropped:
            self._drop(data)
        elif self._receiver is not None:
            self._receiver.data_received(data)
        elif self._is_tunnel:
            self._early.append(data)
            self._shared.core.hold(self)
        elif not self.body.feed_data(data):
            self.hear(len(data))

    def hear(self, nbytes: int) -> None:
        """Note that something of the body has come, be it a part of a frame."""
        if self._patience is not None and not self.is_held and not self._is_dropped and not self._is_tunnel:
            self._patience.hear(nbytes, self._shared.rules.body_timeout_s)

    def trailers_received(self, fields: FieldPairs) -> None:
        check_trailers(fields)

    def end_received(self) -> None:
        if self._patience is not None:
            self._patience.stop()
        if self._is_tunnel:
            if self._receiver is not None:
                self._end_tunnel()
        elif self.body is not EMPTY_PAYLOAD:
            self.body.feed_eof()
        if self.state is State.CLOSED:
            self.ended()

    def _end_tunnel(self) -> None:
        """The peer has said all: tell it so too."""
        assert self._receiver is not None
        self._receiver.eof_received()
        self.close()

    def drained(self) -> None:
        super().drained()
        if self.state is State.CLOSED:
            self.ended()
        elif self._is_dropped:
            self._wait(WEBSOCKET_LINGERING_S)
        elif not self.is_busy:
            self._settle()

    def failed(self, error: Exception) -> None:
        self._lose(error)

    def pause_reading(self) -> None:
        self._shared.core.hold(self)
        if self._patience is not None and not self._is_dropped:
            self._patience.stop()

    def resume_reading(self) -> None:
        if not self.is_held:
            return
        self._shared.core.release(self)
        self._shared.flush_soon(0)
        if self.body is not EMPTY_PAYLOAD and self.state in (State.OPEN, State.LOCAL_ENDED):
            self._wait(self._shared.rules.body_timeout_s)

    def _wait(self, limit_s: float) -> None:
        self._own_patience().wait(limit_s)

    # The side of the connection.

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._receiver is not None and not self.unsent:
            self._receiver.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing comes, nothing can be sent."""
        self._lose(error)

    def peer_gone(self) -> None:
        """The client sends no more on its connection."""
        if self._is_tunnel:
            if self._receiver is not None:
                self._end_tunnel()
        elif self.body is not EMPTY_PAYLOAD and not self.body.is_eof():
            self.body.set_exception(RequestLost("the client ended the connection before the body was whole"))

    def give_up(self, limit_s: float) -> None:
        if self._is_dropped:
            self._reset(ErrorCode.CANCEL if self._is_tunnel else ErrorCode.NO_ERROR)
        else:
            self.body.set_exception(BodyTimeout(f"the client sent nothing of the body for {limit_s:g} s"))

    def ended(self) -> None:
        """Both directions have ended; a handler that goes on costs as much as before."""
        if self.is_busy and not self.is_held_back:
            self.is_held_back = True
            self._shared.core.held_back += 1
        if self._receiver is not None:
            self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        """Nothing comes any more, nothing can be sent. Idempotent."""
        if self._is_gone:
            return
        self._is_gone = True
        self._patience = None
        if self._flow is not None:
            self._flow.connection_lost(error)
        if self.body is not EMPTY_PAYLOAD and not self.body.is_eof() and self.body.exception() is None:
            self.body.set_exception(RequestLost(f"the request ended before its body was whole: {error}"))
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.connection_lost(error)
        self.ended()
        if self._shared.rules.cancels_handlers:
            self.cancel()
