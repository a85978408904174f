"""Our own client against the running application."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from hashlib import sha256

import trunkline as client
from tests.web.peers.process import Served

PIECE = b"0123456789abcdef" * 4096


async def _text(session: client.ClientSession, path: str) -> str:
    async with session.get(path, raise_for_status=True) as response:
        return await response.text()


async def test_a_session_reuses_one_connection_after_any_answer(served: Served) -> None:
    async with client.ClientSession(served.url) as session:
        peers = {await _text(session, "/peer")}
        for path in ("/nothing", "/nowhere", "/stream", "/text", "/files/long.wav", "/cookies"):
            async with session.get(path) as response:
                await response.read()
            peers.add(await _text(session, "/peer"))
        async with session.head("/files/long.wav") as response:
            assert response.status == 200
        async with session.post("/form-then-hello", data={"a": "b"}) as response:
            assert await response.text() == "hello"
        peers.add(await _text(session, "/peer"))
    assert len(peers) == 1


async def test_a_session_opens_as_many_connections_as_its_limit_says(served: Served) -> None:
    async with client.ClientSession(served.url, connector=client.TCPConnector(limit=4)) as session:
        peers = await asyncio.gather(*(_text(session, "/peer") for _ in range(200)))
    assert len(set(peers)) == 4


async def test_a_form_with_a_file(served: Served) -> None:
    form = client.FormData(quote_fields=False)  # else the name comes percent-encoded, as aiohttp sends it
    form.add_field("title", "grüße")
    with served.recording.open("rb") as file:
        form.add_field("file", file, filename="lärm.wav", content_type="audio/x-noise")
        async with client.ClientSession(served.url) as session, session.post("/form", data=form) as response:
            answer = await response.json()
    digest = sha256(served.recording.read_bytes()).hexdigest()
    assert answer == [["title", "grüße"], ["file", "lärm.wav", "audio/x-noise", digest]]


async def test_a_streamed_upload_that_waits_to_be_asked_for(served: Served) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield PIECE

    async with (
        client.ClientSession(served.url) as session,
        session.put("/upload", data=pieces(), expect100=True) as response,
    ):
        assert await response.json() == ["PUT", "chunked", sha256(PIECE * 100).hexdigest()]


async def test_a_range(served: Served) -> None:
    wanted = {"Range": "bytes=1234567-30000000"}
    async with (
        client.ClientSession(served.url) as session,
        session.get("/files/long.wav", headers=wanted) as response,
    ):
        assert response.status == 206
        assert await response.read() == served.recording.read_bytes()[1234567:30000001]


async def test_cookies(served: Served) -> None:
    jar = client.CookieJar(unsafe=True)  # for an address
    async with client.ClientSession(served.url, cookie_jar=jar, cookies={"own": "1"}) as session:
        for set_by_server in ({}, {"open": "from the server", "hidden": "secret"}):
            async with session.get("/cookies") as response:
                assert await response.json() == {"own": "1", **set_by_server}


async def test_a_unix_socket(served: Served) -> None:
    connector = client.UnixConnector(path=str(served.socket))
    async with client.ClientSession("http://here", connector=connector) as session:
        assert await _text(session, "/hello") == "hello"


async def test_tls(served_by_tls: Served) -> None:
    context = ssl.create_default_context(cafile=served_by_tls.authority)
    connector = client.TCPConnector(ssl=context)
    async with client.ClientSession(served_by_tls.url, connector=connector) as session:
        peers = {await _text(session, "/peer") for _ in range(3)}
        async with session.get("/files/long.wav") as response:
            assert len(await response.read()) == response.content_length
    assert len(peers) == 1
