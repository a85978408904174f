"""`ClientWebSocketResponse` and a server that is scripted frame by frame: messages in and out, and bad bytes."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

import pytest
from yarl import URL

import trunkline
from tests.client.raw_websocket import (
    BINARY,
    CLOSE,
    CLOSED,
    PING,
    PONG,
    TEXT,
    Script,
    close_frame,
    frame,
    opened,
    receive_all,
)
from trunkline import ClientWebSocketResponse, ClientWSTimeout, WSMessage, WSMsgType
from trunkline.testing.throwaway_ca import ThrowawayCA
from trunkline.wire.errors import WebSocketError
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.deflate import Deflater
from trunkline.wire.ws.frames import FrameWriter

CA = ThrowawayCA()


async def test_it_knows_how_it_was_opened() -> None:
    async with opened(Script(), compress=15) as ws:
        assert (ws.protocol, ws.compress, ws.client_notakeover) == (None, 0, False)
        assert (ws.closed, ws.close_code, ws.exception()) == (False, None, None)
        assert ws._response.status == 101
        assert ws._response.headers["Upgrade"] == "websocket"
        assert ws.get_extra_info("peername")[0] == "127.0.0.1"
        assert ws.get_extra_info("nothing", 5) == 5
        assert ws._response.connection is not None
        assert ws._conn is None  # what ccxt looks for
    assert ws._response.closed
    assert ws.get_extra_info("peername", 5) == 5


async def test_each_way_to_send() -> None:
    script = Script()
    async with opened(script) as ws:
        await ws.send_str("é")
        await ws.send_bytes(b"bytes")
        await ws.send_bytes(bytearray(b"bytearray"))
        await ws.send_bytes(memoryview(b"memoryview"))
        await ws.send_json([1])
        await ws.send_json([1], dumps=lambda data: f"dumped {data}")
        await ws.send_json_bytes([1], dumps=lambda data: b"dumped")
        await ws.send_frame(b"framed", TEXT)
        await ws.ping("é")
        await ws.pong(b"unasked")
    assert script.said == [
        (TEXT, "é".encode()),
        (BINARY, b"bytes"),
        (BINARY, b"bytearray"),
        (BINARY, b"memoryview"),
        (TEXT, json.dumps([1]).encode()),
        (TEXT, b"dumped [1]"),
        (BINARY, b"dumped"),
        (TEXT, b"framed"),
        (PING, "é".encode()),
        (PONG, b"unasked"),
    ]


async def test_what_cannot_be_sent_raises_and_is_not_sent() -> None:
    script = Script()
    async with opened(script) as ws:
        refused: list[tuple[type[Exception], str, Awaitable[object]]] = [
            (TypeError, "data argument must be str", ws.send_str(b"bytes")),  # type: ignore[arg-type]  # as users do
            (TypeError, "data argument must be byte-ish", ws.send_bytes("text")),  # type: ignore[arg-type]  # the same
            (TypeError, "wanted bytes or str", ws.ping(5)),  # type: ignore[arg-type]  # the same
            (ValueError, "limit is 125", ws.ping(b"x" * 126)),
            (ValueError, "must not be sent", ws.close(code=1005)),
            (ValueError, "limit is 123", ws.close(message="x" * 124)),
        ]
        for error, text, sending in refused:
            with pytest.raises(error, match=text):
                await sending
        assert not ws.closed
    assert script.said == []


async def test_each_way_to_receive() -> None:
    script = Script(b"".join([frame(TEXT, b"text"), frame(BINARY, b"bytes"), frame(TEXT, b"[1]"), frame(TEXT, b"raw")]))
    async with opened(script) as ws:
        assert await ws.receive_str() == "text"
        assert await ws.receive_bytes() == b"bytes"
        assert await ws.receive_json() == [1]
        assert await ws.receive_json(loads=str.upper) == "RAW"


async def test_another_kind_than_was_asked_for_is_a_type_error_that_names_both() -> None:
    script = Script(frame(BINARY, b"\x01") + frame(TEXT, b"txt") + frame(BINARY, b"{}") + close_frame(1001))
    async with opened(script) as ws:
        for receiving, text in (
            (ws.receive_str(), r"Received message 2:b'\\x01' is not WSMsgType.TEXT"),
            (ws.receive_bytes(), "Received message 1:'txt' is not WSMsgType.BINARY"),
            (ws.receive_json(), r"Received message 2:b'\{\}' is not WSMsgType.TEXT"),
            (ws.receive_str(), "Received message 8:1001 is not WSMsgType.TEXT"),
        ):
            with pytest.raises(trunkline.WSMessageTypeError, match=text):
                await receiving


async def test_iterating_ends_with_the_close_and_yields_errors() -> None:
    async with opened(Script(frame(TEXT, b"a") + frame(BINARY, b"b") + close_frame(1001, b"go"))) as ws:
        assert [message async for message in ws] == [(TEXT, "a", ""), (BINARY, b"b", "")]
        assert (ws.closed, ws.close_code) == (True, 1001)
    async with opened(Script(frame(TEXT, b"a") + b"\x83\x00")) as ws:
        assert [message.type async for message in ws] == [TEXT, WSMsgType.ERROR]


async def test_fragments_are_joined_and_pings_between_them_answered() -> None:
    script = Script(b"\x01\x01a" + frame(PING, b"p") + b"\x00\x02\xc3\xa9" + b"\x80\x01z")
    async with opened(script) as ws:
        assert await ws.receive_str() == "aéz"
    assert script.said == [(PONG, b"p")]


async def test_without_autoping_pings_and_pongs_are_the_readers() -> None:
    script = Script(frame(PING, b"p") + frame(PONG, b"q"))
    async with opened(script, autoping=False) as ws:
        assert [await ws.receive(), await ws.receive()] == [(PING, b"p", ""), (PONG, b"q", "")]
    assert script.said == []


async def test_text_may_be_left_as_bytes_unchecked() -> None:
    async with opened(Script(frame(TEXT, b"a\xff")), decode_text=False) as ws:
        assert await ws.receive() == WSMessage(TEXT, b"a\xff", "")


@pytest.mark.parametrize(
    ("options", "timeout"), [({}, 0.01), ({"timeout": ClientWSTimeout(ws_receive=0.01)}, None)], ids=["call", "option"]
)
async def test_after_a_timeout_receiving_goes_on(options: dict[str, Any], timeout: float | None) -> None:
    say = asyncio.Event()

    async def play(peer: Any) -> None:
        await say.wait()
        await peer.send(frame(TEXT, b"late"))

    async with opened(Script(play=play), **options) as ws:
        for receiving in (ws.receive(timeout), ws.receive_str(timeout=timeout), ws.receive_bytes(timeout=timeout)):
            with pytest.raises(asyncio.TimeoutError):
                await receiving
        assert (ws.closed, ws.close_code) == (False, None)
        say.set()
        assert await ws.receive_str(timeout=5) == "late"


async def test_only_one_may_receive() -> None:
    async with opened(Script()) as ws:
        reader = asyncio.create_task(ws.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="Concurrent call to receive"):
            await ws.receive()
        reader.cancel()


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("ends", [False, True], ids=["stays", "leaves"])
async def test_what_a_server_says_with_its_agreement_is_not_lost(over_tls: bool, ends: bool) -> None:
    script = Script(frame(TEXT, b"a") + frame(PING, b"p") + close_frame(4001, b"who are you"), ends=ends)
    async with opened(script, tls=CA.server_context() if over_tls else None, ssl=CA.client_context()) as ws:
        assert await receive_all(ws) == [(TEXT, "a", ""), (CLOSE, 4001, "who are you"), CLOSED]
        assert (ws.close_code, ws.exception()) == (4001, None)
    if not ends:
        assert script.said == [(PONG, b"p"), (CLOSE, b"\x03\xe8")]


# One for each code with which we answer; tests/hostile has all that a server must not say.
BAD = {
    "masked": (b"\x81\x81abcdX", 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "too long": (frame(BINARY, b"x" * 101), 1009),
}


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD)
async def test_what_breaks_the_protocol_fails_the_connection(data: bytes, code: int) -> None:
    script = Script(frame(TEXT, b"good") + data + frame(TEXT, b"never read"))
    async with opened(script, max_msg_size=100) as ws:
        good, error, end = await receive_all(ws)
        assert (good.data, error.type, end) == ("good", WSMsgType.ERROR, CLOSED)
        assert isinstance(error.data, WebSocketError)
        assert (error.data.code, ws.close_code, ws.exception()) == (code, code, error.data)
        with pytest.raises(trunkline.ClientConnectionResetError):
            await ws.send_str("x")
        assert await ws.close() is False
    assert script.said == [(CLOSE, code.to_bytes(2, "big"))]


async def test_a_message_may_be_as_long_as_the_limit_says() -> None:
    async with opened(Script(frame(BINARY, b"x" * 100)), max_msg_size=100) as ws:
        assert len(await ws.receive_bytes()) == 100


async def test_a_bomb_is_not_inflated() -> None:
    bomb = FrameWriter(None, Deflater()).render(BINARY, bytes(50_000_000))
    async with opened(Script(bomb, "Sec-WebSocket-Extensions: permessage-deflate"), compress=15) as ws:
        message = await ws.receive()
        assert (message.type, message.data.code) == (WSMsgType.ERROR, 1009)


def test_annotations_may_say_whether_texts_are_decoded() -> None:
    assert ClientWebSocketResponse[bool].__origin__ is ClientWebSocketResponse  # type: ignore[misc]  # as aiohttp's


async def test_a_connection_that_is_gone_opens_no_websocket() -> None:
    response = trunkline.ClientResponse("GET", URL("http://test/"))
    reader = MessageReader(is_server=False, max_bytes=0)
    with pytest.raises(trunkline.ClientConnectionError, match="before the WebSocket was open"):
        ClientWebSocketResponse(
            reader, FrameWriter(None), None, response, ClientWSTimeout(), True, True, asyncio.get_running_loop()
        )
