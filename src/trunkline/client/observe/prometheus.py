"""Prometheus: the numbers of pools as metrics, for a registry of prometheus-client or as text.

Nothing is counted here: when Prometheus scrapes, `connector.stats()` is asked, which any thread may do. Names and units
follow https://prometheus.io/docs/practices/naming/. Each pool has a label of its own, so its series end with it instead
of falling. Needs the extra `prometheus` (docs/adr/018).
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, Final, NamedTuple

from trunkline.client.prioritized import PrioritizedSession
from trunkline.client.session_view import SessionView
from trunkline.pool.connector import BaseConnector
from trunkline.pool.stats import PoolStats

try:
    from prometheus_client import CollectorRegistry, Metric, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError as error:
    raise ImportError(
        "metrics for Prometheus need the package prometheus-client; run: pip install 'trunkline[prometheus]'"
    ) from error

Source = SessionView | PrioritizedSession | BaseConnector
_Samples = Iterable[tuple[tuple[str, ...], float]]  # values of the labels, and the number


class _Metric(NamedTuple):
    """One metric, and how its samples are found in the stats of a pool. labels: besides that of the pool."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[PoolStats], _Samples]
    is_counter: bool = True


def _per_origin(field: str) -> Callable[[PoolStats], _Samples]:
    return lambda stats: [((name,), getattr(origin, field)) for name, origin in stats.origins.items()]


def _one(field: str) -> Callable[[PoolStats], _Samples]:
    return lambda stats: [((), getattr(stats, field))]


def _by(first: str, first_field: str, second: str, second_field: str) -> Callable[[PoolStats], _Samples]:
    return lambda stats: [((first,), getattr(stats, first_field)), ((second,), getattr(stats, second_field))]


def _connections(stats: PoolStats) -> _Samples:
    for name, origin in stats.origins.items():
        yield (name, "active"), origin.active
        yield (name, "idle"), origin.idle


def _errors(stats: PoolStats) -> _Samples:
    for name, origin in stats.origins.items():
        for error, number in origin.errors.items():
            yield (name, error), number


# A counter's name gets the suffix _total.
_METRICS: Final = (
    _Metric("connections", "Open connections.", ("origin", "state"), _connections, is_counter=False),
    _Metric("connections_opening", "Connections being opened.", (), _one("opening"), is_counter=False),
    _Metric("connections_opened", "Connections opened.", ("origin",), _per_origin("opened")),
    _Metric(
        "connections_reused", "Requests on a connection that had served before.", ("origin",), _per_origin("reused")
    ),
    _Metric("connection_opening_seconds", "Seconds spent opening connections, in all.", (), _one("opening_s")),
    _Metric("queue_requests", "Requests waiting for a connection.", (), _one("queued"), is_counter=False),
    _Metric("queue_waits", "Requests that had to wait for a connection.", (), _one("waited")),
    _Metric(
        "queue_wait_seconds",
        "Seconds that the last requests which had to wait for a connection waited.",
        ("quantile",),
        _by("0.5", "wait_p50_s", "0.99", "wait_p99_s"),
        is_counter=False,
    ),
    _Metric("dns_lookups", "Look-ups in the DNS cache.", ("result",), _by("hit", "dns_hits", "miss", "dns_misses")),
    _Metric("tls_handshakes", "TLS handshakes.", ("kind",), _by("full", "tls_full", "resumed", "tls_resumed")),
    _Metric("request_retries", "Requests sent again.", ("origin",), _per_origin("retries")),
    _Metric("request_errors", "Requests that failed.", ("origin", "error"), _errors),
)


class PrometheusCollector(Collector):
    """Shows the pools of sessions and connectors to a registry: `REGISTRY.register(PrometheusCollector(session))`.

    It refers to them weakly: what is closed or gone is not shown any more. Sessions that share a connector are one
    pool. namespace: the first part of all names. The label `pool` numbers them in the order in which they were given.
    """

    def __init__(self, *sources: Source, namespace: str = "trunkline") -> None:
        self._namespace = namespace
        self._numbers = count()
        self._pools: dict[str, weakref.ref[Any]] = {}
        for source in sources:
            self.add(source)

    def add(self, source: Source, pool: str = "") -> None:
        """Show one more. pool: the value of its label, in place of its number; another one's is taken over."""
        pools = {name: reference for name, reference in self._pools.items() if reference() is not None}
        name = pool or next(number for number in map(str, self._numbers) if number not in pools)
        pools[name] = weakref.ref(source._session if isinstance(source, PrioritizedSession) else source)
        self._pools = pools  # replaced as a whole: another thread may be looking

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as they are now."""
        stats = [(pool, connector.stats()) for pool, connector in self._connectors()]
        for metric in _METRICS:
            kind = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
            family = kind(f"{self._namespace}_{metric.name}", metric.help, labels=("pool", *metric.labels))
            for pool, numbers in stats:
                for labels, value in metric.samples(numbers):
                    family.add_metric((pool, *labels), value)
            yield family

    def _connectors(self) -> list[tuple[str, BaseConnector]]:
        found: dict[int, tuple[str, BaseConnector]] = {}  # by id: a connector of the user's need not be hashable
        for pool, reference in self._pools.items():
            source = reference()
            connector = source if source is None or isinstance(source, BaseConnector) else source.connector
            if connector is not None and not connector.closed:
                found.setdefault(id(connector), (pool, connector))
        return list(found.values())


def prometheus_text(source: Source) -> str:
    """Return the metrics of the pool of a session or connector in Prometheus' text format, version 0.0.4."""
    registry = CollectorRegistry()
    registry.register(PrometheusCollector(source))
    return generate_latest(registry).decode()
