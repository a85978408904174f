"""permessage-deflate: the RFC's examples, round trips with and without context, bounds."""

import os
import tracemalloc
import zlib

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import MAX_FINAL_BLOCKS
from trunkline.wire.ws.deflate import Deflater, Inflater

PLENTY = 2**30


@pytest.mark.parametrize(
    "wire",
    [
        b"\xf2\x48\xcd\xc9\xc9\x07\x00",  # RFC 7692 §7.2.3.1
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",  # §7.2.3.3: stored
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",  # §7.2.3.4: marked as the last block
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",  # §7.2.3.5: two blocks
    ],
)
def test_the_examples_of_the_rfc(wire: bytes) -> None:
    assert Inflater().inflate(wire, PLENTY) == b"Hello"


def test_the_example_of_a_shared_window() -> None:
    inflater = Inflater()  # RFC 7692 §7.2.3.2
    assert inflater.inflate(b"\xf2\x48\xcd\xc9\xc9\x07\x00", PLENTY) == b"Hello"
    assert inflater.inflate(b"\xf2\x00\x11\x00\x00", PLENTY) == b"Hello"


def test_we_compress_as_the_rfc_does() -> None:
    deflater = Deflater()
    assert deflater.deflate(b"Hello") == b"\xf2\x48\xcd\xc9\xc9\x07\x00"
    assert deflater.deflate(b"Hello") == b"\xf2\x00\x11\x00\x00"


@pytest.mark.parametrize("keeps_context", [True, False])
@pytest.mark.parametrize("window_bits", range(9, 16))
@given(messages=st.lists(st.binary(max_size=2000), max_size=5))
def test_round_trip(window_bits: int, keeps_context: bool, messages: list[bytes]) -> None:
    deflater = Deflater(window_bits, keeps_context=keeps_context)
    inflater = Inflater(keeps_context=keeps_context)
    for message in messages:
        assert inflater.inflate(deflater.deflate(message), PLENTY) == message


@given(st.lists(st.tuples(st.binary(max_size=500), st.sampled_from([None, 1, 6, 9, 15])), max_size=8))
def test_a_message_of_another_level_leaves_the_context_sound(messages: list[tuple[bytes, int | None]]) -> None:
    deflater, inflater = Deflater(), Inflater()
    for message, level in messages * 2:  # twice: the second row refers to the first
        assert inflater.inflate(deflater.deflate(message, level), PLENTY) == message


def test_a_kept_context_makes_the_second_message_small() -> None:
    message = os.urandom(1000)
    keeping, forgetting = Deflater(), Deflater(keeps_context=False)
    assert [len(keeping.deflate(message)) > 1000, len(keeping.deflate(message)) < 50] == [True, True]
    assert [len(forgetting.deflate(message)) > 1000 for _ in range(2)] == [True, True]


def test_a_small_window_is_kept_to() -> None:
    block = os.urandom(512)
    wire = Deflater(9).deflate(block + os.urandom(1024) + block)
    assert len(Inflater().inflate(wire, PLENTY)) == 2048
    stream = zlib.decompressobj(-9)
    assert len(stream.decompress(wire + b"\0\0\xff\xff")) == 2048


def test_empty_messages_are_one_byte_each() -> None:
    deflater, inflater = Deflater(), Inflater()
    for message in (b"", b"a", b"", b"", b"a"):
        wire = deflater.deflate(message)
        assert message or wire == b"\0"
        assert inflater.inflate(wire, PLENTY) == message


def test_a_message_may_be_as_large_as_the_limit_and_no_larger() -> None:
    wire = Deflater(keeps_context=False).deflate(b"x" * 1000)
    assert Inflater().inflate(wire, 1000) == b"x" * 1000
    with pytest.raises(WebSocketError, match="come to more than 999") as caught:
        Inflater().inflate(wire, 999)
    assert caught.value.code == 1009


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = Deflater().deflate(bytes(200 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(WebSocketError, match="come to more than"):
            Inflater().inflate(bomb, 4 * 2**20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * 2**20


def test_several_streams_in_a_message_are_joined() -> None:
    stream = zlib.compressobj(wbits=-15)
    part = stream.compress(b"part") + stream.flush()
    assert Inflater().inflate(part * 3 + b"\0", PLENTY) == b"partpartpart"


def test_an_endless_row_of_streams_is_refused() -> None:
    with pytest.raises(WebSocketError, match="last blocks"):
        Inflater().inflate(b"\x03\x00" * (MAX_FINAL_BLOCKS + 1), PLENTY)


@pytest.mark.parametrize("wire", [b"\xff\xff\xff", b"\x06\x00", b"\xf2\x00\x11\x00\x00"])
def test_damage_is_refused(wire: bytes) -> None:
    with pytest.raises(WebSocketError, match="damaged compressed message") as caught:
        Inflater().inflate(wire, PLENTY)
    assert caught.value.code == 1007


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_our_error(wire: bytes) -> None:
    try:
        assert len(Inflater().inflate(wire, 1000)) <= 1000
    except WebSocketError:
        pass
