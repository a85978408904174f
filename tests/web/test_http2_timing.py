"""What a server of HTTP/2 waits for, and for how long; and clients that want to keep it busy."""

import asyncio
import struct

import h2.connection
import pytest

from tests.waiting import until
from tests.web.h2_client import h2_talk
from tests.web.serving import Talk, serving
from trunkline import web
from trunkline.wire.limits import H2_STREAM_WINDOW

OPT_IN = "prior-knowledge"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FRAME_SIZE_ERROR, REFUSED_STREAM, CALM = 0, 1, 2, 6, 7, 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + struct.pack(">I", stream) + payload


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="hello")


async def goaway(talk: Talk) -> int:
    """Read until the server closes, and return the code that it gave in its last GOAWAY."""
    async with asyncio.timeout(5):
        said = await talk.rest()
    codes = []
    while said:
        length = int.from_bytes(said[:3])
        if said[3] == 7:
            codes.append(int.from_bytes(said[13:17]))
        said = said[9 + length :]
    return codes[-1]


# Waiting.


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with serving(hello, http2=OPT_IN, keepalive_timeout=0.1) as server, h2_talk(server.port) as talk:
        for _ in range(4):
            assert (await talk.get("/")).body == b"hello"
            await asyncio.sleep(0.05)
        await talk.closed()
        assert [(event.error_code, event.last_stream_id) for event in talk.goaways] == [(NO_ERROR, 7)]


async def test_a_handler_that_takes_its_time_does_not_make_a_connection_idle() -> None:
    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return web.Response()

    async with serving(slow, http2=OPT_IN, keepalive_timeout=0.1) as server, h2_talk(server.port) as talk:
        assert (await talk.get("/")).status == 200
        await talk.closed()


@pytest.mark.parametrize(
    "said",
    [
        PREFACE,
        PREFACE + SETTINGS,
        PREFACE + SETTINGS + b"\0\0\5",
        PREFACE + SETTINGS + frame(1, 0, 1, b"\x82"),
        PREFACE + SETTINGS + frame(1, 5, 1, b"\x82\x84\x86A\4test")[:-2],
    ],
    ids=["preface", "settings", "head of a frame", "head that goes on", "half a head"],
)
async def test_a_client_that_says_no_more_is_closed(said: bytes) -> None:
    async with serving(hello, http2=OPT_IN, head_timeout=0.1) as server, await server.talk() as talk:
        talk.send(said)
        assert await goaway(talk) == NO_ERROR


@pytest.mark.parametrize("kind", ["bytes", "frames"])
async def test_a_head_that_drips_has_one_time_for_all(kind: str) -> None:
    head = frame(1, 0, 1, b"\x82")
    drip = [frame(9, 0, 1, b"\0\1x\1y")] * 30 if kind == "frames" else [b"\0", b"\0", *([b"\x20"] * 30)]
    async with serving(hello, http2=OPT_IN, head_timeout=0.1) as server, await server.talk() as talk:
        talk.send(PREFACE + SETTINGS + (head if kind == "frames" else b""))
        ending = asyncio.create_task(goaway(talk))
        for piece in drip:
            if ending.done():
                break
            talk.send(piece)
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the head drips on")
        assert await ending == NO_ERROR


async def test_a_head_behind_a_request_drips_in_vain() -> None:
    request = frame(1, 5, 1, b"\x82\x84\x86A\4test")
    async with serving(hello, http2=OPT_IN, head_timeout=0.1, keepalive_timeout=0.1) as server:  # noqa: SIM117
        async with await server.talk() as talk:
            talk.send(PREFACE + SETTINGS + request[:-2])
            await asyncio.sleep(0.02)
            talk.send(request[-2:] + frame(1, 0, 3, b"\x82"))
            ending = asyncio.create_task(goaway(talk))
            for _ in range(25):
                if ending.done():
                    break
                talk.send(frame(9, 0, 3, b"\0\1x\1y"))
                await asyncio.sleep(0.02)
            else:
                pytest.fail("the head drips on")
            assert await ending == NO_ERROR


async def test_a_body_that_stops_is_told_to_its_handler() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async with serving(handler, http2=OPT_IN, read_timeout=0.1) as server, h2_talk(server.port) as talk:
        number = talk.ask("/", "POST", body=b"x", ends=False)
        answer = talk.answers[number]
        await talk.until(lambda: answer.is_whole)
        assert answer.status == 408
        assert (await talk.get("/", "POST", body=b"y")).body == b"y"


async def test_a_frame_of_a_body_may_drip_as_fast_as_a_body_may() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async with serving(handler, http2=OPT_IN, read_timeout=0.2) as server, h2_talk(server.port) as talk:
        number = talk.ask("/", "POST", ends=False)
        await talk.until(lambda: talk.codec.outbound_flow_control_window > 65_535)
        talk.is_mute = True  # or the library would say something of its own within the frame
        talk.writer.write(frame(0, 1, number, b"x" * 400)[:-400])
        for _ in range(20):
            await asyncio.sleep(0.03)
            talk.writer.write(b"x" * 20)
        assert (await talk.answer(number)).body == b"x" * 400


