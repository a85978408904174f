"""HTTP/2 connections (RFC 9113) as either side hears them; oracle: the h2 library, where both take what comes.

The first byte tells the role. The rest is frames behind the preface, or behind the server's SETTINGS; a client has a
GET in stream 1 and a POST in stream 3 whose body is to come.
"""

from typing import NamedTuple

from h2.config import H2Configuration
from h2.connection import H2Connection as Oracle
from h2.events import DataReceived, RequestReceived, ResponseReceived, StreamEnded
from h2.exceptions import ProtocolError

from fuzz.cuts import cuts
from trunkline.wire.errors import H2Fault, StreamFault
from trunkline.wire.h2.codes import PREFACE, RST_STREAM, SETTINGS
from trunkline.wire.h2.connection import H2Connection
from trunkline.wire.h2.frames import frame_head
from trunkline.wire.h2.head import parse_request_head, parse_response_head
from trunkline.wire.h2.stream import FieldPairs, Stream
from trunkline.wire.limits import H2_CONNECTION_WINDOW, H2_KEPT_STREAMS, H2_MAX_BLOCK_BYTES, H2_MAX_STREAMS

_GET = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
_POST = [(":method", "POST"), *_GET[1:]]
_NO_SETTINGS = frame_head(0, SETTINGS, 0, 0)


class _Heard(NamedTuple):
    """What was heard in one stream."""

    heads: list[FieldPairs]
    body: bytearray
    ends: list[bool]


class _Fuzzed(Stream):
    """A stream that remembers what it was told."""

    __slots__ = ("heard", "is_response")

    def __init__(self, *, is_response: bool) -> None:
        super().__init__()
        self.is_response = is_response
        self.heard = _Heard([], bytearray(), [])

    def head_received(self, fields: FieldPairs, ends: bool) -> bool:
        self.heard.heads.append(fields.copy())
        if self.is_response:
            response = parse_response_head(fields)
            self.missing = response.content_length
            return response.status >= 200
        self.missing = parse_request_head(fields).content_length
        return True

    def data_received(self, data: bytes) -> None:
        self.heard.body.extend(data)

    def end_received(self) -> None:
        assert not self.heard.ends, "a stream ended twice"
        self.heard.ends.append(True)

    def drained(self) -> None:
        """Nothing waits for it."""

    def failed(self, error: Exception) -> None:
        """What it has heard stays."""


class _Ours:
    """Our side, and what it was told."""

    def __init__(self, *, is_client: bool) -> None:
        self.streams: list[_Fuzzed] = []
        self.connection = H2Connection(listener=self, make_stream=None if is_client else self._make_stream)
        self.connection.begin()
        if is_client:
            self.connection.feed(_NO_SETTINGS)
            for fields, ends in ((_GET, True), (_POST, False)):
                self.streams.append(_Fuzzed(is_response=True))
                self.connection.open(self.streams[-1], fields, ends)
        else:
            self.connection.feed(PREFACE + _NO_SETTINGS)
        self.connection.take_output()

    def _make_stream(self) -> Stream:
        self.streams.append(_Fuzzed(is_response=False))
        return self.streams[-1]

    def settings_changed(self) -> None:
        """Nothing waits for it."""

    def going_away(self, code: int, reason: str) -> None:
        """Nothing waits for it."""

    def ping_answered(self, payload: bytes) -> None:
        raise AssertionError("nobody sent a PING")


def check(data: bytes) -> None:
    """Nothing but H2Fault is raised, cuts make no difference, what is held is bounded, and h2 hears the same."""
    is_client, wire = bool(data[:1] and data[0] & 1), data[1:]
    whole, said, code = _hear([wire], is_client=is_client)
    for portions in cuts(wire):
        other, other_said, other_code = _hear(portions, is_client=is_client)
        assert (other_code, other_said) == (code, said), "cuts make a difference"
        assert [stream.heard for stream in other.streams] == [stream.heard for stream in whole.streams]
    if code is None and RST_STREAM not in _kinds(said):
        _compare(wire, whole, is_client=is_client)


def _hear(portions: list[bytes], *, is_client: bool) -> tuple[_Ours, bytes, int | None]:
    ours = _Ours(is_client=is_client)
    code = None
    try:
        for portion in portions:
            ours.connection.feed(portion)
    except StreamFault as fault:
        raise AssertionError("a fault of a stream ended the connection") from fault
    except H2Fault as fault:
        code = fault.code
    _check_bounds(ours.connection)
    return ours, ours.connection.take_output(), code


def _check_bounds(connection: H2Connection) -> None:
    assert len(connection.streams) <= H2_MAX_STREAMS
    assert len(connection._reset) <= H2_KEPT_STREAMS
    assert connection.partial_bytes <= H2_MAX_BLOCK_BYTES
    assert connection._receive_window + connection._owed <= H2_CONNECTION_WINDOW
    assert all(stream.id in connection.streams for stream in connection._waiting)


def _kinds(said: bytes) -> set[int]:
    """Return the types of the frames that were said."""
    found = set()
    while said:
        found.add(said[3])
        said = said[9 + int.from_bytes(said[:3]) :]
    return found


def _compare(wire: bytes, ours: _Ours, *, is_client: bool) -> None:
    """What we took without a word, h2 hears in the same way, if it takes it."""
    heard = _hear_by_h2(wire, is_client=is_client)
    if heard is None:
        return
    for stream in ours.streams:
        fields, body, has_ended = heard.get(stream.id, ([], b"", False))
        if stream.heard.heads and fields:
            assert _joined(stream.heard.heads[-1]) == fields, "h2 reads another head"
        assert bytes(stream.heard.body) == body, "h2 reads another body"
        assert bool(stream.heard.ends) == has_ended, "h2 sees another end"


def _joined(fields: FieldPairs) -> FieldPairs:
    """Return fields as h2 has them, with the crumbs of cookies in one field at the end (RFC 9113 §8.2.3)."""
    crumbs = [value for name, value in fields if name == "cookie"]
    rest = [field for field in fields if field[0] != "cookie"]
    return [*rest, ("cookie", "; ".join(crumbs))] if crumbs else rest


def _hear_by_h2(wire: bytes, *, is_client: bool) -> dict[int, tuple[FieldPairs, bytes, bool]] | None:
    """Return the head, body and end of each stream; None when h2 refuses what comes."""
    oracle = Oracle(H2Configuration(client_side=is_client, header_encoding=None))
    oracle.initiate_connection()
    heard: dict[int, tuple[FieldPairs, bytes, bool]] = {}
    try:
        events = oracle.receive_data(_NO_SETTINGS if is_client else PREFACE + _NO_SETTINGS)
        if is_client:
            oracle.send_headers(1, _GET, end_stream=True)
            oracle.send_headers(3, _POST)
        events += oracle.receive_data(wire)
    except (ProtocolError, ValueError):
        return None
    for event in events:
        if isinstance(event, RequestReceived | ResponseReceived):
            heard[event.stream_id] = [(_text(name), _text(value)) for name, value in event.headers], b"", False
        elif isinstance(event, DataReceived):
            fields, body, _ = heard[event.stream_id]
            heard[event.stream_id] = fields, body + event.data, False
        elif isinstance(event, StreamEnded):
            fields, body, _ = heard[event.stream_id]
            heard[event.stream_id] = fields, body, True
    return heard


def _text(octets: bytes | str) -> str:
    return octets if isinstance(octets, str) else octets.decode("utf-8", "surrogateescape")
