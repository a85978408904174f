"""`Sending`: what one side of an HTTP/2 connection says (RFC 9113 §5.2, §6).

Frames are gathered and taken by whoever has the transport, once per turn of its loop, so that they leave in one write.
DATA goes as far as the peer's windows allow, for the stream and for the connection; the rest waits in its stream, and
streams that wait are served in turn, some frames of each at a time.
"""

from collections.abc import Iterable
from typing import Final

from trunkline.wire.errors import H2Fault, StreamFault
from trunkline.wire.h2.codes import DATA, DEFAULT_WINDOW, END_STREAM, MAX_STREAM_ID, MAX_WINDOW, ErrorCode
from trunkline.wire.h2.frames import frame_head, render_goaway, render_head, render_ping, render_reset
from trunkline.wire.h2.hpack_encoder import Encoder
from trunkline.wire.h2.noise import Noise
from trunkline.wire.h2.settings import PeerSettings
from trunkline.wire.h2.stream import NEXT, Event, State, Stream
from trunkline.wire.limits import H2_KEPT_STREAMS, H2_STREAM_WINDOW

_TURN_BYTES: Final = 2**16  # of a stream that waits, before the next one has its turn; ours: four of the usual frames
_LATE_FRAMES: Final = 4  # beside DATA, of a stream that we reset: head, trailers or end, window, reset


