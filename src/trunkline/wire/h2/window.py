"""`Windows`: how much the peer may send us (RFC 9113 §5.2, §6.9).

The window of a stream is given back as its body is read, and grows for a reader that keeps up, as long as all that
have grown together stay below a bound. That of the connection is given back at once: were it held for slow readers,
some of them could stop all others for good. So what a peer can make us hold is the windows of its streams together.
"""

from typing import Final

from trunkline.wire.errors import H2Fault, StreamFault
from trunkline.wire.h2.codes import DEFAULT_WINDOW, ErrorCode
from trunkline.wire.h2.frames import render_window_update
from trunkline.wire.h2.sending import Sending
from trunkline.wire.h2.stream import State, Stream
from trunkline.wire.limits import H2_CONNECTION_WINDOW, H2_STREAM_WINDOW, MAX_H2_GROWTH_BYTES, MAX_H2_STREAM_WINDOW

_HALF: Final = H2_CONNECTION_WINDOW // 2


class Windows(Sending):
    """What we let the peer send."""

    def __init__(self, *, is_client: bool) -> None:
        super().__init__(is_client=is_client)
        self._receive_window = DEFAULT_WINDOW
        self._owed = 0
        self._growth = MAX_H2_GROWTH_BYTES  # by which windows of streams may still grow

    def hold(self, stream: Stream) -> None:
        """Give nothing back to the window of `stream`: its reader is slow."""
        stream.is_held = True

    def release(self, stream: Stream) -> None:
        """Give back what was held: its reader has taken it."""
        stream.is_held = False
        if stream.state is State.OPEN or stream.state is State.LOCAL_ENDED:
            self._give_back(stream)

    def _begin(self, stream: Stream) -> None:
        stream.receive_window = stream.window = H2_STREAM_WINDOW
        super()._begin(stream)

    def _close(self, stream: Stream) -> None:
        self._growth += stream.window - H2_STREAM_WINDOW
        stream.window = H2_STREAM_WINDOW
        stream.owed = 0
        super()._close(stream)

    def _count(self, size: int) -> None:
        """Count bytes of DATA, with padding, for the connection; give them back once they are half of its window."""
        self._receive_window -= size
        if self._receive_window < 0:
            raise H2Fault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the window of the connection allows (§6.9)")
        self._owed += size
        if self._owed >= _HALF:
            self._widen_connection(self._owed)
            self._owed = 0

    def _widen_connection(self, increment: int) -> None:
        self._receive_window += increment
        self._out.append(render_window_update(0, increment))

    def _count_in(self, stream: Stream, size: int) -> None:
        """Count bytes of DATA, with padding, for a stream."""
        stream.owed += size
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the window of the stream allows (§6.9)")

    def _give_back(self, stream: Stream) -> None:
        """Let the peer send again what was taken, and more to a reader that has kept up, once half a window is owed."""
        owed, window = stream.owed, stream.window
        if owed * 2 < window:
            return
        stream.owed = 0
        is_long = stream.missing is None or stream.missing > window
        if is_long and window < MAX_H2_STREAM_WINDOW and window <= self._growth:
            self._growth -= window
            stream.window += window
            owed += window
        stream.receive_window += owed
        self._out.append(render_window_update(stream.id, owed))
