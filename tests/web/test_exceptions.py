"""HTTP exceptions: one class per status, the text by default, and nothing of theirs that splits a head."""

import warnings
from http import HTTPStatus

import pytest
from yarl import URL

from trunkline import hdrs
from trunkline.web import exceptions
from trunkline.web.exceptions import (
    HTTPClientError,
    HTTPError,
    HTTPException,
    HTTPFound,
    HTTPMethodNotAllowed,
    HTTPMove,
    HTTPNoContent,
    HTTPNotFound,
    HTTPRedirection,
    HTTPRequestEntityTooLarge,
    HTTPServerError,
    HTTPSuccessful,
    HTTPUnavailableForLegalReasons,
)
from trunkline.web.response import Response

CONCRETE = sorted(
    (
        cls
        for cls in vars(exceptions).values()
        if isinstance(cls, type) and issubclass(cls, HTTPException) and cls.status_code != -1
    ),
    key=lambda cls: cls.status_code,
)
BASE_OF_FAMILY = {2: HTTPSuccessful, 3: HTTPRedirection, 4: HTTPClientError, 5: HTTPServerError}
# web_quickstart.rst, the hierarchy chart.
STATUSES = [
    *range(200, 207), *range(300, 306), 307, 308, *range(400, 418), 421, 422, 424, 426, 428, 429, 431, 451,
    *range(500, 508), 510, 511,
]  # fmt: skip


def make(cls: type[HTTPException], **kwargs: str) -> HTTPException:
    """Make one, with what its class demands."""
    demanded: dict[type[HTTPException], tuple[object, ...]] = {
        HTTPMethodNotAllowed: ("GET", ["POST"]),
        HTTPRequestEntityTooLarge: (10, 20),
        HTTPUnavailableForLegalReasons: ("http://a/",),
    }
    args = ("/x",) if issubclass(cls, HTTPMove) else demanded.get(cls, ())
    return cls(*args, **kwargs)  # type: ignore[arg-type]  # each takes its own


def test_every_status_of_the_chart_has_one_class() -> None:
    assert [cls.status_code for cls in CONCRETE] == STATUSES


@pytest.mark.parametrize("cls", CONCRETE)
def test_each_belongs_to_its_family_and_is_response_and_exception(cls: type[HTTPException]) -> None:
    assert issubclass(cls, BASE_OF_FAMILY[cls.status_code // 100])
    assert issubclass(cls, HTTPError) is (cls.status_code >= 400)
    assert issubclass(cls, Response)
    assert issubclass(cls, Exception)


@pytest.mark.parametrize("cls", CONCRETE)
def test_text_and_reason_follow_the_status(cls: type[HTTPException]) -> None:
    error = make(cls)
    phrase = HTTPStatus(cls.status_code).phrase
    assert (error.status, error.reason, str(error), error.args) == (cls.status_code, phrase, phrase, (phrase,))
    if cls.empty_body:
        assert error.body is None
        assert hdrs.CONTENT_TYPE not in error.headers
    elif cls is not HTTPRequestEntityTooLarge:
        assert error.text == f"{cls.status_code}: {phrase}"
        assert error.headers[hdrs.CONTENT_TYPE] == "text/plain; charset=utf-8"


def test_what_is_given_replaces_the_defaults() -> None:
    error = HTTPNotFound(headers={"X-A": "b"}, reason="Gone fishing", text="{}", content_type="application/json")
    assert (error.status, error.reason, error.text) == (404, "Gone fishing", "{}")
    assert error.headers["X-A"] == "b"
    assert error.content_type == "application/json"
    assert HTTPNotFound(text="").text == ""
    assert HTTPNoContent(text="x").text == "x"


def test_body_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match=r"body= of HTTPNotFound is deprecated; use text=") as warned:
        error = HTTPNotFound(body=b"x")
    assert error.body == b"x"
    assert warned[0].filename == __file__


def test_an_exception_is_true_hashable_and_equal_to_itself_only() -> None:
    error = HTTPNotFound()
    assert error
    assert {error}
    assert error != HTTPNotFound()


def test_an_own_status_needs_only_its_code() -> None:
    class Teapot(HTTPClientError):
        status_code = 418

    assert str(Teapot()) == "I'm a Teapot"


@pytest.mark.parametrize("location", ["/ä b", URL("/ä b")])
def test_location_is_encoded_in_the_field_and_kept_as_given(location: str | URL) -> None:
    error = HTTPFound(location, headers={"Location": "/elsewhere"})
    assert error.headers.getall(hdrs.LOCATION) == ["/%C3%A4%20b"]
    assert error.location == location


def test_a_redirect_needs_a_location() -> None:
    with pytest.raises(ValueError, match="location of HTTPFound is ''"):
        HTTPFound("")


@pytest.mark.parametrize("text", ["/a\r\nX: y", "/a\nX: y", "/a\rX", "/a\0"])
def test_line_breaks_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        HTTPFound(text)
    with pytest.raises(ValueError):
        HTTPUnavailableForLegalReasons(text)
    with pytest.raises(ValueError):
        HTTPMethodNotAllowed("GET", [text])


@pytest.mark.parametrize("reason", ["a\r\nb", "a\nb", "a\rb"])
def test_line_breaks_in_the_reason_are_refused(reason: str) -> None:
    with pytest.raises(ValueError):
        HTTPNotFound(reason=reason)


def test_405_names_the_allowed_methods() -> None:
    error = HTTPMethodNotAllowed("get", iter(["PUT", "POST"]))
    assert error.headers[hdrs.ALLOW] == "POST,PUT"
    assert error.method == "GET"
    assert error.allowed_methods == {"POST", "PUT"}


def test_413_names_the_limit() -> None:
    assert HTTPRequestEntityTooLarge(10, 20).text == "Maximum request body size 10 exceeded."
    assert HTTPRequestEntityTooLarge(max_size=10, text="too much").text == "too much"


def test_451_links_to_who_blocks() -> None:
    error = HTTPUnavailableForLegalReasons("http://a/b c")
    assert error.headers[hdrs.LINK] == '<http://a/b%20c>; rel="blocked-by"'
    assert error.link == URL("http://a/b%20c", encoded=True)


def test_451_without_a_link_sends_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        error = HTTPUnavailableForLegalReasons(None)
    assert error.link is None
    assert hdrs.LINK not in error.headers
