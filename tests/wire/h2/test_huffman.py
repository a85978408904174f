"""The Huffman code, compared with hpack's; what RFC 7541 §5.2 forbids is refused."""

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given, strategies as st

from trunkline.wire.errors import CompressionFault
from trunkline.wire.h2 import huffman

ORACLE = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

# RFC 7541 §5.2 and appendix B.
FAULTS = {
    "EOS": "ffffffff",
    "EOS behind a character": "1fffffffff",
    "EOS and a character behind it": "fffffffc1f",
    "an octet of padding": "1fff",
    "eight bits of padding": "f8ff",  # "&" takes eight
    "padding of zeros": "18",
    "padding that ends in a zero": "1e",
    "padding that begins with a zero": "1b",
    "a code cut short": "fe",
    "a code of 30 bits cut short": "ffffff",
}


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_has_the_code_of_appendix_b(octet: int) -> None:
    data = bytes([octet])
    assert huffman.encode(data) == ORACLE.encode(data)
    assert huffman.decode(huffman.encode(data)) == data


@given(st.binary(max_size=300))
def test_what_is_encoded_comes_back_and_is_what_hpack_encodes(data: bytes) -> None:
    coded = huffman.encode(data)
    assert coded == ORACLE.encode(data)
    assert huffman.decode(coded) == data


@given(st.binary(max_size=100))
def test_what_can_be_decoded_was_encoded_so(coded: bytes) -> None:
    try:
        data = huffman.decode(coded)
    except CompressionFault:
        return
    assert huffman.encode(data) == coded  # §5.2 leaves no choice: a code for each octet, and ones


def test_nothing_is_coded_as_nothing() -> None:
    assert huffman.encode(b"") == huffman.decode(b"") == b""


@pytest.mark.parametrize("padding", range(8))
def test_padding_of_up_to_seven_ones_is_taken(padding: int) -> None:
    text = next(b"0" * count for count in range(1, 9) if -5 * count % 8 == padding)
    assert huffman.encode(text)[-1] & (1 << padding) - 1 == (1 << padding) - 1
    assert huffman.decode(huffman.encode(text)) == text


@pytest.mark.parametrize("coded", FAULTS.values(), ids=FAULTS.keys())
def test_what_section_5_2_forbids_is_a_fault(coded: str) -> None:
    with pytest.raises(CompressionFault, match="Huffman"):
        huffman.decode(bytes.fromhex(coded))
