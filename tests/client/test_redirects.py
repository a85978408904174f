from typing import Any

import pytest
from yarl import URL

from tests.client.recording import Recording, credentials, redirect
from tests.raw_server import RawServer, replying
from trunkline import (
    ClientPayloadError,
    ClientSession,
    InvalidUrlRedirectClientError,
    NonHttpUrlRedirectClientError,
    TooManyRedirects,
)
from trunkline.testing.loopback import LoopbackResponse


def steps(server: Recording) -> list[tuple[str, str, bytes]]:
    return [(request.method, request.target, request.body) for request in server.requests]


@pytest.mark.parametrize(
    ("status", "method", "then", "keeps_body"),
    [
        (301, "POST", "GET", False),
        (301, "PUT", "PUT", True),
        (301, "HEAD", "HEAD", False),
        (302, "POST", "GET", False),
        (302, "PATCH", "PATCH", True),
        (302, "GET", "GET", False),
        (303, "POST", "GET", False),
        (303, "PUT", "GET", False),
        (303, "DELETE", "GET", False),
        (303, "HEAD", "HEAD", False),
        (307, "POST", "POST", True),
        (307, "GET", "GET", False),
        (308, "POST", "POST", True),
        (308, "DELETE", "DELETE", True),
    ],
)
async def test_the_status_decides_about_method_and_body(status: int, method: str, then: str, keeps_body: bool) -> None:
    body = None if method in ("GET", "HEAD") else b"body"
    async with (
        Recording({"/a": redirect(status, "/b")}) as server,
        ClientSession() as session,
        session.request(method, server.url("/a"), data=body) as response,
    ):
        assert response.status == 200
    assert steps(server)[1] == (then, "/b", b"body" if keeps_body else b"")
    if not keeps_body:
        assert server.fields("content-type", "content-length", "transfer-encoding") == [None, None, None]
    assert server.counts.connections == 1


@pytest.mark.parametrize("status", [300, 304, 305, 306])
async def test_other_statuses_are_answers(status: int) -> None:
    async with (
        Recording({"/a": redirect(status, "/b")}) as server,
        ClientSession() as session,
        session.get(server.url("/a")) as response,
    ):
        assert (response.status, response.history) == (status, ())


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b?x=1", "/b?x=1"),
        ("b", "/dir/b"),
        ("../b", "/b"),
        ("//{host}/b", "/b"),
        ("http://{host}/b", "/b"),
        ("/b c?d=%31", "/b%20c?d=1"),
        ("/ü", "/%C3%BC"),
    ],
)
async def test_locations_are_resolved_against_the_url(location: str, target: str) -> None:
    answers: dict[str, LoopbackResponse] = {}
    async with Recording(answers) as server, ClientSession() as session:
        answers["/dir/a"] = redirect(302, location.format(host=f"127.0.0.1:{server.port}").encode().decode("latin-1"))
        async with session.get(server.url("/dir/a")):
            assert server.last.target == target


@pytest.mark.parametrize(("requote", "target"), [(True, "/b/0%2F"), (False, "/b/%30%2f")])
async def test_requoting_may_be_switched_off(requote: bool, target: str) -> None:
    answers = {"/a": redirect(302, "/b/%30%2f")}
    async with (
        Recording(answers) as server,
        ClientSession(requote_redirect_url=requote) as session,
        session.get(server.url("/a")),
    ):
        assert server.last.target == target


async def test_history_has_the_responses_that_led_here() -> None:
    answers = {"/a": redirect(301, "/b"), "/b": redirect(302, "/c")}
    async with (
        Recording(answers) as server,
        ClientSession() as session,
        session.get(server.url("/a"), params={"p": "1"}) as response,
    ):
        assert [(hop.status, hop.url.path_qs) for hop in response.history] == [(301, "/a?p=1"), (302, "/b")]
        assert all(hop.closed for hop in response.history)
        assert (response.url.path_qs, response.request_info.url) == ("/c", response.url)


