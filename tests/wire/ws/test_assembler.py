"""Messages out of frames: fragments, control frames between them, limits, and what is refused."""

import os
import tracemalloc
from collections import deque

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import QUEUED_MESSAGE_BYTES
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.deflate import Deflater, Inflater
from trunkline.wire.ws.frames import FIN, FrameWriter
from trunkline.wire.ws.message import WSMessage, WSMsgType

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = (
    WSMsgType.TEXT,
    WSMsgType.BINARY,
    WSMsgType.CONTINUATION,
    WSMsgType.CLOSE,
    WSMsgType.PING,
    WSMsgType.PONG,
)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False) -> bytes:
    wire = bytearray(FrameWriter(lambda: os.urandom(4)).render(opcode, payload))
    if not fin:
        wire[0] &= ~FIN
    if rsv1:
        wire[0] |= 0x40
    return bytes(wire)


def reader(max_bytes: int = 2**20, *, deflate: bool = False, decode_text: bool = True) -> MessageReader:
    return MessageReader(
        is_server=True, max_bytes=max_bytes, inflater=Inflater() if deflate else None, decode_text=decode_text
    )


def read(messages: MessageReader, *portions: bytes) -> list[WSMessage]:
    found = []
    for portion in portions:
        messages.feed(portion)
        while (message := messages.next()) is not None:
            found.append(message)
    return found


def unpack(messages: MessageReader, *portions: bytes) -> list[WSMessage]:
    """Do the same as `read`, by way of a queue."""
    found = deque[WSMessage]()
    for portion in portions:
        messages.feed(portion)
        messages.room = 2**62
        while (control := messages.unpack(found)) is not None:
            found.append(control)
    return list(found)


