"""`ClientH2`: one HTTP/2 connection in the client role (RFC 9113), shared by lanes.

Bytes are parsed as they arrive and fill the exchanges of their streams. What is to be said is gathered, and leaves in
one write per turn of the loop. A server that takes fewer streams than there are lanes has requests wait in order; one
that goes away, or refuses a stream, has done nothing of what it did not process, which is sent again elsewhere.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from trunkline.conn.by_hand import drop
from trunkline.conn.errors import ConnectionLost, NotTaken, NoWebSockets, what_was_lost
from trunkline.conn.key import NO_KEY, ConnectionKey
from trunkline.conn.lane_h2 import H2Lane
from trunkline.conn.receive_buffer import receive_buffer
from trunkline.conn.stream_h2 import ClientStream
from trunkline.ground.logs import pool_logger
from trunkline.transport.flow import WriteFlow, end_check
from trunkline.wire.errors import H2Fault
from trunkline.wire.h2.codes import MAX_STREAM_ID, error_name
from trunkline.wire.h2.connection import H2Connection
from trunkline.wire.h2.head import request_fields
from trunkline.wire.limits import (
    H2_ASSUMED_STREAMS,
    H2_FLUSHED_BYTES,
    H2_LOOK_S,
    H2_MAX_LANES,
    H2_MAX_RESPONSE_FIELDS,
    H2_MAX_RESPONSE_LIST_BYTES,
    H2_SILENT_LOOKS,
)

_KEY: Final = "sec-websocket-key"  # the stream itself is the proof (RFC 8441 §5)
_LAST_ID: Final = MAX_STREAM_ID - 2 * H2_MAX_LANES  # each lane may begin one stream more
_PING: Final = b"trunklin"
_LOST: Final = "the connection was lost before the request was sent"


class ClientH2(asyncio.BufferedProtocol):
    """One connection. key: what it may be used for.

    is_full: the transport holds as much as it wants to. served: exchanges begun. wants_h1: the server has refused
    HTTP/2 for a request. on_lost: called at the end.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, key: ConnectionKey = NO_KEY) -> None:
        self.loop = loop
        self.key = key
        self.h2 = H2Connection(
            listener=self, max_field_list_bytes=H2_MAX_RESPONSE_LIST_BYTES, max_fields=H2_MAX_RESPONSE_FIELDS
        )
        self.transport: asyncio.Transport | None = None
        self.flow = WriteFlow(loop)
        self.opened_at = loop.time()
        self.is_tls = False
        self.is_full = False
        self.wants_h1 = False
        self.on_lost: Callable[[], None] | None = None
        self.served = 0
        self.settling: list[ClientStream] = []
        self._buffer = receive_buffer(loop)
        self._lanes: dict[H2Lane, None] = {}
        self._takes_lanes = True
        self._had_lanes = False
        self._has_settings = False
        self._waiting: dict[ClientStream, tuple[bytes, bool]] = {}  # for the peer to take another stream, in order
        self._is_feeding = False
        self._will_flush = False
        self._written = 0  # bytes of bodies since the last flush
        self._first_unsent = 0  # the number of the first stream that was opened since
        self._is_heard = True  # since the last look
        self._silent_looks = 0
        self._looking: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "open" if self._takes_lanes else "going"
        return f"<{type(self).__name__} {state}, {len(self.h2.streams)} streams, {self.served} served>"

    # Lanes.

    @property
    def is_closed(self) -> bool:
        """True when nothing can be sent any more."""
        return self.transport is None or self.transport.is_closing()

    @property
    def allows_connect(self) -> bool:
        """True when the server takes other protocols in a stream (RFC 8441)."""
        return self._takes_lanes and self.h2.peer.allows_connect

    @property
    def takes_lanes(self) -> bool:
        """True when there is room for another lane."""
        if not self._takes_lanes or self.is_closed:
            return False
        most = self.h2.peer.max_streams if self._has_settings else H2_ASSUMED_STREAMS
        return len(self._lanes) < min(most, H2_MAX_LANES)

    def new_lane(self) -> H2Lane:
        """Return a lane more; its owner has still to be set."""
        lane = H2Lane(self, self.key, int(self._had_lanes))
        self._had_lanes = True
        self._lanes[lane] = None
        return lane

    def retire(self) -> None:
        """Begin no more exchanges; close when the last one has ended."""
        self._takes_lanes = False
        for lane in list(self._lanes):
            lane.retire()

    def leave(self, lane: H2Lane) -> None:
        """Forget a lane; the last one takes the connection with it."""
        if lane not in self._lanes:
            return
        if len(self._lanes) > 1:
            del self._lanes[lane]
            self.loop.call_soon(lane.end)  # whoever closes it does not expect it to be gone at once
        else:
            self.close()

    # Requests.

    def request(self, stream: ClientStream, body: bytes, is_whole: bool) -> None:
        """Send the head of the stream's exchange, with `body`, when the peer takes another stream."""
        if self.h2.is_going:
            raise NotTaken("the server takes no more requests on this connection")
        self.served += 1
        # Until the peer has told how many streams it takes, it gets one: a body that it refuses may be gone for good.
        is_early = not self._has_settings and (self.h2.streams or stream.exchange.request.protocol)
        if self._waiting or is_early or not self.h2.can_open:
            self._waiting[stream] = body, is_whole
        else:
            self._open(stream, body, is_whole)

    def _open(self, stream: ClientStream, body: bytes, is_whole: bool) -> None:
        h2 = self.h2
        is_first = not h2.streams
        request = stream.exchange.request
        if request.protocol is None:
            h2.open(stream, request_fields(request), is_whole and not body)
        elif h2.peer.allows_connect:
            fields = request_fields(request, request.protocol)
            h2.open(stream, [field for field in fields if field[0] != _KEY], False)
        else:
            stream.end(
                NoWebSockets(
                    "the server chose HTTP/2 and takes no WebSockets there; pass an SSLContext with "
                    'set_alpn_protocols(["http/1.1"])'
                )
            )
            return
        if body:
            h2.send_data(stream, body, is_whole)
        self._first_unsent = self._first_unsent or stream.id
        if stream.id >= _LAST_ID:
            self.retire()
        if is_first and not self._is_feeding:
            self.flush()
        else:
            self.flush_soon()

    def _open_waiting(self) -> None:
        while self._waiting and self.h2.can_open:
            stream = next(iter(self._waiting))
            body, is_whole = self._waiting.pop(stream)
            early, stream.unsent = stream.unsent, b""
            self._open(stream, body + early, is_whole)
            stream.opened()

    def withdraw(self, stream: ClientStream) -> bool:
        """Forget a stream that waits to be opened; False when it has been."""
        return self._waiting.pop(stream, None) is not None

    def demand_h1(self) -> None:
        """Note that the server wants HTTP/1.1 for what it was asked."""
        self.wants_h1 = True
        self.retire()

    # Writing.

    def flush_soon(self) -> None:
        """Write, within this turn of the loop, what there is to be said."""
        if not self._will_flush and not self._is_feeding:
            self._will_flush = True
            self.loop.call_soon(self.flush)

    def note_written(self, nbytes: int) -> None:
        """Count bytes of a body; many of them leave at once, so that the transport can say that it is full."""
        self._written += nbytes
        if self._written >= H2_FLUSHED_BYTES:
            self.flush()
        else:
            self.flush_soon()

    def flush(self) -> None:
        """Write what there is to be said, the requests of streams that may be opened now among it."""
        self._will_flush = False
        self._written = 0
        if self._waiting and self._has_settings:
            self._open_waiting()
        if self.h2.has_output and not self.is_closed:
            self._first_unsent = 0
            assert self.transport is not None
            self.transport.write(self.h2.take_output())

    def pause_writing(self) -> None:
        self.is_full = True
        self.flow.pause_writing()
        for stream in self._streams():
            if stream.writes:
                stream.transport_full()

    def resume_writing(self) -> None:
        self.is_full = False
        self.flow.resume_writing()
        for stream in self._streams():
            stream.transport_drained()

    # Reading.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no instances of it
        self.is_tls = transport.get_extra_info("sslcontext") is not None
        self.h2.begin()
        self.flush_soon()
        self._looking = self.loop.call_later(H2_LOOK_S, self._look)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.is_closed:  # asyncio's TLS reads within its close()
            return
        self._is_heard = True
        self._is_feeding = True
        try:
            self.h2.feed(self._buffer[:nbytes])
        except H2Fault as fault:
            self._fail(fault)
        finally:
            self._is_feeding = False
        if self.settling:
            settling, self.settling = self.settling, []
            for stream in settling:
                stream.settle()
        self.flush()

    def eof_received(self) -> bool:
        self._takes_lanes = False
        # In a moment, for asyncio's TLS reads within its close(), which fails when it is aborted from there.
        self.loop.call_soon(self.close)
        return False

    # What the peer says of the whole connection.

    def settings_changed(self) -> None:
        """The peer has said what it allows."""
        self._has_settings = True

    def going_away(self, code: int, reason: str) -> None:
        """The peer takes no more streams."""
        pool_logger.debug("%r: the server goes away (%s) %s", self, error_name(code), reason)
        self._end_waiting("the server went away before the request was sent")
        self.retire()

    def ping_answered(self, payload: bytes) -> None:
        """The peer is there, which every byte of it tells."""

    def _look(self) -> None:
        """See whether the peer is there, if anybody waits for it."""
        self.h2.noise.halve()
        is_silent = not self._is_heard and bool(self.h2.streams)
        self._silent_looks = self._silent_looks + 1 if is_silent else 0
        self._is_heard = False
        if self._silent_looks > H2_SILENT_LOOKS:
            self._fail(ConnectionLost(f"the server has not answered a PING for {H2_LOOK_S:g} s"))
            return
        if self._silent_looks == H2_SILENT_LOOKS:
            self.h2.ping(_PING)
            self.flush()
        self._looking = self.loop.call_later(H2_LOOK_S, self._look)

    def is_alive(self) -> bool:
        """Tell, by a system call, whether the peer has not ended the connection."""
        if self.transport is None or self.transport.is_closing():
            return False
        has_ended = end_check(self.transport)
        if not has_ended():
            return True
        self.retire()
        return False

    # The end.

    def _streams(self) -> list[ClientStream]:
        """List those that carry an exchange."""
        streams = cast("list[ClientStream]", list(self.h2.streams.values()))  # it opens no others
        return [stream for stream in streams if not stream.is_over]

    def _fail(self, error: Exception) -> None:
        """Close the connection; all that goes on ends with `error`."""
        if isinstance(error, H2Fault):
            self.h2.go_away(error.code, str(error))
        streams = self._streams()
        self.close()
        for stream in streams:
            stream.end(error)
        self._end_waiting(f"{_LOST}: {error}")

    def _end_waiting(self, reason: str, os_error: Exception | None = None) -> None:
        for stream in list(self._waiting):
            self.withdraw(stream)
            stream.end(NotTaken(reason, os_error))

    def close(self) -> None:
        """Say goodbye and close the transport. Idempotent."""
        self._takes_lanes = False
        transport = self.transport
        if transport is None:
            return
        if not transport.is_closing():
            pool_logger.debug("close %r", self)
            if not self.h2.is_going:
                self.h2.go_away()
            self.flush()
            transport.close()
        # A peer that does not read, or over TLS does not answer our close_notify, must not keep the socket.
        drop(transport)

    def abort(self) -> None:
        """Close the transport at once, before there are lanes. Idempotent."""
        transport = self.transport
        self.abandon()  # uvloop has closed it without telling us when opening it was cancelled, and does not say so
        if transport is not None:
            drop(transport)

    def abandon(self) -> None:
        """Let go of the transport without a word to the peer: another process goes on with it."""
        self.transport = None
        self._takes_lanes = False
        if self._looking is not None:
            self._looking.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._takes_lanes = False
        if self._looking is not None:
            self._looking.cancel()
        self.flow.connection_lost(exc)
        for stream in self._streams():
            stream.end(self._what_was_lost(stream, exc))
        self._end_waiting(_LOST, exc)
        lanes = list(self._lanes)
        self._lanes.clear()
        for lane in lanes:
            lane.end()
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()

    def _what_was_lost(self, stream: ClientStream, error: Exception | None) -> Exception:
        if self._first_unsent and stream.id >= self._first_unsent:
            return NotTaken(_LOST, error)
        return what_was_lost(error, stream.missing_words, 0)
