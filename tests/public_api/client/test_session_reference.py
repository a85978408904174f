"""Client Reference: the parameters and attributes of `ClientSession` and its requests, and `request`."""

import asyncio
import io
import json
import re
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from multidict import CIMultiDict, istr
from yarl import URL

import trunkline
from tests.public_api.client.httpbin import COMPRESSED_BYTES, HttpBin, httpbin
from tests.web.serving import serving
from trunkline import (
    BasicAuth,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    CookieJar,
    HttpVersion10,
    HttpVersion11,
    TCPConnector,
    TooManyRedirects,
    encode_basic_auth,
    web,
)


def old_auth() -> BasicAuth:
    """Credentials as the older value, whose constructor warns."""
    return BasicAuth.decode(encode_basic_auth("login", "pass"))


# ClientSession: base_url


@pytest.mark.parametrize(
    ("base", "url", "path"),
    [
        ("/foo/", "bar", "/foo/bar"),
        ("/foo/", "/bar", "/bar"),
        ("/foo/", "../bar", "/bar"),
        ("", "bar", "/bar"),
        ("", "", "/"),
    ],
)
async def test_urls_are_joined_to_the_base(base: str, url: str, path: str, bin: HttpBin) -> None:
    async with ClientSession(base_url=bin.url + base) as session, session.request("GET", url):
        assert bin.last.path == path


async def test_a_base_needs_a_slash_and_an_absolute_url_overrides_it(bin: HttpBin) -> None:
    with pytest.raises(ValueError, match="base_url"):
        ClientSession(base_url=f"{bin.url}/foo")
    async with (
        httpbin() as other,
        ClientSession(base_url=f"{bin.url}/foo/") as session,
        session.get(f"{other.url}/bar"),
    ):
        assert other.last.path == "/bar"
    assert bin.seen == []


# headers, skip_auto_headers, auth, cookies


@pytest.mark.parametrize("make", [dict, list, tuple, CIMultiDict])
async def test_fields_are_a_mapping_or_pairs(make: Any, bin: HttpBin) -> None:
    async with ClientSession(headers=make([("X-A", "1"), ("X-B", "2")])) as session:
        async with session.get(bin.url, headers=make([("x-b", "3")])):
            assert (bin.last.headers["X-A"], bin.last.headers["X-B"]) == ("1", "3")
        assert session.headers == CIMultiDict({"X-A": "1", "X-B": "2"})


async def test_automatic_fields_are_skipped_by_the_session_and_by_a_request(bin: HttpBin) -> None:
    async with ClientSession(skip_auto_headers=["User-Agent", istr("Accept")]) as session:
        assert session.skip_auto_headers == frozenset({istr("User-Agent"), istr("Accept")})
        async with session.post(bin.url, data=b"x", skip_auto_headers={"content-type"}):
            assert set(bin.last.headers) == {"Host", "Accept-Encoding", "Content-Length"}


async def test_credentials_of_the_session_stay_with_the_origin_of_its_base(bin: HttpBin) -> None:
    async with httpbin() as other:
        async with ClientSession(auth=old_auth()) as session, session.get(bin.url):
            assert bin.last.headers["Authorization"] == old_auth().encode()
        async with ClientSession(bin.url, auth=old_auth()) as session:
            assert session.auth == old_auth()
            async with session.get("/"):
                assert "Authorization" in bin.last.headers
            async with session.get(other.url):
                assert "Authorization" not in other.last.headers


async def test_cookies_of_a_request_are_merged_with_the_sessions(bin: HttpBin) -> None:
    jar = CookieJar(unsafe=True)
    async with ClientSession(cookies={"a": "1", "b": "2"}, cookie_jar=jar) as session:
        assert session.cookie_jar is jar
        async with session.get(f"{bin.url}/cookies", cookies={"b": "3", "c": "4"}) as response:
            assert (await response.json())["cookies"] == {"a": "1", "b": "3", "c": "4"}


# request_class, response_class, version


async def test_classes_of_the_users_are_used(bin: HttpBin) -> None:
    class Request(ClientRequest):
        def update_auto_headers(self, skip_auto_headers: Any) -> None:  # Any: as in the base class
            super().update_auto_headers(skip_auto_headers)
            self.headers["X-Request"] = "mine"

    class Response(ClientResponse):
        async def shout(self) -> str:
            return (await self.text()).upper()

    async with (
        ClientSession(request_class=Request, response_class=Response) as session,
        session.get(f"{bin.url}/response?body=hello") as response,
    ):
        assert isinstance(response, Response)
        assert await response.shout() == "HELLO"
    assert bin.last.headers["X-Request"] == "mine"


