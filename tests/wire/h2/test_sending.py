import pytest

from tests.wire.h2.sides import (
    GET,
    OK,
    POST,
    Frame,
    Side,
    client,
    data,
    goaway,
    head,
    ping,
    reset,
    server,
    settings,
    window_update,
)
from trunkline.wire.errors import StreamReset
from trunkline.wire.h2.codes import (
    ACK,
    CONTINUATION,
    DATA,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    MAX_STREAM_ID,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
    Setting,
)
from trunkline.wire.h2.hpack_decoder import Decoder
from trunkline.wire.h2.settings import parse_settings
from trunkline.wire.h2.stream import State
from trunkline.wire.limits import H2_CONNECTION_WINDOW, H2_FRAME_BYTES, H2_MAX_STREAMS, H2_STREAM_WINDOW

FRAME = 2**14  # bytes that every peer takes


def _data(said: list[Frame], stream_id: int) -> bytes:
    return b"".join([frame.payload for frame in said if frame.kind == DATA and frame.stream_id == stream_id])


def _upload(values: list[tuple[Setting, int]] | None = None) -> Side:
    """Return a client whose POST in stream 3 waits for its body."""
    return client(values or [])


# What is said first (§3.4, §6.5.2).


def test_a_client_says_its_preface_and_wants_no_pushes() -> None:
    side = Side(is_client=True)
    output = side.connection.take_output()
    assert output.startswith(PREFACE)
    first, second = Side(is_client=True).said()
    values = dict(parse_settings(first.payload))
    assert (first.kind, first.flags, first.stream_id) == (SETTINGS, 0, 0)
    assert values[Setting.ENABLE_PUSH] == 0
    assert values[Setting.INITIAL_WINDOW_SIZE] == H2_STREAM_WINDOW
    assert values[Setting.MAX_FRAME_SIZE] == H2_FRAME_BYTES
    assert Setting.ENABLE_CONNECT_PROTOCOL not in values
    assert second == (WINDOW_UPDATE, 0, 0, (H2_CONNECTION_WINDOW - DEFAULT_WINDOW).to_bytes(4))


def test_a_server_says_how_many_streams_it_takes_and_that_it_takes_websockets() -> None:
    values = dict(parse_settings(Side(is_client=False).said()[0].payload))
    assert values[Setting.MAX_CONCURRENT_STREAMS] == H2_MAX_STREAMS
    assert values[Setting.ENABLE_CONNECT_PROTOCOL] == 1
    assert Setting.ENABLE_PUSH not in values  # §6.5.2: only a client may


# Heads.


def test_numbers_of_streams_are_odd_and_grow() -> None:
    side = _upload()
    assert [side.open(GET).id for _ in range(3)] == [5, 7, 9]


def test_a_head_without_body_ends_its_stream() -> None:
    side = Side(is_client=True)
    side.said()
    assert side.open(GET).state is State.LOCAL_ENDED
    (said,) = side.said()
    assert (said.kind, said.flags) == (HEADERS, END_HEADERS | END_STREAM)


def test_a_large_head_leaves_in_continuations_with_nothing_between() -> None:
    side = server()
    side.say(head(GET))
    side.connection.send_head(side.streams[0], [*OK, ("x", "\x7f" * 40_000)], True)
    said = side.said()
    assert [(frame.kind, frame.flags) for frame in said] == [
        (HEADERS, END_STREAM),
        (CONTINUATION, 0),
        (CONTINUATION, END_HEADERS),
    ]
    assert all(len(frame.payload) <= FRAME for frame in said)
    assert Decoder().decode(b"".join([frame.payload for frame in said]))[0] == OK[0]


def test_a_head_that_cannot_be_encoded_changes_nothing() -> None:
    side = _upload()
    with pytest.raises(ValueError):
        side.open([*GET, ("x", "\ud800")])
    assert sorted(side.connection.streams) == [1, 3]
    assert not side.said()
    assert side.open(GET).id == 5
    assert side.said()


@pytest.mark.parametrize("ended", ["by us", "by a reset", "by the peer's reset"])
def test_nothing_is_sent_in_a_stream_that_takes_no_more(ended: str) -> None:
    side = _upload()
    stream = side.streams[1]
    if ended == "by us":
        side.connection.send_data(stream, b"x", True)
    elif ended == "by a reset":
        side.connection.reset(stream, ErrorCode.CANCEL)
    else:
        side.say(reset(3))
    side.said()
    with pytest.raises(RuntimeError):
        side.connection.send_data(stream, b"x")
    with pytest.raises(RuntimeError):
        side.connection.send_head(stream, [("x", "a")], True)
    side.connection.reset(stream, ErrorCode.CANCEL)
    assert [frame.kind for frame in side.said()] == ([RST_STREAM] if ended == "by us" else [])
    other = client()
    assert side.open(GET).id == other.open(GET).id
    assert side.said() == other.said()  # no field was added to a table that the peer does not see


