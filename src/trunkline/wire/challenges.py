"""Challenges: the values of WWW-Authenticate and Proxy-Authenticate, taken apart (RFC 9110 §11.6.1).

One field holds any number of challenges, a response any number of fields, and commas stand both between challenges and
between the parameters of one; a name with `=` behind it is a parameter, another one starts a challenge. Servers forget
commas and quotes, so both may be missing; what fits nothing ends its field. What a challenge means is not here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Final

from trunkline.wire.fields import TOKEN
from trunkline.wire.limits import MAX_CHALLENGES
from trunkline.wire.mime import unquote_string

_SEPARATORS: Final = re.compile(r"[ \t,]*+")
# auth-param = token BWS "=" BWS ( token / quoted-string ) (RFC 9110 §11.2); unquoted, base64 comes too.
_PARAMETER: Final = re.compile(rf'({TOKEN.pattern})[ \t]*+=[ \t]*+("(?:[^"\\]|\\.)*+"|[^\s",]*+)')
# auth-scheme [ 1*SP token68 ], where token68 is all that the challenge has (RFC 9110 §11.2, §11.3)
_SCHEME: Final = re.compile(rf"({TOKEN.pattern})(?:[ \t]++([-A-Za-z0-9._~+/]++=*+)(?=[ \t]*+(?:,|\Z)))?")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge. scheme and parameter names are in lower case; of two with one name, the first counts."""

    scheme: str
    token68: str | None
    parameters: Mapping[str, str]


def parse_challenges(fields: Iterable[str]) -> list[Challenge]:
    """Return the challenges in `fields`, in order; never fails, and stops at a bound."""
    return list(islice((challenge for field in fields for challenge in _challenges(field)), MAX_CHALLENGES))


def parse_auth_parameters(field: str, at: int = 0) -> tuple[dict[str, str], int]:
    """Return the parameters in `field` from `at` on, and where they end (RFC 9110 §11.2, also Authentication-Info)."""
    at = _skip(field, at)
    parameters: dict[str, str] = {}
    while (found := _PARAMETER.match(field, at)) is not None:
        value = unquote_string(found[2])
        parameters.setdefault(found[1].lower(), found[2] if value is None else value)
        at = _skip(field, found.end())
    return parameters, at


def _challenges(field: str) -> Iterator[Challenge]:
    at = _skip(field, 0)
    while (start := _SCHEME.match(field, at)) is not None:
        parameters: dict[str, str] = {}
        at = _skip(field, start.end())
        if start[2] is None:
            parameters, at = parse_auth_parameters(field, at)
        yield Challenge(start[1].lower(), start[2], MappingProxyType(parameters))


def _skip(field: str, at: int) -> int:
    found = _SEPARATORS.match(field, at)
    assert found is not None  # the pattern matches the empty string too
    return found.end()
