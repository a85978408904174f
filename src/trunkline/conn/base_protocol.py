"""`BaseProtocol`: a protocol that knows its transport and can pause it (aiohttp's class).

Our connections are none: they read into memory of their own. This one is for libraries that bring a protocol of theirs,
and for tests that feed a stream without a connection.
"""

import asyncio
from typing import cast

from trunkline.transport.flow import WriteFlow


class BaseProtocol(asyncio.Protocol):
    """A protocol on a stream. transport: None before the connection is made and once it is lost."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._flow = WriteFlow(loop)
        self._reading_paused = False
        self.transport: asyncio.Transport | None = None

    @property
    def connected(self) -> bool:
        """True while there is a transport that is not closing."""
        return self.transport is not None and not self.transport.is_closing()

    @property
    def writing_paused(self) -> bool:
        """True while the transport holds more than it wants to."""
        return self._flow.paused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no instances of it

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._flow.connection_lost(exc)

    def pause_writing(self) -> None:
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        self._flow.resume_writing()

    def pause_reading(self) -> None:
        """Take nothing more from the transport."""
        self._set_reading(is_paused=True)

    def resume_reading(self) -> None:
        """Go on."""
        self._set_reading(is_paused=False)

    def _set_reading(self, *, is_paused: bool) -> None:
        if is_paused == self._reading_paused:
            return
        self._reading_paused = is_paused
        if self.connected:
            assert self.transport is not None
            self.transport.pause_reading() if is_paused else self.transport.resume_reading()

    async def _drain_helper(self) -> None:
        """Wait until the transport takes more; by aiohttp's name, for libraries that call it."""
        await self._flow.drain()
