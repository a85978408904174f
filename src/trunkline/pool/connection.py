"""`Connection`: what users see of the connection that carries a response (aiohttp's class of that name).

It ends with the response: the socket under it may serve another request by then, which is not its holder's to disturb.
"""

import asyncio

from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.errors import ConnectionClosed
from trunkline.conn.exchange import Exchange


class Connection:
    """The connection of `exchange`, while the response is still arriving. `release` or `close` ends it."""

    __slots__ = ("_exchange", "_loop")

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._loop = loop

    def __repr__(self) -> str:
        return f"<Connection {self.protocol!r}>"

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs on."""
        return self._loop

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport; None once it is closed or released."""
        protocol = self.protocol
        return None if protocol is None else protocol.transport

    @property
    def protocol(self) -> ClientH1 | None:
        """The protocol on the transport; None once it is closed or released."""
        carrier = self._exchange.carrier
        return carrier if isinstance(carrier, ClientH1) else None

    @property
    def closed(self) -> bool:
        """True once it was closed or released."""
        protocol = self.protocol
        return protocol is None or protocol.is_closed

    def close(self) -> None:
        """Close the socket; nothing happens when the response has come whole."""
        if self._exchange.carrier is not None:
            error = ConnectionClosed("the connection was closed by its user")
            self._exchange.carrier.abort_exchange(self._exchange, error)

    def release(self) -> None:
        """Give it back to the connector; it is closed if the response is still on its way."""
        self._exchange.abort()
