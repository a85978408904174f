"""HPACK decoding: header blocks to field lists (RFC 7541 §3 and §6), one `Decoder` for what one peer sends.

Peers repeat themselves: a block that neither changed the table nor came after a change means what it meant before, and
is looked up whole; short Huffman strings are looked up too, unless they are secret. A block is decoded to its end even
when its list is too long, so that the table stays in step, but what is over the bound is not kept: memory is that of
the bound, time that of the block. Whether names and values may stand in a message is not looked at here.
"""

from functools import lru_cache
from typing import Final

from trunkline.wire.errors import CompressionFault, FieldsTooLong
from trunkline.wire.h2 import huffman
from trunkline.wire.h2.hpack_table import ENTRY_OVERHEAD, SECRET_NAMES, DynamicTable, Entry, Field
from trunkline.wire.limits import (
    H2_MAX_FIELD_LIST_BYTES,
    HPACK_TABLE_BYTES,
    MAX_CACHED_BLOCK_BYTES,
    MAX_CACHED_BLOCKS,
    MAX_CACHED_HUFFMAN_BYTES,
    MAX_CACHED_HUFFMAN_STRINGS,
    MAX_HPACK_INTEGER,
    MAX_HPACK_INTEGER_OCTETS,
    MAX_LISTED_FIELDS,
)

# First octets of the representations of RFC 7541 §6, and the bits of each that begin its integer.
_INDEXED: Final = 0x80  # §6.1
_ADDED: Final = 0x40  # §6.2.1: with incremental indexing
_RESIZED: Final = 0x20  # §6.3
_NEVER_INDEXED: Final = 0x10  # §6.2.3; below it, §6.2.2: without indexing
_INDEX_BITS: Final = 0x7F
_ADDED_BITS: Final = 0x3F
_SIZE_BITS: Final = 0x1F
_NOT_ADDED_BITS: Final = 0x0F
_HUFFMAN: Final = 0x80  # §5.2: in the first octet of a string
_LENGTH_BITS: Final = 0x7F

_decode_short = lru_cache(MAX_CACHED_HUFFMAN_STRINGS)(huffman.decode)