@pytest.mark.parametrize(("location", "fragment"), [("/b", "old"), ("/b#new", "new")])
async def test_a_location_without_a_fragment_inherits_the_old_one(location: str, fragment: str) -> None:
    async with (
        Recording({"/a": redirect(302, location)}) as server,
        ClientSession() as session,
        session.get(server.url("/a#old")) as response,
    ):
        assert (response.real_url.fragment, response.url.fragment) == (fragment, "")
        assert response.history[0].real_url.fragment == "old"


@pytest.mark.parametrize("arguments", [{}, {"headers": {"X-A": "1"}}])
async def test_a_redirect_that_is_not_followed_is_the_answer(arguments: Any) -> None:
    async with Recording({"/a": redirect(302, "/b")}) as server, ClientSession() as session:
        async with session.get(server.url("/a"), allow_redirects=False, **arguments) as response:
            assert (response.status, response.headers["Location"], response.history) == (302, "/b", ())
        async with session.head(server.url("/a")) as response:  # HEAD follows none by default
            assert response.status == 302
    assert len(server.requests) == 2


async def test_a_redirect_without_a_location_is_the_answer() -> None:
    async with (
        Recording({"/a": LoopbackResponse(302, body=b"where to?")}) as server,
        ClientSession() as session,
        session.get(server.url("/a")) as response,
    ):
        assert (response.status, await response.text(), response.history) == (302, "where to?", ())


async def test_the_chain_ends_at_max_redirects() -> None:
    async with Recording({"/a": redirect(302, "/a")}) as server, ClientSession() as session:
        with pytest.raises(
            TooManyRedirects, match=r"max_redirects=3 is reached.* to /a; raise max_redirects"
        ) as caught:
            await session.get(server.url("/a"), max_redirects=3)
        assert len(server.requests) == 3
        error = caught.value
        assert (error.status, len(error.history), error.request_info.url.path) == (302, 3, "/a")
        await session.get(server.url("/a"), max_redirects=3, allow_redirects=False)


async def test_ten_redirects_are_the_default_and_zero_is_no_limit() -> None:
    answers = {f"/{n}": redirect(302, f"/{n + 1}") for n in range(30)}
    async with Recording(answers) as server, ClientSession() as session:
        with pytest.raises(TooManyRedirects):
            await session.get(server.url("/0"))
        assert len(server.requests) == 10
        async with session.get(server.url("/0"), max_redirects=0) as response:
            assert (response.url.path, len(response.history)) == ("/30", 30)


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("ftp://example.com/", NonHttpUrlRedirectClientError),
        ("mailto:a@example.com", NonHttpUrlRedirectClientError),
        ("http://:::/", InvalidUrlRedirectClientError),
        ("http://example.com:99999/", InvalidUrlRedirectClientError),
        ("http:///x", InvalidUrlRedirectClientError),
        ("//h[::1]@//h/h", InvalidUrlRedirectClientError),
        ("//[:-2]:", InvalidUrlRedirectClientError),
    ],
)
async def test_a_location_that_leads_nowhere_is_an_error(location: str, error: type[Exception]) -> None:
    async with Recording({"/a": redirect(302, location)}) as server, ClientSession() as session:
        with pytest.raises(error):
            await session.get(server.url("/a"))
        assert not session.connector or not session.connector._acquired


@pytest.mark.parametrize("status", [307, 308])
async def test_a_body_that_was_read_once_cannot_follow(status: int) -> None:
    async def portions() -> Any:
        yield b"once"

    async with Recording({"/a": redirect(status, "/b")}) as server, ClientSession() as session:
        with pytest.raises(ClientPayloadError, match=r"Cannot follow redirect with a consumed request body.*/b"):
            await session.post(server.url("/a"), data=portions())
        async with session.post(server.url("/a"), data=portions(), allow_redirects=False) as response:
            assert response.status == status


# Credentials (RFC 9110 §15.4): they stay with the origin that they were given to.

SECRETS = {"Authorization": "Bearer secret", "Cookie": "c=secret", "Proxy-Authorization": "Basic secret"}