@pytest.mark.parametrize(("version", "seen"), [(HttpVersion11, "1.1"), (HttpVersion10, "1.0")])
async def test_the_version_is_the_sessions(version: Any, seen: str) -> None:
    async def tell(request: web.BaseRequest) -> web.Response:
        return web.Response(text=f"{request.version.major}.{request.version.minor}")

    async with (
        serving(tell) as served,
        ClientSession(version=version) as session,
        session.get(served.url) as response,
    ):
        assert await response.text() == seen


# raise_for_status


async def custom_check(response: ClientResponse) -> None:
    if response.status not in {201, 202}:
        raise RuntimeError("expected either 201 or 202")


@pytest.mark.parametrize(
    ("of_session", "of_request", "status", "error"),
    [
        (False, None, 404, None),
        (True, None, 404, ClientResponseError),
        (True, None, 399, None),
        (True, False, 404, None),
        (False, True, 404, ClientResponseError),
        (custom_check, None, 200, RuntimeError),
        (custom_check, None, 201, None),
        (custom_check, False, 404, None),
        (True, custom_check, 404, RuntimeError),
    ],
)
async def test_statuses_are_checked_as_asked(
    of_session: Any, of_request: Any, status: int, error: type[Exception] | None, bin: HttpBin
) -> None:
    async with ClientSession(raise_for_status=of_session) as session:
        assert session.raise_for_status is of_session
        request = session.get(f"{bin.url}/status/{status}", raise_for_status=of_request)
        if error is None:
            async with request as response:
                assert response.status == status
        else:
            with pytest.raises(error):
                await request


# timeout, auto_decompress, requote_redirect_url, limits


async def test_a_number_is_a_total_timeout(session: ClientSession, bin: HttpBin) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await session.get(f"{bin.url}/slow", timeout=0.1)


async def test_bodies_are_decoded_unless_that_is_off(bin: HttpBin) -> None:
    for of_session, of_request, is_decoded in [(True, None, True), (False, None, False), (False, True, True)]:
        async with ClientSession(auto_decompress=of_session) as session:
            assert session.auto_decompress is of_session
            async with session.get(f"{bin.url}/packed", auto_decompress=of_request) as response:
                assert (len(await response.read()) == COMPRESSED_BYTES) == is_decoded


@pytest.mark.parametrize(("requote", "path"), [(True, "/a%20b/0"), (False, "/a%20b/%30")])
async def test_targets_of_redirects_are_requoted_unless_that_is_off(requote: bool, path: str, bin: HttpBin) -> None:
    async with ClientSession(requote_redirect_url=requote) as session:
        assert session.requote_redirect_url is requote
        async with session.get(URL(f"{bin.url}/redirect").with_query(to="/a%20b/%30")):
            assert bin.last.path == path


async def test_requoting_may_be_changed_later_with_a_warning(session: ClientSession, bin: HttpBin) -> None:
    with pytest.warns(DeprecationWarning, match="requote_redirect_url"):
        session.requote_redirect_url = False
    async with session.get(URL(f"{bin.url}/redirect").with_query(to="/%30")):
        assert bin.last.path == "/%30"


@pytest.mark.parametrize("option", [{"max_field_size": 200}, {"max_headers": 5}])
@pytest.mark.parametrize("is_of_session", [False, True])
async def test_heads_are_bounded(option: dict[str, Any], is_of_session: bool, bin: HttpBin) -> None:
    fields = "&".join(f"X-{number}=1" for number in range(9)) + f"&X-Long={'y' * 300}"
    async with ClientSession(**(option if is_of_session else {})) as session:
        with pytest.raises(ClientResponseError) as caught:
            await session.get(f"{bin.url}/response?{fields}", **({} if is_of_session else option))
    assert caught.value.status == 400


# The other attributes


async def test_the_attributes_of_a_session() -> None:
    async with TCPConnector() as connector:
        session = ClientSession(connector=connector, connector_owner=False, timeout=ClientTimeout(total=3))
        assert session.closed is False
        assert session.connector is connector
        assert session.connector_owner is False
        assert session.timeout == ClientTimeout(total=3)
        assert session.json_serialize is json.dumps
        assert session.trust_env is False
        assert session.trace_configs == []
        assert session.auth is None
        assert session.skip_auto_headers == frozenset()
        with pytest.warns(DeprecationWarning, match="loop"):
            assert session.loop is asyncio.get_running_loop()
        await session.close()
        assert (session.closed, connector.closed) == (True, False)


async def test_detach_lets_go_of_the_connector(bin: HttpBin) -> None:
    connector = TCPConnector()
    session = ClientSession(connector=connector)
    session.detach()
    assert session.closed
    assert session.connector is None
    async with ClientSession(connector=connector) as other, other.get(bin.url) as response:
        assert response.status == 200
    assert connector.closed


# request(…)


