"""Fields of a response that have properties: media type, length, validators, cookies."""

from datetime import UTC, datetime, timedelta, timezone
from http.cookies import CookieError
from typing import Any

import pytest

from trunkline import ETag
from trunkline.web.response_fields import ResponseFields

EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"


def test_fields_are_one_live_multidict() -> None:
    fields = ResponseFields()
    fields.headers["X-A"] = "1"
    assert fields.headers is fields.headers
    assert fields.headers["x-a"] == "1"


def test_the_media_type_and_its_charset_are_set_apart() -> None:
    fields = ResponseFields()
    assert (fields.content_type, fields.charset) == ("application/octet-stream", None)
    fields.content_type = "text/html"
    fields.charset = "UTF-8"
    assert fields.headers["Content-Type"] == "text/html; charset=utf-8"
    fields.content_type = "text/css"
    assert fields.headers["Content-Type"] == "text/css; charset=utf-8"
    fields.charset = None
    assert fields.headers["Content-Type"] == "text/css"


def test_other_parameters_of_the_media_type_stay() -> None:
    fields = ResponseFields()
    fields.headers["Content-Type"] = "text/plain; format=flowed; charset=ascii"
    fields.charset = "utf-8"
    assert fields.headers["Content-Type"] == "text/plain; format=flowed; charset=utf-8"


def test_a_charset_needs_a_media_type() -> None:
    with pytest.raises(RuntimeError, match="set content_type first"):
        ResponseFields().charset = "utf-8"


def test_the_length_is_a_number_of_bytes_or_none() -> None:
    fields = ResponseFields()
    assert fields.content_length is None
    fields.content_length = 5
    assert (fields.content_length, fields.headers["Content-Length"]) == (5, "5")
    fields.content_length = None
    assert "Content-Length" not in fields.headers
    with pytest.raises(ValueError, match="0 or more"):
        fields.content_length = -1


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (0, EPOCH),
        (1.5, "Thu, 01 Jan 1970 00:00:02 GMT"),  # a part of a second counts as a whole one
        (datetime(2020, 1, 2, 3, 4, 5), "Thu, 02 Jan 2020 03:04:05 GMT"),
        (datetime(2020, 1, 2, 3, 4, 5, 1, tzinfo=UTC), "Thu, 02 Jan 2020 03:04:06 GMT"),
        (datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "Thu, 02 Jan 2020 01:04:05 GMT"),
        ("Thu, 02 Jan 2020 03:04:05 GMT", "Thu, 02 Jan 2020 03:04:05 GMT"),
    ],
)
def test_the_date_of_change_may_be_told_in_many_ways(value: Any, field: str) -> None:
    fields = ResponseFields()
    fields.last_modified = value
    assert fields.headers["Last-Modified"] == field
    assert fields.last_modified == datetime.strptime(field, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    fields.last_modified = None
    assert (fields.last_modified, "Last-Modified" in fields.headers) == (None, False)


def test_a_date_of_change_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="wanted int, float, datetime, str or None"):
        ResponseFields().last_modified = b"now"  # type: ignore[assignment]  # as a user might


@pytest.mark.parametrize(
    ("value", "field", "etag"),
    [
        ("a", '"a"', ETag("a")),
        (ETag("a", is_weak=True), 'W/"a"', ETag("a", is_weak=True)),
        ("*", "*", ETag("*")),
        (ETag("*"), "*", ETag("*")),
    ],
)
def test_an_entity_tag_is_quoted(value: "str | ETag", field: str, etag: ETag) -> None:
    fields = ResponseFields()
    fields.etag = value
    assert (fields.headers["ETag"], fields.etag) == (field, etag)
    fields.etag = None
    assert (fields.etag, "ETag" in fields.headers) == (None, False)


@pytest.mark.parametrize("value", ['a"b', "a\r\nX: y", "a\0", 5])
def test_what_is_no_entity_tag_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"etag|entity tag"):
        ResponseFields().etag = value


# Cookies.


