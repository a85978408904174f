"""Heads of HTTP/2: field lists to `ReceivedHead` and `ResponseHead`, and back (RFC 9113 §8.2, §8.3, §8.5; RFC 8441 §4).

Peers repeat themselves: each field is checked once and then looked up, and so are whole heads of requests, as in
`wire/h1`, whose grammar of targets, hosts and lengths is the one here too. Fields that may be secret are not kept. What
is malformed resets its stream. How large a head may be in all is the decoder's to see, what a body has to be the
connection's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from multidict import istr

from trunkline.wire.errors import BadFraming, BadHead, HeadTooLarge, StreamFault
from trunkline.wire.fields import TOKEN
from trunkline.wire.h1.field_lines import Entry, FramedHead, Read, Take
from trunkline.wire.h1.head import OF_RESPONSES, UNKEPT, ResponseHead
from trunkline.wire.h1.request_head import OF_REQUESTS, SECRET, has_come_before, is_authority
from trunkline.wire.h2.codes import ErrorCode
from trunkline.wire.limits import (
    MAX_CACHED_HEAD_BYTES,
    MAX_CACHED_HEADS,
    MAX_CACHED_LINE_BYTES,
    MAX_CACHED_LINES,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
)
from trunkline.wire.message import CONNECTION_FIELDS, RequestHead, lower_case_fields
from trunkline.wire.received import ReceivedHead
from trunkline.wire.statuses import RESPONSES
from trunkline.wire.version import HttpVersion20

Pair = tuple[str, str]

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]++")  # §8.2.1: a token, in lower case
_PATH: Final = re.compile(r"/[!-~]*+")  # as in a request line of HTTP/1.1
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+")  # RFC 3986 §3.1
_PROTOCOL: Final = re.compile(f"{TOKEN.pattern}(?:/{TOKEN.pattern})?")  # RFC 9110 §7.8
_PSEUDO: Final = frozenset({":method", ":scheme", ":authority", ":path", ":protocol"})
_HOST: Final = istr("Host")
_COOKIE: Final = istr("cookie")
_SHOWN: Final = 80


def _malformed(message: str) -> StreamFault:
    return StreamFault(ErrorCode.PROTOCOL_ERROR, message)


def _too_large(message: str) -> HeadTooLarge:
    return HeadTooLarge(ErrorCode.ENHANCE_YOUR_CALM, message)


class _Fields:
    """The fields of one role that are known to be right, with what they do to a head."""

    def __init__(self, acted_on: Mapping[str, tuple[Read, Take]], unkept: frozenset[str]) -> None:
        self._acted_on = acted_on
        self._unkept = unkept
        self._known: dict[Pair, Entry] = {}

    def read(self, pairs: Sequence[Pair], head: FramedHead, max_field_bytes: int, max_fields: int) -> None:
        """Add `pairs` to `head`. Raises StreamFault, which is HeadTooLarge beyond the limits."""
        if len(pairs) > max_fields:
            _check_count(pairs, max_fields)
        # No line that is kept is longer than a usual limit.
        known = self._known if max_field_bytes >= MAX_CACHED_LINE_BYTES else {}
        fields = head.fields
        try:
            for pair in pairs:
                field, take, argument = known.get(pair) or self._check(pair, max_field_bytes)
                fields.append(field)
                if take is not None:
                    take(head, argument)
        except HeadTooLarge:
            raise
        except (BadHead, BadFraming) as error:
            raise _malformed(str(error)) from error

    def _check(self, pair: Pair, max_field_bytes: int) -> Entry:
        """Check a field that is not known, and keep it if it may come again."""
        name, value = pair
        size = len(name) + len(": ") + len(value)  # the limits are those of lines
        if size > max_field_bytes:
            said = f"field {name[:_SHOWN]!r} of {size} bytes; the limit is {max_field_bytes}"
            raise _too_large(f"{said} (raise max_field_size)")
        _check_field(pair)
        read, take = self._acted_on.get(name, (None, None))
        entry = ((istr(name), value), take, None if read is None else read(value))
        if len(name) + len(value) <= MAX_CACHED_LINE_BYTES and name not in self._unkept:
            if len(self._known) >= MAX_CACHED_LINES:
                self._known.clear()
            self._known[pair] = entry
        return entry


def _check_count(pairs: Sequence[Pair], max_fields: int) -> None:
    """Raise HeadTooLarge for too many fields; all crumbs of a cookie are one (§8.2.3)."""
    crumbs = sum(name == "cookie" for name, _ in pairs)
    count = len(pairs) - max(crumbs - 1, 0)
    if count > max_fields:
        raise _too_large(f"{count} fields; the limit is {max_fields} (raise max_headers)")


def _check_field(pair: Pair) -> None:
    """Raise StreamFault for what is no field, or none that HTTP/2 has (§8.2)."""
    name, value = pair
    if _NAME.fullmatch(name) is None:
        raise _malformed(_what_is_wrong_with_name(name))
    # §8.2.1. A search for each is memchr, ten times as fast as one of a regular expression for all.
    if "\0" in value or "\r" in value or "\n" in value or value != value.strip(" \t"):
        raise _malformed(f"field {name!r} has NUL, CR or LF in its value, or blanks at its ends (RFC 9113 §8.2.1)")
    if name in CONNECTION_FIELDS:
        raise _malformed(f"field {name!r}, which is of connections and not of HTTP/2 (RFC 9113 §8.2.2)")
    if name == "te" and value.lower() != "trailers":
        raise _malformed(f"field 'te' is {value[:_SHOWN]!r}; HTTP/2 has it as 'trailers' alone (RFC 9113 §8.2.2)")


def _what_is_wrong_with_name(name: str) -> str:
    if name[:1] == ":":
        return f"pseudo-header field {name[:_SHOWN]!r} out of place, unknown, or not the only one (RFC 9113 §8.3)"
    return f"field name {name[:_SHOWN]!r}; wanted a token in lower case (RFC 9113 §8.2.1)"


_OF_RESPONSES: Final = _Fields(OF_RESPONSES, UNKEPT)
_OF_REQUESTS: Final = _Fields(OF_REQUESTS, SECRET)
_statuses: dict[Pair, tuple[int, str]] = {}  # at most some hundreds, as they are three digits
_heads: dict[tuple[Pair, ...], ReceivedHead] = {}


# Heads that come.


def parse_response_head(
    fields: list[Pair], max_field_bytes: int = MAX_FIELD_BYTES, max_fields: int = MAX_FIELDS
) -> ResponseHead:
    """Read the head of a response, interim or final. Raises StreamFault.

    max_field_bytes: of a name and its value, as a line of HTTP/1.1. max_fields: without pseudo-header fields.
    """
    first = fields[0] if fields else ("", "")
    status, reason = _statuses.get(first) or _read_status(first)
    head = ResponseHead(HttpVersion20, status, reason, True)
    _OF_RESPONSES.read(fields[1:], head, max_field_bytes, max_fields)
    return head


def _read_status(first: Pair) -> tuple[int, str]:
    name, value = first
    if name != ":status" or len(value) != 3 or not (value.isascii() and value.isdigit()) or value < "100":
        raise _malformed(f"{name[:_SHOWN]!r} is {value[:_SHOWN]!r}; wanted ':status' with three digits first (§8.3.2)")
    if value == "101":
        raise _malformed("status 101, which HTTP/2 does not have (RFC 9113 §8.6)")
    status = int(value)
    # HTTP/2 sends no reason, but programs show it.
    _statuses[first] = known = status, RESPONSES.get(status, ("", ""))[0]
    return known


def parse_request_head(
    fields: list[Pair], max_field_bytes: int = MAX_FIELD_BYTES, max_fields: int = MAX_FIELDS
) -> ReceivedHead:
    """Read the head of a request. It may be one that was returned before: change a copy. Raises StreamFault.

    max_field_bytes: of a name and its value, as a line of HTTP/1.1. max_fields: without pseudo-header fields; the
    crumbs of a cookie are one.
    """
    is_usual = max_field_bytes >= MAX_FIELD_BYTES and max_fields >= MAX_FIELDS
    key = tuple(fields)
    known = _heads.get(key) if is_usual else None
    if known is not None:
        return known
    head = _parse_request(fields, max_field_bytes, max_fields)
    if is_usual and not head.is_secret:
        _keep(key, head)
    return head


def _keep(key: tuple[Pair, ...], head: ReceivedHead) -> None:
    """Keep a small head that has come before; those that come once would only fill the table."""
    if sum([len(name) + len(value) for name, value in key]) <= MAX_CACHED_HEAD_BYTES and has_come_before(key):
        if len(_heads) >= MAX_CACHED_HEADS:
            _heads.clear()
        _heads[key] = head


def _parse_request(fields: list[Pair], max_field_bytes: int, max_fields: int) -> ReceivedHead:
    pseudo = _pseudo_fields(fields)
    method, authority, protocol = pseudo.get(":method", ""), pseudo.get(":authority"), pseudo.get(":protocol")
    if TOKEN.fullmatch(method) is None:
        raise _malformed(f"':method' is {method[:_SHOWN]!r}; wanted a token (RFC 9113 §8.3.1)")
    if authority is not None and not (authority and is_authority(authority)):
        raise _malformed(f"':authority' is {authority[:_SHOWN]!r}; wanted a host and perhaps a port (§8.3.1)")
    if protocol is not None and (method != "CONNECT" or _PROTOCOL.fullmatch(protocol) is None):
        raise _malformed(f"':protocol' is {protocol[:_SHOWN]!r} in a {method} request (RFC 8441 §4)")
    if method == "CONNECT" and protocol is None:
        target = _tunnel_target(pseudo)
    else:
        target = _path(method, pseudo)
    head = ReceivedHead(method, target, HttpVersion20, True)
    if protocol is not None:
        head.protocol = protocol
    _OF_REQUESTS.read(fields[len(pseudo) :], head, max_field_bytes, max_fields)
    _settle_host(head, authority)
    if head.is_secret:
        _join_cookies(head)
    return head


def _pseudo_fields(fields: list[Pair]) -> dict[str, str]:
    """Return those that begin the list; one that follows is found to be no field."""
    pseudo: dict[str, str] = {}
    for name, value in fields:
        if name[:1] != ":":
            break
        if name not in _PSEUDO or name in pseudo:
            raise _malformed(_what_is_wrong_with_name(name))
        pseudo[name] = value
    return pseudo


def _tunnel_target(pseudo: Mapping[str, str]) -> str:
    """Return what a CONNECT wants to be connected with (§8.5)."""
    target = pseudo.get(":authority", "")
    if ":scheme" in pseudo or ":path" in pseudo or not target.rpartition(":")[0] or not target[-1].isdigit():
        raise _malformed(f"CONNECT to {target[:_SHOWN]!r}; wanted host and port, no ':scheme', no ':path' (§8.5)")
    return target


def _path(method: str, pseudo: Mapping[str, str]) -> str:
    scheme, path = pseudo.get(":scheme", ""), pseudo.get(":path", "")
    if _SCHEME.fullmatch(scheme) is None:
        raise _malformed(f"':scheme' is {scheme[:_SHOWN]!r}; wanted one such as 'https' (RFC 9113 §8.3.1)")
    if _PATH.fullmatch(path) is None and not (path == "*" and method == "OPTIONS"):
        raise _malformed(f"':path' is {path[:_SHOWN]!r} in a {method} request; wanted one such as '/' (§8.3.1)")
    return path


def _settle_host(head: ReceivedHead, authority: str | None) -> None:
    """See that the request has one host, and that it is found where programs look for it."""
    if authority is None:
        if not head.host:
            raise _malformed("neither ':authority' nor Host; wanted one of them (RFC 9113 §8.3.1)")
        return
    if head.host is None:
        head.fields.insert(0, (_HOST, authority))
    elif head.host.lower() != authority.lower():
        raise _malformed(f"':authority' is {authority[:_SHOWN]!r}, Host is {head.host[:_SHOWN]!r} (§8.3.1)")
    head.host = authority


def _join_cookies(head: ReceivedHead) -> None:
    """Make one field of all crumbs (§8.2.3), in the place of the first."""
    crumbs = [value for name, value in head.fields if name == "cookie"]
    if len(crumbs) > 1:
        at = next(at for at, (name, _) in enumerate(head.fields) if name == "cookie")
        head.fields = [field for field in head.fields if field[0] != "cookie"]
        head.fields.insert(at, (_COOKIE, "; ".join(crumbs)))


def check_trailers(fields: list[Pair]) -> None:
    """Raise StreamFault for what may not stand behind a body (§8.1, §8.2)."""
    for pair in fields:
        _check_field(pair)


# Heads that are sent.


def request_fields(head: RequestHead, protocol: str | None = None) -> list[Pair]:
    """Return the head of a request for HPACK. protocol: to ask for by an extended CONNECT (RFC 8441 §4)."""
    target = head.target
    if protocol is not None:
        fields = [(":method", "CONNECT"), (":scheme", target.scheme), (":path", target.path)]
    elif head.method == "CONNECT":
        fields = [(":method", "CONNECT")]
    else:
        fields = [(":method", head.method), (":scheme", target.scheme), (":path", target.path)]
    fields.append((":authority", target.authority))
    if protocol is not None:
        fields.append((":protocol", protocol))
    for block in head.blocks:
        fields += block.h2
    return fields


def response_fields(status: int, fields: Iterable[Pair]) -> list[Pair]:
    """Return the head of a response for HPACK. Raises ValueError for what must not be sent."""
    if not 100 <= status <= 999 or status == 101:
        raise ValueError(f"status {status}; wanted three digits, from 100 to 999, and not 101 (RFC 9113 §8.6)")
    return [(":status", str(status)), *lower_case_fields(fields)]
