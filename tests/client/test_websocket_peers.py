"""Our client and servers of other implementations, the websockets library and wsproto, and of ours."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.typing import Subprotocol
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Pong, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.client.raw_websocket import CLOSE, CLOSED
from tests.raw_server import Peer, RawServer
from tests.web.serving import serving
from trunkline import ClientSession, WSMsgType, web
from trunkline.testing.throwaway_ca import ThrowawayCA

CA = ThrowawayCA()
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
MESSAGES: list[str | bytes] = [
    "", "é" * 100, b"", os.urandom(70_000), "ab" * 1_000_000, os.urandom(3_000_000), "x",
]  # fmt: skip
HUGE_BYTES = 64 * 1024 * 1024


async def echo_of_theirs(peer: ServerConnection) -> None:
    async for message in peer:
        await peer.send(message)


@asynccontextmanager
async def websockets_server(*extensions: ServerPerMessageDeflateFactory) -> AsyncIterator[str]:
    async with serve(
        echo_of_theirs,
        "127.0.0.1",
        0,
        compression=None,
        extensions=extensions,
        max_size=None,
        subprotocols=[Subprotocol("echo")],
    ) as running:
        yield f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/"


@pytest.mark.parametrize(
    ("extensions", "compress"),
    [
        ([], 0),
        ([], 15),
        ([ServerPerMessageDeflateFactory()], 15),
        ([ServerPerMessageDeflateFactory(True, True)], 15),
        ([ServerPerMessageDeflateFactory(False, True, 9, 9)], 15),
        ([ServerPerMessageDeflateFactory(True, False, 11, 15)], 9),
    ],
    ids=["plain", "declined", "usual", "no context", "small windows", "mixed"],
)
async def test_websockets_as_the_server(extensions: list[ServerPerMessageDeflateFactory], compress: int) -> None:
    async with (
        websockets_server(*extensions) as url,
        ClientSession() as session,
        session.ws_connect(url, compress=compress, max_msg_size=0, protocols=["other", "echo"]) as ws,
    ):
        assert (ws.protocol, bool(ws.compress)) == ("echo", bool(extensions))
        for message in MESSAGES * 2:
            if isinstance(message, str):
                await ws.send_str(message)
                assert await ws.receive_str() == message
            else:
                await ws.send_bytes(message, compress=1 if message else None)
                assert await ws.receive_bytes() == message
        await ws.close(code=4123, message="enough")
        assert (ws.close_code, ws.exception()) == (4123, None)


async def test_websockets_as_the_server_that_sends_fragments_and_pings_and_closes() -> None:
    async def talk(peer: ServerConnection) -> None:
        await peer.send(["fra", "gm", "", "énts"])
        await peer.send([b"1", b"2"])
        await (await peer.ping(b"there?"))
        await peer.close(4001, "see you")

    async with serve(talk, "127.0.0.1", 0) as running, ClientSession() as session:
        url = f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/"
        async with session.ws_connect(url, compress=15) as ws:
            assert (await ws.receive_str(), await ws.receive_bytes()) == ("fragménts", b"12")
            assert await ws.receive() == (CLOSE, 4001, "see you")
            assert await ws.receive() == CLOSED


class WsprotoServer:
    """Echoes what comes, in two fragments, and pings before it does."""

    def __init__(self, extensions: list[PerMessageDeflate]) -> None:
        self.pongs: list[bytes] = []
        self._extensions = extensions
        self._server = WSConnection(ConnectionType.SERVER)

    async def __call__(self, peer: Peer) -> None:
        while data := await peer.reader.read(65536):
            self._server.receive_data(data)
            for event in self._server.events():
                await peer.send(b"".join(map(self._server.send, self._answers(event))))

    def _answers(self, event: Event) -> list[Event]:
        match event:
            case Request():
                return [AcceptConnection(extensions=list(self._extensions))]
            case TextMessage():
                end = TextMessage(data=event.data, message_finished=event.message_finished)
                return [Ping(payload=b"p"), TextMessage(data="<", message_finished=False), end]
            case BytesMessage():
                return [BytesMessage(data=event.data, message_finished=event.message_finished)]
            case Pong():
                self.pongs.append(bytes(event.payload))
            case Ping() | CloseConnection():
                return [event.response()]
        return []


@pytest.mark.parametrize(
    "extensions",
    [[], [PerMessageDeflate()], [PerMessageDeflate(True, 10, True, 10)]],
    ids=["plain", "usual", "small windows"],
)
async def test_wsproto_as_the_server(extensions: list[PerMessageDeflate]) -> None:
    server = WsprotoServer(extensions)
    async with (
        RawServer(server) as running,
        ClientSession() as session,
        session.ws_connect(running.url(), compress=15) as ws,
    ):
        assert bool(ws.compress) is bool(extensions)
        for size in (1, 200, 20_000):
            await ws.send_str("a" * size)
            assert await ws.receive_str() == "<" + "a" * size
            await ws.send_bytes(b"b" * size)
            assert await ws.receive_bytes() == b"b" * size
        await ws.ping(b"x")
        await ws.close(code=4000)
        assert ws.close_code == 4000
    assert server.pongs == [b"p"] * 3


# Both roles of ours.


async def echo_of_ours(request: web.BaseRequest) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(max_msg_size=0)
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    return ws


@pytest.mark.parametrize("loop_factory", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("compress", [0, 15])
def test_ten_thousand_messages_over_one_connection(
    compress: int, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def main() -> None:
        async with serving(echo_of_ours) as served, ClientSession() as session:
            async with session.ws_connect(served.url, compress=compress) as ws:
                for number in range(5_000):  # one by one
                    await ws.send_str(f"message {number}")
                    assert await ws.receive_str() == f"message {number}"
                for start in range(5_000, 10_000, 100):  # a hundred at once
                    for number in range(start, start + 100):
                        await ws.send_bytes(b"message %d" % number)
                    for number in range(start, start + 100):
                        assert await ws.receive_bytes() == b"message %d" % number
            assert ws.close_code == 1000

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


async def test_a_huge_message_goes_both_ways_without_a_limit() -> None:
    data = os.urandom(1024) * (HUGE_BYTES // 1024)
    async with (
        serving(echo_of_ours) as served,
        ClientSession() as session,
        session.ws_connect(served.url, max_msg_size=0) as ws,
    ):
        await ws.send_bytes(data)
        assert await ws.receive_bytes() == data


async def test_over_tls_by_two_who_send_at_the_same_time() -> None:
    async def count(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        sending = asyncio.ensure_future(_send_numbers(ws.send_str))
        assert [await ws.receive_str() for _ in range(500)] == [str(number) for number in range(500)]
        await sending
        return ws

    runner = web.ServerRunner(web.Server(count))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=CA.server_context())
    await site.start()
    async with ClientSession() as session:
        url = f"wss://127.0.0.1:{runner.addresses[0][1]}/"
        async with session.ws_connect(url, ssl=CA.client_context()) as ws:
            sending = asyncio.ensure_future(_send_numbers(ws.send_str))
            assert [await ws.receive_str() for _ in range(500)] == [str(number) for number in range(500)]
            await sending
            assert await ws.receive() == (CLOSE, 1000, "")
    await runner.cleanup()


async def _send_numbers(send: Callable[[str], Awaitable[None]]) -> None:
    for number in range(500):
        await send(str(number))
        await asyncio.sleep(0)
