"""The arguments of `session.request(…)`: what is sent for them, and what the session adds."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from multidict import MultiDict
from yarl import URL

from tests.client.recording import Recording, credentials
from trunkline import BasicAuth, ClientRequest, ClientSession, CookieJar, DummyCookieJar, InvalidURL, TCPConnector
from trunkline.client import request_factory
from trunkline.client.request_factory import check_options


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording() as recording:
        yield recording


async def send(server: Recording, session: ClientSession, path: str = "/", **arguments: Any) -> None:
    async with session.get(server.url(path), **arguments) as response:
        assert response.status == 200


@pytest.mark.parametrize("name", ["foo", "Data", "raise_for_statuses"])
def test_an_unknown_argument_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        check_options({name: 1})


def test_what_means_nothing_without_a_proxy_or_a_tracer_is_accepted() -> None:
    check_options({"proxy_headers": {"A": "b"}, "trace_request_ctx": object()})


# URLs.


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/путь/%30?a=%31", "/%D0%BF%D1%83%D1%82%D1%8C/0?a=1"),  # the documentation's example
        ("/a b", "/a%20b"),
        ("/?q=a+b", "/?q=a+b"),
        ("/a/../b/./c", "/b/c"),
        ("", "/"),
    ],
)
async def test_a_url_given_as_text_is_canonicalized(server: Recording, url: str, target: str) -> None:
    async with ClientSession() as session:
        await send(server, session, url)
    assert server.last.target == target


@pytest.mark.parametrize("url", [None, 5, b"http://example.com/"])
async def test_a_url_of_another_type_is_refused(url: Any) -> None:
    async with ClientSession() as session:
        with pytest.raises(TypeError, match=r"url is of type .*; pass a str or a yarl\.URL"):
            await session.get(url)


async def test_a_url_given_as_encoded_is_sent_byte_for_byte(server: Recording) -> None:
    async with ClientSession() as session, session.get(URL(server.url("/%30%2f?a=%31"), encoded=True)):
        assert server.last.target == "/%30%2f?a=%31"


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"key1": "value1", "key2": "value2"}, "z=0&key1=value1&key2=value2"),
        ([("key", "value1"), ("key", "value2")], "z=0&key=value1&key=value2"),
        ((("a", 1), ("b", 2.5)), "z=0&a=1&b=2.5"),
        (MultiDict([("key", "value1"), ("key", "value2")]), "z=0&key=value1&key=value2"),
        ({"key": ["value1", "value2"]}, "z=0&key=value1&key=value2"),
        ("key=value+1", "z=0&key=value+1"),
        ({"é": "a b&="}, "z=0&%C3%A9=a+b%26%3D"),
        ({}, "z=0"),
        (None, "z=0"),
        ("", "z=0"),
    ],
)
async def test_params_are_added_to_the_query(server: Recording, params: Any, query: str) -> None:
    async with ClientSession() as session, session.get(server.url("/?z=0"), params=params) as response:
        assert server.last.query == query
        assert response.url.raw_query_string == query


@pytest.mark.parametrize("params", [{"a": None}, {"a": True}, {"a": object()}])
async def test_params_that_have_no_text_are_refused(server: Recording, params: Any) -> None:
    async with ClientSession() as session:
        with pytest.raises(TypeError):
            await send(server, session, params=params)
    assert not server.requests


@pytest.mark.parametrize("url", ["http://[::1", "http://x:99999/", "http://x:abc/", "/relative", ""])
async def test_a_malformed_url_is_one_of_aiohttps_errors(url: str) -> None:
    async with ClientSession() as session:
        with pytest.raises(InvalidURL) as caught:
            await session.get(url)
    assert str(caught.value).startswith(url)


async def test_targets_are_kept_and_their_number_is_bounded(server: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_factory, "MAX_TARGETS", 2)
    async with ClientSession() as session:
        for path in ("/a", "/b", "/c", "/a", "/a"):
            await send(server, session, path)
        assert len(session._factory._targets) <= 2
    assert [request.target for request in server.requests] == ["/a", "/b", "/c", "/a", "/a"]


# Credentials.


async def test_credentials_in_the_url_are_sent_as_a_field_and_leave_the_url(server: Recording) -> None:
    url = server.url("/").replace("//", "//user:p%40ss@")
    async with ClientSession(auth=credentials()) as session, session.get(url) as response:
        assert BasicAuth.decode(server.fields("authorization")[0] or "")[:2] == ("user", "p@ss")
        assert str(response.url) == server.url("/")


@pytest.mark.parametrize(
    ("user", "arguments"),
    [
        ("user:pass@", {"auth": credentials()}),
        ("user:pass@", {"headers": {"Authorization": "x"}}),
        ("", {"auth": credentials(), "headers": {"Authorization": "x"}}),
    ],
)
async def test_two_kinds_of_credentials_are_refused(server: Recording, user: str, arguments: dict[str, Any]) -> None:
    async with ClientSession() as session:
        with pytest.raises(ValueError, match="Cannot combine"):
            await session.get(server.url("/").replace("//", f"//{user}"), **arguments)
    assert not server.requests


async def test_credentials_that_cannot_be_told_apart_are_refused_without_showing_them(server: Recording) -> None:
    async with ClientSession() as session:
        with pytest.raises(InvalidURL, match="not allowed in login") as caught:
            await session.get(server.url("/").replace("//", "//us%3Aer:secret@"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "Basic dTpw"),
        ({"auth": credentials("v", "q")}, "Basic djpx"),
        ({"headers": {"authorization": "Bearer x"}}, "Bearer x"),
        ({"params": {"a": "b"}}, "Basic dTpw"),
    ],
)
async def test_a_requests_credentials_replace_the_sessions(
    server: Recording, arguments: dict[str, Any], expected: str
) -> None:
    async with ClientSession(auth=credentials()) as session:
        await send(server, session, **arguments)
    assert server.fields("authorization") == [expected]


@pytest.mark.parametrize("arguments", [{}, {"headers": {"X-A": "1"}}])
async def test_with_a_base_url_session_credentials_stay_at_its_origin(
    server: Recording, arguments: dict[str, Any]
) -> None:
    async with ClientSession(server.url("/"), auth=credentials()) as session:
        async with session.get("x", **arguments):
            assert server.fields("authorization") == ["Basic dTpw"]
        async with session.get(server.url("/").replace("127.0.0.1", "localhost"), **arguments):
            assert server.fields("authorization") == [None]


# Fields and cookies.


async def test_a_requests_fields_replace_the_sessions_by_name(server: Recording) -> None:
    async with ClientSession(headers=[("X-A", "1"), ("X-A", "2"), ("X-B", "3")]) as session:
        await send(server, session)
        assert server.fields("x-a", "x-b") == ["1, 2", "3"]
        await send(server, session, headers=[("x-a", "9"), ("x-a", "8")])
        assert server.fields("x-a", "x-b") == ["9, 8", "3"]


async def test_automatic_fields_are_skipped_by_session_and_request_together(server: Recording) -> None:
    async with ClientSession(skip_auto_headers=["accept"]) as session:
        await send(server, session)
        assert server.fields("accept", "user-agent") != [None, None]
        await send(server, session, skip_auto_headers=["User-Agent"])
        assert server.fields("accept", "user-agent") == [None, None]


async def test_cookies_of_session_and_request_are_merged_and_the_requests_win(server: Recording) -> None:
    async with ClientSession(cookies={"a": "1", "b": "2"}) as session:
        await send(server, session)
        assert server.fields("cookie") == ["a=1; b=2"]
        await send(server, session, cookies={"a": "3", "c": "4"})
        assert server.fields("cookie") == ["a=3; b=2; c=4"]
        await send(server, session)
        assert server.fields("cookie") == ["a=1; b=2"]


@pytest.mark.parametrize(("quote", "expected"), [(True, 'a="x\\054y"; b="c d"'), (False, "a=x,y; b=c d")])
async def test_values_are_quoted_as_the_jar_says(server: Recording, quote: bool, expected: str) -> None:
    async with ClientSession(cookie_jar=CookieJar(quote_cookie=quote)) as session:
        await send(server, session, cookies={"a": "x,y", "b": "c d"})
    assert server.fields("cookie") == [expected]


async def test_a_dummy_jar_still_sends_the_cookies_of_the_request(server: Recording) -> None:
    async with ClientSession(cookie_jar=DummyCookieJar(), cookies={"gone": "1"}) as session:
        await send(server, session)
        assert server.fields("cookie") == [None]
        await send(server, session, cookies={"a": "1"})
        assert server.fields("cookie") == ["a=1"]


@pytest.mark.parametrize("cookies", [{"a b": "x"}, {"a": "x\r\ny"}])
async def test_a_cookie_that_would_break_the_field_is_refused(server: Recording, cookies: Any) -> None:
    async with ClientSession() as session:
        with pytest.raises(ValueError, match="cookie"):
            await send(server, session, cookies=cookies)


@pytest.mark.parametrize("arguments", [{}, {"headers": {"X-A": "1"}}])
async def test_force_close_is_said_to_the_server(server: Recording, arguments: dict[str, Any]) -> None:
    async with ClientSession(connector=TCPConnector(force_close=True)) as session:
        for _ in range(2):
            await send(server, session, **arguments)
            assert server.fields("connection") == ["close"]
    assert server.counts.connections == 2


# Bodies.


async def test_json_is_serialized_with_its_type(server: Recording) -> None:
    async with ClientSession() as session, session.post(server.url("/"), json={"test": "objéct"}):
        assert server.last.body == b'{"test": "obj\\u00e9ct"}'
        assert server.fields("content-type", "content-length") == ["application/json", "23"]


@pytest.mark.parametrize(("value", "body"), [({}, b"{}"), (False, b"false"), (0, b"0"), ("", b'""'), (None, b"")])
async def test_json_that_is_falsy_is_sent_and_none_is_no_body(server: Recording, value: Any, body: bytes) -> None:
    async with ClientSession() as session, session.post(server.url("/"), json=value):
        assert server.last.body == body


@pytest.mark.parametrize(
    ("arguments", "body"),
    [({"json_serialize": lambda value: "text"}, b"text"), ({"json_serialize_bytes": lambda value: b"bytes"}, b"bytes")],
)
async def test_the_sessions_serializer_makes_the_json(server: Recording, arguments: Any, body: bytes) -> None:
    async with ClientSession(**arguments) as session, session.post(server.url("/"), json=1):
        assert server.last.body == body


async def test_a_given_content_type_goes_with_json(server: Recording) -> None:
    async with (
        ClientSession() as session,
        session.post(server.url("/"), json=1, headers={"content-type": "application/x-mine"}),
    ):
        assert server.fields("content-type") == ["application/x-mine"]


@pytest.mark.parametrize("data", [b"x", {}, "", b""])
async def test_json_and_data_together_are_refused(server: Recording, data: Any) -> None:
    async with ClientSession() as session:
        with pytest.raises(ValueError, match="data and json parameters can not be used at the same time"):
            await session.post(server.url("/"), json=1, data=data)


async def test_a_request_class_of_the_users_makes_every_request(server: Recording) -> None:
    class Marked(ClientRequest):
        def update_headers(self, headers: Any) -> None:
            super().update_headers(headers)
            self.headers["X-Mark"] = "1"

    async with ClientSession(request_class=Marked) as session:
        await send(server, session)
    assert server.fields("x-mark") == ["1"]
