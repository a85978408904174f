"""Content-Disposition: what a body is called and what it is for (RFC 6266, RFC 2183, RFC 7578 §4.2).

Parsing is strict about structure, because a field read in two ways is a way around a filter, and gentle about
its result: a damaged field gives a warning and no value, a damaged parameter gives a warning and is left out.
Values beyond ASCII come percent-encoded with their charset (RFC 8187), long ones cut in numbered pieces (RFC
2231 §3). A file's name loses the separators that it begins with, however it was written: `/etc/passwd` would put the
file elsewhere than where its receiver wants it (RFC 6266 §4.3). That `../../etc/passwd` is no good name is for who
saves the file to know. Rendering encodes what could end a value or start another field, or refuses it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from itertools import count
from urllib.parse import quote, unquote, unquote_to_bytes

from trunkline.wire.fields import TOKEN, check_field_value
from trunkline.wire.mime import quote_string, split_parameters, unquote_string

_CONTINUED = re.compile(r".*\*[0-9]+\*?")  # RFC 2231 §3: `filename*0`, `filename*1*`
_EXTENDED_VALUE = re.compile(r"([^']*)'[^']*'(.*)")  # RFC 8187 §3.2.1: charset'language'value
_ASCII_TEXT = re.compile(r"[\t\x20-\x7e]*")
_FILENAMES = ("filename", "filename*")  # RFC 6266 §4.3; other parameters, such as a field's name, name no file
_QUOTED_BY_PAIR = re.compile(r'(["\\ \t])')  # spaces too: aiohttp sends them as quoted-pairs


class BadContentDispositionHeader(RuntimeWarning):
    """A Content-Disposition field is malformed and was ignored."""


class BadContentDispositionParam(RuntimeWarning):
    """A parameter of a Content-Disposition field is malformed and was ignored."""


def parse_content_disposition(header: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the disposition type and the parameters, names in lower case; (None, {}) without a usable field.

    Extended values (`filename*`) are decoded. Pieces (`filename*0`) stay apart; see
    `content_disposition_filename`.
    """
    if not header:
        return None, {}
    disposition, *pieces = split_parameters(header)
    disposition = disposition.strip()
    parameters = _parameters(pieces) if TOKEN.fullmatch(disposition) is not None else None
    if parameters is None:
        warnings.warn(BadContentDispositionHeader(header), stacklevel=2)
        return None, {}
    return disposition.lower(), parameters


def _parameters(pieces: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not equals or name in parameters:
            return None
        extended = name.endswith("*") and _CONTINUED.fullmatch(name) is None
        decoded = _extended_value(value) if extended else _plain_value(value)
        if TOKEN.fullmatch(name) is not None and decoded is not None:
            parameters[name] = decoded.lstrip("\\/") if name in _FILENAMES else decoded
        elif decoded is None and not extended:
            return None
        else:
            warnings.warn(BadContentDispositionParam(piece), stacklevel=3)
    return parameters


def _plain_value(value: str) -> str | None:
    return value if TOKEN.fullmatch(value) is not None else unquote_string(value)


def _extended_value(value: str) -> str | None:
    found = _EXTENDED_VALUE.fullmatch(value)
    if found is None or '"' in value:
        return None
    try:
        return unquote(found[2], encoding=found[1] or "utf-8", errors="strict")
    except (UnicodeError, LookupError):  # of the text, of the charset, or of its name
        return None


def content_disposition_filename(params: Mapping[str, str], name: str = "filename") -> str | None:
    """Return the value of parameter `name`: the extended one, else the plain one, else the joined pieces."""
    if not params:
        return None
    for whole in (f"{name}*", name):
        if whole in params:
            return params[whole]
    joined = _joined_pieces(params, name)
    return joined.lstrip("\\/") if joined and name in _FILENAMES else joined


def _joined_pieces(params: Mapping[str, str], name: str) -> str | None:
    pieces = list(_pieces(params, name))
    if not pieces:
        return None
    charset = "utf-8"
    first, is_encoded = pieces[0]
    if is_encoded and (found := _EXTENDED_VALUE.fullmatch(first)) is not None:
        charset = found[1] or charset
        pieces[0] = (found[2], True)
    # A character may be cut in two between pieces, so they are joined as bytes.
    data = b"".join(
        unquote_to_bytes(text) if is_encoded else text.encode(errors="replace") for text, is_encoded in pieces
    )
    try:
        return data.decode(charset, "replace")
    except (UnicodeError, LookupError):  # of the charset, or of its name
        return data.decode("utf-8", "replace")


def _pieces(params: Mapping[str, str], name: str) -> Iterator[tuple[str, bool]]:
    for index in count():
        plain = params.get(f"{name}*{index}")
        piece = params.get(f"{name}*{index}*") if plain is None else plain
        if piece is None:
            return
        yield piece, plain is None


def content_disposition_header(disptype: str, quote_fields: bool = True, _charset: str = "utf-8", **params: str) -> str:
    """Return the field's value.

    quote_fields: percent-encode file names, and send other values beyond ASCII as RFC 8187 says. Without it
    values go out as they are, in quotes: some servers want that. Raises ValueError for a type or a parameter
    name that is no token, and for a value with control characters that nothing encodes.
    """
    if TOKEN.fullmatch(disptype) is None:
        raise ValueError(f"disposition type {disptype!r} is not a token; wanted something like 'attachment'")
    rendered = [disptype]
    for name, value in params.items():
        if TOKEN.fullmatch(name) is None:
            raise ValueError(f"disposition parameter {name!r} is not a token; use letters, digits and '-'")
        rendered.append(_rendered(name, value, quote_fields, _charset))
    header = "; ".join(rendered)
    check_field_value(header)
    return header


def _rendered(name: str, value: str, quote_fields: bool, charset: str) -> str:
    if not quote_fields:
        return f"{name}={quote_string(value)}"
    if name.lower() == "filename":
        return f'{name}="{quote(value, safe="", encoding=charset)}"'
    if _ASCII_TEXT.fullmatch(value) is not None:
        escaped = _QUOTED_BY_PAIR.sub(r"\\\1", value)
        return f'{name}="{escaped}"'
    return f"{name}*={charset}''{quote(value, safe='', encoding=charset)}"
