"""Echo servers of ours, spoken to by other implementations: the websockets library and wsproto."""

import os

import pytest
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.web.serving import Serving, Talk, serving
from trunkline.web.app import Application
from trunkline.web.request import BaseRequest
from trunkline.web.websocket import WebSocketResponse
from trunkline.wire.ws.message import WSMsgType


async def echo(request: BaseRequest) -> WebSocketResponse:
    websocket = WebSocketResponse(protocols=["echo"])
    await websocket.prepare(request)
    async for message in websocket:
        if message.type is WSMsgType.TEXT:
            await websocket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await websocket.send_bytes(message.data)
    return websocket


def address(served: Serving) -> str:
    return f"ws://127.0.0.1:{served.port}/"


@pytest.mark.parametrize(
    "deflate",
    [
        None,
        ClientPerMessageDeflateFactory(),
        ClientPerMessageDeflateFactory(True, True),
        ClientPerMessageDeflateFactory(False, True, 9, 9),
        ClientPerMessageDeflateFactory(True, False, 11, 15),
    ],
    ids=["plain", "usual", "no context", "small windows", "mixed"],
)
async def test_websockets_as_the_client(deflate: ClientPerMessageDeflateFactory | None) -> None:
    app = Application()
    app.router.add_get("/", echo)
    extensions = [] if deflate is None else [deflate]
    messages: list[str | bytes] = ["", "é" * 100, b"", os.urandom(70_000), "ab" * 1_000_000, os.urandom(3_000_000), "x"]
    async with (
        serving(app) as served,
        websockets.connect(
            address(served),
            compression=None,
            extensions=extensions,
            max_size=None,
            subprotocols=[websockets.Subprotocol("echo")],
        ) as client,
    ):
        assert client.subprotocol == "echo"
        for message in messages * 2:
            await client.send(message)
            assert await client.recv() == message
        await client.send(["fra", "gmen", "ts"])
        assert await client.recv() == "fragments"
        await (await client.ping(b"x"))
        await client.close(4123, "enough")
        assert client.close_code == 1000


@pytest.mark.parametrize(
    "extensions",
    [[], [PerMessageDeflate()], [PerMessageDeflate(True, 10, True, 10)]],
    ids=["plain", "usual", "small windows"],
)
async def test_wsproto_as_the_client(extensions: list[PerMessageDeflate]) -> None:
    client = WSConnection(ConnectionType.CLIENT)
    async with serving(echo) as served, await served.talk() as talk:
        talk.send(client.send(Request(host="test", target="/", extensions=list(extensions))))
        client.receive_data(await talk.head())
        assert isinstance(next(iter(client.events())), AcceptConnection)
        for size in (1, 200, 70_000):
            talk.send(client.send(TextMessage(data="a" * size, message_finished=False)))
            talk.send(client.send(Ping(payload=b"p")))
            talk.send(client.send(TextMessage(data="b" * size)))
            talk.send(client.send(BytesMessage(data=b"c" * size)))
            talk.send(client.send(Ping(payload=b"last")))
            text, data, pongs = await _wsproto_answers(client, talk)
            assert (text, data, pongs) == ("a" * size + "b" * size, b"c" * size, [b"p", b"last"])
        talk.send(client.send(CloseConnection(code=1000)))
        client.receive_data(await talk.reader.readexactly(4))
        assert [type(event) for event in client.events()] == [CloseConnection]


async def _wsproto_answers(client: WSConnection, talk: Talk) -> tuple[str, bytes, list[bytes]]:
    text, data, done = "", b"", 0
    pongs: list[bytes] = []
    while done < 2 or len(pongs) < 2:
        client.receive_data(await talk.reader.read(65536))
        for event in client.events():
            if isinstance(event, Pong):
                pongs.append(bytes(event.payload))
            elif isinstance(event, TextMessage):
                text += event.data
                done += event.message_finished
            elif isinstance(event, BytesMessage):
                data += event.data
                done += event.message_finished
    return text, data, pongs
