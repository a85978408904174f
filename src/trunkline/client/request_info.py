"""`RequestInfo`: what was asked, as plain values that outlive the request (aiohttp's API).

Responses and errors carry it. It pickles although `headers` is usually a read-only view, which does not.
"""

from typing import NamedTuple, Self

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from trunkline.ground.sentinel import Sentinel, sentinel


class _RequestFields(NamedTuple):
    """The fields; a NamedTuple's own body may not define `__new__`."""

    url: URL
    method: str
    headers: CIMultiDictProxy[str] | CIMultiDict[str]
    real_url: URL


class RequestInfo(_RequestFields):
    """The URL, method and fields of a request; `real_url` still has its fragment."""

    __slots__ = ()

    def __new__(
        cls,
        url: URL,
        method: str,
        headers: CIMultiDictProxy[str] | CIMultiDict[str],
        real_url: URL | Sentinel = sentinel,
    ) -> Self:
        return super().__new__(cls, url, method, headers, url if real_url is sentinel else real_url)

    def __getnewargs__(self) -> tuple[URL, str, CIMultiDictProxy[str] | CIMultiDict[str], URL]:
        # A pickle holds a copy of the fields: a CIMultiDictProxy refuses to be pickled.
        headers = self.headers.copy() if isinstance(self.headers, CIMultiDictProxy) else self.headers
        return self.url, self.method, headers, self.real_url
