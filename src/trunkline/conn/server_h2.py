"""`ServerH2`: one HTTP/2 connection in the server role (RFC 9113).

What arrives is fed to the codec, and the requests that it brought are answered once all of it has been read: so a body
that came with its head is there, and a request that was reset at once costs nothing. What they say leaves in one write,
at the end of a read or in the loop's next turn. A client that does not read is not read either.
"""

import asyncio
from typing import Any, Final, cast

from trunkline.conn.half_closed import watch_half_closed
from trunkline.conn.patience import Patience
from trunkline.conn.server_connection import ServerConnection
from trunkline.conn.server_stream import ServerStream
from trunkline.conn.service import Service, ServiceRules
from trunkline.wire.errors import H2Fault
from trunkline.wire.h2.codes import ErrorCode
from trunkline.wire.h2.connection import H2Connection
from trunkline.wire.limits import (
    H2_GOAWAY_GRACE_S,
    H2_MAX_FIELD_LIST_BYTES,
    H2_NOISE_HALVED_S,
    MAX_DRAINED_BYTES,
    MAX_LISTED_FIELDS,
)

_WRITE_BYTES: Final = 2**16  # that wait for the end of the turn; ours: the transport's own high-water mark


class ServerH2(ServerConnection):
    """One connection. core: the codec. served: requests begun."""

    __slots__ = (
        "_begun",
        "_dropped_bytes",
        "_halved_at",
        "_is_dropping",
        "_is_feeding",
        "_is_flush_due",
        "_is_idle",
        "_is_leaving",
        "_running",
        "_unflushed",
        "core",
        "served",
    )

    # Any: it answers requests of our streams, and is told of connections like us.
    def __init__(self, loop: asyncio.AbstractEventLoop, service: Service[Any]) -> None:
        super().__init__(loop, service)
        self.served = 0
        rules = service.rules
        self.core = H2Connection(
            listener=self,
            make_stream=self._make_stream,
            max_field_list_bytes=max(2 * rules.max_field_bytes, H2_MAX_FIELD_LIST_BYTES),
            max_fields=max(rules.max_fields, MAX_LISTED_FIELDS),
        )
        self._begun: list[ServerStream] = []  # whose heads have come in this read
        self._running: set[ServerStream] = set()  # whose answers take more than their first step
        self._is_idle = True  # there is no stream
        self._is_feeding = False
        self._is_flush_due = False  # in the loop's next turn
        self._is_leaving = False  # the client has been told that the end is near
        self._is_dropping = False  # what comes is of no interest
        self._dropped_bytes = 0
        self._unflushed = 0
        self._halved_at = 0.0

    def __repr__(self) -> str:
        state = "closed" if self.transport is None else f"{len(self.core.streams)} streams"
        return f"<{type(self).__name__} {state}, {self.served} served>"

    # The side of the service.

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return [stream.task for stream in self._running if stream.task is not None]

    @property
    def is_idle(self) -> bool:
        """True when there is no request, nor a byte of one."""
        return not self.core.streams and not self._running and not self.core.has_partial

    @property
    def has_unsent(self) -> bool:
        """True while something waits for the client to take it."""
        return super().has_unsent or self.core.has_output or any(stream.unsent for stream in self._streams)

    def cancel(self) -> None:
        """Cancel the tasks that answer, but not the one that calls."""
        current = asyncio.current_task()
        for stream in list(self._running):
            if stream.task is not current:
                stream.cancel()

    def turn_away(self, answer: bytes) -> None:
        """Refuse a client that is one too many. answer: what it would get by HTTP/1.1."""
        self._leave(ErrorCode.ENHANCE_YOUR_CALM, "too many connections")

    def announce_end(self) -> None:
        """Tell the client to send its next requests elsewhere; close once those have been answered that are here."""
        if not self._is_leaving and not self._is_dropping and not self.is_lost:
            self._is_leaving = True
            self.core.warn()
            self._flush()
            self.loop.call_later(H2_GOAWAY_GRACE_S, self._stop_taking)  # what is on its way is still taken (§6.8)

    def _stop_taking(self) -> None:
        if not self.is_lost and not self.core.is_going:
            self.core.go_away()
            self._flush()

    def close(self) -> None:
        """Say that this is the end, and close the transport once that is sent. Idempotent."""
        self._leave(ErrorCode.NO_ERROR, "")

    def _leave(self, code: int, reason: str) -> None:
        if self.is_lost:
            return
        self._is_dropping = True
        if not self.core.is_going or code:
            self.core.go_away(code, reason)
        self._write()
        super().close()

    # The side of the streams.

    @property
    def rules(self) -> ServiceRules:
        return self._rules

    @property
    def is_full(self) -> bool:
        """True while the transport holds more than it wants to."""
        return self.flow.paused

    def make_patience(self) -> Patience:
        """Return what notes how long one stream is waited for."""
        return Patience(self._service.watch, self._rules.write_timeout_s)

    def await_answer(self, stream: ServerStream) -> None:
        """Note a request, to be answered when all that has come is read."""
        self._begun.append(stream)

    def finished(self, stream: ServerStream) -> None:
        """The answer to a request has ended, whatever it was."""
        self._running.discard(stream)
        if stream.is_held_back:
            stream.is_held_back = False
            self.core.held_back -= 1
        if self.transport is None:
            if not self._running:
                self._service.done(self)
        elif not self._is_feeding:
            self.flush_soon(0)

    def flush_soon(self, nbytes: int) -> None:
        """Write what the codec has to say, within this turn of the loop or at its end."""
        self._unflushed += nbytes
        if self._unflushed >= _WRITE_BYTES:
            self._write()
        if not self._is_feeding and not self._is_flush_due:
            self._is_flush_due = True
            self.loop.call_soon(self._flush)

    @property
    def _streams(self) -> list[ServerStream]:
        return cast(list[ServerStream], list(self.core.streams.values()))  # we have made them

    def _make_stream(self) -> ServerStream:
        return ServerStream(self)

    # What the codec tells of the connection.

    def settings_changed(self) -> None:
        """Nothing to do: the codec knows."""

    def going_away(self, code: int, reason: str) -> None:
        """The client opens no more streams."""

    def ping_answered(self, payload: bytes) -> None:
        """We ask nobody."""

    # The side of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._patience.wait(min(filter(None, (self._rules.head_timeout_s, self._rules.keepalive_s)), default=0.0))
        self.core.begin()
        self._flush()

    def buffer_updated(self, nbytes: int) -> None:
        self.feed(self._buffer[:nbytes].tobytes())

    def feed(self, data: bytes) -> None:
        """Take bytes of the client."""
        if self._is_dropping:
            self._drop(len(data))
            return
        core = self.core
        had_partial, had_bytes = core.has_partial, core.partial_bytes
        self._is_feeding = True
        try:
            core.feed(data)
        except H2Fault as fault:
            self._begun.clear()
            self._fail(fault)
            return
        else:
            if self._begun:
                self._answer()
        finally:
            self._is_feeding = False
        if core.has_partial:
            had_whole = core.partial_bytes < had_bytes + len(data)
            is_new = not had_partial or not self._patience.limit_s
            self._hear_part(len(data), begins=is_new or (had_whole and not core.is_in_head))
        elif had_partial:
            self._rest() if self._is_idle else self._patience.stop()
        self._flush()

    def _drop(self, nbytes: int) -> None:
        self._dropped_bytes += nbytes
        if self._dropped_bytes > MAX_DRAINED_BYTES:
            self.abort()

    def _hear_part(self, nbytes: int, *, begins: bool) -> None:
        """A frame has come in part. A head has one time for all its frames, others have one each; a body may drip."""
        number = self.core.partial_body
        if begins:
            self._patience.wait(self._rules.head_timeout_s)
        elif number:
            self._patience.hear(nbytes, self._rules.body_timeout_s)
        stream = self.core.streams.get(number)
        if stream is not None:
            cast(ServerStream, stream).hear(nbytes)

    def _answer(self) -> None:
        """Begin to answer the requests that have come."""
        begun, self._begun = self._begun, []
        service = self._service
        if self._is_idle:
            self._is_idle = False
            self._patience.stop()
        for stream in begun:
            if stream.is_lost:
                continue
            self.served += 1
            stream.is_busy = True
            if stream.fault is not None:
                work = service.refuse(stream, stream.fault)
            else:
                assert stream.head is not None
                work = service.answer(stream, stream.head, stream.body)
            task = service.starter.start(work, self._context)
            if task is not None and stream.is_busy:
                stream.task = task
                self._running.add(stream)

    def _fail(self, fault: H2Fault) -> None:
        """The client breaks the protocol: say so, and hear no more."""
        self._is_dropping = True
        self.core.go_away(fault.code, str(fault))
        self._write()
        for stream in self._streams:
            stream.connection_lost(fault)
        self.core.streams.clear()
        # Bytes that it sent and we never read would make the system drop what we said.
        if self._rules.lingering_s and self._say_no_more():
            self._patience.wait(self._rules.lingering_s)
        else:
            super().close()

    def eof_received(self) -> bool:
        # As in HTTP/1.1: who has asked may only listen from now on, unless it cannot be told from one who is gone.
        if self._is_dropping or self.is_tls or self._rules.cancels_handlers:
            return False
        for stream in self._streams:
            stream.peer_gone()
            watch_half_closed(stream)
        self.core.is_going = True
        return bool(self.core.streams or self._running)

    def pause_writing(self) -> None:
        super().pause_writing()
        for stream in self._streams:
            stream.pause_writing()
        self._pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        for stream in self._streams:
            stream.resume_writing()
        self._resume()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._is_dropping = True
        for stream in {*self._streams, *self._running}:
            stream.connection_lost(exc)
        self.core.streams.clear()
        self._service.connection_lost(self, exc)
        if not self._running:
            self._service.done(self)

    def look(self, now: float) -> None:
        """Give up what has been waited for too long; `now` by the loop's clock."""
        super().look(now)
        for stream in self._streams:
            stream.look(now)
        if now - self._halved_at >= H2_NOISE_HALVED_S:
            self._halved_at = now
            self.core.noise.halve()

    def _give_up(self, limit_s: float) -> None:
        self.close()

    # Output.

    def _flush(self) -> None:
        self._is_flush_due = False
        self._write()
        if self._is_idle is bool(self.core.streams or self._running):
            self._is_idle = not self._is_idle
            if self._is_idle:
                self._rest()
        elif self._is_idle and self.core.is_going:
            self.close()

    def _rest(self) -> None:
        """There is no request any more."""
        if self.core.is_going or self._is_dropping:
            self.close()
        elif not self.core.has_partial:
            self._patience.wait(self._rules.keepalive_s)

    def _write(self) -> None:
        self._unflushed = 0
        if self.core.has_output:
            output = self.core.take_output()
            if self.transport is not None and not self.transport.is_closing():
                self.transport.write(output)
