"""`TunnelStream`: a stream that becomes another protocol's by an extended CONNECT (RFC 8441), such as a WebSocket's.

Once a response 2xx has come, what the stream carries in both directions is that protocol's. Its end is END_STREAM, as
the end of a TCP connection is a FIN; a reset stands for RST. The lane is busy for as long as the protocol is spoken.
"""

import asyncio

from trunkline.conn.errors import ConnectionClosed
from trunkline.conn.exchange import Exchange
from trunkline.conn.receiver import Receiver
from trunkline.conn.stream_h2 import ClientStream, Place, Sharing
from trunkline.wire.h2.codes import ErrorCode
from trunkline.wire.h2.stream import FieldPairs, State
from trunkline.wire.limits import WEBSOCKET_LINGERING_S


class TunnelStream(ClientStream):
    """One such stream; until `switch_protocol` it is one like others."""

    __slots__ = ("_last_words", "_loop", "_receiver")

    def __init__(self, shared: Sharing, place: Place, exchange: Exchange) -> None:
        super().__init__(shared, place, exchange)
        self._loop = shared.loop
        self._receiver: Receiver | None = None
        self._last_words: asyncio.TimerHandle | None = None  # ends the wait for the peer's end

    def head_received(self, fields: FieldPairs, ends: bool) -> bool:
        if not super().head_received(fields, ends):
            return False
        if self.is_accepted:
            self.missing = None  # a length would mean nothing
            self.settle()
        return True

    @property
    def is_accepted(self) -> bool:
        """True when the server speaks the other protocol from now on."""
        head = self.exchange.head
        return head is not None and 200 <= head.status < 300

    def switch_protocol(self, receiver: Receiver) -> None:
        body = None if self.is_over else self.exchange.body
        if body is None or not self.is_accepted:
            raise RuntimeError("the server has not accepted the CONNECT, so this stream carries HTTP")
        self.stop_silence()
        if self.exchange.deadline is not None:
            self.exchange.deadline.cancel()  # it was for the request
        self._receiver = receiver
        early = body.read_nowait()
        body.feed_eof()
        if early:
            receiver.data_received(early)

    def data_received(self, data: bytes) -> None:
        if self._receiver is None:
            super().data_received(data)
        else:
            self._receiver.data_received(data)

    def end_received(self) -> None:
        if self._receiver is None:
            super().end_received()
        elif not self.is_over:
            self._receiver.eof_received()
            self._finish(None)

    def end(self, error: Exception) -> None:
        if self._receiver is None:
            super().end(error)
        elif not self.is_over:
            self._finish(error)

    def _finish(self, error: Exception | None) -> None:
        assert self._receiver is not None
        if self._last_words is not None:
            self._last_words.cancel()
        if self.state is State.PEER_ENDED and not self.unsent:
            self.end_body()
        elif self.state is not State.CLOSED:
            self.reset(ErrorCode.CANCEL)
        self.let_go()
        self._receiver.connection_lost(error)

    # The side of the other protocol.

    def abort_exchange(self, exchange: Exchange, error: Exception | None = None) -> None:
        if self._receiver is None:
            super().abort_exchange(exchange, error)
        else:
            self.close()

    def close(self) -> None:
        """End our side behind what is unsent, and all of the stream when the peer ends its own, or is slow to."""
        if self._receiver is None:
            super().close()
        elif not self.is_over and self._last_words is None:
            self.end_body()
            self.exchange.finish()
            silent = ConnectionClosed("the peer did not end the stream")
            self._last_words = self._loop.call_later(WEBSOCKET_LINGERING_S, self.fail, silent)

    def transport_full(self) -> None:
        super().transport_full()
        if self._receiver is not None:
            self._receiver.pause_writing()

    def transport_drained(self) -> None:
        was_paused = self.flow.paused
        super().transport_drained()
        if self._receiver is not None and was_paused and not self.flow.paused:
            self._receiver.resume_writing()
