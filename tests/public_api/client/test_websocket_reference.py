"""The documentation's quickstart of client WebSockets, and its reference of `ws_connect` and what that returns.

The server is another library's.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

import trunkline
import trunkline.test_utils
import trunkline.web
from trunkline import ClientWSTimeout, WSCloseCode, WSMsgType
from trunkline.testing.throwaway_ca import ThrowawayCA

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def server(handler: Handler, **options: Any) -> AsyncIterator[str]:  # Any: as `serve` takes them
    async with serve(handler, "127.0.0.1", 0, **options) as running, asyncio.timeout(20):
        scheme = "wss" if options.get("ssl") else "ws"
        yield f"{scheme}://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/"


@asynccontextmanager
async def talking(handler: Handler, **options: Any) -> AsyncIterator[trunkline.ClientWebSocketResponse]:
    """Talk to `handler`; options: of `ws_connect`."""
    async with server(handler) as url, trunkline.ClientSession() as session, session.ws_connect(url, **options) as ws:
        yield ws


async def echo(peer: ServerConnection) -> None:
    async for message in peer:
        await peer.send(message)


# Quickstart, "WebSockets".


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_the_loop_of_the_quickstart(scheme: str) -> None:
    heard: list[str | bytes] = []

    async def ask(peer: ServerConnection) -> None:
        await peer.send("one")
        heard.append(await peer.recv())
        await peer.send("close cmd")
        with pytest.raises(ConnectionClosed):
            await peer.recv()

    async with (
        server(ask) as url,
        trunkline.ClientSession() as session,
        session.ws_connect(url.replace("ws", scheme, 1)) as ws,
    ):
        async for msg in ws:
            if msg.type == WSMsgType.TEXT:
                if msg.data == "close cmd":
                    await ws.close()
                    break
                await ws.send_str(msg.data + "/answer")
            elif msg.type == WSMsgType.ERROR:
                break
    assert heard == ["one/answer"]


async def test_one_task_reads_and_several_write() -> None:
    async with talking(echo) as ws:
        await asyncio.gather(*(ws.send_str(str(number)) for number in range(50)))
        assert {await ws.receive_str() for _ in range(50)} == {str(number) for number in range(50)}


# ClientSession.ws_connect.


def test_the_arguments_are_those_of_the_page() -> None:
    arguments = inspect.signature(trunkline.ClientSession.ws_connect).parameters
    assert list(arguments) == [
        "self", "url", "method", "protocols", "timeout", "receive_timeout", "autoclose", "autoping", "heartbeat",
        "auth", "origin", "params", "headers", "proxy", "proxy_auth", "ssl", "verify_ssl", "fingerprint",
        "ssl_context", "server_hostname", "proxy_headers", "compress", "max_msg_size", "decode_text",
    ]  # fmt: skip
    defaults = {name: argument.default for name, argument in arguments.items() if argument.default is not None}
    assert [defaults[name] for name in ("method", "protocols", "autoclose", "autoping", "ssl")] == [
        "GET", (), True, True, True,
    ]  # fmt: skip
    assert [defaults[name] for name in ("compress", "max_msg_size", "decode_text")] == [0, 4194304, True]
    assert all(arguments[name].kind is inspect.Parameter.KEYWORD_ONLY for name in list(arguments)[2:])


async def test_a_subprotocol_is_chosen() -> None:
    async with (
        server(echo, subprotocols=["chat"]) as url,
        trunkline.ClientSession() as session,
        session.ws_connect(url, protocols=("superchat", "chat")) as ws,
    ):
        assert ws.protocol == "chat"
    async with talking(echo, protocols=("chat",)) as ws:
        assert ws.protocol is None


async def test_origin_params_headers_and_auth_are_sent() -> None:
    seen: list[Request] = []

    def note(peer: ServerConnection, request: Request) -> None:
        seen.append(request)

    async with (
        server(echo, process_request=note, origins=["http://origin.test"]) as url,
        trunkline.ClientSession() as session,
    ):
        with pytest.warns(DeprecationWarning, match="BasicAuth"):
            auth = trunkline.BasicAuth("user", "secret")
        async with session.ws_connect(
            url, origin="http://origin.test", params={"a": "1"}, headers={"X-Own": "y"}, auth=auth
        ):
            pass
    assert seen[0].path == "/?a=1"
    assert [seen[0].headers[name] for name in ("Origin", "X-Own", "Authorization")] == [
        "http://origin.test", "y", "Basic dXNlcjpzZWNyZXQ=",
    ]  # fmt: skip


async def test_a_server_that_declines_raises_a_handshake_error() -> None:
    def decline(peer: ServerConnection, request: Request) -> Response:
        return Response(403, "Forbidden", Headers({"X-Why": "because"}), b"")

    async with server(echo, process_request=decline) as url, trunkline.ClientSession() as session:
        with pytest.raises(trunkline.WSServerHandshakeError) as raised:
            await session.ws_connect(url)
    error = raised.value
    assert (error.status, error.message) == (403, "Invalid response status")
    assert error.headers is not None
    assert error.headers["X-Why"] == "because"
    assert isinstance(error, trunkline.ClientResponseError)


async def test_ssl_arguments() -> None:
    authority = ThrowawayCA()
    async with server(echo, ssl=authority.server_context()) as url, trunkline.ClientSession() as session:
        with pytest.raises(trunkline.ClientConnectorCertificateError):
            await session.ws_connect(url)
        context = authority.client_context()
        fingerprint = trunkline.Fingerprint(bytes(32))
        with pytest.raises(trunkline.ServerFingerprintMismatch) as raised:
            await session.ws_connect(url, ssl=fingerprint)
        for setting in (False, context, trunkline.Fingerprint(raised.value.got)):
            async with session.ws_connect(url, ssl=setting) as ws:
                await ws.send_str("x")
                assert await ws.receive_str() == "x"
        for old in ({"verify_ssl": False}, {"ssl_context": context}, {"fingerprint": raised.value.got}):
            with pytest.warns(DeprecationWarning, match="deprecated"):
                async with session.ws_connect(url, **old):
                    pass


@pytest.mark.parametrize("compress", [0, 9, 12, 15])
async def test_compression_is_offered_when_it_is_asked_for(compress: int) -> None:
    async with talking(echo, compress=compress) as ws:
        assert bool(ws.compress) is bool(compress)
        await ws.send_str("a" * 1000)
        await ws.send_str("a" * 1000, compress=0)
        assert [await ws.receive_str(), await ws.receive_str()] == ["a" * 1000] * 2


@pytest.mark.parametrize(("size", "kind"), [(100, WSMsgType.BINARY), (101, WSMsgType.ERROR)])
async def test_messages_have_a_maximum_size(size: int, kind: WSMsgType) -> None:
    async def talk(peer: ServerConnection) -> None:
        await peer.send(b"a" * size)
        await peer.wait_closed()

    async with talking(talk, max_msg_size=100) as ws:
        assert (await ws.receive()).type is kind


async def test_texts_may_be_left_as_bytes() -> None:
    async with talking(echo, decode_text=False) as ws:
        await ws.send_str('"é"')
        message = await ws.receive()
        assert (message.type, message.data, json.loads(message.data)) == (WSMsgType.TEXT, '"é"'.encode(), "é")


# ClientWebSocketResponse.


async def test_state() -> None:
    async with talking(echo) as ws:
        assert (ws.closed, ws.close_code, ws.protocol, ws.exception()) == (False, None, None, None)
        assert ws.get_extra_info("peername")[0] == "127.0.0.1"
        assert ws.get_extra_info("nothing", default=1) == 1
    assert (ws.closed, ws.close_code) == (True, WSCloseCode.OK)


async def test_each_way_to_send_and_to_receive() -> None:
    async with talking(echo) as ws:
        await ws.send_str("text")
        assert await ws.receive() == (WSMsgType.TEXT, "text", "")
        await ws.send_bytes(memoryview(b"bytes"))
        assert await ws.receive_bytes() == b"bytes"
        await ws.send_json({"a": [1]})
        assert await ws.receive_json() == {"a": [1]}
        await ws.send_json_bytes([1], dumps=lambda data: json.dumps(data).encode())
        assert json.loads(await ws.receive_bytes()) == [1]
        await ws.send_frame(b"framed", WSMsgType.TEXT)
        assert await ws.receive_str() == "framed"
        await ws.ping()
        await ws.pong("text")
        await ws.send_str("no json")
        with pytest.raises(ValueError, match="Expecting value"):
            await ws.receive_json()
        await ws.send_bytes(b"bytes")
        with pytest.raises(TypeError):
            await ws.receive_json()
        for sending in (ws.send_str(b""), ws.send_bytes(""), ws.send_json(1, dumps=lambda data: b"")):  # type: ignore[arg-type, return-value]  # as the page warns
            with pytest.raises(TypeError):
                await sending


async def test_close_says_code_and_message() -> None:
    seen: list[tuple[int | None, str | None]] = []

    async def note(peer: ServerConnection) -> None:
        await peer.wait_closed()
        seen.append((peer.close_code, peer.close_reason))

    async with talking(note) as ws:
        assert await ws.close(code=WSCloseCode.GOING_AWAY, message=b"bye") is True
        assert await ws.close() is False
        with pytest.raises(trunkline.ClientConnectionResetError):
            await ws.send_str("x")
    assert seen == [(1001, "bye")]


async def test_timeouts() -> None:
    assert (ClientWSTimeout().ws_receive, ClientWSTimeout().ws_close) == (None, None)

    async def silent(peer: ServerConnection) -> None:
        await peer.wait_closed()

    async with talking(silent, timeout=ClientWSTimeout(ws_receive=0.01, ws_close=1)) as ws:
        with pytest.raises(asyncio.TimeoutError):
            await ws.receive()
        await ws.close()
        assert ws.close_code == 1000


async def test_a_heartbeat_that_is_answered_keeps_it_open() -> None:
    async with talking(echo, heartbeat=0.02) as ws:
        with pytest.raises(asyncio.TimeoutError):
            await ws.receive(0.1)
        assert not ws.closed


async def test_the_test_client_opens_by_path_and_closes_what_was_left_open() -> None:
    async def handler(request: trunkline.web.Request) -> trunkline.web.WebSocketResponse:
        ws = trunkline.web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(f"{message.data}/answer")
        return ws

    app = trunkline.web.Application()
    app.router.add_get("/ws", handler)
    async with trunkline.test_utils.TestClient(trunkline.test_utils.TestServer(app)) as client:
        async with client.ws_connect("/ws") as ws:
            await ws.send_str("question")
            assert await ws.receive_str() == "question/answer"
        left_open = await client.ws_connect("/ws")
    assert (ws.closed, left_open.closed) == (True, True)
