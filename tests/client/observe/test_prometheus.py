"""Metrics for Prometheus: what its own parser and its own HTTP server make of them."""

import asyncio
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from tests.raw_server import OK, Peer, RawServer
from trunkline import ClientSession, TCPConnector
from trunkline.client.observe.prometheus import PrometheusCollector, prometheus_text


async def answers(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(OK)


def numbers(text: str) -> dict[tuple[str, ...], float]:
    """The samples of `text`, each by its name and the values of its labels in the order of their names."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(one.name, *(one.labels[label] for label in sorted(one.labels))): one.value for one in samples}


def pools(collector: PrometheusCollector) -> list[str]:
    [queued] = [metric for metric in collector.collect() if metric.name.endswith("_queue_requests")]
    return [sample.labels["pool"] for sample in queued.samples]


@contextmanager
def exporter(registry: CollectorRegistry) -> Iterator[str]:
    """prometheus-client's server, in a thread of its own; gives the URL that Prometheus would scrape."""
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_the_text_tells_what_the_pool_did() -> None:
    async with RawServer(answers) as server, ClientSession() as session:
        for _ in range(3):
            await (await session.get(server.url("/"))).read()
        samples = numbers(prometheus_text(session))
        origin = server.url("")
        assert samples["trunkline_connections_opened_total", origin, "0"] == 1
        assert samples["trunkline_connections_reused_total", origin, "0"] == 2
        assert samples["trunkline_connections", origin, "0", "idle"] == 1
        assert samples["trunkline_connection_opening_seconds_total", "0"] > 0
        assert samples["trunkline_queue_wait_seconds", "0", "0.99"] == 0
        assert samples["trunkline_tls_handshakes_total", "resumed", "0"] == 0


async def test_errors_are_told_by_origin_and_name() -> None:
    async with RawServer(answers) as server:
        gone = server.url("")
    async with ClientSession() as session:
        await asyncio.gather(session.get(gone), session.get(gone), return_exceptions=True)
        samples = numbers(prometheus_text(session))
    assert samples["trunkline_request_errors_total", "ClientConnectorError", gone, "0"] == 2


async def test_a_pool_is_shown_once_and_until_it_is_closed_or_gone() -> None:
    connector = TCPConnector()
    async with ClientSession(connector=connector, connector_owner=False) as one:
        two = ClientSession()
        collector = PrometheusCollector(one, connector, two, namespace="app")
        assert pools(collector) == ["0", "2"]
        collector.add(TCPConnector(), pool="lost")
        gc.collect()
        assert pools(collector) == ["0", "2"]
        await two.close()
        assert pools(collector) == ["0"]
    assert pools(collector) == ["1"]  # the connector was given by itself, too
    await connector.close()
    assert pools(collector) == []


async def test_a_number_that_is_taken_is_left_to_its_pool() -> None:
    async with ClientSession() as one, ClientSession() as two, ClientSession() as three:
        collector = PrometheusCollector(one)
        collector.add(two, "1")
        collector.add(three)
        assert pools(collector) == ["0", "1", "2"]


async def test_a_closed_connector_and_a_view_are_shown_as_what_is_behind_them() -> None:
    async with ClientSession() as session, TCPConnector() as connector:
        collector = PrometheusCollector(session.with_priority(1), connector)  # nobody keeps the view
        gc.collect()
        assert pools(collector) == ["0", "1"]
        await connector.close()
        assert pools(collector) == ["0"]


async def test_a_registry_is_scraped_while_the_pool_works() -> None:
    async def work(url: str, session: ClientSession) -> None:
        for _ in range(100):
            await (await session.get(url)).read()

    def scrape(url: str) -> str:
        with urlopen(url) as response:
            body: bytes = response.read()
        return body.decode()

    async with RawServer(answers) as server, ClientSession(connector=TCPConnector(limit=3)) as session:
        registry = CollectorRegistry()
        registry.register(PrometheusCollector(session))
        with exporter(registry) as url:
            async with asyncio.TaskGroup() as group:
                for _ in range(10):
                    group.create_task(work(server.url("/"), session))
                scrapes = [group.create_task(asyncio.to_thread(scrape, url)) for _ in range(10)]
            last = numbers(await asyncio.to_thread(scrape, url))
        sent = [
            sum(value for key, value in numbers(scrape.result()).items() if key[0].endswith("s_reused_total"))
            for scrape in scrapes
        ]
        assert all(number <= 1000 for number in sent)
        assert last["trunkline_connections_reused_total", server.url(""), "0"] == 997
        assert last["trunkline_queue_waits_total", "0"] > 0


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "trunkline.client.observe.prometheus")
    with pytest.raises(ImportError, match=r"trunkline\[prometheus\]"):
        import_module("trunkline.client.observe.prometheus")
