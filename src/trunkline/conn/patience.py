"""`Patience`: how long a server's connection waits for its client, and whether the client takes what it is sent.

Only notes are made while the connection works; `Watch` has them looked at. A wait that took too long ends by a call of
the connection's own; a client that takes too little of what waits to be sent, or nothing, loses its connection.
"""

from collections.abc import Callable
from typing import Protocol

from trunkline.conn.watch import Watch
from trunkline.wire.limits import MIN_BODY_BYTES_PER_S


class Sink(Protocol):
    """What takes what is sent: a transport, or a stream of one."""

    def is_closing(self) -> bool: ...
    def get_write_buffer_size(self) -> int: ...
    def abort(self) -> None: ...


class Patience:
    """limit_s: of the present wait, 0 while there is none. since: when it began, by the loop's clock."""

    __slots__ = ("_heard_bytes", "_now", "_unsent_bytes", "_unsent_since", "_write_limit_s", "limit_s", "since")

    def __init__(self, watch: Watch, write_limit_s: float) -> None:
        self._now = watch.now
        self._write_limit_s = write_limit_s
        self.limit_s = 0.0
        self.since = 0.0
        self._heard_bytes = 0
        self._unsent_bytes = 0
        self._unsent_since = 0.0

    def wait(self, limit_s: float) -> None:
        """Begin to wait for the client."""
        self.since = self._now()
        self.limit_s = limit_s
        self._heard_bytes = 0

    def hear(self, nbytes: int, limit_s: float) -> None:
        """Go on waiting; bytes that drip more slowly than MIN_BODY_BYTES_PER_S do not begin the wait anew."""
        now = self._now()
        self._heard_bytes += nbytes
        self.limit_s = limit_s
        if self._heard_bytes >= MIN_BODY_BYTES_PER_S * (now - self.since):
            self.since = now
            self._heard_bytes = 0

    def stop(self) -> None:
        """Wait for the client no more."""
        self.limit_s = 0.0

    def watch_sending(self, unsent_bytes: int) -> None:
        """Begin to watch whether what waits to be sent gets less."""
        self._unsent_bytes = unsent_bytes
        self._unsent_since = self._now()

    def look(self, now: float, sink: Sink, is_full: bool, give_up: Callable[[float], None]) -> None:
        """Call `give_up` with the limit of a wait that is over it, abort a sink that takes too little."""
        limit_s = self.limit_s
        if limit_s and now - self.since >= limit_s:
            self.limit_s = 0.0
            give_up(limit_s)
        elif self._write_limit_s and (is_full or sink.is_closing()):
            self._look_at_sending(now, sink)

    def _look_at_sending(self, now: float, sink: Sink) -> None:
        unsent_bytes = sink.get_write_buffer_size()
        waited_s = now - self._unsent_since
        taken_bytes = self._unsent_bytes - unsent_bytes
        # Where there is more than before, it has been written to meanwhile, and what was taken is not known.
        if taken_bytes < 0 or taken_bytes > MIN_BODY_BYTES_PER_S * waited_s:
            self.watch_sending(unsent_bytes)
        elif waited_s >= self._write_limit_s:
            sink.abort()
