"""A client that has ended its direction while it is answered.

It may have asked and only listen now (RFC 9112 §9.6 knows both), or it may be gone: TCP tells no difference before
something is sent. What flows is therefore sent on. But a handler that streams, and has nothing to say at the moment,
waits for news and not for its client; after a pause the client counts as gone, and the handler is told.
"""

import asyncio
from typing import Protocol

from trunkline.conn.response_writer import ResponseWriter
from trunkline.wire.limits import HALF_CLOSED_PAUSE_S


class Answering(Protocol):
    """A connection that is answering a request. writer: of an answer that is streamed, or of the last one."""

    sending: "asyncio.Task[int] | None"

    @property
    def transport(self) -> asyncio.Transport | None: ...
    @property
    def writer(self) -> ResponseWriter | None: ...
    @property
    def has_unsent(self) -> bool: ...
    def abort(self) -> None: ...


def watch_half_closed(connection: Answering) -> None:
    """Abort `connection` once its streamed answer has paused for HALF_CLOSED_PAUSE_S."""
    writer = connection.writer
    seen = 0 if writer is None else writer.output_size
    asyncio.get_running_loop().call_later(HALF_CLOSED_PAUSE_S, _look, connection, seen)


def _look(connection: Answering, seen: int) -> None:
    if connection.transport is None:
        return
    writer = connection.writer
    is_paused = writer is not None and writer.is_started and not writer.is_finished and writer.output_size == seen
    if is_paused and not connection.has_unsent and connection.sending is None:
        connection.abort()
    else:
        watch_half_closed(connection)
