"""OpenTelemetry's metrics of an HTTP client: how long requests took, how large bodies were, and what is connected.

Durations and sizes are recorded by `otel` when a try has ended. Open connections are looked up in the statistics of the
connectors when a reader asks, in whatever thread that is; nothing is counted for it meanwhile.
"""

import re
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import Final

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from trunkline.client.observe.otel_attributes import SCHEMA_URL, Attributes
from trunkline.ground.product import __version__
from trunkline.pool.connector import BaseConnector

# The boundaries, in seconds, that the conventions advise for http.client.request.duration.
_DURATION_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
# An origin in a PoolStats: "https://host:443", perhaps with " via " and a proxy behind it.
_ORIGIN: Final = re.compile(r"(?P<scheme>\w+)://\[?(?P<host>[^\]]+?)\]?:(?P<port>\d+)( via .*)?")


class Metrics:
    """The instruments of one meter, and the connectors whose connections it counts."""

    def __init__(self, provider: MeterProvider | None) -> None:
        meter = get_meter("trunkline", __version__, provider, SCHEMA_URL)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_DURATION_BUCKETS_S,
        )
        self._request_size = meter.create_histogram(
            "http.client.request.body.size", unit="By", description="Size of HTTP client request bodies."
        )
        self._response_size = meter.create_histogram(
            "http.client.response.body.size", unit="By", description="Size of HTTP client response bodies."
        )
        meter.create_observable_up_down_counter(
            "http.client.open_connections",
            callbacks=[self._count_connections],
            unit="{connection}",
            description="Number of outbound HTTP connections that are currently active or idle on the client.",
        )
        # By id: a connector of the user's need not be hashable.
        self._connectors: weakref.WeakValueDictionary[int, BaseConnector] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()  # readers have threads of their own

    def watch(self, connector: BaseConnector) -> None:
        """Count the connections of `connector` from now on."""
        if id(connector) not in self._connectors:
            with self._lock:
                self._connectors[id(connector)] = connector

    def record(
        self,
        seconds: float,
        request_size: int | None,
        response_size: int | None,
        attributes: Attributes,
        context: Context,
    ) -> None:
        """Record a try that has ended. context: with its span, which is kept as an example of such a try."""
        self._duration.record(seconds, attributes, context)
        if request_size is not None:
            self._request_size.record(request_size, attributes, context)
        if response_size is not None:
            self._response_size.record(response_size, attributes, context)

    def _count_connections(self, options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            connectors = list(self._connectors.values())
        counts: dict[tuple[str, str], int] = {}
        for connector in connectors:
            for name, origin in connector.stats().origins.items():
                for state, count in (("active", origin.active), ("idle", origin.idle)):
                    counts[name, state] = counts.get((name, state), 0) + count
        return list(_observations(counts))


def _observations(counts: dict[tuple[str, str], int]) -> Iterator[Observation]:
    """Yield what is counted, by origin; origins that are reached both directly and by a proxy are one."""
    totals: dict[tuple[tuple[str, str | int], ...], int] = {}
    for (name, state), count in counts.items():
        server = _ORIGIN.fullmatch(name)
        if server is not None:  # else it is the rest that has no name
            key: tuple[tuple[str, str | int], ...] = (
                ("http.connection.state", state),
                ("server.address", server["host"]),
                ("server.port", int(server["port"])),
                ("url.scheme", server["scheme"]),
            )
            totals[key] = totals.get(key, 0) + count
    for key, count in totals.items():
        yield Observation(count, dict(key))
