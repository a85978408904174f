"""`WebSocketResponse` over real connections, with a raw client: what it answers, sends and receives."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.web.raw_websocket import BINARY, HEAD, PING, PONG, TEXT, Opener, close_frame, frame
from tests.web.serving import serving
from trunkline.web.exceptions import HTTPBadRequest
from trunkline.web.request import BaseRequest
from trunkline.web.websocket import WebSocketReady, WebSocketResponse
from trunkline.wire.ws.message import WSMessage, WSMessageTypeError

# Opening.


async def test_the_answer_to_a_handshake() -> None:
    async def handler(request: BaseRequest) -> WebSocketResponse:
        websocket = WebSocketResponse(protocols=("chat", "superchat"))
        assert websocket.can_prepare(request) == WebSocketReady(True, "superchat")
        assert (websocket.prepared, websocket.ws_protocol, websocket.compress) == (False, None, True)
        assert websocket._writer is None
        await websocket.prepare(request)
        assert await websocket.prepare(request) is not None
        assert (websocket.prepared, websocket.ws_protocol, websocket.compress) == (True, "superchat", 12)
        assert websocket._writer is not None  # what Home Assistant sends frames by
        assert (websocket.closed, websocket.close_code, websocket.exception()) == (False, None, None)
        assert websocket.get_extra_info("peername")[0] == "127.0.0.1"
        assert websocket.get_extra_info("nothing", 5) == 5
        with pytest.raises(RuntimeError, match="Already started"):
            websocket.can_prepare(request)
        return websocket

    async with serving(handler) as served, await served.talk() as talk:
        talk.send(
            f"{HEAD}Sec-WebSocket-Protocol: x, superchat\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12\r\n\r\n".encode()
        )
        lines = (await talk.head()).decode().split("\r\n")
        assert lines[0] == "HTTP/1.1 101 Switching Protocols"
        assert lines[1:6] == [
            "Upgrade: websocket",
            "Connection: upgrade",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12",
            "Sec-WebSocket-Protocol: superchat",
        ]
        assert [line.partition(":")[0] for line in lines[6:] if line] == ["Date", "Server"]
        assert await talk.reader.readexactly(4) == b"\x88\x02\x03\xe8"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (HEAD.replace("GET", "POST"), "POST by HTTP/1.1"),
        (HEAD.replace("/1.1", "/1.0"), "GET by HTTP/1.0"),
        (HEAD.replace("websocket\r\n", "h2c\r\n"), "Upgrade: h2c"),
        (HEAD.replace("Connection: Upgrade\r\n", ""), "Connection: None"),
        (HEAD.replace("Version: 13", "Version: 14"), "Sec-WebSocket-Version '14'"),
        (HEAD.replace("dGhl", ""), "Sec-WebSocket-Key"),
        (HEAD + "Content-Length: 2\r\n", "body"),
    ],
)
async def test_a_request_that_asks_for_no_websocket_is_refused_with_400(head: str, said: str) -> None:
    async def handler(request: BaseRequest) -> WebSocketResponse:
        websocket = WebSocketResponse()
        ready = websocket.can_prepare(request)
        assert (bool(ready), ready) == (False, WebSocketReady(False, None))
        with pytest.raises(HTTPBadRequest) as caught:
            await websocket.prepare(request)
        assert not websocket.prepared
        raise caught.value

    async with serving(handler) as served:
        status, fields, body = await served.ask(f"{head}\r\n".encode())
        assert (status, fields["sec-websocket-version"]) == (400, "13")
        assert said in body.decode()


async def test_frames_right_behind_the_handshake_are_read() -> None:
    async def handler(request: BaseRequest) -> WebSocketResponse:
        websocket = WebSocketResponse()
        await websocket.prepare(request)
        await websocket.send_str(await websocket.receive_str())
        return websocket

    async with serving(handler) as served, await served.talk() as talk:
        talk.send(HEAD.encode() + b"\r\n" + frame(TEXT, b"early"))
        await talk.head()
        assert await talk.reader.readexactly(7) == b"\x81\x05early"


async def test_before_prepare_every_use_is_refused() -> None:
    websocket = WebSocketResponse()
    uses: list[Callable[[], Awaitable[object]]] = [
        websocket.receive,
        websocket.receive_str,
        websocket.receive_bytes,
        websocket.receive_json,
        websocket.close,
        websocket.ping,
        websocket.pong,
        lambda: websocket.send_str("x"),
        lambda: websocket.send_bytes(b"x"),
        lambda: websocket.send_json({}),
        lambda: websocket.send_frame(b"x", TEXT),
        websocket.write_eof,
        websocket.__anext__,
    ]
    for use in uses:
        with pytest.raises(RuntimeError, match="prepare"):
            await use()
    with pytest.raises(RuntimeError, match=r"Cannot call \.write\(\) for websocket"):
        await websocket.write(b"x")
    assert (websocket.closed, websocket.close_code, websocket.exception()) == (False, None, None)
    assert websocket.get_extra_info("peername", "nobody") == "nobody"


def test_a_subprotocol_that_is_no_token_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="is not a token"):
        WebSocketResponse(protocols=["a\r\nX: y"])


# Sending.


async def test_each_way_to_send() -> None:
    async def script(websocket: WebSocketResponse) -> None:
        await websocket.send_str("é")
        for data in (b"a", bytearray(b"b"), memoryview(b"c")):
            await websocket.send_bytes(data)
        await websocket.send_json({"a": 1})
        await websocket.send_json_bytes([], dumps=lambda value: json.dumps(value).encode())
        await websocket.send_frame(b"raw", TEXT)
        await websocket.ping("p")
        await websocket.pong(b"q")

    async with Opener(script) as running:
        await running.read(
            b'\x81\x02\xc3\xa9\x82\x01a\x82\x01b\x82\x01c\x81\x08{"a": 1}\x82\x02[]\x81\x03raw'
            b"\x89\x01p\x8a\x01q\x88\x02\x03\xe8"
        )


async def test_what_cannot_be_sent_is_refused_and_harms_nothing() -> None:
    async def script(websocket: WebSocketResponse) -> None:
        wrong: Any = b"bytes"  # Any: the wrong type is what is tested
        with pytest.raises(TypeError, match="must be str"):
            await websocket.send_str(wrong)
        with pytest.raises(TypeError, match="must be str"):
            await websocket.send_json(1, dumps=lambda _: wrong)
        wrong = "text"
        with pytest.raises(TypeError, match="must be byte-ish"):
            await websocket.send_bytes(wrong)
        with pytest.raises(TypeError, match="must be byte-ish"):
            await websocket.send_json_bytes(1, dumps=lambda _: wrong)
        wrong = 5
        with pytest.raises(TypeError, match="wanted bytes or str"):
            await websocket.ping(wrong)
        with pytest.raises(ValueError, match="limit is 125"):
            await websocket.ping(b"x" * 126)
        with pytest.raises(UnicodeEncodeError):
            await websocket.send_str("\ud800")
        for code in (1005, 1006, 1015, 0, 999, 5000):
            with pytest.raises(ValueError, match="must not be sent"):
                await websocket.close(code=code)
        with pytest.raises(ValueError, match="limit is 123"):
            await websocket.close(message="é" * 62)

    async with Opener(script) as running:
        await running.result()
        await running.read(b"\x88\x02\x03\xe8")


async def test_a_client_that_does_not_read_makes_sending_wait() -> None:
    async def script(websocket: WebSocketResponse) -> bool:
        try:
            async with asyncio.timeout(0.2):
                while True:
                    await websocket.send_bytes(bytes(100_000))
        except TimeoutError:
            return True

    async with Opener(script, writer_limit=1000, timeout=0.01) as running:
        assert await running.result()


# Receiving.


async def test_async_for_ends_with_the_close_frame() -> None:
    async def script(websocket: WebSocketResponse) -> list[object]:
        seen = [message.data async for message in websocket]
        assert (websocket.closed, websocket.close_code) == (True, 3001)
        return seen

    async with Opener(script) as running:
        running.send(frame(TEXT, b"a"), frame(PING, b"p"), frame(BINARY, b"b"), close_frame(3001, b"bye"))
        assert await running.result() == ["a", b"b"]
        await running.read_end(b"\x8a\x01p\x88\x02\x03\xe8")


async def test_a_kind_that_was_not_asked_for_is_a_type_error() -> None:
    async def script(websocket: WebSocketResponse) -> None:
        with pytest.raises(WSMessageTypeError, match=r"2:b'x' is not WSMsgType\.TEXT"):
            await websocket.receive_str()
        with pytest.raises(WSMessageTypeError, match=r"1:'x' is not WSMsgType\.BINARY"):
            await websocket.receive_bytes()
        assert await websocket.receive_bytes() == b"y"
        assert await websocket.receive_json() == {"a": 1}
        assert await websocket.receive_json(loads=len) == 2
        with pytest.raises(WSMessageTypeError, match="8:1000 is not"):
            await websocket.receive_str()

    async with Opener(script) as running:
        frames = [
            frame(BINARY, b"x"),
            frame(TEXT, b"x"),
            frame(BINARY, b"y"),
            frame(TEXT, b'{"a": 1}'),
            frame(TEXT, b"zz"),
        ]
        running.send(*frames, close_frame(1000))
        await running.result()


async def test_texts_can_be_received_as_bytes() -> None:
    async with Opener(lambda websocket: websocket.receive(), decode_text=False) as running:
        running.send(frame(TEXT, b"\xff"))
        assert await running.result() == (TEXT, b"\xff", "")


async def test_without_autoping_pings_and_pongs_are_messages() -> None:
    async def script(websocket: WebSocketResponse) -> list[WSMessage]:
        return [await websocket.receive(), await websocket.receive()]

    async with Opener(script, autoping=False) as running:
        running.send(frame(PING, b"p"), frame(PONG, b"q"))
        assert await running.result() == [(PING, b"p", ""), (PONG, b"q", "")]
        await running.read(b"\x88\x02\x03\xe8")


async def test_pings_are_answered_while_the_handler_does_something_else() -> None:
    go_on = asyncio.Event()
    async with Opener(lambda websocket: go_on.wait()) as running:
        running.send(frame(PING, b"p"))
        await running.read(b"\x8a\x01p")
        go_on.set()


async def test_timeouts_of_receiving() -> None:
    async def script(websocket: WebSocketResponse) -> WSMessage:
        with pytest.raises(TimeoutError):
            await websocket.receive()
        with pytest.raises(TimeoutError):
            await websocket.receive_str(timeout=0.01)
        assert not websocket.closed
        both_are_over.set()
        return await websocket.receive(timeout=5)

    both_are_over = asyncio.Event()
    async with Opener(script, receive_timeout=0.01) as running:
        await both_are_over.wait()
        running.send(frame(TEXT, b"x"))
        assert await running.result() == (TEXT, "x", "")


async def test_two_tasks_cannot_receive_at_once() -> None:
    async def script(websocket: WebSocketResponse) -> WSMessage:
        first = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match=r"Concurrent call to receive\(\) is not allowed"):
            await websocket.receive()
        tried.set()
        return await first

    tried = asyncio.Event()
    async with Opener(script) as running:
        await tried.wait()
        running.send(frame(TEXT, b"x"))
        assert (await running.result()).data == "x"
