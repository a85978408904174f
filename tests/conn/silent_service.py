"""A service for connections under test that speak no protocol: it has rules and a watch, and answers nothing."""

import asyncio

from trunkline.body.stream import StreamReader
from trunkline.conn.server_connection import ServerConnection
from trunkline.conn.service import ServiceRules
from trunkline.conn.starter import make_starter
from trunkline.conn.watch import Watch
from trunkline.wire.errors import WireError
from trunkline.wire.received import ReceivedHead


class SilentService:
    """Takes note of nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rules: ServiceRules) -> None:
        self.rules = rules
        self.watch = Watch(loop, ())
        self.starter = make_starter(loop)
        self.is_closing = False

    def connection_made(self, handler: ServerConnection, transport: asyncio.Transport) -> None: ...

    def speak_h2(self, connection: ServerConnection, head: bytes, rest: bytes) -> bool:
        return False

    def connection_lost(self, handler: ServerConnection, exc: BaseException | None = None) -> None: ...

    def done(self, handler: ServerConnection) -> None: ...

    async def answer(self, connection: ServerConnection, head: ReceivedHead, body: StreamReader) -> None: ...

    async def refuse(self, connection: ServerConnection, error: WireError) -> None: ...
