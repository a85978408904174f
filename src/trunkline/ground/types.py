"""Type aliases of the public API, by aiohttp's names (its `typedefs` module)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy, istr
from yarl import URL

StrOrURL = str | URL
RawHeaders = tuple[tuple[bytes, bytes], ...]
LooseHeaders = (
    Mapping[str, str] | Mapping[istr, str] | CIMultiDict[str] | CIMultiDictProxy[str] | Iterable[tuple[str | istr, str]]
)
# Any: yarl takes str, int, float and sequences of them, and says so itself when a value is none of these.
Query = str | Mapping[str, Any] | MultiDict[Any] | MultiDictProxy[Any] | Sequence[tuple[str, Any]] | None
