import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict, MultiDict

from trunkline.body.bytes_payload import BytesPayload, StringPayload
from trunkline.body.file_payload import BufferedReaderPayload, BytesIOPayload
from trunkline.body.forms import FormData
from trunkline.body.iterable_payload import AsyncIterablePayload
from trunkline.body.multipart_writer import MultipartWriter
from trunkline.client.request_body import (
    SMALL_BODY_BYTES,
    add_payload_fields,
    announced_length,
    as_payload,
    check_codings,
    small_bytes,
)


def fields(**pairs: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in pairs.items()})


async def portions() -> AsyncIterator[bytes]:
    yield b"a"


FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("make", "kind", "content_type", "size"),
    [
        (lambda: b"abc", BytesPayload, "application/octet-stream", 3),
        (lambda: bytearray(b"abc"), BytesPayload, "application/octet-stream", 3),
        (lambda: memoryview(b"abc"), BytesPayload, "application/octet-stream", 3),
        (lambda: "ä", StringPayload, "text/plain; charset=utf-8", 2),
        (lambda: {"a": "ä b"}, BytesPayload, FORM_TYPE, 10),
        (lambda: [("a", "1"), ("a", "2")], BytesPayload, FORM_TYPE, 7),
        (lambda: MultiDict([("a", "1"), ("a", "2")]), BytesPayload, FORM_TYPE, 7),
        (lambda: FormData({"a": "1"}), BytesPayload, FORM_TYPE, 3),
        (lambda: io.BytesIO(b"abc"), BytesIOPayload, "application/octet-stream", 3),
        (lambda: io.StringIO("ä"), StringPayload, "text/plain; charset=utf-8", 2),
        (portions, AsyncIterablePayload, "application/octet-stream", None),
    ],
)
async def test_each_kind_of_data_finds_its_payload(
    make: Callable[[], Any], kind: type[object], content_type: str, size: int | None
) -> None:
    payload = as_payload(make(), fields())
    assert isinstance(payload, kind)
    assert (payload.content_type, payload.size) == (content_type, size)


async def test_a_file_is_streamed_and_named_by_nobody(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_bytes(b"report")
    with path.open("rb") as file:
        payload = as_payload(file, fields())
        assert isinstance(payload, BufferedReaderPayload)
        assert (payload.content_type, payload.size) == ("text/plain", 6)
        assert "Content-Disposition" not in payload.headers


def test_a_file_in_a_form_makes_it_multipart() -> None:
    payload = as_payload({"file": io.BytesIO(b"x")}, fields())
    assert isinstance(payload, MultipartWriter)
    assert payload.content_type.startswith("multipart/form-data; boundary=")


def test_text_is_encoded_with_the_charset_of_the_callers_content_type() -> None:
    payload = as_payload("Тест", fields(Content_Type="text/x; charset=koi8-r"))
    assert isinstance(payload, StringPayload)
    assert payload.data == "Тест".encode("koi8-r")


@pytest.mark.parametrize("data", [5, 1.5, object(), True, [b"a"], {1, 2}])
def test_what_cannot_be_a_body_is_refused(data: object) -> None:
    with pytest.raises(TypeError, match=r"Only io\.IOBase, multidict and \(name, file\) pairs"):
        as_payload(data, fields())


def test_the_callers_fields_win_over_the_payloads() -> None:
    headers = fields(Content_Type="image/gif")
    add_payload_fields(headers, as_payload(b"x", headers), frozenset())
    assert headers == fields(Content_Type="image/gif")
    headers = fields()
    add_payload_fields(headers, as_payload(b"x", headers), frozenset({"content-type"}))
    assert not headers


@pytest.mark.parametrize(("extra", "is_small"), [(0, True), (1, False)])
def test_only_a_small_body_of_bytes_goes_with_the_head(extra: int, is_small: bool) -> None:
    data = b"x" * (SMALL_BODY_BYTES + extra)
    assert (small_bytes(BytesPayload(data)) == data) == is_small
    assert small_bytes(BytesIOPayload(io.BytesIO(b"x"))) is None


@pytest.mark.parametrize(("value", "length"), [(None, None), ("0", 0), ("17", 17)])
def test_the_callers_content_length_is_read(value: str | None, length: int | None) -> None:
    assert announced_length(CIMultiDict({} if value is None else {"content-length": value})) == length


@pytest.mark.parametrize("value", ["", "-1", "+5", "5_0", "0x5", "٣", "1, 1"])
def test_a_content_length_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="give decimal digits"):
        announced_length(fields(Content_Length=value))


@pytest.mark.parametrize(
    ("headers", "chunked", "compress"),
    [
        (fields(), None, None),
        (fields(), True, "gzip"),
        (fields(Content_Encoding="gzip"), True, None),
        (fields(Content_Length="5"), False, None),
        (fields(Transfer_Encoding="Chunked"), None, "deflate"),
    ],
)
def test_what_says_one_thing_is_accepted(headers: CIMultiDict[str], chunked: bool | None, compress: str | None) -> None:
    check_codings(headers, chunked, compress)


@pytest.mark.parametrize(
    ("headers", "chunked", "compress", "message"),
    [
        (fields(Content_Encoding="gzip"), None, "gzip", "compress can not be set if Content-Encoding header is set"),
        (fields(Transfer_Encoding="gzip"), None, None, "'gzip' cannot be sent; only 'chunked' can"),
        (fields(Transfer_Encoding="chunked"), True, None, 'chunked can not be set if "Transfer-Encoding: chunked"'),
        (fields(Transfer_Encoding="chunked", Content_Length="3"), None, None, "contradict each other"),
        (fields(Content_Length="3"), True, None, "chunked can not be set if Content-Length header is set"),
        (fields(), None, "rot13", "unknown content coding 'rot13'; wanted one of gzip, deflate"),
    ],
)
def test_contradictions_are_refused_before_anything_is_sent(
    headers: CIMultiDict[str], chunked: bool | None, compress: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_codings(headers, chunked, compress)
