"""The demo's server: `web.Server` as users have it, whose hooks count connections and TLS handshakes.

A connection is counted once it is made, which with TLS is after the handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from trunkline import web
from trunkline.conn.server_connection import ServerConnection


@dataclass(slots=True)
class Counts:
    """What a server saw of its clients."""

    connections: int = 0
    open: int = 0
    tls_full: int = 0
    tls_resumed: int = 0


class CountingServer(web.Server):
    """Answers every request with a small JSON that names its path, and counts the connections that they come on."""

    def __init__(self) -> None:
        super().__init__(_answer)
        self.counts = Counts()
        self._all_closed = asyncio.Event()
        self._all_closed.set()

    def connection_made(self, handler: ServerConnection, transport: asyncio.Transport) -> None:
        """Count a connection, and its handshake."""
        super().connection_made(handler, transport)
        self.counts.connections += 1
        self.counts.open += 1
        self._all_closed.clear()
        session: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if session is None:
            return
        if session.session_reused:
            self.counts.tls_resumed += 1
        else:
            self.counts.tls_full += 1

    def connection_lost(self, handler: ServerConnection, exc: BaseException | None = None) -> None:
        """Note that a connection is open no more."""
        super().connection_lost(handler, exc)
        self.counts.open -= 1
        if not self.counts.open:
            self._all_closed.set()

    async def wait_all_closed(self, timeout_s: float) -> None:
        """Wait until no connection is open, but not longer than `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._all_closed.wait()
        except TimeoutError:
            pass  # the counts tell how many are still open


async def _answer(request: web.BaseRequest) -> web.Response:
    return web.json_response({"ok": True, "path": request.path})
