"""How a `WebSocketResponse` ends: by either side, properly or not, and for a client that breaks the protocol."""

import asyncio

import pytest

from tests.raw_server import reset_at_end
from tests.web.raw_websocket import BINARY, CLOSE, CLOSED, CLOSING, PING, TEXT, Opener, close_frame, frame, receive_all
from trunkline.web.websocket import WebSocketResponse
from trunkline.wire.errors import WebSocketError
from trunkline.wire.ws.deflate import Deflater
from trunkline.wire.ws.message import WSCloseCode, WSMessage, WSMsgType


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

    for resets in (False, True):
        async with Opener(script) as running:
            if resets:
                reset_at_end(running.talk.writer)
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
