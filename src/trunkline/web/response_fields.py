"""The fields of a response that have properties of their own: media type, length, validators, cookies.

The fields are a multidict that is made when somebody asks for it: a small response of a known type is sent without.
"""

import math
from datetime import datetime, timedelta
from http.cookies import Morsel, SimpleCookie
from typing import Final

from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.body.payload import OCTET_STREAM
from trunkline.wire.conditional import ETag, format_http_date, parse_etags, parse_http_date, render_etag
from trunkline.wire.media_fields import HeadersMixin
from trunkline.wire.mime import media_type

_EPOCH: Final = "Thu, 01 Jan 1970 00:00:00 GMT"

# `http.cookies` learns this attribute in Python 3.14; older ones can be taught.
Morsel._reserved.setdefault("partitioned", "Partitioned")  # type: ignore[attr-defined]  # not in typeshed
Morsel._flags.add("partitioned")  # type: ignore[attr-defined]  # the same


class ResponseFields(HeadersMixin):
    """The fields of one response."""

    _headers: "CIMultiDict[str] | None" = None
    _content_type: str | None = None  # of a response whose other fields nobody has asked for
    _cookies: SimpleCookie | None = None
    _is_chunked = False

    @property
    def headers(self) -> "CIMultiDict[str]":
        """The fields; a live multidict, changes before `prepare` are sent."""
        headers = self._headers
        if headers is None:
            headers = self._headers = CIMultiDict()
            if self._content_type is not None:
                headers[hdrs.CONTENT_TYPE] = self._content_type
        return headers

    # mypy knows no property that only its setter overrides; hence the getters that repeat their base's.

    @property
    def content_type(self) -> str:
        """The media type, `application/octet-stream` when none is set."""
        return super().content_type

    @content_type.setter
    def content_type(self, value: str) -> None:
        self._set_media_type(str(value), self.charset)

    @property
    def charset(self) -> str | None:
        """The charset parameter of Content-Type; setting it needs a media type."""
        return super().charset

    @charset.setter
    def charset(self, value: str | None) -> None:
        media = self.content_type
        if media == OCTET_STREAM:
            raise RuntimeError(f"a charset makes no sense for {OCTET_STREAM}; set content_type first")
        self._set_media_type(media, None if value is None else str(value).lower())

    def _set_media_type(self, media: str, charset: str | None) -> None:
        parameters = [
            f"; {name}={value}"
            for name, value in media_type(self.headers.get(hdrs.CONTENT_TYPE))[1].items()
            if name != "charset"
        ]
        if charset is not None:
            parameters.append(f"; charset={charset}")
        self.headers[hdrs.CONTENT_TYPE] = media + "".join(parameters)

    @property
    def content_length(self) -> int | None:
        """The value of Content-Length; None without one."""
        return super().content_length

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        if value is None:
            self.headers.pop(hdrs.CONTENT_LENGTH, None)
            return
        if self._is_chunked:
            raise RuntimeError("the body is sent in chunks, which have no length in all; set only one of them")
        value = int(value)
        if value < 0:
            raise ValueError(f"a Content-Length of {value}; wanted 0 or more bytes, or None")
        self.headers[hdrs.CONTENT_LENGTH] = str(value)

    @property
    def last_modified(self) -> datetime | None:
        """The date of Last-Modified. Set a Unix time, a datetime, the field's own text, or None for none."""
        return parse_http_date(self.headers.get(hdrs.LAST_MODIFIED))

    @last_modified.setter
    def last_modified(self, value: "float | datetime | str | None") -> None:
        if value is None:
            self.headers.pop(hdrs.LAST_MODIFIED, None)
        elif isinstance(value, str):
            self.headers[hdrs.LAST_MODIFIED] = value
        elif isinstance(value, (int, float)):
            self.headers[hdrs.LAST_MODIFIED] = format_http_date(math.ceil(value))
        elif isinstance(value, datetime):
            part_s = timedelta(microseconds=-value.microsecond % 1_000_000)  # counts as a whole second, as in floats
            self.headers[hdrs.LAST_MODIFIED] = format_http_date(value + part_s)
        else:
            raise TypeError(f"last_modified of type {type(value).__name__}; wanted int, float, datetime, str or None")

    @property
    def etag(self) -> ETag | None:
        """The entity tag. Set an ETag, a str for a strong one, or None for none."""
        field = self.headers.get(hdrs.ETAG)
        etags = parse_etags(field) if field else ()
        return etags[0] if etags else None

    @etag.setter
    def etag(self, value: "ETag | str | None") -> None:
        if value is None:
            self.headers.pop(hdrs.ETAG, None)
        elif isinstance(value, (str, ETag)):
            self.headers[hdrs.ETAG] = render_etag(ETag(value) if isinstance(value, str) else value)
        else:
            raise ValueError(f"etag of type {type(value).__name__}; wanted str, ETag or None")

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies to set; each becomes a Set-Cookie field."""
        if self._cookies is None:
            self._cookies = SimpleCookie()
        return self._cookies

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        expires: str | None = None,
        domain: str | None = None,
        max_age: int | str | None = None,
        path: str = "/",
        secure: bool | None = None,
        httponly: bool | None = None,
        version: str | None = None,
        samesite: str | None = None,
        partitioned: bool | None = None,
    ) -> None:
        """Set a cookie (RFC 6265 §4.1). Raises CookieError or ValueError for what would start another attribute.

        expires: an HTTP-date. max_age: seconds. samesite: `Strict`, `Lax` or `None`.
        """
        attributes = {
            "expires": expires,
            "domain": domain,
            "max-age": None if max_age is None else str(max_age),
            "path": path,
            "secure": secure,
            "httponly": httponly,
            "version": version,
            "samesite": samesite,
            "partitioned": partitioned,
        }
        for attribute, given in attributes.items():
            if isinstance(given, str) and any(c in ";\r\n\0" or ord(c) < 0x20 or c == "\x7f" for c in given):
                raise ValueError(f"{attribute} {given!r} of cookie {name!r} would start another attribute or field")
        cookies = self.cookies
        cookies[name] = value
        morsel = cookies[name]
        # One that was set before keeps its attributes, but not the end of its life: it may have been to be deleted.
        morsel["max-age"] = ""
        if morsel["expires"] == _EPOCH:
            morsel["expires"] = ""
        for attribute, given in attributes.items():
            if given is not None:
                morsel[attribute] = given

    def del_cookie(
        self,
        name: str,
        *,
        domain: str | None = None,
        path: str = "/",
        secure: bool | None = None,
        httponly: bool | None = None,
        samesite: str | None = None,
    ) -> None:
        """Make the client forget a cookie. domain and path must be those that it was set with."""
        self.cookies.pop(name, None)
        self.set_cookie(
            name,
            "",
            expires=_EPOCH,
            max_age=0,
            domain=domain,
            path=path,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )

    def _add_cookie_fields(self) -> None:
        if self._cookies:
            for cookie in self._cookies.values():
                self.headers.add(hdrs.SET_COOKIE, cookie.OutputString())
