"""The read timeout: how long the peer may be silent while it is its turn to speak.

Bytes come often and silence seldom, so a byte only notes the time; the timer looks at the note when it fires, and
sleeps on if there was one. While we do not read, because the reader is slow, silence is nobody's fault. While we send
a request's body it is our turn, as long as the peer takes some of it.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from trunkline.conn.errors import PeerSilent
from trunkline.conn.exchange import Exchange
from trunkline.transport.flow import WriteFlow


class SilenceTimer:
    """Calls `on_silence` with the seconds of silence once they reach `limit_s`."""

    __slots__ = ("_heard_at", "_limit_s", "_loop", "_on_silence", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_s: float, on_silence: Callable[[float], None]) -> None:
        self._loop = loop
        self._limit_s = limit_s
        self._on_silence = on_silence
        self._heard_at = loop.time()
        self._timer: asyncio.TimerHandle | None = loop.call_at(self._heard_at + limit_s, self._look)

    def hear(self) -> None:
        """Note that the peer was heard just now."""
        self._heard_at = self._loop.time()

    def pause(self) -> None:
        """Stop counting until `resume`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        """Count again, from now."""
        self._heard_at = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._heard_at + self._limit_s, self._look)

    def _look(self) -> None:
        self._timer = None
        silent_s = self._loop.time() - self._heard_at
        # uvloop's timers may fire up to a millisecond early.
        if silent_s + 0.001 >= self._limit_s:
            self._on_silence(silent_s)
        else:
            self._timer = self._loop.call_at(self._heard_at + self._limit_s, self._look)


class Awaited(Protocol):
    """A connection, or a stream of one, whose peer's turn it may be."""

    @property
    def transport(self) -> asyncio.Transport | None: ...

    @property
    def flow(self) -> WriteFlow: ...

    def fail(self, error: Exception) -> None:
        """Close the connection; its exchange ends with `error`."""


class PeerSilence(SilenceTimer):
    """Fails `connection` when the peer neither answers `exchange` nor takes its body for `limit_s`."""

    __slots__ = ("_connection", "_exchange", "_unsent")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit_s: float, connection: Awaited, exchange: Exchange
    ) -> None:
        super().__init__(loop, limit_s, self._judge)
        self._connection = connection
        self._exchange = exchange
        self._unsent = 0  # bytes that the transport held when silence was last noticed, if it was full

    def note_full(self) -> None:
        """Note that the transport has only now become full."""
        self._unsent = 0

    def _judge(self, silent_s: float) -> None:
        transport = self._connection.transport
        upload = self._exchange.upload
        if upload is None or upload.done() or transport is None:
            self._connection.fail(PeerSilent(silent_s))
            return
        unsent = transport.get_write_buffer_size() if self._connection.flow.paused else 0
        if unsent and unsent == self._unsent:
            self._connection.fail(PeerSilent(silent_s, "took nothing of the request's body"))
        else:
            self._unsent = unsent
            self.resume()  # it is our turn to speak
