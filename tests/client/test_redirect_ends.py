"""Redirects that are interrupted, or whose bodies are odd: nothing is kept, left open or stuck."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from yarl import URL

from tests.client.recording import Recording, redirect
from tests.pool_state import wait_nothing_held
from tests.raw_server import OK, Handler, Peer, RawServer
from trunkline import ClientConnectionError, ClientSession, CookieJar

UNFINISHED = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n"


def redirecting(*pieces: bytes) -> Handler:
    """Answer /b with OK and all else with `pieces`, one at a time."""

    async def handler(peer: Peer) -> None:
        while True:
            head = await peer.head()
            for piece in (OK,) if b" /b " in head else pieces:
                await peer.send(piece)
                await asyncio.sleep(0.01)

    return handler


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"Content-Length: 9000\r\n", (bytes(4500), bytes(4500))),  # far above the marks of the stream
        (b"Content-Length: 2, 2\r\n", (b"o", b"k")),
        (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", (b"ffff\r\n", bytes(60_000))),  # and never an end
    ],
)
async def test_a_redirect_body_that_cannot_come_whole_holds_nobody_up(fields: bytes, body: Sequence[bytes]) -> None:
    handler = redirecting(b"HTTP/1.1 302 Found\r\nLocation: /b\r\n" + fields + b"\r\n", *body)
    async with RawServer(handler) as server, ClientSession(read_bufsize=1024) as session, asyncio.timeout(5):
        async with session.get(server.url()) as response:
            assert await response.read() == b"ok"
        assert response.history[0].content_length == int(fields.split()[1].strip(b","))


async def draining(server: RawServer, session: ClientSession) -> "asyncio.Task[object]":
    """A request that waits for the body of a redirect."""
    task: asyncio.Task[object] = asyncio.create_task(session._request("GET", server.url()))
    async with asyncio.timeout(5):
        while not len(session.cookie_jar):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)
    return task


async def test_a_request_cancelled_within_a_redirect_keeps_no_connection() -> None:
    async with (
        RawServer(redirecting(UNFINISHED)) as server,
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as session,
    ):
        task = await draining(server, session)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        await wait_nothing_held(session)
        assert caught.value.__traceback__ is not None  # which held the response all the time


async def test_a_session_closed_within_a_redirect_ends_the_request_clearly() -> None:
    async with RawServer(redirecting(UNFINISHED)) as server:
        session = ClientSession(cookie_jar=CookieJar(unsafe=True))
        task = await draining(server, session)
        await session.close()
        with pytest.raises(ClientConnectionError, match="close"):
            await task


async def test_a_body_that_a_redirect_drops_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"x")
    async with Recording({"/a": redirect(303, "/b")}) as server, ClientSession() as session:
        with path.open("rb") as file:
            async with session.post(server.url("/a"), data=file):
                assert file.closed


async def test_credentials_of_a_redirect_do_not_replace_the_callers_field() -> None:
    async with Recording() as server, ClientSession() as session:
        location = str(URL(server.url("/b")).with_user("u").with_password("p"))
        server._answers = {"/a": redirect(302, location)}
        async with session.get(server.url("/a"), headers={"Authorization": "mine"}):
            assert server.fields("authorization") == ["mine"]


class BrokenJar(CookieJar):
    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        raise LookupError("for a test")


async def test_a_jar_that_raises_leaves_no_connection_behind() -> None:
    async with (
        RawServer(redirecting(UNFINISHED)) as server,
        ClientSession(cookie_jar=BrokenJar()) as session,
    ):
        with pytest.raises(LookupError, match="for a test") as caught:
            await session.get(server.url())
        await wait_nothing_held(session)
        assert caught.value.__traceback__ is not None  # which held the response all the time
