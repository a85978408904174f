"""What Content-Type and Content-Length say, without anything around them."""

from collections.abc import Mapping

import pytest
from multidict import CIMultiDict

from trunkline.wire.media_fields import HeadersMixin


class Fields(HeadersMixin):
    def __init__(self, **fields: str) -> None:
        self._headers = CIMultiDict({name.replace("_", "-"): value for name, value in fields.items()})

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers


@pytest.mark.parametrize(
    ("field", "media", "charset"),
    [
        ("text/html", "text/html", None),
        ("Text/HTML; Charset=UTF-8", "text/html", "UTF-8"),
        ('text/html; charset="utf-8"; a=b', "text/html", "utf-8"),
        ("text/html;charset=", "text/html", ""),
        ("application/problem+json", "application/problem+json", None),
    ],
)
def test_the_media_type_is_lower_case_and_apart_from_its_charset(field: str, media: str, charset: str | None) -> None:
    fields = Fields(Content_Type=field)
    assert (fields.content_type, fields.charset) == (media, charset)


def test_without_the_field_it_is_a_stream_of_octets() -> None:
    fields = Fields()
    assert (fields.content_type, fields.charset, fields.content_length) == ("application/octet-stream", None, None)


def test_the_length_is_a_number() -> None:
    assert Fields(Content_Length="0").content_length == 0
    assert Fields(Content_Length="5, 5").content_length == 5
    assert Fields(Content_Length="12345678901").content_length == 12345678901
