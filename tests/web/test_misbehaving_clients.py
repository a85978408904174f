"""Clients that go away, or close one direction: no task, connection or buffer is left, and others are served."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.waiting import until
from tests.web.rough import LONGEST_S, reset, statuses, turns, until_closed, until_nothing_left
from tests.web.serving import Serving, serving
from trunkline import web

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def reading(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=await request.read())


async def unread(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"unread")


class Waiting:
    """Waits before it answers. ended: how the handlers ended, in order."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.ended: list[str] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("done")
        return web.Response(text="late")


async def assert_serves(server: Serving) -> None:
    assert (await server.get("/"))[0] == 200


def assert_no_errors(caplog: pytest.LogCaptureFixture) -> None:
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


# Who goes away while it sends.

WHOLE = [
    GET,
    POST + b"0123456789",
    CHUNKED + b"5;a=b\r\n01234\r\n5\r\n56789\r\n0\r\nX: y\r\n\r\n",
    GET + POST + b"0123456789",
]
CUTS = [request[:at] for request in WHOLE for at in range(0, len(request) + 1, 3)]


@pytest.mark.parametrize("handler", [reading, unread])
@pytest.mark.parametrize("ends", ["reset", "close"])
async def test_a_request_that_is_cut_anywhere_leaves_nothing(
    handler: Handler, ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(handler) as server:
        for cut in CUTS:
            talk = await server.talk()
            talk.send(cut)
            await turns(3)
            reset(talk) if ends == "reset" else talk.writer.close()
        await until_nothing_left(server)
        await assert_serves(server)
    assert_no_errors(caplog)


async def test_to_reset_a_connection_at_once_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(reading) as server:
        for cut in CUTS:
            talk = await server.talk()
            talk.send(cut)
            reset(talk)
        await turns()
        await until_nothing_left(server)
        await assert_serves(server)
    assert_no_errors(caplog)


@pytest.mark.parametrize("data", [POST, POST + b"12345", CHUNKED, CHUNKED + b"5\r\n12", CHUNKED + b"0\r\n"])
async def test_a_body_that_is_cut_raises_a_connection_error_in_its_reader(data: bytes) -> None:
    raised: list[BaseException] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        try:
            await request.read()
        except Exception as error:
            raised.append(error)
            raise
        return web.Response()

    async with serving(handler) as server:
        talk = await server.talk()
        talk.send(data)
        await until(lambda: server.server.requests_count)
        talk.writer.close()
        await until_nothing_left(server)
    assert isinstance(raised[0], ConnectionError)
    assert "missing" in str(raised[0])


# Who goes away while it is answered.


@pytest.mark.parametrize("ends", ["reset", "close"])
async def test_a_handler_goes_on_when_its_client_goes_away(ends: str, caplog: pytest.LogCaptureFixture) -> None:
    handler = Waiting()
    async with serving(handler) as server:
        talk = await server.talk()
        talk.send(GET)
        await handler.begun.wait()
        reset(talk) if ends == "reset" else talk.writer.close()
        await turns()
        assert handler.ended == []
        handler.go.set()
        await until_nothing_left(server)
    assert handler.ended == ["done"]
    assert_no_errors(caplog)


@pytest.mark.parametrize("before", [b"", GET.replace(b"/ ", b"/quick ")])
@pytest.mark.parametrize("ends", ["reset", "close", "eof"])
async def test_a_handler_is_cancelled_with_its_client_when_that_is_asked_for(
    ends: str, before: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await (reading(request) if request.path == "/quick" else handler(request))

    handler = Waiting()
    async with serving(handle, handler_cancellation=True) as server:
        await server.get("/quick")
        talk = await server.talk()
        talk.send(before + GET)
        await handler.begun.wait()
        if ends == "eof":
            talk.writer.write_eof()
        else:
            reset(talk) if ends == "reset" else talk.writer.close()
        await until_nothing_left(server)
        assert handler.ended == ["cancelled"]
        talk.writer.transport.abort()
        handler.go.set()
    assert_no_errors(caplog)


async def test_a_handler_that_is_cancelled_hits_nobody_else() -> None:
    first, second = Waiting(), Waiting()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await (first(request) if request.path == "/first" else second(request))

    async with serving(handle, handler_cancellation=True) as server, await server.talk() as staying:
        staying.send(GET)
        await second.begun.wait()
        talk = await server.talk()
        talk.send(GET.replace(b"/ ", b"/first "))
        await first.begun.wait()
        reset(talk)
        await until(lambda: first.ended)
        second.go.set()
        assert (await staying.response())[2] == b"late"
    assert (first.ended, second.ended) == (["cancelled"], ["done"])


@pytest.mark.parametrize("ends", ["reset", "close"])
async def test_a_streaming_handler_gets_a_connection_error_when_its_client_goes_away(ends: str) -> None:
    raised: list[BaseException] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(2**16))
        except Exception as error:
            raised.append(error)
            raise

    async with serving(handler) as server:
        talk = await server.talk()
        talk.send(GET)
        await talk.head()
        reset(talk) if ends == "reset" else talk.writer.close()
        await until_nothing_left(server)
    assert isinstance(raised[0], ConnectionError)


async def test_what_a_client_asked_for_in_advance_is_not_answered_when_it_has_gone() -> None:
    handled: list[str] = []
    handler = Waiting()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        handled.append(request.path)
        return await handler(request)

    async with serving(handle) as server:
        talk = await server.talk()
        talk.send(GET + GET * 100)
        await handler.begun.wait()
        reset(talk)
        handler.go.set()
        await until_nothing_left(server)
    assert len(handled) < 101


# Who closes its direction and listens.


@pytest.mark.parametrize("request_bytes", WHOLE, ids=["GET", "length", "chunks", "two"])
@pytest.mark.parametrize("handler", [reading, unread])
async def test_a_client_that_closes_its_direction_gets_its_answers(handler: Handler, request_bytes: bytes) -> None:
    async with serving(handler) as server, await server.talk() as talk:
        talk.send(request_bytes)
        talk.writer.write_eof()
        found = statuses(await until_closed(talk))
        assert found == [200] * (2 if request_bytes is WHOLE[3] else 1)
        await until_nothing_left(server)


async def test_a_client_that_closes_its_direction_may_wait_for_its_answer() -> None:
    handler = Waiting()
    async with serving(handler) as server, await server.talk() as talk:
        talk.send(GET + GET)
        talk.writer.write_eof()
        await handler.begun.wait()
        await turns()
        handler.go.set()
        assert statuses(await until_closed(talk)) == [200, 200]
        await until_nothing_left(server)


async def test_a_client_that_closes_its_direction_before_a_request_is_closed() -> None:
    async with serving(reading) as server, await server.talk() as talk:
        talk.writer.write_eof()
        assert await until_closed(talk) == b""
        await until_nothing_left(server)


# Who does not listen before all is sent.


@pytest.mark.parametrize(
    "head",
    [POST.replace(b"10", b"4000000"), POST.replace(b"10", b"4000000").replace(b"Host", b"Connection: close\r\nHost")],
)
async def test_a_client_that_sends_all_before_it_listens_gets_the_answer(head: bytes) -> None:
    async def refuse(request: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPRequestEntityTooLarge(max_size=1, actual_size=4_000_000)

    async with serving(refuse) as server, await server.talk() as talk:
        talk.send(head)
        for _ in range(40):
            talk.send(bytes(100_000))
            await talk.writer.drain()
        assert (await talk.response())[0] == 413


async def test_after_a_body_that_nobody_read_the_connection_goes_on() -> None:
    async with serving(unread) as server, await server.talk() as talk:
        for request in (*WHOLE[:3], POST.replace(b"10", b"1000000") + bytes(1_000_000), GET):
            talk.send(request)
            assert (await talk.response())[2] == b"unread"
        assert len(server.server.connections) == 1


async def test_a_body_that_nobody_wants_is_not_read_for_ever() -> None:
    async with serving(unread, lingering_time=LONGEST_S) as server, await server.talk() as talk:
        talk.send(POST.replace(b"10", b"%d" % 2**40))
        assert (await talk.response())[0] == 200
        sent = 0
        try:
            while sent < 2**28:
                talk.send(bytes(2**20))
                sent += 2**20
                await talk.writer.drain()
        except ConnectionError:
            pass
        assert sent < 2**28
        await until_nothing_left(server)


# HTTP/1.0, and who may use a connection again.

KEEPING: list[tuple[bytes, bool, bytes | None]] = [
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True, None),
    (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", True, None),
    (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", False, b"close"),
    (b"GET / HTTP/1.0\r\n\r\n", False, None),
    (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True, b"keep-alive"),
    (b"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", False, None),
    (b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab", True, b"keep-alive"),
    (b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", False, None),
]


@pytest.mark.parametrize("handler", [reading, unread])
@pytest.mark.parametrize(("request_bytes", "keeps", "said"), KEEPING)
async def test_the_connection_is_kept_as_the_client_asks(
    request_bytes: bytes, keeps: bool, said: bytes | None, handler: Handler
) -> None:
    async with serving(handler) as server, await server.talk() as talk:
        talk.send(request_bytes)
        _, fields, _ = await talk.response()
        assert fields.get("connection") == (None if said is None else said.decode())
        if keeps:
            talk.send(request_bytes)
            assert (await talk.response())[0] == 200
        else:
            assert await until_closed(talk) == b""


async def test_a_body_of_unknown_length_ends_with_the_connection_in_http_1_0() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"streamed")
        return response

    async with serving(handler) as server, await server.talk() as talk:
        talk.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = (await until_closed(talk)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert b"chunked" not in head.lower()
    assert b"keep-alive" not in head.lower()
    assert body == b"streamed"


# Expect: 100-continue.

EXPECTING = POST.replace(b"Host", b"Expect: 100-Continue\r\nHost")


async def test_a_client_that_waits_for_100_continue_is_asked_for_its_body() -> None:
    async with serving(reading) as server, await server.talk() as talk:
        talk.send(EXPECTING)
        assert await talk.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        talk.send(b"0123456789")
        assert (await talk.response())[2] == b"0123456789"


async def test_a_client_that_does_not_wait_for_100_continue_is_served_as_well() -> None:
    async with serving(reading) as server, await server.talk() as talk:
        talk.send(EXPECTING + b"0123456789" + GET.replace(b"Host", b"Connection: close\r\nHost"))
        assert statuses(await until_closed(talk)) == [200, 200]


@pytest.mark.parametrize("body", [b"", b"Content-Length: 0\r\n"])
async def test_a_client_without_a_body_is_not_asked_for_one(body: bytes) -> None:
    request = b"GET / HTTP/1.1\r\nExpect: 100-continue\r\nHost: a\r\n" + body + b"\r\n"
    async with serving(reading) as server, await server.talk() as talk:
        talk.send(request)
        assert (await talk.head()).startswith(b"HTTP/1.1 200 OK")


async def test_a_client_of_http_1_0_gets_no_interim_response() -> None:
    async with serving(reading) as server, await server.talk() as talk:
        talk.send(EXPECTING.replace(b"1.1", b"1.0") + b"0123456789")
        assert (await talk.head()).startswith(b"HTTP/1.0 200 OK")


async def test_a_client_whose_expectation_is_refused_is_not_asked_for_its_body() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response()

    async def refuse(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=403)

    app = web.Application()
    app.router.add_post("/", handler, expect_handler=refuse)
    app.router.add_post("/usual", handler)
    async with serving(app, lingering_time=0.1) as server:
        for path, status in ((b"/", 403), (b"/nowhere", 404)):
            async with await server.talk() as talk:
                talk.send(EXPECTING.replace(b"/ ", path + b" "))
                received = await until_closed(talk)
                assert not received.startswith(b"HTTP/1.1 100")
                assert statuses(received) == [status]
        async with await server.talk() as talk:
            talk.send(EXPECTING.replace(b"/ ", b"/usual ").replace(b"100-Continue", b"x"))
            assert statuses(await until_closed(talk)) == [417]


async def test_a_body_that_was_not_asked_for_cannot_be_a_request() -> None:
    handled: list[str] = []

    async def refuse(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=403)

    async def handler(request: web.Request) -> web.StreamResponse:
        handled.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handler, expect_handler=refuse)
    app.router.add_get("/smuggled", handler)
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    async with serving(app, lingering_time=0.1) as server, await server.talk() as talk:
        talk.send(EXPECTING.replace(b"10\r", b"%d\r" % len(smuggled)))
        assert (await talk.response())[0] == 403
        talk.send(smuggled)
        assert b"200 OK" not in await until_closed(talk)
    assert handled == []


# The connection's own task.


async def test_the_task_of_a_request_is_the_one_that_handles_it() -> None:
    seen: list[Any] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.task is asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(request.task is asyncio.current_task() is request.protocol.task)
        return web.Response()

    async with serving(handler) as server, await server.talk() as talk:
        for count in (1, 1, 3, 1, 2):
            talk.send(GET * count)
            for _ in range(count):
                assert (await talk.response())[0] == 200
    assert seen == [True] * 16


async def test_a_connection_goes_on_after_requests_that_were_sent_in_advance() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/waits":
            await asyncio.sleep(0.001)
        return web.Response()

    waits = GET.replace(b"/ ", b"/waits ")
    async with serving(handler) as server, await server.talk() as talk, asyncio.timeout(LONGEST_S):
        for requests in ([GET], [waits, GET], [GET, waits], [waits, waits, GET], [GET, GET, waits], [waits], [GET]):
            talk.send(b"".join(requests))
            for _ in requests:
                assert (await talk.response())[0] == 200


@pytest.mark.parametrize("at", [0, 5, 10])
async def test_the_body_of_a_request_sent_in_advance_is_read_when_its_turn_comes(at: int) -> None:
    async with serving(reading) as server, await server.talk() as talk, asyncio.timeout(LONGEST_S):
        for count in (1, 2):
            talk.send(GET * count + POST + b"0123456789"[:at])
            for _ in range(count):
                assert (await talk.response())[2] == b""
            talk.send(b"0123456789"[at:])
            assert (await talk.response())[2] == b"0123456789"


# Many connections.


async def test_who_comes_beyond_the_bound_is_refused_and_served_again_once_others_have_gone() -> None:
    async with serving(unread, max_connections=2) as server:
        async with await server.talk() as first, await server.talk() as second:
            for talk in (first, second):
                talk.send(GET)
                assert (await talk.response())[0] == 200
            for _ in range(3):
                async with await server.talk() as late:
                    assert (await until_closed(late)).startswith(b"HTTP/1.1 503 ")
            first.send(GET)
            assert (await first.response())[0] == 200
        await until_nothing_left(server)
        await assert_serves(server)


async def test_a_shower_of_connections_beyond_the_bound_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(unread, max_connections=2) as server:
        async with await server.talk() as first, await server.talk() as second:
            await asyncio.gather(*(server.get("/") for _ in range(200)), return_exceptions=True)
            for talk in (first, second):
                talk.send(GET)
                assert (await talk.response())[0] == 200
        await until_nothing_left(server)
        await assert_serves(server)
    assert_no_errors(caplog)
