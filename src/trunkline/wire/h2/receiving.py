"""`Receiving`: what the other side says in its streams: heads, bodies, resets (RFC 9113 §5.1, §6, §8.1).

Streams are told what came for them by calls; there are no events in between. What breaks the protocol in one stream
raises StreamFault, which resets it, what breaks it for all H2Fault. A field block is decoded whatever becomes of it, or
the tables of the two sides would differ from then on (§4.3).
"""

from collections.abc import Callable
from typing import Final

from trunkline.wire.errors import CompressionFault, FieldsTooLong, H2Fault, StreamFault, StreamReset
from trunkline.wire.h2.codes import END_HEADERS, END_STREAM, PADDED, PRIORITY_FLAG, ErrorCode, error_name
from trunkline.wire.h2.head import check_trailers
from trunkline.wire.h2.hpack_decoder import Decoder
from trunkline.wire.h2.stream import NEXT, Event, FieldPairs, State, Stream
from trunkline.wire.h2.window import Windows
from trunkline.wire.limits import H2_MAX_CONTINUATIONS, H2_SMALL_INCREMENT, H2_STREAM_WINDOW

ID_BITS: Final = 0x7FFF_FFFF  # a number's first bit is reserved, and ignored (§4.1)
_LARGE_HEAD_WEIGHT: Final = 32  # ours: it was decoded to its end, which costs some ms


