"""What a shared session must not be used for, and what it must not get in the way of."""

from __future__ import annotations

import asyncio
import time

import pytest

import trunkline as aiohttp
from tests.public_api.observing import PATIENCE_S, Held, fetch, recording
from trunkline.testing.loopback import Loopback, LoopbackRequest, LoopbackResponse

# One loop, one thread.


@pytest.mark.parametrize("make", [aiohttp.ClientSession, aiohttp.TCPConnector])
def test_without_a_loop_nothing_is_made_and_the_error_says_where_to(make: type) -> None:
    with pytest.raises(RuntimeError, match=r"make it inside a coroutine .* not at import time"):
        make()


def test_the_next_run_refuses_a_session_and_names_both_loops() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def use(session: aiohttp.ClientSession) -> None:
        with pytest.raises(RuntimeError) as refusal:
            await session.get("http://127.0.0.1:9/")
        assert repr(asyncio.get_running_loop()) in str(refusal.value)
        assert "running=False closed=True" in str(refusal.value)
        await session.close()  # it holds no socket yet, so any loop will do

    asyncio.run(use(asyncio.run(make())))


async def test_another_thread_is_refused_and_does_no_harm(server: Loopback) -> None:
    async def misuse(session: aiohttp.ClientSession) -> list[str]:
        refusals: list[str] = []
        for request in (session.get(server.url()), session.close()):
            with pytest.raises(RuntimeError) as refusal:
                await request
            refusals.append(str(refusal.value))
        return refusals

    def in_thread(session: aiohttp.ClientSession) -> list[str]:
        return asyncio.run(misuse(session))

    async with aiohttp.ClientSession() as session:
        await fetch(session, server.url())
        for refusal in await asyncio.to_thread(in_thread, session):
            assert repr(asyncio.get_running_loop()) in refusal
            assert "thread" in refusal
        await fetch(session, server.url())
    assert server.counts.requests_by_connection == [2]


async def test_another_thread_may_ask_the_loop_of_the_session_to_request(server: Loopback) -> None:
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:

        def in_thread() -> bool:
            return bool(asyncio.run_coroutine_threadsafe(fetch(session, server.url()), loop).result(PATIENCE_S)["ok"])

        assert await asyncio.gather(*(asyncio.to_thread(in_thread) for _ in range(3))) == [True] * 3


# Closing while requests are under way.


async def test_closing_too_early_fails_what_waits_with_a_clear_error() -> None:
    held = Held()
    connector = aiohttp.TCPConnector(limit=2)
    async with Loopback(held) as server:
        session = aiohttp.ClientSession(connector=connector)
        requests = [asyncio.create_task(fetch(session, server.url(f"/{number}"))) for number in range(6)]
        await held.wait_for(2)  # two wait for their responses, four for a connection
        await session.close()
        done, hanging = await asyncio.wait(requests, timeout=PATIENCE_S)
        assert not hanging
        assert await server.wait_all_closed(PATIENCE_S)
    assert [request.cancelled() for request in done] == [False] * 6
    for request in done:
        assert_says_closed(request.exception())


async def test_closing_too_early_fails_the_reading_of_a_body(server: Loopback) -> None:
    session = aiohttp.ClientSession()
    response = await session.get(server.url("/bytes/10000000"))
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    await session.close()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(aiohttp.ClientConnectionError, match="closed"):
            await reading


async def test_closing_too_early_fails_a_handshake_that_is_under_way() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.set()
        await reader.read()
        writer.close()

    hello = asyncio.Event()
    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as mute:
        session = aiohttp.ClientSession()
        port = mute.sockets[0].getsockname()[1]
        request = asyncio.create_task(fetch(session, f"https://127.0.0.1:{port}/"))
        async with asyncio.timeout(PATIENCE_S):
            await hello.wait()
            await session.close()
            await asyncio.wait([request])
        assert not request.cancelled()
        assert_says_closed(request.exception())