READ = {
    "text": ([frame(TEXT, "é".encode())], [(TEXT, "é", "")]),
    "empty text": ([frame(TEXT)], [(TEXT, "", "")]),
    "binary": ([frame(BINARY, b"\xff")], [(BINARY, b"\xff", "")]),
    "empty binary": ([frame(BINARY)], [(BINARY, b"", "")]),
    "ping and pong": ([frame(PING, b"a"), frame(PONG, b"b")], [(PING, b"a", ""), (PONG, b"b", "")]),
    "close": ([frame(CLOSE, b"\x0f\xa0bye")], [(CLOSE, 4000, "bye")]),
    "close without a code": ([frame(CLOSE)], [(CLOSE, 0, "")]),
    "nothing after close": ([frame(CLOSE), frame(TEXT, b"x"), b"\xff\xff"], [(CLOSE, 0, "")]),
    "fragments": (
        [frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b", fin=False), frame(CONTINUATION, b"c")],
        [(TEXT, "abc", "")],
    ),
    "a character cut by fragments": (
        [frame(TEXT, b"\xc3", fin=False), frame(CONTINUATION, b"\xa9")],
        [(TEXT, "é", "")],
    ),
    "empty fragments": (
        [frame(BINARY, b"", fin=False), frame(CONTINUATION, b"", fin=False), frame(CONTINUATION)],
        [(BINARY, b"", "")],
    ),
    "control frames between fragments": (
        [frame(TEXT, b"a", fin=False), frame(PING, b"p"), frame(CONTINUATION, b"b"), frame(TEXT, b"c")],
        [(PING, b"p", ""), (TEXT, "ab", ""), (TEXT, "c", "")],
    ),
}


@pytest.mark.parametrize(("frames", "expected"), READ.values(), ids=READ)
def test_messages_are_read_whole_and_byte_by_byte(frames: list[bytes], expected: list[tuple[object, ...]]) -> None:
    wire = b"".join(frames)
    assert read(reader(), wire) == unpack(reader(), wire) == expected
    single_bytes = [wire[i : i + 1] for i in range(len(wire))]
    assert read(reader(), *single_bytes) == unpack(reader(), *single_bytes) == expected


REFUSED = {
    "continuation of nothing": ([frame(CONTINUATION, b"x")], 1002),
    "continuation after the last one": ([frame(TEXT, b"x"), frame(CONTINUATION, b"x")], 1002),
    "message within a message": ([frame(TEXT, b"x", fin=False), frame(TEXT, b"x")], 1002),
    "fragment of another within a message": ([frame(TEXT, b"x", fin=False), frame(BINARY, b"x", fin=False)], 1002),
    "text that is not UTF-8": ([frame(TEXT, b"\xff")], 1007),
    "text cut within a character": ([frame(TEXT, b"\xc3")], 1007),
    "surrogate in text": ([frame(TEXT, b"\xed\xa0\x80")], 1007),
    "close code 1005": ([frame(CLOSE, b"\x03\xed")], 1002),
    "close reason that is not UTF-8": ([frame(CLOSE, b"\x03\xe8\xff")], 1007),
    "too long": ([frame(BINARY, b"x" * 101)], 1009),
    "too long by fragments": ([frame(BINARY, b"x" * 60, fin=False), frame(CONTINUATION, b"x" * 41)], 1009),
    "too long in the middle": ([frame(BINARY, b"x" * 60, fin=False), frame(CONTINUATION, b"x" * 41, fin=False)], 1009),
}


@pytest.mark.parametrize(("frames", "code"), REFUSED.values(), ids=REFUSED)
def test_what_breaks_the_protocol_is_refused_with_its_code(frames: list[bytes], code: int) -> None:
    wire = b"".join(frames)
    for portions in ([wire], [wire[i : i + 1] for i in range(len(wire))]):
        with pytest.raises(WebSocketError) as caught:
            read(reader(100), *portions)
        assert caught.value.code == code


def test_a_message_may_be_as_large_as_the_limit() -> None:
    fragments = [frame(BINARY, b"x" * 60, fin=False), frame(CONTINUATION, b"x" * 40, fin=False), frame(CONTINUATION)]
    assert read(reader(100), frame(BINARY, b"x" * 100)) == [(BINARY, b"x" * 100, "")]
    assert read(reader(100), *fragments) == [(BINARY, b"x" * 100, "")]


def test_the_limit_is_for_each_message_anew() -> None:
    fragments = frame(BINARY, b"x" * 60, fin=False) + frame(CONTINUATION, b"x" * 40)
    assert read(reader(100), fragments * 3) == [(BINARY, b"x" * 100, "")] * 3


def test_0_is_no_limit() -> None:
    assert len(read(reader(0), frame(BINARY, bytes(5 * 2**20)))[0].data) == 5 * 2**20


def test_texts_can_be_left_as_bytes_unchecked() -> None:
    wire = frame(TEXT, b"\xff") + frame(TEXT, b"a" * 300)
    messages = read(reader(decode_text=False), wire)
    assert messages == [(TEXT, b"\xff", ""), (TEXT, b"a" * 300, "")]
    assert [type(message.data) for message in messages] == [bytes, bytes]


@given(st.lists(st.tuples(st.booleans(), st.lists(st.text(max_size=400), min_size=1, max_size=4)), max_size=6))
def test_fragments_come_back_as_one_message_compressed_or_not(messages: list[tuple[bool, list[str]]]) -> None:
    deflater = Deflater()
    wire = b""
    for compressed, parts in messages:
        pieces = [part.encode() for part in parts]
        if compressed:
            whole = deflater.deflate(b"".join(pieces))
            pieces = [whole[: len(whole) // 2], whole[len(whole) // 2 :]]
        for number, piece in enumerate(pieces):
            is_last = number == len(pieces) - 1
            wire += frame(CONTINUATION if number else TEXT, piece, fin=is_last, rsv1=compressed and not number)
    expected = [(TEXT, "".join(parts), "") for _, parts in messages]
    assert read(reader(deflate=True), wire) == expected
    assert read(reader(deflate=True), *(wire[i : i + 1] for i in range(len(wire)))) == expected


def test_data_that_does_not_shrink_may_be_as_large_as_the_limit() -> None:
    data = os.urandom(100_000)
    wire = Deflater().deflate(data)
    assert len(wire) > len(data)
    assert read(reader(len(data), deflate=True), frame(BINARY, wire, rsv1=True)) == [(BINARY, data, "")]


def test_a_compressed_bomb_is_refused() -> None:
    wire = frame(BINARY, Deflater().deflate(bytes(10 * 2**20)), rsv1=True)
    with pytest.raises(WebSocketError) as caught:
        read(reader(deflate=True), wire)
    assert caught.value.code == 1009


def test_only_the_message_asked_for_is_inflated() -> None:
    deflater = Deflater(keeps_context=False)
    wire = frame(BINARY, deflater.deflate(bytes(2**20)), rsv1=True) * 64  # 64 MB, in 66 KB
    messages = reader(deflate=True)
    tracemalloc.start()
    try:
        messages.feed(wire)
        assert messages.next() == (BINARY, bytes(2**20), "")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_drip_of_fragments_takes_little_more_memory_than_its_bytes() -> None:
    messages = reader(2**20)
    piece = frame(CONTINUATION, b"x", fin=False) * 1000
    tracemalloc.start()
    try:
        read(messages, frame(BINARY, b"", fin=False), *[piece] * 100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_a_drip_of_bytes_takes_little_more_memory_than_they_do() -> None:
    messages = reader(2**20)
    wire = frame(BINARY, bytes(100_000))
    portions = [wire[:5000], *(wire[i : i + 1] for i in range(5000, 60_000)), wire[60_000:62_000], wire[62_000:-1]]
    tracemalloc.start()
    try:
        assert read(messages, *portions) == []
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * len(wire)
    assert read(messages, wire[-1:]) == [(BINARY, bytes(100_000), "")]


def test_a_queue_is_filled_no_further_than_there_is_room() -> None:
    messages, queue = reader(), deque[WSMessage]()
    messages.feed(frame(TEXT, b"x" * 100) * 10)
    messages.room = 3 * (100 + QUEUED_MESSAGE_BYTES)
    assert messages.unpack(queue) is None
    assert (len(queue), messages.room) == (3, 0)
    messages.room = 1
    assert messages.unpack(queue) is None
    assert len(queue) == 4
    messages.room = 2**16
    assert messages.unpack(queue) is None
    assert len(queue) == 10


@pytest.mark.parametrize("max_bytes", [1, 10, 124, 125, 126])
def test_short_messages_keep_to_the_limit_too(max_bytes: int) -> None:
    assert unpack(reader(max_bytes), frame(TEXT, b"x" * max_bytes)) == [(TEXT, "x" * max_bytes, "")]
    with pytest.raises(WebSocketError) as caught:
        unpack(reader(max_bytes), frame(TEXT, b"x" * (max_bytes + 1)))
    assert caught.value.code == 1009


Outcome = tuple[list[WSMessage], int]


def outcome(messages: MessageReader, *portions: bytes, queued: bool = False) -> Outcome:
    """Return the messages before the first fault, and its code or 0."""
    found: deque[WSMessage] = deque()
    try:
        for portion in portions:
            messages.feed(portion)
            messages.room = 2**62
            while (message := messages.unpack(found) if queued else messages.next()) is not None:
                found.append(message)
    except WebSocketError as error:
        return list(found), error.code
    return list(found), 0


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_give_messages_or_our_error_however_they_are_cut(wire: bytes, deflate: bool) -> None:
    whole = outcome(reader(1000, deflate=deflate), wire)
    single_bytes = [wire[i : i + 1] for i in range(len(wire))]
    assert whole == outcome(reader(1000, deflate=deflate), *single_bytes)
    assert whole == outcome(reader(1000, deflate=deflate), wire, queued=True)
    assert whole == outcome(reader(1000, deflate=deflate), *single_bytes, queued=True)


some_frames = st.lists(
    st.builds(
        frame,
        st.sampled_from([TEXT, TEXT, BINARY, CONTINUATION, PING]),
        st.one_of(st.text(max_size=60).map(str.encode), st.binary(max_size=125)),
        fin=st.sampled_from([True, True, True, False]),
    )
    | st.builds(frame, st.just(BINARY), st.sampled_from([bytes(126), bytes(3000)])),
    max_size=12,
)


@given(some_frames, st.data(), st.booleans())
def test_a_queue_gets_what_would_be_read_one_by_one(frames: list[bytes], data: st.DataObject, decode: bool) -> None:
    wire = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    portions = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    expected = outcome(reader(decode_text=decode), wire)
    assert outcome(reader(decode_text=decode), *portions, queued=True) == expected
    assert outcome(reader(decode_text=decode), *portions) == expected
