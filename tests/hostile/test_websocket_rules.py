"""WebSocket peers that break the rules of RFC 6455 and RFC 7692, in both roles, whole, and a byte at a time."""

import asyncio
import socket
from contextlib import suppress

import pytest

from tests.client.raw_websocket import Script, agreement, opened, receive_all as client_receives_all
from tests.hostile.nearby import loop_is_free
from tests.memory import MIB, peak_below
from tests.raw_server import Peer, RawServer
from tests.web.raw_websocket import (
    BINARY,
    CLOSE,
    HEAD,
    TEXT,
    Opener,
    close_frame,
    frame,
    receive_all as server_receives_all,
)
from tests.web.rough import turns
from tests.web.serving import serving
from trunkline import ClientSession, WSMessage, WSMsgType, WSServerHandshakeError, web
from trunkline.wire.ws.deflate import Deflater
from trunkline.wire.ws.frames import FrameWriter

LIMIT = 100
MASK = b"\0\0\0\0"
NOT_ON_THE_WIRE = (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)

# Without a mask, as a server sends; `of_client` masks them.
BROKEN = {
    "reserved bit 1": (b"\xc1\x01a", 1002),
    "reserved bit 2": (b"\xa1\x01a", 1002),
    "reserved bit 3": (b"\x91\x01a", 1002),
    "reserved opcode of data": (b"\x83\x01a", 1002),
    "reserved opcode of control": (b"\x8b\x01a", 1002),
    "fragmented ping": (b"\x09\x01a", 1002),
    "fragmented close": (b"\x08\x02\x03\xe8", 1002),
    "long ping": (b"\x89\x7e\x00\x7e" + b"a" * 126, 1002),
    "16 bits for a short length": (b"\x82\x7e\x00\x01a", 1002),
    "64 bits for a short length": (b"\x82\x7f" + (1).to_bytes(8, "big") + b"a", 1002),
    "64 bits for a length of 16": (b"\x82\x7f" + (0xFFFF).to_bytes(8, "big"), 1002),
    "length of 2**63": (b"\x82\x7f\x80" + bytes(7), 1002),
    "continuation of nothing": (b"\x80\x01a", 1002),
    "message within a message": (b"\x01\x01a\x81\x01b", 1002),
    "text that is no UTF-8": (b"\x81\x01\xff", 1007),
    "text of a surrogate": (b"\x81\x03\xed\xa0\x80", 1007),
    "text cut within a character": (b"\x81\x02\xe2\x82", 1007),
    "fragments that are no UTF-8": (b"\x01\x01\xc3\x80\x01a", 1007),
    "too long": (b"\x82\x65" + b"x" * (LIMIT + 1), 1009),
    "too long, of which the head alone comes": (b"\x82\x7f" + (2**40).to_bytes(8, "big"), 1009),
    "too long in fragments": (b"\x02\x64" + b"x" * LIMIT + b"\x80\x01x", 1009),
    "close of one byte": (b"\x88\x01a", 1002),
    "close with a reason that is no UTF-8": (b"\x88\x03\x03\xe8\xff", 1007),
    **{f"close code {code}": (b"\x88\x02" + code.to_bytes(2, "big"), 1002) for code in NOT_ON_THE_WIRE},
}


def of_client(data: bytes) -> bytes:
    """Mask each frame of `data` with zeros, so that its payload stays as it is."""
    masked = b""
    while data:
        extra = {126: 2, 127: 8}.get(data[1], 0)
        length = int.from_bytes(data[2 : 2 + extra], "big") if extra else data[1]
        end = 2 + extra + length
        masked += bytes((data[0], data[1] | 0x80)) + data[2 : 2 + extra] + MASK + data[2 + extra : end]
        data = data[end:]
    return masked


def pieces(data: bytes, cut: str) -> list[bytes]:
    return [data] if cut == "whole" else [data[at : at + 1] for at in range(len(data))]


def check(messages: list[WSMessage], code: int) -> None:
    good, error, closed = messages
    assert (good.data, error.type, error.data.code) == ("ok", WSMsgType.ERROR, code)
    assert closed.type is WSMsgType.CLOSED


CUTS = pytest.mark.parametrize("cut", ["whole", "byte by byte"])
RULES = pytest.mark.parametrize(
    ("data", "code"),
    [*BROKEN.values(), (b"\x81\x81" + MASK + b"x", 1002)],
    ids=[*BROKEN, "a mask from a server, none from a client"],
)


@CUTS
@RULES
async def test_a_server_refuses_a_client_that_breaks_the_protocol(data: bytes, code: int, cut: str) -> None:
    is_masked = data[1] == 0x81 and len(data) == 7
    wire = b"\x81\x01x" if is_masked else of_client(data)
    async with Opener(lambda websocket: server_receives_all(websocket), max_msg_size=LIMIT) as running:
        sock: socket.socket = running.talk.writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces(frame(TEXT, b"ok") + wire, cut):
            running.send(piece)
            await asyncio.sleep(0)
        check(await running.result(), code)
        await running.read_end(b"\x88\x02" + code.to_bytes(2, "big"))


@CUTS
@RULES
async def test_a_client_refuses_a_server_that_breaks_the_protocol(data: bytes, code: int, cut: str) -> None:
    async def play(peer: Peer) -> None:
        with suppress(ConnectionError):  # the client had heard enough
            for piece in pieces(b"\x81\x02ok" + data, cut):
                await peer.send(piece)
                await asyncio.sleep(0)

    script = Script(play=play)
    async with opened(script, max_msg_size=LIMIT) as ws:
        check(await client_receives_all(ws), code)
        assert ws.close_code == code
    if cut == "whole":  # else it may be lost with what the client did not read
        assert script.said == [(CLOSE, code.to_bytes(2, "big"))]


