"""Whole connections with the h2 library as the peer, in both roles."""

from collections.abc import Iterator
from itertools import cycle
from typing import NamedTuple

import pytest
from h2.settings import SettingCodes
from hypothesis import given, settings, strategies as st

from tests.wire.h2.h2_peer import Message, Wire
from tests.wire.h2.sides import GET, OK, POST, Told
from trunkline.wire.errors import StreamReset
from trunkline.wire.h2.codes import ErrorCode
from trunkline.wire.h2.stream import FieldPairs
from trunkline.wire.limits import H2_CONNECTION_WINDOW, H2_STREAM_WINDOW

PIECES = st.lists(st.integers(1, 40_000), max_size=4).map(lambda sizes: cycle([*sizes, 30_000]))
SIZES = st.sampled_from([0, 1, 100, 16_384, 16_385, 70_000, H2_STREAM_WINDOW + 1]) | st.integers(0, 50_000)


def _message(size: int, has_trailers: bool, padding: int | None) -> Message:
    return Message((bytes(range(256)) * (size // 256 + 1))[:size], has_trailers=has_trailers, padding=padding)


MESSAGES = st.builds(_message, SIZES, st.booleans(), st.none() | st.integers(0, 255))


class Exchange(NamedTuple):
    """One request and its response, and what disturbs them."""

    request: Message
    response: Message
    interims: int
    is_held: bool  # we are slow to read
    is_large: bool  # heads need several frames
    end: str  # "", or who cancels: "we", "the peer"
    window: int | None  # that the peer sets in between


EXCHANGES = st.lists(
    st.builds(
        Exchange,
        MESSAGES,
        MESSAGES,
        st.integers(0, 3),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "", "", "we", "the peer"]),
        st.none() | st.sampled_from([0, 5000, 65_535, 2**20]),
    ),
    min_size=1,
    max_size=5,
)


def _copy(message: Message) -> Message:
    return Message(message.body, has_trailers=message.has_trailers, padding=message.padding)


def _with_large(fields: FieldPairs, is_large: bool) -> FieldPairs:
    return [*fields, ("x-large", "%" * 20_000), ("x-b", "b" * 9)] if is_large else [*fields, ("x-a", "a")]


def _disturb(wire: Wire, exchange: Exchange, stream: Told) -> None:
    """Let happen what is to happen in the middle of an exchange."""
    if exchange.window is not None:
        wire.peer.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: exchange.window})
    if exchange.end == "we":
        wire.ours.connection.reset(stream, ErrorCode.CANCEL)
    elif exchange.end == "the peer" and stream.id in wire.ours.connection.streams:
        wire.peer_resets(stream.id)
    wire.ours.connection.ping(b"12345678")
    wire.pump()
    wire.peer.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65_535})
    wire.pump()
    for stream_id in list(wire.ours.connection.streams):  # h2 forgets those whose windows it has made smaller
        wire.peer.increment_flow_control_window(2**19, stream_id)
    wire.pump()


def _check_sent(wire: Wire, sent: Message, stream_id: int) -> None:
    seen = wire.seen[stream_id]
    assert seen.body == sent.body
    assert seen.has_trailers == sent.has_trailers
    assert seen.has_ended


def _check_received(sent: Message, stream: Told) -> None:
    assert stream.body == sent.body
    assert (stream.trailers is not None) == sent.has_trailers
    assert stream.has_ended
    assert stream.error is None


@settings(max_examples=40, deadline=None)
@given(EXCHANGES, PIECES, st.sampled_from([0, 5000, 65_535, 2**20]))
def test_a_client_of_ours_and_a_server_of_h2(exchanges: list[Exchange], pieces: Iterator[int], window: int) -> None:
    wire = Wire(pieces, is_client=True, initial_window=window)
    streams = []
    for exchange in exchanges:
        exchange.request.fields = _with_large([], exchange.is_large)
        stream = wire.opens(exchange.request)
        streams.append(stream)
        if exchange.is_held:
            wire.ours.connection.hold(stream)
        wire.pump()
        fields = _with_large(OK, exchange.is_large)
        wire.peer_sends(stream.id, fields, _copy(exchange.response), interims=exchange.interims)
        _disturb(wire, exchange, stream)
    for exchange, stream in zip(exchanges, streams, strict=True):
        wire.ours.connection.release(stream)
        wire.pump()
        if not exchange.end or stream.has_ended:
            _check_received(exchange.response, stream)
            assert len(stream.heads) == exchange.interims + 1
            if wire.seen[stream.id].reset is None and not exchange.end:
                _check_sent(wire, exchange.request, stream.id)
    assert len(wire.ours.pings) == len(exchanges)
    wire.check_rest()


