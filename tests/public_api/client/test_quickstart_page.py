"""Client Quickstart: its samples, with a server of our own in place of httpbin.org."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from multidict import MultiDict
from yarl import URL

from tests.public_api.client.httpbin import COMPRESSED_BYTES, HttpBin
from trunkline import (
    ClientPayloadError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    ContentTypeError,
    FormData,
    ServerTimeoutError,
    SocketTimeoutError,
    StreamReader,
    TCPConnector,
)

# "Make a Request"


async def test_a_page_is_fetched_and_read(bin: HttpBin) -> None:
    async with ClientSession() as session, session.get(f"{bin.url}/get") as resp:
        assert resp.status == 200
        assert json.loads(await resp.text())["method"] == "GET"


async def test_the_url_may_be_a_url(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(URL(bin.url) / "get") as resp:
        assert resp.url == URL(f"{bin.url}/get")


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "head", "options", "patch"])
async def test_there_is_a_call_for_each_method(method: str, session: ClientSession, bin: HttpBin) -> None:
    data = {"data": b"data"} if method in {"post", "put", "patch"} else {}
    async with getattr(session, method)(f"{bin.url}/{method}", **data) as resp:
        assert resp.status == 200
        assert resp.method == method.upper()
    assert (bin.last.method, bin.last.path) == (method.upper(), f"/{method}")
    assert bin.last.body == data.get("data", b"")


async def test_a_session_may_have_a_base_url(bin: HttpBin) -> None:
    async with ClientSession(bin.url) as session:
        async with session.get("/get"):
            pass
        async with session.post("/post", data=b"data"):
            pass
        async with session.put("/put", data=b"data"):
            pass
    assert [(seen.method, seen.path) for seen in bin.seen] == [("GET", "/get"), ("POST", "/post"), ("PUT", "/put")]


async def test_a_session_may_be_closed_by_hand(bin: HttpBin) -> None:
    session = ClientSession()
    async with session.get(bin.url):
        assert not session.closed
    await session.close()
    assert session.closed
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.get(bin.url)


# "Passing Parameters In URLs"


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"key1": "value1", "key2": "value2"}, "key1=value1&key2=value2"),
        ([("key", "value1"), ("key", "value2")], "key=value1&key=value2"),
        (MultiDict([("key", "value1"), ("key", "value2")]), "key=value1&key=value2"),
        ({"key": ["value1", "value2"]}, "key=value1&key=value2"),
        ("key=value+1", "key=value+1"),
    ],
)
async def test_params_become_the_query(params: Any, query: str, session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/get", params=params) as resp:
        assert str(resp.url) == f"{bin.url}/get?{query}"
    assert bin.last.path == f"/get?{query}"


async def test_urls_are_made_canonical_unless_they_say_that_they_are(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/путь/%30?a=%31"):
        assert bin.last.path == "/%D0%BF%D1%83%D1%82%D1%8C/0?a=1"
    async with session.get(URL(f"{bin.url}/%30?a=%31", encoded=True)):
        assert bin.last.path == "/%30?a=%31"


# "Response Content and Status Code", "Binary Response Content"


async def test_text_is_decoded_by_the_servers_charset_or_the_users(session: ClientSession, bin: HttpBin) -> None:
    body = "Тест".encode("windows-1251").decode("latin-1")
    url = URL(f"{bin.url}/response")
    async with session.get(url, params={"body": body, "Content-Type": "text/plain; charset=windows-1251"}) as resp:
        assert await resp.text() == "Тест"
    async with session.get(url, params={"body": body, "Content-Type": "text/plain"}) as resp:
        assert await resp.text(encoding="windows-1251") == "Тест"


async def test_the_body_may_be_had_as_bytes(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/response?body=%00%01%C3%BF") as resp:
        assert await resp.read() == b"\x00\x01\xff"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_codings_are_decoded(coding: str, session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/packed", headers={"Accept-Encoding": coding}) as resp:
        assert resp.headers["Content-Encoding"] == coding
        assert int(resp.headers["Content-Length"]) < COMPRESSED_BYTES
        assert await resp.read() == b"x" * COMPRESSED_BYTES


# "JSON Request", "JSON Response Content"


async def test_json_is_sent_and_received(session: ClientSession, bin: HttpBin) -> None:
    async with session.post(bin.url, json={"test": "object"}) as resp:
        assert (await resp.json())["data"] == '{"test": "object"}'
    assert bin.last.headers["Content-Type"] == "application/json"


async def test_a_session_may_have_another_serializer(bin: HttpBin) -> None:
    def compact(value: Any) -> str:  # Any: whatever JSON takes
        return json.dumps(value, separators=(",", ":"))

    def compact_bytes(value: Any) -> bytes:  # Any: as above
        return compact(value).encode()

    async with ClientSession(json_serialize=compact) as session, session.post(bin.url, json={"a": 1}):
        assert bin.last.body == b'{"a":1}'
    async with ClientSession(json_serialize_bytes=compact_bytes) as session, session.post(bin.url, json={"a": 2}):
        assert bin.last.body == b'{"a":2}'
        assert bin.last.headers["Content-Type"] == "application/json"


async def test_json_that_is_none_is_an_error_and_its_decoder_may_be_given(session: ClientSession, bin: HttpBin) -> None:
    url = URL(f"{bin.url}/response")
    async with session.get(url, params={"body": "{", "Content-Type": "application/json"}) as resp:
        with pytest.raises(ValueError, match="Expecting"):
            await resp.json()
        assert await resp.json(loads=str.upper) == "{"
    async with session.get(url, params={"body": '"\xe9"', "Content-Type": "application/json"}) as resp:
        assert await resp.json(encoding="latin-1") == "é"
    async with session.get(url, params={"body": "{}", "Content-Type": "text/html"}) as resp:
        with pytest.raises(ContentTypeError):
            await resp.json()


# "Streaming Response Content"


async def test_a_body_is_read_in_pieces(session: ClientSession, bin: HttpBin, tmp_path: Path) -> None:
    async with session.get(f"{bin.url}/packed") as resp:
        assert isinstance(resp.content, StreamReader)
        assert await resp.content.read(10) == b"x" * 10
        with (tmp_path / "file").open("wb") as file:
            async for chunk in resp.content.iter_chunked(1000):
                assert len(chunk) <= 1000
                file.write(chunk)
    assert (tmp_path / "file").stat().st_size == COMPRESSED_BYTES - 10


# "More complicated POST requests"


async def test_a_dictionary_is_sent_as_a_form(session: ClientSession, bin: HttpBin) -> None:
    async with session.post(f"{bin.url}/form", data={"key1": "value1", "key2": "value2"}) as resp:
        assert (await resp.json()) == {
            "content_type": "application/x-www-form-urlencoded",
            "form": {"key1": ["value1"], "key2": ["value2"]},
        }


@pytest.mark.parametrize(
    ("data", "content_type", "body"),
    [
        (b"\x00Binary-data\x00", "application/octet-stream", b"\x00Binary-data\x00"),
        ("Тест", "text/plain; charset=utf-8", "Тест".encode()),
    ],
)
async def test_bytes_and_text_have_types_of_their_own(
    data: Any, content_type: str, body: bytes, session: ClientSession, bin: HttpBin
) -> None:
    async with session.post(bin.url, data=data):
        assert bin.last.headers["Content-Type"] == content_type
        assert bin.last.body == body


# "POST a Multipart-Encoded File"


async def test_an_open_file_is_sent_as_a_part(session: ClientSession, bin: HttpBin, tmp_path: Path) -> None:
    report = tmp_path / "report.xls"
    report.write_text("rows")
    with report.open("rb") as file:
        async with session.post(f"{bin.url}/form", data={"file": file}) as resp:
            answer = await resp.json()
    assert answer["content_type"] == "multipart/form-data"
    assert answer["form"]["file"] == ["report.xls", "application/vnd.ms-excel", "rows"]


async def test_name_and_type_of_a_part_may_be_given(session: ClientSession, bin: HttpBin) -> None:
    data = FormData()
    data.add_field("file", BytesIO(b"rows"), filename="report.xls", content_type="application/x-mine")
    async with session.post(f"{bin.url}/form", data=data) as resp:
        assert (await resp.json())["form"]["file"] == ["report.xls", "application/x-mine", "rows"]


# "Streaming uploads"


async def test_a_file_is_streamed(session: ClientSession, bin: HttpBin, tmp_path: Path) -> None:
    (tmp_path / "massive-body").write_bytes(b"m" * 3_000_000)
    with (tmp_path / "massive-body").open("rb") as file:
        async with session.post(bin.url, data=file):
            pass
    assert bin.last.body == b"m" * 3_000_000


async def data_generator() -> AsyncIterator[bytes]:
    for number in range(10):
        yield b"line %d\n" % number


async def test_a_generator_is_streamed_in_chunks(session: ClientSession, bin: HttpBin) -> None:
    async with session.post(bin.url, data=data_generator()):
        pass
    assert bin.last.headers["Transfer-Encoding"] == "chunked"
    assert bin.last.body == b"".join(b"line %d\n" % number for number in range(10))


async def test_a_generator_cannot_follow_a_redirect_that_wants_the_body_again(
    session: ClientSession, bin: HttpBin
) -> None:
    url = f"{bin.url}/redirect?status=307&to=/post"
    with pytest.raises(ClientPayloadError):
        await session.post(url, data=data_generator())
    async with session.post(url, data=data_generator(), allow_redirects=False) as resp:
        assert resp.status == 307
    async with session.post(url, data=BytesIO(b"seekable")) as resp:
        assert resp.status == 200
    assert bin.last.body == b"seekable"


async def test_a_response_is_the_body_of_the_next_request(session: ClientSession, bin: HttpBin) -> None:
    resp = await session.get(f"{bin.url}/lines")
    async with session.post(f"{bin.url}/post", data=resp.content):
        pass
    assert bin.last.body == b"".join(b"line %d\n" % number for number in range(10))


# "Timeouts"


async def test_the_default_timeout(session: ClientSession) -> None:
    assert session.timeout == ClientTimeout(total=300, sock_connect=30)


async def test_total_is_the_time_for_everything(bin: HttpBin) -> None:
    async with ClientSession(timeout=ClientTimeout(total=0.1)) as session:
        with pytest.raises(asyncio.TimeoutError):
            await session.get(f"{bin.url}/slow")
        async with session.get(bin.url, timeout=ClientTimeout(total=60)) as resp:
            assert resp.status == 200


async def test_sock_read_is_the_time_between_two_pieces(session: ClientSession, bin: HttpBin) -> None:
    with pytest.raises(SocketTimeoutError) as caught:
        await session.get(f"{bin.url}/slow", timeout=ClientTimeout(sock_read=0.1))
    assert isinstance(caught.value, ServerTimeoutError)


async def test_connect_is_also_the_time_in_the_pools_queue(bin: HttpBin) -> None:
    async with ClientSession(connector=TCPConnector(limit=1)) as session:
        slow = asyncio.ensure_future(session.get(f"{bin.url}/slow"))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionTimeoutError):
            await session.get(bin.url, timeout=ClientTimeout(connect=0.1))
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow


@pytest.mark.parametrize("nothing", [None, 0])
async def test_none_and_zero_disable_a_timeout(nothing: int | None, session: ClientSession, bin: HttpBin) -> None:
    timeout = ClientTimeout(total=nothing, connect=nothing, sock_connect=nothing, sock_read=nothing)
    async with session.get(bin.url, timeout=timeout) as resp:
        assert resp.status == 200
