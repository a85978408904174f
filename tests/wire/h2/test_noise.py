"""Floods end within a bounded number of frames and bytes; normal use that looks alike goes on."""

from collections.abc import Callable, Iterator
from itertools import count, repeat

import pytest

from tests.memory import MIB, peak_below
from tests.wire.h2.sides import (
    GET,
    OK,
    POST,
    Side,
    Told,
    block,
    client,
    data,
    frame,
    goaway,
    head,
    padded,
    ping,
    priority,
    reset,
    server,
    settings,
    window_update,
)
from trunkline.wire.errors import H2Fault
from trunkline.wire.h2.codes import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    HEADERS,
    MAX_WINDOW,
    SETTINGS,
    ErrorCode,
    Setting,
)
from trunkline.wire.h2.stream import FieldPairs
from trunkline.wire.limits import H2_FRAME_BYTES, H2_MAX_CONTINUATIONS, H2_MAX_NOISE, H2_MAX_STREAMS

LONG_ENOUGH = 3 * H2_MAX_NOISE  # steps of an attack that it has to be seen in


def _requests(after: Callable[[int], bytes], *, ends: bool = False, fields: FieldPairs = POST) -> Iterator[bytes]:
    """Return one request after the other, each with what is said behind it."""
    return (head(fields, number, ends=ends) + after(number) for number in count(1, 2))


def _opened(said: bytes) -> Iterator[bytes]:
    yield head(POST, ends=False)
    yield from repeat(said)


def _bomb() -> Iterator[bytes]:
    """Return heads that name one large field of the table again and again."""
    yield frame(HEADERS, END_HEADERS | 1, 1, b"\x40\x01x\x7f\xa1\x1e" + b"a" * 4000)
    for number in count(3, 2):
        yield frame(HEADERS, END_HEADERS | 1, number, b"\xbe" * 16_000)


def _bad(fields: FieldPairs) -> Iterator[bytes]:
    return _requests(lambda number: b"", ends=True, fields=fields)


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "rapid reset": lambda: _requests(reset),
    "rapid reset behind a byte of body": lambda: _requests(lambda number: data(b"x", number) + reset(number)),
    "rapid reset behind much of a body": lambda: _requests(lambda number: data(bytes(5000), number) + reset(number)),
    "resets made by a WINDOW_UPDATE of 0": lambda: _requests(lambda number: window_update(0, number)),
    "resets made by a window that overflows": lambda: _requests(lambda number: window_update(MAX_WINDOW, number)),
    "resets made by PRIORITY of 4 bytes": lambda: _requests(lambda number: frame(2, 0, number, bytes(4))),
    "resets made by DATA behind the end": lambda: _requests(lambda number: data(b"x", number), ends=True, fields=GET),
    "resets made by HEADERS behind the end": lambda: _requests(lambda number: head(GET, number), ends=True, fields=GET),
    "resets made by bad fields": lambda: _bad([*GET, ("connection", "close")]),
    "resets made by empty names": lambda: _bad([*GET, ("", "a")]),
    "resets made by empty heads": lambda: _bad([]),
    "trailers for a stream that was reset": lambda: _opened(window_update(0, 1) + head([])),
    "requests beyond the number of streams": lambda: _requests(lambda number: b"", ends=True, fields=GET),
    "PING": lambda: repeat(ping()),
    "PING that answers nothing": lambda: repeat(ping(flags=ACK)),
    "SETTINGS": lambda: repeat(settings()),
    "SETTINGS of windows": lambda: repeat(settings([(4, 1), (4, 2)] * 10)),
    "SETTINGS that acknowledge": lambda: repeat(frame(SETTINGS, ACK, 0)),
    "empty DATA": lambda: _opened(data(b"")),
    "DATA of padding": lambda: _opened(padded(DATA, 0, 1, b"", 255)),
    "PRIORITY": lambda: (priority(number) for number in count(1, 2)),
    "WINDOW_UPDATE of 1": lambda: repeat(window_update(1)),
    "WINDOW_UPDATE of 1 for a stream": lambda: _opened(window_update(1, 1)),
    "WINDOW_UPDATE for streams that ended": lambda: _opened(reset() + window_update(2000, 1)),
    "RST_STREAM for a stream that ended": lambda: _opened(reset()),
    "GOAWAY": lambda: repeat(goaway(0)),
    "unknown frames": lambda: repeat(frame(0xBE, 0, 0)),
    "large unknown frames": lambda: repeat(frame(0xBE, 0, 0, bytes(H2_FRAME_BYTES))),
    "HPACK bomb": _bomb,
}


