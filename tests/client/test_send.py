"""Requests that middlewares change on their way: what is taken, what is refused, and what is let go in the end."""

from collections.abc import AsyncIterator, Callable
from typing import Any, BinaryIO

import pytest
from yarl import URL

from tests.client.recording import Recording, redirect
from tests.pool_state import wait_nothing_held
from trunkline import ClientRequest, ClientResponse, ClientSession
from trunkline.client.middlewares import ClientHandlerType

Change = Callable[[ClientRequest], object]


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording({"/307": redirect(307, "/b")}) as recording:
        yield recording


def session_with(change: Change) -> ClientSession:
    async def middleware(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        change(request)
        return await handler(request)

    return ClientSession(middlewares=[middleware])


def set_method(method: str) -> Change:
    return lambda request: setattr(request, "method", method)


def set_field(name: str, value: str) -> Change:
    return lambda request: request.headers.update({name: value})


def add_field(name: str, value: str) -> Change:
    return lambda request: request.headers.add(name, value)


def drop_field(name: str) -> Change:
    return lambda request: request.headers.popall(name, None)


def set_chunked(request: ClientRequest) -> None:
    request.chunked = True


@pytest.mark.parametrize(
    ("change", "data", "why"),
    [
        (set_method("GET /x HTTP/1.1\r\nHost: evil\r\n\r\nGET"), None, "is not a token"),
        (set_field("X-A", "1\r\nX-B: 2"), None, "field"),
        (set_field("Content-Length", "5"), None, "do not fit the body, which has 0 bytes"),
        (set_field("Content-Length", "5"), b"1234567", "do not fit the body, which has 7 bytes"),
        (add_field("Content-Length", "7"), b"1234567", "do not fit"),
        (drop_field("Content-Length"), b"1234567", "do not fit"),
        (set_field("Transfer-Encoding", "chunked"), b"1234567", "do not fit"),
        (set_field("Transfer-Encoding", "chunked"), None, "do not fit"),
        (set_chunked, b"1234567", "do not fit the body, which goes in chunks"),
    ],
)
async def test_what_would_be_read_as_another_message_is_refused(
    server: Recording, change: Change, data: bytes | None, why: str
) -> None:
    async with session_with(change) as session:
        with pytest.raises(ValueError, match=why):
            await session.post(server.url("/"), data=data)
        await wait_nothing_held(session)
    assert server.requests == []


@pytest.mark.parametrize("data", [None, b"", b"abc", {"a": "b"}])
async def test_a_request_that_fits_its_fields_passes(server: Recording, data: Any) -> None:
    async with session_with(set_field("X-A", "1")) as session, session.post(server.url("/"), data=data) as response:
        assert response.status == 200
    assert server.last.header("X-A") == "1"


async def test_a_proxy_that_is_taken_away_gets_nothing_and_its_credentials_stay_here(server: Recording) -> None:
    def go_straight(request: ClientRequest) -> None:
        request.proxy = None

    proxy = f"http://login:password@127.0.0.1:{server.port + 1}"
    async with session_with(go_straight) as session, session.get(server.url("/a"), proxy=proxy) as response:
        assert response.status == 200
    assert (server.last.path, server.last.header("Proxy-Authorization")) == ("/a", None)


async def test_the_name_in_the_certificate_may_be_set() -> None:
    request = ClientRequest("GET", URL("https://127.0.0.1/"))
    request.server_hostname = "origin.test"
    assert request.connection_key.server_hostname == "origin.test"


@pytest.mark.parametrize("is_sent", [False, True])
async def test_bodies_that_a_middleware_gives_are_closed_on_every_hop(
    server: Recording, tmp_path: Any, is_sent: bool
) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"x" * 100_000)
    files: list[BinaryIO] = []

    async def middleware(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        files.append(path.open("rb"))
        await request.update_body(files[-1])
        if is_sent or request.url.path == "/307":
            response = await handler(request)
        if request.url.path == "/307":
            return response
        raise KeyError("of the middleware")

    async with ClientSession(middlewares=[middleware]) as session:
        with pytest.raises(KeyError, match="of the middleware"):
            await session.post(server.url("/307"), data=b"first")
    assert [file.closed for file in files] == [True, True]


async def test_a_response_class_may_have_a_constructor_of_its_own(server: Recording) -> None:
    made: list[tuple[str, URL]] = []

    class Noted(ClientResponse):
        def __init__(self, method: str, url: URL, **others: Any) -> None:
            super().__init__(method, url, **others)
            made.append((method, url))

    url = URL(server.url("/a#part"))
    async with ClientSession(response_class=Noted) as session, session.get(url) as response:
        assert (response.method, response.real_url) == ("GET", url)
    assert made == [("GET", url)]
