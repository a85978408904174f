"""Every way to see what a session does: a timeline, the pool's numbers, Prometheus, a HAR file, and OpenTelemetry.

Two requests for the same thing: the first pays for the connection, the second does not, and each view shows it.
Programs use one or two of these. Where OpenTelemetry's spans and metrics go is for the SDK to say; this one prints the
spans and drops the metrics.

    pip install 'trunkline[otel,prometheus]' opentelemetry-sdk
    python examples/upstream.py &
    python examples/observability.py
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

import trunkline

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8081")


def make_tracers() -> TracerProvider:
    """What a program sets up once, for all of its libraries; most send their spans to a collector, in batches."""
    tracers = TracerProvider()
    exporter = ConsoleSpanExporter(formatter=lambda span: f"span: {span.name} {dict(span.attributes or {})}\n")
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    return tracers


async def main() -> None:
    recorder = trunkline.HarRecorder()
    tracing = trunkline.OpenTelemetryTracing(make_tracers())
    async with trunkline.ClientSession(UPSTREAM, timeline=True, trace_configs=[recorder, tracing]) as session:
        for _ in range(2):
            async with session.get("/items/1") as response:
                await response.read()
            print(response.timeline)
        print(session.stats())
        print(trunkline.prometheus_text(session))
    archive = Path(tempfile.mkdtemp()) / "session.har"
    recorder.save(archive)
    print(f"{len(recorder.har()['log']['entries'])} entries in {archive}")


if __name__ == "__main__":
    asyncio.run(main())
