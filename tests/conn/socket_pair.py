"""A connection on one end of a socket pair; the tests play the peer at the other."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, cast


class Connection(Protocol):
    """What ends with the test. gone: done when its transport is lost."""

    @property
    def gone(self) -> "asyncio.Future[None]": ...
    def abort(self) -> None: ...


@asynccontextmanager
async def peer_of(connection: Connection) -> AsyncIterator[socket.socket]:
    """Connect `connection` and yield the socket of its peer, which does not block."""
    ours, peer = socket.socketpair()
    peer.setblocking(False)
    protocol = cast(asyncio.BaseProtocol, connection)
    await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
    yield peer
    connection.abort()
    await connection.gone
    peer.close()


async def receive(peer: socket.socket) -> bytes:
    """Return what comes next, b"" at the end."""
    return await asyncio.get_running_loop().sock_recv(peer, 2**16)


async def receive_all(peer: socket.socket) -> bytes:
    """Return what comes until the end."""
    parts = []
    while part := await receive(peer):
        parts.append(part)
    return b"".join(parts)
