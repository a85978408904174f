"""`drain()` and what middlewares and tracers request for a request that is under way: it is part of that one."""

import asyncio
import gc
from types import SimpleNamespace

import pytest

from tests.raw_server import OK, RawServer, replying
from trunkline import ClientConnectionError, ClientRequest, ClientResponse, ClientSession, TraceConfig
from trunkline.client.middlewares import ClientHandlerType
from trunkline.client.send import Chain
from trunkline.client.trace_params import TraceRequestEndParams


class Refreshing:
    """A middleware that holds each request until the gate is open, and then gets two tokens for it, one in a task."""

    def __init__(self, url: str) -> None:
        self.is_held, self.gate = asyncio.Event(), asyncio.Event()
        self._url = url

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if request.url.path == "/token":
            return await handler(request)
        self.is_held.set()
        await self.gate.wait()
        response = await handler(request)
        await response.read()
        await self._token(request.session)
        await asyncio.create_task(self._token(request.session, middlewares=()))
        return await handler(request)

    async def _token(self, session: ClientSession, **options: object) -> None:
        async with session.post(self._url, **options) as response:
            assert await response.read() == b"ok"


async def test_what_a_middleware_requests_for_an_admitted_request_is_taken_and_nothing_else() -> None:
    async with RawServer(replying(OK)) as server:
        refreshing = Refreshing(server.url("/token"))
        session = ClientSession(middlewares=(refreshing,))
        request = asyncio.create_task(session._request("GET", server.url("/a")))
        await refreshing.is_held.wait()
        draining = asyncio.create_task(session.drain(5))
        await asyncio.sleep(0)
        with pytest.raises(ClientConnectionError, match="draining"):
            await session.get(server.url("/b"))
        with pytest.raises(ClientConnectionError, match="draining"):
            await session.get(server.url("/b"), middlewares=())
        refreshing.gate.set()
        assert await (await request).read() == b"ok"
        assert await draining == ()
    paths = [request.split()[1] for request in server.requests]
    assert paths == ["/a", "/token", "/token", "/a"]


async def test_nothing_is_taken_any_more_where_the_request_is_over() -> None:
    async def late(session: ClientSession, url: str) -> None:
        await is_over.wait()
        await session.get(url)

    async def leave_behind(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        left.append(asyncio.create_task(late(request.session, server.url("/late"))))
        return await handler(request)

    is_over = asyncio.Event()
    left: list[asyncio.Task[None]] = []
    async with RawServer(replying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")) as server:
        session = ClientSession(middlewares=(leave_behind,))
        response = await session.get(server.url("/a"))
        draining = asyncio.create_task(session.drain(5))
        await asyncio.sleep(0)
        is_over.set()
        with pytest.raises(ClientConnectionError, match="draining"):
            await left[0]
        with pytest.raises(ClientConnectionError, match="draining"):
            await session.get(server.url("/b"))
        response.close()
        assert await draining == ()


async def test_what_a_tracer_requests_is_taken() -> None:
    async def report(session: ClientSession, ctx: SimpleNamespace, params: TraceRequestEndParams) -> None:
        if params.url.path == "/a":
            is_held.set()
            await gate.wait()
            async with session.post(server.url("/report")) as response:
                assert response.status == 200

    is_held, gate = asyncio.Event(), asyncio.Event()
    tracing = TraceConfig()
    tracing.on_request_end.append(report)
    async with RawServer(replying(OK)) as server:
        session = ClientSession(trace_configs=[tracing])
        request = asyncio.create_task(session._request("GET", server.url("/a")))
        await is_held.wait()
        draining = asyncio.create_task(session.drain(5))
        await asyncio.sleep(0)
        gate.set()
        assert (await request).status == 200
        assert await draining == ()


async def test_a_connection_does_not_keep_the_request_for_which_it_was_opened() -> None:
    async def pass_on(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        return await handler(request)

    async with RawServer(replying(OK)) as server, ClientSession(middlewares=(pass_on,)) as session:
        async with session.get(server.url()) as response:
            await response.read()
        gc.collect()
        assert session.stats().idle == 1
        assert not [each for each in gc.get_objects() if isinstance(each, Chain)]
