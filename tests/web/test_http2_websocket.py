"""WebSockets in streams of HTTP/2 (RFC 8441): to handlers they are those of HTTP/1.1."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.waiting import until
from tests.web.h2_client import Answer, Fields, H2Talk, h2_talk
from tests.web.serving import serving
from trunkline import web

OPT_IN = "prior-knowledge"
CANCEL = 8


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    ws = web.WebSocketResponse(protocols=("chat",))
    await ws.prepare(request)
    async for message in ws:
        if message.type is web.WSMsgType.TEXT:
            await ws.send_str(message.data)
        else:
            await ws.send_bytes(message.data)
    return ws


class Socket:
    """The client's end of a WebSocket in one stream."""

    def __init__(self, talk: H2Talk, number: int, deflate: PerMessageDeflate | None) -> None:
        self._talk = talk
        self.number = number
        self._taken = 0
        self._codec = Connection(ConnectionType.CLIENT, [deflate] if deflate else [])
        self._events: list[Event] = []

    @property
    def answer(self) -> Answer:
        return self._talk.answers[self.number]

    def send(self, event: Event) -> None:
        self._talk.send(self.number, self._codec.send(event))

    async def event(self) -> Event:
        """Return the next event; messages in fragments are joined."""
        while True:
            if self._has_whole:
                return self._join()
            assert not self.answer.is_over
            await self._talk.until(lambda: len(self.answer.body) > self._taken or self.answer.is_over)
            self._codec.receive_data(self.answer.body[self._taken :])
            self._taken = len(self.answer.body)
            self._events += self._codec.events()

    @property
    def _has_whole(self) -> bool:
        return any(not isinstance(event, Message) or event.message_finished for event in self._events)

    def _join(self) -> Event:
        first = self._events.pop(0)
        if isinstance(first, (TextMessage, BytesMessage)):
            while not first.message_finished:
                more = self._events.pop(0)
                assert isinstance(more, type(first))
                # Of one type, which mypy does not see.
                first = type(first)(first.data + more.data, message_finished=more.message_finished)  # type: ignore[arg-type, operator]
        return first


@asynccontextmanager
async def websocket(talk: H2Talk, *, compress: bool = False) -> AsyncIterator[Socket]:
    """Open a WebSocket."""
    await talk.until(lambda: talk.codec.remote_settings.enable_connect_protocol)
    deflate = PerMessageDeflate() if compress else None
    fields = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat, other")]
    if deflate is not None:
        fields.append(("sec-websocket-extensions", f"permessage-deflate; {deflate.offer()}"))
    number = connect(talk, fields)
    answer = talk.answers[number]
    await talk.until(lambda: answer.fields)
    assert answer.status == 200
    if deflate is not None:
        deflate.finalize(answer.fields["sec-websocket-extensions"])
    yield Socket(talk, number, deflate)


def connect(talk: H2Talk, fields: Fields, *, path: str = "/", protocol: str = "websocket") -> int:
    return talk.ask(path, "CONNECT", ends=False, fields=[(":protocol", protocol), *fields])


@pytest.mark.parametrize("compress", [False, True])
async def test_messages_go_both_ways_and_the_client_closes(compress: bool) -> None:
    async with (
        serving(echo, http2=OPT_IN) as server,
        h2_talk(server.port) as talk,
        websocket(talk, compress=compress) as socket,
    ):
        fields = socket.answer.fields
        assert fields["sec-websocket-protocol"] == "chat"
        assert not {"upgrade", "connection", "sec-websocket-accept", "content-type"} & set(fields)
        socket.send(TextMessage(data="text"))
        assert await socket.event() == TextMessage(data="text")
        socket.send(BytesMessage(data=b"x" * 300_000 if compress else b"x" * 50_000))
        message = await socket.event()
        assert isinstance(message, BytesMessage)
        assert set(message.data) == {ord("x")}
        socket.send(Ping(payload=b"?"))
        assert await socket.event() == Pong(payload=b"?")
        socket.send(CloseConnection(code=1000, reason="bye"))
        closing = await socket.event()
        assert isinstance(closing, CloseConnection)
        assert closing.code == 1000
        await talk.until(lambda: socket.answer.is_whole)
        assert not server.server.connections[0].is_idle
        talk.send(socket.number, b"", ends=True)
        assert (await talk.get("/plain")).status == 400
        assert socket.answer.reset is None
        assert server.server.connections[0].is_idle