async def test_a_handler_that_does_not_read_blames_nobody_for_its_waiting() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0.4)
        return web.Response(text=str(len(await request.read())))

    async with serving(handler, http2=OPT_IN, read_timeout=0.1) as server, h2_talk(server.port) as talk:
        await talk.until(lambda: talk.codec.outbound_flow_control_window > 65_535)
        number = talk.ask("/", "POST", ends=False)
        while size := min(talk.codec.local_flow_control_window(number), 16_384):
            talk.send(number, b"x" * size)
        await talk.until(lambda: talk.codec.local_flow_control_window(number))
        talk.send(number, b"", ends=True)
        assert (await talk.answer(number)).body == str(H2_STREAM_WINDOW).encode()


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_client_that_opens_no_window_loses_its_stream_alone(streamed: bool) -> None:
    ends: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/" or not streamed:
            return web.Response(body=b"x" * (1 if request.path == "/" else 60_000))
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 10_000)
        except ConnectionResetError:
            ends.append("told")
            raise

    async with (
        serving(handler, http2=OPT_IN, write_timeout=0.1) as server,
        h2_talk(server.port, gives_back=False, settings={4: 20_000}) as talk,
    ):
        number = talk.ask("/long")
        answer = await talk.answer(number)
        assert (len(answer.body), answer.is_whole, answer.reset) == (20_000, False, INTERNAL_ERROR)
        assert (await talk.get("/")).body == b"x"
        assert ends == ["told"] * streamed


async def test_a_client_that_reads_nothing_loses_its_connection() -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 60_000)

    async with serving(endless, http2=OPT_IN, write_timeout=0.2) as server, await server.talk() as talk:
        codec = h2.connection.H2Connection()
        codec.initiate_connection()
        codec.update_settings({4: 2**31 - 1})
        codec.increment_flow_control_window(2**30)
        codec.send_headers(1, [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test")], True)
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport of both directions
        talk.send(codec.data_to_send())
        await until(lambda: server.server.connections and server.server.connections[0].tasks)
        await until(lambda: not server.server.connections)


# Floods.


async def test_handlers_that_go_on_count_when_their_streams_are_reset() -> None:
    gate = asyncio.Event()
    running = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal running
        if request.path == "/":
            return web.Response()
        running += 1
        await gate.wait()
        return web.Response()

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        refused = 0
        for _ in range(200):
            seen = running
            number = talk.ask("/wait")
            answer = talk.answers[number]
            await until(lambda: running > seen or answer.is_over)  # noqa: B023 - it is awaited here
            if answer.reset == REFUSED_STREAM:
                refused += 1
            else:
                talk.reset(number)
        assert (running, refused) == (128, 72)
        gate.set()
        await until(lambda: not server.server.connections[0].tasks)
        assert (await talk.get("/")).status == 200


async def test_requests_that_are_reset_in_the_same_read_are_not_answered() -> None:
    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response()

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        talk.is_mute = True
        for _ in range(50):
            talk.reset(talk.ask("/reset"))
        talk.is_mute = False
        assert (await talk.get("/")).status == 200
        assert seen == ["/"]


async def test_a_flood_of_resets_ends_the_connection() -> None:
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        while not talk.goaways:
            talk.reset(talk.ask("/"))
            await asyncio.sleep(0)
        await talk.closed()
        assert talk.goaways[-1].error_code == CALM


@pytest.mark.parametrize(
    ("flood", "code"),
    [
        (frame(6, 0, 0, b"12345678") * 20_000, CALM),
        (SETTINGS * 20_000, CALM),
        (frame(1, 0, 1, b"\x82") + frame(9, 0, 1, b"") * 20_000, CALM),
        (frame(99, 0, 0, b"") * 20_000, CALM),
        (b"x" * 1000, FRAME_SIZE_ERROR),
        (frame(0, 0, 0, b"x"), PROTOCOL_ERROR),
    ],
    ids=["pings", "settings", "continuations", "unknown", "no frames", "data for nothing"],
)
async def test_a_client_that_breaks_the_rules_is_told_so(flood: bytes, code: int) -> None:
    async with serving(hello, http2=OPT_IN) as server:
        async with await server.talk() as talk:
            talk.send(PREFACE + SETTINGS + flood)
            told = await goaway(talk)
            assert told == code
            assert server.server.connections
        await until(lambda: not server.server.connections)


async def test_a_client_that_reads_no_answers_is_not_read_either() -> None:
    answered = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal answered
        answered += 1
        return web.Response(text="x" * 2000)

    async with serving(handler, http2=OPT_IN) as server, await server.talk() as talk:
        codec = h2.connection.H2Connection()
        codec.initiate_connection()
        codec.increment_flow_control_window(2**30)
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]  # as above
        head = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test")]
        for number in range(1, 20_001, 2):
            codec.send_headers(number, head, True)
            codec.reset_stream(number) if number > 400 else None
            talk.send(codec.data_to_send())
            if number % 100 == 1:
                await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        assert answered < 10_000
        for connection in server.server.connections:
            assert connection.transport is None or connection.transport.get_write_buffer_size() < 2**20


async def test_settings_that_shrink_windows_below_nothing() -> None:
    async with serving(hello, http2=OPT_IN) as server, h2_talk(server.port, settings={4: 0}) as talk:
        numbers = [talk.ask("/") for _ in range(5)]
        await talk.until(lambda: all(talk.answers[number].fields for number in numbers))
        talk.codec.update_settings({4: 3})
        talk.flush()
        await talk.until(lambda: all(talk.answers[number].body == b"hel" for number in numbers))
        talk.codec.update_settings({4: 100})
        talk.flush()
        await talk.until(lambda: all(talk.answers[number].body == b"hello" for number in numbers))