class Decoder:
    """Decodes the header blocks of one peer, in the order in which they came.

    max_table_bytes: the bound of the peer's table that it knows of from the start.
    max_list_bytes, max_fields: of one list, counted as RFC 9113 §6.5.2 counts.
    """

    __slots__ = ("_known", "_max_fields", "_max_list_bytes", "_max_table_bytes", "_owed_bytes", "_table")

    def __init__(
        self,
        max_table_bytes: int = HPACK_TABLE_BYTES,
        max_list_bytes: int = H2_MAX_FIELD_LIST_BYTES,
        max_fields: int = MAX_LISTED_FIELDS,
    ) -> None:
        self._max_table_bytes = max_table_bytes
        self._max_list_bytes = max_list_bytes
        self._max_fields = max_fields
        # A peer that may use more says so before it does (RFC 9113 §6.5.2).
        self._table = DynamicTable(min(max_table_bytes, HPACK_TABLE_BYTES))
        self._owed_bytes: int | None = None  # to which the next block must first shrink the table
        self._known: dict[bytes, list[Field]] = {}  # blocks and their lists, as the table is now

    @property
    def max_table_bytes(self) -> int:
        """The SETTINGS_HEADER_TABLE_SIZE that the peer has acknowledged.

        Once it is below the size in use, the next block has to begin with a size update (RFC 7541 §4.2).
        """
        return self._max_table_bytes

    @max_table_bytes.setter
    def max_table_bytes(self, max_bytes: int) -> None:
        self._max_table_bytes = max_bytes
        if max_bytes < self._table.capacity and (self._owed_bytes is None or max_bytes < self._owed_bytes):
            self._owed_bytes = max_bytes
            self._known.clear()

    def decode(self, block: bytes) -> list[Field]:
        """Decode a whole header block into a list that is the caller's own.

        Raises CompressionFault, after which no other block can be decoded, or FieldsTooLong.
        """
        known = self._known.get(block)
        if known is not None:
            return known.copy()
        changes = self._table.changes
        fields, size, count = self._decode(block)
        if self._table.changes != changes:
            self._known.clear()
        if size > self._max_list_bytes or count > self._max_fields:
            raise FieldsTooLong(
                f"field list of {count} fields and {size} bytes; at most {self._max_fields} and {self._max_list_bytes}"
                " are taken"
            )
        if self._table.changes == changes and len(block) <= MAX_CACHED_BLOCK_BYTES:
            if len(self._known) >= MAX_CACHED_BLOCKS:
                self._known.clear()
            self._known[block] = fields.copy()
        return fields

    def _decode(self, block: bytes) -> tuple[list[Field], int, int]:
        """Return the fields within the bound, and the size and number of all."""
        fields: list[Field] = []
        size = count = 0
        at = self._take_size_updates(block)
        end = len(block)
        while at < end:
            first = block[at]
            if first & _INDEXED:
                index, at = _read_integer(block, at, _INDEX_BITS)
                field, field_size = self._table.entry(index)
            elif first & _ADDED:
                (field, field_size), at = self._read_literal(block, at, _ADDED_BITS)
                self._table.add((field, field_size))
            elif first & _RESIZED:
                raise CompressionFault("table size update after a field; it has to begin the block (RFC 7541 §4.2)")
            else:
                (field, field_size), at = self._read_literal(block, at, _NOT_ADDED_BITS)
            size += field_size
            count += 1
            if size <= self._max_list_bytes and count <= self._max_fields:
                fields.append(field)
        return fields, size, count

    def _take_size_updates(self, block: bytes) -> int:
        """Apply the size updates at the start of `block`; return where they end."""
        at = 0
        lowest = self._table.capacity
        while at < len(block) and block[at] & 0xE0 == _RESIZED:
            capacity, at = _read_integer(block, at, _SIZE_BITS)
            if capacity > self._max_table_bytes:
                raise CompressionFault(
                    f"table size update to {capacity} bytes; the limit is {self._max_table_bytes} (RFC 7541 §6.3)"
                )
            self._table.resize(capacity)
            lowest = min(lowest, capacity)
        if self._owed_bytes is not None and lowest > self._owed_bytes:
            raise CompressionFault(
                f"table of {lowest} bytes; a size update to {self._owed_bytes} or less was due (RFC 7541 §4.2)"
            )
        self._owed_bytes = None
        return at

    def _read_literal(self, block: bytes, at: int, index_bits: int) -> tuple[Entry, int]:
        is_secret = block[at] & 0xF0 == _NEVER_INDEXED
        index, at = _read_integer(block, at, index_bits)
        if index:
            name = self._table.entry(index)[0][0]
        else:
            octets, at = _read_string(block, at)
            name = octets.decode("latin-1")  # what is not ASCII stays to be seen, and an octet is a character
        value, at = _read_string(block, at, is_secret or name in SECRET_NAMES)
        size = len(name) + len(value) + ENTRY_OVERHEAD
        return ((name, value.decode("utf-8", "surrogateescape")), size), at


def _read_integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """Read an integer whose first `bits` are in the octet at `at` (RFC 7541 §5.1); return it and where it ends."""
    value = block[at] & bits
    if value < bits:
        return value, at + 1
    for shift, place in enumerate(range(at + 1, min(at + MAX_HPACK_INTEGER_OCTETS, len(block)))):
        octet = block[place]
        value += (octet & 0x7F) << 7 * shift
        if octet < 0x80:
            if value > MAX_HPACK_INTEGER:
                raise CompressionFault(f"integer {value} in a header block; at most {MAX_HPACK_INTEGER} makes sense")
            return value, place + 1
    if at + MAX_HPACK_INTEGER_OCTETS > len(block):
        raise CompressionFault("header block ends within an integer")
    raise CompressionFault(f"integer of more than {MAX_HPACK_INTEGER_OCTETS} octets in a header block (RFC 7541 §5.1)")


def _read_string(block: bytes, at: int, is_secret: bool = False) -> tuple[bytes, int]:
    """Read a string literal (RFC 7541 §5.2); return it and where it ends. is_secret: remember nothing of it."""
    if at >= len(block):
        raise CompressionFault("header block ends where a string should begin")
    is_coded = block[at] & _HUFFMAN
    length, start = _read_integer(block, at, _LENGTH_BITS)
    end = start + length
    if end > len(block):
        raise CompressionFault(f"string of {length} octets in a header block, of which {len(block) - start} are there")
    octets = block[start:end]
    if not is_coded:
        return octets, end
    if is_secret or length > MAX_CACHED_HUFFMAN_BYTES:
        return huffman.decode(octets), end
    return _decode_short(octets), end
