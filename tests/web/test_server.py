"""`Server` itself: what it makes, counts and logs, how its settings show, and what becomes of what handlers do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.web.serving import serving
from trunkline.conn.server_h1 import ServerH1
from trunkline.web.exceptions import HTTPForbidden, HTTPFound
from trunkline.web.request import BaseRequest
from trunkline.web.response import Response
from trunkline.web.server import Server
from trunkline.web.stream_response import StreamResponse

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"

Handler = Callable[[BaseRequest], Awaitable[Any]]  # Any: whatever it returns


async def greet(request: BaseRequest) -> Response:
    return Response(text="hello")


async def test_it_is_a_factory_of_connections_and_knows_those_that_are_open() -> None:
    async with serving(greet) as serve:
        server = serve.server
        assert (server.connections, server.requests_count) == ([], 0)
        async with await serve.talk() as talk:
            for _ in range(2):
                talk.send(GET)
                assert (await talk.response())[2] == b"hello"
            (connection,) = server.connections
            assert isinstance(connection, ServerH1)
            assert connection.served == 2
            assert repr(server) == "<Server 1 connections, 2 requests>"
        assert isinstance(server(), ServerH1)
    assert (server.connections, server.requests_count) == ([], 2)


async def test_requests_may_be_of_another_class() -> None:
    class Special(BaseRequest):
        colour = "red"

    def make(head: Any, body: Any, connection: Any, writer: Any, task: Any) -> BaseRequest:  # Any: passed on
        return Special(head, body, connection, writer, task, asyncio.get_running_loop())

    async def handler(request: BaseRequest) -> Response:
        assert isinstance(request, Special)
        return Response(text=request.colour)

    async with serving(handler, request_factory=make) as serve:
        assert (await serve.get("/"))[2] == b"red"


# What handlers do.


async def fail(request: BaseRequest) -> Response:
    raise ZeroDivisionError("<here>")


async def take_too_long(request: BaseRequest) -> Response:
    raise TimeoutError


async def forbid(request: BaseRequest) -> Response:
    raise HTTPForbidden(text="no")


async def move(request: BaseRequest) -> Response:
    raise HTTPFound("/there")


async def return_nothing(request: BaseRequest) -> None:
    return None


async def return_text(request: BaseRequest) -> str:
    return "text"


@pytest.mark.parametrize(
    ("handler", "status", "text", "closes", "logged"),
    [
        (fail, 500, b"500 Internal Server Error\n\nServer got itself in trouble", True, "Error handling request"),
        (take_too_long, 504, b"504: Gateway Timeout", True, ""),
        (forbid, 403, b"no", False, ""),
        (move, 302, b"302: Found", False, ""),
        (return_nothing, 500, b"500: Internal Server Error", True, "is a return statement missing?"),
        (return_text, 500, b"500: Internal Server Error", True, "the handler returned a str"),
    ],
)
async def test_what_a_handler_does_has_an_answer(
    handler: Handler, status: int, text: bytes, closes: bool, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(handler, access_log=None) as serve, await serve.talk() as talk:
        talk.send(GET)
        seen, fields, body = await talk.response()
        assert (seen, body) == (status, text)
        assert (fields.get("connection") == "close") is closes
    assert logged in caplog.text
    assert bool(logged) is bool(caplog.records)


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
@pytest.mark.parametrize("debug", [True, False])
async def test_only_in_debug_mode_a_failure_is_described_to_the_client(accept: str, debug: bool) -> None:
    async with serving(fail, debug=debug) as serve:
        _, fields, body = await serve.get("/", f"Accept: {accept}")
    assert fields["content-type"].startswith("text/html" if accept == "text/html" else "text/plain")
    assert (b"ZeroDivisionError" in body) is debug
    assert (b"<here>" in body) is (debug and accept != "text/html")


async def test_failures_are_told_to_the_logger_that_was_given(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(fail, logger=logging.getLogger("mine"), access_log=None) as serve:
        await serve.get("/")
    assert [record.name for record in caplog.records] == ["mine"]


# Settings.


@pytest.mark.parametrize(
    ("setting", "request_bytes", "status"),
    [
        ({"max_line_size": 100}, b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ({"max_field_size": 100}, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 200 + b"\r\n\r\n", 431),
        ({"max_headers": 3}, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 5 + b"\r\n", 431),
        ({}, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 5 + b"\r\n", 200),
        ({}, b"nonsense\r\n\r\n", 400),
    ],
)
async def test_bounds_of_a_head(setting: dict[str, int], request_bytes: bytes, status: int) -> None:
    async with serving(greet, **setting) as serve:
        assert (await serve.ask(request_bytes))[0] == status


@pytest.mark.parametrize("decompress", [True, False])
async def test_bodies_are_decompressed_unless_that_is_switched_off(decompress: bool) -> None:
    data = b"x\x9cKL$\x15\x00\x00\xe3\\\x12\xf3"  # 50 times "a", deflated

    async def handler(request: BaseRequest) -> Response:
        return Response(body=await request.read())

    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(data)
    async with serving(handler, auto_decompress=decompress) as serve:
        assert (await serve.ask(head + data))[2] == (b"a" * 50 if decompress else data)


async def test_accesses_are_logged_unless_that_is_switched_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(greet, access_log=None) as serve:
        await serve.get("/quiet")
    async with serving(greet, access_log_format="%s %r") as serve:
        await serve.get("/loud")
        await serve.ask(b"nonsense\r\n\r\n")
    assert [record.getMessage() for record in caplog.records if record.name == "trunkline.access"] == [
        "200 GET /loud HTTP/1.1",
        "400 UNKNOWN / HTTP/1.1",
    ]


async def test_an_access_logger_that_fails_harms_no_response(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def __init__(self, logger: logging.Logger, log_format: str) -> None:
            self.enabled = True

        def log(self, request: BaseRequest, response: Response, time: float) -> None:
            raise ZeroDivisionError

    async with serving(greet, access_log_class=Broken) as serve, await serve.talk() as talk:
        for _ in range(2):
            talk.send(GET)
            assert (await talk.response())[0] == 200
    assert "the access logger failed" in caplog.text


@pytest.mark.parametrize(
    ("made", "status"), [(Response, 200), (lambda: None, 500), (lambda: Response(headers={"a": "b\n"}), 500)]
)
async def test_the_answer_that_was_sent_is_logged(
    made: Callable[[], Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: BaseRequest) -> Any:
        return made()

    caplog.set_level(logging.INFO, "trunkline.access")
    async with serving(handler, access_log_format="%s") as serve:
        assert (await serve.get("/"))[0] == status
        await serve.runner.cleanup()
    assert [record.getMessage() for record in caplog.records if record.name == "trunkline.access"] == [str(status)]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_is_logged_as_sent_has_the_head(method: str, version: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trunkline.access")
    async with serving(greet, access_log_format="%b") as serve, await serve.talk() as talk:
        talk.send(f"{method} / HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        sent = await talk.rest()
    assert [record.getMessage() for record in caplog.records if record.name == "trunkline.access"] == [str(len(sent))]


async def test_a_client_that_went_away_before_its_answer_is_logged_with_it(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: BaseRequest) -> Response:
        request.protocol.abort()
        return Response(status=201)

    caplog.set_level(logging.INFO)
    async with serving(handler, access_log_format="%s") as serve, await serve.talk() as talk:
        talk.send(GET)
        assert await talk.rest() == b""
    assert [record.getMessage() for record in caplog.records] == ["201"]


async def test_a_write_to_a_client_that_has_just_gone_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        await response.prepare(request)
        request.protocol.abort()  # the loop tells of it a turn later
        await response.write(b"lost")
        return response

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(GET)
        await talk.rest()
    assert not caplog.records


# The end.


@pytest.mark.parametrize("cancels", [False, True])
async def test_a_handler_may_end_its_server_and_still_answer(cancels: bool) -> None:
    async def handler(request: BaseRequest) -> Response:
        await serve.runner.cleanup()
        return Response(text="the last")

    async with serving(handler, handler_cancellation=cancels) as serve, await serve.talk() as talk:
        talk.send(GET)
        _, fields, body = await talk.response()
        assert (fields["connection"], body) == ("close", b"the last")
        assert await talk.rest() == b""


async def test_shutdown_waits_for_handlers_and_cancels_those_that_take_too_long() -> None:
    ended: list[str] = []
    begun = asyncio.Semaphore(0)
    short_may_end = asyncio.Event()

    async def handler(request: BaseRequest) -> Response:
        begun.release()
        try:
            await (short_may_end if request.path == "/short" else asyncio.Event()).wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("answered")
        return Response()

    async with serving(handler) as serve, await serve.talk() as short, await serve.talk() as long:
        short.send(GET.replace(b"/ ", b"/short ", 1))
        long.send(GET)
        await begun.acquire()
        await begun.acquire()
        shutdown = asyncio.create_task(serve.server.shutdown(0.1))
        asyncio.get_running_loop().call_soon(short_may_end.set)  # once the shutdown has begun
        await shutdown
        assert (await short.response())[1]["connection"] == "close"
        assert await long.rest() == b""
    assert ended == ["answered", "cancelled"]


async def test_a_shutdown_that_is_cancelled_closes_all_the_same() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(request: BaseRequest) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return Response()

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(GET)
        await begun.wait()
        shutdown = asyncio.create_task(serve.server.shutdown(60))
        await asyncio.sleep(0)
        shutdown.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shutdown
        async with asyncio.timeout(5):
            await cancelled.wait()
            assert await talk.reader.read() == b""


async def test_pre_shutdown_lets_no_connection_outlive_its_response() -> None:
    async with serving(greet) as serve, await serve.talk() as talk:
        talk.send(GET)
        await talk.response()
        serve.server.pre_shutdown()  # the connection was active a moment ago
        talk.send(GET)
        _, fields, body = await talk.response()
        assert (fields["connection"], body) == ("close", b"hello")
        assert await talk.rest() == b""


async def test_it_needs_a_loop() -> None:
    assert Server(greet).connections == []


def test_without_a_running_loop_one_must_be_given() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        Server(greet)
    loop = asyncio.new_event_loop()
    try:
        assert Server(greet, loop=loop).requests_count == 0
    finally:
        loop.close()
