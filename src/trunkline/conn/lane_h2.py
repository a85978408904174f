"""`H2Lane`: a place for one exchange at a time on an HTTP/2 connection that many lanes share.

The pool counts lanes, lets them idle, and hands them out like connections of HTTP/1.1, so `limit` bounds the exchanges
and thereby the sockets. An exchange that is given up costs its stream, not the lane. When the last lane closes, so does
the connection.
"""

import asyncio
from math import inf
from typing import Protocol

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.errors import ConnectionClosed, NotTaken
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.conn.owner import Owner
from trunkline.conn.receiver import Receiver
from trunkline.conn.stream_h2 import ClientStream, Sharing
from trunkline.conn.tunnel_h2 import TunnelStream
from trunkline.transport.flow import WriteFlow


class Shared(Sharing, Protocol):
    """The connection, as its lanes see it."""

    flow: WriteFlow
    opened_at: float
    is_tls: bool

    @property
    def is_closed(self) -> bool: ...

    def request(self, stream: ClientStream, body: bytes, is_whole: bool) -> None:
        """Send the head of the stream's exchange, with `body`, when the peer takes another stream."""

    def is_alive(self) -> bool: ...

    def retire(self) -> None:
        """Begin no more exchanges; close when the last one has ended."""

    def leave(self, lane: "H2Lane") -> None:
        """Forget a lane; the last one takes the connection with it."""

    def abandon(self) -> None: ...


class H2Lane:
    """One lane. served: begins with 1 when the connection had served others before."""

    __slots__ = (
        "_has_left",
        "_is_reusable",
        "_shared",
        "_stream",
        "aged_s",
        "gone",
        "hinted_s",
        "idle_s",
        "is_tls",
        "key",
        "owner",
        "rested_s",
        "served",
        "transport",
    )
    is_shared = True

    def __init__(self, shared: Shared, key: ConnectionKey, served: int) -> None:
        self.owner: Owner[ClientConnection] | None = None
        self.key = key
        self.served = served
        self.idle_s = inf
        self.rested_s = 0.0
        self.hinted_s = inf  # no server says how long a connection of HTTP/2 may be idle
        self.is_tls = shared.is_tls
        self.transport = shared.transport
        self.gone: asyncio.Future[None] = shared.loop.create_future()
        self.aged_s = shared.loop.time() - shared.opened_at
        self._shared = shared
        self._is_reusable = True
        self._has_left = False
        self._stream: ClientStream | None = None

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "idle" if self._stream is None else "busy"
        return f"<{type(self).__name__} {state}, {self.served} served, on {self._shared!r}>"

    @property
    def is_reusable(self) -> bool:
        """False when no other exchange may begin on it."""
        return self._is_reusable

    @is_reusable.setter
    def is_reusable(self, value: bool) -> None:
        # Who owns it wants no more of its connection, for it has become old, or a user said so.
        self._is_reusable = value
        if not value:
            self._shared.retire()

    @property
    def is_closed(self) -> bool:
        """True when no request can be sent any more."""
        return self._has_left or self.transport is None or self._shared.is_closed

    @property
    def exchange(self) -> Exchange | None:
        """The exchange that it carries."""
        return None if self._stream is None else self._stream.exchange

    @property
    def flow(self) -> WriteFlow:
        """That of the stream, or of the connection while there is none."""
        return self._shared.flow if self._stream is None else self._stream.flow

    def is_alive(self) -> bool:
        """Tell, by a system call, whether the peer has not ended the connection."""
        return not self.is_closed and self._shared.is_alive()

    def start(self, exchange: Exchange, body: bytes = b"", *, is_whole: bool = True) -> ClientStream:
        """Send the head of `exchange`, with `body` behind it; return where the rest of the body goes."""
        shared = self._shared
        if self._has_left or shared.is_closed:
            raise NotTaken("the connection was lost before the request was sent")
        make = ClientStream if exchange.request.protocol is None else TunnelStream
        stream = self._stream = make(shared, self, exchange)
        exchange.carrier = stream
        if exchange.request.is_last:
            self._is_reusable = False
        shared.request(stream, body, is_whole)
        self.served += 1
        return stream

    # What its stream tells.

    def let_go(self, stream: ClientStream) -> None:
        self._stream = None
        owner = self.owner
        if owner is not None:
            owner.release(self)
        elif not self._is_reusable:
            self.close()

    def note_response(self) -> None:
        if self.served == 1 and self.is_tls and self.owner is not None:
            self.owner.first_response(self)

    def note_failure(self, error: Exception) -> None:
        if self.owner is not None:
            self.owner.note_failure(self, error)

    # The other protocol of an extended CONNECT, and the reader's side.

    def switch_protocol(self, receiver: Receiver) -> None:
        """Give all further bytes to `receiver`. Raises RuntimeError without a response that allows it."""
        if self._stream is None:
            raise RuntimeError("nothing was asked for on this lane, so it carries HTTP")
        self._stream.switch_protocol(receiver)

    def send(self, data: bytes) -> None:
        """Write `data` of the protocol that was switched to; raise WriteLost when the stream has ended."""
        if self._stream is not None:
            self._stream.send(data)

    def pause_reading(self) -> None:
        if self._stream is not None:
            self._stream.pause_reading()

    def resume_reading(self) -> None:
        if self._stream is not None:
            self._stream.resume_reading()

    # The end.

    def close(self) -> None:
        """Leave the connection, and take it along if nobody else is on it. Idempotent."""
        self._is_reusable = False
        if self._has_left:
            return
        self._has_left = True
        if self._stream is not None:
            self._stream.fail(ConnectionClosed("the connection was closed while the exchange was going on"))
        self._shared.leave(self)

    def abort(self) -> None:
        """Do the same."""
        self.close()

    def abandon(self) -> None:
        """Let go of the transport without a word to the peer: another process goes on with it."""
        self._shared.abandon()
        self.transport = None
        self._is_reusable = False

    def interrupt(self, reason: str) -> None:
        """Close the lane; an exchange that is going on ends with an error that gives `reason`."""
        self.fail(ConnectionClosed(reason))

    def fail(self, error: Exception) -> None:
        """Close the lane; the exchange that is going on, if any, ends with `error`."""
        self._is_reusable = False
        if self._stream is not None:
            self._stream.fail(error)
        self.close()

    def retire(self) -> None:
        """Begin no other exchange."""
        self._is_reusable = False
        if self._stream is None:
            self.close()

    def end(self) -> None:
        """The place is gone, with the socket if it was the last one."""
        self._has_left = True
        self._is_reusable = False
        self.transport = None
        self.rested_s = inf  # how long it was idle says nothing of when the server closes connections
        if not self.gone.done():
            self.gone.set_result(None)
        owner, self.owner = self.owner, None
        if owner is not None:
            owner.forget(self)
