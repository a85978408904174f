"""HPACK header blocks (RFC 7541); oracle: the hpack library.

The input is blocks that follow each other on one connection. Each begins with the octet of its length; 255 instead says
that settings were acknowledged, with a table of 16 times the next octet.
"""

import hpack
from hpack.exceptions import HPACKError

from trunkline.wire.errors import CompressionFault, FieldsTooLong
from trunkline.wire.h2.hpack_decoder import Decoder
from trunkline.wire.h2.hpack_encoder import Encoder

Fields = list[tuple[str, str]]

_SETTINGS = 0xFF
_TABLE_UNIT = 16
# hpack takes integers of more than ten octets, and does not ask for the smallest of several settings (RFC 7541 §4.2).
_STRICTER = "integer of more than 10 octets", "was due"


def check(data: bytes) -> None:
    """Blocks are read as hpack reads them, until one cannot be decoded; what was read can be sent on."""
    decoder, peer, encoder, reader = Decoder(), hpack.Decoder(), Encoder(), hpack.Decoder()
    at = 0
    while at < len(data) - 1:
        length, at = data[at], at + 1
        if length == _SETTINGS:
            table_bytes, at = data[at] * _TABLE_UNIT, at + 1
            decoder.max_table_bytes = peer.max_allowed_table_size = reader.max_allowed_table_size = table_bytes
            encoder.resize(table_bytes)
            continue
        block, at = data[at : at + length], at + length
        try:
            fields = decoder.decode(block)
        except (CompressionFault, FieldsTooLong) as error:
            _check_refused(peer, block, error)
            return
        assert fields == _read(peer, block), "hpack reads it otherwise"
        assert fields == _read(reader, encoder.encode(fields)), "hpack reads what we send on otherwise"


def _read(peer: hpack.Decoder, block: bytes) -> Fields:
    return [
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
        for name, value in peer.decode(block, raw=True)
    ]


def _check_refused(peer: hpack.Decoder, block: bytes, error: Exception) -> None:
    try:
        fields = _read(peer, block)
    except HPACKError:
        return
    assert any(words in str(error) for words in _STRICTER), f"{error}, but hpack reads {fields}"
