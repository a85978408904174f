"""Entity tags: `W/"v1"` to a value and back, and whether two match (RFC 9110 §8.8.3).

Apart from `conditional`, which needs datetime: a client that only names `ETag` should not pay for that.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

ETAG_ANY: Final = "*"

# etagc = %x21 / %x23-7E / obs-text (RFC 9110 §8.8.3); obs-text has been decoded, so it is any character from there on.
_ETAGC: Final = r"[!#-~\x80-\U0010ffff]"
_OPAQUE: Final = re.compile(f"{_ETAGC}*")
# A member of the list, which may be empty (RFC 9110 §5.6.1.2), with the comma or the end behind it.
_MEMBER: Final = re.compile(rf'[ \t]*(?:(?P<weak>W/)?"(?P<value>{_ETAGC}*)"[ \t]*)?(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class ETag:
    """An entity tag: what stands between its quotes, and whether it is weak.

    The value `*` is the one that If-Match and If-None-Match use for any tag.
    """

    value: str
    is_weak: bool = False


def parse_etags(field: str) -> tuple[ETag, ...]:
    """Read If-Match, If-None-Match or ETag.

    Reading ends at the first damaged member: what follows it cannot be told from the inside of a tag.
    Fewer tags are safe, as they make fewer conditions true.
    """
    if field.strip(" \t") == ETAG_ANY:
        return (ETag(ETAG_ANY),)
    etags: list[ETag] = []
    at = 0
    while at < len(field) and (member := _MEMBER.match(field, at)):
        if (value := member["value"]) is not None:
            etags.append(ETag(value, member["weak"] is not None))
        at = member.end()
    return tuple(etags)


def render_etag(etag: ETag) -> str:
    """Return the ETag field's value; raises ValueError for what no tag may hold."""
    if _OPAQUE.fullmatch(etag.value) is None:
        raise ValueError(
            f"etag value {etag.value!r} holds a quote, a space or a control character;"
            " pass what stands between the quotes, without them (RFC 9110 §8.8.3)"
        )
    if etag.value == ETAG_ANY and not etag.is_weak:
        return ETAG_ANY
    return f'W/"{etag.value}"' if etag.is_weak else f'"{etag.value}"'


def matches_strongly(etag: ETag, candidates: Iterable[ETag]) -> bool:
    """Tell whether `etag` is among `candidates`, byte for byte the same representation (RFC 9110 §8.8.3.2)."""
    return any(
        each.value == ETAG_ANY or (each.value == etag.value and not each.is_weak and not etag.is_weak)
        for each in candidates
    )


def matches_weakly(etag: ETag, candidates: Iterable[ETag]) -> bool:
    """Tell whether `etag` is among `candidates`, as good as the same representation (RFC 9110 §8.8.3.2)."""
    return any(each.value in (ETAG_ANY, etag.value) for each in candidates)
