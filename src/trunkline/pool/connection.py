"""`Connection`: what users see of the connection that carries a response (aiohttp's class of that name).

It ends with the response: the socket under it may serve another request by then, which is not its holder's to disturb.
"""

import asyncio
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from trunkline.conn.client_connection import ClientConnection, RequestOutlet
from trunkline.conn.errors import ConnectionClosed
from trunkline.conn.exchange import Exchange
from trunkline.ground.caller import caller


class Connection:
    """The connection of `exchange`, while the response is still arriving. `release` or `close` ends it.

    unused: the connection that was acquired for the exchange, until the request is sent on it.
    """

    __slots__ = ("_loop", "_made_at", "_unused", "exchange")

    def __init__(
        self, exchange: Exchange, loop: asyncio.AbstractEventLoop, unused: ClientConnection | None = None
    ) -> None:
        self.exchange = exchange
        self._loop = loop
        self._unused = unused
        self._made_at = "" if unused is None else caller(loop.get_debug())

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        unused = self._unused
        if unused is None or unused.is_closed:
            return
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(unused.close)  # garbage may be collected in any thread
        _warn(
            f"Unclosed connection {self!r}; send a request on it, or call release(); made at {self._made_at}",
            ResourceWarning,
            source=self,
        )

    def __repr__(self) -> str:
        return f"<Connection {self.protocol!r}>"

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs on; deprecated."""
        warnings.warn("connector.loop property is deprecated", DeprecationWarning, stacklevel=2)
        return self._loop

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport; None once it is closed or released."""
        protocol = self.protocol
        return None if protocol is None else protocol.transport

    @property
    def protocol(self) -> ClientConnection | RequestOutlet | None:
        """The protocol on the transport, of HTTP/2 the stream; None once it is closed or released."""
        return self._unused or cast("RequestOutlet | None", self.exchange.carrier)  # which started it

    @property
    def closed(self) -> bool:
        """True once it was closed or released."""
        protocol = self.protocol
        return protocol is None or protocol.is_closed

    def close(self) -> None:
        """Close the socket; nothing happens when the response has come whole."""
        unused, self._unused = self._unused, None
        if unused is not None:
            unused.close()
            _give_back(unused)
        elif self.exchange.carrier is not None:
            error = ConnectionClosed("the connection was closed by its user")
            self.exchange.carrier.abort_exchange(self.exchange, error)

    def release(self) -> None:
        """Give it back to the connector; it is closed if the response is still on its way."""
        self.release_unused()
        self.exchange.abort()

    def release_unused(self) -> None:
        """Give it back if the request was not sent on it."""
        unused, self._unused = self._unused, None
        if unused is not None:
            _give_back(unused)

    def prepare(self) -> None:
        """Have the exchange wait for the head of its response, if nobody does yet."""
        exchange = self.exchange
        if exchange.waiter is None:
            exchange.waiter = self._loop.create_future()
        exchange.waiter.add_done_callback(_note_error)

    def use(self) -> ClientConnection:
        """Return the connection to send the request on, once. Raises ConnectionClosed when there is none any more."""
        unused, self._unused = self._unused, None
        if unused is None:
            raise ConnectionClosed("this connection was used or released before; acquire another one")
        return unused


def _note_error(waiter: "asyncio.Future[Any]") -> None:
    """Keep asyncio from complaining: who sends by hand may give up before it waits for the head."""
    if not waiter.cancelled():
        waiter.exception()


def _give_back(connection: ClientConnection) -> None:
    if connection.owner is not None:
        connection.owner.release(connection)
