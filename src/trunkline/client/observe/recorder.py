"""`Recording`: takes the stamps of one request's way, from which timelines and HAR entries are made.

A request that is recorded gets, for each try, an exchange that stamps what the connection does to it, and a probe that
stamps what pool and transport tell; so two tries at a time, of a middleware that hedges, do not mix. What they stamp is
a `TryRecord`, which a timeline and HAR entries are made from.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from yarl import URL

from trunkline.client.failures import as_public
from trunkline.client.observe.timeline import BODY, CONNECT, DNS, QUEUE, WAIT, Hop, Timeline
from trunkline.client.observe.try_record import NOTHING, TryRecord
from trunkline.client.request import ClientRequest
from trunkline.client.trace_params import (
    TraceConnectionCreateEndParams,
    TraceConnectionCreateStartParams,
    TraceConnectionQueuedEndParams,
    TraceConnectionQueuedStartParams,
    TraceConnectionReuseconnParams,
    TraceDnsCacheHitParams,
    TraceDnsCacheMissParams,
    TraceDnsResolveHostEndParams,
    TraceDnsResolveHostStartParams,
    TraceResponseChunkReceivedParams,
)
from trunkline.client.tracing import Teller, Traces
from trunkline.conn.exchange import Carrier, Exchange, ExchangeRules, Source
from trunkline.wire.h1.head import ResponseHead
from trunkline.wire.limits import MAX_RECORDED_TRIES

# What begins with an event. The address of a host that needs no look-up is at hand, so connecting begins at once.
_BEGINS: Final[dict[type[object], str]] = {
    TraceConnectionQueuedStartParams: QUEUE,
    TraceConnectionQueuedEndParams: NOTHING,
    TraceConnectionCreateStartParams: CONNECT,
    TraceDnsCacheHitParams: DNS,
    TraceDnsCacheMissParams: DNS,
    TraceDnsResolveHostStartParams: DNS,
    TraceDnsResolveHostEndParams: CONNECT,
    TraceConnectionCreateEndParams: NOTHING,
}


class RecordedExchange(Exchange):
    """An exchange that stamps what its connection does to it."""

    _carrier: Carrier | None = None
    _upload: "asyncio.Task[None] | None" = None
    _head: ResponseHead | None = None
    _is_answered = False

    def __init__(self, record: TryRecord, request: ClientRequest, rules: ExchangeRules) -> None:
        super().__init__(request, rules, self._noted)
        self._record = record
        self._request = request

    def _noted(self, exchange: Exchange, error: Exception) -> Exception:
        public = as_public(exchange, error)
        self._record.note_error(public)
        return public

    def note_damage(self, source: Source) -> Callable[[Exception], Exception]:
        count, record = super().note_damage(source), self._record

        def noted(error: Exception) -> Exception:
            public = count(error)
            record.note_error(public)
            return public

        return noted

    # Four attributes of the base class, set by the connection and by the upload.

    @property
    def carrier(self) -> Carrier | None:
        """See `Exchange`; it is set just before the head is sent."""
        return self._carrier

    @carrier.setter
    def carrier(self, carrier: Carrier | None) -> None:
        self._carrier = carrier
        if carrier is not None:
            self._record.note_sending(self._request, carrier)

    @property
    def upload(self) -> "asyncio.Task[None] | None":
        """See `Exchange`."""
        return self._upload

    @upload.setter
    def upload(self, upload: "asyncio.Task[None] | None") -> None:
        self._upload = upload
        if upload is not None:
            upload.add_done_callback(lambda _: self._record.note_uploaded(self._request))

    @property
    def is_answered(self) -> bool:
        """See `Exchange`; it is set whenever bytes of a head come, of an interim one, too."""
        return self._is_answered

    @is_answered.setter
    def is_answered(self, is_answered: bool) -> None:
        self._is_answered = is_answered
        if self._record.phase == WAIT:  # while the body is being sent, it may be a 100 (Continue)
            self._record.enter(BODY)

    @property
    def head(self) -> ResponseHead | None:
        """See `Exchange`; it is set once, when the final head has come."""
        return self._head

    @head.setter
    def head(self, head: ResponseHead | None) -> None:
        self._head = self._record.head = head
        self._record.enter(BODY)

    def finish(self) -> None:
        super().finish()
        if self.whole is not None:
            self._record.body_bytes = len(self.whole)
        elif self.body is not None:
            self._record.body_bytes = self.body.total_raw_bytes
        self._record.end()


class TryTrace(Teller):
    """What a try is told by the layers below, and by the response that reads its body."""

    def __init__(self, record: TryRecord) -> None:
        self._record = record

    async def tell(self, params: object) -> None:
        begins = _BEGINS.get(type(params))
        if begins is not None:
            self._record.enter(begins)
        elif isinstance(params, TraceConnectionReuseconnParams):
            self._record.is_reused = True
        elif isinstance(params, TraceResponseChunkReceivedParams):
            self._record.note_body(params.chunk)

    def mark(self, phase: str) -> None:
        self._record.enter(phase)


class _HopRecord:
    def __init__(self, method: str, url: URL) -> None:
        self.method = method
        self.url = url
        self.tries: deque[TryRecord] = deque(maxlen=MAX_RECORDED_TRIES)


class Keeper(Protocol):
    """Who wants the record of each try when it begins; `TraceConfig.keeper` names it."""

    max_body_bytes: int  # of a request's body, and of a response's

    def keep(self, record: TryRecord) -> None:
        """Take a record, which goes on to change until the try has ended."""


class Recording:
    """Everything about one request of a user's."""

    def __init__(self, keepers: Sequence[Keeper] = (), now: Callable[[], float] = time.monotonic) -> None:
        self._keepers = keepers
        self._max_body_bytes = max((keeper.max_body_bytes for keeper in keepers), default=0)
        self._now = now
        self._began_at = now()
        self._hops: list[_HopRecord] = []

    def begin_hop(self, method: str, url: URL) -> None:
        """Note that what follows is for `url`."""
        self._hops.append(_HopRecord(method, url))

    def begin_try(self, request: ClientRequest, rules: ExchangeRules) -> Exchange:
        """Return the exchange of a try that begins, with its probe."""
        record = TryRecord(request, self._now, self._max_body_bytes)
        self._hops[-1].tries.append(record)
        for keeper in self._keepers:
            keeper.keep(record)
        exchange = RecordedExchange(record, request, rules)
        exchange.probe = Traces((TryTrace(record), *request.traces))
        return exchange

    def note_error(self, error: BaseException) -> None:
        """Note what ended the last try that has ended; others may still go on, for a middleware that sends twice."""
        for record in reversed(self._hops[-1].tries):
            if record.has_ended and record.head is None:
                record.note_error(error)
                return

    def timeline(self) -> Timeline:
        """Return what is known by now."""
        origin = self._began_at
        hops = tuple(
            Hop(hop.method, hop.url, tuple(record.as_value(origin) for record in hop.tries)) for hop in self._hops
        )
        ends = [each.end_s for hop in hops for each in hop.tries]
        is_complete = all(each.is_complete for hop in hops for each in hop.tries)
        return Timeline(hops, max(ends, default=0.0), is_complete)
