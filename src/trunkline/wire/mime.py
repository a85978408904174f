"""Media types: `text/html; charset=utf-8` to a value (RFC 9110 §8.3.1).

Peers send media types that fit no grammar, and their bodies are to be read all the same, so parsing never
fails: what is missing is empty. The same few values come over and over, so results are cached; they are
frozen and may be shared. The grammar of parameters is here for Content-Disposition too. Negotiation (Accept)
is not.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from multidict import MultiDict, MultiDictProxy

from trunkline.wire.fields import TOKEN
from trunkline.wire.limits import MAX_CACHED_MEDIA_TYPES

_MEDIA_TYPE = re.compile(f"{TOKEN.pattern}/{TOKEN.pattern}")  # RFC 9110 §8.3.1
# quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE (RFC 9110 §5.6.4)
_QUOTED_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
# Up to the next semicolon that is not in quotes. A quote never closed runs to the end, which costs one pass
# only.
_PARAMETER = re.compile(r'(?:[^;"]++|"(?:[^"\\]|\\.?)*+(?:"|\Z))*+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class MimeType:
    """A media type: `image/svg+xml; a=b` has type `image`, subtype `svg`, suffix `xml`, all in lower case."""

    type: str
    subtype: str
    suffix: str
    parameters: MultiDictProxy[str]


@functools.lru_cache(maxsize=MAX_CACHED_MEDIA_TYPES)
def parse_mimetype(mimetype: str) -> MimeType:
    """Take a media type apart; `*` alone means `*/*`."""
    full_type, *pieces = split_parameters(mimetype)
    full_type = full_type.strip().lower()
    if full_type == "*":
        full_type = "*/*"
    main, _, subtype = full_type.partition("/")
    subtype, _, suffix = subtype.partition("+")
    parameters: MultiDict[str] = MultiDict()
    for piece in pieces:
        name, _, value = piece.partition("=")
        if name := name.strip().lower():
            parameters.add(name, _lenient_value(value))
    return MimeType(main, subtype, suffix, MultiDictProxy(parameters))


def _lenient_value(value: str) -> str:
    value = value.strip()
    unquoted = unquote_string(value)
    return value.strip(' "') if unquoted is None else unquoted


def split_parameters(text: str) -> Iterator[str]:
    """Yield what stands between the semicolons of `text`; those in quoted strings do not count."""
    at = 0
    while at <= len(text):
        found = _PARAMETER.match(text, at)
        assert found is not None  # the pattern matches the empty string too
        yield found[0]
        at = found.end() + 1


def unquote_string(text: str) -> str | None:
    """Return the value of a quoted-string (RFC 9110 §5.6.4), None when `text` is not one."""
    found = _QUOTED_STRING.fullmatch(text)
    return None if found is None else _QUOTED_PAIR.sub(r"\1", found[1])


def quote_string(text: str) -> str:
    """Return `text` as a quoted-string; that it holds no control characters is the caller's to check."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@functools.lru_cache(maxsize=MAX_CACHED_MEDIA_TYPES)
def media_type(field: str | None) -> tuple[str, MultiDictProxy[str]]:
    """Return type and parameters of a received Content-Type; without a valid one, RFC 9110 §8.3's unknown type."""
    parsed = parse_mimetype(field or "")
    name = (field or "").partition(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(name) is None:
        name = "application/octet-stream"
    return name, parsed.parameters