def test_the_smallest_table_that_a_peer_asked_for_is_told() -> None:
    side = _upload()
    side.say(settings([(Setting.HEADER_TABLE_SIZE, 0), (Setting.HEADER_TABLE_SIZE, 4096)]))
    side.open(GET)
    assert side.said()[0].payload.startswith(b"\x20\x3f\xe1\x1f")  # RFC 7541 §4.2


# Bodies and the peer's windows (§5.2, §6.9).


def test_data_goes_as_far_as_the_window_of_its_stream_and_no_further() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 1)])
    stream = side.streams[1]
    assert not side.connection.send_data(stream, b"test", True)
    (first,) = side.said()
    assert (first.payload, first.flags) == (b"t", 0)
    assert [frame.payload for frame in side.say(window_update(2, 3))] == [b"es"]
    assert side.say(window_update(1000)) == []
    assert stream.drains == 0
    (last,) = side.say(window_update(1, 3))
    assert (last.payload, last.flags) == (b"t", END_STREAM)
    assert (stream.drains, stream.state, stream.unsent) == (1, State.LOCAL_ENDED, b"")


def test_data_goes_as_far_as_the_window_of_the_connection_and_no_further() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 2**20)])
    assert not side.connection.send_data(side.streams[1], bytes(100_000))
    assert len(_data(side.said(), 3)) == DEFAULT_WINDOW
    assert side.say(window_update(100_000, 3)) == []
    assert len(_data(side.say(window_update(40_000)), 3)) == 100_000 - DEFAULT_WINDOW
    assert side.connection.send_window == 40_000 - (100_000 - DEFAULT_WINDOW)


def test_frames_are_no_larger_than_the_peer_takes() -> None:
    side = _upload()
    side.connection.send_data(side.streams[1], bytes(FRAME * 2 + 1))
    assert [len(frame.payload) for frame in side.said()] == [FRAME, FRAME, 1]
    side.say(settings([(Setting.MAX_FRAME_SIZE, FRAME * 2)]))
    side.connection.send_data(side.streams[1], bytes(FRAME + 1))
    assert [len(frame.payload) for frame in side.said()] == [FRAME + 1]


def test_an_empty_end_needs_no_window() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 0)])
    assert side.connection.send_data(side.streams[1], b"", True)
    assert side.said() == [(DATA, END_STREAM, 3, b"")]


def test_what_is_sent_behind_what_waits_waits_too() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 2)])
    stream = side.streams[1]
    assert not side.connection.send_data(stream, b"abc")
    assert not side.connection.send_data(stream, b"def")
    assert not side.connection.send_data(stream, b"", True)
    said = [*side.said(), *side.say(window_update(2, 3)), *side.say(window_update(100, 3))]
    assert [(frame.payload, frame.flags) for frame in said] == [(b"ab", 0), (b"cd", 0), (b"ef", END_STREAM)]


def test_a_smaller_initial_window_makes_windows_negative_and_data_waits_for_them_to_be_positive() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 10)])
    stream = side.streams[1]
    side.connection.send_data(stream, bytes(20))
    assert len(_data(side.said(), 3)) == 10
    assert not _data(side.say(settings([(Setting.INITIAL_WINDOW_SIZE, 3)])), 3)
    assert stream.send_window == -7
    assert not _data(side.say(window_update(7, 3)), 3)
    assert len(_data(side.say(window_update(1, 3)), 3)) == 1
    assert len(_data(side.say(settings([(Setting.INITIAL_WINDOW_SIZE, 100)])), 3)) == 9
    assert side.open(POST, ends=False).send_window == 100


def test_settings_leave_the_window_of_the_connection_alone() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 0)])
    assert side.connection.send_window == DEFAULT_WINDOW


def test_streams_that_wait_for_the_connection_have_their_turn() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 2**24)])
    streams = [side.open(POST, ends=False) for _ in range(3)]
    for stream in streams:
        side.connection.send_data(stream, bytes(2**20))
    side.said()
    side.say(window_update(3 * 2**18))
    assert len({stream.unsent_from for stream in streams[1:]}) == 1
    assert all(stream.unsent_from >= 2**17 for stream in streams)


def test_a_stream_without_window_does_not_stop_others() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 10)])
    blocked, free = side.streams[1], side.open(POST, ends=False)
    side.connection.send_data(blocked, bytes(100))
    side.connection.send_data(free, bytes(100))
    side.said()
    said = side.say(window_update(50, free.id))
    assert (len(_data(said, free.id)), len(_data(said, blocked.id))) == (50, 0)


