"""`Exchange`: one request and its response on a connection, whatever the protocol version.

The connection fills it: first the head, then the body's stream, then the end. Its owner, `client/attempt`, waits
for the head and hands the stream on. The exchange knows which future is being waited on, so that a deadline or
a failing connection can end the wait with an error of its own.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from trunkline.body.empty_stream import NEVER_PAUSED
from trunkline.body.stream import StreamReader
from trunkline.body.stream_buffer import ReadPauser, as_is
from trunkline.conn.errors import DeadlineExpired
from trunkline.conn.owner import Owner
from trunkline.ground.probe import Probe
from trunkline.transport.deadline import Deadline
from trunkline.wire.coding import make_decoder
from trunkline.wire.h1.head import ResponseHead
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES
from trunkline.wire.message import RequestHead


@dataclass(frozen=True, slots=True)
class ExchangeRules:
    """What the client allows and wants for a response; one value serves all requests of a session.

    read_limit_bytes: low mark of the body's buffer. read_timeout_s: longest silence of the peer.
    as_payload_error: makes the error that readers of a body see of one that its decoder raised.
    """

    max_line_bytes: int = MAX_LINE_BYTES
    max_field_bytes: int = MAX_FIELD_BYTES
    max_fields: int = MAX_FIELDS
    read_limit_bytes: int = 2**18
    decompress: bool = True
    read_until_eof: bool = True
    read_timeout_s: float | None = None
    as_payload_error: Callable[[Exception], Exception] = as_is


class Carrier(Protocol):
    """What an exchange asks of the connection, or of the stream of one, that carries it.

    transport: None once it is lost; of a stream, what ends it alone.
    """

    @property
    def transport(self) -> asyncio.Transport | None: ...

    @property
    def is_closed(self) -> bool: ...

    def abort_exchange(self, exchange: "Exchange", error: Exception | None = None) -> None:
        """End the exchange, with `error` if anybody waits; the connection is closed if it cannot go on."""

    def note_failure(self, error: Exception) -> None:
        """Count that the exchange ended with `error` after its head had come; before, its owner sees it."""


class Source(ReadPauser, Protocol):
    """The connection that a body comes from. owner: counts its failures; None once the connection is gone."""

    @property
    def owner(self) -> Owner[Any] | None: ...  # Any: of the connection's own class


class Exchange:
    """One request and its response.

    as_public: makes the error that users see of one that the layers below raise.
    """

    # Class attributes, so that making an exchange, which every request does, sets few.
    head: ResponseHead | None = None  # None until it has come
    body: StreamReader | None = None  # the stream of the response's body, from the head on, unless it is `whole`
    whole: bytes | None = None  # a body that came together with its head; a stream is made of it if somebody asks
    carrier: Carrier | None = None  # the connection, as long as something is to come
    waiter: "asyncio.Future[Any] | None" = None  # Any: only ended here, by an error or without a value
    deadline: Deadline | None = None
    total_s = 0.0  # what the deadline allows for the whole request, redirects included
    upload: "asyncio.Task[None] | None" = None
    interrupt: Callable[[], None] | None = None  # ends a wait of the owner that is not `waiter`
    on_continue: Callable[[], None] | None = None
    error: Exception | None = None  # what ended it, as the layer below raised it
    probe: Probe | None = None  # who traces the request
    misses = 0  # how often its request had its turn for a connection, and that took it no further
    wants_fresh = False  # it takes no connection that has served: the last one of its request was stale
    is_answered = False  # the peer's first byte has come, so the request may have been processed

    def __init__(
        self, request: RequestHead, rules: ExchangeRules, as_public: "Callable[[Exchange, Exception], Exception]"
    ) -> None:
        self.request = request
        self.rules = rules
        self.as_public = as_public

    def begin_stream(self, head: ResponseHead, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        """Make the stream of the body behind `head`, which decodes what it is fed from `source` if need be."""
        rules = self.rules
        if head.content_encoding is not None and rules.decompress:
            decoder = make_decoder(head.content_encoding.split(","))
            if decoder is not None:
                as_public = self.note_damage(source)
                self.body = StreamReader(
                    source, rules.read_limit_bytes, loop=loop, decoder=decoder, as_public=as_public
                )
                return
        self.body = StreamReader(source, rules.read_limit_bytes, loop=loop)

    def note_damage(self, source: Source) -> Callable[[Exception], Exception]:
        """Return what makes the error that readers see when the body cannot be decoded, and counts it.

        It is found when somebody reads (docs/adr/006): the exchange may have ended by then, and the connection be gone.
        """
        as_payload_error, owner = self.rules.as_payload_error, source.owner  # not `self`: that would be a circle

        def noted(error: Exception) -> Exception:
            public = as_payload_error(error)
            if owner is not None:
                owner.note_failure(source, public)
            return public

        return noted

    def open_stream(self) -> StreamReader:
        """Return the body's stream; call it once the head has come."""
        if self.body is None:
            whole = self.whole or b""
            self.body = StreamReader(NEVER_PAUSED, max(len(whole), 1))
            self.body.feed_data(whole)
            self.body.feed_eof()
        return self.body

    def finish(self) -> None:
        """Note that nothing more will come; idempotent."""
        self.carrier = None
        if self.deadline is not None:
            self.deadline.cancel()

    def fail(self, error: Exception) -> None:
        """End the exchange with `error`, wherever its owner waits. The carrier must have let go of it."""
        self.error = error
        public = self.as_public(self, error)
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(public)
        body = self.body
        if body is not None and not body.is_eof() and body.exception() is None:  # damage was told and counted already
            if self.carrier is not None:
                self.carrier.note_failure(public)
            body.set_exception(public)
        if self.interrupt is not None:
            self.interrupt()
        if self.upload is not None:
            self.upload.cancel()
        self.finish()

    @property
    def phase(self) -> str:
        """What it is at, in words."""
        if self.head is not None:
            return "reading the response's body"
        if self.upload is not None and not self.upload.done():
            return "sending the request's body"
        return "waiting for the response" if self.carrier is not None else "waiting for a connection"

    def expire(self) -> None:
        """End the exchange because its deadline has passed."""
        late_s = 0.0 if self.deadline is None else asyncio.get_running_loop().time() - self.deadline.expires_at
        self.end(DeadlineExpired(self.phase, self.total_s, self.total_s + late_s))

    def end(self, error: Exception) -> None:
        """End the exchange with `error`, whatever it is at."""
        if self.carrier is not None:
            self.carrier.abort_exchange(self, error)
        else:
            self.fail(error)

    def abort(self) -> None:
        """Give up: no more of the response is wanted. Idempotent."""
        carrier, self.carrier = self.carrier, None  # this is no failure, so nobody is to count one
        if carrier is not None:
            carrier.abort_exchange(self)
        self.finish()
