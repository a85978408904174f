"""Encoding header blocks: which representation a field gets, size updates, and what the hpack library makes of it."""

from collections.abc import Iterator

import hpack
import pytest
from hypothesis import given, settings, strategies as st

from tests.memory import MIB, peak_below
from tests.wire.h2.hpack_cases import FIELD_LISTS, TABLE_SIZES, Fields, as_text, contents
from trunkline.wire.h2.hpack_decoder import Decoder
from trunkline.wire.h2.hpack_encoder import Encoder

REQUEST = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "www.example.com"),
    (":path", "/items?page=7"),
    ("user-agent", "trunkline/0.1"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate"),
    ("cookie", "id=1234567890"),
]

# RFC 7541 §6: a field, the first octet of its representation, and whether the table has it afterwards.
REPRESENTATIONS: dict[str, tuple[tuple[str, str], int, bool]] = {
    "§6.1: a field of the static table": ((":method", "GET"), 0x82, False),
    "§6.1: with an empty value": (("accept", ""), 0x93, False),
    "§6.1: a path of the static table": ((":path", "/"), 0x84, False),
    "§6.2.1: with a name of the static table": (("user-agent", "x"), 0x7A, True),
    "§6.2.1: with the lowest index of its name": ((":method", "PUT"), 0x42, True),
    "§6.2.1: with a name of its own": (("x-a", "x"), 0x40, True),
    "§6.2.2: a path": ((":path", "/a"), 0x04, False),
    "§6.2.2: content-length": (("content-length", "12"), 0x0F, False),
    "§6.2.2: a name of its own that changes": (("traceparent", "00-1"), 0x00, False),
    "§6.2.2: half as large as the table": (("x-a", "x" * (2048 - 35)), 0x00, False),
    "§6.2.1: a bit smaller": (("x-a", "x" * (2047 - 35)), 0x40, True),
    "§7.1.3: authorization": (("authorization", "Basic eDp5"), 0x1F, False),
    "§7.1.3: proxy-authorization": (("proxy-authorization", "Basic eDp5"), 0x1F, False),
    "§7.1.3: cookie": (("cookie", "a=b"), 0x1F, False),
    "§7.1.3: set-cookie": (("set-cookie", "a=b"), 0x1F, False),
}


@pytest.mark.parametrize(("field", "first", "is_added"), REPRESENTATIONS.values(), ids=REPRESENTATIONS.keys())
def test_each_field_has_the_representation_that_suits_it(field: tuple[str, str], first: int, is_added: bool) -> None:
    encoder, decoder = Encoder(), Decoder()
    block = encoder.encode([field])
    assert block[0] == first
    assert decoder.decode(block) == [field]
    assert contents(decoder) == ([field] if is_added else [])
    again = encoder.encode([field])
    assert again == (b"\xbe" if is_added else block)


# RFC 7541 appendix C.1 and C.4: bytes that leave no choice.
EXACT: dict[str, tuple[Fields, str]] = {
    "C.4.1": (
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    ),
    "C.4.3": ([("custom-key", "custom-value")], "408825a849e95ba97d7f8925a849e95bb8e8b4bf"),
    "§5.2: plain where Huffman is no shorter": ([("x", "#")], "4001780123"),
    "§5.2: an empty value": ([("x", "")], "40017800"),
    "§5.1: a length beyond its prefix": ([("x", "#" * 127)], "4001787f00" + "23" * 127),
    "§5.1: a length of two octets more": ([("x", "#" * 400)], "4001787f9102" + "23" * 400),
}


@pytest.mark.parametrize(("fields", "block"), EXACT.values(), ids=EXACT.keys())
def test_blocks_that_leave_no_choice(fields: Fields, block: str) -> None:
    assert Encoder().encode(fields).hex() == block


def test_a_usual_request_is_short_the_second_time() -> None:
    encoder, decoder = Encoder(), Decoder()
    first, second = encoder.encode(REQUEST), encoder.encode(REQUEST)
    assert decoder.decode(first) == decoder.decode(second) == REQUEST
    literals = Encoder().encode([field for field in REQUEST if field[0] in {":path", "cookie"}])
    assert len(second) == len(literals) + len(REQUEST) - 2  # an octet for each of the others
    assert encoder.encode(REQUEST) == second


