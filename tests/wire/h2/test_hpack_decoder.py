"""Decoding header blocks: RFC 7541's examples and MUSTs, bounds, and any bytes as the hpack library reads them."""

import hpack
import pytest
from hpack.exceptions import HPACKError
from hypothesis import given, settings, strategies as st

from tests.memory import peak_below
from tests.wire.h2.hpack_cases import FIELD_LISTS, TABLE_SIZES, Fields, as_text, contents
from trunkline.wire.errors import CompressionFault, FieldsTooLong
from trunkline.wire.h2.hpack_decoder import Decoder
from trunkline.wire.limits import H2_MAX_FIELD_LIST_BYTES, MAX_CACHED_BLOCKS

GET_HTTP = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
AUTHORITY = (":authority", "www.example.com")
NO_CACHE = ("cache-control", "no-cache")
CUSTOM_HEADER = ("custom-key", "custom-header")
CUSTOM = ("custom-key", "custom-value")
THIRD_REQUEST = [(":method", "GET"), (":scheme", "https"), (":path", "/index.html"), AUTHORITY, CUSTOM]
PRIVATE = ("cache-control", "private")
FIRST_DATE = ("date", "Mon, 21 Oct 2013 20:13:21 GMT")
LAST_DATE = ("date", "Mon, 21 Oct 2013 20:13:22 GMT")
LOCATION = ("location", "https://www.example.com")
GZIP = ("content-encoding", "gzip")
COOKIE = ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1")

Step = tuple[str, Fields, Fields]  # a block in hexadecimal, its fields, and the table after it
REQUESTS = [
    [*GET_HTTP, AUTHORITY],
    [*GET_HTTP, AUTHORITY, NO_CACHE],
    THIRD_REQUEST,
]
REQUEST_TABLES = [[AUTHORITY], [NO_CACHE, AUTHORITY], [CUSTOM, NO_CACHE, AUTHORITY]]
RESPONSES = [
    [(":status", "302"), PRIVATE, FIRST_DATE, LOCATION],
    [(":status", "307"), PRIVATE, FIRST_DATE, LOCATION],
    [(":status", "200"), PRIVATE, LAST_DATE, LOCATION, GZIP, COOKIE],
]
RESPONSE_TABLES = [
    [LOCATION, FIRST_DATE, PRIVATE, (":status", "302")],
    [(":status", "307"), LOCATION, FIRST_DATE, PRIVATE],
    [COOKIE, GZIP, LAST_DATE],
]


def steps(blocks: list[str], fields: list[Fields], tables: list[Fields]) -> list[Step]:
    return list(zip(blocks, fields, tables, strict=True))


