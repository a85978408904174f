"""Which content codings a request accepts, best first (RFC 9110 §12.4.2, §12.5.3).

`*` is not taken as a wish for any coding: the body as it is satisfies it, too.
"""

import re
from collections.abc import Iterable
from typing import Final

_IDENTITY: Final = "identity"
# weight = OWS ";" OWS "q=" qvalue (RFC 9110 §12.4.2), from the semicolon on
_WEIGHT: Final = re.compile(r"[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def rank_codings(field: str, offered: Iterable[str]) -> list[str]:
    """Return those of `offered` that Accept-Encoding prefers to none, best first; equals keep their order."""
    weights: dict[str, float] = {}
    for member in field.split(","):
        coding, semicolon, parameter = member.partition(";")
        weights[coding.strip(" \t").lower()] = _weight(parameter) if semicolon else 1.0
    least = weights.get(_IDENTITY, 0.0)
    accepted = [coding for coding in offered if weights.get(coding, 0.0) > 0.0 and weights[coding] >= least]
    return sorted(accepted, key=lambda coding: -weights[coding])


def _weight(parameter: str) -> float:
    match = _WEIGHT.fullmatch(parameter.rstrip(" \t"))
    return float(match[1]) if match else 0.0
