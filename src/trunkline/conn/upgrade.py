"""`Upgrade`: what becomes of a client's connection once a response 101 has taken it out of HTTP (RFC 9110 §7.8).

The exchange that led there ends with the connection, so that its response can be held, and closed, as long as the other
protocol is spoken. What that protocol said last is still sent when the connection is closed, within a bounded time.
"""

import asyncio
from typing import Final

from trunkline.conn.exchange import Exchange
from trunkline.conn.receiver import Receiver
from trunkline.wire.limits import WEBSOCKET_LINGERING_S

_STATUS: Final = 101  # Switching Protocols, RFC 9110 §15.2.2


def is_upgraded(exchange: Exchange) -> bool:
    """Tell whether the server has answered that it changes the protocol."""
    return exchange.head is not None and exchange.head.status == _STATUS


def awaits_switch(exchange: Exchange) -> bool:
    """Tell whether what follows the head waits for `switch_protocol`: who wants that asks for no body until the end."""
    return is_upgraded(exchange) and not exchange.rules.read_until_eof


class Upgrade:
    """The time after HTTP on one connection. receiver: gets its bytes."""

    __slots__ = ("_last_words", "exchange", "receiver")

    def __init__(self, exchange: Exchange, receiver: Receiver) -> None:
        self.exchange = exchange
        self.receiver = receiver
        self._last_words: asyncio.TimerHandle | None = None  # ends the wait for them to be sent
        if exchange.deadline is not None:
            exchange.deadline.cancel()  # it was for the request

    def hand_over(self, *, is_closing: bool, is_lost: bool) -> None:
        """Tell the receiver what has come since the 101, bytes first."""
        body = self.exchange.body
        assert body is not None
        early = body.read_nowait()
        body.feed_eof()
        if early:
            self.receiver.data_received(early)
        if is_closing:
            self.receiver.eof_received()
        if is_lost:
            self.end(None)

    def close(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        """Close `transport` once all is sent, or it takes too long."""
        self.exchange.finish()
        if not transport.is_closing():
            transport.close()
            self._last_words = loop.call_later(WEBSOCKET_LINGERING_S, transport.abort)

    def end(self, error: Exception | None) -> None:
        """The connection is gone."""
        if self._last_words is not None:
            self._last_words.cancel()
        self.exchange.finish()
        self.receiver.connection_lost(error)
