"""HTTP responses that a handler raises: one class per status code (RFC 9110 §15, RFC 6585, RFC 7725).

Each is a `Response` and an `Exception`. The text is the status line's code and reason unless something else is given.
Values that end in the head are refused here, where the traceback names the line that built them, when a CR, LF or
NUL in them could start a field of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, ClassVar

from yarl import URL

from trunkline import hdrs
from trunkline.ground.types import LooseHeaders, StrOrURL
from trunkline.web.response import Response
from trunkline.wire.fields import check_field_value


class HTTPException(Response, Exception):
    """A response that ends the handler; `status_code` is its class's status.

    body: deprecated, use `text`.
    """

    status_code: ClassVar[int] = -1
    empty_body: ClassVar[bool] = False  # True: no text unless one is given

    def __init__(
        self,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,  # Any: whatever Response takes
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        if body is not None:
            warnings.warn(
                f"body= of {type(self).__name__} is deprecated; use text=", category=DeprecationWarning, stacklevel=2
            )
        Response.__init__(
            self,
            status=self.status_code,
            headers=headers,
            reason=reason,
            body=body,
            text=text,
            content_type=content_type,
        )
        Exception.__init__(self, self.reason)
        if body is None and text is None and not self.empty_body:
            self.text = f"{self.status}: {self.reason}"


class HTTPSuccessful(HTTPException):
    """Base of the 2xx statuses."""


class HTTPOk(HTTPSuccessful):
    status_code = 200


class HTTPCreated(HTTPSuccessful):
    status_code = 201


class HTTPAccepted(HTTPSuccessful):
    status_code = 202


class HTTPNonAuthoritativeInformation(HTTPSuccessful):
    status_code = 203


class HTTPNoContent(HTTPSuccessful):
    status_code = 204
    empty_body = True


class HTTPResetContent(HTTPSuccessful):
    status_code = 205
    empty_body = True


class HTTPPartialContent(HTTPSuccessful):
    status_code = 206


class HTTPRedirection(HTTPException):
    """Base of the 3xx statuses."""


class HTTPMove(HTTPRedirection):
    """Base of the statuses with a Location field.

    location: as given; the field has it percent-encoded.
    """

    def __init__(
        self,
        location: StrOrURL,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,  # Any: whatever Response takes
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        if not location:
            raise ValueError(f"location of {type(self).__name__} is {location!r}; give the URL to go to")
        target = _link_target(location)
        super().__init__(headers=headers, reason=reason, body=body, text=text, content_type=content_type)
        self._location = location
        self.headers[hdrs.LOCATION] = target

    @property
    def location(self) -> StrOrURL:
        """Where the client is sent to."""
        return self._location


class HTTPMultipleChoices(HTTPMove):
    status_code = 300


class HTTPMovedPermanently(HTTPMove):
    status_code = 301


class HTTPFound(HTTPMove):
    status_code = 302


class HTTPSeeOther(HTTPMove):
    status_code = 303


class HTTPNotModified(HTTPRedirection):
    status_code = 304
    empty_body = True


class HTTPUseProxy(HTTPMove):
    status_code = 305


class HTTPTemporaryRedirect(HTTPMove):
    status_code = 307


class HTTPPermanentRedirect(HTTPMove):
    status_code = 308


class HTTPError(HTTPException):
    """Base of the 4xx and 5xx statuses."""


class HTTPClientError(HTTPError):
    """Base of the 4xx statuses."""


class HTTPBadRequest(HTTPClientError):
    status_code = 400


class HTTPUnauthorized(HTTPClientError):
    status_code = 401


class HTTPPaymentRequired(HTTPClientError):
    status_code = 402


class HTTPForbidden(HTTPClientError):
    status_code = 403


class HTTPNotFound(HTTPClientError):
    status_code = 404


class HTTPMethodNotAllowed(HTTPClientError):
    """method: that was asked for, in upper case. allowed_methods: that the resource has, in the Allow field."""

    status_code = 405

    def __init__(
        self,
        method: str,
        allowed_methods: Iterable[str],
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,  # Any: whatever Response takes
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        allowed = sorted(allowed_methods)
        allow = ",".join(allowed)
        check_field_value(allow)
        super().__init__(headers=headers, reason=reason, body=body, text=text, content_type=content_type)
        self._method = method.upper()
        self._allowed_methods = set(allowed)
        self.headers[hdrs.ALLOW] = allow

    @property
    def method(self) -> str:
        """The method that was refused."""
        return self._method

    @property
    def allowed_methods(self) -> set[str]:
        """The methods that the resource has."""
        return self._allowed_methods


class HTTPNotAcceptable(HTTPClientError):
    status_code = 406


class HTTPProxyAuthenticationRequired(HTTPClientError):
    status_code = 407


class HTTPRequestTimeout(HTTPClientError):
    status_code = 408


class HTTPConflict(HTTPClientError):
    status_code = 409


class HTTPGone(HTTPClientError):
    status_code = 410


class HTTPLengthRequired(HTTPClientError):
    status_code = 411


class HTTPPreconditionFailed(HTTPClientError):
    status_code = 412


class HTTPRequestEntityTooLarge(HTTPClientError):
    """max_size: the limit that was exceeded. actual_size: accepted for compatibility; the peer knows what it sent."""

    status_code = 413

    def __init__(
        self,
        max_size: float,
        actual_size: float = 0,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,  # Any: whatever Response takes
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        if text is None and body is None:
            text = f"Maximum request body size {max_size} exceeded."
        super().__init__(headers=headers, reason=reason, body=body, text=text, content_type=content_type)


class HTTPRequestURITooLong(HTTPClientError):
    status_code = 414


class HTTPUnsupportedMediaType(HTTPClientError):
    status_code = 415


class HTTPRequestRangeNotSatisfiable(HTTPClientError):
    status_code = 416


class HTTPExpectationFailed(HTTPClientError):
    status_code = 417


class HTTPMisdirectedRequest(HTTPClientError):
    status_code = 421


class HTTPUnprocessableEntity(HTTPClientError):
    status_code = 422


class HTTPFailedDependency(HTTPClientError):
    status_code = 424


class HTTPUpgradeRequired(HTTPClientError):
    status_code = 426


class HTTPPreconditionRequired(HTTPClientError):
    status_code = 428


class HTTPTooManyRequests(HTTPClientError):
    status_code = 429


class HTTPRequestHeaderFieldsTooLarge(HTTPClientError):
    status_code = 431


class HTTPUnavailableForLegalReasons(HTTPClientError):
    """link: of the party that blocks the resource, in a Link field (RFC 7725 §4); None sends none."""

    status_code = 451

    def __init__(
        self,
        link: StrOrURL | None,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,  # Any: whatever Response takes
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        target = _link_target(link) if link else None
        super().__init__(headers=headers, reason=reason, body=body, text=text, content_type=content_type)
        self._link = URL(target, encoded=True) if target is not None else None
        if target is not None:
            self.headers[hdrs.LINK] = f'<{target}>; rel="blocked-by"'

    @property
    def link(self) -> URL | None:
        """Who blocks the resource."""
        return self._link


class HTTPServerError(HTTPError):
    """Base of the 5xx statuses."""


class HTTPInternalServerError(HTTPServerError):
    status_code = 500


class HTTPNotImplemented(HTTPServerError):
    status_code = 501


class HTTPBadGateway(HTTPServerError):
    status_code = 502


class HTTPServiceUnavailable(HTTPServerError):
    status_code = 503


class HTTPGatewayTimeout(HTTPServerError):
    status_code = 504


class HTTPVersionNotSupported(HTTPServerError):
    status_code = 505


class HTTPVariantAlsoNegotiates(HTTPServerError):
    status_code = 506


class HTTPInsufficientStorage(HTTPServerError):
    status_code = 507


class HTTPNotExtended(HTTPServerError):
    status_code = 510


class HTTPNetworkAuthenticationRequired(HTTPServerError):
    status_code = 511


def _link_target(url: StrOrURL) -> str:
    """Return `url` percent-encoded. yarl drops CR and LF without a word; that would hide an injection."""
    if isinstance(url, str):
        check_field_value(url)
    return str(URL(url))
