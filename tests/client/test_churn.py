"""`SessionChurnWarning`: who makes a session for each request is told once, and nobody else is."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from trunkline import ClientSession, TCPConnector, request
from trunkline.client.churn import MIN_SESSIONS, SessionChurnWarning
from trunkline.testing.loopback import Loopback
from trunkline.testing.test_server import TestServer
from trunkline.testing.throwaway_ca import ThrowawayCA
from trunkline.web import Application, Request, WebSocketResponse

MANY = 2 * MIN_SESSIONS


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with Loopback() as running:
        yield running


async def get(session: ClientSession, url: str) -> None:
    async with session.get(url) as response:
        await response.read()


def line_of(text: str) -> int:
    """The number of the one line of this file that ends in `text`."""
    with open(__file__, encoding="utf-8") as file:
        [number] = [number for number, line in enumerate(file, 1) if line.rstrip().endswith(text)]
    return number


async def test_a_session_for_each_request_is_told_once_with_its_line_and_cost(server: Loopback) -> None:
    async def churn() -> None:
        for _ in range(MANY):
            async with ClientSession() as session:  # churn
                await get(session, server.url())

    with pytest.warns(SessionChurnWarning) as caught:
        await churn()
    [warning] = caught
    line = line_of("# churn")
    assert (warning.filename, warning.lineno) == (__file__, line)
    told = re.search(
        rf"(\d+) sessions made at {re.escape(__file__)}:{line} were closed after (\d+) requests in all\. They opened "
        r"(\d+) connections \((\d+) of them with TLS\), in ([\d.]+) ms, that one shared session",
        str(warning.message),
    )
    assert told is not None
    assert told.groups()[:4] == (f"{MIN_SESSIONS}", f"{MIN_SESSIONS}", f"{MIN_SESSIONS - 1}", "0")
    assert float(told[5]) > 0
    assert "trunkline.shared_session()" in str(warning.message)


async def test_handshakes_are_counted() -> None:
    authority = ThrowawayCA()
    trusting = authority.client_context()

    async def churn(url: str) -> None:
        for _ in range(MANY):
            session = ClientSession(connector=TCPConnector(ssl=trusting))
            await get(session, url)
            await session.close()

    async with Loopback(ssl=authority.server_context()) as server:
        with pytest.warns(SessionChurnWarning, match=rf"opened {MIN_SESSIONS - 1} connections \({MIN_SESSIONS - 1} of"):
            await churn(server.url())


async def test_the_function_request_makes_sessions_too(server: Loopback) -> None:
    async def churn() -> None:
        for _ in range(MANY):
            async with request("GET", server.url()) as response:  # one request
                await response.read()

    with pytest.warns(SessionChurnWarning) as caught:
        await churn()
    [warning] = caught
    assert (warning.filename, warning.lineno) == (__file__, line_of("# one request"))


async def test_as_an_error_it_is_raised_when_the_session_is_closed(server: Loopback) -> None:
    sessions: list[ClientSession] = []

    async def churn() -> None:
        for _ in range(MANY):
            async with ClientSession() as session:
                sessions.append(session)
                await get(session, server.url())

    with pytest.raises(SessionChurnWarning):  # as pytest is set up here
        await churn()
    assert len(sessions) == MIN_SESSIONS + 1
    assert sessions[-1].closed
    assert await server.wait_all_closed(5)


async def use_one_after_the_other(server: Loopback, requests: int) -> None:
    for _ in range(MANY):
        async with ClientSession() as session:
            for _ in range(requests):
                await get(session, server.url())


async def test_many_requests_for_each_session_are_no_churn(server: Loopback) -> None:
    await use_one_after_the_other(server, 4)


async def test_sessions_without_requests_cost_no_connections(server: Loopback) -> None:
    await use_one_after_the_other(server, 0)


async def test_sessions_that_live_side_by_side_need_connections_of_their_own(server: Loopback) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MANY):
            session = await stack.enter_async_context(ClientSession())
            await get(session, server.url())


async def test_sessions_of_different_origins_have_nothing_to_share() -> None:
    for _ in range(MANY):
        async with Loopback() as server, ClientSession() as session:
            await get(session, server.url())


async def test_sessions_that_share_a_connector_share_its_connections(server: Loopback) -> None:
    async with TCPConnector() as connector:
        for _ in range(MANY):
            async with ClientSession(connector=connector, connector_owner=False) as session:
                await get(session, server.url())
    assert server.counts.connections == 1


async def test_connections_that_nobody_could_reuse_cost_nothing() -> None:
    async def echo(request: Request) -> WebSocketResponse:
        socket = WebSocketResponse()
        await socket.prepare(request)
        await socket.close()
        return socket

    app = Application()
    app.router.add_get("/", echo)
    async with TestServer(app) as server:
        for _ in range(MANY):
            async with ClientSession() as session, session.ws_connect(server.make_url("/")) as socket:
                await socket.receive()


def test_a_loop_for_each_session_allows_no_sharing() -> None:
    async def use_one() -> None:
        async with Loopback() as server, ClientSession() as session:
            await get(session, server.url())

    for _ in range(MANY):
        asyncio.run(use_one())


async def test_sessions_that_come_too_seldom_for_reuse_are_no_churn(server: Loopback) -> None:
    for _ in range(MANY):
        async with ClientSession(connector=TCPConnector(keepalive_timeout=0)) as session:
            await get(session, server.url())


async def test_a_connector_of_the_users_does_not_keep_its_session_from_closing(server: Loopback) -> None:
    class Counting(TCPConnector):
        def __init__(self) -> None:
            super().__init__()
            self.stats = {}  # type: ignore[assignment,method-assign]  # a name of its own

    connectors = [Counting() for _ in range(3)]
    for connector in connectors:
        session = ClientSession(connector=connector)
        await get(session, server.url())
        await session.close()
    assert all(connector.closed for connector in connectors)


@pytest.mark.parametrize("name", ["", "a\nb"])
async def test_a_session_of_code_without_a_file_closes(name: str) -> None:
    made: dict[str, Any] = {"ClientSession": ClientSession}
    for _ in range(3):
        exec(compile("session = ClientSession()", name, "exec"), made)
        await made["session"].close()
        assert made["session"].closed