class Receiving(Windows):
    """The streams, as the peer sees them. make_stream: makes those that it opens; None in the client's role.

    held_back: streams of the peer's that are closed and still cost something, such as a handler that runs; they count
    as open ones do.
    """

    def __init__(
        self, *, make_stream: Callable[[], Stream] | None, decoder: Decoder, max_streams: int, max_block_bytes: int
    ) -> None:
        super().__init__(is_client=make_stream is None)
        self.held_back = 0
        self.max_streams = max_streams
        self._make_stream = make_stream
        self._decoder = decoder
        self._max_block_bytes = max_block_bytes
        self._block: tuple[int, int, list[bytes]] | None = None  # stream, flags and frames of a head that goes on
        self._last_peer_id = 0  # of the streams that the peer has opened, taken or not
        self._skipped = range(0)  # numbers below, which it went past

    # Heads.

    def _take_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, "HEADERS for stream 0 (RFC 9113 §6.2)")
        if flags & PADDED:
            payload = _without_padding(payload)
        if flags & PRIORITY_FLAG:
            payload = _without_priority(flags, stream_id, payload)
        if flags & END_HEADERS:
            self._take_block(flags, stream_id, payload)
        else:
            self._block = stream_id, flags, [payload]

    def _take_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is None:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without a head before it (RFC 9113 §6.10)")
        _, first_flags, pieces = self._block
        pieces.append(payload)
        size = sum(map(len, pieces))
        if len(pieces) > H2_MAX_CONTINUATIONS + 1 or size > self._max_block_bytes:
            limits = f"{H2_MAX_CONTINUATIONS} frames behind the first and {self._max_block_bytes} bytes"
            said = f"a head of {size} bytes in {len(pieces)} frames so far; the limits are {limits}"
            raise H2Fault(ErrorCode.ENHANCE_YOUR_CALM, said)
        if flags & END_HEADERS:
            self._block = None
            self._take_block(first_flags, stream_id, b"".join(pieces))

    def _take_block(self, flags: int, stream_id: int, block: bytes) -> None:
        fields, fault = self._decode(block)
        stream = self.streams.get(stream_id) or self._open_for_peer(stream_id)
        if stream is None:
            return
        self._change_by_peer(stream, Event.TAKE_HEAD)
        if fault is not None:
            raise fault
        ends = bool(flags & END_STREAM)
        if stream.has_head:
            _check_trailers(stream, fields, ends)
            stream.trailers_received(fields)
        else:
            stream.has_head = stream.head_received(fields, ends)
            if ends and not stream.has_head:
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, "an interim response that ends the stream (RFC 9113 §8.1)")
        if ends:
            self._end_by_peer(stream)

    def _decode(self, block: bytes) -> tuple[FieldPairs, StreamFault | None]:
        try:
            return self._decoder.decode(block), None
        except FieldsTooLong as error:
            self.noise.hear("a head that is too large", _LARGE_HEAD_WEIGHT)
            return [], StreamFault(ErrorCode.ENHANCE_YOUR_CALM, str(error))
        except CompressionFault as error:
            raise H2Fault(ErrorCode.COMPRESSION_ERROR, str(error)) from error

    def _open_for_peer(self, stream_id: int) -> Stream | None:
        """Return a new stream of the peer's; None when it is not to be had, or its head is to be ignored."""
        if stream_id <= self._last_opened_id(stream_id):
            self._take_late_head(stream_id)
            return None
        if self._make_stream is None or stream_id % 2 == 0:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, f"a head for stream {stream_id}, which nobody opened (§5.1.1)")
        if stream_id > self._last_peer_id + 2:
            self._skipped = range(self._last_peer_id + (2 if self._last_peer_id else 1), stream_id, 2)
        self._last_peer_id = stream_id
        if self._has_left:
            self._remember_reset(stream_id, H2_STREAM_WINDOW)  # the peer was told (§6.8)
            return None
        self._last_taken_id = stream_id
        if len(self.streams) + self.held_back >= self.max_streams:
            self.noise.hear("a request beyond the number of streams")
            self.refuse(stream_id, ErrorCode.REFUSED_STREAM)
            return None
        stream = self._make_stream()
        stream.id = stream_id
        self._begin(stream)
        return stream

    def _change_by_peer(self, stream: Stream, event: Event) -> State:
        state = NEXT[stream.state][event]
        if state is None:
            raise StreamFault(ErrorCode.STREAM_CLOSED, f"{event.name} in {stream!r} (RFC 9113 §5.1)")
        stream.state = state
        return state

    def _end_by_peer(self, stream: Stream) -> None:
        if stream.state is State.CLOSED:  # whoever took what came has reset it
            return
        if stream.missing:
            raise StreamFault(
                ErrorCode.PROTOCOL_ERROR, f"the body ended {stream.missing} bytes before its Content-Length (§8.1.1)"
            )
        if self._change_by_peer(stream, Event.TAKE_END) is State.CLOSED:
            self._complete(stream)
        stream.end_received()

    # Bodies.

    def _take_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, "DATA for stream 0 (RFC 9113 §6.1)")
        size = len(payload)  # with padding, which counts (§6.9.1)
        self._count(size)
        stream = self.streams.get(stream_id)
        if stream is None:
            self._take_late_data(stream_id, size)
            return
        data = _without_padding(payload) if flags & PADDED else payload
        self._count_in(stream, size)
        if not stream.has_head or stream.state not in (State.OPEN, State.LOCAL_ENDED):
            code = ErrorCode.STREAM_CLOSED if stream.has_head else ErrorCode.PROTOCOL_ERROR
            raise StreamFault(code, f"DATA in {stream!r} (RFC 9113 §5.1)")
        if stream.missing is not None:
            stream.missing -= len(data)
            if stream.missing < 0:
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, "more DATA than Content-Length announced (§8.1.1)")
        if data:
            stream.data_received(data)
        elif not flags & END_STREAM:
            self.noise.hear("DATA without data")
        if flags & END_STREAM:
            self._end_by_peer(stream)
        elif not stream.is_held:
            self._give_back(stream)

    def _take_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise H2Fault(ErrorCode.FRAME_SIZE_ERROR, f"WINDOW_UPDATE of {len(payload)} bytes; wanted 4 (§6.9)")
        increment = int.from_bytes(payload) & ID_BITS
        stream = self.streams.get(stream_id)
        if stream_id and stream is None:
            self._take_late(stream_id, "WINDOW_UPDATE")
            return
        if not increment:
            fault = StreamFault if stream_id else H2Fault
            raise fault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0 bytes (RFC 9113 §6.9)")
        if increment < H2_SMALL_INCREMENT:
            self._hear_reply("a WINDOW_UPDATE of a few bytes")
        self.widen(stream, increment)

    # Streams that end early, and what comes after their end.

    def _take_reset(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise H2Fault(ErrorCode.FRAME_SIZE_ERROR, f"RST_STREAM of {len(payload)} bytes; wanted 4 (§6.4)")
        if not stream_id:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, "RST_STREAM for stream 0 (§6.4)")
        stream = self.streams.get(stream_id)
        if stream is None:
            self._take_late(stream_id, "RST_STREAM")
            return
        self._close(stream)
        code = int.from_bytes(payload)
        is_refused = code == ErrorCode.REFUSED_STREAM
        stream.failed(StreamReset(code, f"the peer reset the stream ({error_name(code)})", is_unprocessed=is_refused))
        self.noise.hear("RST_STREAM")

    def _fail_stream(self, stream_id: int, fault: StreamFault) -> None:
        """Reset a stream in which the peer broke the protocol; without end, that is an attack (MadeYouReset)."""
        if stream_id > self._last_opened_id(stream_id):
            raise H2Fault(fault.code, str(fault)) from fault  # what is idle cannot be reset (§6.4)
        stream = self.streams.get(stream_id)
        if stream is None:
            self.refuse(stream_id, fault.code)
        else:
            self.reset(stream, fault.code)
            stream.failed(fault)
        self.noise.hear("one that made us reset a stream")

    def _last_opened_id(self, stream_id: int) -> int:
        """Return the highest number so far of the side that such a stream belongs to."""
        is_odd = stream_id % 2 == 1
        if is_odd and self.is_client:
            return self._next_id - 1
        return self._last_peer_id if is_odd else 0  # nobody pushes

    def _take_late(self, stream_id: int, what: str) -> None:
        """Judge a frame for a stream that is not open."""
        if stream_id > self._last_opened_id(stream_id):
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, f"{what} for stream {stream_id}, which nobody opened (§5.1)")
        self._hear_reply(f"{what} for a stream that has ended")

    def _take_late_data(self, stream_id: int, size: int) -> None:
        left = self._reset.get(stream_id)
        if left is None:
            self._take_late(stream_id, "DATA")
            if stream_id > self._last_forgotten_id:
                raise H2Fault(ErrorCode.STREAM_CLOSED, f"DATA for stream {stream_id}, which has ended (§5.1)")
        elif size > left:
            raise H2Fault(ErrorCode.FLOW_CONTROL_ERROR, f"more DATA than stream {stream_id} has a window for (§6.9)")
        else:
            # Its window bounds it, so it is no noise: it was on its way when we reset the stream.
            self._reset[stream_id] = left - size
            if not size:
                self._hear_reply("DATA for a stream that has ended")

    def _take_late_head(self, stream_id: int) -> None:
        if stream_id in self._skipped:
            raise H2Fault(ErrorCode.PROTOCOL_ERROR, f"a head for stream {stream_id}, behind a later one (§5.1.1)")
        if stream_id not in self._reset and stream_id > self._last_forgotten_id:
            raise H2Fault(ErrorCode.STREAM_CLOSED, f"a head for stream {stream_id}, which has ended (§5.1)")
        self._hear_reply("a head for a stream that has ended")

    def _hear_reply(self, what: str) -> None:
        """Count a small frame as noise, unless it may come of what we sent."""
        if self._due_replies:
            self._due_replies -= 1
        else:
            self.noise.hear(what)