def _frames_until_calm(side: Side, attack: Iterator[bytes]) -> int:
    for steps, said in enumerate(attack):
        fault = side.fault(said)
        side.connection.take_output()
        if fault is not None:
            assert fault.code == ErrorCode.ENHANCE_YOUR_CALM, fault
            return steps
        assert steps < LONG_ENOUGH, "nobody minds"
    return 0


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_ends_the_connection_within_bounded_memory(flood: Callable[[], Iterator[bytes]]) -> None:
    side = server()
    attack = flood()
    side.streams = _Last()  # an application forgets what has ended
    with peak_below(8 * MIB):
        assert _frames_until_calm(side, attack) > 10


class _Last(list[Told]):
    """Remembers the last streams alone."""

    def append(self, item: Told) -> None:
        self[:] = [*self[-3:], item]


@pytest.mark.parametrize(
    "attack",
    [
        lambda: (reset(number) for number in count(1, 2)),
        lambda: (head([(":status", "20")], number) for number in count(1, 2)),
        lambda: repeat(ping()),
        lambda: repeat(settings([(4, 0)])),
        lambda: repeat(goaway(MAX_WINDOW)),
    ],
    ids=["resets", "bad responses", "PING", "SETTINGS", "GOAWAY"],
)
def test_a_server_may_not_flood_either(attack: Callable[[], Iterator[bytes]]) -> None:
    side = client()
    for _ in range(LONG_ENOUGH):
        side.open(GET)
    side.connection.take_output()
    assert _frames_until_calm(side, attack()) > 0


@pytest.mark.parametrize("size", [0, 1, 16, 5000])
def test_a_head_without_end_ends_the_connection(size: int) -> None:
    side = server()
    with peak_below(2 * MIB):
        side.say(frame(HEADERS, 0, 1, block(GET)))
        steps = _frames_until_calm(side, repeat(frame(CONTINUATION, 0, 1, bytes(size))))
    assert 0 < steps <= H2_MAX_CONTINUATIONS


@pytest.mark.parametrize("block_bytes", [b"\x00\x00\x00" * 20_000, b"\x82" * 60_000, b"\x20" * 60_000])
def test_a_head_of_many_tiny_fields_is_refused_within_bounded_memory(block_bytes: bytes) -> None:
    side = server()
    with peak_below(4 * MIB):
        side.fault(frame(HEADERS, END_HEADERS | 1, 1, block_bytes))
    assert not side.connection.streams


def test_tiny_windows_are_answered_as_long_as_they_are_few() -> None:
    side = server([(Setting.INITIAL_WINDOW_SIZE, 0)])
    side.say(head(GET))
    stream = side.streams[0]
    side.connection.send_head(stream, OK, False)
    side.connection.send_data(stream, bytes(2**16), True)
    side.connection.take_output()
    assert _frames_until_calm(side, repeat(window_update(1, 1))) <= H2_MAX_NOISE + 2


def test_windows_that_open_and_close_without_end_end_the_connection() -> None:
    side = server()
    for number in range(1, 2 * H2_MAX_STREAMS, 2):
        side.say(head(GET, number))
        side.connection.send_head(side.streams[-1], OK, False)
        side.connection.send_data(side.streams[-1], bytes(2**16), True)
    side.connection.take_output()
    games = (settings([(4, size)]) for _ in count() for size in (0, 1))
    assert _frames_until_calm(side, games) <= H2_MAX_NOISE


