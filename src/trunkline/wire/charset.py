"""Which charsets a peer may choose for its text (RFC 9110 §8.3.2): Python's codecs of text, but for two.

`punycode` and `idna` encode names, not texts, and their decoders take time quadratic in the length: 1 MB of
punycode would hold the process up for half a minute.
"""

from __future__ import annotations

import codecs
from typing import Final

_FOR_NAMES: Final = frozenset({"idna", "punycode"})


def received_charset(name: str) -> str:
    """Return `name`, a charset that a peer chose, if text may be decoded by it; raise LookupError otherwise."""
    try:
        known = codecs.lookup(name).name
    except ValueError as error:  # a NUL in the name
        raise LookupError(f"unknown charset {name[:40]!r}") from error
    if known in _FOR_NAMES:
        raise LookupError(f"charset {name[:40]!r} is one of names, not of texts; wanted something like 'utf-8'")
    return name
