"""Clients that ask for what no server may give, or tell, or hold: over raw sockets."""

import asyncio
import logging
import os
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hostile.nearby import loop_is_free
from tests.memory import MIB, peak_below
from tests.waiting import until
from tests.web.rough import statuses, turns, until_nothing_left
from tests.web.serving import Handler, parse_head, serving
from trunkline import web
from trunkline.testing.throwaway_ca import ThrowawayCA
from trunkline.wire.coding import make_encoder

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CODINGS = ["gzip", "deflate", "br", "zstd"]


async def unread(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"unread")


async def reading(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=await request.read())


# What we tell of ourselves.


async def failing(request: web.BaseRequest) -> web.StreamResponse:
    raise RuntimeError("secret")


async def absent(request: web.BaseRequest) -> web.StreamResponse:
    raise web.HTTPNotFound


ASKED = {
    "an answer": (unread, GET, 200),
    "a stream": (reading, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
    "HEAD": (unread, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    "a 404": (absent, GET, 404),
    "a failure": (failing, GET, 500),
    "no request": (unread, b"\x16\x03\x01\r\n\r\n", 400),
    "no Host": (unread, b"GET / HTTP/1.1\r\n\r\n", 400),
    "too long a line": (unread, b"GET /" + b"a" * 10_000, 414),
    "too long a field": (unread, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 10_000, 431),
    "HTTP/1.0": (unread, b"GET / HTTP/1.0\r\n\r\n", 200),
}


@pytest.mark.parametrize(("handler", "request_bytes", "status"), ASKED.values(), ids=ASKED)
async def test_the_server_header_tells_the_name_of_the_product_and_nothing_else(
    handler: Handler, request_bytes: bytes, status: int
) -> None:
    async with serving(handler, lingering_time=0.1) as server, await server.talk() as talk:
        talk.send(request_bytes)
        head = await talk.head()
    found, fields = parse_head(head)
    assert found in (status, 431 if status == 414 else status)
    assert fields.get("server", "trunkline") == "trunkline"
    assert b"python" not in head.lower()
    assert not {"x-powered-by", "via"} & fields.keys()


# Many requests, and bodies that end too soon.


async def ask_200_000_times() -> None:
    """Ask as fast as a server reads, and read all that it answers."""
    number, piece = 200_000, GET * 1_000

    async def ask() -> None:
        for _ in range(number // 1_000):
            talk.send(piece)
            await talk.writer.drain()

    async with serving(unread, access_log=None) as server, await server.talk() as talk:
        asking = asyncio.create_task(ask())
        await count_answers(talk.reader, number)
        await asking


async def test_200_000_pipelined_requests_leave_the_loop_free() -> None:
    async with loop_is_free():
        await ask_200_000_times()


async def test_200_000_pipelined_requests_take_little_memory() -> None:
    with peak_below(8 * MIB):
        await ask_200_000_times()


async def count_answers(reader: asyncio.StreamReader, number: int) -> None:
    tail, answers = b"", 0
    while answers < number:
        data = tail + await reader.read(2**16)
        answers += data.count(b"HTTP/1.1 200 OK\r\n")
        tail = data[-16:]


@pytest.mark.parametrize("goodbye", [True, False])
async def test_a_request_body_that_tls_cuts_is_never_read_as_whole(goodbye: bool) -> None:
    authority = ThrowawayCA()
    read: list[bytes] = []
    raised: list[Exception] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        try:
            read.append(await request.read())
        except Exception as error:
            raised.append(error)
            raise
        return web.Response()

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context()).start()
        port = runner.addresses[0][1]
        for framing in (b"Content-Length: 99", b"Transfer-Encoding: chunked"):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=authority.client_context(), server_hostname="127.0.0.1"
            )
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n4\r\npart\r\n")
            await writer.drain()
            await turns()
            writer.close() if goodbye else writer.transport.abort()
        await until(lambda: len(raised) == 2)
    finally:
        await runner.cleanup()
    assert read == []
    assert all(isinstance(error, ConnectionError) for error in raised)


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_request_body_whose_coding_is_cut_short_is_a_400(coding: str) -> None:
    encoder = make_encoder(coding, None)
    body = (encoder.encode(bytes(range(256)) * 4) + encoder.flush())[:-6]
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with serving(reading, lingering_time=0.1) as server, await server.talk() as talk:
        talk.send(head.encode() + body)
        assert (await talk.response())[0] == 400


@pytest.mark.parametrize("unit", [b"%", b"a=%41&", b"&"])
async def test_a_form_of_a_megabyte_never_blocks_the_loop(unit: bytes) -> None:
    async def posted(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=str(len(await request.post())))

    body = (unit * 2**20)[: 2**20 - 1]
    fields = b"Host: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(body)
    async with serving(posted) as server, loop_is_free():
        status, _, _ = await server.ask(b"POST / HTTP/1.1\r\n" + fields + b"\r\n" + body)
        assert status in (200, 413)


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_bomb_in_a_part_of_a_form_is_refused_soon_and_in_little_memory(coding: str) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text=str(len(await request.post())))

    app = web.Application()
    app.router.add_post("/", handler)
    encoder = make_encoder(coding, 9 if coding in ("gzip", "deflate") else None)
    packed = b"".join(encoder.encode(bytes(MIB)) for _ in range(400)) + encoder.flush()
    part = b'--b\r\nContent-Disposition: form-data; name="a"%b\r\nContent-Encoding: %b\r\n\r\n%b\r\n--b--\r\n'
    async with serving(app, lingering_time=0.1) as server:
        for filename in (b"", b'; filename="f"'):
            body = part % (filename, coding.encode(), packed)
            fields = f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n"
            async with await server.talk() as talk, asyncio.timeout(2):
                with peak_below(32 * MIB):
                    talk.send(f"POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode() + body)
                    status, _, answer = await talk.response()
                assert status in (400, 413) or (status, answer) == (200, b"1")


# What has come costs little.

HELD = {
    "half a head": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 120,
    "half a line": b"GET /" + b"a" * 2_000,
    "half a body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n" + b"x" * 2_000,
    "one-byte chunks": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 400,
    "trailers": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 120,
    "empty lines": b"\r\n" * 16,
}


@pytest.mark.parametrize("data", HELD.values(), ids=HELD)
async def test_what_has_come_costs_no_more_than_a_hundred_times_its_bytes(data: bytes) -> None:
    number = 50
    async with serving(reading) as server:
        with peak_below(2 * MIB + number * len(data) * 100):  # 2: what these clients hold
            talks = [await server.talk() for _ in range(number)]
            for talk in talks:
                talk.send(data)
            await turns(20)  # what was sent on loopback is there: each turn of the loop reads what is
        for talk in talks:
            talk.writer.transport.abort()
        await until_nothing_left(server)


# Files.


async def test_a_fifo_or_a_device_in_a_static_folder_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, device in (("null", "/dev/null"), ("zero", "/dev/zero"), ("tty", "/dev/tty")):
        (tmp_path / name).symlink_to(device)
    (tmp_path / "socket-folder").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    app = web.Application()
    app.router.add_static("/strict", tmp_path)
    app.router.add_static("/linked", tmp_path, follow_symlinks=True)
    with listener:
        async with serving(app) as server, asyncio.timeout(2):
            for name in ("fifo", "null", "zero", "tty", "socket"):
                for prefix in ("strict", "linked"):
                    assert (await server.get(f"/{prefix}/{name}"))[0] in (403, 404)


# No descriptors left.

BACKLOG = 128  # of TCPSite


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let the process have no descriptor more than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
    fillers = [os.open("/dev/null", os.O_RDONLY) for _ in range(used - len(os.listdir("/proc/self/fd")) + 1)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)


async def test_without_descriptors_open_connections_are_served_and_those_that_wait_are_taken_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    async with serving(unread) as server, await server.talk() as talk:
        talk.send(GET)
        assert (await talk.response())[0] == 200
        waiting = socket.socket()
        waiting.setblocking(False)
        with waiting:
            with no_descriptor_left():
                await loop.sock_connect(waiting, ("127.0.0.1", server.port))
                await until(lambda: caplog.records)
                for _ in range(20):
                    talk.send(GET)
                    assert (await talk.response())[0] == 200
                said = len(caplog.records)
            assert said <= 2 * BACKLOG  # no spin: asyncio tries as often as connections may wait, then rests a second
            assert "accept" in caplog.records[0].getMessage()
            assert caplog.records[0].levelno == logging.ERROR
            await loop.sock_sendall(waiting, GET.replace(b"Host", b"Connection: close\r\nHost"))
            async with asyncio.timeout(5):
                received = b""
                while data := await loop.sock_recv(waiting, 2**16):
                    received += data
    assert statuses(received) == [200]


async def test_a_client_that_trusts_nobody_sends_no_request(caplog: pytest.LogCaptureFixture) -> None:
    paths: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        paths.append(request.path)
        return web.Response()

    authority, another = ThrowawayCA(), ThrowawayCA()
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context()).start()
        port = runner.addresses[0][1]
        for context in (another.client_context(), authority.client_context()):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            except ssl.SSLError:
                continue
            writer.write(GET)
            await until(lambda: paths)
            writer.close()
        assert paths == ["/"]
        talk = await asyncio.open_connection("127.0.0.1", port)
        talk[1].write(GET)  # no TLS at all
        assert b"HTTP/" not in await talk[0].read()
        talk[1].close()
        assert paths == ["/"]
    finally:
        await runner.cleanup()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