def test_the_work_for_a_window_does_not_grow_with_the_streams_that_wait() -> None:
    side = server([(Setting.INITIAL_WINDOW_SIZE, 0)])
    for number in range(1, 2 * H2_MAX_STREAMS, 2):
        side.say(head(GET, number))
        side.connection.send_head(side.streams[-1], OK, False)
        side.connection.send_data(side.streams[-1], bytes(2**16), True)
    assert not side.connection._waiting  # those that lack a window of their own are not gone through
    side.say(window_update(2**15, 5))
    assert not side.connection._waiting


# Normal use.


def test_clients_may_cancel_half_of_what_they_ask_for() -> None:
    side = server()
    side.streams = _Last()
    for number in range(1, 2 * 100_000, 4):
        side.say(head(POST, number, ends=False) + data(b"x", number) + reset(number))
        side.say(head(GET, number + 2))
        side.connection.send_head(side.streams[-1], OK, False)
        side.connection.send_data(side.streams[-1], b"whole", True)
        side.say(window_update(5))
    assert not side.connection.streams


def test_our_own_cancellations_are_no_noise_of_the_peer() -> None:
    side = client()
    side.streams = _Last()
    for _ in range(2 * H2_MAX_NOISE):
        stream = side.open(GET)
        side.say(head(OK, stream.id, ends=False) + data(b"x" * 100, stream.id))
        side.connection.reset(stream, ErrorCode.CANCEL)
        side.say(data(b"x" * 100, stream.id) * 20 + data(b"", stream.id, ends=True))  # was on its way
        side.connection.take_output()


def test_responses_to_requests_that_we_cancelled_are_no_noise() -> None:
    side = client()
    side.streams = _Last()
    for _ in range(2 * H2_MAX_NOISE):
        stream = side.open(GET)
        side.connection.reset(stream, ErrorCode.CANCEL)
        side.say(head(OK, stream.id, ends=False) + data(b"x", stream.id) + head([("x-sum", "1")], stream.id))
        side.connection.take_output()


def test_a_large_download_with_many_window_updates_is_no_noise() -> None:
    side = server()
    side.say(head(GET))
    stream = side.streams[0]
    side.connection.send_head(stream, OK, False)
    piece = bytes(2**15)
    for _ in range(2**30 // len(piece)):
        assert side.connection.send_data(stream, piece)
        side.say(window_update(len(piece)) + window_update(len(piece), 1))


@pytest.mark.parametrize("size", [1, 100, 1000])
def test_each_small_piece_may_be_answered_by_two_window_updates(size: int) -> None:
    side = server()
    side.say(head(GET))
    stream = side.streams[0]
    side.connection.send_head(stream, OK, False)
    for _ in range(5 * H2_MAX_NOISE):
        assert side.connection.send_data(stream, bytes(size))
        side.say(window_update(size) + window_update(size, 1))


def test_small_responses_may_be_answered_by_window_updates_behind_their_end() -> None:
    side = server()
    side.streams = _Last()
    for number in range(1, 10 * H2_MAX_NOISE, 2):
        side.say(head(GET, number))
        side.connection.send_head(side.streams[-1], OK, False)
        side.connection.send_data(side.streams[-1], b"x" * 100, True)
        side.say(window_update(100) + window_update(100, number))


def test_a_ping_each_ten_seconds_for_a_day_is_no_noise() -> None:
    side = server()
    for minute in range(24 * 60):
        for _ in range(6):
            side.say(ping())
        side.connection.noise.halve()
        assert side.connection.noise._level < 10, minute


def test_an_upload_in_tiny_pieces_is_no_noise() -> None:
    side = server()
    side.say(head(POST, ends=False))
    for _ in range(5 * H2_MAX_NOISE):
        side.say(data(b"x"))
    assert len(side.streams[0].body) == 5 * H2_MAX_NOISE


def test_the_fault_tells_what_there_was_too_much_of() -> None:
    side = server()
    with pytest.raises(H2Fault, match="PING"):
        side.say(ping() * (H2_MAX_NOISE + 1))