class Sending:
    """Our half. is_client: which of the two ends this is. streams: those that are not closed, by their number.

    peer: its settings. send_window: bytes of DATA that it takes in all streams together. is_going: one of the sides
    has said GOAWAY, so we open no stream any more. noise: what the peer sends that brings nothing.
    """

    def __init__(self, *, is_client: bool) -> None:
        self.is_client = is_client
        self.peer = PeerSettings()
        self.streams: dict[int, Stream] = {}
        self.send_window = DEFAULT_WINDOW
        self.is_going = False
        self.noise = Noise()
        self._encoder = Encoder()
        self._out: list[bytes] = []
        self._waiting: dict[Stream, None] = {}  # those that could send if the connection's window let them, in turn
        self._next_id = 1 if is_client else 2
        self._last_taken_id = 0  # of the streams that the peer has opened
        self._has_left = False  # we have said which one that is
        self._reset: dict[int, int] = {}  # that we reset lately, with the bytes that may still come and are ignored
        self._last_forgotten_id = 0  # of those
        self._pings = 0  # of ours that were not answered
        self._due_replies = 0  # small frames of the peer that what we sent accounts for

    @property
    def has_output(self) -> bool:
        """True when `take_output` would return something."""
        return bool(self._out)

    def take_output(self) -> bytes:
        """Return what is to be written now."""
        out = self._out
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    # Streams.

    @property
    def can_open(self) -> bool:
        """True when a request may be sent: the peer takes another stream, and there is a number for it."""
        return not self.is_going and len(self.streams) < self.peer.max_streams and self._next_id <= MAX_STREAM_ID

    def open(self, stream: Stream, fields: Iterable[tuple[str, str]], ends: bool) -> None:
        """Send a request in a new stream; only while `can_open`. ends: it has no body."""
        stream.id = self._next_id
        self.send_head(stream, fields, ends)
        self._next_id += 2
        self._begin(stream)

    def _begin(self, stream: Stream) -> None:
        stream.send_window = self.peer.window
        self.streams[stream.id] = stream

    def send_head(self, stream: Stream, fields: Iterable[tuple[str, str]], ends: bool) -> None:
        """Send a head, or trailers. Names are in lower case, pseudo-header fields first; checked by who made them."""
        state = _next_state(stream, Event.SEND_HEAD)
        block = self._encoder.encode(fields)  # it may raise ValueError: nothing has changed yet
        stream.state = state
        self._out.append(render_head(stream.id, block, ends, self.peer.max_frame_bytes))
        if ends:
            self._change(stream, Event.SEND_END)

    def send_data(self, stream: Stream, data: bytes, ends: bool = False) -> bool:
        """Send bytes of a body, or as many as there is a window for; return False when some of them have to wait.

        ends: they are the last. `stream.drained` tells when all are sent.
        """
        if stream.state is not State.OPEN and stream.state is not State.PEER_ENDED:
            raise RuntimeError(f"DATA in {stream!r}; what was sent or came before does not allow it (RFC 9113 §5.1)")
        self._due_replies += 2  # a WINDOW_UPDATE for the stream and one for the connection, however small
        if stream.unsent:
            stream.unsent = stream.unsent[stream.unsent_from :] + data
            stream.unsent_from = 0
            stream.unsent_ends = ends
            return False
        size = len(data)
        if not size:
            if ends:
                self._send_frame(stream, data, True)
            return True
        sent = self._send_as_allowed(stream, data, 0, ends, size)
        if sent == size:
            return True
        stream.unsent = data
        stream.unsent_from = sent
        stream.unsent_ends = ends
        if stream.send_window > 0:
            self._waiting[stream] = None
        return False

    def _send_as_allowed(self, stream: Stream, data: bytes, begin: int, ends: bool, most: int) -> int:
        """Send up to `most` bytes of `data` from `begin`, as far as the windows allow; return where the rest begins."""
        size = len(data)
        allowed = min(size - begin, most, self.send_window, stream.send_window)
        if allowed <= 0:
            return begin
        self.send_window -= allowed
        stream.send_window -= allowed
        step = self.peer.max_frame_bytes
        if allowed == size <= step:
            self._send_frame(stream, data, ends)
            return size
        end = begin + allowed
        for at in range(begin, end, step):
            until = min(at + step, end)
            self._send_frame(stream, data[at:until], ends and until == size)
        return end

    def _send_frame(self, stream: Stream, data: bytes, ends: bool) -> None:
        out = self._out
        out.append(frame_head(len(data), DATA, END_STREAM if ends else 0, stream.id))
        if data:
            out.append(data)
        if ends:
            self._change(stream, Event.SEND_END)

    def _send_waiting(self) -> None:
        """Send what waits, now that a window has opened: some of each stream in turn."""
        waiting = self._waiting
        while waiting and self.send_window > 0:
            stream = next(iter(waiting))
            del waiting[stream]
            data = stream.unsent  # which is none any more when its end closes the stream
            sent = self._send_as_allowed(stream, data, stream.unsent_from, stream.unsent_ends, _TURN_BYTES)
            if sent == len(data):
                stream.unsent = b""
                stream.unsent_from = 0
                stream.drained()
                continue
            stream.unsent_from = sent
            if stream.send_window > 0:
                waiting[stream] = None

    def widen(self, stream: Stream | None, increment: int) -> None:
        """Take a WINDOW_UPDATE; None is the connection's. Raises H2Fault or StreamFault beyond 2**31-1 (§6.9.1)."""
        if stream is None:
            self.send_window += increment
            if self.send_window > MAX_WINDOW:
                raise H2Fault(ErrorCode.FLOW_CONTROL_ERROR, f"a window of {self.send_window} bytes for the connection")
        else:
            stream.send_window += increment
            if stream.send_window > MAX_WINDOW:
                raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, f"a window of {stream.send_window} bytes for a stream")
            if not stream.unsent:
                return
            if stream.send_window > 0:
                self._waiting[stream] = None
            else:
                self._waiting.pop(stream, None)
        if self._waiting:
            self._send_waiting()

    def reset(self, stream: Stream, code: int) -> None:
        """End a stream before its time (§6.4). Idempotent."""
        if stream.state is State.IDLE or stream.state is State.CLOSED:
            return
        self._out.append(render_reset(stream.id, code))
        self._remember_reset(stream.id, stream.receive_window)
        self._due_replies += _LATE_FRAMES
        self._close(stream)

    def refuse(self, stream_id: int, code: int) -> None:
        """Reset a stream that was never opened here, or that was forgotten."""
        self._out.append(render_reset(stream_id, code))
        self._remember_reset(stream_id, H2_STREAM_WINDOW)

    def _remember_reset(self, stream_id: int, receive_window: int) -> None:
        if len(self._reset) >= H2_KEPT_STREAMS:
            forgotten = next(iter(self._reset))
            del self._reset[forgotten]
            self._last_forgotten_id = max(forgotten, self._last_forgotten_id)
        self._reset[stream_id] = max(0, receive_window)

    def _change(self, stream: Stream, event: Event) -> None:
        """Change the state of a stream by what we send."""
        stream.state = state = _next_state(stream, event)
        if state is State.CLOSED:
            self._complete(stream)

    def _complete(self, stream: Stream) -> None:
        """Close a stream that both sides have ended."""
        self.noise.settle()
        self._close(stream)

    def _close(self, stream: Stream) -> None:
        stream.state = State.CLOSED
        stream.unsent = b""
        stream.unsent_from = 0
        self.streams.pop(stream.id, None)
        self._waiting.pop(stream, None)

    # The connection.

    def ping(self, payload: bytes) -> None:
        """Ask whether the peer is there; 8 bytes that it is to say again."""
        self._pings += 1
        self._out.append(render_ping(payload))

    def warn(self) -> None:
        """Tell the peer to open no more streams, and take those that are on their way; `go_away` follows (§6.8)."""
        self._out.append(render_goaway(MAX_STREAM_ID, ErrorCode.NO_ERROR))

    def go_away(self, code: int = ErrorCode.NO_ERROR, reason: str = "") -> None:
        """Tell the peer that no more streams are taken, and which were (§6.8)."""
        self.is_going = self._has_left = True
        self._out.append(render_goaway(self._last_taken_id, code, reason.encode("utf-8", "replace")[:200]))


def _next_state(stream: Stream, event: Event) -> State:
    state = NEXT[stream.state][event]
    if state is None:
        raise RuntimeError(f"{event.name} in {stream!r}; what was sent before does not allow it (RFC 9113 §5.1)")
    return state