async def test_params_are_added_to_the_query_and_ignored_by_redirects(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/redirect?to=/end", params={"a": "1"}):
        assert [seen.path for seen in bin.seen] == ["/redirect?to=/end&a=1", "/end"]


async def test_json_and_data_exclude_each_other(session: ClientSession, bin: HttpBin) -> None:
    with pytest.raises(ValueError, match="data and json parameters can not be used at the same time"):
        await session.post(bin.url, data=b"x", json={})


@pytest.mark.parametrize(("allowed", "is_followed"), [(1, False), (2, False), (3, True), (0, True)])
async def test_redirects_are_counted(allowed: int, is_followed: bool, session: ClientSession, bin: HttpBin) -> None:
    chain = URL(f"{bin.url}/redirect").with_query(to=str(URL("/redirect").with_query(to="/end")))
    request = session.get(chain, max_redirects=allowed)
    if is_followed:
        async with request as response:
            assert [each.status for each in response.history] == [302, 302]
    else:
        with pytest.raises(TooManyRedirects) as caught:
            await request
        assert len(caught.value.history) == allowed


async def test_head_does_not_follow_redirects_and_the_others_do(session: ClientSession, bin: HttpBin) -> None:
    async with session.head(f"{bin.url}/redirect?to=/end") as response:
        assert response.status == 302
    async with session.head(f"{bin.url}/redirect?to=/end", allow_redirects=True) as response:
        assert response.status == 200
    async with session.request("GET", f"{bin.url}/redirect?to=/end") as response:
        assert response.status == 200


async def test_compress_is_deflate_in_chunks(session: ClientSession, bin: HttpBin) -> None:
    body = []

    async def keep(request: web.BaseRequest) -> web.Response:
        body.append((request.headers["Content-Encoding"], request.headers["Transfer-Encoding"], await request.read()))
        return web.Response()

    async with serving(keep, auto_decompress=False) as served, session.post(served.url, data=b"x" * 99, compress=True):
        [(coding, transfer, sent)] = body
        assert (coding, transfer) == ("deflate", "chunked")
        assert zlib.decompress(sent) == b"x" * 99


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"compress": True, "headers": {"Content-Encoding": "gzip"}}, "Content-Encoding"),
        ({"chunked": True, "headers": {"Transfer-Encoding": "chunked"}}, "Transfer-Encoding"),
        ({"chunked": True, "headers": {"Content-Length": "1"}}, "Content-Length"),
    ],
)
async def test_what_excludes_each_other_is_refused(
    options: dict[str, Any], text: str, session: ClientSession, bin: HttpBin
) -> None:
    with pytest.raises(ValueError, match=re.compile(text, re.IGNORECASE)):
        await session.post(bin.url, data=b"x", **options)


async def test_chunks_are_sent_as_the_source_gives_them(session: ClientSession) -> None:
    got = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        got = await reader.readuntil(b"0\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"three"

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with session.post(f"http://127.0.0.1:{port}/", data=chunks(), chunked=True):
            assert got.endswith(b"\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n")


async def test_the_server_is_asked_before_the_body_is_sent(session: ClientSession, bin: HttpBin) -> None:
    async with session.post(bin.url, data=b"body", expect100=True):
        assert bin.last.headers["Expect"] == "100-continue"
        assert bin.last.body == b"body"


@pytest.mark.parametrize(("read_until_eof", "body"), [(True, b"to the end"), (False, b"")])
async def test_a_body_of_unknown_length_is_read_to_the_end_unless_that_is_off(
    read_until_eof: bool, body: bytes, session: ClientSession
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nto the end")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with session.get(f"http://127.0.0.1:{port}/", read_until_eof=read_until_eof) as response:
            assert await response.read() == body


async def test_the_read_buffer_may_be_sized_per_request(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/lines", read_bufsize=1024) as response:
        assert response.content.get_read_buffer_limits() == (1024, 2048)
        assert len(await response.read()) == 70


async def test_an_argument_that_is_not_known_is_a_type_error(session: ClientSession, bin: HttpBin) -> None:
    with pytest.raises(TypeError, match="nonsense"):
        await session.get(bin.url, nonsense=1)


# Basic API


async def test_request_needs_no_session(bin: HttpBin) -> None:
    async with trunkline.request("GET", f"{bin.url}/get", params={"a": "b"}) as response:
        assert response.status == 200
        assert json.loads(await response.text())["args"] == {"a": ["b"]}


async def test_request_may_have_a_connector_and_a_version(bin: HttpBin) -> None:
    async with TCPConnector() as connector:
        for _ in range(2):
            async with trunkline.request(
                "POST", bin.url, data=io.BytesIO(b"body"), connector=connector, version=HttpVersion11
            ) as response:
                assert response.status == 200
        assert not connector.closed
    assert [seen.body for seen in bin.seen] == [b"body", b"body"]
