import io
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

import trunkline as aiohttp
from tests.client.recording import credentials
from trunkline.client.request import ClientRequest, merge_headers
from trunkline.wire.h1.render import render_request_head
from trunkline.wire.version import HttpVersion, HttpVersion10

BASE = URL("http://example.com/path?q=1#frag")


def make(method: str = "GET", **arguments: Any) -> ClientRequest:
    return ClientRequest(method, BASE, **arguments)


def sent(request: ClientRequest) -> list[str]:
    """The lines of the head, as they go on the wire."""
    request.seal()
    return render_request_head(request, b"").decode().split("\r\n")[:-2]


async def portions() -> AsyncIterator[bytes]:
    yield b"one"


def test_a_plain_get_sends_host_and_the_automatic_fields() -> None:
    lines = sent(make())
    assert lines[:3] == ["GET /path?q=1 HTTP/1.1", "Host: example.com", "Accept: */*"]
    assert [line.partition(":")[0] for line in lines[3:]] == ["Accept-Encoding", "User-Agent"]
    assert "trunkline/" in lines[4].lower()


def test_what_users_read_of_a_request() -> None:
    request = ClientRequest("post", URL("https://example.com:444/a#b"), ssl=False, server_hostname="other")
    assert (request.method, str(request.url), str(request.original_url)) == (
        "POST",
        "https://example.com:444/a",
        "https://example.com:444/a#b",
    )
    assert (request.host, request.port, request.is_ssl()) == ("example.com", 444, True)
    assert (request.ssl, request.server_hostname) == (False, "other")
    assert request.connection_key.server_hostname == "other"
    assert request.body == b""
    assert (request.chunked, request.compress, request.version) == (None, None, HttpVersion(1, 1))
    info = request.request_info
    assert (info.method, info.url, info.real_url) == ("POST", request.url, request.original_url)
    assert info.headers["host"] == "example.com:444"


def test_params_are_added_to_the_query() -> None:
    assert make(params={"a": "b c"}).target.path == "/path?q=1&a=b+c"


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\nX: y", "GÉT", "a:b"])
def test_a_method_that_is_no_token_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="is not a token"):
        make(method)


@pytest.mark.parametrize("name", ["Host", "host", "HOST"])
def test_a_given_host_replaces_the_urls(name: str) -> None:
    request = make(headers={name: "other.example"})
    assert [line for line in sent(request) if line.lower().startswith("host")] == ["Host: other.example"]
    assert request.host == "example.com"


def test_given_fields_replace_the_automatic_ones_and_repeat_in_order() -> None:
    request = make(headers=[("X-A", "1"), ("user-agent", "me"), ("X-A", "2")], skip_auto_headers=["ACCEPT"])
    assert sent(request)[2:5] == ["X-A: 1", "user-agent: me", "X-A: 2"]
    assert "accept" not in request.headers


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b", "\x7f"])
def test_a_field_value_that_could_start_another_field_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        make(headers={"X-A": value}).seal()


@pytest.mark.parametrize("value", [1, None, b"x", ["x"]])
def test_a_field_value_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="wanted str"):
        make(headers={"X-A": value}).seal()


def test_fields_may_be_changed_until_the_request_is_sealed() -> None:
    request = make()
    request.headers["X-Late"] = "1"
    assert "X-Late: 1" in sent(request)


def test_a_plain_request_shows_its_fields_too() -> None:
    request = make()
    request.seal()
    plain = ClientRequest.plain("GET", request.prepared, request.blocks, None)
    assert plain.headers == request.headers


@pytest.mark.parametrize(
    ("version", "headers", "connection", "is_last"),
    [
        ("1.1", {}, None, False),
        (HttpVersion10, {}, "keep-alive", False),
        ("1.0", {"Connection": "close"}, "close", True),
        ("1.1", {"Connection": "Close"}, "Close", True),
        ("1.1", {"Connection": "upgrade"}, "upgrade", False),
    ],
)
def test_the_connection_field(version: Any, headers: dict[str, str], connection: str | None, is_last: bool) -> None:
    request = make(version=version, headers=headers)
    lines = sent(request)
    assert [line for line in lines if line.startswith("Connection")] == (
        [f"Connection: {connection}"] if connection else []
    )
    assert request.is_last == is_last
    assert lines[0].endswith("1.0" if request.version == HttpVersion10 else "1.1")


def test_a_version_that_is_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match="Can not parse http version number: one"):
        make(version="one")


def test_cookies_are_added_to_the_callers_cookie_field_and_win() -> None:
    cookies = SimpleCookie()
    cookies["a"], cookies["b"] = "1", "2"
    request = make(headers={"Cookie": "z=9; a=0"}, cookies=cookies.values())
    assert request.headers["cookie"] == "a=1; b=2; z=9"


def test_credentials_become_a_field() -> None:
    assert (
        make(auth=credentials("Aladdin", "open sesame")).headers["authorization"]
        == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    )
    with pytest.raises(TypeError, match="BasicAuth\\(\\) tuple is required"):
        make(auth=("u", "p"))


# How the body's end is told.

Described = tuple[str | None, str | None, str | None]


