"""The Forwarded field: what proxies tell of a request's way (RFC 7239 §4).

Checks that names are tokens and values tokens or quoted-strings, and nothing of what they mean: a client may
have written any of it. A damaged element keeps the pairs before the damage and its place in the row, so that
the elements which known proxies added still count from the right. X-Forwarded-* fields are not read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from trunkline.wire.fields import TOKEN
from trunkline.wire.mime import unquote_string

# forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] ), each followed by what ends it.
# A quoted-string never closed is scanned once only: any that came later would have closed it.
_PAIR_RE: Final = re.compile(
    rf'[ \t]*+(?:(?P<name>{TOKEN.pattern})=(?P<value>{TOKEN.pattern}|"(?:[^"\\]|\\.)*+")[ \t]*+)?(?P<end>[;,]|\Z)'
)


def parse_forwarded(values: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """Return one read-only mapping for each element of the field's `values`, names in lower case."""
    return tuple(element for value in values for element in _elements(value))


def _elements(value: str) -> Iterator[Mapping[str, str]]:
    at = start = 0
    pairs: dict[str, str] = {}
    while at <= len(value):
        found = _PAIR_RE.match(value, at)
        if found is None:  # damage: go on behind the next comma
            end = value.find(",", at)
            at = len(value) if end < 0 else end
            found = _PAIR_RE.match(value, at)
            assert found is not None  # nothing, and then a comma or the end
        elif found["name"] is not None:
            pairs[found["name"].lower()] = _value(found["value"])
        at = found.end()
        if found["end"] != ";":
            if value[start : found.start("end")].strip(" \t"):  # RFC 9110 §5.6.1.2: empty elements do not count
                yield MappingProxyType(pairs)
            pairs, start = {}, at
            if not found["end"]:
                return


def _value(text: str) -> str:
    unquoted = unquote_string(text)
    return text if unquoted is None else unquoted
