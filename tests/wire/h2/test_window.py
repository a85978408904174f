import pytest

from tests.wire.h2.sides import OK, POST, Frame, Side, client, data, head, padded, reset, server
from trunkline.wire.errors import StreamFault
from trunkline.wire.h2.codes import DATA, RST_STREAM, WINDOW_UPDATE, ErrorCode
from trunkline.wire.limits import (
    H2_CONNECTION_WINDOW,
    H2_STREAM_WINDOW,
    MAX_H2_GROWTH_BYTES,
    MAX_H2_STREAM_WINDOW,
)

PIECE = bytes(2**14)


def _increments(said: list[Frame], stream_id: int) -> int:
    return sum(int.from_bytes(f.payload) for f in said if f.kind == WINDOW_UPDATE and f.stream_id == stream_id)


def _download() -> Side:
    """Return a client with a response in stream 1 whose body is to come."""
    side = client()
    side.say(head(OK, ends=False))
    return side


def test_a_window_is_given_back_once_half_of_it_was_used_and_grows_for_a_reader_that_keeps_up() -> None:
    side = _download()
    half = H2_STREAM_WINDOW // 2
    pieces = half // len(PIECE)
    assert side.say(data(PIECE) * (pieces - 1)) == []
    said = side.say(data(PIECE))
    assert _increments(said, 1) == half + H2_STREAM_WINDOW
    assert side.streams[0].receive_window == side.streams[0].window == 2 * H2_STREAM_WINDOW


def test_windows_grow_to_their_bound_and_all_together_to_theirs() -> None:
    side = client()
    streams = [side.streams[0], *[side.open(POST) for _ in range(8)]]
    for stream in streams:
        side.say(head(OK, stream.id, ends=False))
        while stream.window < MAX_H2_STREAM_WINDOW and side.connection._growth >= stream.window:
            side.say(data(PIECE, stream.id) * 64)
    assert streams[0].window == MAX_H2_STREAM_WINDOW
    assert sum(stream.window - H2_STREAM_WINDOW for stream in streams) <= MAX_H2_GROWTH_BYTES
    assert streams[-1].window < MAX_H2_STREAM_WINDOW
    for stream in streams:
        side.connection.reset(stream, ErrorCode.CANCEL)
    assert side.connection._growth == MAX_H2_GROWTH_BYTES


def test_a_window_does_not_grow_beyond_a_short_body() -> None:
    side = client()
    side.say(head([*OK, ("content-length", str(H2_STREAM_WINDOW))], ends=False))
    assert _increments(side.say(data(PIECE) * (H2_STREAM_WINDOW // len(PIECE) - 1)), 1) < H2_STREAM_WINDOW
    assert side.streams[0].window == H2_STREAM_WINDOW


def test_padding_counts() -> None:
    side = _download()
    for _ in range(H2_STREAM_WINDOW // 2 // 256):
        said = side.say(padded(DATA, 0, 1, b"x", 254))
    assert _increments(said, 1) == H2_STREAM_WINDOW // 2 + H2_STREAM_WINDOW


def test_nothing_is_given_back_to_a_stream_that_is_held_and_all_of_it_once_it_is_released() -> None:
    side = _download()
    stream = side.streams[0]
    side.connection.hold(stream)
    for _ in range(H2_STREAM_WINDOW // len(PIECE)):
        assert side.say(data(PIECE)) == []
    side.connection.release(stream)
    assert _increments(side.said(), 1) >= H2_STREAM_WINDOW
    assert stream.receive_window == stream.window


def test_more_data_than_the_window_of_a_stream_resets_it() -> None:
    side = _download()
    side.connection.hold(side.streams[0])
    side.say(data(PIECE) * (H2_STREAM_WINDOW // len(PIECE)))
    (said,) = side.say(data(b"x"))
    assert said == (RST_STREAM, 0, 1, ErrorCode.FLOW_CONTROL_ERROR.to_bytes(4))
    assert isinstance(side.streams[0].error, StreamFault)
    fault = side.fault(data(b"x"))
    assert fault is not None
    assert fault.code == ErrorCode.FLOW_CONTROL_ERROR


def test_more_data_than_the_window_of_the_connection_ends_it() -> None:
    side = _download()
    side.connection._receive_window = 5  # what is given back at once keeps a peer from getting there
    fault = side.fault(data(b"123456"))
    assert fault is not None
    assert fault.code == ErrorCode.FLOW_CONTROL_ERROR


def test_slow_readers_do_not_stop_others() -> None:
    side = client()
    slow = [side.open(POST) for _ in range(80)]
    fast = side.streams[0]
    for stream in [*slow, fast]:
        side.say(head(OK, stream.id, ends=False))
    for stream in slow:
        side.connection.hold(stream)
        side.say(data(PIECE, stream.id) * (H2_STREAM_WINDOW // len(PIECE)))
    for _ in range(100):
        side.say(data(PIECE, fast.id))
    assert len(fast.body) == 100 * len(PIECE)


def test_many_streams_that_each_use_less_than_half_a_window_do_not_use_up_that_of_the_connection() -> None:
    side = client()
    streams = [side.open(POST) for _ in range(1000)]
    for stream in streams:
        side.say(head(OK, stream.id, ends=False) + data(PIECE, stream.id) * 7)
    assert side.connection._receive_window >= H2_CONNECTION_WINDOW // 2


@pytest.mark.parametrize("end", ["end", "reset", "the peer's reset", "late data"])
def test_no_window_of_the_connection_is_lost_however_a_stream_ends(end: str) -> None:
    side = server()
    for number in range(1, 4001, 2):
        side.say(head(POST, number, ends=False) + data(PIECE, number))
        stream = side.streams[-1]
        if number % 4 == 1:
            side.connection.hold(stream)
        if end == "end":
            side.say(data(b"", number, ends=True))
            side.connection.send_head(stream, OK, True)
        elif end == "the peer's reset":
            side.say(reset(number))
            side.connection.noise.halve()
        else:
            side.connection.reset(stream, ErrorCode.CANCEL)
            if end == "late data":
                side.say(data(PIECE, number))
        side.connection.release(stream)
        side.said()
    core = side.connection
    assert core._receive_window + core._owed == H2_CONNECTION_WINDOW
    assert not core.streams


def test_a_window_is_not_widened_in_a_stream_that_was_reset_while_its_data_was_taken() -> None:
    side = _download()
    stream = side.streams[0]
    side.connection.hold(stream)
    side.say(data(PIECE) * (H2_STREAM_WINDOW // len(PIECE) - 1))
    side.connection.reset(stream, ErrorCode.CANCEL)
    side.connection.release(stream)
    assert [frame.kind for frame in side.said()] == [RST_STREAM]
