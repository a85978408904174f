"""Request heads: bytes to `ReceivedHead` (RFC 9112 §3 and §5), for the server role.

Clients repeat themselves: whole heads are looked up, then request lines and field lines, as `field_lines` tells. What
a server must refuse is refused here: a target in a form that its method does not have, a Host that is missing, doubled
or no host (RFC 9112 §3.2), anything beyond HTTP/1.0 and 1.1. Fields that a client may keep secret are never kept.
"""

import re
from collections.abc import Hashable
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from trunkline.wire.errors import BadHead, TargetTooLong
from trunkline.wire.fields import TOKEN_BYTES
from trunkline.wire.h1.field_lines import BOTH_ROLES, FieldLines, Read, Take
from trunkline.wire.limits import (
    MAX_CACHED_HEAD_BYTES,
    MAX_CACHED_HEADS,
    MAX_CACHED_LINE_BYTES,
    MAX_CACHED_LINES,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_LINE_BYTES,
    MAX_SEEN_MARKS,
)
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

# request-line = method SP request-target SP HTTP-version   (RFC 9112 §3)
_REQUEST_LINE: Final = re.compile(rb"(%b) ([!-~]++) HTTP/1\.([01])" % TOKEN_BYTES.pattern)
# authority = uri-host [ ":" port ], where uri-host = IP-literal / IPv4address / reg-name   (RFC 3986 §3.2). Percent
# signs are left out: no name in use has one, and who decodes `a%2fb` sees another host.
_AUTHORITY: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]++)\]|[A-Za-z0-9._~!$&'()*+,;=-]++)(?::([0-9]*+))?")
_ABSOLUTE: Final = re.compile(r"(?i:https?)://([^/?#]++)")
_MAX_PORT: Final = 65_535  # RFC 9293 §3.1: 16 bits
_SHOWN: Final = 80


def _read_host(value: str) -> str:
    # It is empty where the target has no authority (RFC 9112 §3.2).
    if value and not is_authority(value):
        raise BadHead(f"Host is {value[:_SHOWN]!r}; wanted a host and perhaps a port (RFC 9112 §3.2)")
    return value


def is_authority(text: str) -> bool:
    """Tell whether `text` is a host and perhaps a port."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return False
    address, port = match.groups()
    if port and (len(port) > 5 or int(port) > _MAX_PORT):
        return False
    if address is not None:
        try:
            IPv6Address(address)
        except AddressValueError:
            return False
    return True


def _take_host(head: ReceivedHead, host: str) -> None:
    if head.host is not None:
        raise BadHead(f"two Host fields, {head.host[:_SHOWN]!r} and {host[:_SHOWN]!r}; wanted one (RFC 9112 §3.2)")
    head.host = host


def _read_connection(value: str) -> tuple[bool, bool, bool]:
    options = {option.strip(" \t") for option in value.lower().split(",")}
    return "close" in options, "keep-alive" in options, "upgrade" in options


def _take_connection(head: ReceivedHead, options: tuple[bool, bool, bool]) -> None:
    closes, keeps, upgrades = options
    if closes:
        head.is_last = True
        head.keep_alive = False
    elif keeps and not head.is_last:
        head.keep_alive = True
    if upgrades:
        head.is_upgrade = True


def _take_expect(head: ReceivedHead, expectation: str) -> None:
    head.expect = expectation


def _forget(value: str) -> None:
    """Keep nothing beside the field."""


def _take_secret(head: ReceivedHead, nothing: None) -> None:
    head.is_secret = True


SECRET: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
# What is acted on in the requests of every version, by lower-case name.
OF_REQUESTS: Final[dict[str, tuple[Read, Take]]] = {
    **BOTH_ROLES,
    "host": (_read_host, _take_host),
    "expect": (str.lower, _take_expect),
    **dict.fromkeys(SECRET, (_forget, _take_secret)),
}
_FIELD_LINES: Final = FieldLines({**OF_REQUESTS, "connection": (_read_connection, _take_connection)}, unkept=SECRET)
_heads: dict[bytes, ReceivedHead] = {}
_seen: set[int] = set()  # hashes of heads and request lines that came once
_request_lines: dict[bytes, tuple[str, str, HttpVersion, bool]] = {}


def parse_request_head(data: bytes, max_line_bytes: int, max_field_bytes: int, max_fields: int) -> ReceivedHead:
    """Parse the head `data`, given without the empty line that ends it.

    The head may be one that was returned before; it is not to be changed.
    The limits are the server's: bytes of the request line, bytes of a field line, number of fields.
    Raises BadHead, or BadFraming when a length makes no sense. The connection must then be closed.
    """
    is_usual = max_line_bytes >= MAX_LINE_BYTES and max_field_bytes >= MAX_FIELD_BYTES and max_fields >= MAX_FIELDS
    if is_usual:
        known_head = _heads.get(data)
        if known_head is not None:
            return known_head
    head = _parse(data, max_line_bytes, max_field_bytes, max_fields)
    if is_usual and len(data) <= MAX_CACHED_HEAD_BYTES and not head.is_secret:
        _keep(data, head)
    return head


def _keep(data: bytes, head: ReceivedHead) -> None:
    """Keep a head that has come before. Those that come once would only give the garbage collector more to do."""
    if has_come_before(data):
        if len(_heads) >= MAX_CACHED_HEADS:
            _heads.clear()
        _heads[data] = head


def has_come_before(data: Hashable) -> bool:
    """Tell whether `data` came lately, and remember that it has come."""
    mark = hash(data)
    if mark in _seen:
        return True
    if len(_seen) >= MAX_SEEN_MARKS:
        _seen.clear()
    _seen.add(mark)
    return False


def _parse(data: bytes, max_line_bytes: int, max_field_bytes: int, max_fields: int) -> ReceivedHead:
    lines = data.split(b"\r\n")
    request_line = lines[0]
    known = _request_lines.get(request_line) if max_line_bytes >= MAX_CACHED_LINE_BYTES else None
    if known is None:
        known = _remember_request_line(request_line, max_line_bytes)
    head = ReceivedHead(*known)
    del lines[0]
    _FIELD_LINES.read(lines, head, max_field_bytes, max_fields)
    if head.host is None and head.version is HttpVersion11:
        raise BadHead("no Host field; HTTP/1.1 requires one (RFC 9112 §3.2)")
    if head.method == "CONNECT":
        head.keep_alive = False  # what follows may be meant for the other end of a tunnel (RFC 9110 §9.3.6)
    return head


def _remember_request_line(line: bytes, max_line_bytes: int) -> tuple[str, str, HttpVersion, bool]:
    if len(line) > max_line_bytes:
        raise TargetTooLong(f"request line of {len(line)} bytes; the limit is {max_line_bytes} (raise max_line_size)")
    parsed = _parse_request_line(line)
    if len(line) <= MAX_CACHED_LINE_BYTES and has_come_before(line):
        if len(_request_lines) >= MAX_CACHED_LINES:
            _request_lines.clear()
        _request_lines[line] = parsed
    return parsed


def _parse_request_line(line: bytes) -> tuple[str, str, HttpVersion, bool]:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise BadHead(_what_is_wrong_with_request_line(line))
    method, target = match[1].decode("ascii"), match[2].decode("ascii")
    if not _has_right_form(method, target):
        raise BadHead(f"target {target[:_SHOWN]!r} of a {method} request; wanted a path such as '/' (RFC 9112 §3.2)")
    version = HttpVersion11 if match[3] == b"1" else HttpVersion10
    return method, target, version, version is HttpVersion11


def _has_right_form(method: str, target: str) -> bool:
    if method == "CONNECT":  # authority-form
        return target[-1].isdigit() and target.rpartition(":")[0] != "" and is_authority(target)
    if target[0] == "/":  # origin-form
        return True
    if target == "*":  # asterisk-form
        return method == "OPTIONS"
    absolute = _ABSOLUTE.match(target)
    return absolute is not None and is_authority(absolute[1])


def _what_is_wrong_with_request_line(line: bytes) -> str:
    if line[:1] == b"\x16":
        return "the bytes of a TLS handshake where a request was due; this port speaks plain HTTP, use http://"
    return f"request line {line[:_SHOWN]!r}; wanted 'GET /path HTTP/1.1' (RFC 9112 §3)"
