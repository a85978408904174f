"""`H2Connection`: one HTTP/2 connection, in either role, without a socket (RFC 9113).

Bytes go into `feed`, which reads frames and tells streams what came for them; `take_output` gives what is to be
written. What breaks the protocol in one stream resets it, what breaks it for all raises H2Fault, after which GOAWAY
is the last thing to say. Windows are given back as bodies are read, and grow for readers that keep up. Priorities
(§5.3) are not looked at, the field `priority` (RFC 9218) is a field like others, and nobody may push.
"""

from collections.abc import Callable
from typing import Final, Protocol

from trunkline.wire.errors import H2Fault, StreamFault, StreamReset
from trunkline.wire.h2.codes import (
    ACK,
    CONTINUATION,
    DATA,
    DEFAULT_FRAME_BYTES,
    DEFAULT_WINDOW,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
    Setting,
    error_name,
)
from trunkline.wire.h2.frames import (
    FRAME_HEAD,
    FRAME_HEAD_BYTES,
    SETTINGS_ACK,
    render_ping,
    render_settings_frame,
)
from trunkline.wire.h2.hpack_decoder import Decoder
from trunkline.wire.h2.receiving import ID_BITS, Receiving, check_dependency
from trunkline.wire.h2.settings import parse_settings, render_settings
from trunkline.wire.h2.stream import State, Stream
from trunkline.wire.limits import (
    H2_CONNECTION_WINDOW,
    H2_FRAME_BYTES,
    H2_MAX_BLOCK_BYTES,
    H2_MAX_FIELD_LIST_BYTES,
    H2_MAX_STREAMS,
    H2_STREAM_WINDOW,
    MAX_LISTED_FIELDS,
)

_LARGE_FRAME_BYTES: Final = 1024  # of DATA; ours: smaller ones are judged one by one, for they may be noise


class Listener(Protocol):
    """Who hears what concerns the whole connection."""

    def settings_changed(self) -> None:
        """The peer has said what it allows; `peer` has it."""

    def going_away(self, code: int, reason: str) -> None:
        """The peer takes no more streams (§6.8); those that it did not process have been told."""

    def ping_answered(self, payload: bytes) -> None:
        """The peer is there."""


