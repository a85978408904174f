"""What one client of HTTP/2 can make a server hold, and for how long, whatever it sends and does not read."""

import asyncio
import struct
from contextlib import suppress

import h2.connection
import pytest
from hpack import Encoder

from tests.hostile.nearby import loop_is_free
from tests.waiting import until
from tests.web.h2_client import h2_talk
from tests.web.serving import serving
from trunkline import web
from trunkline.conn.server_h2 import ServerH2
from trunkline.wire.limits import H2_MAX_STREAMS, MAX_DRAINED_BYTES

OPT_IN = "prior-knowledge"
HEAD = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test")]
HEADERS, PING = 1, 6
END_STREAM_AND_HEADERS = 5
HELD_BYTES = 2**25  # by the threat model, of one connection


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="hello")


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream_id) + payload


@pytest.mark.parametrize("windows", ["shut", "open"])
@pytest.mark.parametrize("kind", ["whole", "file"])
async def test_large_answers_that_nobody_reads_wait_in_small_pieces(
    kind: str, windows: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = b"x" * 1_000_000
    path = tmp_path_factory.mktemp("served") / "file"
    path.write_bytes(content)

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=content) if kind == "whole" else web.FileResponse(path)

    async with serving(handler, http2=OPT_IN) as server, await server.talk() as talk:
        codec = h2.connection.H2Connection()
        codec.initiate_connection()
        if windows == "open":
            codec.update_settings({4: 2**31 - 1})
            codec.increment_flow_control_window(2**30)
        for number in range(1, 2 * H2_MAX_STREAMS, 2):
            codec.send_headers(number, HEAD, True)
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport of both directions
        talk.send(codec.data_to_send())
        await until(lambda: server.server.requests_count == H2_MAX_STREAMS)
        (connection,) = server.server.connections
        assert isinstance(connection, ServerH2)
        assert connection.transport is not None
        held = 0
        for _ in range(50):
            await asyncio.sleep(0.01)
            unsent = sum(len(stream.unsent) for stream in connection.core.streams.values())
            held = max(held, unsent + connection.transport.get_write_buffer_size())
        assert 0 < held < HELD_BYTES * 3 // 4
        talk.writer.transport.abort()


async def test_a_client_that_broke_the_rules_is_not_heard_without_end() -> None:
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        await talk.get("/")
        talk.is_mute = True
        sent = 0
        pings = frame(PING, 0, 0, b"12345678") * 50_000
        while server.server.connections and sent < 2 * MAX_DRAINED_BYTES:
            talk.writer.write(pings)
            sent += len(pings)
            with suppress(ConnectionError):
                await talk.writer.drain()
            await asyncio.sleep(0)
        assert MAX_DRAINED_BYTES < sent < 2 * MAX_DRAINED_BYTES


async def test_a_server_may_end_while_it_lingers_for_a_client_that_broke_the_rules() -> None:
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port) as good, h2_talk(server.port) as bad:
        await good.get("/")
        await bad.get("/")
        bad.is_mute = True
        bad.writer.write(frame(PING, 0, 1, b"12345678") + b"\0")
        await bad.until(lambda: bad.goaways)
        server.server.pre_shutdown()
        await good.until(lambda: good.goaways)
        bad.writer.close()
        await server.runner.cleanup()
        await good.closed()


async def test_long_values_that_are_said_again_and_again_hold_no_loop() -> None:
    encoder = Encoder()
    first = encoder.encode([*HEAD, ("x-long", "v" * 3900)])
    block = encoder.encode([*HEAD, *[("x-long", "v" * 3900)] * 14])
    heads = [frame(HEADERS, END_STREAM_AND_HEADERS, number, block) for number in range(3, 257, 2)]
    async with serving(hello, http2=OPT_IN) as server, await server.talk() as talk:
        codec = h2.connection.H2Connection()
        codec.initiate_connection()
        talk.send(codec.data_to_send() + frame(HEADERS, END_STREAM_AND_HEADERS, 1, first))
        await until(lambda: server.server.requests_count == 1)
        async with loop_is_free():
            talk.send(b"".join(heads))
            await until(lambda: server.server.requests_count == 128)
