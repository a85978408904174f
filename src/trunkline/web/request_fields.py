"""What the fields of a request say: cookies, forwarded elements, ranges and preconditions, parsed when asked for."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from multidict import CIMultiDictProxy

from trunkline import hdrs
from trunkline.ground.types import RawHeaders
from trunkline.web.forwarded import parse_forwarded
from trunkline.wire.conditional import ETag, parse_etags, parse_http_date, parse_range
from trunkline.wire.media_fields import HeadersMixin
from trunkline.wire.received import ReceivedHead
from trunkline.wire.request_cookies import parse_cookie_field


class RequestFields(HeadersMixin):
    """The fields of one request."""

    _message: ReceivedHead

    @property
    def headers(self) -> "CIMultiDictProxy[str]":
        """The fields by name, in any case."""
        return self._message.headers

    @property
    def raw_headers(self) -> RawHeaders:
        """The fields as bytes, in the order in which they came."""
        return self._message.raw_headers

    @property
    def keep_alive(self) -> bool:
        """True when the client lets the connection be used again."""
        return self._message.keep_alive

    @property
    def content_length(self) -> int | None:
        """The announced length of the body, in bytes; None when none was announced."""
        length = self._message.content_length
        return super().content_length if length is None else length

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        """The cookies by name."""
        return MappingProxyType(parse_cookie_field("; ".join(self.headers.getall(hdrs.COOKIE, ()))))

    @cached_property
    def forwarded(self) -> tuple[Mapping[str, str], ...]:
        """The elements of Forwarded, the one of the first proxy first (RFC 7239)."""
        return parse_forwarded(self.headers.getall(hdrs.FORWARDED, ()))

    @property
    def http_range(self) -> "slice[int | None, int | None, int]":
        """The range of bytes that is asked for; raises ValueError when Range is damaged."""
        return parse_range(self.headers.get(hdrs.RANGE))

    @property
    def if_modified_since(self) -> datetime | None:
        """The date of If-Modified-Since; None for none."""
        return parse_http_date(self.headers.get(hdrs.IF_MODIFIED_SINCE))

    @property
    def if_unmodified_since(self) -> datetime | None:
        """The date of If-Unmodified-Since; None for none."""
        return parse_http_date(self.headers.get(hdrs.IF_UNMODIFIED_SINCE))

    @property
    def if_range(self) -> datetime | None:
        """The date of If-Range; None for none, or for an entity tag."""
        return parse_http_date(self.headers.get(hdrs.IF_RANGE))

    @property
    def if_match(self) -> tuple[ETag, ...] | None:
        """The entity tags of If-Match; None without the field."""
        return self._etags(hdrs.IF_MATCH)

    @property
    def if_none_match(self) -> tuple[ETag, ...] | None:
        """The entity tags of If-None-Match; None without the field."""
        return self._etags(hdrs.IF_NONE_MATCH)

    def _etags(self, name: str) -> tuple[ETag, ...] | None:
        values = self.headers.getall(name, ())
        return parse_etags(", ".join(values)) if values else None