def description(request: ClientRequest) -> Described:
    headers = request.headers
    return headers.get("content-length"), headers.get("transfer-encoding"), headers.get("content-type")


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("GET", (None, None, None)),
        ("HEAD", (None, None, None)),
        ("OPTIONS", (None, None, None)),
        ("TRACE", (None, None, None)),
        ("DELETE", ("0", None, None)),
        ("POST", ("0", None, "application/octet-stream")),
        ("PUT", ("0", None, "application/octet-stream")),
        ("PATCH", ("0", None, "application/octet-stream")),
        ("PROPFIND", ("0", None, None)),
    ],
)
def test_without_a_body_the_method_decides(method: str, expected: Described) -> None:
    request = make(method)
    assert description(request) == expected
    assert not request.uploads


OCTETS = "application/octet-stream"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"data": b"abc"}, ("3", None, OCTETS)),
        ({"data": b""}, ("0", None, OCTETS)),
        ({"data": io.BytesIO(b"abc")}, ("3", None, OCTETS)),
        ({"data": b"abc", "chunked": True}, (None, "chunked", OCTETS)),
        ({"data": b"abc", "chunked": False}, ("3", None, OCTETS)),
        ({"data": b"abc", "compress": True}, (None, "chunked", OCTETS)),
        ({"data": b"abc", "headers": {"Content-Length": "3"}}, ("3", None, OCTETS)),
        ({"data": b"abc", "headers": {"Transfer-Encoding": "chunked"}}, (None, "chunked", OCTETS)),
        ({"data": {"a": "b"}, "headers": {"Content-Type": "x/y"}}, ("3", None, "x/y")),
        ({"data": b"abc", "skip_auto_headers": ["Content-Type"]}, ("3", None, None)),
    ],
)
async def test_a_body_has_a_length_or_chunks_never_both(arguments: dict[str, Any], expected: Described) -> None:
    assert description(make("POST", **arguments)) == expected


async def test_an_iterable_is_chunked_unless_its_length_is_given() -> None:
    assert description(make("POST", data=portions())) == (None, "chunked", OCTETS)
    assert description(make("POST", data=portions(), headers={"Content-Length": "3"})) == ("3", None, OCTETS)


@pytest.mark.parametrize(
    ("given", "coding"), [(True, "deflate"), ("gzip", "gzip"), (None, None), (False, None), ("", None)]
)
def test_compress_names_the_coding(given: Any, coding: str | None) -> None:
    request = make("POST", data=b"abc", compress=given)
    assert (request.compress, request.headers.get("content-encoding")) == (coding, coding)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": b"abc", "headers": {"Content-Length": "2"}}, "Content-Length is 2 but the body has 3 bytes"),
        ({"headers": {"Content-Length": "2"}}, "Content-Length is 2 but the request has no body"),
        ({"data": b"abc", "chunked": True, "version": "1.0"}, "HTTP/1.0 has no chunks"),
    ],
)
def test_a_length_that_is_not_the_bodys_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make("POST", **arguments)


@pytest.mark.parametrize(
    ("arguments", "waits", "field"),
    [
        ({"data": b"abc", "expect100": True}, True, "100-continue"),
        ({"data": b"abc", "headers": {"Expect": "100-Continue"}}, True, "100-Continue"),
        ({"data": b"", "expect100": True}, False, "100-continue"),
        ({"expect100": True}, False, "100-continue"),
        ({"data": b"abc"}, False, None),
    ],
)
def test_only_a_request_with_a_body_waits_for_100(arguments: dict[str, Any], waits: bool, field: str | None) -> None:
    request = make("POST", **arguments)
    assert (request.expects_continue, request.headers.get("expect")) == (waits, field)
    assert request.uploads == waits


async def test_update_body_settles_everything_anew() -> None:
    request = make("POST", data=io.BytesIO(b"abcdef"))
    await request.update_body(b"xy")
    assert description(request) == ("2", None, OCTETS)
    assert request.small_body == b"xy"
    await request.update_body(portions())
    assert description(request) == (None, "chunked", OCTETS)
    assert request.uploads
    await request.update_body(None)
    assert (request.body, request.headers["content-length"], request.uploads) == (b"", "0", False)


async def test_which_requests_can_be_repeated() -> None:
    assert make("GET").can_repeat
    assert make("PUT", data=b"x").can_repeat
    assert not make("POST", data=b"x").can_repeat
    assert make("POST", data=b"x").can_replay
    assert not make("PUT", data=portions()).can_repeat


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [("X-A", "1"), ("X-B", "2")]),
        ({"x-a": "9"}, [("X-B", "2"), ("x-a", "9")]),
        ([("X-A", "8"), ("X-A", "9")], [("X-B", "2"), ("X-A", "8"), ("X-A", "9")]),
        (CIMultiDict({"X-C": "3"}), [("X-A", "1"), ("X-B", "2"), ("X-C", "3")]),
    ],
)
def test_a_requests_field_replaces_all_of_the_sessions_of_that_name(
    given: Any, expected: list[tuple[str, str]]
) -> None:
    defaults = CIMultiDict({"X-A": "1", "X-B": "2"})
    assert list(merge_headers(defaults, given).items()) == expected
    assert list(defaults.items()) == [("X-A", "1"), ("X-B", "2")]


def test_the_method_sets_are_aiohttps() -> None:
    assert {"GET", "HEAD", "OPTIONS", "TRACE"} == aiohttp.ClientRequest.GET_METHODS
    assert {"PATCH", "POST", "PUT"} == aiohttp.ClientRequest.POST_METHODS
    assert {"GET", "HEAD", "OPTIONS", "TRACE", "PATCH", "POST", "PUT", "DELETE"} == aiohttp.ClientRequest.ALL_METHODS
