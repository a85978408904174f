"""`drain()`: no more requests, those under way end, what does not end in time is told of; then all is closed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
import uvloop
from yarl import URL

from tests.client.echo import echo_server
from tests.raw_server import OK, Peer, RawServer, replying, silent
from tests.waiting import until
from trunkline import ClientConnectionError, ClientRequest, ClientResponse, ClientSession, TCPConnector
from trunkline.client.drain import Straggler
from trunkline.client.middlewares import ClientHandlerType

pytestmark = pytest.mark.filterwarnings("error")

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"


class Gated:
    """A handler that answers each request with `answer`, and with `rest` only when `gate` is open."""

    def __init__(self, answer: bytes, rest: bytes) -> None:
        self.gate = asyncio.Event()
        self._answer = answer
        self._rest = rest

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(self._answer)
            await self.gate.wait()
            await peer.send(self._rest)


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(100_000)


async def failure(request: "asyncio.Task[Any]") -> BaseException | None:  # Any: whatever it would have returned
    await asyncio.wait([request], timeout=5)
    assert request.done()
    return request.exception()


# What it waits for.


async def test_an_idle_session_is_closed_at_once() -> None:
    async with RawServer(replying(OK)) as server:
        session = ClientSession()
        async with session.get(server.url()) as response:
            await response.read()
        assert await session.drain() == ()
        assert session.closed
        await server.wait_all_closed()


async def test_draining_what_is_closed_does_nothing() -> None:
    session = ClientSession()
    await session.close()
    assert await session.drain() == ()
    detached = ClientSession()
    connector = detached.connector
    assert connector is not None
    detached.detach()
    assert await detached.drain() == ()
    await connector.close()


async def test_a_request_in_flight_is_waited_for_and_no_other_is_taken() -> None:
    held = Gated(b"", OK)
    async with RawServer(held) as server:
        session = ClientSession()
        request = asyncio.create_task(session._request("GET", server.url()))
        await until(lambda: server.requests)
        draining = asyncio.create_task(session.drain())
        await asyncio.sleep(0)
        with pytest.raises(ClientConnectionError, match=r"draining: it takes no more requests.*make requests before"):
            await session.get(server.url())
        assert not session.closed
        held.gate.set()
        assert await draining == ()
        assert await (await request).read() == b"ok"
        assert session.closed
        with pytest.raises(RuntimeError, match="Session is closed"):
            await session.get(server.url())


async def test_a_body_that_is_still_arriving_is_waited_for() -> None:
    half = Gated(HALF, b"lf")
    async with RawServer(half) as server:
        session = ClientSession()
        response = await session.get(server.url())
        draining = asyncio.create_task(session.drain(5))
        await asyncio.sleep(0.01)
        assert not draining.done()
        half.gate.set()
        assert await draining == ()
        assert await response.read() == b"half"


async def test_a_released_response_is_not_waited_for() -> None:
    async with RawServer(Gated(HALF, b"")) as server:
        session = ClientSession()
        response = await session.get(server.url())
        draining = asyncio.create_task(session.drain(5))
        await asyncio.sleep(0)
        response.release()
        assert await draining == ()


async def test_queued_requests_are_waited_for() -> None:
    async with RawServer(replying(OK)) as server:
        session = ClientSession(connector=TCPConnector(limit=2))
        requests = [asyncio.create_task(session._request("GET", server.url())) for _ in range(200)]
        await asyncio.sleep(0)
        assert await session.drain(5) == ()
        bodies = [await (await request).read() for request in requests]
    assert bodies == [b"ok"] * 200
    assert server.connections == 2


async def test_redirects_of_a_request_under_way_are_still_followed() -> None:
    async def handler(peer: Peer) -> None:
        while True:
            head = await peer.request()
            await gate.wait()
            await peer.send(OK if b"/there" in head else MOVED)

    gate = asyncio.Event()
    async with RawServer(handler) as server:
        session = ClientSession()
        request = asyncio.create_task(session._request("GET", server.url()))
        await until(lambda: server.requests)
        draining = asyncio.create_task(session.drain(5))
        await asyncio.sleep(0)
        gate.set()
        assert await draining == ()
        assert (await request).status == 200


async def test_a_websocket_is_waited_for() -> None:
    async with echo_server() as server:
        session = ClientSession()
        websocket = await session.ws_connect(server.make_url("/"))
        draining = asyncio.create_task(session.drain(5))
        await asyncio.sleep(0)
        await websocket.send_str("hello")
        assert await websocket.receive_str() == "hello"
        await websocket.close()
        assert await draining == ()


# What has not ended in time.


def _in_flight(session: ClientSession, url: str) -> Coroutine[Any, Any, object]:
    return session._request("GET", url, headers={"X-Not": "plain"})


def _uploading(session: ClientSession, url: str) -> Coroutine[Any, Any, object]:
    return session._request("POST", url, data=endless())


async def _reading(session: ClientSession, url: str) -> None:
    async with session.get(url) as response:
        await response.read()


async def _passing(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    return await handler(request)


def _in_middleware(session: ClientSession, url: str) -> Coroutine[Any, Any, object]:
    return session._request("GET", url, middlewares=(_passing,))


Start = Callable[[ClientSession, str], Coroutine[Any, Any, object]]  # Any: what coroutines send and receive

PHASES = [
    pytest.param(_in_flight, silent, "GET", "waiting for the response", id="response"),
    pytest.param(_in_middleware, silent, "GET", "waiting for the response", id="response-watched"),
    pytest.param(_uploading, silent, "POST", "sending the request's body", id="upload"),
    pytest.param(_reading, replying(HALF), "GET", "reading the response's body", id="body"),
]


@pytest.mark.parametrize(("start", "handler", "method", "phase"), PHASES)
async def test_a_straggler_is_told_of_logged_and_ended(
    start: Start,
    handler: Callable[[Peer], Coroutine[Any, Any, None]],
    method: str,
    phase: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with RawServer(handler) as server:
        connector = TCPConnector()
        session = ClientSession(connector=connector)
        request = asyncio.create_task(start(session, server.url("/a")))
        await until(lambda: phase in [exchange.phase for exchange in connector.pool.exchanges()])
        with caplog.at_level(logging.WARNING, "trunkline.client"):
            [straggler] = await session.drain(0.05)
        assert straggler == Straggler(method, URL(server.url("/a")), phase)
        [line] = [record.getMessage() for record in caplog.records]
        assert str(straggler) in line
        assert "\n" not in line
        error = await failure(request)
        assert isinstance(error, ClientConnectionError)
        assert "the session was drained, and the time for that, 0.05 s, has passed" in str(error)
        await server.wait_all_closed()
        assert session.closed


async def test_a_request_that_a_middleware_holds_is_a_straggler() -> None:
    async def hold(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        await response.read()
        is_held.set()
        await may_end.wait()
        return response

    is_held, may_end = asyncio.Event(), asyncio.Event()
    async with RawServer(replying(OK)) as server:
        session = ClientSession(middlewares=(hold,))
        request = asyncio.create_task(session._request("GET", server.url("/a")))
        await is_held.wait()
        [straggler] = await session.drain(0)
        assert straggler.url.path == "/a"
        assert straggler.phase.startswith("with the session's middlewares or tracers")
        may_end.set()
        assert (await request).status == 200


async def test_stragglers_that_have_no_connection_yet_say_so_and_end() -> None:
    async with RawServer(silent) as server:  # it never answers a TLS handshake either
        session = ClientSession(connector=TCPConnector(limit=1))
        urls = [f"https://127.0.0.1:{server.port}/opening", server.url("/queued"), server.url("/queued-too")]
        requests = [asyncio.create_task(session._request("GET", url)) for url in urls]
        await until(server.accepted.is_set)
        stragglers = await session.drain(0)
        assert {straggler.phase for straggler in stragglers} == {"waiting for a connection"}
        assert sorted(straggler.url.path for straggler in stragglers) == ["/opening", "/queued", "/queued-too"]
        for request in requests:
            assert isinstance(await failure(request), ClientConnectionError)
        await server.wait_all_closed()


async def test_a_straggler_behind_a_redirect_is_told_of_once_where_it_is() -> None:
    async def handler(peer: Peer) -> None:
        while True:
            if b"/there" in await peer.request():
                await peer.wait_closed_by_client()
                return
            await peer.send(MOVED)

    async with RawServer(handler) as server:
        session = ClientSession()
        request = asyncio.create_task(session._request("GET", server.url("/here"), allow_redirects=True))
        await until(lambda: len(server.requests) == 2)
        [straggler] = await session.drain(0)
        assert (straggler.url.path, straggler.phase) == ("/there", "waiting for the response")
        assert isinstance(await failure(request), ClientConnectionError)


async def test_an_open_websocket_is_a_straggler() -> None:
    async with echo_server() as server:
        session = ClientSession()
        websocket = await session.ws_connect(server.make_url("/"))
        receiving = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0)
        [straggler] = await session.drain(0)
        assert straggler.phase.startswith("open as a WebSocket")
        await asyncio.wait([receiving], timeout=5)
        assert receiving.done()
        assert websocket.closed


async def test_a_straggler_does_not_tell_credentials() -> None:
    async with RawServer(silent) as server:
        session = ClientSession()
        request = asyncio.create_task(session._request("GET", f"http://me:secret@127.0.0.1:{server.port}/"))
        await until(lambda: server.accepted.is_set())
        [straggler] = await session.drain(0)
        assert "secret" not in repr(straggler)
        assert isinstance(await failure(request), ClientConnectionError)


# Others.


async def test_a_shared_connector_stays_open_and_others_go_on() -> None:
    held = Gated(b"", OK)
    async with RawServer(held) as server, TCPConnector(limit=1) as connector:
        other = ClientSession(connector=connector, connector_owner=False)
        theirs = asyncio.create_task(other._request("GET", server.url("/theirs")))
        await until(lambda: server.requests)
        session = ClientSession(connector=connector, connector_owner=False)
        ours = asyncio.create_task(session._request("GET", server.url("/ours")))
        await asyncio.sleep(0)
        [straggler] = await session.drain(0.01)
        assert straggler == Straggler("GET", straggler.url, "waiting for a connection")
        assert isinstance(await failure(ours), ClientConnectionError)
        assert session.closed
        assert not connector.closed
        held.gate.set()
        async with await theirs as response:
            assert await response.read() == b"ok"
        async with other.get(server.url("/again")) as response:
            assert await response.read() == b"ok"
        await other.close()


async def test_a_straggler_in_a_middleware_is_not_sent_any_more_on_a_shared_connector() -> None:
    async def hold(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        is_held.set()
        await may_go_on.wait()
        return await handler(request)

    is_held, may_go_on = asyncio.Event(), asyncio.Event()
    async with RawServer(replying(OK)) as server, TCPConnector() as connector:
        session = ClientSession(connector=connector, connector_owner=False, middlewares=(hold,))
        request = asyncio.create_task(session._request("GET", server.url("/a")))
        await is_held.wait()
        assert len(await session.drain(0)) == 1
        may_go_on.set()
        assert isinstance(await failure(request), ClientConnectionError)
        assert server.requests == []


async def test_a_drain_that_is_cancelled_leaves_the_session_as_it_was() -> None:
    held = Gated(b"", OK)
    async with RawServer(held) as server, ClientSession() as session:
        request = asyncio.create_task(session._request("GET", server.url()))
        await until(lambda: server.requests)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await session.drain()
        held.gate.set()
        assert await (await request).read() == b"ok"
        async with session.get(server.url()) as response:
            assert await response.read() == b"ok"


async def test_of_two_drains_one_may_be_cancelled() -> None:
    held = Gated(b"", OK)
    async with RawServer(held) as server:
        session = ClientSession()
        request = asyncio.create_task(session._request("GET", server.url()))
        await until(lambda: server.requests)
        drains = [asyncio.create_task(session.drain()) for _ in range(2)]
        await asyncio.sleep(0)
        drains[0].cancel()
        with suppress(asyncio.CancelledError):
            await drains[0]
        with pytest.raises(ClientConnectionError, match="draining"):
            await session.get(server.url())
        held.gate.set()
        assert await drains[1] == ()
        assert (await request).status == 200
        assert session.closed


async def test_close_ends_a_drain() -> None:
    async with RawServer(silent) as server:
        session = ClientSession()
        request = asyncio.create_task(session._request("GET", server.url()))
        await until(server.accepted.is_set)
        draining = asyncio.create_task(session.drain())
        await asyncio.sleep(0)
        await session.close()
        assert await asyncio.wait_for(draining, 5) == ()
        assert isinstance(await failure(request), ClientConnectionError)


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_another_loop_may_not_drain(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def make() -> ClientSession:
        return ClientSession()

    async def misuse(session: ClientSession) -> None:
        with pytest.raises(RuntimeError, match="belongs to the event loop"):
            await session.drain()
        await session.close()

    with asyncio.Runner(loop_factory=loop_factory) as first:
        session = first.run(make())
    with asyncio.Runner(loop_factory=loop_factory) as second:
        second.run(misuse(session))
