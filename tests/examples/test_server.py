from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

import trunkline
from tests.examples.running import EXAMPLES, complaints, example
from tests.web.processes import ServerProcess

UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
NO_MASK = bytes(4)  # masking with zeros leaves the payload as it is (RFC 6455 §5.3)


@pytest.fixture
async def server() -> AsyncIterator[ServerProcess]:
    async with example("server") as process:
        yield process
    assert complaints(process) == []


@pytest.fixture
async def session(server: ServerProcess) -> AsyncIterator[trunkline.ClientSession]:
    async with trunkline.ClientSession(await server.url()) as session:
        yield session


async def test_a_stream_that_has_begun_is_finished_after_sigterm(
    server: ServerProcess, session: trunkline.ClientSession
) -> None:
    async with session.get("/ticks/4") as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.content.readline() == b"tick 0\n"
        ending = asyncio.create_task(server.stop())
        assert await response.text() == "tick 1\ntick 2\ntick 3\n"
    assert await ending == 0


async def test_a_websocket_echoes_and_is_told_when_the_server_ends(server: ServerProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(await server.url()).port)
    writer.write(UPGRADE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    for opcode in (b"\x81", b"\x82"):  # text and binary
        writer.write(opcode + b"\x85" + NO_MASK + b"hello")
        assert await reader.readexactly(7) == opcode + b"\x05hello"
    ending = asyncio.create_task(server.stop())
    going_away = (1001).to_bytes(2, "big")
    farewell = going_away + b"the server ends"
    assert await reader.readexactly(2 + len(farewell)) == bytes([0x88, len(farewell)]) + farewell
    writer.write(b"\x88\x82" + NO_MASK + going_away)
    assert await reader.read() == b""
    writer.close()
    assert await ending == 0


async def test_static_files_are_served_and_nothing_beside_them(
    server: ServerProcess, session: trunkline.ClientSession
) -> None:
    async with session.get("/static/index.html") as response:
        assert response.content_type == "text/html"
        assert await response.text() == (EXAMPLES / "static" / "index.html").read_text()
    async with session.get("/static/%2e%2e/server.py") as response:
        assert response.status == 404
    assert await server.stop() == 0


async def test_an_upload_is_read_piece_by_piece(server: ServerProcess, session: trunkline.ClientSession) -> None:
    content = bytes(range(256)) * 20_000  # more than `read()` and `post()` take
    form = trunkline.FormData({"comment": "no file"})
    form.add_field("file", io.BytesIO(content), filename="big.bin")
    form.add_field("file", io.BytesIO(b""), filename="empty.bin")
    async with session.post("/upload", data=form, raise_for_status=True) as response:
        assert await response.json() == [
            {"name": "big.bin", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
            {"name": "empty.bin", "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()},
        ]
    assert await server.stop() == 0
