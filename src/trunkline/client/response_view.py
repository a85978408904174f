"""What a response tells of its request and of its head; all of it is computed when somebody asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, CIMultiDictProxy, MultiDictProxy
from yarl import URL

from trunkline import hdrs
from trunkline.client.links import parse_links
from trunkline.client.request_info import RequestInfo
from trunkline.ground.types import RawHeaders
from trunkline.wire.content_disposition import content_disposition_filename, parse_content_disposition
from trunkline.wire.cookies import parse_set_cookies
from trunkline.wire.fields import Field
from trunkline.wire.media_fields import HeadersMixin

if TYPE_CHECKING:
    from trunkline.client.observe.timeline import Timeline


@dataclass(frozen=True, slots=True)
class ContentDisposition:
    """A Content-Disposition field (RFC 6266). type: such as `attachment`."""

    type: str | None
    parameters: Mapping[str, str]
    filename: str | None


class ResponseView(HeadersMixin):
    """The read-only side of `ClientResponse`, which sets these."""

    method: str
    _real_url: URL
    status: int = None  # type: ignore[assignment]  # None only in responses made by hand, before `status` is set
    request: Any = None  # Any: a ClientRequest, whose module is above this one, and test doubles bring their own
    _fields: Sequence[Field] = ()
    _headers: "CIMultiDictProxy[str] | None" = None
    _raw_headers: RawHeaders | None = None
    _cookies: SimpleCookie | None = None
    _request_info: RequestInfo | None = None
    _recording: Any = None  # Any: a `Recording`, whose module is loaded by those who use one

    # The request.

    @property
    def url(self) -> URL:
        """The URL that was requested, without its fragment."""
        return self._real_url.with_fragment(None) if self._real_url.raw_fragment else self._real_url

    url_obj = url

    @property
    def real_url(self) -> URL:
        """The URL that was requested, with its fragment."""
        return self._real_url

    @property
    def host(self) -> str:
        """The host of the URL."""
        return self._real_url.host or ""

    @property
    def request_info(self) -> RequestInfo:
        """The request's method, URLs and fields."""
        if self._request_info is None:
            if self.request is not None:
                self._request_info = self.request.request_info
            else:
                fields: CIMultiDict[str] = CIMultiDict()
                self._request_info = RequestInfo(self.url, self.method, CIMultiDictProxy(fields), self._real_url)
        return self._request_info

    @property
    def timeline(self) -> "Timeline | None":
        """Where the time of the request went, redirects included, as far as it has come; it prints as a waterfall.

        None unless the session was made with `timeline=True`, or with a tracer that keeps records: `HarRecorder`,
        `OpenTelemetryTracing`. A request that failed has no response to ask; `HarRecorder` tells of it.
        """
        return None if self._recording is None else self._recording.timeline()

    # The head.

    @property
    def headers(self) -> "CIMultiDictProxy[str]":
        """The fields, by name in any case."""
        headers = self._headers
        if headers is None:
            headers = self._headers = CIMultiDictProxy(CIMultiDict(self._fields))
        return headers

    @property
    def raw_headers(self) -> RawHeaders:
        """The fields as bytes, in the order and case received."""
        if self._raw_headers is None:
            self._raw_headers = tuple(
                (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
                for name, value in self._fields
            )
        return self._raw_headers

    @property
    def ok(self) -> bool:
        """True when the status is below 400."""
        return self.status < 400

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies that the response sets, by name."""
        if self._cookies is None:
            self._cookies = SimpleCookie()
            # Those that were received: of fields that a test double has set, it sets the cookies, too.
            received = [value for name, value in self._fields if name.lower() == "set-cookie"]
            morsels, _ = parse_set_cookies(received)
            for morsel in morsels:
                dict.__setitem__(self._cookies, morsel.key, morsel)  # SimpleCookie's own would parse the value again
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: SimpleCookie) -> None:
        self._cookies = cookies

    @property
    def links(self) -> "MultiDictProxy[MultiDictProxy[str | URL]]":
        """The Link fields (RFC 8288), by relation."""
        return parse_links(self.headers.getall(hdrs.LINK, ()), self.url)

    @property
    def content_disposition(self) -> ContentDisposition | None:
        """The Content-Disposition field (RFC 6266), taken apart."""
        field = self.headers.get(hdrs.CONTENT_DISPOSITION)
        if field is None:
            return None
        kind, parameters = parse_content_disposition(field)
        return ContentDisposition(kind, MappingProxyType(parameters), content_disposition_filename(parameters))
