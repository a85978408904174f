import pytest

from tests.wire.h2.sides import GET, OK, POST, Told, client, data, head, head_in_pieces, reset, server, window_update
from trunkline.wire.errors import StreamFault
from trunkline.wire.h2.codes import RST_STREAM, ErrorCode
from trunkline.wire.h2.connection import H2Connection
from trunkline.wire.h2.stream import FieldPairs, State
from trunkline.wire.limits import H2_KEPT_STREAMS, H2_MAX_FIELD_LIST_BYTES, H2_MAX_STREAMS, H2_STREAM_WINDOW


def test_a_request_is_told_in_its_parts() -> None:
    side = server()
    side.say(head(POST, ends=False) + data(b"ab") + data(b"cd") + head([("x-sum", "1")]))
    (stream,) = side.streams
    assert stream.heads == [POST]
    assert stream.body == b"abcd"
    assert stream.trailers == [("x-sum", "1")]
    assert stream.has_ended
    assert stream.state is State.PEER_ENDED
    side.connection.send_head(stream, OK, True)
    assert not side.connection.streams


def test_a_response_is_told_in_its_parts() -> None:
    side = client()
    side.say(head([(":status", "103")], ends=False) + head(OK, ends=False) + data(b"ab", ends=True))
    stream = side.streams[0]
    assert stream.heads == [[(":status", "103")], OK]
    assert (stream.body, stream.has_ended, stream.trailers) == (b"ab", True, None)
    assert sorted(side.connection.streams) == [3]


@pytest.mark.parametrize("late", ["data", "end", "trailers", "window", "reset", "everything"])
def test_what_comes_late_for_a_stream_that_we_reset_is_ignored(late: str) -> None:
    said = {
        "data": data(b"x" * 1000),
        "end": data(b"", ends=True),
        "trailers": head([("x-sum", "1")]),
        "window": window_update(10, 1),
        "reset": reset(),
    }
    said["everything"] = b"".join(said.values())
    side = server()
    side.say(head(POST, ends=False))
    side.connection.reset(side.streams[0], ErrorCode.CANCEL)
    side.said()
    assert side.say(said[late]) == []
    assert side.streams[0].body == b""
    assert not side.streams[0].has_ended
    side.say(head([*GET, ("x-sum", "1")], 3))  # the tables are still the same
    assert side.streams[1].heads == [[*GET, ("x-sum", "1")]]


def test_late_frames_are_ignored_even_for_streams_that_were_reset_long_ago() -> None:
    side = server()
    for number in range(1, 4 * H2_KEPT_STREAMS, 2):
        side.say(head(POST, number, ends=False))
        side.connection.reset(side.streams[-1], ErrorCode.CANCEL)
    side.said()
    assert len(side.connection._reset) == H2_KEPT_STREAMS
    assert side.say(data(b"x", 1) + head([("x-sum", "1")], 1)) == []
    fault = side.fault(data(b"x", 4 * H2_KEPT_STREAMS + 1))
    assert fault is not None
    assert fault.code == ErrorCode.PROTOCOL_ERROR


def test_late_data_has_the_window_that_was_left() -> None:
    side = client()
    side.say(head(OK, ends=False) + data(bytes(1000)))
    side.connection.reset(side.streams[0], ErrorCode.CANCEL)
    for _ in range(H2_STREAM_WINDOW // 2**14 - 1):
        side.say(data(bytes(2**14)))
    side.say(data(bytes(2**14 - 1000)))
    fault = side.fault(data(b"x"))
    assert fault is not None
    assert fault.code == ErrorCode.FLOW_CONTROL_ERROR


def test_a_head_that_is_too_large_resets_its_stream_and_leaves_the_tables_alike() -> None:
    side = server()
    large = [*GET, *[("x", "a" * 5000)] * (H2_MAX_FIELD_LIST_BYTES // 5000)]
    said = side.say(head_in_pieces(large, 2**14))
    assert said == [(RST_STREAM, 0, 1, ErrorCode.ENHANCE_YOUR_CALM.to_bytes(4))]
    assert side.streams[0].heads == []
    side.say(head(GET, 3))
    assert side.streams[-1].heads == [GET]


def test_a_refused_stream_costs_nothing_and_the_next_one_is_taken() -> None:
    side = server()
    side.say(b"".join([head(GET, number) for number in range(1, 2 * H2_MAX_STREAMS, 2)]))
    refused = 2 * H2_MAX_STREAMS + 1
    (said,) = side.say(head(POST, refused, ends=False) + data(b"x", refused, ends=True))
    assert said == (RST_STREAM, 0, refused, ErrorCode.REFUSED_STREAM.to_bytes(4))
    assert len(side.streams) == H2_MAX_STREAMS
    side.connection.send_head(side.streams[0], OK, True)
    side.say(head(GET, refused + 2))
    assert len(side.streams) == H2_MAX_STREAMS + 1


def test_what_is_held_back_counts_as_open() -> None:
    side = server()
    side.connection.held_back = H2_MAX_STREAMS
    assert [frame.kind for frame in side.say(head(GET))] == [RST_STREAM]
    side.connection.held_back = 0
    side.say(head(GET, 3))
    assert side.streams[0].has_ended


class _Resetting(Told):
    """Resets itself when it is told something, as an application may."""

    __slots__ = ("connection", "when")

    connection: H2Connection
    when: str

    def head_received(self, fields: FieldPairs, ends: bool) -> bool:
        final = super().head_received(fields, ends)
        self._maybe("head")
        return final

    def data_received(self, data: bytes) -> None:
        self._maybe("data")

    def trailers_received(self, fields: FieldPairs) -> None:
        self._maybe("trailers")

    def end_received(self) -> None:
        self._maybe("end")

    def _maybe(self, what: str) -> None:
        if what == self.when:
            self.connection.reset(self, ErrorCode.CANCEL)


@pytest.mark.parametrize("when", ["head", "data", "trailers", "end"])
@pytest.mark.parametrize("said", [head(GET), head(POST, ends=False) + data(b"x", ends=True)], ids=["head", "body"])
def test_a_stream_may_be_reset_from_within_what_it_is_told(when: str, said: bytes) -> None:
    side = server()

    def make_stream() -> Told:
        stream = _Resetting()
        stream.connection, stream.when = side.connection, when
        side.streams.append(stream)
        return stream

    side.connection._make_stream = make_stream
    resets = [frame for frame in side.say(said) if frame.kind == RST_STREAM]
    assert len(resets) <= 1
    assert side.streams[0].error is None
    if resets:
        assert not side.connection.streams


def test_a_tunnel_takes_data_alone() -> None:
    side = server()
    side.say(head([(":method", "CONNECT"), (":authority", "a:1")], ends=False))
    stream = side.streams[0]
    side.connection.send_head(stream, OK, False)
    stream.is_tunnel = True
    side.said()
    assert side.say(data(b"x")) == []
    assert [frame.kind for frame in side.say(head([("x", "a")]))] == [RST_STREAM]
    assert isinstance(stream.error, StreamFault)
