"""`OpenTelemetryTracing`: spans and metrics by OpenTelemetry's semantic conventions for HTTP clients.

Each try has a span of its own, redirects and repetitions included, and there is none around them. A span begins when
the try asks for a connection and ends when the head of the response is there, or with the error; the body is not part
of it, for nobody has to read one to its end. Of a try that somebody sends again, a middleware or we, the session's
record of it tells the outcome. Only the API of OpenTelemetry is needed (docs/adr/018): what becomes of spans and
metrics is for the SDK that the program sets up, and without one nothing does. Names and values are `otel_attributes`'
part, metrics `otel_metrics`'.
"""

import time
from typing import Final

try:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.propagate import inject
    from opentelemetry.trace import (
        Span,
        SpanKind,
        Status,
        StatusCode,
        TracerProvider,
        get_tracer,
        set_span_in_context,
    )
except ImportError as error:
    raise ImportError(
        "OpenTelemetryTracing needs the package opentelemetry-api; run: pip install 'trunkline[otel]'"
    ) from error

from trunkline.client.observe.otel_attributes import (
    OTHER,
    SCHEMA_URL,
    Attributes,
    body_size,
    known_methods,
    outcome,
    peer_attributes,
    redacted,
    response_size,
    server_attributes,
    url_attributes,
)
from trunkline.client.observe.otel_metrics import Metrics
from trunkline.client.observe.try_record import TryRecord
from trunkline.client.session import ClientSession
from trunkline.client.trace_params import TraceRequestExceptionParams, TraceRequestHeadersSentParams
from trunkline.client.tracing import TraceConfig
from trunkline.ground.product import __version__

_NS: Final = 1_000_000_000  # in a second; OpenTelemetry counts them


class _Try:
    """One try that has not ended. attributes: those that its metrics have, too."""

    def __init__(self, record: TryRecord, span: Span, began_ns: int, attributes: Attributes) -> None:
        self.record = record
        self.span = span
        self.began_ns = began_ns
        self.attributes = attributes
        self.request_size: int | None = None
        self._began_at = time.perf_counter()
        self._lasted_s: float | None = None

    def stop(self) -> float:
        """Return how many seconds it took until this was first called."""
        if self._lasted_s is None:
            self._lasted_s = time.perf_counter() - self._began_at
        return self._lasted_s


class _Way:
    """A request of a user's: the context of its trace, and the keeper of its tries' records."""

    max_body_bytes = 0

    def __init__(self, tracing: "OpenTelemetryTracing") -> None:
        self.current: _Try | None = None
        self.tries = 0
        self._tracing = tracing

    def keep(self, record: TryRecord) -> None:
        """Take the record of a try that begins; the session calls this."""
        self._tracing.begin(self, record)


class OpenTelemetryTracing(TraceConfig):
    """Tells OpenTelemetry of all requests of the sessions that have this among their `trace_configs`.

    One may serve any number of sessions; make it once, because its metrics are of one meter.
    tracer_provider, meter_provider: by default those that are set for the whole program.
    propagate: send the context of each try (`traceparent`, `baggage`, …) to its server, by the program's propagator.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        propagate: bool = True,
    ) -> None:
        super().__init__(lambda trace_request_ctx: _Way(self))
        self._tracer = get_tracer("trunkline", __version__, tracer_provider, SCHEMA_URL)
        self._metrics = Metrics(meter_provider)
        self._propagate = propagate
        self._known_methods = known_methods()
        self.on_request_start.append(self._note_start)
        self.on_request_headers_sent.append(self._note_sending)
        self.on_request_redirect.append(self._note_redirect)
        self.on_request_end.append(self._note_end)
        self.on_request_exception.append(self._note_exception)

    def _keeper_of(self, trace_config_ctx: _Way) -> _Way:
        """Return who wants the record of each try; the session asks."""
        return trace_config_ctx

    # What is told.

    async def _note_start(self, session: ClientSession, way: _Way, params: object) -> None:
        if session.connector is not None:
            self._metrics.watch(session.connector)

    async def _note_sending(self, session: ClientSession, way: _Way, params: TraceRequestHeadersSentParams) -> None:
        current = way.current
        if current is not None:
            current.request_size = body_size(params.headers)
            if self._propagate:
                inject(params.headers, set_span_in_context(current.span))

    async def _note_redirect(self, session: ClientSession, way: _Way, params: object) -> None:
        if way.current is not None:
            way.current.stop()  # it ends with the next try, for it may be one redirect too many

    async def _note_end(self, session: ClientSession, way: _Way, params: object) -> None:
        self._end(way)

    async def _note_exception(self, session: ClientSession, way: _Way, params: TraceRequestExceptionParams) -> None:
        self._end(way, params.exception)

    # Tries.

    def begin(self, way: _Way, record: TryRecord) -> None:
        """Begin a try; one that has not ended is sent again by it."""
        self._end(way)
        attributes = server_attributes(record.method, record.url, self._known_methods)
        of_span = attributes | url_attributes(record.method, record.url, self._known_methods)
        if way.tries:
            of_span["http.request.resend_count"] = way.tries
        way.tries += 1
        method = str(attributes["http.request.method"])
        began_ns = time.time_ns()
        span = self._tracer.start_span(
            "HTTP" if method == OTHER else method, kind=SpanKind.CLIENT, attributes=of_span, start_time=began_ns
        )
        way.current = _Try(record, span, began_ns, attributes)

    def _end(self, way: _Way, error: BaseException | None = None) -> None:
        """End the try at work, if there is one. error: what its user gets."""
        current, way.current = way.current, None
        if current is None:
            return
        seconds = current.stop()
        record, span = current.record, current.span
        result, message = outcome(record, error)
        current.attributes.update(result)
        span.set_attributes(result)
        span.set_attributes(peer_attributes(record.endpoints))
        if "error.type" in result:
            span.set_status(Status(StatusCode.ERROR, None if message is None else redacted(message)))
        context = set_span_in_context(span)
        self._metrics.record(seconds, current.request_size, response_size(record), current.attributes, context)
        span.end(current.began_ns + int(seconds * _NS))
