"""HTTP/2 as handlers see it: as HTTP/1.1, with another version."""

import asyncio
import json
import logging
import ssl
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from tests.waiting import until
from tests.web.h2_client import H2Talk, h2_talk
from tests.web.serving import Handler, Serving, serving
from trunkline import web
from trunkline.conn.server_connection import ServerConnection
from trunkline.conn.server_h2 import ServerH2
from trunkline.wire.limits import H2_STREAM_WINDOW

OPT_IN: Final = "prior-knowledge"
NO_ERROR, INTERNAL_ERROR, CANCEL = 0, 2, 8


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="hello")


def lowered(fields: dict[str, str]) -> dict[str, str]:
    """Leave out what differs with time."""
    return {name: value for name, value in fields.items() if name not in ("date", "server")}


# Which version is spoken.


async def test_without_being_allowed_the_preface_is_a_bad_request() -> None:
    async with serving(hello) as server, await server.talk() as talk:
        talk.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        status, _, _ = await talk.response()
        assert status == 400


async def test_http_1_1_is_spoken_beside_it() -> None:
    async with serving(hello, http2=OPT_IN) as server:
        assert (await server.get("/"))[2] == b"hello"
        async with h2_talk(server.port) as talk:
            assert (await talk.get("/")).body == b"hello"
        assert (await server.get("/"))[2] == b"hello"


@pytest.mark.parametrize("size", [1, 5, 17, 18, 19, 23, 24, 30])
async def test_the_preface_comes_in_pieces(size: int) -> None:
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port, begins=False) as talk:
        talk.codec.initiate_connection()
        said = talk.codec.data_to_send()
        talk.is_mute = True
        for at in range(0, len(said), size):
            talk.writer.write(said[at : at + size])
            await asyncio.sleep(0.001)
        talk.is_mute = False
        assert (await talk.get("/")).body == b"hello"


async def test_what_is_neither_allowed_nor_not_is_refused() -> None:
    with pytest.raises(ValueError, match="http2='h2c'; wanted True, False or 'prior-knowledge'"):
        web.Server(hello, http2="h2c")  # type: ignore[arg-type]  # on purpose


async def test_the_preface_behind_a_request_is_a_bad_request() -> None:
    async with serving(hello, http2=OPT_IN) as server, await server.talk() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (await talk.response())[0] == 200
        talk.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert (await talk.response())[0] == 400


def test_who_does_not_speak_it_does_not_load_it() -> None:
    of_ours = "m.startswith(('trunkline.wire.h2', 'trunkline.conn')) and 'h2' in m"
    program = f"import sys, trunkline.web; print([m for m in sys.modules if {of_ours}])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"[]\n"


# Requests.


async def test_what_a_handler_sees() -> None:
    seen: dict[str, object] = {}

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        seen.update(
            version=request.version,
            url=str(request.url),
            host=request.host,
            field=request.headers["X-Field"],
            cookies=dict(request.cookies),
            remote=request.remote,
            keep_alive=request.keep_alive,
            peer=request.transport.get_extra_info("peername") is not None,
            closing=request.transport.is_closing(),
            task=request.task is asyncio.current_task(),
            body_exists=request.body_exists,
        )
        await asyncio.sleep(0)
        assert request.task is asyncio.current_task()
        return web.Response()

    fields = [("x-field", "1"), ("cookie", "a=1"), ("cookie", "b=2")]
    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        await talk.get("/p?q=1", fields=fields)
    assert seen == {
        "version": (2, 0),
        "url": "http://test/p?q=1",
        "host": "test",
        "field": "1",
        "cookies": {"a": "1", "b": "2"},
        "remote": "127.0.0.1",
        "keep_alive": True,
        "peer": True,
        "closing": False,
        "task": True,
        "body_exists": False,
    }