# RFC 7541 appendix C: the size of the table, and what comes over one connection.
EXAMPLES: dict[str, tuple[int, list[Step]]] = {
    "C.2.1": (
        4096,
        steps(["400a637573746f6d2d6b65790d637573746f6d2d686561646572"], [[CUSTOM_HEADER]], [[CUSTOM_HEADER]]),
    ),
    "C.2.2": (4096, [("040c2f73616d706c652f70617468", [(":path", "/sample/path")], [])]),
    "C.2.3": (4096, [("100870617373776f726406736563726574", [("password", "secret")], [])]),
    "C.2.4": (4096, [("82", [(":method", "GET")], [])]),
    "C.3": (
        4096,
        steps(
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            REQUESTS,
            REQUEST_TABLES,
        ),
    ),
    "C.4": (
        4096,
        steps(
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
            REQUESTS,
            REQUEST_TABLES,
        ),
    ),
    "C.5": (
        256,
        steps(
            [
                "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
                "6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
                "4803333037c1c0bf",
                "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d"
                "4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273"
                "696f6e3d31",
            ],
            RESPONSES,
            RESPONSE_TABLES,
        ),
    ),
    "C.6": (
        256,
        steps(
            [
                "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97"
                "c8e9ae82ae43d3",
                "4883640effc1c0bf",
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd"
                "5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            ],
            RESPONSES,
            RESPONSE_TABLES,
        ),
    ),
}


@pytest.mark.parametrize(("max_table_bytes", "story"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_examples_of_appendix_c_decode_and_leave_their_table(max_table_bytes: int, story: list[Step]) -> None:
    decoder = Decoder(max_table_bytes)
    for block, fields, table in story:
        assert decoder.decode(bytes.fromhex(block)) == fields
        assert contents(decoder) == table


# RFC 7541 appendix C.1, as the length of a plain string: 0x7f begins an integer of 7 bits, 0x1f one of 5.
INTEGERS = {
    "C.1.1: 10 in 5 bits": ("2a", 10),
    "C.1.2: 1337 in 5 bits": ("3f9a0a", 1337),
    "all ones, and nothing to add": ("3f00", 31),
    "zeros that say nothing": ("3f9a8a808000", 1337),
    "zeros up to the bound": ("3f" + "80" * 8 + "00", 31),
}


@pytest.mark.parametrize(("block", "value"), INTEGERS.values(), ids=INTEGERS.keys())
def test_integers_are_read_as_section_5_1_says(block: str, value: int) -> None:
    """A size update carries an integer of 5 bits: it is taken up to its value, and refused below it."""
    assert Decoder(value).decode(bytes.fromhex(block)) == []
    with pytest.raises(CompressionFault, match=f"update to {value} "):
        Decoder(value - 1).decode(bytes.fromhex(block))


FAULTS = {
    "§2.3.3: an index beyond both tables": ("be", "index 62"),
    "§2.3.3: a far index": ("ffffffff0f", "index"),
    "§2.3.3: a name's index beyond both tables": ("7f000161", "index 63"),
    "§6.1: index 0": ("80", "index 0"),
    "§5.1: an integer beyond 32 bits": ("ff81ffffff0f", "integer 4294967296"),
    "§5.1: an integer of 11 octets": ("ff" + "80" * 9 + "00", "more than 10 octets"),
    "§5.1: an integer without end": ("ff" + "ff" * 100, "more than 10 octets"),
    "§5.1: the block ends in an index": ("ff", "within an integer"),
    "§5.1: the block ends in a longer index": ("ff8080", "within an integer"),
    "§5.2: the block ends before a name": ("40", "string should begin"),
    "§5.2: the block ends before a value": ("400161", "string should begin"),
    "§5.2: the block ends in a name": ("400361", "string of 3 octets"),
    "§5.2: the block ends in a value": ("00016103 62", "string of 3 octets"),
    "§5.2: the block ends in a string's length": ("007f", "within an integer"),
    "§5.2: EOS in a string": ("4184ffffffff", "EOS"),
    "§5.2: padding of zeros": ("418118", "padding"),
    "§5.2: eight bits of padding": ("4182f8ff", "padding"),
    "§5.2: EOS in a value that is never indexed": ("1184ffffffff", "EOS"),
    "§4.2: a size update after a field": ("8220", "after a field"),
    "§6.3: a size update beyond the limit": ("3fe21f", "4097"),
    "§6.3: a size update whose integer is cut": ("3f", "within an integer"),
}


@pytest.mark.parametrize(("block", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_decoded_is_a_fault(block: str, message: str) -> None:
    with pytest.raises(CompressionFault, match=message):
        Decoder().decode(bytes.fromhex(block))


# RFC 7541: what has to be taken, in blocks that follow each other on a connection.
TAKEN: dict[str, tuple[list[str], Fields, Fields]] = {
    "§2.3.3: the last static entry": (["bd"], [("www-authenticate", "")], []),
    "§4.2: several size updates at the start": (["203fe11f82"], [(":method", "GET")], []),
    "§4.3: a smaller table drops the oldest": (["40016101414001620142", "3f03"], [], [("b", "B")]),
    "§4.4: an entry larger than the table empties it": (
        ["2a", "40016101414001620142", "3f10", "4001630143", "4028" + "78" * 40 + "00"],
        [("x" * 40, "")],
        [],
    ),
    "§4.4: the name of the entry that is dropped for it": (
        ["3f03", "4001610141", "7e0142"],
        [("a", "B")],
        [("a", "B")],
    ),
    "§2.3.2: the same entry twice": (["40016101414001610141"], [("a", "A")] * 2, [("a", "A")] * 2),
    "§6.2.2: without indexing, the table is as it was": (["0001610141"], [("a", "A")], []),
    "§6.2.3: never indexed, the table is as it was": (["1001610141"], [("a", "A")], []),
    "§6.2.1: an empty value": (["40016100"], [("a", "")], [("a", "")]),
    "§5.2: an empty Huffman string": (["40016180"], [("a", "")], [("a", "")]),
    "an empty block": ([""], [], []),
    "a value of UTF-8": (["000161 02c3a9"], [("a", "é")], []),
    "a value that is no UTF-8": (["000161 01ff"], [("a", "\udcff")], []),
    "a name that is no name, for others to refuse": (["0002c3a9 0141"], [("Ã©", "A")], []),
}


@pytest.mark.parametrize(("blocks", "fields", "table"), TAKEN.values(), ids=TAKEN.keys())
def test_what_rfc_7541_allows_is_taken(blocks: list[str], fields: Fields, table: Fields) -> None:
    decoder = Decoder()
    for block in blocks:
        found = decoder.decode(bytes.fromhex(block))
    assert (found, contents(decoder)) == (fields, table)


# §4.2: what we announced, one after the other; the next block; whether it is taken.
UPDATES: dict[str, tuple[list[int], str, bool]] = {
    "lowered, and not acknowledged": ([100], "82", False),
    "lowered, and an empty block": ([100], "", False),
    "lowered to nothing, and not acknowledged": ([0], "82", False),
    "lowered, and acknowledged": ([100], "3f4582", True),
    "lowered, and the peer takes less": ([100], "2082", True),
    "lowered, and acknowledged after a field": ([100], "823f45", False),
    "raised": ([65536], "82", True),
    "lowered and raised, and only the last acknowledged": ([100, 4096], "3fe11f82", False),
    "lowered and raised, and both acknowledged": ([100, 4096], "3f453fe11f82", True),
    "lowered and raised, and the lowest acknowledged": ([100, 4096], "3f4582", True),
    "lowered twice, and acknowledged": ([200, 100], "3f4582", True),
    "lowered below a size that the peer does not use": ([4096], "82", True),
}


@pytest.mark.parametrize(("announced", "block", "is_taken"), UPDATES.values(), ids=UPDATES.keys())
def test_a_lower_limit_is_acknowledged_by_the_next_block(announced: list[int], block: str, is_taken: bool) -> None:
    decoder = Decoder()
    for fill in (b"\x82", b"\x40\x01a\x01A"):  # one is remembered, one in the table
        decoder.decode(fill)
    for max_bytes in announced:
        decoder.max_table_bytes = max_bytes
    assert decoder.max_table_bytes == announced[-1]
    if is_taken:
        assert decoder.decode(bytes.fromhex(block)) == [(":method", "GET")]
        assert decoder.decode(b"\x82") == [(":method", "GET")]  # only the first block after the change owes it
    else:
        with pytest.raises(CompressionFault, match=r"§4\.2"):
            decoder.decode(bytes.fromhex(block))


def test_a_table_above_4096_octets_is_used_once_the_peer_says_so() -> None:
    decoder = Decoder(max_table_bytes=8192)
    large = b"\x40\x01a\x7f\xc1\x26" + b"x" * 5056  # 127 and 4929: an entry of 5089
    decoder.decode(large)
    assert contents(decoder) == []
    decoder.decode(b"\x3f\xe1\x3f" + large)
    assert contents(decoder) == [("a", "x" * 5056)]


def test_a_remembered_block_means_what_the_table_says_now() -> None:
    decoder = Decoder()
    for letter in "abcabc":
        decoder.decode(b"\x40\x01" + letter.encode() + b"\x00")
        for _ in range(3):
            assert decoder.decode(b"\xbe") == [(letter, "")]
    decoder.decode(b"\x20")
    with pytest.raises(CompressionFault):
        decoder.decode(b"\xbe")


def test_every_list_is_the_callers_own() -> None:
    decoder = Decoder()
    for _ in range(3):
        fields = decoder.decode(b"\x82")
        assert fields == [(":method", "GET")]
        fields.append(("a", "b"))


def test_more_blocks_than_are_remembered_decode_the_same() -> None:
    decoder = Decoder()
    blocks = [b"\x00\x01a\x02" + b"%02d" % number for number in range(2 * MAX_CACHED_BLOCKS)]
    for _ in range(2):
        assert [decoder.decode(block)[0][1] for block in blocks] == [f"{n:02}" for n in range(len(blocks))]


CODED = bytes.fromhex("0001618cf1e3c2e5f23a6ba0ab90f4ff")  # the fifteen characters of www.example.com in twelve octets

# RFC 9113 §6.5.2: name, value and 32 octets a field. Bounds, a block, and whether its list is within them.
BOUNDS: dict[str, tuple[int, int, bytes, bool]] = {
    "as long as may be": (2 * 42, 9, b"\x82\x82", True),
    "an octet too long": (2 * 42 - 1, 9, b"\x82\x82", False),
    "octets count, not characters": (32 + 3, 9, b"\x00\x01a\x02\xc3\xa9", True),
    "octets count, not surrogates": (32 + 2, 9, b"\x00\x01a\x02\xc3\xa9", False),
    "decoded octets count, not those of Huffman": (32 + 16, 9, CODED, True),
    "decoded octets, one too long": (32 + 15, 9, CODED, False),
    "as many as may be": (9999, 3, b"\x82\x82\x82", True),
    "one too many": (9999, 2, b"\x82\x82\x82", False),
}


@pytest.mark.parametrize(("max_list_bytes", "max_fields", "block", "fits"), BOUNDS.values(), ids=BOUNDS.keys())
def test_lists_are_bounded(max_list_bytes: int, max_fields: int, block: bytes, fits: bool) -> None:
    decoder = Decoder(max_list_bytes=max_list_bytes, max_fields=max_fields)
    for _ in range(2):
        if fits:
            assert decoder.decode(block)
        else:
            with pytest.raises(FieldsTooLong, match="field list of"):
                decoder.decode(block)


def test_the_table_stays_in_step_behind_a_list_that_is_too_long() -> None:
    decoder = Decoder(max_fields=1)
    decoder.decode(b"\x40\x01a\x00")
    assert decoder.decode(b"\xbe") == [("a", "")]
    with pytest.raises(FieldsTooLong):
        decoder.decode(b"\x82" * 5 + b"\x40\x01b\x00")
    assert contents(decoder) == [("b", ""), ("a", "")]


def test_a_fault_behind_a_list_that_is_too_long_is_a_fault() -> None:
    with pytest.raises(CompressionFault):
        Decoder(max_fields=1).decode(b"\x82\x82\xbe")


def test_a_bomb_of_references_stays_within_the_bound() -> None:
    decoder = Decoder(max_fields=10**6)
    decoder.decode(b"\x40\x01a\x7f\x81\x1e" + b"x" * 3968)  # an entry of 4001
    with pytest.raises(FieldsTooLong, match=f"and {100_000 * 4001} bytes"), peak_below(4 * H2_MAX_FIELD_LIST_BYTES):
        decoder.decode(b"\xbe" * 100_000)


def test_a_bomb_of_short_fields_stays_within_the_bound() -> None:
    decoder = Decoder()
    with pytest.raises(FieldsTooLong), peak_below(4 * H2_MAX_FIELD_LIST_BYTES):
        decoder.decode(b"\x00\x01a\x00" * 50_000)


def read_by_hpack(peer: hpack.Decoder, block: bytes) -> Fields | None:
    try:
        return as_text(peer.decode(block, raw=True))
    except HPACKError:
        return None


def read_by_us(decoder: Decoder, block: bytes) -> Fields | None:
    try:
        return decoder.decode(block)
    except (CompressionFault, FieldsTooLong):
        return None


PIECES = [b"\x82", b"\xbe", b"\xbf", b"\x40\x01a\x01b", b"\x7e\x81\x1f", b"\x0f\x2f\x01x", b"\x20", b"\x3f\x45"]
ANY_BLOCK = st.binary(max_size=60) | st.lists(st.sampled_from(PIECES) | st.binary(max_size=3)).map(b"".join)


@settings(max_examples=300)
@given(st.lists(ANY_BLOCK, max_size=5))
def test_any_bytes_are_read_as_hpack_reads_them(blocks: list[bytes]) -> None:
    """Both stop at 64 KiB of fields. hpack takes integers of more than ten octets, mostly zeros: those are not made."""
    decoder, peer = Decoder(), hpack.Decoder()
    for block in blocks:
        fields = read_by_us(decoder, block)
        assert fields == read_by_hpack(peer, block)
        if fields is None:
            return
    assert contents(decoder) == as_text(peer.header_table.dynamic_entries)


Sent = tuple[list[tuple[str, str]], bool, int | None]


@settings(max_examples=200)
@given(st.lists(st.tuples(FIELD_LISTS, st.booleans(), st.none() | TABLE_SIZES), max_size=8))
def test_what_hpack_encodes_comes_back(blocks: list[Sent]) -> None:
    peer, decoder = hpack.Encoder(), Decoder()
    for fields, huffman, table_bytes in blocks:
        if table_bytes is not None:
            peer.header_table_size = decoder.max_table_bytes = table_bytes
        wire = peer.encode(
            [(name.encode(), value.encode("utf-8", "surrogateescape"), len(value) % 3 == 0) for name, value in fields],
            huffman=huffman,
        )
        assert decoder.decode(wire) == fields
    assert contents(decoder) == as_text(peer.header_table.dynamic_entries)
