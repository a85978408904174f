"""Why a request has up to three steps, and what a session is for: seen from the server's side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

import trunkline as aiohttp
from tests.public_api.observing import PATIENCE_S, Held, fetch, recording
from tests.public_api.whole_program import STRICTEST, run_program
from trunkline.testing.loopback import Loopback, LoopbackRequest


@contextlib.asynccontextmanager
async def two_part_server(body_may_go: asyncio.Event) -> AsyncIterator[str]:
    """Answers with a head at once and with its body when allowed; yields the URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n")
        await body_may_go.wait()
        writer.write(b"later")
        await reader.read()  # until the client closes
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_entering_a_session_and_naming_a_request_send_nothing(server: Loopback) -> None:
    async with aiohttp.ClientSession() as session:
        request = session.get(server.url("/hello"))
        await asyncio.sleep(0)
        assert server.counts.connections == 0
        async with request as response:
            assert await response.json() == {"ok": True, "path": "/hello"}
        assert (server.counts.connections, server.counts.requests) == (1, 1)


async def test_a_request_can_be_awaited_instead_of_entered(server: Loopback) -> None:
    async with aiohttp.ClientSession() as session:
        response = await session.get(server.url("/hello"))
        assert response.status == 200
        assert '"ok": true' in await response.text()
        assert response.closed


async def test_get_waits_for_the_head_only_and_text_for_the_body() -> None:
    body_may_go = asyncio.Event()
    async with two_part_server(body_may_go) as url, aiohttp.ClientSession() as session, session.get(url) as response:
        assert (response.status, response.content_length) == (200, 5)
        reading = asyncio.create_task(response.text())
        await asyncio.sleep(0)
        assert not reading.done()
        body_may_go.set()
        assert await reading == "later"


async def test_other_tasks_run_while_a_request_waits() -> None:
    held = Held()
    async with Loopback(held) as server, aiohttp.ClientSession() as session:
        slow = asyncio.create_task(fetch(session, server.url("/slow")))
        await held.wait_for(1)  # this test runs on although nothing was answered
        assert not slow.done()
        held.let_go()
        assert await slow == "/slow"


async def test_leaving_the_block_of_a_request_gives_its_connection_back(server: Loopback) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(server.url("/bytes/100")):
                pass  # the body is not asked for
        assert server.counts.connections == 1


async def test_leaving_the_block_of_a_session_closes_every_socket(server: Loopback) -> None:
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(fetch(session, server.url("/delay/20")) for _ in range(5)))
        assert server.counts.open == 5
    assert session.closed
    assert await server.wait_all_closed(PATIENCE_S)


async def test_a_session_holds_a_hundred_connections_and_queues_the_rest() -> None:
    held = Held()
    async with Loopback(held) as server, aiohttp.ClientSession() as session:
        requests = [asyncio.create_task(fetch(session, server.url(f"/{number}"))) for number in range(130)]
        await held.wait_for(100)
        assert session.connector is not None
        assert session.connector.limit == 100
        held.let_go()
        assert await asyncio.gather(*requests) == [f"/{number}" for number in range(130)]
        assert server.counts.peak_open == server.counts.connections == 100


class Catalogue:
    """A client class of an application's own, which holds the session for all that use it."""

    def __init__(self, base_url: str) -> None:
        self._session = aiohttp.ClientSession(base_url, raise_for_status=True)

    async def item(self, number: int) -> str:
        async with self._session.get(f"items/{number}") as response:
            return str((await response.json())["path"])

    async def close(self) -> None:
        await self._session.close()


async def test_a_class_of_the_applications_own_may_hold_the_session(server: Loopback) -> None:
    catalogue = Catalogue(server.url("/v1/"))
    try:
        assert [await catalogue.item(number) for number in (1, 2, 3)] == ["/v1/items/1", "/v1/items/2", "/v1/items/3"]
    finally:
        await catalogue.close()
    assert server.counts.requests_by_connection == [3]


async def test_sessions_group_requests_by_their_configuration() -> None:
    seen: list[LoopbackRequest] = []
    async with (
        Loopback(recording(seen)) as server,
        aiohttp.ClientSession(headers={"X-Team": "blue"}, cookies={"theme": "dark"}) as blue,
        aiohttp.ClientSession(headers={"X-Team": "red"}) as red,
    ):
        jar = aiohttp.CookieJar(unsafe=True)  # the servers of this test are IP addresses
        async with aiohttp.ClientSession(cookies={"theme": "light"}, cookie_jar=jar) as light:
            for session in (blue, red, light):
                await fetch(session, server.url())
    assert [request.header("x-team") for request in seen] == ["blue", "red", None]
    assert seen[2].header("cookie") == "theme=light"
    assert server.counts.connections == 3


async def test_each_thread_may_have_a_session_of_its_own(server: Loopback) -> None:
    async def work(url: str) -> list[bool]:
        async with aiohttp.ClientSession() as session:
            return [(await fetch(session, url))["ok"] for _ in range(10)]

    def in_thread(url: str) -> list[bool]:
        return asyncio.run(work(url))

    results = await asyncio.gather(*(asyncio.to_thread(in_thread, server.url()) for _ in range(3)))
    assert results == [[True] * 10] * 3
    assert sorted(server.counts.requests_by_connection) == [10, 10, 10]


@pytest.mark.parametrize("program", ["hello.py", "hello_shared.py", "hello_loop_by_hand.py"])
async def test_a_first_program_prints_the_page_and_says_nothing_else(program: str, server: Loopback) -> None:
    done = await run_program(program, server.url("/hello"), flags=STRICTEST)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == '{"ok": true, "path": "/hello"}\n'
    assert server.counts.requests_by_connection == [1]
