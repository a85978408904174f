"""The documentation's reference of `WebSocketResponse`, with a client of another library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

import trunkline
from tests.web.serving import Serving, serving
from trunkline import WSCloseCode, WSMsgType, web

Script = Callable[[web.WebSocketResponse], Awaitable[Any]]  # Any: what a test looks at
HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


class Talk:
    """A client, and what became of the script on its server."""

    def __init__(self, client: ClientConnection, result: asyncio.Future[Any]) -> None:
        self.client = client
        self._result = result

    async def result(self) -> Any:  # Any: the script's
        async with asyncio.timeout(5):
            return await self._result


@asynccontextmanager
async def running(script: Script, client: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Talk]:
    """Run `script` on a WebSocket with these options; client: those of the client."""
    result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def handler(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(**options)
        await ws.prepare(request)
        try:
            result.set_result(await script(ws))
        except Exception as error:
            result.set_exception(error)
        return ws

    async with serving(handler) as serve, connect(_url(serve), **(client or {})) as connection:
        yield Talk(connection, result)


def _url(serve: Serving) -> str:
    return f"ws://127.0.0.1:{serve.port}/"


# Opening.


async def test_the_echo_of_the_page() -> None:
    async def echo(ws: web.WebSocketResponse) -> int | None:
        async for msg in ws:
            await ws.send_str(f"{msg.data}!")
        return ws.close_code

    async with running(echo) as talk:
        for text in ("one", "two"):
            await talk.client.send(text)
            assert await talk.client.recv() == f"{text}!"
        await talk.client.close(1000)
        assert await talk.result() == WSCloseCode.OK


async def test_can_prepare_tells_whether_prepare_would_succeed() -> None:
    seen: list[web.WebSocketReady] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        ws = web.WebSocketResponse(protocols=("chat",))
        ready = ws.can_prepare(request)
        seen.append(ready)
        if not ready:
            return web.Response(text="plain")
        assert not ws.prepared
        await ws.prepare(request)
        assert ws.prepared
        assert ws.ws_protocol == ready.protocol
        return ws

    async with serving(handler) as serve:
        assert (await serve.get("/"))[2] == b"plain"
        async with connect(_url(serve), subprotocols=["chat"]):  # type: ignore[list-item]  # theirs is a NewType
            pass
        async with connect(_url(serve)):
            pass
    assert seen == [
        web.WebSocketReady(ok=False, protocol=None),
        web.WebSocketReady(ok=True, protocol="chat"),
        web.WebSocketReady(ok=True, protocol=None),
    ]
    assert [bool(ready) for ready in seen] == [False, True, True]


async def test_prepare_raises_an_http_exception_for_a_request_that_is_no_handshake() -> None:
    async def handler(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        with pytest.raises(web.HTTPException):
            await ws.prepare(request)
        await ws.prepare(request)
        return ws

    async with serving(handler) as serve:
        assert (await serve.get("/"))[0] == 400


async def test_before_prepare_everything_but_looking_raises() -> None:
    ws = web.WebSocketResponse()
    uses: list[Awaitable[Any]] = [
        ws.ping(), ws.pong(), ws.send_str("a"), ws.send_bytes(b"a"), ws.send_json([]),
        ws.send_json_bytes([], dumps=lambda data: b""), ws.send_frame(b"", WSMsgType.TEXT), ws.close(),
        ws.receive(), ws.receive_str(), ws.receive_bytes(), ws.receive_json(), ws.write(b""),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(RuntimeError):
            await use
    assert (ws.prepared, ws.closed, ws.close_code, ws.ws_protocol, ws.exception()) == (False, False, None, None, None)
    assert ws.get_extra_info("peername", 5) == 5


async def test_it_cannot_be_written_to_as_a_stream_and_knows_its_transport() -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        with pytest.raises(RuntimeError):
            await ws.write(b"data")
        return ws.get_extra_info("peername")[0], ws.get_extra_info("nothing", 5), ws.closed, ws.close_code

    async with running(script) as talk:
        assert await talk.result() == ("127.0.0.1", 5, False, None)


# Sending.


async def test_each_way_to_send() -> None:
    async def script(ws: web.WebSocketResponse) -> None:
        await ws.send_str("text")
        await ws.send_bytes(b"bytes")
        await ws.send_bytes(bytearray(b"bytearray"))
        await ws.send_bytes(memoryview(b"memoryview"))
        await ws.send_json({"a": [1]})
        await ws.send_json([1], dumps=lambda data: f"dumped {data}")
        await ws.send_json_bytes([1], dumps=lambda data: b"dumped")
        await ws.send_frame(b"framed", WSMsgType.TEXT)
        await ws.send_str("compressed " * 10, compress=9)
        await ws.send_str("not compressed", compress=0)

    async with running(script) as talk:
        assert [await talk.client.recv() for _ in range(10)] == [
            "text",
            b"bytes",
            b"bytearray",
            b"memoryview",
            json.dumps({"a": [1]}),
            "dumped [1]",
            b"dumped",
            "framed",
            "compressed " * 10,
            "not compressed",
        ]


async def test_what_cannot_be_sent_raises() -> None:
    async def script(ws: web.WebSocketResponse) -> None:
        refused: list[tuple[type[Exception], Awaitable[None]]] = [
            (TypeError, ws.send_str(b"bytes")),  # type: ignore[arg-type]  # as the page warns
            (TypeError, ws.send_bytes("text")),  # type: ignore[arg-type]  # the same
            (TypeError, ws.send_json([1], dumps=lambda data: b"bytes")),  # type: ignore[arg-type, return-value]  # the same
            (TypeError, ws.send_json_bytes([1], dumps=lambda data: "text")),  # type: ignore[arg-type, return-value]  # the same
            (ValueError, ws.send_json(float("nan"), dumps=lambda data: json.dumps(data, allow_nan=False))),
        ]
        for error, sending in refused:
            with pytest.raises(error):
                await sending
        await ws.send_str("fine")

    async with running(script) as talk:
        assert await talk.client.recv() == "fine"
        await talk.result()


@pytest.mark.parametrize("message", ["text", b"bytes", b""])
async def test_ping_and_pong_of_the_server(message: str | bytes) -> None:
    payload = message.encode() if isinstance(message, str) else message

    async def script(ws: web.WebSocketResponse) -> Any:
        await ws.ping(message)
        await ws.pong(message)  # unsolicited
        return await ws.receive()

    async with running(script, autoping=False) as talk:
        answer = await talk.result()
        assert (answer.type, answer.data) == (WSMsgType.PONG, payload)


async def test_sending_on_a_closed_websocket_raises_a_reset() -> None:
    async def script(ws: web.WebSocketResponse) -> None:
        await ws.close()
        for use in (ws.send_str("a"), ws.send_bytes(b"a"), ws.ping(), ws.pong(), ws.send_json(1)):
            with pytest.raises(trunkline.ClientConnectionResetError):
                await use

    async with running(script) as talk:
        await talk.result()


# Receiving.


async def test_each_way_to_receive() -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        message = await ws.receive()
        assert isinstance(message, trunkline.WSMessage)
        return [
            (message.type, message.data),
            await ws.receive_str(),
            await ws.receive_bytes(),
            await ws.receive_json(),
            await ws.receive_json(loads=str.upper),
        ]

    async with running(script) as talk:
        for message in ("any", "text", b"bytes", '{"a": [1]}', "loads"):
            await talk.client.send(message)
        assert await talk.result() == [(WSMsgType.TEXT, "any"), "text", b"bytes", {"a": [1]}, "LOADS"]


async def test_another_kind_than_was_asked_for_is_a_type_error() -> None:
    async def script(ws: web.WebSocketResponse) -> None:
        for receiving in (ws.receive_str(), ws.receive_json(), ws.receive_bytes()):
            with pytest.raises(trunkline.WSMessageTypeError):
                await receiving
        with pytest.raises(ValueError, match="Expecting value"):
            await ws.receive_json()

    assert issubclass(trunkline.WSMessageTypeError, TypeError)
    async with running(script) as talk:
        for message in (b"bytes", b"bytes", "text", "no json"):
            await talk.client.send(message)
        await talk.result()


async def test_text_may_be_left_as_bytes() -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        message = await ws.receive()
        return message.type, message.data, json.loads(message.data)

    async with running(script, decode_text=False) as talk:
        await talk.client.send('"é"')
        assert await talk.result() == (WSMsgType.TEXT, '"é"'.encode(), "é")


async def test_a_timeout_of_receive_overrides_that_of_the_response() -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        for receiving in (ws.receive(), ws.receive_str(timeout=0.01), ws.receive_json(timeout=0.01)):
            with pytest.raises(asyncio.TimeoutError):
                await receiving
        await ws.send_str("now")
        return await ws.receive_str(timeout=5)

    async with running(script, receive_timeout=0.01) as talk:
        assert await talk.client.recv() == "now"
        await talk.client.send("late")
        assert await talk.result() == "late"


async def test_pings_are_answered_without_being_returned() -> None:
    async with running(lambda ws: ws.receive_str()) as talk:
        await (await talk.client.ping(b"there?"))
        await talk.client.send("text")
        assert await talk.result() == "text"


@pytest.mark.parametrize(("max_msg_size", "length", "code"), [(100, 100, 1000), (100, 101, 1009), (0, 5_000_000, 1000)])
async def test_messages_have_a_maximum_size(max_msg_size: int, length: int, code: int) -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        return (await ws.receive()).type

    async with running(script, {"max_size": None}, max_msg_size=max_msg_size, compress=False) as talk:
        try:
            await talk.client.send("a" * length)
        except ConnectionClosed:
            pass  # it need not be read to its end
        assert await talk.result() is (WSMsgType.TEXT if code == 1000 else WSMsgType.ERROR)
        await talk.client.wait_closed()
        assert talk.client.close_code == code


@pytest.mark.parametrize("compress", [True, False])
async def test_compression_is_agreed_upon_unless_it_is_switched_off(compress: bool) -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        await ws.send_str(await ws.receive_str())
        return ws.compress

    async with running(script, compress=compress) as talk:
        assert bool(talk.client.protocol.extensions) is compress
        await talk.client.send("a" * 1000)
        assert await talk.client.recv() == "a" * 1000
        assert bool(await talk.result()) is compress


# Closing.


@pytest.mark.parametrize("message", ["bye", b"bye"])
async def test_close_says_code_and_message(message: str | bytes) -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        first = await ws.close(code=WSCloseCode.GOING_AWAY, message=message)
        return first, await ws.close(), ws.closed, ws.close_code

    async with running(script) as talk:
        await talk.client.wait_closed()
        assert (talk.client.close_code, talk.client.close_reason) == (1001, "bye")
        assert await talk.result() == (True, False, True, 1001)


async def test_the_clients_close_frame_is_answered_and_returned() -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        message = await ws.receive()
        return message.type, message.data, message.extra, ws.closed, ws.close_code

    async with running(script) as talk:
        await talk.client.close(3001, "enough")
        assert await talk.result() == (WSMsgType.CLOSE, 3001, "enough", True, 3001)


async def test_without_autoclose_the_handler_closes() -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        message = await ws.receive()
        closed = ws.closed
        await ws.close(code=message.data)
        return closed

    async with running(script, autoclose=False) as talk:
        await talk.client.close(3001)
        assert await talk.result() is False
        assert talk.client.close_code == 3001


async def test_another_task_may_close() -> None:
    async def script(ws: web.WebSocketResponse) -> Any:
        closing = asyncio.ensure_future(_close_soon(ws))
        kinds = [(await ws.receive()).type]
        await closing
        return kinds

    async def _close_soon(ws: web.WebSocketResponse) -> None:
        await asyncio.sleep(0)
        await ws.close()

    async with running(script) as talk:
        assert await talk.result() == [WSMsgType.CLOSING]
        await talk.client.wait_closed()
        assert talk.client.close_code == 1000


async def test_close_waits_for_the_client_as_long_as_the_timeout_allows() -> None:
    closed: list[Any] = []

    async def handler(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(timeout=0.01)
        await ws.prepare(request)
        await ws.close()
        closed.append((ws.close_code, type(ws.exception())))
        return ws

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send("\r\n".join(("GET / HTTP/1.1", "Host: test", *HANDSHAKE, "", "")).encode())
        await talk.rest()
    assert closed == [(WSCloseCode.ABNORMAL_CLOSURE, TimeoutError)]


async def test_the_heartbeat_pings_and_gives_up_a_client_that_does_not_answer() -> None:
    kinds: list[Any] = []

    async def handler(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=0.02)
        await ws.prepare(request)
        kinds.extend([(await ws.receive()).type, ws.closed])
        return ws

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send("\r\n".join(("GET / HTTP/1.1", "Host: test", *HANDSHAKE, "", "")).encode())
        await talk.head()
        assert await talk.rest() == b"\x89\x00"  # a ping
    assert kinds == [WSMsgType.ERROR, True]
