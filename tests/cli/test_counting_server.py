from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trunkline import web
from trunkline.cli.counting_server import CountingServer, Counts
from trunkline.testing.throwaway_ca import ThrowawayCA

PATIENCE_S = 30.0
GET = b"GET /path HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def counting(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[CountingServer, int]]:
    server = CountingServer()
    runner = web.ServerRunner(server)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield server, site.port
    finally:
        await runner.cleanup()


async def test_connections_are_counted_until_the_last_is_closed() -> None:
    async with counting() as (server, port):
        writers: list[asyncio.StreamWriter] = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            await reader.readuntil(b"}")
            writers.append(writer)
        await server.wait_all_closed(timeout_s=0.01)
        assert server.counts == Counts(connections=2, open=2)
        for writer in writers:
            writer.close()
        await server.wait_all_closed(PATIENCE_S)
        assert server.counts == Counts(connections=2, open=0)


async def test_full_and_resumed_handshakes_are_told_apart() -> None:
    authority = ThrowawayCA()
    client = authority.client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2  # its session is there when the handshake ends

    def get(port: int, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        with client.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as secure:
            secure.sendall(GET)
            answer = b""
            while block := secure.recv(4096):
                answer += block
            assert answer.endswith(b'{"ok": true, "path": "/path"}')
            return secure.session

    async with counting(authority.server_context()) as (server, port):
        session = await asyncio.to_thread(get, port, None)
        await asyncio.to_thread(get, port, session)
        await server.wait_all_closed(PATIENCE_S)
        assert server.counts == Counts(connections=2, tls_full=1, tls_resumed=1)
