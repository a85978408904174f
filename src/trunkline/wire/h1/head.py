"""Response heads: bytes to `ResponseHead` (RFC 9112 §4 and §5), for the client role.

Servers repeat themselves: of the lines of a response only `Date` changes much. So each line is parsed and
checked once and then looked up in a bounded table, whole line to parsed field. A line decides alone whether
it is well formed; what several lines mean together (two lengths, a length and a coding) is collected
in the head and judged in `framing`. Heads of requests, the server's role, are not parsed here.
"""

from collections.abc import Callable
from typing import Final

from multidict import istr

from trunkline.wire.errors import BadFraming, BadHead, FieldTooLong
from trunkline.wire.fields import parse_field_line
from trunkline.wire.limits import MAX_CACHED_LINE_BYTES, MAX_CACHED_LINES, MAX_LENGTH_DIGITS
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

Field = tuple[istr, str]


class ResponseHead:
    """The status line and fields of one response.

    fields: in wire order, names in the case received. content_length: None when absent.
    transfer_codings: lower case, in the order applied; None when absent.
    """

    __slots__ = (
        "content_encoding",
        "content_length",
        "fields",
        "has_set_cookie",
        "keep_alive",
        "location",
        "reason",
        "status",
        "transfer_codings",
        "version",
    )

    def __init__(self, version: HttpVersion, status: int, reason: str, keep_alive: bool) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.keep_alive = keep_alive
        self.fields: list[Field] = []
        self.content_length: int | None = None
        self.transfer_codings: str | None = None
        self.content_encoding: str | None = None
        self.location: str | None = None
        self.has_set_cookie = False


def _take_length(head: ResponseHead, value: str) -> None:
    if head.content_length is None and value.isdigit() and value.isascii() and len(value) <= MAX_LENGTH_DIGITS:
        head.content_length = int(value)
        return
    # A list of equal values is one value (RFC 9110 §8.6); str.isdigit() alone would let other scripts' digits in.
    for part in value.split(","):
        digits = part.strip(" \t")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_LENGTH_DIGITS):
            raise BadFraming(f"Content-Length is {value[:40]!r}; expected decimal digits (RFC 9110 §8.6)")
        length = int(digits)
        if head.content_length is not None and head.content_length != length:
            raise BadFraming(
                f"two Content-Length values, {head.content_length} and {length}; the end of the body cannot be told"
            )
        head.content_length = length


def _take_transfer_encoding(head: ResponseHead, value: str) -> None:
    # Other scripts have letters that become ASCII in lower case: "chun\u212aed" must not become "chunked".
    coding = value.lower() if value.isascii() else value
    head.transfer_codings = coding if head.transfer_codings is None else f"{head.transfer_codings}, {coding}"


def _take_connection(head: ResponseHead, value: str) -> None:
    options = [option.strip(" \t") for option in value.lower().split(",")]
    if "close" in options:
        head.keep_alive = False
    elif "keep-alive" in options and head.version == HttpVersion10:
        # A `close` in a line before has the last word (RFC 9112 §9.3).
        head.keep_alive = not any(
            name.lower() == "connection" and "close" in seen.lower() for name, seen in head.fields
        )


def _take_set_cookie(head: ResponseHead, value: str) -> None:
    head.has_set_cookie = True


def _take_content_encoding(head: ResponseHead, value: str) -> None:
    head.content_encoding = value if head.content_encoding is None else f"{head.content_encoding}, {value}"


def _take_location(head: ResponseHead, value: str) -> None:
    if head.location is None:
        head.location = value


# Fields that the connection or the session acts on; all others are only carried.
_Take = Callable[[ResponseHead, str], None]
_TAKES: Final[dict[str, _Take]] = {
    "content-length": _take_length,
    "transfer-encoding": _take_transfer_encoding,
    "connection": _take_connection,
    "set-cookie": _take_set_cookie,
    "content-encoding": _take_content_encoding,
    "location": _take_location,
}

_status_lines: dict[bytes, tuple[HttpVersion, int, str, bool]] = {}
_field_lines: dict[bytes, tuple[Field, _Take | None]] = {}


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
    for position in range(1, len(lines)):
        line = lines[position]
        entry = cache.get(line)
        if entry is None:
            entry = _remember_field_line(line, max_field_bytes)
        field, take = entry
        if take is not None:
            take(head, field[1])
        fields.append(field)
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


def _remember_field_line(line: bytes, max_field_bytes: int) -> tuple[Field, _Take | None]:
    if len(line) > max_field_bytes:
        raise FieldTooLong(f"field line of {len(line)} bytes; the limit is {max_field_bytes} (raise max_field_size)")
    name, value = parse_field_line(line)
    take = _TAKES.get(name.lower())
    entry = ((istr(name), value), take)
    # A cookie's line is different for each user and may be secret: it is not kept.
    if len(line) <= MAX_CACHED_LINE_BYTES and take is not _take_set_cookie:
        if len(_field_lines) >= MAX_CACHED_LINES:
            _field_lines.clear()
        _field_lines[line] = entry
    return entry