async def test_the_server_closes() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        assert ws.can_prepare(request)
        await ws.prepare(request)
        assert ws.status == 101
        await ws.send_str("hello")
        assert ws.get_extra_info("peername")[0] == "127.0.0.1"
        await ws.close(code=4000, message=b"enough")
        assert ws.close_code == 4000
        return ws

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk, websocket(talk) as socket:
        assert await socket.event() == TextMessage(data="hello")
        closing = await socket.event()
        assert closing == CloseConnection(code=4000, reason="enough")
        socket.send(closing.response())
        await talk.until(lambda: socket.answer.is_whole)


@pytest.mark.parametrize("how", ["reset", "end", "abort"])
async def test_a_client_that_goes_without_a_word_is_noticed(how: str) -> None:
    ends: list[int | None] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        message = await ws.receive()
        assert message.type is web.WSMsgType.CLOSED
        ends.append(ws.close_code)
        with pytest.raises(ConnectionResetError):
            await ws.send_str("late")
        ends.append(0)
        return ws

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk, websocket(talk) as socket:
        if how == "reset":
            talk.reset(socket.number)
        elif how == "end":
            talk.send(socket.number, b"", ends=True)
        else:
            talk.writer.transport.abort()
        await until(lambda: len(ends) == 2)
        assert ends == [1006, 0]
        if how == "end":
            await talk.until(lambda: socket.answer.is_whole)


async def test_a_reader_that_is_slow_gives_no_window_back() -> None:
    gate = asyncio.Event()
    count = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal count
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await gate.wait()
        async for _ in ws:
            count += 1
        return ws

    async with serving(handler, http2=OPT_IN) as server, h2_talk(server.port) as talk, websocket(talk) as socket:
        sent = 0
        quiet = 0
        while quiet < 20:
            if talk.codec.local_flow_control_window(socket.number) > 10_100:
                socket.send(BytesMessage(data=b"x" * 10_000))
                sent += 1
                quiet = 0
            quiet += 1
            await asyncio.sleep(0.001)
        assert 10 < sent < 1000
        gate.set()
        await talk.until(lambda: talk.codec.local_flow_control_window(socket.number) > 100_000)
        socket.send(CloseConnection(code=1000))
        await talk.until(lambda: socket.answer.is_whole)
        assert count == sent


async def test_a_request_that_is_refused_ends_as_any_other() -> None:
    async with serving(echo, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        await talk.until(lambda: talk.codec.remote_settings.enable_connect_protocol)
        answer = await talk.answer(connect(talk, [("sec-websocket-version", "99")]))
        assert (answer.status, answer.fields["sec-websocket-version"]) == (400, "13")


async def test_routes_take_a_websocket_for_the_get_that_it_would_be() -> None:
    app = web.Application()
    app.router.add_get("/ws", echo)
    async with serving(app, http2=OPT_IN) as server, h2_talk(server.port) as talk:
        await talk.until(lambda: talk.codec.remote_settings.enable_connect_protocol)
        fields = [("sec-websocket-version", "13")]
        number = connect(talk, fields, path="/ws")
        await talk.until(lambda: talk.answers[number].fields)
        assert talk.answers[number].status == 200
        assert (await talk.answer(connect(talk, fields, path="/other"))).status == 404
        assert (await talk.answer(connect(talk, fields, path="/ws", protocol="other"))).status == 405
