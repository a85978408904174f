"""Credentials on the way of redirects: they stay with the origin that they were given to. Loops end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from yarl import URL

from tests.raw_server import OK, Peer, RawServer
from trunkline import BasicAuth, ClientPayloadError, ClientSession, CookieJar, TooManyRedirects
from trunkline.errors import InvalidUrlRedirectClientError, NonHttpUrlRedirectClientError

SECRETS = {"Authorization": "Bearer secret", "Cookie": "secret=1", "Proxy-Authorization": "Basic secret"}


class Hops:
    """Two or more servers that redirect as `plan` says: path to location. It keeps the heads that each received."""

    def __init__(self) -> None:
        self.plan: dict[str, str] = {}
        self.status = 302
        self.heads: list[str] = []

    async def handler(self, peer: Peer) -> None:
        while True:
            head = (await peer.request()).decode()
            self.heads.append(head)
            location = self.plan.get(head.split(" ")[1])
            if location is None:
                await peer.send(OK)
            else:
                fields = f"Location: {location}\r\nSet-Cookie: hop=1\r\nContent-Length: 0\r\n\r\n"
                await peer.send(f"HTTP/1.1 {self.status} Moved\r\n{fields}".encode())


@pytest.fixture
def hops() -> Hops:
    return Hops()


@pytest.fixture
async def a(hops: Hops) -> AsyncIterator[RawServer]:
    async with RawServer(hops.handler) as server:
        yield server


@pytest.fixture
async def b(hops: Hops) -> AsyncIterator[RawServer]:
    async with RawServer(hops.handler) as server:
        yield server


def is_secret(head: str) -> bool:
    return "secret" in head.lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_credentials_stay_with_their_origin_even_if_the_chain_comes_back(
    hops: Hops, a: RawServer, b: RawServer, status: int
) -> None:
    hops.status = status
    hops.plan = {"/1": a.url("/2"), "/2": b.url("/3"), "/3": a.url("/4")}
    async with ClientSession() as session, session.get(a.url("/1"), headers=SECRETS) as response:
        assert await response.read() == b"ok"
        assert [hop.url.path for hop in response.history] == ["/1", "/2", "/3"]
    assert [is_secret(head) for head in hops.heads] == [True, True, False, False]


async def test_credentials_of_the_session_stay_with_their_origin(hops: Hops, a: RawServer, b: RawServer) -> None:
    hops.plan = {"/1": b.url("/2"), "/2": a.url("/3")}
    with pytest.deprecated_call():
        auth = BasicAuth("user", "word")
    for session in (ClientSession(headers=SECRETS), ClientSession(auth=auth)):
        hops.heads.clear()
        async with session, session.get(a.url("/1")) as response:
            assert await response.read() == b"ok"
        assert ["Authorization:" in head for head in hops.heads] == [True, False, False]


async def test_credentials_of_a_url_stay_with_their_origin(hops: Hops, a: RawServer, b: RawServer) -> None:
    hops.plan = {"/1": b.url("/2")}
    url = URL(a.url("/1")).with_user("user").with_password("word")
    async with ClientSession() as session, session.get(url) as response:
        assert await response.read() == b"ok"
    assert ["Authorization:" in head for head in hops.heads] == [True, False]


async def test_cookies_given_for_one_request_stay_with_its_origin(hops: Hops, a: RawServer, b: RawServer) -> None:
    hops.plan = {"/1": b.url("/2"), "/2": a.url("/3")}
    async with ClientSession() as session, session.get(a.url("/1"), cookies={"secret": "1"}) as response:
        assert await response.read() == b"ok"
    assert [is_secret(head) for head in hops.heads] == [True, False, False]


@pytest.mark.parametrize("of_session", [True, False])
async def test_a_host_field_stays_with_the_origin_that_it_was_given_for(
    hops: Hops, a: RawServer, b: RawServer, of_session: bool
) -> None:
    hops.plan = {"/1": a.url("/2"), "/2": b.url("/3")}
    field = {"Host": "virtual.example"}
    async with (
        ClientSession(headers=field if of_session else None) as session,
        session.get(a.url("/1"), headers=None if of_session else field) as response,
    ):
        assert await response.read() == b"ok"
    assert ["Host: virtual.example" in head for head in hops.heads] == [True, True, False]


async def test_cookies_of_the_jar_go_where_they_belong(hops: Hops, a: RawServer) -> None:
    hops.plan = {"/1": f"http://localhost:{a.port}/2", "/2": a.url("/3")}
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session, session.get(a.url("/1")) as response:
        assert await response.read() == b"ok"
    assert ["Cookie: hop=1" in head for head in hops.heads] == [False, False, True]


@pytest.mark.parametrize("limit", [1, 5, 10])
async def test_a_loop_of_redirects_ends(hops: Hops, a: RawServer, b: RawServer, limit: int) -> None:
    hops.plan = {"/1": b.url("/2"), "/2": a.url("/1")}
    async with ClientSession() as session:
        with pytest.raises(TooManyRedirects) as caught:
            await session.get(a.url("/1"), max_redirects=limit)
        assert len(caught.value.history) == limit
        assert str(caught.value)
    assert len(hops.heads) == limit


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("ftp://127.0.0.1/", NonHttpUrlRedirectClientError),
        ("file:///etc/passwd", NonHttpUrlRedirectClientError),
        ("javascript:alert(1)", NonHttpUrlRedirectClientError),
        ("http://", InvalidUrlRedirectClientError),
        ("http://[::1", InvalidUrlRedirectClientError),
        ("http://127.0.0.1:99999/", InvalidUrlRedirectClientError),
    ],
)
async def test_a_redirect_to_nowhere_is_an_error(
    hops: Hops, a: RawServer, location: str, error: type[Exception]
) -> None:
    hops.plan = {"/1": location}
    async with ClientSession() as session:
        with pytest.raises(error, match=r".+"):
            await session.get(a.url("/1"))
        async with session.get(a.url("/2")) as response:
            assert await response.read() == b"ok"


async def test_a_body_that_can_be_read_once_is_not_sent_to_a_second_place(hops: Hops, a: RawServer) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"once"

    hops.status = 307
    hops.plan = {"/1": a.url("/2")}
    async with ClientSession() as session:
        with pytest.raises(ClientPayloadError, match="only once"):
            async with asyncio.timeout(5):
                await session.post(a.url("/1"), data=body())
    assert len(hops.heads) == 1
