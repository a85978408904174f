"""`Inbox`: the messages of a WebSocket's peer, from the bytes as they arrive to the one who reads them.

What arrives is unpacked at once, so that pings and Close frames are noticed while nobody reads, but never more than the
queue may hold: then reading pauses until the queue has been emptied. What a few bytes inflate to is thus never held
beyond one message more than the bound. A flood of pings, which fill no queue, is taken in turns.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from trunkline.wire.errors import WebSocketError
from trunkline.wire.limits import MAX_CONTROL_FRAMES_PER_TURN, MAX_QUEUED_BYTES, QUEUED_MESSAGE_BYTES
from trunkline.wire.ws.assembler import MessageReader
from trunkline.wire.ws.message import WSMessage, WSMsgType

_CLOSE: Final = WSMsgType.CLOSE
_PING: Final = WSMsgType.PING
_REFILLS_PER_TURN: Final = 4  # then others run; ours: inflated to 4 MB each they take some 40 ms


class Source(Protocol):
    """Where the bytes come from."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Inbox:
    """Holds the messages that nobody has taken yet, for one reader.

    on_fault: called with what is wrong with the bytes; nothing is read after it. on_ping: called with the payload of a
    PING instead of queueing it, and PONGs are dropped; None queues them all.
    is_over: no message will come besides those that have. is_held: nothing is unpacked, for the queue is full.
    is_awaited: somebody waits for a message.
    """

    __slots__ = (
        "_goes_on",
        "_loop",
        "_on_fault",
        "_on_ping",
        "_reader",
        "_refills",
        "_source",
        "_waiter",
        "is_awaited",
        "is_held",
        "is_over",
        "messages",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        source: Source,
        reader: MessageReader,
        on_fault: Callable[[WebSocketError], None],
        on_ping: Callable[[bytes], None] | None,
    ) -> None:
        self._loop = loop
        self._source = source
        self._reader = reader
        self._on_fault = on_fault
        self._on_ping = on_ping
        self.messages: deque[WSMessage] = deque()
        self._waiter: asyncio.Future[WSMessage | None] | None = None
        self._goes_on = False  # in the loop's next turn
        self._refills = 0  # of the queue since its reader has last let others run
        self.is_awaited = False
        self.is_held = False
        self.is_over = False

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        if self.is_over:
            return
        self._reader.feed(data)
        if self.is_held:
            self._source.pause_reading()
            return
        self._unpack()
        self._wake()

    async def take(self) -> WSMessage | None:
        """Return the next message when it comes, None when none will come."""
        while not self.messages:
            self._reader.room = MAX_QUEUED_BYTES
            if self.is_held:
                self._release()
                self._refills += 1
                if not self.is_held or self._refills < _REFILLS_PER_TURN:
                    continue
                self._loop.call_soon(self._wake)
            elif self.is_over:
                return None
            self._refills = 0
            waiter: asyncio.Future[WSMessage | None] = self._loop.create_future()
            self._waiter = waiter
            self.is_awaited = True
            try:
                interruption = await waiter
            finally:
                self._waiter = None
                self.is_awaited = False
            if interruption is not None:
                return interruption
        return self.messages.popleft()

    def interrupt(self, message: WSMessage) -> bool:
        """Give `message` to the one who waits, before all others; return False when nobody does."""
        waiter = self._waiter
        if waiter is None or waiter.cancelled():
            return False
        if waiter.done():
            self.messages.appendleft(message)
        else:
            waiter.set_result(message)
        return True

    def end(self) -> None:
        """Note that no more bytes will come, or that they are of no interest."""
        self.is_over = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def detach(self) -> None:
        """Note that the source is lost: nobody needs to be told of pings and faults, and nobody is kept alive."""
        self.end()
        self._on_fault = _ignore
        if self._on_ping is not None:
            self._on_ping = _ignore

    def _unpack(self) -> None:
        reader = self._reader
        controls = 0
        try:
            while (control := reader.unpack(self.messages)) is not None:
                self._take_control(control)
                controls += 1
                if controls == MAX_CONTROL_FRAMES_PER_TURN and not self.is_over:
                    self._let_others_run()
                    return
        except WebSocketError as fault:
            self.is_over = True
            self._on_fault(fault)
            return
        if reader.room <= 0:
            self.is_held = True
            # One who waits most likely empties the queue before more comes; if not, `feed` pauses.
            if not self.is_awaited:
                self._source.pause_reading()

    def _let_others_run(self) -> None:
        """Unpack the rest in the loop's next turn, unless a reader does before."""
        self.is_held = True
        self._source.pause_reading()
        self._refills = _REFILLS_PER_TURN
        if not self._goes_on:
            self._goes_on = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._goes_on = False
        if self.is_held and not self.is_over and self._reader.room > 0:  # else it is full, and its reader goes on
            self._release()
            self._wake()

    def _take_control(self, message: WSMessage) -> None:
        kind = message.type
        if self._on_ping is not None and kind is not _CLOSE:
            if kind is _PING:
                self._on_ping(message.data)
            return
        self.messages.append(message)
        if kind is _CLOSE:
            self.is_over = True
        else:
            self._reader.room -= QUEUED_MESSAGE_BYTES + len(message.data)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and self.messages and not waiter.done():
            waiter.set_result(None)

    def _release(self) -> None:
        self.is_held = False
        self._unpack()
        if not self.is_held:
            self._source.resume_reading()


def _ignore(what: object) -> None:
    pass