async def test_awaiting_what_is_outstanding_before_close_loses_nothing(server: Loopback) -> None:
    session = aiohttp.ClientSession()
    requests = [asyncio.create_task(fetch(session, server.url("/delay/50"))) for _ in range(5)]
    results = await asyncio.gather(*requests)
    await session.close()
    assert [result["ok"] for result in results] == [True] * 5


def assert_says_closed(error: BaseException | None) -> None:
    assert isinstance(error, aiohttp.ClientConnectionError)
    assert "the connector was closed, with its session, while the request was under way" in str(error)


# Timeouts.

HANGS = "/delay/30000"


async def test_a_requests_timeout_takes_the_place_of_the_sessions(server: Loopback) -> None:
    connector = aiohttp.TCPConnector(limit=1)
    patient = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=patient) as session:
        began_at = time.monotonic()
        with pytest.raises(TimeoutError, match=r"0\.05 s"):
            await session.get(server.url(HANGS), timeout=aiohttp.ClientTimeout(total=0.05))
        assert time.monotonic() - began_at < 5
        assert (await fetch(session, server.url()))["ok"]  # the only slot is free again
        assert session.timeout is patient


async def test_a_requests_timeout_may_be_longer_than_the_sessions(server: Loopback) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.05)) as session:
        with pytest.raises(TimeoutError):
            await session.get(server.url("/delay/300"))
        async with session.get(server.url("/delay/300"), timeout=aiohttp.ClientTimeout(total=60)) as response:
            assert response.status == 200
        async with session.get(server.url("/delay/300"), timeout=None) as response:
            assert response.status == 200


async def test_asyncios_own_timeouts_work_around_any_request(server: Loopback) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.get(server.url(HANGS))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(fetch(session, server.url(HANGS)), 0.05)
        assert (await fetch(session, server.url()))["ok"]


async def test_a_wait_in_the_queue_is_bounded_by_the_connect_timeout() -> None:
    held = Held()
    async with (
        Loopback(held) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        first = asyncio.create_task(fetch(session, server.url("/first")))
        await held.wait_for(1)
        with pytest.raises(aiohttp.ConnectionTimeoutError, match=r"1 open of 1, .*timeout\.connect"):
            await session.get(server.url("/second"), timeout=aiohttp.ClientTimeout(connect=0.05))
        held.let_go()
        assert await first == "/first"
        assert held.paths == ["/first"]


# Headers.


async def test_session_headers_go_with_every_request_and_the_others_with_theirs() -> None:
    seen: list[LoopbackRequest] = []
    defaults = {"User-Agent": "catalogue/2", "X-Team": "blue"}
    async with Loopback(recording(seen)) as server, aiohttp.ClientSession(headers=defaults) as session:
        await session.get(server.url("/plain"))
        await session.get(server.url("/own"), headers={"X-Team": "red", "X-Request-Id": "7"})
        await session.get(server.url("/plain"))
    fields = [(each.header("user-agent"), each.header("x-team"), each.header("x-request-id")) for each in seen]
    assert fields == [("catalogue/2", "blue", None), ("catalogue/2", "red", "7"), ("catalogue/2", "blue", None)]


async def test_credentials_among_the_session_headers_do_not_follow_a_redirect_elsewhere() -> None:
    seen: list[LoopbackRequest] = []
    async with Loopback(recording(seen)) as elsewhere:

        def send_elsewhere(request: LoopbackRequest) -> LoopbackResponse:
            seen.append(request)
            return LoopbackResponse(302, headers=(("Location", elsewhere.url("/elsewhere")),))

        credentials = {"Authorization": aiohttp.encode_basic_auth("reader", "secret"), "X-Team": "blue"}
        async with Loopback(send_elsewhere) as server, aiohttp.ClientSession(headers=credentials) as session:
            await session.get(server.url("/"))
    assert [(each.path, each.header("authorization"), each.header("x-team")) for each in seen] == [
        ("/", credentials["Authorization"], "blue"),
        ("/elsewhere", None, "blue"),
    ]
