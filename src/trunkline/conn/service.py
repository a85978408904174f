"""`Service`: who answers the requests of a server's connections, and by which rules."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from trunkline.body.stream import StreamReader
from trunkline.conn.starter import Starter
from trunkline.conn.watch import Watch
from trunkline.wire.errors import WireError
from trunkline.wire.limits import (
    BODY_TIMEOUT_S,
    HEAD_TIMEOUT_S,
    KEEPALIVE_S,
    LINGERING_S,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_LINE_BYTES,
    WRITE_TIMEOUT_S,
)
from trunkline.wire.received import ReceivedHead

C = TypeVar("C", contravariant=True)


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """What a server allows its clients; one value serves all its connections. Times are in seconds, 0 is no limit.

    keepalive_s: between two requests. head_timeout_s: for a head, once it has begun, and for the first of a
    connection. body_timeout_s, write_timeout_s: without a byte while it is the client's turn to send or to read.
    lingering_s: for the rest of a body that nobody read. read_limit_bytes: low mark of a body's buffer.
    cancels_handlers: a handler is cancelled when its connection is lost.
    """

    max_line_bytes: int = MAX_LINE_BYTES
    max_field_bytes: int = MAX_FIELD_BYTES
    max_fields: int = MAX_FIELDS
    read_limit_bytes: int = 2**16
    decompress: bool = True
    tcp_keepalive: bool = True
    cancels_handlers: bool = False
    keepalive_s: float = KEEPALIVE_S
    head_timeout_s: float = HEAD_TIMEOUT_S
    body_timeout_s: float = BODY_TIMEOUT_S
    write_timeout_s: float = WRITE_TIMEOUT_S
    lingering_s: float = LINGERING_S

    @property
    def limits_s(self) -> tuple[float, ...]:
        """All that a connection may wait for."""
        return self.keepalive_s, self.head_timeout_s, self.body_timeout_s, self.write_timeout_s, self.lingering_s


class Service(Protocol[C]):
    """What a connection asks of the one who made it; C is the connection's class."""

    rules: ServiceRules
    watch: Watch
    starter: Starter
    is_closing: bool  # no request after the ones that are going on

    def connection_made(self, handler: C, transport: asyncio.Transport) -> None:
        """Note a new connection."""

    # Any: what the coroutine returns is nobody's concern.
    def answer(self, connection: C, head: ReceivedHead, body: StreamReader) -> Coroutine[Any, Any, None]:
        """Return the coroutine that answers a request; its last act is `connection.finish()`, whatever happens."""

    def refuse(self, connection: C, error: WireError) -> Coroutine[Any, Any, None]:
        """Return the coroutine that answers what could not be read as a request; it ends as `answer` does."""

    def speak_h2(self, connection: C, head: bytes, rest: bytes) -> bool:
        """Hand the transport over to HTTP/2 if its client speaks that; False otherwise.

        head: what came in place of a request, and `rest` behind it; nothing when TLS has agreed on a protocol.
        """

    def connection_lost(self, handler: C, exc: BaseException | None = None) -> None:
        """Note that the transport is gone; the coroutine that answers may still be running."""

    def done(self, handler: C) -> None:
        """Note that a connection is lost and its last coroutine has ended."""