class H2Connection(Receiving):
    """One connection. make_stream: makes the streams that the peer opens; None in the client's role."""

    def __init__(
        self,
        *,
        listener: Listener,
        make_stream: Callable[[], Stream] | None = None,
        max_streams: int = H2_MAX_STREAMS,
        max_field_list_bytes: int = H2_MAX_FIELD_LIST_BYTES,
        max_fields: int = MAX_LISTED_FIELDS,
    ) -> None:
        decoder = Decoder(max_list_bytes=max_field_list_bytes, max_fields=max_fields)
        max_block_bytes = max(H2_MAX_BLOCK_BYTES, 2 * max_field_list_bytes)
        super().__init__(
            make_stream=make_stream, decoder=decoder, max_streams=max_streams, max_block_bytes=max_block_bytes
        )
        self._listener = listener
        self._max_field_list_bytes = max_field_list_bytes
        self._max_frame_bytes = DEFAULT_FRAME_BYTES  # until the peer can know better
        self._rest = b""  # of a frame that has not come whole
        self._needs_preface = not self.is_client
        self._has_settings = False  # the peer's, which come first (§3.4)
        self._is_acknowledged = False  # our own are
        # Handlers by frame type; those of unknown types are ignored (§4.1).
        self._takers: Final = {
            DATA: self._take_data,
            HEADERS: self._take_headers,
            PRIORITY: self._take_priority,
            RST_STREAM: self._take_reset,
            SETTINGS: self._take_settings,
            PUSH_PROMISE: self._take_push,
            PING: self._take_ping,
            GOAWAY: self._take_goaway,
            WINDOW_UPDATE: self._take_window_update,
            CONTINUATION: self._take_continuation,
        }

    def begin(self) -> None:
        """Say what must be said first (§3.4)."""
        settings = {
            Setting.INITIAL_WINDOW_SIZE: H2_STREAM_WINDOW,
            Setting.MAX_FRAME_SIZE: H2_FRAME_BYTES,
            Setting.MAX_HEADER_LIST_SIZE: self._max_field_list_bytes,
        }
        if self.is_client:
            self._out.append(PREFACE)
            settings[Setting.ENABLE_PUSH] = 0
        else:
            settings[Setting.MAX_CONCURRENT_STREAMS] = self.max_streams
            settings[Setting.ENABLE_CONNECT_PROTOCOL] = 1
        self._out.append(render_settings_frame(render_settings(settings)))
        self._widen_connection(H2_CONNECTION_WINDOW - DEFAULT_WINDOW)

    # What comes.

    @property
    def is_in_head(self) -> bool:
        """True between the frames of a head."""
        return self._block is not None

    @property
    def partial_bytes(self) -> int:
        """Bytes of a frame that has not come whole."""
        return len(self._rest)

    @property
    def partial_body(self) -> int:
        """The stream of which a frame of the body has come in part; 0 when there is none."""
        rest = self._rest
        is_data = len(rest) >= FRAME_HEAD_BYTES and rest[3] == DATA and self._block is None
        return int.from_bytes(rest[5:9]) & ID_BITS if is_data else 0

    @property
    def has_partial(self) -> bool:
        """True while the rest of a frame or of a head is to come."""
        return bool(self._rest) or self._block is not None

    def feed(self, received: bytes | memoryview) -> None:
        """Take bytes of the peer. Raises H2Fault when the connection cannot go on: say `go_away(error.code)`."""
        data = b"".join((self._rest, received))  # one copy, even of what was received into memory that others share
        at = 0
        if self._needs_preface:
            at = self._take_preface(data)
            if not at:
                return
        size = len(data)
        while size - at >= FRAME_HEAD_BYTES:
            high, low, kind, flags, stream_id = FRAME_HEAD.unpack_from(data, at)
            length = high << 8 | low
            if length > self._max_frame_bytes:
                raise self._too_long(kind, length)
            begin = at + FRAME_HEAD_BYTES
            at = begin + length
            if at > size:
                at = begin - FRAME_HEAD_BYTES
                break
            if kind == DATA and not flags and length >= _LARGE_FRAME_BYTES:
                payload, at = self._join_data(data, begin, at, stream_id & ID_BITS)
            else:
                payload = data[begin:at]
            self._take_frame(kind, flags, stream_id & ID_BITS, payload)
        self._rest = data[at:]

    def _join_data(self, data: bytes, begin: int, end: int, stream_id: int) -> tuple[bytes, int]:
        """Return the payload from `begin` to `end` with those of the frames behind it that have the same head.

        Taken one by one, the frames of a body of 10 MB would cost a fourth more. Together they are less than half of
        the stream's window: as much as may come before some of it is given back.
        """
        stream = self.streams.get(stream_id)
        if stream is None:
            return data[begin:end], end
        head = data[begin - FRAME_HEAD_BYTES : begin]
        frame_bytes = FRAME_HEAD_BYTES + end - begin
        last = min(len(data), begin + stream.window // 2) - frame_bytes  # where such a frame could still begin
        view = memoryview(data)
        pieces = [view[begin:end]]
        while end <= last and data.startswith(head, end):
            pieces.append(view[end + FRAME_HEAD_BYTES : end + frame_bytes])
            end += frame_bytes
        return b"".join(pieces), end

    def _take_preface(self, data: bytes) -> int:
        """Return how many bytes of `data` were the client's preface; 0 while it has not come whole."""
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, f"{data[:24]!r} is not the client's preface (RFC 9113 §3.4)")
        if len(data) < len(PREFACE):
            self._rest = data
            return 0
        self._needs_preface = False
        self._rest = b""
        return len(PREFACE)

    def _too_long(self, kind: int, length: int) -> H2Fault:
        if not self._has_settings and kind != SETTINGS:
            return _no_settings()
        return H2Fault(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length} bytes; the limit is {self._max_frame_bytes}")

    def _take_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if not self._has_settings and (kind != SETTINGS or flags & ACK):
            raise _no_settings()
        if self._block is not None and (kind != CONTINUATION or stream_id != self._block[0]):
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, "another frame within a head (RFC 9113 §6.10)")
        taker = self._takers.get(kind)
        if taker is None:
            self.noise.hear("of an unknown type")
            return
        try:
            taker(flags, stream_id, payload)
        except StreamFault as fault:
            self._fail_stream(stream_id, fault)

    # Frames of the connection.

    def _take_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, "PRIORITY for stream 0 (§6.3)")
        if len(payload) != 5:
            raise StreamFault(ErrorCode.FRAME_SIZE_ERROR, f"PRIORITY of {len(payload)} bytes; wanted 5 (§6.3)")
        check_dependency(stream_id, payload, StreamFault)
        self.noise.hear("PRIORITY")

    def _take_push(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise H2Fault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, which we do not allow (RFC 9113 §8.4)")

    def _take_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, f"SETTINGS for stream {stream_id} (§6.5)")
        if flags & ACK:
            if payload:
                raise H2Fault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS that acknowledge and set (§6.5)")
            if self._is_acknowledged:
                self.noise.hear("SETTINGS that acknowledge nothing")
            self._is_acknowledged = True
            return
        if self._has_settings:
            self.noise.hear("SETTINGS")
        self._has_settings = True
        self._max_frame_bytes = H2_FRAME_BYTES
        before = self.peer.window
        settings = parse_settings(payload)
        self.peer.take(settings, is_servers=self.is_client)
        for setting, value in settings:
            if setting == Setting.HEADER_TABLE_SIZE:  # the smallest of several counts too (RFC 7541 §4.2)
                self._encoder.resize(value)
        self._out.append(SETTINGS_ACK)
        if self.peer.window != before:
            self._shift_windows(self.peer.window - before)
        self._listener.settings_changed()

    def _shift_windows(self, delta: int) -> None:
        """Change the windows of all streams with the initial one (§6.9.2); they may become negative."""
        for stream in list(self.streams.values()):
            try:
                self.widen(stream, delta)
            except StreamFault as fault:
                raise H2Fault(fault.code, str(fault)) from fault

    def _take_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, f"PING for stream {stream_id} (§6.7)")
        if len(payload) != 8:
            raise H2Fault(ErrorCode.FRAME_SIZE_ERROR, f"PING of {len(payload)} bytes; wanted 8 (§6.7)")
        if flags & ACK:
            if self._pings:
                self._pings -= 1
                self._listener.ping_answered(payload)
            else:
                self.noise.hear("PING that answers nothing")
            return
        self._hear_reply("PING")
        self._out.append(render_ping(payload, is_ack=True))

    def _take_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, f"GOAWAY for stream {stream_id} (§6.8)")
        if len(payload) < 8:
            raise H2Fault(ErrorCode.FRAME_SIZE_ERROR, f"GOAWAY of {len(payload)} bytes; wanted 8 or more (§6.8)")
        self.noise.hear("GOAWAY")
        last, code = int.from_bytes(payload[:4]) & ID_BITS, int.from_bytes(payload[4:8])
        reason = payload[8:208].decode("utf-8", "replace")
        self.is_going = True
        ours = 1 if self.is_client else 0
        for number, stream in list(self.streams.items()):
            if number > last and number % 2 == ours and stream.state is not State.CLOSED:
                self._close(stream)
                error = f"the peer went away ({error_name(code)}) without processing the request"
                stream.failed(StreamReset(code, error, is_unprocessed=True))
        self._listener.going_away(code, reason)


def _no_settings() -> H2Fault:
    return H2Fault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS; the peer speaks something else (§3.4)")
