"""WebSocketResponse over sockets: the public API, against raw frames."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.web.serving import Talk, serving
from trunkline.web.exceptions import HTTPBadRequest
from trunkline.web.request import BaseRequest
from trunkline.web.websocket import WebSocketReady, WebSocketResponse
from trunkline.wire.errors import WebSocketError
from trunkline.wire.ws.deflate import Deflater
from trunkline.wire.ws.frames import FrameWriter
from trunkline.wire.ws.message import WSCloseCode, WSMessage, WSMessageTypeError, WSMsgType

TEXT, BINARY, CLOSE, PING, PONG = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE, WSMsgType.PING, WSMsgType.PONG
CLOSED = WSMessage(WSMsgType.CLOSED, None, None)
CLOSING = WSMessage(WSMsgType.CLOSING, None, None)

Script = Callable[[WebSocketResponse], Awaitable[Any]]  # Any: what a test looks at
Rest = asyncio.StreamReader

HEAD = (
    "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def frame(opcode: int, payload: bytes = b"") -> bytes:
    return FrameWriter(lambda: b"\x11\x22\x33\x44").render(opcode, payload)


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


class Running:
    """A WebSocket that a raw client has opened, and the script that its server runs on it."""

    def __init__(self, talk: Talk, result: "asyncio.Future[Any]") -> None:
        self.talk = talk
        self._result = result

    async def result(self) -> Any:  # Any: the script's
        return await asyncio.wait_for(asyncio.shield(self._result), 5)

    def send(self, *frames: bytes) -> None:
        self.talk.send(b"".join(frames))

    async def read(self, wanted: bytes) -> None:
        assert await asyncio.wait_for(self.talk.reader.readexactly(len(wanted)), 5) == wanted

    async def read_end(self, wanted: bytes = b"") -> None:
        assert await asyncio.wait_for(self.talk.rest(), 5) == wanted


class Opener:
    """Opens a WebSocket with options for its WebSocketResponse."""

    def __init__(self, script: Script, extensions: str = "", **options: Any) -> None:  # Any: as the class takes them
        self._script = script
        self._head = HEAD + (f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else "") + "\r\n"
        self._options = options
        self._result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._serving = serving(self._handle)

    async def _handle(self, request: BaseRequest) -> WebSocketResponse:
        websocket = WebSocketResponse(**self._options)
        await websocket.prepare(request)
        try:
            result = await self._script(websocket)
        except Exception as error:
            self._result.set_exception(error)
            raise
        self._result.set_result(result)
        return websocket

    async def __aenter__(self) -> Running:
        served = await self._serving.__aenter__()
        self._talk = await served.talk()
        self._talk.send(self._head.encode())
        assert (await self._talk.head()).startswith(b"HTTP/1.1 101 ")
        return Running(self._talk, self._result)

    async def __aexit__(self, *exc_info: Any) -> None:  # Any: as Python calls it
        self._talk.writer.close()
        await self._serving.__aexit__(*exc_info)


async def receive_all(websocket: WebSocketResponse) -> list[WSMessage]:
    """Receive until the end, and once more."""
    messages = []
    while not websocket.closed:
        messages.append(await websocket.receive())
    return [*messages, await websocket.receive()]


# Opening.


async def test_the_answer_to_a_handshake() -> None:
    async def handler(request: BaseRequest) -> WebSocketResponse:
        websocket = WebSocketResponse(protocols=("chat", "superchat"))
        assert websocket.can_prepare(request) == WebSocketReady(True, "superchat")
        assert (websocket.prepared, websocket.ws_protocol, websocket.compress) == (False, None, True)
        await websocket.prepare(request)
        assert await websocket.prepare(request) is not None
        assert (websocket.prepared, websocket.ws_protocol, websocket.compress) == (True, "superchat", 12)
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
        await asyncio.sleep(0.01)  # so that they come before the protocol is switched
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
        return await websocket.receive(timeout=5)

    async with Opener(script, receive_timeout=0.01) as running:
        await asyncio.sleep(0.05)  # the silence is what is tested
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


# Closing.


async def test_after_the_end_receive_says_closed_four_times_and_then_raises() -> None:
    async def script(websocket: WebSocketResponse) -> list[WSMessage]:
        messages = [await websocket.receive() for _ in range(5)]
        with pytest.raises(RuntimeError, match="WebSocket connection is closed"):
            await websocket.receive()
        return messages

    async with Opener(script) as running:
        running.send(close_frame(1001, b"bye"))
        assert await running.result() == [(CLOSE, 1001, "bye"), *[CLOSED] * 4]


async def test_a_close_frame_without_a_code_is_code_0() -> None:
    async def script(websocket: WebSocketResponse) -> tuple[WSMessage, int | None]:
        return await websocket.receive(), websocket.close_code

    async with Opener(script) as running:
        running.send(frame(CLOSE))
        assert await running.result() == ((CLOSE, 0, ""), 0)


async def test_without_autoclose_the_handler_answers_the_close_frame() -> None:
    async def script(websocket: WebSocketResponse) -> list[WSMessage]:
        messages = [await websocket.receive(), await websocket.receive()]
        assert (websocket.closed, websocket.close_code) == (False, 1000)
        await websocket.send_str("still")
        assert await websocket.close(code=4000, message="m")
        return [*messages, await websocket.receive()]

    async with Opener(script, autoclose=False) as running:
        running.send(close_frame(1000, b"bye"))
        assert await running.result() == [(CLOSE, 1000, "bye"), CLOSING, CLOSED]
        await running.read_end(b"\x81\x05still\x88\x03\x0f\xa0m")


async def test_the_server_closes_and_waits_for_the_client_s_close_frame() -> None:
    async def script(websocket: WebSocketResponse) -> None:
        assert await websocket.close(code=WSCloseCode.GOING_AWAY, message=b"bye")
        assert (websocket.closed, websocket.close_code, websocket.exception()) == (True, 4001, None)
        assert await websocket.close() is False
        assert await websocket.receive() == CLOSED
        with pytest.raises(ConnectionResetError, match="Cannot write to closing transport"):
            await websocket.send_str("x")

    async with Opener(script) as running:
        await running.read(b"\x88\x05\x03\xe9bye")
        running.send(frame(TEXT, b"too late"), close_frame(4001))
        await running.result()
        await running.read_end()


@pytest.mark.parametrize("answer", [b"", frame(3)])
async def test_a_client_that_does_not_close_properly_is_1006(answer: bytes) -> None:
    async def script(websocket: WebSocketResponse) -> tuple[bool, int | None, type]:
        return await websocket.close(), websocket.close_code, type(websocket.exception())

    async with Opener(script, timeout=0.05) as running:
        await running.read(b"\x88\x02\x03\xe8")
        running.send(answer)
        assert await running.result() == (True, 1006, WebSocketError if answer else TimeoutError)


async def test_closing_from_another_task_wakes_the_reader() -> None:
    async def script(websocket: WebSocketResponse) -> tuple[WSMessage, int | None]:
        reader = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0)
        assert await websocket.close()
        return await reader, websocket.close_code

    async with Opener(script) as running:
        assert await running.result() == (CLOSING, 1000)
        await running.read_end(b"\x88\x02\x03\xe8")


async def test_a_handler_that_returns_closes() -> None:
    async def nothing(websocket: WebSocketResponse) -> None:
        pass

    async with Opener(nothing) as running:
        await running.read(b"\x88\x02\x03\xe8")
        running.send(close_frame(1000))
        await running.read_end()


async def test_a_client_that_leaves_without_a_close_frame_is_1006() -> None:
    async def script(websocket: WebSocketResponse) -> list[WSMessage]:
        messages = [await websocket.receive(), await websocket.receive()]
        assert (websocket.closed, websocket.close_code) == (True, 1006)
        assert isinstance(websocket.exception(), ConnectionResetError)
        assert await websocket.close() is False
        return messages

    for linger in (b"", struct.pack("ii", 1, 0)):  # in order, and with a reset
        async with Opener(script) as running:
            if linger:
                sock = running.talk.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            running.talk.writer.close()
            assert await running.result() == [CLOSED, CLOSED]


async def test_a_silent_client_is_given_up_by_the_heartbeat() -> None:
    async def script(websocket: WebSocketResponse) -> list[WSMessage]:
        messages = await receive_all(websocket)
        assert (websocket.close_code, await websocket.close()) == (1006, False)
        return messages

    async with Opener(script, heartbeat=0.04) as running:
        error, closed = await running.result()
        assert error.type is WSMsgType.ERROR
        assert isinstance(error.data, TimeoutError)
        assert closed == CLOSED
        await running.read_end(b"\x89\x00")


# What breaks the protocol.

BROKEN = {
    "without a mask": (b"\x81\x01x", 1002),
    "reserved bit": (b"\xc1\x81\0\0\0\0x", 1002),
    "reserved opcode": (frame(3), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "fragmented ping": (b"\x09\x80\0\0\0\0", 1002),
    "length in too many bytes": (b"\x82\xfe\0\x01\0\0\0\0x", 1002),
    "close code 1006": (close_frame(1006), 1002),
    "too long": (frame(BINARY, bytes(101)), 1009),
}


@pytest.mark.parametrize(("wire", "code"), BROKEN.values(), ids=BROKEN)
async def test_a_client_that_breaks_the_protocol_is_told_and_the_reader_too(wire: bytes, code: int) -> None:
    async def script(websocket: WebSocketResponse) -> list[WSMessage]:
        messages = await receive_all(websocket)
        assert (websocket.close_code, websocket.exception()) == (1006, messages[1].data)
        return messages

    async with Opener(script, max_msg_size=100) as running:
        running.send(frame(TEXT, b"ok"), wire)
        good, error, closed = await running.result()
        assert (good.data, error.type, error.data.code, closed) == ("ok", WSMsgType.ERROR, code, CLOSED)
        await running.read_end(b"\x88\x02" + code.to_bytes(2, "big"))


async def test_a_client_in_the_middle_of_a_message_that_is_too_long_still_reads_why() -> None:
    async with Opener(lambda websocket: receive_all(websocket)) as running:
        running.send(frame(BINARY, bytes(8 * 2**20)))
        await running.read(b"\x88\x02\x03\xf1")


async def test_a_bomb_is_refused() -> None:
    bomb = bytearray(frame(BINARY, Deflater().deflate(bytes(100 * 2**20))))
    bomb[0] |= 0x40
    async with Opener(lambda websocket: receive_all(websocket), "permessage-deflate") as running:
        running.send(bytes(bomb))
        assert (await running.result())[0].data.code == 1009


async def test_a_client_that_pings_and_never_reads_cannot_fill_our_memory() -> None:
    unsent: list[int] = []

    async def script(websocket: WebSocketResponse) -> None:
        async for message in websocket:
            assert message.data == "done"
            unsent.append(websocket._protocol.transport.get_write_buffer_size())  # type: ignore[union-attr]  # it is open

    async with Opener(script, writer_limit=10_000, timeout=0.05) as running:
        pings = frame(PING, b"x" * 125) * 1000
        for _ in range(100):  # 13 MB of pings
            running.send(pings)
            await running.talk.writer.drain()
        running.send(frame(TEXT, b"done"), close_frame(1000))
        await running.result()
        assert unsent[0] < 20_000