def _without_padding(payload: bytes) -> bytes:
    """Return a payload without its padding (§6.1). Raises H2Fault when there is more of it than payload."""
    if not payload:
        raise H2Fault(ErrorCode.FRAME_SIZE_ERROR, "a padded frame without the length of its padding (§6.1)")
    padding = payload[0]
    if padding >= len(payload):
        raise H2Fault(ErrorCode.PROTOCOL_ERROR, f"{padding} bytes of padding in a frame of {len(payload)} (§6.1)")
    return payload[1 : len(payload) - padding]


def _without_priority(flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return the payload of HEADERS without what it says of priorities (§6.2)."""
    if len(payload) < 5:
        # Padding that reaches into it is worse than a frame that is too short.
        code = ErrorCode.PROTOCOL_ERROR if flags & PADDED else ErrorCode.FRAME_SIZE_ERROR
        raise H2Fault(code, f"a head of {len(payload)} bytes with a priority; wanted 5 and more (§6.2)")
    check_dependency(stream_id, payload, H2Fault)
    return payload[5:]


def check_dependency(stream_id: int, priority: bytes, fault: type[H2Fault]) -> None:
    """Raise `fault` when a stream is said to depend on itself (RFC 7540 §5.3.1, of which RFC 9113 keeps the form)."""
    if int.from_bytes(priority[:4]) & ID_BITS == stream_id:
        raise fault(ErrorCode.PROTOCOL_ERROR, f"stream {stream_id} is said to depend on itself (RFC 7540 §5.3.1)")


def _check_trailers(stream: Stream, fields: FieldPairs, ends: bool) -> None:
    if stream.is_tunnel:
        raise StreamFault(ErrorCode.PROTOCOL_ERROR, "HEADERS in a tunnel, where DATA alone may come (RFC 9113 §8.5)")
    if not ends:
        raise StreamFault(ErrorCode.PROTOCOL_ERROR, "a second head that does not end the stream (RFC 9113 §8.1)")
    check_trailers(fields)