def set_cookie(*args: Any, **kwargs: Any) -> str:
    """Return the value of the field that results."""
    fields = ResponseFields()
    fields.set_cookie(*args, **kwargs)
    fields._add_cookie_fields()
    return fields.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({}, "a=b; Path=/"),
        ({"path": "/x"}, "a=b; Path=/x"),
        ({"path": ""}, "a=b"),
        ({"path": None}, "a=b"),
        ({"expires": "Wed, 21 Oct 2015 07:28:00 GMT"}, "a=b; expires=Wed, 21 Oct 2015 07:28:00 GMT; Path=/"),
        ({"domain": "example.com"}, "a=b; Domain=example.com; Path=/"),
        ({"max_age": 0}, "a=b; Max-Age=0; Path=/"),
        ({"max_age": "10"}, "a=b; Max-Age=10; Path=/"),
        ({"secure": True, "httponly": True}, "a=b; HttpOnly; Path=/; Secure"),
        ({"secure": False, "httponly": False}, "a=b; Path=/"),
        ({"version": "1"}, "a=b; Path=/; Version=1"),
        ({"samesite": "Strict"}, "a=b; Path=/; SameSite=Strict"),
        ({"partitioned": True}, "a=b; Partitioned; Path=/"),
        ({"partitioned": False}, "a=b; Path=/"),
    ],
)
def test_attributes_of_a_cookie(attributes: dict[str, Any], field: str) -> None:
    assert set_cookie("a", "b", **attributes) == field


@pytest.mark.parametrize(
    ("value", "field"),
    [("", 'a=""'), (5, "a=5"), ("b c", 'a="b c"'), ('b"c', 'a="b\\"c"'), ("b;c", 'a="b\\073c"'), ("é", 'a="\\351"')],
)
def test_a_value_is_quoted_where_it_must_be(value: Any, field: str) -> None:
    assert set_cookie("a", value, path="") == field


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=", "a\r\nb", "path", "max-age"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(CookieError):
        ResponseFields().set_cookie(name, "b")


@pytest.mark.parametrize("attribute", ["path", "domain", "expires", "samesite", "version", "max_age"])
@pytest.mark.parametrize("value", ["/; Domain=evil", "a\r\nX: y", "a\0", "a\x7f"])
def test_what_would_start_another_attribute_is_refused(attribute: str, value: str) -> None:
    fields = ResponseFields()
    with pytest.raises(ValueError, match="would start another attribute or field"):
        fields.set_cookie("a", "b", **{attribute: value})  # type: ignore[arg-type]  # each takes a str
    assert not fields.cookies


def test_each_cookie_has_a_field_of_its_own() -> None:
    fields = ResponseFields()
    fields.set_cookie("a", "b")
    fields.cookies["c"] = "d"
    fields.cookies["c"]["path"] = "/x"
    fields._add_cookie_fields()
    assert fields.headers.getall("Set-Cookie") == ["a=b; Path=/", "c=d; Path=/x"]


def test_to_delete_a_cookie_makes_its_life_end() -> None:
    fields = ResponseFields()
    fields.set_cookie("a", "b", domain="example.com", secure=True)
    fields.del_cookie("a", path="/x")
    assert str(fields.cookies) == f'Set-Cookie: a=""; expires={EPOCH}; Max-Age=0; Path=/x'
    fields.del_cookie("b", domain="example.com", secure=True, httponly=True, samesite="Lax")
    assert fields.cookies["b"].OutputString() == (
        f'b=""; Domain=example.com; expires={EPOCH}; HttpOnly; Max-Age=0; Path=/; SameSite=Lax; Secure'
    )


def test_a_cookie_that_was_to_be_deleted_may_be_set_again() -> None:
    fields = ResponseFields()
    fields.del_cookie("a")
    fields.set_cookie("a", "b")
    assert str(fields.cookies) == "Set-Cookie: a=b; Path=/"


def test_a_cookie_that_is_set_again_keeps_its_attributes_but_not_its_age() -> None:
    fields = ResponseFields()
    fields.set_cookie("a", "b", domain="example.com", max_age=5, secure=True)
    fields.set_cookie("a", "c")
    assert str(fields.cookies) == "Set-Cookie: a=c; Domain=example.com; Path=/; Secure"
