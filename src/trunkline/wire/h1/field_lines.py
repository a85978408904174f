"""Field lines of a head, parsed once and then looked up (RFC 9112 §5).

Peers repeat themselves: of the lines of a head few change from one message to the next. So each line is parsed and
checked once and kept in a bounded table, whole line to parsed field. A line decides alone whether it is well formed;
what several lines mean together (two lengths, a length and a coding) is collected in the head and judged in `framing`.
Each role has a table of its own, because it acts on other fields.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from multidict import istr

from trunkline.wire.errors import BadFraming, FieldTooLong
from trunkline.wire.fields import Field, parse_field_line
from trunkline.wire.limits import MAX_CACHED_LINE_BYTES, MAX_CACHED_LINES, MAX_LENGTH_DIGITS

# Any: `take` gets what its own `read` returned, and the head of its role. `read` turns a value into what `take` needs,
# once for a line that is kept; `take` applies it to a head.
Read = Callable[[str], Any]
Take = Callable[[Any, Any], None]
Entry = tuple[Field, Take | None, Any]  # a field, and what to do about it


class FramedHead(Protocol):
    """What field lines leave in a head, whatever its role."""

    fields: list[Field]
    content_length: int | None
    transfer_codings: str | None  # lower case, in the order applied
    content_encoding: str | None


def _read_length(value: str) -> int:
    # A list of equal values is one value (RFC 9110 §8.6); str.isdigit() alone would let other scripts' digits in.
    lengths = set()
    for part in value.split(","):
        digits = part.strip(" \t")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_LENGTH_DIGITS):
            raise BadFraming(f"Content-Length is {value[:40]!r}; expected decimal digits (RFC 9110 §8.6)")
        lengths.add(int(digits))
    if len(lengths) > 1:
        raise BadFraming(f"Content-Length is {value[:40]!r}; the end of the body cannot be told")
    return lengths.pop()


def _take_length(head: FramedHead, length: int) -> None:
    if head.content_length is not None and head.content_length != length:
        raise BadFraming(
            f"two Content-Length values, {head.content_length} and {length}; the end of the body cannot be told"
        )
    head.content_length = length


def _read_codings(value: str) -> str:
    # Only ASCII letters fold: U+212A, the Kelvin sign, is no "k" that a peer would see.
    return value.lower() if value.isascii() else value


def _take_transfer_encoding(head: FramedHead, codings: str) -> None:
    head.transfer_codings = codings if head.transfer_codings is None else f"{head.transfer_codings}, {codings}"


def _take_content_encoding(head: FramedHead, value: str) -> None:
    head.content_encoding = value if head.content_encoding is None else f"{head.content_encoding}, {value}"


BOTH_ROLES: Final[dict[str, tuple[Read, Take]]] = {
    "content-length": (_read_length, _take_length),
    "transfer-encoding": (_read_codings, _take_transfer_encoding),
    "content-encoding": (str, _take_content_encoding),
}


class FieldLines:
    """The table of one role. acted_on: by lower-case name; unkept: names whose values are secret or never the same."""

    def __init__(self, acted_on: Mapping[str, tuple[Read, Take]], unkept: frozenset[str]) -> None:
        self._acted_on = acted_on
        self._unkept = unkept
        self._known: dict[bytes, Entry] = {}

    def read(self, lines: Sequence[bytes], head: FramedHead, max_field_bytes: int, max_fields: int) -> None:
        """Add what `lines` say to `head`. Raises BadHead, or BadFraming when a length makes no sense."""
        if len(lines) > max_fields:
            raise FieldTooLong(f"{len(lines)} field lines; the limit is {max_fields} (raise max_headers)")
        fields = head.fields
        # Lines of the table were checked against somebody's limit; a tighter one has to look at each line anew.
        known = self._known if max_field_bytes >= MAX_CACHED_LINE_BYTES else {}
        for line in lines:
            field, take, argument = known.get(line) or self._parse(line, max_field_bytes)
            fields.append(field)
            if take is not None:
                take(head, argument)

    def _parse(self, line: bytes, max_field_bytes: int) -> Entry:
        """Parse a line that is not known, and keep it if it may come again."""
        if len(line) > max_field_bytes:
            raise FieldTooLong(
                f"field line of {len(line)} bytes; the limit is {max_field_bytes} (raise max_field_size)"
            )
        name, value = parse_field_line(line)
        folded = name.lower()
        read, take = self._acted_on.get(folded, (None, None))
        entry = ((istr(name), value), take, None if read is None else read(value))
        if len(line) <= MAX_CACHED_LINE_BYTES and folded not in self._unkept:
            if len(self._known) >= MAX_CACHED_LINES:
                self._known.clear()
            self._known[line] = entry
        return entry
