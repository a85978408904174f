"""Messages out of frames: fragments, control frames between them, limits, and what is refused."""

import os
import tracemalloc

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.errors import WebSocketError
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
    assert read(reader(), wire) == expected
    assert read(reader(), *(wire[i : i + 1] for i in range(len(wire)))) == expected


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


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_give_messages_or_our_error_however_they_are_cut(wire: bytes, deflate: bool) -> None:
    def outcome(*portions: bytes) -> tuple[list[WSMessage], int]:
        messages, found = reader(1000, deflate=deflate), list[WSMessage]()
        try:
            for portion in portions:
                messages.feed(portion)
                while (message := messages.next()) is not None:
                    found.append(message)
        except WebSocketError as error:
            return found, error.code
        return found, 0

    assert outcome(wire) == outcome(*(wire[i : i + 1] for i in range(len(wire))))