@settings(max_examples=40, deadline=None)
@given(EXCHANGES, PIECES, st.sampled_from([0, 5000, 65_535, 2**20]))
def test_a_server_of_ours_and_a_client_of_h2(exchanges: list[Exchange], pieces: Iterator[int], window: int) -> None:
    wire = Wire(pieces, is_client=False, initial_window=window)
    numbers = []
    for exchange in exchanges:
        number = wire.peer_opens(_with_large(POST, exchange.is_large), _copy(exchange.request))
        numbers.append(number)
        wire.pump()
        stream = wire.ours.streams[-1]
        if exchange.is_held:
            wire.ours.connection.hold(stream)
        for _ in range(exchange.interims):
            wire.ours.connection.send_head(stream, [(":status", "103")], False)
            wire.pump()  # h2 takes them ill in a stream that it has reset
        wire.ours.connection.send_head(stream, _with_large(OK, exchange.is_large), False)
        wire.sends_body(stream, exchange.response)
        _disturb(wire, exchange, stream)
    for exchange, number, stream in zip(exchanges, numbers, wire.ours.streams, strict=True):
        wire.ours.connection.release(stream)
        wire.pump()
        if not exchange.end:
            _check_received(exchange.request, stream)
            _check_sent(wire, exchange.response, number)
            assert wire.seen[number].interims == exchange.interims
    wire.check_rest()


@pytest.mark.parametrize("is_client", [True, False])
def test_many_exchanges_at_a_time_end_with_the_same_bodies(is_client: bool) -> None:
    wire = Wire(cycle([7, 30_000, 1]), is_client=is_client)
    body = bytes(range(256)) * 1000
    for number in range(1, 128, 2):
        if is_client:
            wire.opens(Message(body))
        else:
            wire.peer_opens(POST, Message(body))
        wire.pump()
        if is_client:
            wire.peer_sends(number, OK, Message(body[number:]))
        else:
            stream = wire.ours.streams[-1]
            wire.ours.connection.send_head(stream, OK, False)
            wire.sends_body(stream, Message(body[number:]))
    wire.pump()
    for number, stream in zip(range(1, 128, 2), wire.ours.streams, strict=True):
        _check_received(Message(body[number:] if is_client else body), stream)
        _check_sent(wire, Message(body if is_client else body[number:]), number)
    wire.check_rest()


def test_a_large_download_grows_its_window() -> None:
    wire = Wire(cycle([100_000]), is_client=True)
    stream = wire.opens(Message())
    wire.pump()
    wire.peer_sends(stream.id, OK, Message(bytes(20_000_000)))
    wire.pump()
    assert len(stream.body) == 20_000_000
    wire.check_rest()


def test_goaway_of_the_peer_leaves_its_streams_to_end() -> None:
    wire = Wire(cycle([1000]), is_client=True)
    first, second = wire.opens(Message(b"x")), wire.opens(Message(b"y"))
    wire.pump()
    wire.peer.send_headers(first.id, OK, end_stream=True)
    wire.peer.close_connection(last_stream_id=first.id)
    wire.ours.connection.feed(wire.peer.data_to_send())
    assert first.has_ended
    assert isinstance(second.error, StreamReset)
    assert second.error.is_unprocessed
    assert not wire.ours.connection.streams


def test_the_peer_understands_our_goaway() -> None:
    wire = Wire(cycle([1000]), is_client=False)
    wire.peer_opens(GET, Message())
    wire.pump()
    wire.ours.connection.go_away(ErrorCode.ENHANCE_YOUR_CALM, "enough")
    wire.pump()
    assert wire.has_gone is not None
    assert (wire.has_gone.error_code, wire.has_gone.last_stream_id) == (ErrorCode.ENHANCE_YOUR_CALM, 1)
    assert wire.has_gone.additional_data == b"enough"


def test_both_sides_know_the_same_windows_from_the_start() -> None:
    wire = Wire(cycle([3]), is_client=True)
    assert wire.peer.outbound_flow_control_window == H2_CONNECTION_WINDOW
    stream = wire.opens(Message(b"x"))
    wire.pump()
    assert wire.peer.local_flow_control_window(stream.id) == stream.receive_window == H2_STREAM_WINDOW
    assert wire.peer.remote_flow_control_window(stream.id) == stream.send_window
