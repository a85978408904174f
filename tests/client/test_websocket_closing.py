"""How a client's WebSocket ends: by either side, beside a reader, by silence, with its session, or by being dropped."""

import asyncio
import gc
import warnings
import weakref
from typing import Any

import pytest

import trunkline
from tests.client.raw_websocket import CLOSE, CLOSED, CLOSING, PING, TEXT, Script, close_frame, frame, opened
from tests.pool_state import wait_nothing_held
from tests.raw_server import Peer, RawServer
from trunkline import ClientSession, ClientWebSocketResponse, ClientWSTimeout, WSMessage, WSMsgType

SOON = ClientWSTimeout(ws_close=0.05)
NORMAL = (CLOSE, b"\x03\xe8")


def answering(code: int) -> Script:
    """A server that answers our Close frame."""

    async def play(peer: Peer) -> None:
        await peer.reader.readexactly(8)  # all of it: head, key and code
        await peer.send(close_frame(code))

    return Script(play=play)


@pytest.mark.parametrize("message", ["bye", b"bye"])
async def test_close_says_code_and_message_and_waits_for_the_answer(message: str | bytes) -> None:
    script = Script(frame(TEXT, b"unread") + close_frame(4001))
    async with opened(script) as ws:
        assert await ws.close(code=4000, message=message) is True
        assert (ws.closed, ws.close_code, ws.exception()) == (True, 4001, None)
        assert ws._response.closed
        assert await ws.close() is False
    assert script.said == [(CLOSE, b"\x0f\xa0bye")]


async def test_a_server_that_does_not_answer_a_close_is_1006() -> None:
    async with opened(Script(), timeout=SOON) as ws:
        assert await ws.close() is True
        assert (ws.close_code, type(ws.exception())) == (1006, TimeoutError)


async def test_the_end_of_a_block_closes() -> None:
    script = Script(close_frame(1000))
    async with RawServer(script) as server, ClientSession() as session:
        async with session.ws_connect(server.url()) as ws:
            assert not ws.closed
        assert ws.closed
        async with await session.ws_connect(server.url()) as ws:
            pass
        assert ws.closed
    assert script.said == [NORMAL, NORMAL]


async def test_of_two_that_close_one_does() -> None:
    script = Script()
    async with opened(script, timeout=SOON) as ws:
        assert [*await asyncio.gather(ws.close(code=4000), ws.close(code=4001))] == [True, False]
    assert script.said == [(CLOSE, b"\x0f\xa0")]


async def test_after_the_end_receiving_tells_so_as_often_as_it_is_asked() -> None:
    async with opened(Script(close_frame(1000))) as ws:
        await ws.close()
        assert [await ws.receive() for _ in range(10)] == [CLOSED] * 10


async def test_after_the_end_nothing_is_sent() -> None:
    async with opened(Script(close_frame(1000))) as ws:
        await ws.close()
        for sending in (ws.send_str("a"), ws.send_bytes(b"a"), ws.ping(), ws.pong(), ws.send_json(1)):
            with pytest.raises(trunkline.ClientConnectionResetError, match="Cannot write to closing transport"):
                await sending


async def test_a_reader_is_told_of_the_closing_and_the_answer_is_still_waited_for() -> None:
    async with opened(answering(4001)) as ws:
        reader = asyncio.create_task(ws.receive())
        await asyncio.sleep(0)
        assert await ws.close() is True
        assert (await reader, await ws.receive()) == (CLOSING, CLOSED)
        assert (ws.close_code, ws.exception()) == (4001, None)


async def test_a_reader_that_was_about_to_wake_is_told_of_the_closing_too() -> None:
    async with opened(Script(), timeout=SOON) as ws:
        reader = asyncio.create_task(ws.receive())
        await asyncio.sleep(0)
        ws._connection.data_received(frame(TEXT, b"a"))
        assert await ws.close() is True
        assert await reader == CLOSING


async def test_the_servers_close_is_answered_and_returned() -> None:
    script = Script(close_frame(3000, b"enough"))
    async with opened(script) as ws:
        assert await ws.receive() == (CLOSE, 3000, "enough")
        assert (ws.closed, ws.close_code, ws.exception()) == (True, 3000, None)
        assert await ws.receive() == CLOSED
    assert script.said == [NORMAL]


async def test_without_autoclose_the_reader_closes_or_the_next_receive() -> None:
    for closes_itself in (True, False):
        script = Script(close_frame(3000))
        async with opened(script, autoclose=False) as ws:
            assert await ws.receive() == (CLOSE, 3000, "")
            assert not ws.closed
            if closes_itself:
                await ws.close(code=4000)
            assert await ws.receive() == CLOSED
            assert (ws.closed, ws.close_code) == (True, 3000)
        assert script.said == [(CLOSE, b"\x0f\xa0") if closes_itself else NORMAL]


@pytest.mark.parametrize("then", [b"", b"\x82\x05a"], ids=["between frames", "within one"])
async def test_an_end_without_a_close_frame_is_1006(then: bytes) -> None:
    async with opened(Script(then, ends=True)) as ws:
        assert await ws.receive() == CLOSED
        assert (ws.closed, ws.close_code) == (True, 1006)
        assert isinstance(ws.exception(), trunkline.ClientConnectionResetError)