def test_a_name_is_found_in_the_dynamic_table() -> None:
    encoder = Encoder()
    encoder.encode([("x-a", "1"), ("x-b", "1")])
    assert encoder.encode([("x-a", "2")])[0] == 0x40 | 63


def test_a_name_is_found_no_more_once_its_entries_are_dropped() -> None:
    encoder, decoder = Encoder(), Decoder()
    decoder.decode(encoder.encode([("x-a", "1"), ("x-a", "2")]))
    for number in range(200):
        decoder.decode(encoder.encode([("x-b", str(number))]))
    block = encoder.encode([("x-a", "1")])
    assert block[0] == 0x40
    assert decoder.decode(block) == [("x-a", "1")]


# RFC 7541 §4.2: settings of the peer between two blocks, and the size updates at the start of the next.
RESIZES = {
    "none": ([], ""),
    "the size in use": ([4096], ""),
    "larger than we want": ([65536], ""),
    "smaller": ([100], "3f45"),
    "nothing": ([0], "20"),
    "smaller, then as before": ([100, 4096], "3f453fe11f"),
    "smaller, then larger than we want": ([100, 65536], "3f453fe11f"),
    "smaller in two steps": ([200, 100], "3f45"),
    "the smallest, then the last": ([200, 10, 100], "2a3f45"),
    "smaller, and the same again": ([100, 100], "3f45"),
}


@pytest.mark.parametrize(("sizes", "updates"), RESIZES.values(), ids=RESIZES.keys())
def test_the_next_block_begins_with_the_size_updates_due(sizes: list[int], updates: str) -> None:
    encoder = Encoder()
    for size in sizes:
        encoder.resize(size)
    assert encoder.encode([(":method", "GET")]).hex() == updates + "82"
    assert encoder.encode([(":method", "GET")]).hex() == "82"


def test_what_has_no_room_in_the_peers_table_is_not_added() -> None:
    encoder, decoder = Encoder(), Decoder()
    encoder.resize(80)
    for _ in range(2):
        assert decoder.decode(encoder.encode(REQUEST)) == REQUEST
    assert contents(decoder) == []


def test_lists_that_cannot_be_encoded_leave_both_tables_in_step() -> None:
    def broken() -> Iterator[tuple[str, str]]:
        yield ("x-b", "2")
        raise LookupError

    encoder, decoder = Encoder(), Decoder()
    decoder.decode(encoder.encode([("x-a", "1")]))
    with pytest.raises(UnicodeEncodeError):
        encoder.encode([("x-b", "2"), ("x-c", "\ud800")])
    with pytest.raises(LookupError):
        encoder.encode(broken())
    encoder.resize(1000)
    for _ in range(2):
        assert decoder.decode(encoder.encode([("x-a", "1"), ("x-b", "2")])) == [("x-a", "1"), ("x-b", "2")]
    assert contents(decoder) == [("x-b", "2"), ("x-a", "1")]


def test_what_an_encoder_keeps_is_bounded() -> None:
    encoder = Encoder()
    encoder.encode(REQUEST)
    with peak_below(MIB):
        for number in range(5000):
            encoder.encode([(":path", f"/{number}/{'x' * 200}"), ("x-a", str(number)), ("cookie", "c" * number)])


Sent = tuple[Fields, list[int]]


@settings(max_examples=300)
@given(st.lists(st.tuples(FIELD_LISTS, st.lists(TABLE_SIZES, max_size=3)), max_size=8))
def test_hpack_and_we_decode_what_was_encoded_and_tables_stay_in_step(blocks: list[Sent]) -> None:
    encoder, decoder, peer = Encoder(), Decoder(), hpack.Decoder()
    for fields, sizes in blocks:
        for size in sizes:
            encoder.resize(size)
            decoder.max_table_bytes = peer.max_allowed_table_size = size
        block = encoder.encode(fields)
        assert decoder.decode(block) == as_text(peer.decode(block, raw=True)) == fields
    assert contents(decoder) == as_text(peer.header_table.dynamic_entries)
