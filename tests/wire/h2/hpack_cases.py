"""Field lists to encode, and a look into a decoder's table from outside."""

from collections.abc import Iterable, Iterator

from hypothesis import strategies as st

from trunkline.wire.errors import CompressionFault
from trunkline.wire.h2.hpack_decoder import Decoder

Fields = list[tuple[str, str]]

NAMES = st.sampled_from(
    [":method", ":path", ":authority", ":status", "accept", "authorization", "content-length", "cookie", "date", "x-a"]
) | st.text("abcdefghijklmnopqrstuvwxyz-0189_", min_size=1, max_size=20)
VALUES = st.sampled_from(["", "GET", "/", "200", "gzip, deflate", "é", "\udcff"]) | st.text(
    st.characters(codec="utf-8"), max_size=60
)
FIELD_LISTS = st.lists(st.tuples(NAMES, VALUES), max_size=12)
TABLE_SIZES = st.sampled_from([0, 1, 31, 32, 64, 100, 256, 4095, 4096, 4097, 65536])


def as_text(fields: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return what the hpack library decoded as we decode it."""
    return [(name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in fields]


def contents(decoder: Decoder) -> Fields:
    """Return what is in the dynamic table, newest first, by asking for one index after the other."""
    return list(_entries(decoder))


def _entries(decoder: Decoder) -> Iterator[tuple[str, str]]:
    for index in range(62, 62 + 2048):
        try:
            yield from decoder.decode(indexed(index))
        except CompressionFault:
            return


def indexed(index: int) -> bytes:
    """Return the indexed field of RFC 7541 §6.1."""
    if index < 127:
        return bytes([0x80 | index])
    rest = index - 127
    return bytes([0xFF, rest]) if rest < 128 else bytes([0xFF, 0x80 | rest & 0x7F, rest >> 7])