async def test_bodies_and_forms_are_read_as_ever() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/form":
            return web.json_response(dict(await request.post()))
        return web.Response(body=await request.read())

    form = [("content-type", "application/x-www-form-urlencoded")]
    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        assert json.loads((await talk.get("/form", "POST", body=b"a=1&b=2", fields=form)).body) == {"a": "1", "b": "2"}
        assert (await talk.get("/", "POST", body=b"12345", fields=[("content-length", "5")])).body == b"12345"
        assert (await talk.get("/", "POST", body=b"")).body == b""
        number = talk.ask("/", "PUT", ends=False)
        for piece in b"1", b"22", b"333":
            talk.send(number, piece)
            await asyncio.sleep(0.005)
        talk.codec.send_headers(number, [("x-trailer", "1")], end_stream=True)
        talk.flush()
        assert (await talk.answer(number)).body == b"122333"


async def test_a_coded_body_is_decoded() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=f"{len(await request.read())}")

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        body = zlib.compress(b"x" * 5000)
        assert (await talk.get("/", "POST", body=body, fields=[("content-encoding", "deflate")])).body == b"5000"
        answer = await talk.get("/", "POST", body=b"x", fields=[("content-encoding", "deflate")])
        assert answer.status == 400


async def test_a_body_above_the_bound_is_refused_and_the_connection_goes_on() -> None:
    app = web.Application(client_max_size=1000)

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read())

    app.router.add_post("/", handler)
    app.router.add_get("/", hello)
    async with serving(app, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/", "POST", body=b"x" * 1001)).status == 413
        assert (await talk.get("/", "POST", body=b"x" * 999)).status == 200
        assert (await talk.get("/")).status == 200


async def test_a_client_that_waits_is_asked_for_the_body() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        number = talk.ask("/", "POST", ends=False, fields=[("expect", "100-continue")])
        answer = talk.answers[number]
        await talk.until(lambda: answer.interim)
        assert answer.interim == [{":status": "100"}]
        talk.send(number, b"body", ends=True)
        assert (await talk.answer(number)).body == b"body"


async def test_a_client_that_waits_may_be_refused() -> None:
    app = web.Application()

    async def refuse(request: web.Request) -> web.StreamResponse | None:
        raise web.HTTPForbidden

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read())

    app.router.add_post("/", handler, expect_handler=refuse)
    async with serving(app, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        number = talk.ask("/", "POST", ends=False, fields=[("expect", "100-continue")])
        answer = talk.answers[number]
        await talk.until(lambda: answer.is_whole)
        assert (answer.status, answer.interim) == (403, [])


async def test_a_target_beyond_the_bound_is_told_so() -> None:
    async with serving(hello, http2=OPT_IN, max_line_size=100) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/" + "x" * 100)).status == 414
        assert (await talk.get("/")).status == 200


@pytest.mark.parametrize(
    ("limits", "fields"),
    [
        ({"max_field_size": 100}, [("x-long", "v" * 93)]),
        ({}, [("x-long", "v" * 9000)]),
        ({"max_headers": 10}, [("x-many", str(number)) for number in range(11)]),
        ({}, [("x-many", str(number)) for number in range(129)]),
    ],
)
@pytest.mark.parametrize("body", [None, b"a body"])
async def test_a_field_beyond_the_bounds_is_told_so(
    limits: dict[str, int], fields: list[tuple[str, str]], body: bytes | None
) -> None:
    async with serving(hello, http2=OPT_IN, **limits) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/", "POST", fields=fields, body=body)).status == 431
        assert (await talk.get("/", fields=[("x", "v")])).status == 200


@pytest.mark.parametrize(
    ("limits", "fields"),
    [
        ({"max_field_size": 100}, [("x-long", "v" * 92)]),
        ({"max_field_size": 100_000}, [("x-long", "v" * 90_000)]),
        ({"max_headers": 10}, [("x-many", str(number)) for number in range(10)]),
        ({"max_headers": 1000}, [("x-many", str(number)) for number in range(900)]),
        ({"max_headers": 2}, [("cookie", f"c{number}=1") for number in range(100)]),  # crumbs (RFC 9113 §8.2.3)
    ],
)
async def test_fields_within_the_bounds_are_taken(limits: dict[str, int], fields: list[tuple[str, str]]) -> None:
    async with serving(hello, http2=OPT_IN, **limits) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/", fields=fields)).status == 200


@pytest.mark.parametrize(
    ("fields", "body"),
    [([("content-length", "4")], b"123"), ([("content-length", "2")], b"123"), ([("content-length", "1")], None)],
    ids=["too little", "too much", "none at all"],
)
async def test_a_body_of_another_length_than_announced_resets_the_stream(
    fields: list[tuple[str, str]], body: bytes | None
) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/", "POST", body=body, fields=fields)).reset == 1
        assert (await talk.get("/")).status == 200


# Back-pressure.


async def test_the_window_is_not_given_back_before_the_body_is_read() -> None:
    may_read = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        await may_read.wait()
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
        return web.Response(text=str(size))

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        await talk.until(lambda: talk.codec.outbound_flow_control_window > 65_535)
        number = talk.ask("/", "POST", ends=False)
        sent = await fill_window(talk, number)
        assert H2_STREAM_WINDOW <= sent < 4 * H2_STREAM_WINDOW
        may_read.set()
        while sent < 3_000_000:
            await talk.until(lambda: talk.codec.local_flow_control_window(number) > 0)
            sent += send_as_allowed(talk, number)
        talk.send(number, b"", ends=True)
        assert (await talk.answer(number)).body == str(sent).encode()


def send_as_allowed(talk: H2Talk, number: int) -> int:
    size = min(talk.codec.local_flow_control_window(number), talk.codec.max_outbound_frame_size)
    if size:
        talk.send(number, b"x" * size)
    return size


async def fill_window(talk: H2Talk, number: int) -> int:
    """Send until the window stays shut for a while."""
    sent = 0
    quiet = 0
    while quiet < 20:
        size = send_as_allowed(talk, number)
        sent += size
        quiet = 0 if size else quiet + 1
        await asyncio.sleep(0.005)
    return sent


async def test_a_writer_waits_for_the_window() -> None:
    written = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 10_000)
            written += 10_000
        return response

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port, gives_back=False) as talk:
        number = talk.ask("/")
        answer = talk.answers[number]
        await talk.until(lambda: len(answer.body) == 65_535)
        await asyncio.sleep(0.05)
        assert written == 60_000
        talk.codec.increment_flow_control_window(1_000_000, number)
        talk.codec.increment_flow_control_window(1_000_000)
        talk.flush()
        assert len((await talk.answer(number)).body) == 1_000_000
        assert answer.is_whole


