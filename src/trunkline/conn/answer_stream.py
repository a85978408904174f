"""`AnswerStream`: the sending half of a stream of HTTP/2 in the server role, as handlers and writers see it.

It looks like a connection of its own: with a transport, and a flow that makes writers wait for the peer's window as for
the transport's buffer. What the client sends, and how the stream ends, is `server_stream`'s part.
"""

import asyncio
from typing import Final, Protocol

from trunkline.conn.errors import WriteLost
from trunkline.conn.patience import Patience
from trunkline.conn.service import ServiceRules
from trunkline.conn.stream_writer import StreamWriter
from trunkline.conn.transport_h2 import StreamTransport
from trunkline.transport.flow import WriteFlow
from trunkline.wire.h2.connection import H2Connection
from trunkline.wire.h2.head import Pair
from trunkline.wire.h2.stream import State, Stream

_LOST: Final = "the client gave up the request before the response was sent"


class Shared(Protocol):
    """The connection that streams share. is_full: its transport holds enough."""

    core: H2Connection
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport | None

    @property
    def rules(self) -> ServiceRules: ...
    @property
    def is_full(self) -> bool: ...
    @property
    def is_lost(self) -> bool: ...
    def make_patience(self) -> Patience: ...
    def flush_soon(self, nbytes: int) -> None: ...


class AnswerStream(Stream):
    """What an answer is sent by. writer: of an answer that is not sent whole."""

    __slots__ = ("_flow", "_is_gone", "_patience", "_shared", "_transport", "sending", "writer")

    is_tls = False  # no file is given to the system: it has to be framed

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self._shared = shared
        self.writer: StreamWriter | None = None
        self.sending: asyncio.Task[int] | None = None  # never: as above
        self._is_gone = False  # nothing can be sent, nothing comes
        self._flow: WriteFlow | None = None
        self._patience: Patience | None = None
        self._transport: StreamTransport | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._shared.loop

    @property
    def transport(self) -> StreamTransport | None:
        """What handlers take for their connection; None once the stream is lost."""
        real = self._shared.transport
        if self._is_gone or real is None:
            return None
        if self._transport is None:
            self._transport = StreamTransport(self, real)
        return self._transport

    @property
    def flow(self) -> WriteFlow:
        """Makes writers wait for the peer's window, and for the transport."""
        flow = self._flow
        if flow is None:
            flow = self._flow = WriteFlow(self._shared.loop)
            if self.unsent or self._shared.is_full:
                flow.pause_writing()
            if self._is_gone:
                flow.connection_lost(None)
        return flow

    @property
    def is_lost(self) -> bool:
        """True when nothing can be sent any more."""
        return self._is_gone or self._shared.is_lost

    @property
    def is_closed(self) -> bool:
        """True when nothing more can be sent: the answer is out, or it is lost."""
        return self.is_lost or self.unsent_ends or self.state is State.CLOSED or self.state is State.LOCAL_ENDED

    @property
    def has_unsent(self) -> bool:
        """True while something waits for the peer's window."""
        return bool(self.unsent)

    def open_writer(self) -> StreamWriter:
        """Return the writer of a response."""
        self.writer = StreamWriter(self)
        return self.writer

    def send_whole(self, fields: list[Pair], body: bytes) -> None:
        """Send a whole response, whose handler has ended. Raises WriteLost when nobody would get it."""
        if self.is_closed:
            raise WriteLost(_LOST)
        shared = self._shared
        shared.core.send_head(self, fields, not body)
        if body and not shared.core.send_data(self, body, True):
            self._watch_sending()
        shared.flush_soon(len(body))

    def send_head(self, fields: list[Pair], ends: bool) -> None:
        """Send a head. Raises WriteLost when nobody would get it."""
        if self.is_closed:
            raise WriteLost(_LOST)
        self._shared.core.send_head(self, fields, ends)
        self._shared.flush_soon(0)
        if self.state is State.CLOSED:
            self.ended()

    def send(self, data: bytes) -> None:
        """Write `data`; raise WriteLost, a ConnectionResetError, when nobody would get it."""
        if self.is_closed:
            raise WriteLost(_LOST)
        self._send_data(data, False)

    def end_body(self) -> None:
        """End our direction once all is sent. Idempotent."""
        if not self.is_closed:
            self._send_data(b"", True)

    def _send_data(self, data: bytes, ends: bool) -> None:
        shared = self._shared
        if not shared.core.send_data(self, data, ends):
            self._watch_sending()
        shared.flush_soon(len(data))
        if self.state is State.CLOSED:
            self.ended()

    def _watch_sending(self) -> None:
        """The peer's window is shut: let writers wait, but not for ever."""
        if self._flow is not None:
            self._flow.pause_writing()
        self._own_patience().watch_sending(self.get_write_buffer_size())

    def _own_patience(self) -> Patience:
        if self._patience is None:
            self._patience = self._shared.make_patience()
        return self._patience

    def ended(self) -> None:
        """Both directions have ended."""
        raise NotImplementedError

    def abort(self) -> None:
        """End the stream at once and drop what was not sent. Idempotent."""
        raise NotImplementedError

    def fail(self, error: Exception) -> None:
        """End the stream at once, for its transport was closed."""
        self.abort()

    def pause_reading(self) -> None:
        """Give nothing back to the peer's window, for whoever takes the bytes is slow."""
        raise NotImplementedError

    def resume_reading(self) -> None:
        """Give back what was taken."""
        raise NotImplementedError

    def expect_progress(self) -> None:
        """Do nothing: windows tell whether the client takes what it is sent."""

    def expect_nothing(self) -> None:
        """Do nothing, as above."""

    # The side of the connection.

    def pause_writing(self) -> None:
        """The transport holds enough."""
        if self._flow is not None:
            self._flow.pause_writing()

    def resume_writing(self) -> None:
        """The transport or the window takes more."""
        if self._flow is not None and not self.unsent and not self._shared.is_full:
            self._flow.resume_writing()

    def drained(self) -> None:
        self.resume_writing()
        self._shared.flush_soon(0)

    def look(self, now: float) -> None:
        """Give up what has been waited for too long; `now` by the loop's clock."""
        if self._patience is not None:
            self._patience.look(now, self, bool(self.unsent), self.give_up)

    def give_up(self, limit_s: float) -> None:
        """The client has let us wait for `limit_s`."""
        raise NotImplementedError

    def is_closing(self) -> bool:
        """False: no stream is watched while its last bytes leave, but the connection."""
        return False

    def get_write_buffer_size(self) -> int:
        """Return how much waits for the peer's window."""
        return len(self.unsent) - self.unsent_from
