"""`Connection`: what users see of the connection that carries a response (aiohttp's class of that name)."""

import asyncio

from trunkline.conn.client_h1 import ClientH1


class Connection:
    """A connection while it is in use. Made by connectors; `release` or `close` ends it."""

    __slots__ = ("_connection", "_loop")

    def __init__(self, connection: ClientH1, loop: asyncio.AbstractEventLoop) -> None:
        self._connection: ClientH1 | None = connection
        self._loop = loop

    def __repr__(self) -> str:
        return f"<Connection {self._connection!r}>"

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs on."""
        return self._loop

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport; None once it is closed or released."""
        return None if self._connection is None else self._connection.transport

    @property
    def protocol(self) -> ClientH1 | None:
        """The protocol on the transport; None once it is closed or released."""
        return self._connection

    @property
    def closed(self) -> bool:
        """True once it was closed or released."""
        return self._connection is None or self._connection.is_closed

    def close(self) -> None:
        """Close the socket."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.interrupt("the connection was closed by its user")

    def release(self) -> None:
        """Give it back to the connector; it is closed if a response is still on its way."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.let_go()
