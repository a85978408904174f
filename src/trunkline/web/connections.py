"""`Connections`: those of a server, and how they come to their end.

A graceful end takes no new requests, lets the handlers that run finish and their answers leave, and cancels what takes
too long. Whoever shuts the server down from within a handler still gets its answer out.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from trunkline.conn.server_connection import ServerConnection

# A connection that was active this short ago may have a request on its way when the server shuts down.
GRACE_S: Final = 0.1
# What handlers may take to end once they are cancelled, before they are left behind.
_CANCEL_S: Final = 10.0


class Connections:
    """All of which something is left: the transport, or a handler that runs."""

    __slots__ = ("_all", "_all_done", "_logger", "_loop", "_now")

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float], logger: logging.Logger) -> None:
        """now: the loop's clock."""
        self._loop = loop
        self._now = now
        self._logger = logger
        self._all: dict[ServerConnection, None] = {}  # in the order in which they were made
        self._all_done: asyncio.Future[None] | None = None  # while somebody waits for that

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[ServerConnection]:
        """Iterate over those that are open."""
        return iter([connection for connection in self._all if connection.transport is not None])

    def add(self, connection: ServerConnection) -> None:
        self._all[connection] = None

    def discard(self, connection: ServerConnection) -> None:
        self._all.pop(connection, None)
        if self._all_done is not None and not self._all and not self._all_done.done():
            self._all_done.set_result(None)

    def announce_end(self) -> None:
        """Close what is idle; tell every other connection, where its protocol can, that it closes after its answers.

        A connection that was active a moment ago is not idle: a request may be on its way.
        """
        quiet_since = self._now() - GRACE_S
        for connection in self:
            if connection.is_idle and connection.idle_since < quiet_since:
                connection.close()
            else:
                connection.announce_end()

    async def end(self, timeout_s: float | None) -> None:
        """Close all, once their handlers have ended; cancel those that take over `timeout_s`."""
        if timeout_s is None or timeout_s > 0:
            await self._let_end(timeout_s)
        cancelled = self._running()
        for connection in set(cancelled.values()):
            connection.cancel()
        for connection in self._others():
            connection.close()
        await self._wait_until_done(GRACE_S)
        for connection in self._others():
            connection.abort()
        if cancelled:
            await self._wait_for_cancelled(cancelled)
        await self._wait_until_done(GRACE_S)

    def abort(self) -> None:
        """Cancel and close what is left, at once."""
        for connection in self._others():
            connection.cancel()
            connection.abort()

    async def _let_end(self, timeout_s: float | None) -> None:
        """Wait for the requests that may be on their way, and for the handlers that run."""
        ends_at = None if timeout_s is None else self._now() + timeout_s
        if any(connection.is_idle for connection in self):
            await self._wait_until_done(GRACE_S if timeout_s is None else min(GRACE_S, timeout_s))
            for connection in self:
                if connection.is_idle:
                    connection.close()
        while running := self._running():
            left_s = None if ends_at is None else ends_at - self._now()
            if left_s is not None and left_s <= 0:
                return
            await asyncio.wait(running, timeout=left_s)
        # What was answered still has to reach its client.
        while any(connection.has_unsent for connection in self):
            left_s = None if ends_at is None else ends_at - self._now()
            if left_s is not None and left_s <= 0:
                return
            await self._wait_until_done(GRACE_S if left_s is None else min(GRACE_S, left_s))

    async def _wait_for_cancelled(self, cancelled: "Iterable[asyncio.Task[None]]") -> None:
        _, left = await asyncio.wait(cancelled, timeout=_CANCEL_S)
        for task in left:
            self._logger.error("a handler has not ended %g s after it was cancelled: %r", _CANCEL_S, task)

    def _others(self) -> list[ServerConnection]:
        """The open connections without that of a handler that shuts us down: its answer is still to come."""
        current = asyncio.current_task()
        return [connection for connection in self if current not in connection.tasks]

    def _running(self) -> "dict[asyncio.Task[None], ServerConnection]":
        """The tasks of the handlers that run, and their connections; without one that shuts us down."""
        current = asyncio.current_task()
        tasks = {task: connection for connection in self._all for task in connection.tasks}
        return {task: tasks[task] for task in tasks if task is not current and not task.done()}

    async def _wait_until_done(self, seconds: float) -> None:
        """Wait until no connection is left, but not longer than `seconds`."""
        if not self._all:
            return
        self._all_done = self._loop.create_future()
        try:
            await asyncio.wait([self._all_done], timeout=seconds)
        finally:
            self._all_done = None
