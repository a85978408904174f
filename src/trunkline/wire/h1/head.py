"""Response heads: bytes to `ResponseHead` (RFC 9112 §4 and §5), for the client role.

Servers repeat themselves: of the lines of a response only `Date` changes much. So each line is parsed and
checked once and then looked up in a bounded table, whole line to parsed field. A line decides alone whether
it is well formed; what several lines mean together (two lengths, a length and a coding) is collected
in the head and judged in `framing`. Heads of requests, the server's role, are not parsed here.
"""

from collections.abc import Callable
from typing import Any, Final

from multidict import istr

from trunkline.wire.errors import BadFraming, BadHead, FieldTooLong
from trunkline.wire.fields import parse_field_line
from trunkline.wire.limits import MAX_CACHED_LINE_BYTES, MAX_CACHED_LINES, MAX_LENGTH_DIGITS
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

Field = tuple[istr, str]


class ResponseHead:
    """The status line and fields of one response.

    fields: in wire order, names in the case received. keep_alive: the connection may be used again.
    """

    content_length: int | None = None
    transfer_codings: str | None = None  # lower case, in the order applied
    content_encoding: str | None = None
    has_set_cookie = False
    is_last = False  # the peer says `Connection: close`

    def __init__(self, version: HttpVersion, status: int, reason: str, keep_alive: bool) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.keep_alive = keep_alive
        self.fields: list[Field] = []


# Fields that the connection or the session acts on; all others are only carried. `read` turns the value into what
# `take` needs, once for a line that is kept in the table; `take` applies it to a head.


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


def _take_length(head: ResponseHead, length: int) -> None:
    if head.content_length is not None and head.content_length != length:
        raise BadFraming(
            f"two Content-Length values, {head.content_length} and {length}; the end of the body cannot be told"
        )
    head.content_length = length


def _read_codings(value: str) -> str:
    # Only ASCII letters fold: U+212A, the Kelvin sign, is no "k" that a peer would see.
    return value.lower() if value.isascii() else value


def _take_transfer_encoding(head: ResponseHead, codings: str) -> None:
    head.transfer_codings = codings if head.transfer_codings is None else f"{head.transfer_codings}, {codings}"


def _read_connection(value: str) -> str:
    options = [option.strip(" \t") for option in value.lower().split(",")]
    return "close" if "close" in options else "keep-alive" if "keep-alive" in options else ""


def _take_connection(head: ResponseHead, option: str) -> None:
    if option == "close":
        head.keep_alive = False
        head.is_last = True
    elif option == "keep-alive" and not head.is_last:
        head.keep_alive = True


def _take_set_cookie(head: ResponseHead, value: str) -> None:
    head.has_set_cookie = True


def _take_content_encoding(head: ResponseHead, value: str) -> None:
    head.content_encoding = value if head.content_encoding is None else f"{head.content_encoding}, {value}"


# Any: `take` gets what its own `read` returned.
_Read = Callable[[str], Any]
_Take = Callable[[ResponseHead, Any], None]
_ACTED_ON: Final[dict[str, tuple[_Read, _Take]]] = {
    "content-length": (_read_length, _take_length),
    "transfer-encoding": (_read_codings, _take_transfer_encoding),
    "connection": (_read_connection, _take_connection),
    "set-cookie": (str, _take_set_cookie),
    "content-encoding": (str, _take_content_encoding),
}

_status_lines: dict[bytes, tuple[HttpVersion, int, str, bool]] = {}
_Entry = tuple[Field, _Take | None, Any]  # a field, and what to do about it
_field_lines: dict[bytes, _Entry] = {}


def parse_response_head(data: bytes, max_line_bytes: int, max_field_bytes: int, max_fields: int) -> ResponseHead:
    """Parse the head `data`, given without the empty line that ends it.

    The limits are those of one request: bytes of the status line, bytes of a field line, number of fields.
    Raises BadHead, or BadFraming when a length makes no sense. The connection must then be closed.
    """
    lines = data.split(b"\r\n")
    status_line = lines[0]
    # Lines of the tables were checked against somebody's limit; a tighter one has to look at each line anew.
    known = _status_lines.get(status_line) if max_line_bytes >= MAX_CACHED_LINE_BYTES else None
    if known is None:
        known = _remember_status_line(status_line, max_line_bytes)
    head = ResponseHead(*known)
    if len(lines) - 1 > max_fields:
        raise FieldTooLong(f"{len(lines) - 1} field lines; the limit is {max_fields} (raise max_headers)")
    fields = head.fields
    cache = _field_lines if max_field_bytes >= MAX_CACHED_LINE_BYTES else {}
    del lines[0]
    for line in lines:
        field, take, argument = cache.get(line) or _remember_field_line(line, max_field_bytes)
        fields.append(field)
        if take is not None:
            take(head, argument)
    return head


def _remember_status_line(line: bytes, max_line_bytes: int) -> tuple[HttpVersion, int, str, bool]:
    if len(line) > max_line_bytes:
        raise FieldTooLong(f"status line of {len(line)} bytes; the limit is {max_line_bytes} (raise max_line_size)")
    parsed = _parse_status_line(line)
    if len(line) <= MAX_CACHED_LINE_BYTES:
        if len(_status_lines) >= MAX_CACHED_LINES:
            _status_lines.clear()
        _status_lines[line] = parsed
    return parsed


def _parse_status_line(line: bytes) -> tuple[HttpVersion, int, str, bool]:
    # status-line = HTTP-version SP status-code SP [ reason-phrase ]   (RFC 9112 §4)
    # The last space may be missing: too many servers leave it out together with the phrase.
    version = {b"HTTP/1.1": HttpVersion11, b"HTTP/1.0": HttpVersion10}.get(line[:8])
    code = line[9:12]
    if version is None or line[8:9] != b" " or not code.isdigit() or line[12:13] not in (b" ", b""):
        raise BadHead(f"status line {line[:80]!r}; expected 'HTTP/1.1 200 OK' (RFC 9112 §4)")
    status = int(code)
    if status < 100:
        raise BadHead(f"status {status}; expected three digits from 100 (RFC 9110 §15)")
    reason = line[13:]
    if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in reason):
        raise BadHead(f"control character in the reason phrase {reason[:80]!r} (RFC 9112 §4)")
    return version, status, reason.decode("utf-8", "surrogateescape"), version is HttpVersion11


def _remember_field_line(line: bytes, max_field_bytes: int) -> _Entry:
    if len(line) > max_field_bytes:
        raise FieldTooLong(f"field line of {len(line)} bytes; the limit is {max_field_bytes} (raise max_field_size)")
    name, value = parse_field_line(line)
    read, take = _ACTED_ON.get(name.lower(), (None, None))
    entry = ((istr(name), value), take, None if read is None else read(value))
    # A cookie's line is different for each user and may be secret: it is not kept.
    if len(line) <= MAX_CACHED_LINE_BYTES and take is not _take_set_cookie:
        if len(_field_lines) >= MAX_CACHED_LINES:
            _field_lines.clear()
        _field_lines[line] = entry
    return entry