def test_a_stream_that_ends_no_longer_waits() -> None:
    side = _upload([(Setting.INITIAL_WINDOW_SIZE, 2**20)])
    side.connection.send_data(side.streams[1], bytes(2**17))
    side.said()
    side.say(reset(3))
    assert side.say(window_update(2**17)) == []
    assert not side.connection._waiting


# Answers, and the end.


def test_settings_are_acknowledged_each() -> None:
    side = server()
    said = side.say(settings() + settings([(Setting.INITIAL_WINDOW_SIZE, 1), (Setting.INITIAL_WINDOW_SIZE, 9)]))
    assert said == [(SETTINGS, ACK, 0, b"")] * 2
    assert side.connection.peer.window == 9
    assert side.settings_changes == 3


def test_a_ping_is_answered_with_its_own_bytes_and_an_answer_is_not() -> None:
    side = server()
    assert side.say(ping(b"\0abcdef\xff")) == [(PING, ACK, 0, b"\0abcdef\xff")]
    side.connection.ping(b"whoknows")
    assert side.said() == [(PING, 0, 0, b"whoknows")]
    assert side.say(ping(b"whoknows", ACK)) == []
    assert side.pings == [b"whoknows"]


def test_a_reset_is_not_answered() -> None:
    side = server()
    assert side.say(head(POST, ends=False) + reset() + reset()) == []
    assert isinstance(side.streams[0].error, StreamReset)
    assert not side.connection.streams


def test_goaway_says_which_stream_was_the_last_and_later_ones_are_ignored() -> None:
    side = server()
    side.say(head(POST, ends=False) + head(GET, 7))
    side.connection.go_away()
    assert side.said() == [(GOAWAY, 0, 0, (7).to_bytes(4) + bytes(4))]
    assert side.say(head([*POST, ("x-a", "1")], 9, ends=False) + data(b"x", 9) + reset(9)) == []
    side.say(data(b"x", ends=True))
    assert [stream.id for stream in side.streams] == [1, 7]
    assert side.streams[0].has_ended
    side.connection.go_away(ErrorCode.PROTOCOL_ERROR, "why")
    assert side.said() == [(GOAWAY, 0, 0, (7).to_bytes(4) + (1).to_bytes(4) + b"why")]


def test_a_warning_leaves_room_for_streams_that_are_on_their_way() -> None:
    side = server()
    side.connection.warn()
    assert side.said() == [(GOAWAY, 0, 0, MAX_STREAM_ID.to_bytes(4) + bytes(4))]
    side.say(head(GET))
    assert side.streams[0].has_ended


def test_requests_behind_the_last_stream_of_a_goaway_are_unprocessed() -> None:
    side = client()
    assert side.say(goaway(1, ErrorCode.NO_ERROR, 0, b"maintenance")) == []
    done, undone = side.streams
    assert done.error is None
    assert isinstance(undone.error, StreamReset)
    assert undone.error.is_unprocessed
    assert side.goaways == [(0, "maintenance")]
    assert not side.connection.can_open
    side.say(head(OK))
    assert done.has_ended
    assert not side.connection.streams


@pytest.mark.parametrize(("code", "is_unprocessed"), [(ErrorCode.REFUSED_STREAM, True), (ErrorCode.CANCEL, False)])
def test_a_refused_request_is_unprocessed(code: ErrorCode, is_unprocessed: bool) -> None:
    side = client()
    side.say(reset(1, code))
    error = side.streams[0].error
    assert isinstance(error, StreamReset)
    assert (error.code, error.is_unprocessed) == (code, is_unprocessed)


def test_no_more_streams_are_opened_than_the_peer_allows() -> None:
    side = client([(Setting.MAX_CONCURRENT_STREAMS, 3)])
    assert side.connection.can_open
    side.open(GET)
    assert not side.connection.can_open
    side.say(head(OK))
    assert side.connection.can_open
    side.say(settings([(Setting.MAX_CONCURRENT_STREAMS, 0)]))
    assert not side.connection.can_open


def test_a_server_may_answer_before_the_request_is_whole() -> None:
    side = server()
    side.say(head(POST, ends=False))
    stream = side.streams[0]
    side.connection.send_head(stream, OK, True)
    side.connection.reset(stream, ErrorCode.NO_ERROR)  # §8.1: so that the client sends no more
    assert [frame.kind for frame in side.said()] == [HEADERS, RST_STREAM]
    assert side.say(data(b"late", ends=True)) == []
    assert not side.connection.streams