async def test_a_small_answer_waits_for_the_window_without_its_handler() -> None:
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port, settings={4: 2}) as talk:
        number = talk.ask("/")
        answer = talk.answers[number]
        await talk.until(lambda: answer.body == b"he")
        assert not server.server.connections[0].tasks
        talk.codec.increment_flow_control_window(10, number)
        talk.flush()
        assert (await talk.answer(number)).body == b"hello"


async def test_streams_that_wait_have_their_turns() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"x" * 1_000_000)

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port, settings={4: 2**20}) as talk:
        numbers = [talk.ask("/") for _ in range(10)]
        await talk.until(lambda: talk.answers[numbers[0]].is_over)
        assert min(len(talk.answers[number].body) for number in numbers) > 500_000
        for number in numbers:
            assert len((await talk.answer(number)).body) == 1_000_000


# Responses.


async def test_fields_of_a_connection_are_left_out() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Connection": "close", "Keep-Alive": "1", "Upgrade": "x", "X-Field": " 1 ", "TE": "gzip"}
        if request.path == "/whole":
            return web.Response(body=b"body", headers=headers)
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b"bo")
        await response.write_eof(b"dy")
        return response

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        for path in "/whole", "/chunked":
            answer = await talk.get(path)
            length = {"content-length": "4"} if path == "/whole" else {}
            wanted = {":status": "200", "x-field": "1", "content-type": "application/octet-stream", **length}
            assert lowered(answer.fields) == wanted
            assert answer.body == b"body"


Respond = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def whole(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="text", headers={"X-Field": "1"})


async def streamed(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "4"})
    await response.prepare(request)
    await response.write(b"te")
    await response.write(b"xt")
    return response


async def nothing(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=204)


async def unchanged(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=304, headers={"ETag": '"1"'})


