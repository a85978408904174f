"""One side of a connection to speak to in bytes, and frames to say."""

from collections.abc import Iterable
from typing import NamedTuple

from trunkline.wire.errors import H2Fault
from trunkline.wire.h2.codes import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Setting,
)
from trunkline.wire.h2.connection import H2Connection
from trunkline.wire.h2.head import parse_request_head, parse_response_head
from trunkline.wire.h2.stream import FieldPairs, Stream
from trunkline.wire.limits import H2_MAX_FIELD_LIST_BYTES

GET: FieldPairs = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
POST: FieldPairs = [(":method", "POST"), *GET[1:]]
OK: FieldPairs = [(":status", "200")]


class Frame(NamedTuple):
    kind: int
    flags: int
    stream_id: int
    payload: bytes


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream_id.to_bytes(4) + payload


def frames(data: bytes) -> list[Frame]:
    """Read whole frames."""
    found = []
    data = data.removeprefix(PREFACE)
    while data:
        end = 9 + int.from_bytes(data[:3])
        found.append(Frame(data[3], data[4], int.from_bytes(data[5:9]), data[9:end]))
        data = data[end:]
    return found


def block(fields: Iterable[tuple[str, str]]) -> bytes:
    """Code fields without Huffman and without a table."""
    return b"".join([b"\0" + _string(name) + _string(value) for name, value in fields])


def _string(text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    if len(octets) < 127:
        return bytes((len(octets),)) + octets
    length, rest = b"", len(octets) - 127
    while rest >= 128:
        length += bytes((rest & 127 | 128,))
        rest >>= 7
    return b"\x7f" + length + bytes((rest,)) + octets


def head(fields: Iterable[tuple[str, str]], stream_id: int = 1, *, ends: bool = True) -> bytes:
    return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream_id, block(fields))


def head_in_pieces(fields: Iterable[tuple[str, str]], size: int, stream_id: int = 1, *, ends: bool = True) -> bytes:
    whole = block(fields)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    first = frame(HEADERS, END_STREAM if ends else 0, stream_id, pieces[0])
    rest = [frame(CONTINUATION, 0, stream_id, piece) for piece in pieces[1:-1]]
    return b"".join([first, *rest, frame(CONTINUATION, END_HEADERS, stream_id, pieces[-1])])


def data(payload: bytes = b"x", stream_id: int = 1, *, ends: bool = False) -> bytes:
    return frame(DATA, END_STREAM if ends else 0, stream_id, payload)


def padded(kind: int, flags: int, stream_id: int, payload: bytes, padding: int) -> bytes:
    return frame(kind, flags | PADDED, stream_id, bytes((padding,)) + payload + bytes(padding))


def settings(values: Iterable[tuple[int, int]] = ()) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join([key.to_bytes(2) + value.to_bytes(4) for key, value in values]))


def window_update(increment: int, stream_id: int = 0) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4))


def reset(stream_id: int = 1, code: int = 8) -> bytes:
    return frame(RST_STREAM, 0, stream_id, code.to_bytes(4))


def ping(payload: bytes = b"12345678", flags: int = 0) -> bytes:
    return frame(PING, flags, 0, payload)


def goaway(last_id: int, code: int = 0, stream_id: int = 0, reason: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, stream_id, last_id.to_bytes(4) + code.to_bytes(4) + reason)


def priority(stream_id: int = 1, on: int = 0) -> bytes:
    return frame(PRIORITY, 0, stream_id, on.to_bytes(4) + b"\x10")


class Told(Stream):
    """A stream that remembers what it was told."""

    __slots__ = ("body", "drains", "error", "has_ended", "heads", "trailers")

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[FieldPairs] = []
        self.body = b""
        self.trailers: FieldPairs | None = None
        self.has_ended = False
        self.error: Exception | None = None
        self.drains = 0

    def head_received(self, fields: FieldPairs, ends: bool) -> bool:
        self.heads.append(fields)
        if self.id % 2 and fields and fields[0][0] == ":status":
            answer = parse_response_head(fields, H2_MAX_FIELD_LIST_BYTES)
            self.missing = answer.content_length
            return answer.status >= 200
        self.missing = parse_request_head(fields, H2_MAX_FIELD_LIST_BYTES).content_length
        return True

    def data_received(self, data: bytes) -> None:
        self.body += data

    def trailers_received(self, fields: FieldPairs) -> None:
        self.trailers = fields

    def end_received(self) -> None:
        assert not self.has_ended
        self.has_ended = True

    def drained(self) -> None:
        self.drains += 1

    def failed(self, error: Exception) -> None:
        assert self.error is None
        self.error = error


class Side:
    """One of ours, told bytes and asked what it says."""

    def __init__(self, *, is_client: bool) -> None:
        self.streams: list[Told] = []
        self.settings_changes = 0
        self.pings: list[bytes] = []
        self.goaways: list[tuple[int, str]] = []
        self.connection = H2Connection(listener=self, make_stream=None if is_client else self.make_stream)
        self.connection.begin()

    def make_stream(self) -> Told:
        self.streams.append(Told())
        return self.streams[-1]

    def open(self, fields: FieldPairs, *, ends: bool = True) -> Told:
        stream = self.make_stream()
        self.connection.open(stream, fields, ends)
        return stream

    def say(self, data: bytes) -> list[Frame]:
        """Feed `data`; return what is said to it."""
        self.connection.feed(data)
        return self.said()

    def said(self) -> list[Frame]:
        return frames(self.connection.take_output())

    def fault(self, data: bytes) -> H2Fault | None:
        try:
            self.connection.feed(data)
        except H2Fault as fault:
            return fault
        return None

    def settings_changed(self) -> None:
        self.settings_changes += 1

    def going_away(self, code: int, reason: str) -> None:
        self.goaways.append((code, reason))

    def ping_answered(self, payload: bytes) -> None:
        self.pings.append(payload)


def server(values: Iterable[tuple[Setting, int]] = ()) -> Side:
    """Return a server whose client has said its preface."""
    side = Side(is_client=False)
    side.say(PREFACE + settings(values))
    return side


def client(values: Iterable[tuple[Setting, int]] = ()) -> Side:
    """Return a client with a GET in stream 1 and a POST in stream 3 whose body is to come."""
    side = Side(is_client=True)
    side.say(settings(values))
    side.open(GET)
    side.open(POST, ends=False)
    side.said()
    return side
