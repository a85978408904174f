"""Fields of a request that have properties: cookies, Forwarded, ranges, preconditions; each read when asked for."""

from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from multidict import CIMultiDict

from trunkline import ETag
from trunkline.web.request_fields import RequestFields
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion11

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


class Fields(RequestFields):
    def __init__(self, *fields: tuple[str, str], keep_alive: bool = True) -> None:
        self._message = ReceivedHead("GET", "/", HttpVersion11, keep_alive)
        self._message.fields = list(CIMultiDict(fields).items())  # type: ignore[arg-type]  # multidict makes istr


def test_fields_are_found_in_any_case_and_as_bytes_in_their_order() -> None:
    fields = Fields(("X-A", "1"), ("x-b", "é"), ("X-A", "2"))
    assert fields.headers.getall("x-a") == ["1", "2"]
    assert fields.raw_headers == ((b"X-A", b"1"), (b"x-b", "é".encode()), (b"X-A", b"2"))
    assert not hasattr(fields.headers, "add")


def test_keep_alive_is_what_the_client_lets_us_do() -> None:
    assert Fields().keep_alive
    assert not Fields(keep_alive=False).keep_alive


def test_the_length_is_that_of_the_framing_or_else_of_the_field() -> None:
    assert Fields().content_length is None
    assert Fields(("Content-Length", "5")).content_length == 5
    fields = Fields(("Content-Length", "5"))
    fields._message.content_length = 5
    assert fields.content_length == 5


@pytest.mark.parametrize(
    ("lines", "cookies"),
    [
        ([], {}),
        (["a=b"], {"a": "b"}),
        (['a=b; c="d e"; f='], {"a": "b", "c": "d e", "f": ""}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),
        (["a=1; a=2"], {"a": "2"}),
    ],
)
def test_cookies_of_all_lines_are_one_read_only_mapping(lines: list[str], cookies: dict[str, str]) -> None:
    fields = Fields(*(("Cookie", line) for line in lines))
    assert fields.cookies == cookies
    assert isinstance(fields.cookies, MappingProxyType)
    assert fields.cookies is fields.cookies


def test_forwarded_has_one_mapping_for_each_proxy() -> None:
    fields = Fields(("Forwarded", 'for=_x;By="a\\"b", For="[2001:db8::1]"'), ("Forwarded", "host=example.com"))
    assert fields.forwarded == ({"for": "_x", "by": 'a"b'}, {"for": "[2001:db8::1]"}, {"host": "example.com"})
    assert Fields().forwarded == ()
    with pytest.raises(TypeError):
        fields.forwarded[0]["for"] = "me"


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (None, b"0123456789"),
        ("bytes=0-4", b"01234"),
        ("bytes=5-", b"56789"),
        ("bytes=-3", b"789"),
        ("bytes=8-100", b"89"),
        ("bytes=-0", b""),
    ],
)
def test_a_range_slices_a_buffer(field: str | None, wanted: bytes) -> None:
    fields = Fields() if field is None else Fields(("Range", field))
    assert fields.http_range.step == 1
    assert b"0123456789"[fields.http_range] == wanted


@pytest.mark.parametrize("field", ["bytes=5-1", "bytes=-", "items=1-2", "bytes=1-2,4-5", "bytes=a-b", ""])
def test_a_range_that_cannot_be_read_is_an_error(field: str) -> None:
    with pytest.raises(ValueError, match="Range field"):
        assert Fields(("Range", field)).http_range


@pytest.mark.parametrize("field", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
@pytest.mark.parametrize(("value", "moment"), [(DATE, MOMENT), ("tomorrow", None), ("", None), (None, None)])
def test_dates_of_preconditions_are_none_unless_they_are_dates(
    field: str, value: str | None, moment: datetime | None
) -> None:
    fields = Fields() if value is None else Fields((field, value))
    assert getattr(fields, field.lower().replace("-", "_")) == moment


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_entity_tags_are_a_tuple_or_none(name: str) -> None:
    attribute = name.lower().replace("-", "_")
    assert getattr(Fields(), attribute) is None
    assert getattr(Fields((name, '"a", W/"b"')), attribute) == (ETag("a"), ETag("b", is_weak=True))
    assert getattr(Fields((name, '"a"'), (name, '"b"')), attribute) == (ETag("a"), ETag("b"))
    assert getattr(Fields((name, "*")), attribute) == (ETag("*"),)
    assert getattr(Fields((name, "no tag")), attribute) == ()
