"""`NamedPipeConnector`: connections over a named pipe of Windows, whatever the host of the URL.

Importing this is safe anywhere; making a connector needs a loop that can open pipes, which is asyncio's proactor.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from trunkline.conn.client_h1 import ClientH1
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.pool.connector import BaseConnector
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

    async def _open_unix(self, connection: ClientH1, path: str, tls: TLSOptions | None) -> None:
        loop = cast(PipeLoop, self._loop)  # the connector has checked it
        try:
            if tls is None:
                await loop.create_pipe_connection(lambda: connection, path)
                return
            transport, _ = await loop.create_pipe_connection(asyncio.Protocol, path)
        except OSError as error:
            raise ConnectError(path, 0, error) from error
        await start_tls(transport, lambda: connection, path, 0, tls)


class NamedPipeConnector(BaseConnector):
    r"""Connects to the named pipe at `path`, such as `\\.\pipe\docker_engine`."""

    allowed_protocol_schema_set = BaseConnector.allowed_protocol_schema_set | {"npipe"}

    def __init__(
        self,
        path: str,
        force_close: bool = False,
        keepalive_timeout: float | Sentinel | None = sentinel,
        limit: int = 100,
        limit_per_host: int = 0,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Raises RuntimeError when the loop opens no pipes."""
        self._closed = True  # until it is complete, for __del__
        self._path = path
        super().__init__(
            force_close=force_close,
            keepalive_timeout=keepalive_timeout,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
        )

    def _make_establisher(self, loop: asyncio.AbstractEventLoop) -> Establisher:
        if not hasattr(loop, "create_pipe_connection"):
            raise RuntimeError(
                f"a {type(loop).__name__} opens no named pipes; use Windows and its asyncio.ProactorEventLoop,"
                " or UnixConnector for Unix sockets"
            )
        return PipeEstablisher(loop, None, path=self._path)

    @property
    def path(self) -> str:
        """Path of the pipe."""
        return self._path
