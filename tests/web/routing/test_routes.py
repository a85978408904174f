"""Routes: what is taken for a method and a handler, and the answer to an Expect field."""

import functools
import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest.mock import AsyncMock

import pytest

from trunkline.testing.mocked_request import make_mocked_request
from trunkline.web.exceptions import HTTPExpectationFailed, HTTPNotFound
from trunkline.web.routing.class_view import View
from trunkline.web.routing.resources import PlainResource
from trunkline.web.routing.routes import ResourceRoute, SystemRoute
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

RESOURCE = PlainResource("/a", name="name")


async def handler(request: Any) -> Any:
    """Answer with what came."""
    return request


def bare(request: Any) -> Any:
    """Answer like a handler of old."""
    return request


def bare_future(request: Any) -> Any:
    """Answer with a coroutine."""
    return handler(request)


def generator(request: Any) -> Iterator[None]:
    yield None


async def async_generator(request: Any) -> AsyncIterator[None]:
    yield None


class CallableObject:
    async def __call__(self, request: Any) -> Any:
        return request

    async def method(self, request: Any) -> Any:
        return request


class SomeView(View):
    """A view."""


@pytest.mark.parametrize(
    "taken",
    [handler, functools.partial(handler), CallableObject(), CallableObject().method, SomeView, AsyncMock()],
)
def test_coroutine_functions_and_views_are_taken_as_they_are(taken: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ResourceRoute("GET", taken, RESOURCE).handler is taken


@pytest.mark.parametrize("function", [bare, bare_future])
async def test_a_plain_function_is_deprecated_and_works(function: Any) -> None:
    with pytest.warns(DeprecationWarning, match="Bare functions are deprecated, use async ones"):
        route = ResourceRoute("GET", function, RESOURCE)
    assert await route.handler("request") == "request"


@pytest.mark.parametrize("wrong", [None, 5, "name", generator, async_generator])
def test_what_cannot_answer_is_refused_where_it_is_registered(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"handler is .*; give a coroutine function"):
        ResourceRoute("GET", wrong, RESOURCE)


@pytest.mark.parametrize("wrong", [bare, 5])
def test_an_expect_handler_must_be_a_coroutine_function(wrong: Any) -> None:
    with pytest.raises(TypeError, match="expect_handler"):
        ResourceRoute("GET", handler, RESOURCE, expect_handler=wrong)


@pytest.mark.parametrize(
    ("method", "upper"), [("GET", "GET"), ("get", "GET"), ("*", "*"), ("m-search", "M-SEARCH"), ("foo", "FOO")]
)
def test_a_method_is_any_token_in_any_case(method: str, upper: str) -> None:
    assert ResourceRoute(method, handler, RESOURCE).method == upper


@pytest.mark.parametrize("method", ["", "G T", "GET\r\n", "GET\n", "G@T", "GÉT", "G/T"])
def test_what_is_no_token_is_no_method(method: str) -> None:
    with pytest.raises(ValueError, match="is not allowed HTTP method"):
        ResourceRoute(method, handler, RESOURCE)


def test_a_route_tells_of_its_resource() -> None:
    route = ResourceRoute("GET", handler, RESOURCE)
    assert route.resource is RESOURCE
    assert route.name == "name"
    assert str(route.url_for()) == "/a"
    assert route.get_info() == {"path": "/a"}
    assert repr(route) == f"<ResourceRoute [GET] <PlainResource 'name'  /a> -> {handler!r}>"


def test_the_route_of_an_error_has_no_resource() -> None:
    error = HTTPNotFound()
    route = SystemRoute(error)
    assert (route.status, route.reason, route.name, route.method, route.resource) == (404, "Not Found", None, "*", None)
    assert route.get_info() == {"http_exception": error}
    assert repr(route) == "<SystemRoute 404: Not Found>"
    with pytest.raises(RuntimeError, match="not allowed for SystemRoute"):
        route.url_for()


def expecting(value: str, version: HttpVersion = HttpVersion11) -> Any:  # Any: the connection is a mock
    return make_mocked_request("POST", "/a", {"Expect": value}, version=version)


@pytest.mark.parametrize("value", ["100-continue", "100-Continue"])
async def test_an_expected_100_is_sent(value: str) -> None:
    request = expecting(value)
    await ResourceRoute("POST", handler, RESOURCE).handle_expect_header(request)
    request.protocol.send_continue.assert_called_once_with()


async def test_any_other_expectation_fails() -> None:
    request = expecting("200-ok")
    with pytest.raises(HTTPExpectationFailed):
        await ResourceRoute("POST", handler, RESOURCE).handle_expect_header(request)
    request.protocol.send_continue.assert_not_called()


@pytest.mark.parametrize("value", ["100-continue", "200-ok"])
async def test_http_1_0_knows_no_expectations(value: str) -> None:
    request = expecting(value, HttpVersion10)
    await ResourceRoute("POST", handler, RESOURCE).handle_expect_header(request)
    request.protocol.send_continue.assert_not_called()


async def test_a_route_may_answer_expectations_itself() -> None:
    route = ResourceRoute("POST", handler, RESOURCE, expect_handler=handler)
    assert await route.handle_expect_header("request") == "request"


async def test_a_request_without_route_is_not_asked_for_its_body() -> None:
    request = expecting("100-continue")
    await SystemRoute(HTTPNotFound()).handle_expect_header(request)
    request.protocol.send_continue.assert_not_called()


def test_the_route_of_an_error_is_gone_with_its_request() -> None:
    gc.collect()
    gc.disable()
    try:
        SystemRoute(HTTPNotFound())
        assert gc.collect() == 0
    finally:
        gc.enable()
