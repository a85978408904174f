"""HTTP proxies on loopback that tests script: one that forwards and tunnels, and counts what it was asked."""

import asyncio
import ssl
from contextlib import suppress

from tests.raw_server import Peer, RawServer

AGREED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class TunnelProxy(RawServer):
    """Opens tunnels to 127.0.0.1, whatever the name, and answers other requests by itself.

    heads: what it was asked. answer: sent in place of a tunnel.
    """

    def __init__(self, answer: bytes | None = None, *, ssl: ssl.SSLContext | None = None) -> None:
        super().__init__(self._serve, ssl=ssl)
        self.heads: list[bytes] = []
        self._answer = answer

    async def _serve(self, peer: Peer) -> None:
        while True:
            head = await peer.head()
            self.heads.append(head)
            if not head.startswith(b"CONNECT "):
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nforwarded")
            elif self._answer is not None:
                await peer.send(self._answer)
                return
            else:
                await self._tunnel(peer, int(head.split(b" ")[1].rpartition(b":")[2]))
                return

    async def _tunnel(self, peer: Peer, port: int) -> None:
        from_origin, to_origin = await asyncio.open_connection("127.0.0.1", port)
        try:
            await peer.send(AGREED)
            await asyncio.gather(_pump(peer.reader, to_origin), _pump(from_origin, peer.writer))
        finally:
            to_origin.close()
            with suppress(ConnectionError):
                await to_origin.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while (data := await reader.read(2**16)) and not writer.is_closing():  # uvloop refuses to write then
            writer.write(data)
    writer.close()
