"""Field lines, in and out: the one home of their grammar (RFC 9110 §5, RFC 9112 §5).

Names are tokens. Values come in with only CR, LF and NUL refused, the three that RFC 9110 §5.5 tells a
recipient to refuse; other control characters stay, as peers do send them. On the way out no control character
but HTAB passes, so no value can start a line of its own. Bytes map to `str` as UTF-8 with surrogate escapes:
what came in without control characters can be sent again. How long a line may be is the caller's to check.
"""

from __future__ import annotations

import re
from typing import Final

from multidict import istr

from trunkline.wire.errors import BadHead

Field = tuple[istr, str]  # a name in the case received, and its value

_TCHAR: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"  # RFC 9110 §5.6.2: tchar
TOKEN: Final = re.compile(f"{_TCHAR}++")
TOKEN_BYTES: Final = re.compile(TOKEN.pattern.encode("ascii"))

_NEVER_RECEIVED = re.compile(rb"[\0\r\n]")  # RFC 9110 §5.5: "invalid and dangerous"
_NEVER_SENT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 §5.5: CTL without HTAB
_SHOWN = 60  # characters of a peer's or user's text that a message repeats


def parse_field_line(line: bytes) -> tuple[str, str]:
    """Split one field line, without its CRLF, into name and value, or raise BadHead."""
    name, colon, value = line.partition(b":")
    if not colon or TOKEN_BYTES.fullmatch(name) is None:
        raise BadHead(_what_is_wrong_with_name(line, colon))
    value = value.strip(b" \t")
    if _NEVER_RECEIVED.search(value) is not None:
        raise BadHead(f"CR, LF or NUL in the value of field {name.decode('ascii')!r}: {_shown(value)}")
    return name.decode("ascii"), value.decode("utf-8", "surrogateescape")


def check_field_name(name: str) -> None:
    """Raise ValueError unless `name` may be sent as a field name."""
    if TOKEN.fullmatch(name) is None:
        raise ValueError(
            f"field name {_shown(name)} is not a token (RFC 9110 §5.6.2); use letters, digits and !#$%&'*+-.^_`|~ only"
        )


def check_field_value(value: str) -> None:
    """Raise ValueError unless `value` may be sent as a field value, TypeError if it is no str."""
    if not isinstance(value, str):
        raise TypeError(f"field value of type {type(value).__name__}: {_shown(repr(value))}; wanted str")
    found = _NEVER_SENT.search(value)
    if found is not None:
        raise ValueError(
            f"control character {found[0]!r} in field value {_shown(value)} could start another field;"
            " remove or encode it"
        )


def render_field_line(name: str, value: str) -> bytes:
    """Return the checked field line with its CRLF."""
    check_field_name(name)
    check_field_value(value)
    # A lone surrogate that is no escaped byte raises UnicodeEncodeError, which is a ValueError too.
    return f"{name}: {value}\r\n".encode("utf-8", "surrogateescape")


def _what_is_wrong_with_name(line: bytes, colon: bytes) -> str:
    if line[:1] in (b" ", b"\t"):
        return f"field line {_shown(line)} begins with whitespace; folded lines are refused (RFC 9112 §5.2)"
    if not colon:
        return f"field line {_shown(line)} has no colon; wanted 'name: value'"
    return f"field line {_shown(line)} does not begin with a token and a colon (RFC 9112 §5.1)"


def _shown(text: bytes | str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"
