"""Frames: read whole, byte by byte and in a round trip, refused by their heads, and compared with wsproto."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st
from wsproto.frame_protocol import FrameProtocol

from trunkline.wire.errors import WebSocketError
from trunkline.wire.ws.deflate import Deflater
from trunkline.wire.ws.frames import FIN, FrameReader, FrameWriter
from trunkline.wire.ws.message import WSMsgType

KEY = b"\x11\x22\x33\x44"
LENGTHS = [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 200_000]
Frames = list[tuple[int, bytes]]


def client_frame(opcode: int, payload: bytes = b"") -> bytes:
    return FrameWriter(lambda: KEY).render(opcode, payload)


def reader(*, is_masked: bool = True, may_be_compressed: bool = False, max_bytes: int = 2**20) -> FrameReader:
    return FrameReader(is_masked=is_masked, may_be_compressed=may_be_compressed, max_bytes=max_bytes)


def read(frames: FrameReader, *portions: bytes) -> Frames:
    found: Frames = []
    for portion in portions:
        frames.feed(portion)
        while (frame := frames.next_frame()) is not None:
            found.append((frame[0], bytes(frame[1])))
    return found


def byte_by_byte(wire: bytes) -> Iterator[bytes]:
    return (wire[i : i + 1] for i in range(len(wire)))


@pytest.mark.parametrize(
    ("wire", "frame"),
    [  # RFC 6455 §5.7
        (b"\x81\x05Hello", (0x81, b"Hello")),
        (b"\x01\x03Hel", (0x01, b"Hel")),
        (b"\x80\x02lo", (0x80, b"lo")),
        (b"\x89\x05Hello", (0x89, b"Hello")),
    ],
)
def test_the_examples_of_the_rfc_without_a_mask(wire: bytes, frame: tuple[int, bytes]) -> None:
    assert read(reader(is_masked=False), wire) == [frame]


def test_the_masked_example_of_the_rfc() -> None:
    assert read(reader(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == [(0x81, b"Hello")]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("is_masked", [True, False])
def test_every_length_comes_back(length: int, is_masked: bool) -> None:
    payload = b"ab" * (length // 2) + b"c" * (length % 2)
    wire = FrameWriter((lambda: KEY) if is_masked else None).render(WSMsgType.BINARY, payload)
    assert read(reader(is_masked=is_masked), wire) == [(FIN | 2, payload)]


@given(st.lists(st.binary(max_size=300), max_size=5), st.data(), st.booleans())
def test_how_the_bytes_are_cut_makes_no_difference(payloads: list[bytes], data: st.DataObject, is_masked: bool) -> None:
    writer = FrameWriter((lambda: KEY) if is_masked else None)
    wire = b"".join(writer.render(WSMsgType.BINARY, payload) for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    portions = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    expected = [(FIN | 2, payload) for payload in payloads]
    assert read(reader(is_masked=is_masked), wire) == expected
    assert read(reader(is_masked=is_masked), *portions) == expected
    assert read(reader(is_masked=is_masked), *byte_by_byte(wire)) == expected


@given(st.lists(st.tuples(st.sampled_from([2, 9, 10]), st.binary(max_size=125)), max_size=6))
def test_wsproto_reads_the_same_frames(frames: Frames) -> None:
    wire = b"".join(client_frame(opcode, payload) for opcode, payload in frames)
    peer = FrameProtocol(client=False, extensions=[])
    peer.receive_bytes(wire)
    theirs = [(FIN | frame.opcode, frame.payload) for frame in peer.received_frames()]
    assert read(reader(), wire) == theirs


def test_frames_that_come_together_are_taken_one_by_one() -> None:
    frames = reader()
    frames.feed(client_frame(1, b"a") + client_frame(9) + client_frame(2, b"b")[:-1])
    assert frames.next_frame() == (0x81, b"a")
    assert frames.next_frame() == (0x89, b"")
    assert frames.next_frame() is None
    frames.feed(client_frame(2, b"b")[-1:] + client_frame(1, b"c"))
    assert frames.next_frame() == (0x82, b"b")
    assert frames.next_frame() == (0x81, b"c")


REFUSED = {
    "RSV1 without an extension": (b"\xc1\x80", "reserved bits 0x40"),
    "RSV2": (b"\xa1\x80", "reserved bits 0x20"),
    "RSV3": (b"\x91\x80", "reserved bits 0x10"),
    "data opcode 3": (b"\x83\x80", "opcode 0x3, which is reserved"),
    "data opcode 7": (b"\x87\x80", "opcode 0x7, which is reserved"),
    "control opcode 11": (b"\x8b\x80", "opcode 0xb, which is reserved"),
    "control opcode 15": (b"\x8f\x80", "opcode 0xf, which is reserved"),
    "no mask": (b"\x81\x01x", "without a mask"),
    "fragmented ping": (b"\x09\x80", "fragmented control frame"),
    "fragmented close": (b"\x08\x80", "fragmented control frame"),
    "long ping": (b"\x89\xfe\x00\x7e", "control frame of more than 125 bytes"),
    "16 bits for a short length": (b"\x82\xfe\x00\x7d", "length 125 in 2 bytes"),
    "64 bits for a short length": (b"\x82\xff" + struct.pack("!Q", 65535), "length 65535 in 8 bytes"),
    "highest bit of 64": (b"\x82\xff" + struct.pack("!Q", 2**63), "wanted less than 2\\*\\*63"),
}


@pytest.mark.parametrize(("wire", "what"), REFUSED.values(), ids=REFUSED)
def test_a_head_that_breaks_the_protocol_is_refused(wire: bytes, what: str) -> None:
    for portions in ([wire], list(byte_by_byte(wire))):
        with pytest.raises(WebSocketError, match=what) as caught:
            read(reader(), *portions)
        assert caught.value.code == 1002


def test_a_masked_frame_of_a_server_is_refused() -> None:
    with pytest.raises(WebSocketError, match="frame masked") as caught:
        read(reader(is_masked=False), client_frame(1, b"x"))
    assert caught.value.code == 1002


@pytest.mark.parametrize("first", [0xC1, 0x41, 0xC2, 0x42])
def test_the_first_frame_of_a_compressed_message_says_so(first: int) -> None:
    assert read(reader(may_be_compressed=True), bytes([first, 0x80]) + KEY) == [(first, b"")]


@pytest.mark.parametrize("first", [0xC0, 0x40, 0xC8, 0xC9])
def test_continuations_and_control_frames_are_never_marked_compressed(first: int) -> None:
    with pytest.raises(WebSocketError, match="reserved bits"):
        read(reader(may_be_compressed=True), bytes([first, 0x80]) + KEY)


def test_a_frame_beyond_the_limit_is_refused_by_its_head() -> None:
    frames = reader(max_bytes=1000)
    assert read(frames, client_frame(2, b"x" * 1000)) == [(0x82, b"x" * 1000)]
    with pytest.raises(WebSocketError, match="frame of 1001 bytes") as caught:
        read(frames, client_frame(2, b"x" * 1001)[:4])
    assert caught.value.code == 1009


def test_control_frames_are_not_counted_against_the_limit() -> None:
    assert read(reader(max_bytes=3), client_frame(9, b"ping")) == [(0x89, b"ping")]


def test_an_announced_length_takes_no_memory_before_it_comes() -> None:
    frames = reader(max_bytes=2**62)
    assert read(frames, b"\x82\xff" + struct.pack("!Q", 2**62) + KEY + b"x" * 10) == []


@pytest.mark.parametrize("payload", [bytearray(b"abc"), memoryview(b"abc")])
def test_all_kinds_of_bytes_can_be_sent(payload: bytearray | memoryview) -> None:
    assert FrameWriter(None).render(2, payload) == b"\x82\x03abc"


def test_a_view_of_larger_items_is_sent_byte_by_byte() -> None:
    assert FrameWriter(None).render(2, memoryview(b"abcdefgh").cast("I")) == b"\x82\x08abcdefgh"


def test_each_frame_of_a_client_has_a_key_of_its_own() -> None:
    keys = iter([b"abcd", b"efgh"])
    writer = FrameWriter(lambda: next(keys))
    assert writer.render(1, b"")[2:6] == b"abcd"
    assert writer.render(1, b"")[2:6] == b"efgh"


def test_a_control_frame_that_is_too_long_is_never_sent() -> None:
    assert len(FrameWriter(None).render(WSMsgType.PING, b"x" * 125)) == 127
    with pytest.raises(ValueError, match="control frame of 126 bytes; the limit is 125"):
        FrameWriter(None).render(WSMsgType.PING, b"x" * 126)


def test_data_is_compressed_where_agreed_upon_and_control_frames_never() -> None:
    writer = FrameWriter(None, Deflater())
    assert writer.render(1, b"Hello")[0] == 0xC1
    assert writer.render(9, b"Hello") == b"\x89\x05Hello"
    assert writer.render(1, b"Hello", compress=0) == b"\x81\x05Hello"
    assert FrameWriter(None).render(1, b"Hello", compress=9) == b"\x81\x05Hello"
