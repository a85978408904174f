"""Metrics: names, units and attributes of the semantic conventions, and the connections of a session's connector."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.metrics.export import HistogramDataPoint

from tests.client.observe.telemetry import Telemetry
from tests.client.recording import Recording
from trunkline import ClientConnectorError, ClientSession
from trunkline.testing.loopback import LoopbackResponse

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording({"/404": LoopbackResponse(404, body=b"none")}) as recording:
        yield recording


def series(telemetry: Telemetry, name: str) -> list[tuple[dict[str, object], HistogramDataPoint]]:
    return [(dict(attributes), point) for attributes, point in telemetry.points(name)]


async def test_durations_are_those_of_the_spans(
    server: Recording, session: ClientSession, telemetry: Telemetry
) -> None:
    for _ in range(2):
        await session.get(server.url())
    await session.get(server.url("/404"))
    with pytest.raises(ClientConnectorError):
        await session.get("http://127.0.0.1:1/")
    of_server = {"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": server.port}
    answered = {**of_server, "network.protocol.version": "1.1"}
    durations = series(telemetry, "http.client.request.duration")
    assert [(attributes, point.count) for attributes, point in durations] == [
        ({**answered, "http.response.status_code": 200}, 2),
        ({**answered, "http.response.status_code": 404, "error.type": "404"}, 1),
        ({**of_server, "server.port": 1, "error.type": "ClientConnectorError"}, 1),
    ]
    assert tuple(durations[0][1].explicit_bounds) == BUCKETS_S
    spans_s = sum((span.end_time or 0) - (span.start_time or 0) for span in telemetry.spans[:2]) / 1e9
    assert durations[0][1].sum == pytest.approx(spans_s, abs=1e-6)


async def test_sizes_of_bodies_are_told_where_they_are_known(
    server: Recording, session: ClientSession, telemetry: Telemetry
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"unknown"

    await session.post(server.url(), data=b"12345")
    await session.post(server.url(), data=pieces())
    await session.head(server.url("/404"))
    ((_, request),) = series(telemetry, "http.client.request.body.size")
    assert (request.count, request.sum) == (1, 5)
    ((_, response),) = series(telemetry, "http.client.response.body.size")
    assert (response.count, response.sum) == (2, 4)


async def test_open_connections_are_counted_by_state(
    server: Recording, session: ClientSession, telemetry: Telemetry
) -> None:
    assert telemetry.points("http.client.open_connections") == []
    await asyncio.gather(*(session.get(server.url()) for _ in range(3)))
    of_server = {"server.address": "127.0.0.1", "server.port": server.port, "url.scheme": "http"}
    counted = [
        (dict(attributes), point.value) for attributes, point in telemetry.points("http.client.open_connections")
    ]
    assert counted == [
        ({"http.connection.state": "active", **of_server}, 0),
        ({"http.connection.state": "idle", **of_server}, 3),
    ]


async def test_connectors_are_not_kept_alive(server: Recording, telemetry: Telemetry) -> None:
    async with ClientSession(trace_configs=[telemetry.tracing]) as session:
        await session.get(server.url())
    del session
    gc.collect()
    assert telemetry.points("http.client.open_connections") == []