async def test_credentials_stay_in_the_same_origin() -> None:
    async with (
        Recording({"/a": redirect(302, "/b")}) as server,
        ClientSession() as session,
        session.get(server.url("/a"), headers={**SECRETS, "X-A": "1"}),
    ):
        assert server.fields(*SECRETS) == list(SECRETS.values())
        assert server.fields("x-a") == ["1"]


@pytest.mark.parametrize(
    ("session_arguments", "arguments"),
    [
        ({}, {"headers": SECRETS}),
        ({"headers": SECRETS}, {}),
        ({"auth": credentials()}, {}),
        ({}, {"auth": credentials(), "cookies": {"c": "secret"}}),
    ],
)
async def test_no_credentials_cross_origins_not_even_on_the_way_back(session_arguments: Any, arguments: Any) -> None:
    away: dict[str, LoopbackResponse] = {}
    home: dict[str, LoopbackResponse] = {}
    async with Recording(home) as server, Recording(away) as other, ClientSession(**session_arguments) as session:
        home["/a"] = redirect(302, other.url("/evil"))
        away["/evil"] = redirect(302, server.url("/back"))
        async with session.get(server.url("/a"), **arguments):
            assert server.requests[0].header("authorization") is not None
            assert other.fields(*SECRETS) == [None, None, None]
            assert server.fields(*SECRETS) == [None, None, None]
            assert server.last.path == "/back"


async def test_a_given_host_field_stays_with_its_origin() -> None:
    home: dict[str, LoopbackResponse] = {"/a": redirect(302, "/b")}
    async with Recording(home) as server, Recording() as other, ClientSession() as session:
        home["/b"] = redirect(302, other.url("/c"))
        async with session.get(server.url("/a"), headers={"Host": "example.com"}):
            assert server.fields("host") == ["example.com"]
            assert other.fields("host") == [f"127.0.0.1:{other.port}"]


async def test_credentials_of_the_first_url_stay_until_a_redirects_url_has_others() -> None:
    answers = {"/a": redirect(302, "/b")}
    async with Recording(answers) as server, ClientSession() as session:
        answers["/b"] = redirect(302, server.url("/c").replace("//", "//u2:p2@"))
        answers["/c"] = redirect(302, "/d")
        async with session.get(server.url("/a").replace("//", "//u:p@")) as response:
            sent = [request.header("authorization") for request in server.requests]
            assert sent == ["Basic dTpw", "Basic dTpw", "Basic dTI6cDI=", "Basic dTI6cDI="]
            assert response.url == URL(server.url("/d"))


async def test_cookies_set_on_the_way_go_to_the_next_request() -> None:
    answers = {"/a": redirect(302, "/b", ("Set-Cookie", "hop=1; Path=/"))}
    async with (
        Recording(answers) as server,
        ClientSession() as session,
        session.get(server.url("/a").replace("127.0.0.1", "localhost"), cookies={"mine": "1"}) as response,
    ):
        assert sorted((server.fields("cookie")[0] or "").split("; ")) == ["hop=1", "mine=1"]
        assert not response.cookies
        assert response.history[0].cookies["hop"].value == "1"


async def test_a_long_redirect_body_is_not_read() -> None:
    long = LoopbackResponse(302, headers=(("Location", "/b"),), body=b"x" * 1_000_000)
    async with Recording({"/a": long}) as server, ClientSession() as session, session.get(server.url("/a")) as response:
        assert await response.text() == "ok"
    assert server.counts.connections == 2


async def test_a_redirect_that_cannot_be_followed_holds_no_connection() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 1000000\r\n\r\nand so on"
    async with RawServer(replying(head)) as server, ClientSession() as session:
        with pytest.raises(TooManyRedirects) as caught:
            await session.get(server.url(), max_redirects=1)
        assert caught.value.history[0].closed
        await server.wait_all_closed()


async def test_a_short_redirect_body_is_read_to_keep_the_connection() -> None:
    short = LoopbackResponse(302, headers=(("Location", "/b"),), body=b"x" * 10_000)
    async with (
        Recording({"/a": short}) as server,
        ClientSession() as session,
        session.get(server.url("/a")) as response,
    ):
        assert await response.text() == "ok"
    assert server.counts.connections == 1
