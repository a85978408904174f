"""`SharedConnections`: the connections that carry many exchanges at a time, and who waits for one to be opened.

Only the handshake tells whether a server speaks HTTP/2. So the first request to an origin leads: it opens a connection,
and those that come meanwhile wait for it, instead of opening as many, and then share it. If it turns out to speak
HTTP/1.1 they open their own, and the origin is remembered, so that later ones do not wait in vain.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.exchange import Exchange
from trunkline.conn.key import ConnectionKey
from trunkline.wire.limits import MAX_H1_ORIGINS


class Shareable(Protocol):
    """A connection with lanes. wants_h1: its server has refused HTTP/2 for a request. on_lost: called at its end."""

    wants_h1: bool
    on_lost: Callable[[], None] | None

    @property
    def allows_connect(self) -> bool: ...

    @property
    def takes_lanes(self) -> bool: ...

    @property
    def is_closed(self) -> bool: ...

    def new_lane(self) -> ClientConnection: ...


Open = Callable[[ConnectionKey, Exchange, bool], Awaitable["ClientH1 | Shareable"]]


class SharedConnections:
    """Those of one pool. open_own: opens a connection for a key, and may offer HTTP/2 or not."""

    def __init__(self, loop: asyncio.AbstractEventLoop, open_own: Open) -> None:
        self._loop = loop
        self._open_own = open_own
        self._connections: dict[ConnectionKey, list[Shareable]] = {}
        self._leaders: dict[ConnectionKey, asyncio.Future[bool]] = {}  # done when it ended: False if it failed
        self._speak_h1: dict[ConnectionKey, bool] = {}  # origins; True where HTTP/2 is not to be offered any more

    def join(self, key: ConnectionKey) -> ClientConnection | None:
        """Return a place on a connection that is open; None when there is none."""
        for connection in self._connections.get(key, ()):
            if connection.takes_lanes:
                return connection.new_lane()
        return None

    def takes_connect(self, key: ConnectionKey) -> bool:
        """Tell whether a server that we have a connection with takes other protocols in a stream (RFC 8441)."""
        return any(connection.allows_connect for connection in self._connections.get(key, ()))

    async def open(self, key: ConnectionKey, exchange: Exchange) -> ClientConnection:
        """Return a place on a connection, which may be new, or be of HTTP/1.1. Raises what opening raises."""
        while True:
            lane = self.join(key)
            if lane is not None:
                return lane
            leader = self._leaders.get(key)
            if leader is None:
                return await self._lead(key, exchange)
            if key not in self._speak_h1:
                await asyncio.wait([leader])
                if not exchange.misses:  # one that was refused goes first, or newcomers would push it out again
                    await asyncio.sleep(0)
                if leader.cancelled() or leader.result():
                    continue
            return self._adopt(key, await self._open_own(key, exchange, self._offers_h2(key)))

    async def _lead(self, key: ConnectionKey, exchange: Exchange) -> ClientConnection:
        leading = self._leaders[key] = self._loop.create_future()
        try:
            place = self._adopt(key, await self._open_own(key, exchange, self._offers_h2(key)))
            leading.set_result(True)
            return place
        except asyncio.CancelledError:
            leading.cancel()  # that is no fault of the server: somebody else leads
            raise
        except BaseException:
            leading.set_result(False)
            raise
        finally:
            del self._leaders[key]

    def _offers_h2(self, key: ConnectionKey) -> bool:
        return not (self._speak_h1.get(key) or any(one.wants_h1 for one in self._connections.get(key, ())))

    def _adopt(self, key: ConnectionKey, connection: "ClientH1 | Shareable") -> ClientConnection:
        if isinstance(connection, ClientH1):
            self._remember(key, False)
            return connection
        self._speak_h1.pop(key, None)
        if not connection.is_closed:  # else its end may have come, and nobody would forget it
            connection.on_lost = lambda: self._forget(key, connection)
            self._connections.setdefault(key, []).append(connection)
        return connection.new_lane()

    def _forget(self, key: ConnectionKey, connection: Shareable) -> None:
        left = [one for one in self._connections[key] if one is not connection]
        if left:
            self._connections[key] = left
        else:
            del self._connections[key]
        if connection.wants_h1:
            self._remember(key, True)

    def _remember(self, key: ConnectionKey, never_h2: bool) -> None:
        self._speak_h1[key] = self._speak_h1.pop(key, False) or never_h2
        if len(self._speak_h1) > MAX_H1_ORIGINS:
            del self._speak_h1[next(iter(self._speak_h1))]