async def test_a_reset_is_1006() -> None:
    async def reset(peer: Peer) -> None:
        peer.reset()

    async with opened(Script(play=reset)) as ws:
        assert await ws.receive() == CLOSED
        assert ws.close_code == 1006


# Heartbeat.


async def test_a_silent_server_is_asked_and_then_given_up() -> None:
    script = Script()
    async with opened(script, heartbeat=0.04) as ws:
        message = await ws.receive()
        assert message.type is WSMsgType.ERROR
        assert isinstance(message.data, trunkline.ServerTimeoutError)
        assert str(message.data) == "No PONG received after 0.02 seconds"
        assert (ws.closed, ws.close_code, ws.exception()) == (True, 1006, message.data)
        assert await ws.receive() == CLOSED
    assert script.said == [(PING, b"")]


async def test_a_silent_server_is_given_up_while_nobody_reads() -> None:
    async with opened(Script(), heartbeat=0.02) as ws:
        while not ws.closed:  # noqa: ASYNC110 - nobody is told, that is the point
            await asyncio.sleep(0.001)
        assert await ws.receive() == CLOSED


async def test_one_who_waits_to_send_is_told_that_the_connection_is_lost() -> None:
    is_full = asyncio.Event()

    async def play(peer: Peer) -> None:
        transport = peer.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        await is_full.wait()
        transport.abort()

    async with opened(Script(play=play)) as ws:
        sending = asyncio.create_task(ws.send_bytes(bytes(2**26)))
        await asyncio.sleep(0)
        is_full.set()
        with pytest.raises(trunkline.ClientConnectionResetError, match="the connection was lost"):
            await sending


# Sessions, responses and tasks that end.


async def test_the_end_of_the_session_ends_its_websockets() -> None:
    async with RawServer(Script()) as server:
        session = ClientSession()
        ws = await session.ws_connect(server.url())
        other = await session.ws_connect(server.url())
        reader = asyncio.create_task(ws.receive())
        await asyncio.sleep(0)
        await session.close()
        assert (await reader, ws.close_code) == (CLOSED, 1006)
        assert await other.close() is True
        assert isinstance(other.exception(), trunkline.ClientConnectionResetError)


async def test_releasing_its_response_ends_it() -> None:
    async with opened(Script()) as ws:
        ws._response.release()
        assert await ws.receive() == CLOSED


async def test_one_that_is_dropped_closes_its_connection_and_says_who_made_it() -> None:
    async with RawServer(Script()) as server, ClientSession() as session:
        with pytest.warns(ResourceWarning, match=rf"Unclosed response GET .* \[101\].* made at {__file__}"):
            await session.ws_connect(server.url())
        await wait_nothing_held(session)


async def test_one_that_the_server_failed_may_be_dropped_while_its_connection_lingers() -> None:
    is_receiving = asyncio.Event()  # else the fault's traceback would hold the WebSocket

    async def play(peer: Peer) -> None:
        await is_receiving.wait()
        await peer.send(b"\x83\x00")

    async with opened(Script(play=play)) as ws:
        is_receiving.set()
        assert (await ws.receive()).type is WSMsgType.ERROR
        with warnings.catch_warnings(record=True) as told:
            response = weakref.ref(ws._response)
            del ws
            gc.collect()
        assert (response(), told) == (None, [])


async def test_a_close_that_is_cancelled_gives_the_connection_up() -> None:
    async with RawServer(Script()) as server, ClientSession() as session:
        ws = await session.ws_connect(server.url())
        closing = asyncio.create_task(ws.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert (ws.closed, ws.close_code, ws.exception()) == (True, 1006, None)
        await wait_nothing_held(session)


async def test_a_cancelled_receive_loses_nothing() -> None:
    say = asyncio.Event()

    async def play(peer: Peer) -> None:
        await say.wait()
        await peer.send(frame(TEXT, b"a"))

    async with opened(Script(play=play)) as ws:
        reader = asyncio.create_task(ws.receive())
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait([reader])
        say.set()
        assert await ws.receive_str() == "a"


# Classes of the user's.


class _Polite(ClientWebSocketResponse):
    """Closes by a code of its own, whoever closes; such classes are common."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: handed on
        super().__init__(*args, **kwargs)
        self.seen: list[WSMessage] = []

    async def close(self, *, code: int = 4000, message: bytes | str = b"") -> bool:
        return await super().close(code=code, message=message)

    async def receive(self, timeout: float | None = None) -> WSMessage:
        self.seen.append(await super().receive(timeout))
        return self.seen[-1]


async def test_a_class_of_the_users_may_override_close_and_receive() -> None:
    script = Script(frame(TEXT, b"a") + close_frame(1000))
    async with opened(script, session={"ws_response_class": _Polite}) as ws:
        assert isinstance(ws, _Polite)
        assert [message.data async for message in ws] == ["a"]
        assert [message.type for message in ws.seen] == [TEXT, CLOSE]
    assert script.said == [(CLOSE, b"\x0f\xa0")]
