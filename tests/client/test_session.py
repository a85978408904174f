"""What a session is made with, what it shows, and how it ends; `test_request_factory` has the single requests."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Any

import pytest
from multidict import istr
from yarl import URL

from tests.client.recording import Recording, credentials, redirect
from tests.raw_server import RawServer, replying, silent
from trunkline import (
    ClientConnectionError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    CookieJar,
    HttpVersion10,
    SocketTimeoutError,
    TCPConnector,
)
from trunkline.testing.loopback import LoopbackResponse


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording({"/404": LoopbackResponse(404, body=b"gone")}) as recording:
        yield recording


@pytest.mark.parametrize(
    ("method", "follows"),
    [
        ("get", True),
        ("options", True),
        ("head", False),
        ("post", True),
        ("put", True),
        ("patch", True),
        ("delete", True),
    ],
)
async def test_each_verb_sends_its_method_and_follows_as_documented(method: str, follows: bool) -> None:
    async with (
        Recording({"/": redirect(307, "/b")}) as server,
        ClientSession() as session,
        getattr(session, method)(server.url("/")) as response,
    ):
        assert response.method == method.upper()
    assert [request.method for request in server.requests] == [method.upper()] * (2 if follows else 1)


async def test_any_method_may_be_requested(server: Recording) -> None:
    async with ClientSession() as session, session.request("propfind", server.url("/")):
        assert server.last.method == "PROPFIND"


@pytest.mark.parametrize(
    ("base", "url", "target"),
    [
        ("/", "get", "/get"),
        ("/", "/get", "/get"),
        ("", "/get", "/get"),
        ("/foo/", "bar", "/foo/bar"),
        ("/foo/", "/bar", "/bar"),
        ("/foo/", "../bar", "/bar"),
        ("/foo/", "?a=1", "/foo/?a=1"),
        ("/foo/", "", "/foo/"),
        ("/foo/", URL("bar"), "/foo/bar"),
    ],
)
async def test_urls_are_joined_to_the_base(server: Recording, base: str, url: Any, target: str) -> None:
    async with ClientSession(server.url(base)) as session, session.get(url):
        assert server.last.target == target


async def test_an_absolute_url_overrides_the_base(server: Recording) -> None:
    async with ClientSession("http://nowhere.invalid/") as session, session.get(server.url("/x")):
        assert server.last.target == "/x"


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("/api/", "not absolute; give one such as"),
        ("example.com/", "not absolute"),
        ("http://example.com/api", "must have a path that ends in '/'"),
    ],
)
async def test_a_base_url_that_cannot_be_joined_to_is_refused(base: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClientSession(base)


def test_a_session_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match=r"no running event loop: .* make it inside a coroutine"):
        ClientSession()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"timeout": 5}, ValueError, "timeout parameter cannot be of .* please use 'timeout=ClientTimeout"),
        ({"timeout": ClientTimeout(), "conn_timeout": 1}, ValueError, "conflict; say all in timeout"),
        ({"auth": ("u", "p")}, TypeError, "BasicAuth\\(\\) tuple is required instead of tuple"),
        ({"foo": 1}, TypeError, "unexpected keyword argument 'foo'"),
    ],
)
async def test_an_argument_that_cannot_be_served_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ClientSession(**arguments)


async def test_arguments_that_ask_for_nothing_are_accepted() -> None:
    session = ClientSession(proxy=None, proxy_auth=None, trace_configs=[], middlewares=(), trust_env=True)
    assert session.trust_env
    assert session.trace_configs == []
    await session.close()


@pytest.mark.parametrize(
    ("arguments", "total", "connect"),
    [({"read_timeout": 7}, 7, None), ({"read_timeout": None}, None, None), ({"conn_timeout": 3}, 300, 3)],
)
async def test_the_old_timeouts_are_deprecated(arguments: Any, total: float | None, connect: float | None) -> None:
    with pytest.warns(DeprecationWarning, match="_timeout is deprecated, use timeout=ClientTimeout"):
        session = ClientSession(**arguments)
    assert (session.timeout.total, session.timeout.connect) == (total, connect)
    await session.close()


async def test_the_defaults_are_the_documented_ones() -> None:
    async with ClientSession() as session:
        assert session.timeout == ClientTimeout(total=300, sock_connect=30)
        assert (session.raise_for_status, session.auto_decompress, session.trust_env) == (False, True, False)
        assert (session.requote_redirect_url, session.connector_owner, session.auth) == (True, True, None)
        assert session.json_serialize is json.dumps
        assert isinstance(session.cookie_jar, CookieJar)
        assert isinstance(session.connector, TCPConnector)
        assert not session.headers
        assert session.skip_auto_headers == frozenset()


async def test_what_was_given_is_shown() -> None:
    jar, connector, auth = CookieJar(), TCPConnector(), credentials()
    session = ClientSession(
        connector=connector,
        cookie_jar=jar,
        cookies={"a": "1"},
        headers={"X-A": "1"},
        skip_auto_headers=["User-Agent"],
        auth=auth,
        json_serialize=str,
        version=HttpVersion10,
        connector_owner=False,
        raise_for_status=True,
        auto_decompress=False,
        requote_redirect_url=False,
        timeout=ClientTimeout(total=1),
    )
    assert (session.connector, session.cookie_jar, session.auth) == (connector, jar, auth)
    assert [morsel.key for morsel in session.cookie_jar] == ["a"]
    assert (session.headers["x-a"], session.skip_auto_headers) == ("1", frozenset([istr("User-Agent")]))
    assert (session.json_serialize, session.version) == (str, HttpVersion10)
    assert (session.connector_owner, session.raise_for_status, session.auto_decompress) == (False, True, False)
    assert (session.requote_redirect_url, session.timeout.total) == (False, 1)
    with pytest.warns(DeprecationWarning, match="loop"):
        assert session.loop is asyncio.get_running_loop()
    with pytest.warns(DeprecationWarning, match="requote_redirect_url modification is deprecated"):
        session.requote_redirect_url = True
    await session.close()
    await connector.close()


async def test_fields_may_be_changed_while_the_session_lives(server: Recording) -> None:
    given = {"Authorization": "old"}
    async with ClientSession(headers=given) as session:
        given["Authorization"] = "changed outside"
        async with session.get(server.url("/")):
            assert server.fields("authorization") == ["old"]
        session.headers["Authorization"] = "new"
        async with session.get(server.url("/")):
            assert server.fields("authorization") == ["new"]


async def test_http_1_0_keeps_alive_by_asking() -> None:
    requests: list[bytes] = []

    async def handler(peer: Any) -> None:
        requests.append(await peer.request())
        await peer.send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with (
        RawServer(handler) as server,
        ClientSession(version=HttpVersion10) as session,
        session.get(server.url("/x")) as response,
    ):
        assert (response.version, await response.text()) == (HttpVersion10, "ok")
    assert requests[0].startswith(b"GET /x HTTP/1.0\r\n")
    assert b"\r\nConnection: keep-alive\r\n" in requests[0]


# raise_for_status.


async def custom(response: ClientResponse) -> None:
    if response.status not in {201, 202}:
        raise RuntimeError(f"expected 201 or 202, got {response.status} with {await response.text()}")


async def lenient(response: ClientResponse) -> None:
    assert response.status


@pytest.mark.parametrize(
    ("of_session", "of_request", "error"),
    [
        (False, None, None),
        (True, None, ClientResponseError),
        (True, False, None),
        (True, lenient, None),
        (False, True, ClientResponseError),
        (False, custom, RuntimeError),
        (custom, None, RuntimeError),
        (custom, False, None),
        (lenient, True, ClientResponseError),
    ],
)
async def test_the_status_check_of_the_request_replaces_the_sessions(
    server: Recording, of_session: Any, of_request: Any, error: type[Exception] | None
) -> None:
    async with ClientSession(raise_for_status=of_session) as session:
        request = session.get(server.url("/404"), raise_for_status=of_request)
        if error is None:
            async with request as response:
                assert (response.status, await response.text()) == (404, "gone")
            return
        with pytest.raises(error, match="404"):
            await request
        assert session.connector is not None
        assert not session.connector._acquired


# Timeouts.


@pytest.mark.parametrize("timeout", [0.05, ClientTimeout(total=0.05), ClientTimeout(sock_read=0.05)])
async def test_a_requests_timeout_replaces_the_sessions(timeout: Any) -> None:
    async with RawServer(silent) as server, ClientSession() as session:
        with pytest.raises(TimeoutError, match=r"timeout\.(total|sock_read)") as caught:
            await session.get(server.url(), timeout=timeout)
        is_silence = isinstance(timeout, ClientTimeout) and timeout.sock_read is not None
        assert isinstance(caught.value, SocketTimeoutError) == is_silence


async def test_no_timeout_may_be_asked_for(server: Recording) -> None:
    async with ClientSession(timeout=ClientTimeout(total=1e-9)) as session:
        async with session.get(server.url("/"), timeout=None) as response:
            assert await response.text() == "ok"
        async with session.get(server.url("/"), timeout=ClientTimeout(total=0)) as response:
            assert await response.text() == "ok"
        with pytest.raises(TimeoutError):
            await session.get(server.url("/"))


@pytest.mark.parametrize("timeout", ["5", object()])
async def test_a_timeout_of_another_type_is_refused(server: Recording, timeout: Any) -> None:
    async with ClientSession() as session:
        with pytest.raises(TypeError, match="timeout is of type"):
            await session.get(server.url("/"), timeout=timeout)


# Limits of the head.


@pytest.mark.parametrize(
    ("head", "limits"),
    [
        (b"HTTP/1.1 200 " + b"x" * 9000 + b"\r\n", {"max_line_size": 10_000}),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 9000 + b"\r\n", {"max_field_size": 10_000}),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, {"max_headers": 300}),
    ],
)
async def test_the_limits_of_a_head_may_be_raised(head: bytes, limits: dict[str, Any]) -> None:
    async with (
        RawServer(replying(head + b"Content-Length: 0\r\n\r\n")) as server,
        ClientSession() as session,
        ClientSession(**limits) as patient,
    ):
        with pytest.raises(ClientResponseError, match=f"raise {next(iter(limits))}"):
            await session.get(server.url())
        for request in (session.get(server.url(), **limits), patient.get(server.url())):
            async with request as response:
                assert response.status == 200


# Classes of the user's.


async def test_a_response_class_of_the_users_is_made(server: Recording) -> None:
    class Shouting(ClientResponse):
        async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
            return (await super().text(encoding, errors)).upper()

    async with ClientSession(response_class=Shouting) as session, session.get(server.url("/")) as response:
        assert await response.text() == "OK"


async def test_request_is_the_single_funnel(server: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    original = ClientSession._request

    async def spy(self: ClientSession, method: str, url: Any, **options: Any) -> ClientResponse:
        seen.append((method, str(url)))
        return await original(self, method, url, **options)

    monkeypatch.setattr(ClientSession, "_request", spy)
    async with ClientSession() as session:
        await session.get(server.url("/a"))
        await session.post(server.url("/b"))
        await session.request("PUT", server.url("/c"))
    assert seen == [("GET", server.url("/a")), ("POST", server.url("/b")), ("PUT", server.url("/c"))]


# The end.


async def test_a_closed_session_sends_nothing(server: Recording) -> None:
    session = ClientSession()
    await session.close()
    await session.close()
    assert session.closed
    assert session.connector is None
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.get(server.url("/"))


async def test_a_session_is_closed_with_its_connector(server: Recording) -> None:
    async with ClientSession() as session:
        assert session.connector is not None
        await session.connector.close()
        assert session.closed
        with pytest.raises(ClientConnectionError, match="Connector is closed"):
            await session.get(server.url("/"))


async def test_a_detached_session_leaves_its_connector_open(server: Recording) -> None:
    async with TCPConnector() as connector:
        session = ClientSession(connector=connector)
        session.detach()
        assert session.closed
        assert not connector.closed
        async with ClientSession(connector=connector, connector_owner=False) as other, other.get(server.url("/")):
            pass
        assert not connector.closed
    assert connector.closed


def test_a_session_says_which_loop_it_belongs_to() -> None:
    loops = [asyncio.new_event_loop(), asyncio.new_event_loop()]

    async def make() -> ClientSession:
        return ClientSession()

    session = loops[0].run_until_complete(make())

    async def use() -> None:
        await session.get("http://127.0.0.1:9/")

    with pytest.raises(RuntimeError, match=r"belongs to the event loop .* but this is"):
        loops[1].run_until_complete(use())
    loops[0].run_until_complete(session.close())
    for loop in loops:
        loop.close()


async def test_a_session_that_was_never_closed_says_where_it_was_made() -> None:
    session = ClientSession()
    connector = session.connector
    assert connector is not None
    del session
    with pytest.warns(ResourceWarning, match=r"Unclosed client session .* made at .*test_session\.py:\d+"):
        gc.collect()
    await connector.close()


async def test_a_plain_with_is_refused_with_advice() -> None:
    async with ClientSession() as session:
        with pytest.raises(TypeError, match="Use async with instead"), session:
            pass


async def test_default_headers_can_be_replaced_as_some_programs_do() -> None:
    async with Recording() as server, ClientSession(headers={"A": "1"}) as session:
        for fields, wanted in (({"A": "1"}, ["1", None]), ({"B": "2"}, [None, "2"])):
            session._default_headers = MappingProxyType(fields)
            async with session.get(server.url("/")) as response:
                assert response.status == 200
            assert server.fields("A", "B") == wanted
        assert session.headers == {"B": "2"}


async def test_libraries_find_the_settings_by_their_old_names() -> None:
    async with ClientSession(raise_for_status=True, auto_decompress=False, trust_env=True) as session:
        assert session._raise_for_status is True
        assert session._auto_decompress is False
        assert session._trust_env is True
        assert session._version == session.version
        assert session._retry_connection is True
        session._retry_connection = False
        assert session._settings.retry is False