# What nobody asked for.

ASKED = {
    "an extension that we do not have": ("Sec-WebSocket-Extensions: x-evil, permessage-evil; a=b", b"extensions"),
    "terms that are none": ("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7", b"extensions"),
    "a subprotocol that we do not have": ("Sec-WebSocket-Protocol: evil", b"protocol"),
}


@pytest.mark.parametrize(("line", "named"), ASKED.values(), ids=ASKED)
async def test_a_server_agrees_to_nothing_that_it_does_not_have(line: str, named: bytes) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        websocket = web.WebSocketResponse(protocols=("good",))
        await websocket.prepare(request)
        return websocket

    async with serving(handler) as server, await server.talk() as talk:
        talk.send(f"{HEAD}{line}\r\n\r\n".encode())
        head = await talk.head()
    assert head.startswith((b"HTTP/1.1 101 ", b"HTTP/1.1 400 "))
    assert b"sec-websocket-" + named not in head.lower()


@pytest.mark.parametrize("line", ["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: evil"])
async def test_a_client_refuses_what_it_did_not_offer(line: str) -> None:
    async def handler(peer: Peer) -> None:
        await peer.send(agreement(await peer.head(), line))
        await peer.wait_closed_by_client()

    async with RawServer(handler) as server, ClientSession() as session:
        with pytest.raises(WSServerHandshakeError, match=r".{10}"):
            await session.ws_connect(server.url())
        await server.wait_all_closed()


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace("GET", "POST"),
        HEAD.replace("/1.1", "/1.0"),
        HEAD.replace("Version: 13", "Version: 99"),
        HEAD.replace("dGhl", "????"),
        HEAD + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ],
)
async def test_an_upgrade_that_is_none_is_a_400(head: str) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        return websocket

    async with serving(handler) as server:
        assert (await server.ask(f"{head}\r\n".encode()))[0] == 400


# Bombs and drips.


async def test_a_bomb_is_refused_at_its_limit_in_little_memory_by_both() -> None:
    packed = Deflater().deflate(bytes(100 * MIB))
    with peak_below(32 * MIB):
        opener = Opener(lambda websocket: server_receives_all(websocket), "permessage-deflate")
        async with opener as running, loop_is_free():
            masked = bytearray(frame(BINARY, packed))
            masked[0] |= 0x40
            running.send(bytes(masked))
            assert (await running.result())[0].data.code == 1009
    bomb = bytearray(FrameWriter(None).render(BINARY, packed))
    bomb[0] |= 0x40
    with peak_below(32 * MIB):
        script = Script(bytes(bomb), "Sec-WebSocket-Extensions: permessage-deflate")
        async with opened(script, compress=15) as ws, loop_is_free():
            assert (await ws.receive()).data.code == 1009


FRAGMENTS = 100_000


async def test_a_drip_of_empty_fragments_takes_little_memory_of_a_server() -> None:
    async with Opener(lambda websocket: server_receives_all(websocket)) as running:
        with peak_below(8 * MIB):
            running.send(b"\x01\x80" + MASK)
            for _ in range(FRAGMENTS // 1_000):
                running.send((b"\x00\x80" + MASK) * 1_000)
                await running.talk.writer.drain()
            running.send(b"\x80\x81" + MASK + b"x", close_frame(1000))
            messages = await running.result()
    assert messages[0].data == "x"


async def test_a_drip_of_empty_fragments_takes_little_memory_of_a_client() -> None:
    async def play(peer: Peer) -> None:
        await peer.send(b"\x01\x00")
        for _ in range(FRAGMENTS // 1_000):
            await peer.send(b"\x00\x00" * 1_000)
        await peer.send(b"\x80\x01x\x88\x02\x03\xe8")

    async with opened(Script(play=play)) as ws:
        with peak_below(8 * MIB):
            assert await ws.receive_str() == "x"


async def test_a_server_that_pings_and_never_reads_cannot_fill_the_clients_memory() -> None:
    async def play(peer: Peer) -> None:
        transport = peer.writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()
        for _ in range(100):  # 13 MB of pings
            await peer.send((b"\x89\x7d" + b"x" * 125) * 1_000)
        await peer.send(b"\x81\x04done")
        await is_over.wait()
        transport.resume_reading()

    is_over = asyncio.Event()
    async with opened(Script(play=play)) as ws:
        with peak_below(8 * MIB):
            assert await ws.receive_str() == "done"
        is_over.set()


PINGS = 256 * 1024  # bytes


async def test_empty_pings_do_not_hold_the_loop_of_a_server() -> None:
    async with Opener(lambda websocket: server_receives_all(websocket)) as running, loop_is_free():
        running.send((b"\x89\x80" + MASK) * (PINGS // 6), close_frame(1000))
        await running.result()


async def test_empty_pings_do_not_hold_the_loop_of_a_client() -> None:
    async def play(peer: Peer) -> None:
        await peer.send(b"\x89\x00" * (PINGS // 2) + b"\x81\x04done")
        await is_over.wait()  # the pongs are not looked at before, which would hold the loop itself

    is_over = asyncio.Event()
    async with opened(Script(play=play)) as ws:
        async with loop_is_free():
            assert await ws.receive_str() == "done"
        is_over.set()


async def test_a_frame_whose_bytes_never_come_holds_no_memory_for_them() -> None:
    async with Opener(lambda websocket: server_receives_all(websocket), timeout=0.1) as running:
        with peak_below(MIB):
            running.send(b"\x82\xff" + (4 * MIB - 1).to_bytes(8, "big") + MASK + b"x")
            await turns(20)  # what was sent on loopback is there: each turn of the loop reads what is
        running.talk.writer.transport.abort()
        assert (await running.result())[0].type in (WSMsgType.CLOSED, WSMsgType.ERROR)
