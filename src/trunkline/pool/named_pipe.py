"""`NamedPipeConnector`: connections over a named pipe of Windows, whatever the host of the URL.

Importing this is safe anywhere; making a connector needs a loop that can open pipes, which is asyncio's proactor.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from trunkline.ground.probe import Mark
from trunkline.pool.connector import PathConnector
from trunkline.pool.establish import Establisher
from trunkline.transport.errors import ConnectError
from trunkline.transport.handshake import TLSOptions, start_tls


class PipeLoop(Protocol):
    """What ProactorEventLoop has besides what every loop has."""

    async def create_pipe_connection(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], address: str
    ) -> tuple[asyncio.Transport, Any]:  # Any: the protocol
        ...


class PipeEstablisher(Establisher):
    """Opens connections over the named pipe at `path`."""

    async def _open_unix(
        self, factory: Callable[[], asyncio.BaseProtocol], path: str, tls: TLSOptions | None, mark: Mark
    ) -> None:
        loop = cast(PipeLoop, self._loop)  # the connector has checked it
        try:
            if tls is None:
                await loop.create_pipe_connection(factory, path)
                return
            transport, _ = await loop.create_pipe_connection(asyncio.Protocol, path)
        except OSError as error:
            raise ConnectError(path, 0, error) from error
        mark("tls")
        await start_tls(transport, factory, path, 0, tls)


class NamedPipeConnector(PathConnector):
    r"""Connects to the named pipe at `path`, such as `\\.\pipe\docker_engine`.

    Making one raises RuntimeError when the loop opens no pipes.
    """

    allowed_protocol_schema_set = PathConnector.allowed_protocol_schema_set | {"npipe"}

    def _make_establisher(self, loop: asyncio.AbstractEventLoop) -> Establisher:
        if not hasattr(loop, "create_pipe_connection"):
            raise RuntimeError(
                f"a {type(loop).__name__} opens no named pipes; use Windows and its asyncio.ProactorEventLoop,"
                " or UnixConnector for Unix sockets"
            )
        return PipeEstablisher(loop, None, path=self._path)
