"""OpenTelemetry's SDK, keeping in memory what it is told."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from trunkline.client.observe.otel import OpenTelemetryTracing


class Telemetry:
    """A tracing whose spans and metrics can be looked at."""

    def __init__(self, **options: bool) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.tracing = OpenTelemetryTracing(self.tracers, self.meters, **options)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Those that have ended, in the order in which they did."""
        return self._exporter.get_finished_spans()

    def attributes(self, *names: str) -> list[tuple[Any, ...]]:  # Any: of the kinds that an attribute may have
        """These attributes of all spans; None where a span has none."""
        return [tuple((span.attributes or {}).get(name) for name in names) for span in self.spans]

    # Any: a NumberDataPoint or a HistogramDataPoint.
    def points(self, name: str) -> list[tuple[Mapping[str, Any], Any]]:
        """The attributes and the point of each series of a metric."""
        data = self._reader.get_metrics_data()
        if data is None:
            return []
        metrics = [metric for of in data.resource_metrics for scope in of.scope_metrics for metric in scope.metrics]
        found = [point for metric in metrics if metric.name == name for point in metric.data.data_points]
        return [(point.attributes or {}, point) for point in found]
