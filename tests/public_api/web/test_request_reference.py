"""The documentation's reference of `BaseRequest`, `Request` and `FileField`, attribute by attribute."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from multidict import CIMultiDictProxy, MultiDictProxy
from yarl import URL

import trunkline
from tests.web.serving import serving
from trunkline import web
from trunkline.testing.throwaway_ca import ThrowawayCA

Look = Callable[[web.Request], Any]  # Any: what it saw


async def see(data: str | bytes, look: Look, **app_kwargs: Any) -> Any:  # Any: as above, and for Application
    """Return what `look` returns of the request that `data` is, in a handler of an application."""
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        found = look(request)
        seen.append(await found if isinstance(found, Awaitable) else found)
        return web.Response()

    app = web.Application(**app_kwargs)
    app.router.add_route("*", "/{tail:.*}", handler)
    async with serving(app) as serve:
        status, _, body = await serve.ask(data.encode() if isinstance(data, str) else data)
    assert status == 200, body
    return seen[0]


def get(target: str = "/", *lines: str, method: str = "GET") -> str:
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: example.com:8080", *lines, "", ""))


def post(body: str, *lines: str, target: str = "/") -> str:
    return get(target, f"Content-Length: {len(body)}", *lines, method="POST") + body


# The request line.


async def test_version_and_method() -> None:
    version = await see(get(), lambda request: request.version)
    assert version == trunkline.HttpVersion11 == (1, 1)
    assert (version.major, version.minor) == (1, 1)
    for method in ("GET", "POST", "DELETE", "PURGE"):
        assert await see(get(method=method), lambda request: request.method) == method


async def test_the_url_whole_and_in_parts() -> None:
    def look(request: web.Request) -> None:
        assert request.url == URL("http://example.com:8080/app/blog?id=10")
        assert request.rel_url == request.url.relative() == URL("/app/blog?id=10")
        assert (request.path_qs, request.path, request.raw_path) == ("/app/blog?id=10", "/app/blog", "/app/blog?id=10")
        assert (request.query_string, request.query["id"]) == ("id=10", "10")
        assert isinstance(request.query, MultiDictProxy)

    await see(get("/app/blog?id=10"), look)


async def test_the_path_is_decoded_and_the_raw_path_is_not() -> None:
    raw = "/my%2Fpath%7Cwith%21some%25strange%24characters"
    paths = await see(get(raw), lambda request: (request.path, request.raw_path))
    assert paths == ("/my/path|with!some%strange$characters", raw)


async def test_scheme_and_secure_tell_of_the_transport() -> None:
    assert await see(get(), lambda request: (request.scheme, request.secure)) == ("http", False)
    forwarded = get("/", "X-Forwarded-Proto: https", "Forwarded: proto=https")
    assert await see(forwarded, lambda request: (request.scheme, request.secure)) == ("http", False)
    assert await see(get(), lambda request: request.clone(scheme="https").secure) is True


async def test_over_tls_the_scheme_is_https(authority: ThrowawayCA, trusting: ssl.SSLContext) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        assert request.get_extra_info("ssl_object") is not None
        return web.Response(text=f"{request.scheme} {request.secure} {request.url.scheme}")

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context()).start()
    async with trunkline.ClientSession() as session:
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
        async with session.get(url, ssl=trusting) as response:
            assert await response.text() == "https True https"
    await runner.cleanup()


# Where it comes from and goes to.


async def test_the_host_is_the_cloned_one_the_fields_or_our_address() -> None:
    assert await see(get(), lambda request: request.host) == "example.com:8080"
    assert await see(get("/", "X-Forwarded-Host: evil"), lambda request: request.host) == "example.com:8080"
    assert await see(get(), lambda request: request.clone(host="other").host) == "other"
    assert await see("GET / HTTP/1.0\r\n\r\n", lambda request: request.host) == "127.0.0.1"


async def test_the_remote_is_the_peer_or_the_cloned_one() -> None:
    assert await see(get("/", "X-Forwarded-For: 9.9.9.9"), lambda request: request.remote) == "127.0.0.1"
    assert await see(get(), lambda request: request.clone(remote="9.9.9.9").remote) == "9.9.9.9"


async def test_forwarded_has_a_mapping_for_each_proxy() -> None:
    lines = ('Forwarded: by=_proxy; for="[2001:db8::1]"; Host=a.test, for=10.0.0.1', "Forwarded: proto=https")
    forwarded = await see(get("/", *lines), lambda request: request.forwarded)
    assert forwarded == (
        {"by": "_proxy", "for": "[2001:db8::1]", "host": "a.test"},
        {"for": "10.0.0.1"},
        {"proto": "https"},
    )
    assert all(isinstance(element, MappingProxyType) for element in forwarded)


async def test_the_transport_and_its_extra_information() -> None:
    def look(request: web.Request) -> None:
        assert request.transport is not None
        host, _ = request.transport.get_extra_info("peername")
        assert host == request.get_extra_info("peername")[0] == "127.0.0.1"
        assert request.get_extra_info("nothing") is None
        assert request.get_extra_info("nothing", 5) == 5
        with pytest.deprecated_call():
            assert request.loop is asyncio.get_running_loop()

    await see(get(), look)


# Fields.


async def test_headers_in_any_case_and_as_raw_bytes() -> None:
    def look(request: web.Request) -> None:
        assert isinstance(request.headers, CIMultiDictProxy)
        assert request.headers["x-name"] == request.headers["X-NAME"] == "value"
        assert (b"X-Name", b"value") in request.raw_headers

    await see(get("/", "X-Name: value"), look)


@pytest.mark.parametrize(
    ("version", "lines", "keep_alive"),
    [
        ("1.1", [], True),
        ("1.1", ["Connection: close"], False),
        ("1.0", [], False),
        ("1.0", ["Connection: keep-alive"], True),
    ],
)
async def test_keep_alive_follows_version_and_connection(version: str, lines: list[str], keep_alive: bool) -> None:
    data = get("/", *lines).replace("HTTP/1.1", f"HTTP/{version}")
    assert await see(data, lambda request: request.keep_alive) is keep_alive


async def test_cookies_are_a_read_only_mapping() -> None:
    cookies = await see(get("/", "Cookie: a=b; c=d"), lambda request: request.cookies)
    assert isinstance(cookies, MappingProxyType)
    assert cookies == {"a": "b", "c": "d"}


async def test_content_type_charset_and_length() -> None:
    def look(request: web.Request) -> Any:
        return request.content_type, request.charset, request.content_length

    assert await see(get(), look) == ("application/octet-stream", None, None)
    data = post("abc", "Content-Type: text/html; charset=utf-8")
    assert await see(data, look) == ("text/html", "utf-8", 3)


async def test_a_range_is_a_slice_for_files_and_buffers() -> None:
    def look(request: web.Request) -> Any:
        wanted = request.http_range
        assert wanted.start is not None
        assert wanted.stop is not None
        file = io.BytesIO(b"0123456789")
        file.seek(wanted.start)
        assert file.read(wanted.stop - wanted.start) == b"2345"
        return b"0123456789"[request.http_range], wanted.step

    assert await see(get("/", "Range: bytes=2-5"), look) == (b"2345", 1)


@pytest.mark.parametrize(
    ("field", "attribute"),
    [
        ("If-Modified-Since", "if_modified_since"),
        ("If-Unmodified-Since", "if_unmodified_since"),
        ("If-Range", "if_range"),
    ],
)
async def test_dates_of_conditions(field: str, attribute: str) -> None:
    def look(request: web.Request) -> Any:
        return getattr(request, attribute)

    moment = datetime(2015, 10, 21, 7, 28, tzinfo=UTC)
    assert await see(get("/", f"{field}: Wed, 21 Oct 2015 07:28:00 GMT"), look) == moment
    assert await see(get("/", f"{field}: yesterday"), look) is None
    assert await see(get(), look) is None


@pytest.mark.parametrize(("field", "attribute"), [("If-Match", "if_match"), ("If-None-Match", "if_none_match")])
async def test_entity_tags_of_conditions(field: str, attribute: str) -> None:
    def look(request: web.Request) -> Any:
        return getattr(request, attribute)

    assert await see(get(), look) is None
    tags = await see(get("/", f'{field}: "a", W/"b"'), look)
    assert tags == (trunkline.ETag("a"), trunkline.ETag("b", is_weak=True))


# The body.


async def test_whether_there_is_a_body_and_something_left_of_it() -> None:
    async def look(request: web.Request) -> Any:
        with pytest.deprecated_call():
            before = request.body_exists, request.can_read_body, request.has_body
        await request.read()
        return before, (request.body_exists, request.can_read_body)

    assert await see(get(), look) == ((False, False, False), (False, False))
    assert await see(post("abc"), look) == ((True, True, True), (True, False))


async def test_content_is_a_stream_reader() -> None:
    async def look(request: web.Request) -> Any:
        assert isinstance(request.content, trunkline.StreamReader)
        return [piece async for piece in request.content.iter_chunked(2)]

    assert await see(post("abcd"), look) == [b"ab", b"cd"]


async def test_read_text_and_json_return_the_same_each_time() -> None:
    async def look(request: web.Request) -> Any:
        return [(await request.read(), await request.text(), await request.json()) for _ in range(2)]

    assert await see(post("[1]"), look) == [(b"[1]", "[1]", [1])] * 2


async def test_json_takes_a_loads_of_ones_own() -> None:
    assert await see(post("abc"), lambda request: request.json(loads=str.upper)) == "ABC"


async def test_multipart_is_read_part_by_part() -> None:
    async def look(request: web.Request) -> Any:
        reader = await request.multipart()
        assert isinstance(reader, trunkline.MultipartReader)
        part = await reader.next()
        assert isinstance(part, trunkline.BodyPartReader)
        return part.name, await part.text(), await reader.next()

    body = '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n--B--\r\n'
    assert await see(post(body, "Content-Type: multipart/form-data; boundary=B"), look) == ("a", "one", None)


FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (post("a=1&a=2", FORM), [("a", "1"), ("a", "2")]),
        (post("a=1"), []),  # of no type
        (post("a=1", "Content-Type: text/plain"), []),
        (post("a=1", FORM).replace("POST", "PUT"), [("a", "1")]),
        (post("a=1", FORM).replace("POST", "GET"), []),
    ],
)
async def test_post_reads_forms_of_the_methods_that_have_them(data: str, form: list[tuple[str, str]]) -> None:
    async def look(request: web.Request) -> Any:
        fields = await request.post()
        assert isinstance(fields, MultiDictProxy)
        assert await request.post() is fields
        return list(fields.items())

    assert await see(data, look) == form


async def test_a_file_of_a_form_is_a_file_field() -> None:
    async def look(request: web.Request) -> None:
        file = (await request.post())["f"]
        assert isinstance(file, web.FileField)
        assert (file.name, file.filename, file.content_type) == ("f", "x.txt", "text/css")
        assert isinstance(file.file, io.IOBase)
        assert file.file.read() == b"hello"

    body = (
        '--B\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/css\r\n\r\nhello'
        "\r\n--B--\r\n"
    )
    await see(post(body, "Content-Type: multipart/form-data; boundary=B"), look)


async def test_bodies_and_forms_above_their_bounds_are_413() -> None:
    async def look(request: web.Request) -> Any:
        assert (request.client_max_size, request.client_max_fields) == (1024**2, 1000)
        small = request.clone(client_max_size=5)
        with pytest.raises(web.HTTPRequestEntityTooLarge):
            await small.read()
        return small.client_max_size

    assert await see(post("a" * 6), look) == 5

    async def look_at_form(request: web.Request) -> Any:
        with pytest.raises(web.HTTPRequestEntityTooLarge):
            await request.clone(client_max_fields=1).post()

    await see(post("a=1&b=2", FORM), look_at_form)


async def test_release_eats_the_rest() -> None:
    async def look(request: web.Request) -> Any:
        await request.release()
        return request.can_read_body

    assert await see(post("abc"), look) is False


# What an application adds.


async def test_a_clone_has_what_was_given_and_the_rest_of_its_original() -> None:
    def look(request: web.Request) -> None:
        clone = request.clone(method="PUT", rel_url="/other?x=1", headers={"X-A": "1"})
        assert isinstance(clone, web.Request)
        assert (clone.method, clone.path_qs, clone.headers["X-A"]) == ("PUT", "/other?x=1", "1")
        assert (clone.app, clone.match_info) == (request.app, request.match_info)
        assert request.clone(rel_url=URL("/u")).path == "/u"

    await see(get("/path"), look)


async def test_match_info_app_and_config_dict() -> None:
    def look(request: web.Request) -> None:
        assert isinstance(request.match_info, web.UrlMappingMatchInfo)
        assert request.match_info["tail"] == "a/b"
        assert isinstance(request.app, web.Application)
        assert isinstance(request.config_dict, trunkline.ChainMapProxy)

    await see(get("/a/b"), look)


async def test_a_request_is_like_a_dict_with_typed_keys() -> None:
    user = web.RequestKey("user", str)

    def look(request: web.Request) -> Any:
        request[user] = "ada"
        return request[user], user in request, len(request), request.get(web.RequestKey("user", str))

    assert await see(get(), look) == ("ada", True, 1, None)
