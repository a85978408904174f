"""The end of the documentation's quickstart for servers: an exception for every status, raised by handlers."""

from __future__ import annotations

import http
from typing import Any

import pytest

from trunkline import web
from trunkline.test_utils import TestClient, TestServer

SUCCESSES = {
    200: "Ok", 201: "Created", 202: "Accepted", 203: "NonAuthoritativeInformation", 204: "NoContent",
    205: "ResetContent", 206: "PartialContent",
}  # fmt: skip
MOVES = {
    300: "MultipleChoices", 301: "MovedPermanently", 302: "Found", 303: "SeeOther", 305: "UseProxy",
    307: "TemporaryRedirect", 308: "PermanentRedirect",
}  # fmt: skip
CLIENT_ERRORS = {
    400: "BadRequest", 401: "Unauthorized", 402: "PaymentRequired", 403: "Forbidden", 404: "NotFound",
    406: "NotAcceptable", 407: "ProxyAuthenticationRequired", 408: "RequestTimeout", 409: "Conflict", 410: "Gone",
    411: "LengthRequired", 412: "PreconditionFailed", 414: "RequestURITooLong", 415: "UnsupportedMediaType",
    416: "RequestRangeNotSatisfiable", 417: "ExpectationFailed", 421: "MisdirectedRequest",
    422: "UnprocessableEntity", 424: "FailedDependency", 426: "UpgradeRequired", 428: "PreconditionRequired",
    429: "TooManyRequests", 431: "RequestHeaderFieldsTooLarge",
}  # fmt: skip
SERVER_ERRORS = {
    500: "InternalServerError", 501: "NotImplemented", 502: "BadGateway", 503: "ServiceUnavailable",
    504: "GatewayTimeout", 505: "VersionNotSupported", 506: "VariantAlsoNegotiates", 507: "InsufficientStorage",
    510: "NotExtended", 511: "NetworkAuthenticationRequired",
}  # fmt: skip

# What is not made from keywords alone.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **{f"HTTP{name}": ("/redirect",) for name in MOVES.values()},
    "HTTPMethodNotAllowed": ("POST", ["GET", "PUT"]),
    "HTTPRequestEntityTooLarge": (10, 20),
    "HTTPUnavailableForLegalReasons": ("https://blocker.test/",),
}

CHART = [
    (status, f"HTTP{name}", base)
    for base, names in (
        (web.HTTPSuccessful, SUCCESSES),
        (web.HTTPRedirection, {**MOVES, 304: "NotModified"}),
        (web.HTTPClientError, {
            **CLIENT_ERRORS, 405: "MethodNotAllowed", 413: "RequestEntityTooLarge", 451: "UnavailableForLegalReasons",
        }),
        (web.HTTPServerError, SERVER_ERRORS),
    )
    for status, name in names.items()
]  # fmt: skip


def make(name: str, **kwargs: Any) -> web.HTTPException:
    exception = getattr(web, name)(*ARGUMENTS.get(name, ()), **kwargs)
    assert isinstance(exception, web.HTTPException)
    return exception


def client_raising(name: str, **kwargs: Any) -> TestClient[web.Request, web.Application]:
    async def handler(request: web.Request) -> web.Response:
        raise make(name, **kwargs)

    app = web.Application()
    app.router.add_get("/", handler)
    return TestClient(TestServer(app))


def test_the_chart_begins_with_exception() -> None:
    assert issubclass(web.HTTPException, Exception)
    assert web.HTTPSuccessful.__bases__[0] is web.HTTPRedirection.__bases__[0] is web.HTTPException
    assert issubclass(web.HTTPError, web.HTTPException)
    assert web.HTTPClientError.__bases__[0] is web.HTTPServerError.__bases__[0] is web.HTTPError


@pytest.mark.parametrize(("status", "name", "base"), CHART)
async def test_each_exception_has_its_place_and_is_answered_with_its_status(
    status: int, name: str, base: type[web.HTTPException]
) -> None:
    assert issubclass(getattr(web, name), base)
    assert getattr(web, name).status_code == status
    async with client_raising(name) as client, client.get("/", allow_redirects=False) as response:
        assert response.status == status
        has_body = status not in (204, 205, 304)
        assert bool(await response.read()) is has_body
        if has_body:
            assert response.content_type == "text/plain"
            said = await response.text()
            assert said.startswith("Maximum request body size 10" if status == 413 else f"{status}: {response.reason}")


@pytest.mark.parametrize(("status", "name", "base"), CHART)
async def test_each_takes_header_fields_a_reason_and_a_text(
    status: int, name: str, base: type[web.HTTPException]
) -> None:
    kwargs: dict[str, Any] = {} if status in (204, 205, 304) else {"text": "Why: ö", "content_type": "text/x-why"}
    async with (
        client_raising(name, headers={"X-Why": "so"}, reason="Just So", **kwargs) as client,
        client.get("/", allow_redirects=False) as response,
    ):
        assert (response.status, response.reason) == (status, "Just So")
        assert response.headers["X-Why"] == "so"  # added to the default ones
        assert "Date" in response.headers
        if kwargs:
            assert await response.text() == "Why: ö"
            assert response.content_type == "text/x-why"


@pytest.mark.parametrize("name", [f"HTTP{name}" for name in MOVES.values()])
async def test_a_move_says_where_to(name: str) -> None:
    async with client_raising(name) as client, client.get("/", allow_redirects=False) as response:
        assert response.headers["Location"] == "/redirect"
    with pytest.raises(ValueError, match="location"):
        getattr(web, name)("")


async def test_method_not_allowed_says_what_is() -> None:
    async with client_raising("HTTPMethodNotAllowed") as client, client.get("/") as response:
        assert sorted(response.headers["Allow"].split(",")) == ["GET", "PUT"]
    exception = make("HTTPMethodNotAllowed")
    assert isinstance(exception, web.HTTPMethodNotAllowed)
    assert (exception.method, exception.allowed_methods) == ("POST", {"GET", "PUT"})


async def test_unavailable_for_legal_reasons_names_who_blocks() -> None:
    async with client_raising("HTTPUnavailableForLegalReasons", text="because") as client, client.get("/") as response:
        assert response.headers["Link"] == '<https://blocker.test/>; rel="blocked-by"'
        assert await response.text() == "because"


def test_the_reasons_are_the_registered_ones() -> None:
    for status, name, _ in CHART:
        assert make(name).reason == http.HTTPStatus(status).phrase


async def test_an_exception_that_is_returned_still_works() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.HTTPForbidden(text="returned")

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client, client.get("/") as response:
        assert (response.status, await response.text()) == (403, "returned")
