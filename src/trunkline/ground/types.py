"""Type aliases of the public API, by aiohttp's names (its `typedefs` module).

Written with `Union`, because what `|` makes has no `__call__`, and tools that compare the two APIs look for it.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.cookies import BaseCookie, Morsel
from typing import Any, Final, Union

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy, istr
from yarl import URL

StrOrURL = Union[str, URL]  # noqa: UP007 - see above
RawHeaders = tuple[tuple[bytes, bytes], ...]
LooseHeaders = Union[  # noqa: UP007 - see above
    Mapping[str, str], Mapping[istr, str], CIMultiDict[str], CIMultiDictProxy[str], Iterable[tuple[str | istr, str]]
]
# Any: yarl takes str, int, float and sequences of them, and says so itself when a value is none of these.
Query = Union[  # noqa: UP007 - see above
    str, Mapping[str, Any], MultiDict[Any], MultiDictProxy[Any], Sequence[tuple[str, Any]], None
]

Byteish = Union[bytes, bytearray, memoryview]  # noqa: UP007 - see above
PathLike = Union[str, os.PathLike[str]]  # noqa: UP007 - see above

# Any: whatever JSON can hold, and what users teach it.
JSONEncoder = Callable[[Any], str]
JSONBytesEncoder = Callable[[Any], bytes]
JSONDecoder = Callable[[str], Any]
DEFAULT_JSON_ENCODER: Final = json.dumps
DEFAULT_JSON_DECODER: Final = json.loads

# Any: the value of a Morsel, which is a str unless users make it otherwise.
_LooseCookie = str | BaseCookie[str] | Morsel[Any]
LooseCookies = Union[  # noqa: UP007 - see above
    Mapping[str, _LooseCookie], Iterable[tuple[str, _LooseCookie]], BaseCookie[str]
]
