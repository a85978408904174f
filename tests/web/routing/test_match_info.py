"""What a request found, and the applications on the way."""

import pytest

from trunkline.web.exceptions import HTTPMethodNotAllowed, HTTPNotFound
from trunkline.web.routing.match_info import MatchInfoError, UrlMappingMatchInfo
from trunkline.web.routing.resources import PlainResource
from trunkline.web.routing.routes import ResourceRoute


async def handler(request: object) -> None:
    """Never called."""


def found() -> UrlMappingMatchInfo:
    return UrlMappingMatchInfo({"name": "value"}, ResourceRoute("GET", handler, PlainResource("/a")))


def test_a_match_is_the_values_and_leads_to_the_route() -> None:
    match_info = found()
    assert match_info == {"name": "value"}
    assert match_info.handler is handler
    assert match_info.route.method == "GET"
    assert match_info.expect_handler == match_info.route.handle_expect_header
    assert match_info.http_exception is None
    assert match_info.get_info() == {"path": "/a"}
    assert repr(match_info).startswith("<MatchInfo {'name': 'value'}: <ResourceRoute [GET] <PlainResource  /a>")


def test_the_first_application_added_is_the_current_one_and_stands_last() -> None:
    match_info = found()
    match_info.add_app("inner")
    match_info.add_app("outer")
    assert match_info.apps == ("outer", "inner")
    assert match_info.current_app == "inner"
    match_info.current_app = "outer"
    assert match_info.current_app == "outer"


def test_applications_of_one_match_are_not_those_of_the_next() -> None:
    found().add_app("app")
    assert found().apps == ()


def test_a_match_without_application_says_so() -> None:
    with pytest.raises(RuntimeError, match="no application"):
        _ = found().current_app


def test_a_frozen_match_takes_no_application() -> None:
    match_info = found()
    match_info.freeze()
    with pytest.raises(RuntimeError, match=r"Cannot change apps stack after .freeze\(\) call"):
        match_info.add_app("late")


@pytest.mark.parametrize("error", [HTTPNotFound(), HTTPMethodNotAllowed("PUT", {"GET"})])
async def test_the_match_of_an_error_raises_it(error: HTTPNotFound | HTTPMethodNotAllowed) -> None:
    match_info = MatchInfoError(error)
    assert match_info == {}
    assert match_info.http_exception is error
    assert repr(match_info) == f"<MatchInfoError {error.status}: {error.reason}>"
    with pytest.raises(type(error)) as caught:
        await match_info.handler(None)
    assert caught.value is error
