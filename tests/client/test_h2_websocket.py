"""WebSockets of the client where HTTP/2 is spoken (RFC 8441): in a stream if the server allows it, else by HTTP/1.1."""

import asyncio

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.client.h2 import client_context, read_all, server_context, stats_of, tls_session
from tests.h2_server import H2Server, ServerStream
from tests.waiting import until
from trunkline import ClientConnectionError, ClientSession, ServerDisconnectedError, WSMsgType, WSServerHandshakeError

ALLOWED = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
HELLO, CLOSE = b"\x81\x05hello", b"\x88\x02\x03\xe8"


async def talk(stream: ServerStream) -> None:
    """Say hello, wait for one frame of the client's, and close."""
    if stream.method != "CONNECT":
        stream.answer()
        return
    stream.head(200, [("sec-websocket-protocol", "chat")])
    stream.say(HELLO)
    await stream.arrived.wait()
    stream.say(CLOSE)
    await stream.ended.wait()
    stream.say(b"", ends=True)


async def test_a_websocket_takes_a_stream_of_the_connection() -> None:
    async with H2Server(talk, ssl=server_context(), settings=ALLOWED) as server, tls_session() as session:
        assert await read_all(session, server.url()) == b"ok"
        async with session.ws_connect(server.url("/chat"), protocols=["chat"]) as socket:
            assert socket.protocol == "chat"
            assert (await socket.receive()).data == "hello"
            assert await read_all(session, server.url()) == b"ok"
            await socket.send_str("hi")
            assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1000
        (opened,) = [stream for stream in server.requests if stream.method == "CONNECT"]
        assert dict(opened.fields)[":protocol"] == "websocket"
        assert opened.field("sec-websocket-version") == "13"
        assert opened.field("sec-websocket-key") is opened.field("upgrade") is None
        assert len(server.peers) == 1
        await asyncio.wait_for(opened.ended.wait(), 5)
        await until(lambda: stats_of(session).active == 0)


async def test_a_refusal_leaves_the_connection_usable() -> None:
    async def refuse(stream: ServerStream) -> None:
        stream.answer(status=403 if stream.method == "CONNECT" else 200)

    async with H2Server(refuse, ssl=server_context(), settings=ALLOWED) as server, tls_session() as session:
        await read_all(session, server.url())
        with pytest.raises(WSServerHandshakeError) as caught:
            await session.ws_connect(server.url())
        assert caught.value.status == 403
        assert await read_all(session, server.url()) == b"ok"
        assert len(server.peers) == 1


async def test_a_reset_ends_the_websocket_alone() -> None:
    async def reset(stream: ServerStream) -> None:
        if stream.method != "CONNECT":
            stream.answer()
            return
        stream.head(200)
        await stream.arrived.wait()
        stream.reset(ErrorCodes.CANCEL)

    async with H2Server(reset, ssl=server_context(), settings=ALLOWED) as server, tls_session() as session:
        await read_all(session, server.url())
        async with session.ws_connect(server.url()) as socket:
            await socket.send_str("hi")
            assert (await socket.receive()).type is WSMsgType.CLOSED
            assert socket.close_code == 1006
        assert await read_all(session, server.url()) == b"ok"
        assert len(server.peers) == 1


async def test_a_peer_that_does_not_end_the_stream_is_reset() -> None:
    async def linger(stream: ServerStream) -> None:
        if stream.method != "CONNECT":
            stream.answer()
            return
        stream.head(200)
        await stream.arrived.wait()
        stream.say(CLOSE)

    async with H2Server(linger, ssl=server_context(), settings=ALLOWED) as server, tls_session() as session:
        await read_all(session, server.url())
        socket = await session.ws_connect(server.url())
        await socket.close()
        opened = server.requests[-1]
        assert await asyncio.wait_for(opened.was_reset, 5) == ErrorCodes.CANCEL


async def test_where_the_server_does_not_allow_it_http1_is_asked_for() -> None:
    offered: list[str | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        offered.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.close()

    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context("h2", "http/1.1")) as server,
        tls_session() as session,
    ):
        with pytest.raises(ServerDisconnectedError):
            await session.ws_connect(f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert offered == ["http/1.1"]


async def test_where_a_context_of_the_users_leads_to_http2_without_websockets_the_error_tells_so() -> None:
    async with H2Server(talk, ssl=server_context()) as server, ClientSession() as session:
        for _ in range(2):
            with pytest.raises(
                ClientConnectionError, match=r'takes no WebSockets.*set_alpn_protocols\(\["http/1.1"\]\)'
            ):
                await session.ws_connect(server.url(), ssl=client_context())
        assert (len(server.requests), stats_of(session).active) == (0, 0)


async def test_a_megabyte_passes_in_both_directions() -> None:
    async def mirror(stream: ServerStream) -> None:
        if stream.method != "CONNECT":
            stream.answer()
            return
        stream.head(200)
        sent = 0
        while sent < 2**20:
            await stream.arrived.wait()
            stream.arrived.clear()
            sent = len(stream.body)
        frame = b"\x82\x7f" + (2**20).to_bytes(8) + bytes(2**20)
        await stream.send(frame + CLOSE)
        await stream.ended.wait()

    async with H2Server(mirror, ssl=server_context(), settings=ALLOWED) as server, tls_session() as session:
        await read_all(session, server.url())
        async with session.ws_connect(server.url()) as socket:
            await socket.send_bytes(bytes(2**20))
            assert (await socket.receive()).data == bytes(2**20)
