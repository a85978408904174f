"""The tables of HPACK: the static one, and the dynamic one of either side (RFC 7541 §2.3, §4 and appendix A).

Both share one space of indices: 1 to 61 are static, the newest dynamic entry is 62, and each that is added moves the
others one up. Sizes are counted as §4.1 counts them, in octets and not in characters, so whoever adds an entry tells.
`DynamicTable` is a decoder's, found by index. `SearchableTable` is an encoder's, found by field or name as well: it
numbers entries in the order in which they were added, which does not change, and makes indices of the numbers.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from trunkline.wire.errors import CompressionFault

Field = tuple[str, str]  # a name in lower case, and its value
Entry = tuple[Field, int]  # with its size

ENTRY_OVERHEAD: Final = 32  # RFC 7541 §4.1

# RFC 7541 §7.1: a value in the table could be guessed by whoever can make us send guesses, and see their lengths.
SECRET_NAMES: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})

# RFC 7541 appendix A: fields that often have the same value, and names without one.
_STATIC_FIELDS: Final = """\
:authority
:method=GET
:method=POST
:path=/
:path=/index.html
:scheme=http
:scheme=https
:status=200
:status=204
:status=206
:status=304
:status=400
:status=404
:status=500
accept-charset
accept-encoding=gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
"""


def _read_static() -> Iterator[Entry]:
    for line in _STATIC_FIELDS.splitlines():
        name, _, value = line.partition("=")
        yield (name, value), len(name) + len(value) + ENTRY_OVERHEAD


STATIC: Final = tuple(_read_static())  # STATIC[0] has index 1
STATIC_FIELDS: Final = {field: index for index, (field, _) in enumerate(STATIC, 1)}
STATIC_NAMES: Final = {field[0]: len(STATIC) - at for at, (field, _) in enumerate(reversed(STATIC))}  # the lowest index


class DynamicTable:
    """Entries, newest first, with all their sizes together at most `capacity`.

    changes: grows whenever an index may have come to mean something else.
    """

    __slots__ = ("capacity", "changes", "entries", "size")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.entries = deque[Entry]()
        self.size = 0
        self.changes = 0

    def entry(self, index: int) -> Entry:
        """Return what `index` stands for in the space of both tables. Raises CompressionFault if nothing."""
        at = index - 1 - len(STATIC)
        if 0 <= at < len(self.entries):
            return self.entries[at]
        if 0 < index <= len(STATIC):
            return STATIC[index - 1]
        raise CompressionFault(
            f"index {index} in a header block; entries go from 1 to {len(STATIC) + len(self.entries)} (RFC 7541 §2.3.3)"
        )

    def add(self, entry: Entry) -> None:
        """Make `entry` the newest; one larger than the table leaves the table empty (RFC 7541 §4.4)."""
        self.changes += 1
        self._shrink(self.capacity - entry[1])
        if entry[1] <= self.capacity:
            self.entries.appendleft(entry)
            self.size += entry[1]

    def resize(self, capacity: int) -> None:
        """Change the capacity, and drop what has no room in it (RFC 7541 §4.3)."""
        self.changes += 1
        self.capacity = capacity
        self._shrink(capacity)

    def _shrink(self, size: int) -> None:
        while self.size > size and self.entries:
            self._drop_oldest()

    def _drop_oldest(self) -> Field:
        field, size = self.entries.pop()
        self.size -= size
        return field


class SearchableTable(DynamicTable):
    """added: how many fields ever were. numbers: of those in the table, by field; none is added that is there."""

    __slots__ = ("_names", "added", "numbers")

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.numbers: dict[Field, int] = {}
        self._names: dict[str, int] = {}
        self.added = 0

    def name_index(self, name: str) -> int:
        """Return an index under which `name` is found, 0 if there is none."""
        index = STATIC_NAMES.get(name)
        if index is not None:
            return index
        number = self._names.get(name)
        return 0 if number is None else len(STATIC) + self.added - number

    def add(self, entry: Entry) -> None:
        """Make `entry` the newest; it has to fit."""
        super().add(entry)
        self.numbers[entry[0]] = self._names[entry[0][0]] = self.added
        self.added += 1

    def _drop_oldest(self) -> Field:
        field = super()._drop_oldest()
        number = self.numbers.pop(field)
        if self._names[field[0]] == number:
            del self._names[field[0]]
        return field