async def empty(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response()


async def compressed(request: web.BaseRequest) -> web.StreamResponse:
    response = web.Response(text="text" * 1000)
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def with_cookie(request: web.BaseRequest) -> web.StreamResponse:
    response = web.Response(text="text")
    response.set_cookie("a", "1")
    return response


async def large(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"x" * 1_000_000)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "handler", [whole, streamed, nothing, unchanged, empty, compressed, with_cookie, large], ids=lambda f: f.__name__
)
async def test_an_answer_is_what_it_is_by_http_1_1(handler: Respond, method: str) -> None:
    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk, await server.talk() as old:
        answer = await talk.get("/", method)
        old.send(f"{method} / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await old.rest()).partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
        fields = {name.lower(): value for name, value in lines if name not in ("Connection", "Transfer-Encoding")}
        assert answer.is_whole
        assert lowered(answer.fields) == {":status": head.decode().split(" ")[1], **lowered(fields)}
        assert answer.body == body


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_a_response_without_a_body_is_whole_with_its_head(
    method: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        await gate.wait()
        raise ValueError

    caplog.set_level(logging.CRITICAL)
    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        answer = await talk.get("/", method)
        assert (answer.status, answer.body, answer.is_whole, answer.reset) == (status, b"", True, None)
        gate.set()
        await until(lambda: not server.server.connections[0].tasks)
        assert (answer.is_whole, answer.reset) == (True, None)


async def test_files_in_whole_and_in_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytes(range(256)) * 4096
    path.write_bytes(content)

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.FileResponse(path)

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/")).body == content
        part = await talk.get("/", fields=[("range", "bytes=10-500000")])
        assert (part.status, part.body) == (206, content[10:500001])
        head = await talk.get("/", "HEAD")
        assert (head.fields["content-length"], head.body) == (str(len(content)), b"")


async def test_a_hook_sees_the_response_before_it_is_sent() -> None:
    app = web.Application()

    async def mark(request: web.BaseRequest, response: web.StreamResponse) -> None:
        response.headers["X-Marked"] = "1"

    app.on_response_prepare.append(mark)
    app.router.add_get("/", hello)
    async with serving(app, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/")).fields["x-marked"] == "1"


async def test_many_streams_are_answered_at_a_time() -> None:
    gate = asyncio.Event()
    running = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal running
        running += 1
        await gate.wait()
        return web.Response(text=request.path)

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        numbers = {talk.ask(f"/{n}"): n for n in range(100)}
        await until(lambda: running == 100)
        gate.set()
        for number, n in numbers.items():
            assert (await talk.answer(number)).body == f"/{n}".encode()


# Failures.


async def test_a_handler_that_fails_costs_its_stream_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/raise":
            raise ValueError("x")
        if request.path == "/none":
            return None  # type: ignore[return-value]  # on purpose
        if request.path == "/forbidden":
            raise web.HTTPForbidden
        return web.Response()

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        statuses = [(await talk.get(path)).status for path in ("/raise", "/none", "/forbidden", "/")]
        assert statuses == [500, 500, 403, 200]
    assert len(caplog.records) == 2


@pytest.mark.parametrize("path", ["/short", "/long", "/raise", "/cancelled"])
async def test_an_answer_that_is_cut_never_looks_whole(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/":
            return web.Response()
        response = web.StreamResponse(headers={"Content-Length": "10"} if request.path != "/raise" else {})
        await response.prepare(request)
        await response.write(b"12345")
        if request.path == "/long":
            await response.write(b"1234567")
        if request.path == "/raise":
            raise ValueError
        if request.path == "/cancelled":
            raise asyncio.CancelledError
        return response

    caplog.set_level(logging.CRITICAL)
    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        answer = await talk.get(path)
        assert (answer.is_whole, answer.reset, answer.body) == (False, INTERNAL_ERROR, b"12345")
        assert (await talk.get("/")).status == 200


async def test_a_handler_may_close_its_transport() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        if request.path == "/close":
            request.transport.close()
            assert request.transport is None
        return web.Response()

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/close")).reset == INTERNAL_ERROR
        assert (await talk.get("/")).status == 200


async def test_a_body_that_nobody_reads_is_let_come() -> None:
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        await talk.until(lambda: talk.codec.outbound_flow_control_window > 65_535)
        number = talk.ask("/", "POST", ends=False)
        answer = talk.answers[number]
        await talk.until(lambda: answer.is_whole)
        sent = 0
        while sent < 2_000_000:
            await talk.until(lambda: talk.codec.local_flow_control_window(number) > 0)
            sent += send_as_allowed(talk, number)
        talk.send(number, b"", ends=True)
        assert (await talk.get("/")).body == b"hello"
        assert answer.reset is None


@pytest.mark.parametrize("lingering_s", [0, 0.1])
async def test_a_body_that_nobody_reads_is_asked_for_no_more(lingering_s: float) -> None:
    async with serving(hello, http2=OPT_IN, lingering_time=lingering_s) as server, h2_talk(server.port) as talk:
        number = talk.ask("/", "POST", ends=False)
        answer = talk.answers[number]
        await talk.until(lambda: answer.reset is not None)
        assert (answer.body, answer.is_whole, answer.reset) == (b"hello", True, NO_ERROR)
        assert (await talk.get("/")).status == 200


# Clients that go away.


async def test_a_handler_whose_stream_is_reset_is_told_when_it_writes() -> None:
    told: list[object] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.001)
        except ConnectionResetError:
            told.append(request.transport)
            raise

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        number = talk.ask("/")
        await talk.until(lambda: talk.answers[number].body)
        talk.reset(number)
        await until(lambda: told)
        assert told == [None]
        await until(lambda: not server.server.connections[0].tasks)


async def test_a_handler_that_reads_is_told_of_a_reset() -> None:
    told: list[Exception] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        try:
            await request.read()
        except ConnectionResetError as error:
            told.append(error)
            raise
        return web.Response()

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        number = talk.ask("/", "POST", body=b"x", ends=False)
        await until(lambda: server.server.requests_count == 1)  # a reset that comes with its request is no request
        talk.reset(number)
        await until(lambda: told)
        talk.ask("/", "POST", body=b"x", ends=False)
        await until(lambda: server.server.requests_count == 2)
        assert talk.writer.transport is not None
        talk.writer.transport.abort()
        await until(lambda: len(told) == 2)
        await until(lambda: not server.server.connections)


def has_noticed(server: web.Server) -> bool:
    """Tell whether no client is left whose end the server has not seen."""
    cores = [connection.core for connection in server.connections if isinstance(connection, ServerH2)]
    return all(core.is_going or not core.streams for core in cores)


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("how", ["reset", "abort"])
async def test_a_handler_ends_with_its_client_where_that_is_wanted(cancels: bool, how: str) -> None:
    ends: list[str] = []
    gate = asyncio.Event()
    begun = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        try:
            await gate.wait()
            ends.append("finished")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        return web.Response()

    async with serving(handler, http2=OPT_IN, handler_cancellation=cancels) as server, h2_talk(server.port) as talk:
        number = talk.ask("/")
        await begun.wait()
        if how == "reset":
            talk.reset(number)
        else:
            talk.writer.transport.abort()
        await until(lambda: has_noticed(server.server))
        gate.set()
        await until(lambda: ends)
        assert ends == ["cancelled" if cancels else "finished"]


def late() -> tuple[asyncio.Event, asyncio.Event, Handler]:
    """A handler that answers when the gate is opened, the gate, and what tells that the handler has begun."""
    gate, begun = asyncio.Event(), asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        await gate.wait()
        return web.Response(text="late")

    return gate, begun, handler


async def test_a_client_that_only_listens_from_now_on_gets_its_answer() -> None:
    gate, begun, handler = late()

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        number = talk.ask("/")
        await begun.wait()
        talk.is_mute = True
        talk.writer.write_eof()
        await asyncio.sleep(0.02)
        gate.set()
        assert (await talk.answer(number)).body == b"late"
        await talk.closed()


# The log.


async def test_the_access_log_names_the_version(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="aiohttp.access")
    caplog.set_level(logging.INFO, logger="trunkline.access")
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        await talk.get("/path")
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("127.0.0.1 [")
    assert '"GET /path HTTP/2.0" 200 5 ' in line


# The end.


async def test_a_graceful_end_answers_what_has_begun_and_announces_itself() -> None:
    gate, begun, handler = late()

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        number = talk.ask("/")
        await begun.wait()
        ending = asyncio.create_task(server.runner.cleanup())
        await talk.until(lambda: len(talk.goaways) == 1)
        assert (talk.goaways[0].last_stream_id, talk.goaways[0].error_code) == (2**31 - 1, NO_ERROR)
        await talk.until(lambda: len(talk.goaways) == 2)
        assert (talk.goaways[1].last_stream_id, talk.goaways[1].error_code) == (number, NO_ERROR)
        gate.set()
        assert (await talk.answer(number)).body == b"late"
        await talk.closed()
        await ending


async def test_a_graceful_end_cancels_what_takes_too_long(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()
    ends: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ends.append(request.path)
            raise
        raise AssertionError

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        server.runner.shutdown_timeout = 0.2
        numbers = [talk.ask(f"/{n}") for n in range(3)]
        await begun.wait()
        await server.runner.cleanup()
        assert sorted(ends) == ["/0", "/1", "/2"]
        await talk.closed()
        assert not any(talk.answers[number].is_whole for number in numbers)


async def test_an_idle_connection_is_ended_at_once() -> None:
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        await talk.get("/")
        await server.runner.cleanup()
        await talk.closed()
        assert talk.goaways[-1].last_stream_id == 1


async def test_who_comes_beyond_the_bound_of_connections_is_told_to_calm_down() -> None:
    async with serving(hello, http2=OPT_IN, max_connections=1) as server, h2_talk(server.port) as first:
        await first.get("/")
        async with h2_talk(server.port) as second:
            await second.closed()
        assert (await first.get("/")).status == 200
    assert isinstance(server, Serving)


# TLS.


def contexts(*alpn: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context, and one of a client that trusts it and offers both versions."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    client = ssl.create_default_context()
    authority.configure_trust(client)
    client.set_alpn_protocols(["h2", "http/1.1"])
    return context, client


@asynccontextmanager
async def tls_site(
    context: ssl.SSLContext,
    **kwargs: Any,  # of the server
) -> AsyncIterator[tuple[web.ServerRunner, int]]:
    """Serve `version` over TLS."""
    runner = web.ServerRunner(web.Server(version, **kwargs))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner, runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def version(request: web.BaseRequest) -> web.StreamResponse:
    assert request.secure
    assert request.get_extra_info("ssl_object") is not None
    return web.Response(text=str(request.version.major))


async def test_over_tls_both_sides_agree_on_http_2() -> None:
    context, client = contexts()
    async with tls_site(context) as (runner, port), h2_talk(port, context=client) as talk:
        assert (await talk.get("/")).body == b"2"
        assert runner.server is not None
        assert len(runner.server.connections) == 1


@pytest.mark.parametrize(
    ("offered", "kwargs"), [(("http/1.1",), {}), ((), {"http2": False})], ids=["the context decides", "turned off"]
)
async def test_over_tls_http_1_1_is_spoken_where_that_was_decided(
    offered: tuple[str, ...], kwargs: dict[str, bool]
) -> None:
    context, client = contexts(*offered)
    async with tls_site(context, **kwargs) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        writer.write(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"\r\n\r\n1")
        writer.close()


async def test_a_user_who_counts_connections_counts_each_once() -> None:
    counts = {"made": 0, "lost": 0}

    class Counting(web.Server):
        def connection_made(self, handler: ServerConnection, transport: asyncio.Transport) -> None:
            super().connection_made(handler, transport)
            counts["made"] += 1

        def connection_lost(self, handler: ServerConnection, exc: BaseException | None = None) -> None:
            super().connection_lost(handler, exc)
            counts["lost"] += 1

    context, client = contexts()
    runner = web.ServerRunner(Counting(version, http2=OPT_IN))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    async with h2_talk(runner.addresses[0][1], context=client) as talk:
        assert (await talk.get("/")).body == b"2"
    await until(lambda: counts["lost"])
    await runner.cleanup()
    assert counts == {"made": 1, "lost": 1}
