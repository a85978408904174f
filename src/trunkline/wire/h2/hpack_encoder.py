"""HPACK encoding: field lists to header blocks (RFC 7541 §3 and §6), one `Encoder` for what one peer is sent.

A field in the static or dynamic table is one index. The rest is a literal: of a kind that no one ever indexes for
secrets, not indexed for what is different each time, else added to the table. Literals that are not added do not depend
on the dynamic table; they are kept with the static fields, so that a usual list is one look-up a field. Strings are
Huffman coded when that is shorter. Whether names and values may be sent is checked above.
"""

from collections.abc import Iterable
from typing import Final

from trunkline.wire.h2 import huffman
from trunkline.wire.h2.hpack_table import (
    ENTRY_OVERHEAD,
    SECRET_NAMES,
    STATIC,
    STATIC_FIELDS,
    STATIC_NAMES,
    Field,
    SearchableTable,
)
from trunkline.wire.limits import (
    HPACK_TABLE_BYTES,
    MAX_CACHED_REPRESENTATION_BYTES,
    MAX_CACHED_REPRESENTATIONS,
)

# Different each time; added, they would push out what comes again.
_CHANGING: Final = frozenset(
    {
        ":path", "age", "content-length", "content-range", "date", "etag", "expires", "if-match", "if-modified-since",
        "if-none-match", "if-range", "if-unmodified-since", "last-modified", "location", "range", "retry-after",
        "traceparent", "x-request-id",
    }
)  # fmt: skip

# First octets of the representations of RFC 7541 §6, and the bits of each that begin its integer.
_INDEXED: Final = 0x80, 0x7F  # §6.1
_ADDED: Final = 0x40, 0x3F  # §6.2.1
_RESIZED: Final = 0x20, 0x1F  # §6.3
_NEVER_INDEXED: Final = 0x10, 0x0F  # §6.2.3
_NOT_ADDED: Final = 0x00, 0x0F  # §6.2.2
_HUFFMAN_STRING: Final = 0x80, 0x7F  # §5.2
_PLAIN_STRING: Final = 0x00, 0x7F


class Encoder:
    """Encodes the header blocks for one peer, in the order in which they are sent."""

    __slots__ = ("_known", "_lowest_bytes", "_table")

    def __init__(self) -> None:
        self._table = SearchableTable(HPACK_TABLE_BYTES)
        self._lowest_bytes: int | None = None  # of the table since the last block, if it changed
        self._known: dict[Field, bytes] = {}  # representations that do not depend on the dynamic table

    def encode(self, fields: Iterable[Field]) -> bytes:
        """Encode a field list, its names in lower case, into a header block.

        An exception, as for a value with a lone surrogate, leaves an encoder that may be used again.
        """
        known, table = self._known, self._table
        block = [] if self._lowest_bytes is None else [self._size_updates(self._lowest_bytes)]
        try:
            for field in fields:
                representation = known.get(field)
                if representation is None:
                    number = table.numbers.get(field)
                    representation = self._introduce(field) if number is None else _RECENT[table.added - number]
                block.append(representation)
        except BaseException:
            self._start_over()
            raise
        self._lowest_bytes = None
        return b"".join(block)

    def resize(self, max_bytes: int) -> None:
        """Obey the peer's SETTINGS_HEADER_TABLE_SIZE; the next block tells it (RFC 7541 §4.2)."""
        capacity = min(max_bytes, HPACK_TABLE_BYTES)
        if capacity != self._table.capacity:
            self._table.resize(capacity)
            self._lowest_bytes = capacity if self._lowest_bytes is None else min(capacity, self._lowest_bytes)

    def _size_updates(self, lowest_bytes: int) -> bytes:
        last = _integer(_RESIZED, self._table.capacity)
        return last if lowest_bytes == self._table.capacity else _integer(_RESIZED, lowest_bytes) + last

    def _start_over(self) -> None:
        """Empty both tables with the next block: the peer will not see what was added for this one."""
        capacity = self._table.capacity
        self._table.resize(0)
        self._table.resize(capacity)
        self._lowest_bytes = 0

    def _introduce(self, field: Field) -> bytes:
        """Represent a field that is in no table, or is not known to be in the static one."""
        name, text = field
        if field in STATIC_FIELDS:
            return self._keep(field, _integer(_INDEXED, STATIC_FIELDS[field]))
        value = text.encode("utf-8", "surrogateescape")
        size = len(name) + len(value) + ENTRY_OVERHEAD
        if name in SECRET_NAMES:
            kind = _NEVER_INDEXED
        elif name in _CHANGING or size * 2 >= self._table.capacity:
            kind = _NOT_ADDED
        else:
            representation = _literal(_ADDED, self._table.name_index(name), name, value)
            self._table.add((field, size))
            return representation
        return self._keep(field, _literal(kind, STATIC_NAMES.get(name, 0), name, value))

    def _keep(self, field: Field, representation: bytes) -> bytes:
        if len(representation) <= MAX_CACHED_REPRESENTATION_BYTES:
            if len(self._known) >= MAX_CACHED_REPRESENTATIONS:
                self._known.clear()
            self._known[field] = representation
        return representation


def _literal(kind: tuple[int, int], name_index: int, name: str, value: bytes) -> bytes:
    start = _integer(kind, name_index)
    return start + _string(value) if name_index else start + _string(name.encode("latin-1")) + _string(value)


def _string(octets: bytes) -> bytes:
    coded = huffman.encode(octets)
    if len(coded) < len(octets):
        return _integer(_HUFFMAN_STRING, len(coded)) + coded
    return _integer(_PLAIN_STRING, len(octets)) + octets


def _integer(kind: tuple[int, int], value: int) -> bytes:
    """Render an integer that begins in the last bits of its first octet (RFC 7541 §5.1)."""
    first, bits = kind
    if value < bits:
        return bytes((first | value,))
    octets = bytearray((first | bits,))
    value -= bits
    while value >= 0x80:
        octets.append(0x80 | value & 0x7F)
        value >>= 7
    octets.append(value)
    return bytes(octets)


# The indices of a dynamic table, by how many fields were added since the one meant, that one counted.
_RECENT: Final = tuple(_integer(_INDEXED, len(STATIC) + age) for age in range(1 + HPACK_TABLE_BYTES // ENTRY_OVERHEAD))
