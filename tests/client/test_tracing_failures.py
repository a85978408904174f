"""Requests that fail, and callbacks that end them: what tracers are told, and that nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from tests.client.diary import CREATED, RESOLVED, SENT, Diary
from tests.client.recording import Recording, redirect
from tests.pool_state import wait_nothing_held
from tests.raw_server import RawServer, replying, silent
from trunkline import (
    ClientConnectorError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    InvalidURL,
    NonHttpUrlRedirectClientError,
    SocketTimeoutError,
    TCPConnector,
    TooManyRedirects,
)
from trunkline.testing.loopback import LoopbackResponse


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    answers = {
        "/302": redirect(302, "/b"),
        "/self": redirect(302, "/self"),
        "/ftp": redirect(302, "ftp://test/"),
        "/404": LoopbackResponse(404, body=b"gone"),
    }
    async with Recording(answers) as recording:
        yield recording


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
async def session(diary: Diary) -> AsyncIterator[ClientSession]:
    async with ClientSession(trace_configs=[diary.config]) as session:
        yield session
        await wait_nothing_held(session)


# Requests that fail.


# Any: whatever a request takes.
async def ends_with(
    session: ClientSession, diary: Diary, expected: type[BaseException], url: str, **options: Any
) -> list[str]:
    """Let a request fail; returns its signals, of which the last told the exception."""
    with pytest.raises(expected) as caught:
        await session.get(url, **options)
    assert diary.params["request_exception"].exception is caught.value
    return diary.page()


async def test_a_refused_connection_is_told_as_the_exception(session: ClientSession, diary: Diary) -> None:
    async with RawServer(silent) as gone:
        url = gone.url()
    told = await ends_with(session, diary, ClientConnectorError, url)
    assert told == ["request_start", "connection_create_start", "request_exception"]


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [(ClientTimeout(total=0.05), TimeoutError), (ClientTimeout(sock_read=0.05), SocketTimeoutError)],
)
async def test_a_timeout_is_told(
    session: ClientSession, diary: Diary, timeout: ClientTimeout, expected: type[Exception]
) -> None:
    async with RawServer(silent) as server:
        told = await ends_with(session, diary, expected, server.url(), timeout=timeout)
    assert told == ["request_start", *CREATED, "request_headers_sent", "request_exception"]


async def test_a_cancelled_request_is_told(session: ClientSession, diary: Diary) -> None:
    async with RawServer(silent) as server:
        request = asyncio.create_task(session._request("GET", server.url()))
        async with asyncio.timeout(5):
            await server.accepted.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    assert diary.page()[-1] == "request_exception"
    assert isinstance(diary.params["request_exception"].exception, asyncio.CancelledError)


async def refuse(response: ClientResponse) -> None:
    raise KeyError("of the check")


@pytest.mark.parametrize(("check", "expected"), [(True, ClientResponseError), (refuse, KeyError)])
async def test_a_status_that_is_refused_is_no_end(
    server: Recording, session: ClientSession, diary: Diary, check: Any, expected: type[Exception]
) -> None:
    told = await ends_with(session, diary, expected, server.url("/404"), raise_for_status=check)
    assert told == ["request_start", *CREATED, "request_headers_sent", "request_exception"]


@pytest.mark.parametrize(
    ("path", "expected", "redirects"), [("/self", TooManyRedirects, 2), ("/ftp", NonHttpUrlRedirectClientError, 1)]
)
async def test_a_redirect_that_cannot_be_followed_is_told_first(
    server: Recording, session: ClientSession, diary: Diary, path: str, expected: type[Exception], redirects: int
) -> None:
    told = await ends_with(session, diary, expected, server.url(path), max_redirects=2)
    assert told.count("request_redirect") == redirects
    assert told[-2:] == ["request_redirect", "request_exception"]


async def test_an_exception_comes_with_the_url_of_the_hop_at_fault(diary: Diary) -> None:
    async with RawServer(silent) as gone:
        url = gone.url("/b#part")
    async with (
        Recording({"/": redirect(303, url)}) as server,
        ClientSession(trace_configs=[diary.config]) as session,
    ):
        with pytest.raises(ClientConnectorError):
            await session.post(server.url(), data=b"x")
    event = diary.params["request_exception"]
    assert (event.method, event.url) == ("GET", URL(url))


@pytest.mark.parametrize("url", ["no-url", "http:///path"])
async def test_an_url_without_a_host_is_told_as_it_is(session: ClientSession, diary: Diary, url: str) -> None:
    assert await ends_with(session, diary, InvalidURL, url) == ["request_start", "request_exception"]
    assert diary.params["request_start"].url == URL(url)


async def test_a_failure_to_read_the_body_is_not_of_the_request(diary: Diary) -> None:
    cut_off = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
    async with (
        RawServer(replying(cut_off, then_close=True)) as server,
        ClientSession(trace_configs=[diary.config]) as session,
        session.get(server.url()) as response,
    ):
        with pytest.raises(ClientPayloadError):
            await response.read()
    assert diary.page() == ["request_start", *CREATED, *SENT]


# Callbacks that end the request.

ON_THE_WAY = [*RESOLVED, "request_headers_sent", "request_chunk_sent", "connection_reuseconn"]
ALL = ["request_start", *ON_THE_WAY, "request_redirect", "request_end"]


async def fail(params: object) -> None:
    raise KeyError("of the callback")


async def hang(params: object) -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("signal", ALL)
async def test_a_callback_that_raises_ends_the_request_and_loses_nothing(server: Recording, signal: str) -> None:
    diary = Diary({signal: fail})
    async with ClientSession(connector=TCPConnector(limit=1), trace_configs=[diary.config]) as session:
        with pytest.raises(KeyError, match="of the callback"):
            await session.post(f"http://localhost:{server.port}/302", data=b"x")
        expected = [signal] if signal == "request_start" else [signal, "request_exception"]
        assert diary.page()[-len(expected) :] == expected
        await wait_nothing_held(session)


@pytest.mark.parametrize("signal", ALL)
async def test_a_request_that_is_cancelled_in_a_callback_loses_nothing(server: Recording, signal: str) -> None:
    reached = asyncio.Event()

    async def act(params: object) -> None:
        reached.set()
        await hang(params)

    diary = Diary({signal: act})
    async with ClientSession(connector=TCPConnector(limit=1), trace_configs=[diary.config]) as session:
        url = f"http://localhost:{server.port}/302"
        request = asyncio.create_task(session._request("POST", url, data=b"x"))
        async with asyncio.timeout(5):
            await reached.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await wait_nothing_held(session)


@pytest.mark.parametrize("signal", [*ON_THE_WAY, "request_redirect"])
async def test_the_total_timeout_holds_for_callbacks_on_the_way(server: Recording, signal: str) -> None:
    diary = Diary({signal: hang})
    async with ClientSession(trace_configs=[diary.config], timeout=ClientTimeout(total=0.05)) as session:
        with pytest.raises(TimeoutError):
            await session.post(f"http://localhost:{server.port}/302", data=b"x")
        await wait_nothing_held(session)


@pytest.mark.parametrize(("status", "signal"), [(b"302 Found", "request_redirect"), (b"200 OK", "request_end")])
async def test_a_response_that_is_still_arriving_is_closed_with_its_request(status: bytes, signal: str) -> None:
    unfinished = b"HTTP/1.1 %b\r\nLocation: /b\r\nContent-Length: 9\r\n\r\n" % status
    diary = Diary({signal: fail})
    async with (
        RawServer(replying(unfinished)) as server,
        ClientSession(trace_configs=[diary.config]) as session,
    ):
        with pytest.raises(KeyError, match="of the callback"):
            await session.get(server.url())
        await wait_nothing_held(session)
        async with asyncio.timeout(5):
            await server.wait_all_closed()


async def test_a_callback_that_fails_when_a_body_is_read_fails_the_reader(server: Recording) -> None:
    diary = Diary({"response_chunk_received": fail})
    async with ClientSession(trace_configs=[diary.config]) as session, session.get(server.url()) as response:
        with pytest.raises(KeyError, match="of the callback"):
            await response.read()
    assert diary.page()[-1] == "response_chunk_received"
