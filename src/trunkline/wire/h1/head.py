"""Response heads: bytes to `ResponseHead` (RFC 9112 §4 and §5), for the client role.

The status line is looked up like the field lines (`field_lines`). Heads of requests are `request_head`'s part.
"""

from typing import TYPE_CHECKING, Final

from trunkline.wire.errors import BadHead, FieldTooLong
from trunkline.wire.fields import Field
from trunkline.wire.h1.field_lines import BOTH_ROLES, FieldLines, Read, Take
from trunkline.wire.limits import MAX_CACHED_LINE_BYTES, MAX_CACHED_LINES
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

if TYPE_CHECKING:
    from trunkline.wire.keep_alive import KeepAliveHint


class ResponseHead:
    """The status line and fields of one response.

    fields: in wire order, names in the case received. keep_alive: the connection may be used again.
    """

    content_length: int | None = None
    transfer_codings: str | None = None  # lower case, in the order applied
    content_encoding: str | None = None
    has_set_cookie = False
    is_last = False  # the peer says `Connection: close`
    keep_alive_hint: "KeepAliveHint | None" = None

    def __init__(self, version: HttpVersion, status: int, reason: str, keep_alive: bool) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.keep_alive = keep_alive
        self.fields: list[Field] = []


def _read_connection(value: str) -> str:
    options = [option.strip(" \t") for option in value.lower().split(",")]
    return "close" if "close" in options else "keep-alive" if "keep-alive" in options else ""


def _take_connection(head: ResponseHead, option: str) -> None:
    if option == "close":
        head.keep_alive = False
        head.is_last = True
    elif option == "keep-alive" and not head.is_last:
        head.keep_alive = True


def _read_keep_alive(value: str) -> "KeepAliveHint | None":
    from trunkline.wire.keep_alive import parse_keep_alive  # not at import time

    return parse_keep_alive(value)


def _take_keep_alive(head: ResponseHead, hint: "KeepAliveHint | None") -> None:
    if hint is not None:
        known = head.keep_alive_hint
        head.keep_alive_hint = hint if known is None else known.joined_with(hint)


def _take_set_cookie(head: ResponseHead, value: str) -> None:
    head.has_set_cookie = True


UNKEPT: Final = frozenset({"set-cookie"})  # different for each user, and perhaps secret
# What is acted on in the responses of every version, by lower-case name.
OF_RESPONSES: Final[dict[str, tuple[Read, Take]]] = {**BOTH_ROLES, "set-cookie": (str, _take_set_cookie)}
_FIELD_LINES: Final = FieldLines(
    {
        **OF_RESPONSES,
        "connection": (_read_connection, _take_connection),
        "keep-alive": (_read_keep_alive, _take_keep_alive),
    },
    unkept=UNKEPT,
)

_status_lines: dict[bytes, tuple[HttpVersion, int, str, bool]] = {}


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
    del lines[0]
    _FIELD_LINES.read(lines, head, max_field_bytes, max_fields)
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
