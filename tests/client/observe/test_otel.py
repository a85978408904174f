"""Spans: one for each try, with what the semantic conventions want told of it, and the context that servers get."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from tests.client.observe.telemetry import Telemetry
from tests.client.recording import Recording, redirect
from tests.raw_server import OK, Peer, RawServer
from trunkline import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    ServerDisconnectedError,
    TCPConnector,
    TooManyRedirects,
)
from trunkline.client.observe.otel import OpenTelemetryTracing
from trunkline.testing.loopback import LoopbackResponse


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    answers = {
        "/302": redirect(302, "/b"),
        "/round": redirect(302, "/round"),
        "/404": LoopbackResponse(404),
        "/503": LoopbackResponse(503),
    }
    async with Recording(answers) as recording:
        yield recording


def traceparent(span: ReadableSpan) -> str:
    """The field that tells a server of `span` (W3C Trace Context §3.2)."""
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


async def test_a_span_tells_of_a_request(server: Recording, session: ClientSession, telemetry: Telemetry) -> None:
    await session.get(server.url("/a?sig=secret&q=1"))
    (span,) = telemetry.spans
    assert span.name == "GET"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "url.full": server.url("/a?sig=REDACTED&q=1"),
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "network.peer.address": "127.0.0.1",
        "network.peer.port": server.port,
    }
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 < span.end_time - span.start_time < 5e9
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "trunkline"
    assert span.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.44.0"


async def test_a_span_is_a_child_of_the_callers(
    server: Recording, session: ClientSession, telemetry: Telemetry
) -> None:
    with telemetry.tracers.get_tracer("test").start_as_current_span("parent") as parent:
        await session.get(server.url())
    span = telemetry.spans[0]
    assert span.parent is not None
    assert span.parent.span_id == parent.get_span_context().span_id


async def test_the_server_gets_the_context(server: Recording, session: ClientSession, telemetry: Telemetry) -> None:
    token = context.attach(baggage.set_baggage("user", "7"))
    try:
        await session.get(server.url(), headers={"traceparent": "of somebody else"})
    finally:
        context.detach(token)
    assert server.fields("traceparent", "baggage") == [traceparent(telemetry.spans[0]), "user=7"]


async def test_without_propagation_the_server_gets_nothing(server: Recording) -> None:
    telemetry = Telemetry(propagate=False)
    async with ClientSession(trace_configs=[telemetry.tracing]) as session:
        await session.get(server.url())
    assert len(telemetry.spans) == 1
    assert server.fields("traceparent") == [None]


async def test_a_method_that_is_not_known_is_told_apart(
    server: Recording, session: ClientSession, telemetry: Telemetry
) -> None:
    await session.request("purge", server.url())
    assert telemetry.spans[0].name == "HTTP"
    assert telemetry.attributes("http.request.method", "http.request.method_original") == [("_OTHER", "PURGE")]


@pytest.mark.parametrize("status", [404, 503])
@pytest.mark.parametrize("raises", [False, True])
async def test_a_status_from_400_on_is_an_error(
    server: Recording, session: ClientSession, telemetry: Telemetry, status: int, raises: bool
) -> None:
    try:
        await session.get(server.url(f"/{status}"), raise_for_status=raises)
    except ClientResponseError:
        assert raises
    assert telemetry.attributes("http.response.status_code", "error.type") == [(status, str(status))]
    assert telemetry.spans[0].status.status_code is StatusCode.ERROR


async def test_each_hop_has_a_span(server: Recording, session: ClientSession, telemetry: Telemetry) -> None:
    await session.post(server.url("/302"), data=b"body")
    names = ("http.request.method", "url.full", "http.response.status_code", "http.request.resend_count")
    assert telemetry.attributes(*names) == [
        ("POST", server.url("/302"), 302, None),
        ("GET", server.url("/b"), 200, 1),
    ]
    assert {span.status.status_code for span in telemetry.spans} == {StatusCode.UNSET}
    assert [request.header("traceparent") for request in server.requests] == [traceparent(s) for s in telemetry.spans]


async def test_one_redirect_too_many_is_an_error_of_the_last(
    server: Recording, session: ClientSession, telemetry: Telemetry
) -> None:
    with pytest.raises(TooManyRedirects):
        await session.get(server.url("/round"), max_redirects=2)
    told = telemetry.attributes("http.response.status_code", "error.type", "http.request.resend_count")
    assert told == [(302, None, None), (302, "TooManyRedirects", 1)]
    assert telemetry.spans[-1].status.status_code is StatusCode.ERROR


async def test_a_server_that_is_not_there_is_an_error(session: ClientSession, telemetry: Telemetry) -> None:
    with pytest.raises(ClientConnectorError):
        await session.get("http://127.0.0.1:1/?token=secret")
    (span,) = telemetry.spans
    assert telemetry.attributes("error.type", "http.response.status_code") == [("ClientConnectorError", None)]
    assert span.status.status_code is StatusCode.ERROR
    assert "127.0.0.1:1" in (span.status.description or "")
    assert "secret" not in span.to_json()


async def test_a_name_that_does_not_resolve_is_an_error(session: ClientSession, telemetry: Telemetry) -> None:
    with pytest.raises(ClientConnectorDNSError):
        await session.get("http://nowhere.invalid/")
    assert telemetry.attributes("server.address", "error.type") == [("nowhere.invalid", "ClientConnectorDNSError")]


async def test_a_request_that_is_cancelled_ends_its_span(telemetry: Telemetry, session: ClientSession) -> None:
    heard = asyncio.Event()

    async def silent(peer: Peer) -> None:
        await peer.request()
        heard.set()
        await peer.wait_closed_by_client()

    async with RawServer(silent) as server:
        task = asyncio.create_task(session.get(server.url()))
        await heard.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert telemetry.attributes("error.type") == [("CancelledError",)]


async def test_a_request_that_gives_up_in_the_queue_ends_its_span(telemetry: Telemetry) -> None:
    async def half(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK[:-1])
        await peer.wait_closed_by_client()

    connector = TCPConnector(limit=1)
    async with (
        RawServer(half) as server,
        ClientSession(connector=connector, trace_configs=[telemetry.tracing]) as session,
        session.get(server.url()),
    ):
        with pytest.raises(ConnectionTimeoutError):
            await session.get(server.url(), timeout=ClientTimeout(connect=0.01))
    assert telemetry.attributes("http.response.status_code", "error.type", "network.peer.port") == [
        (200, None, server.port),
        (None, "ConnectionTimeoutError", None),
    ]


async def test_what_was_never_tried_has_no_span(session: ClientSession, telemetry: Telemetry) -> None:
    with pytest.raises(ValueError, match="no-scheme"):
        await session.get("no-scheme")
    assert telemetry.spans == ()


async def test_a_request_on_a_stale_connection_is_sent_again(session: ClientSession, telemetry: Telemetry) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        if peer.number == 0:
            peer.reset()
        else:
            await peer.send(OK)

    async with RawServer(play) as server:
        for _ in range(2):
            await (await session.get(server.url())).read()
    names = ("http.response.status_code", "error.type", "http.request.resend_count")
    assert telemetry.attributes(*names) == [
        (200, None, None),
        (None, "ClientOSError", None),
        (200, None, 1),
    ]
    assert telemetry.spans[1].status.status_code is StatusCode.ERROR


async def test_a_middleware_that_sends_again_makes_two_spans(server: Recording, telemetry: Telemetry) -> None:
    async def twice(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        response.release()
        return await handler(request)

    async with ClientSession(trace_configs=[telemetry.tracing], middlewares=[twice]) as session:
        await session.get(server.url("/503"))
    names = ("http.response.status_code", "error.type", "http.request.resend_count")
    assert telemetry.attributes(*names) == [(503, "503", None), (503, "503", 1)]
    traceparents = {request.header("traceparent") for request in server.requests}
    assert len(traceparents) == 2


async def test_a_server_that_hangs_up_is_an_error(session: ClientSession, telemetry: Telemetry) -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.request()

    async with RawServer(hang_up) as server:
        with pytest.raises(ServerDisconnectedError):
            await session.get(server.url())
    assert telemetry.attributes("error.type") == [("ServerDisconnectedError",)]


async def test_without_an_sdk_nothing_happens(server: Recording) -> None:
    async with ClientSession(trace_configs=[OpenTelemetryTracing()]) as session, session.get(server.url()) as response:
        assert await response.read() == b"ok"
    assert server.fields("traceparent") == [None]


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_the_api_is_all_that_is_imported() -> None:
    program = "import sys, trunkline; trunkline.OpenTelemetryTracing(); print(*sys.modules)"
    loaded = set(run(program).split())
    assert "opentelemetry.trace" in loaded
    assert not loaded & {"opentelemetry.sdk", "opentelemetry.semconv", "opentelemetry.instrumentation"}


def test_without_the_api_it_is_said_what_to_install() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
import trunkline
try:
    trunkline.OpenTelemetryTracing
except ImportError as error:
    print(error)
"""
    assert "pip install 'trunkline[otel]'" in run(program)
