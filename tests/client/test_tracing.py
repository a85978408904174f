"""`TraceConfig`, `Trace` and `Traces` by themselves; `test_tracing_session` has them at work."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from trunkline.client import trace_params as params
from trunkline.client.response import ClientResponse
from trunkline.client.tracing import Trace, TraceConfig, start_traces
from trunkline.ground.probe import Probe

GET = ("GET", URL("http://test/"))
HEADERS: CIMultiDict[str] = CIMultiDict({"A": "1"})
RESPONSE = ClientResponse(*GET)
ERROR = KeyError("mine")

# Signal, the method that tells it, its arguments, and the class of what callbacks get. Any: one of sixteen classes.
EVENTS: list[tuple[str, str, tuple[object, ...], type[Any]]] = [
    ("request_start", "request_start", (*GET, HEADERS), params.TraceRequestStartParams),
    ("request_chunk_sent", "request_chunk_sent", (*GET, b"x"), params.TraceRequestChunkSentParams),
    ("response_chunk_received", "response_chunk_received", (*GET, b"x"), params.TraceResponseChunkReceivedParams),
    ("request_redirect", "request_redirect", (*GET, HEADERS, RESPONSE), params.TraceRequestRedirectParams),
    ("request_end", "request_end", (*GET, HEADERS, RESPONSE), params.TraceRequestEndParams),
    ("request_exception", "request_exception", (*GET, HEADERS, ERROR), params.TraceRequestExceptionParams),
    ("request_headers_sent", "request_headers", (*GET, HEADERS), params.TraceRequestHeadersSentParams),
    ("connection_queued_start", "connection_queued_start", (), params.TraceConnectionQueuedStartParams),
    ("connection_queued_end", "connection_queued_end", (), params.TraceConnectionQueuedEndParams),
    ("connection_create_start", "connection_create_start", (), params.TraceConnectionCreateStartParams),
    ("connection_create_end", "connection_create_end", (), params.TraceConnectionCreateEndParams),
    ("connection_reuseconn", "connection_reuseconn", (), params.TraceConnectionReuseconnParams),
    ("dns_resolvehost_start", "dns_resolvehost_start", ("test",), params.TraceDnsResolveHostStartParams),
    ("dns_resolvehost_end", "dns_resolvehost_end", ("test",), params.TraceDnsResolveHostEndParams),
    ("dns_cache_hit", "dns_cache_hit", ("test",), params.TraceDnsCacheHitParams),
    ("dns_cache_miss", "dns_cache_miss", ("test",), params.TraceDnsCacheMissParams),
]


@pytest.mark.parametrize(("signal", "method", "arguments", "expected"), EVENTS, ids=[event[0] for event in EVENTS])
async def test_each_method_tells_its_signal(
    signal: str, method: str, arguments: tuple[object, ...], expected: type[Any]
) -> None:
    config, session = TraceConfig(), object()
    told: list[tuple[Any, ...]] = []  # Any: see EVENTS

    async def callback(*given: object) -> None:
        told.append(given)

    getattr(config, f"on_{signal}").append(callback)
    config.freeze()
    traces = start_traces(session, [config])
    await getattr(traces, f"send_{method}")(*arguments)
    ((seen_session, context, event),) = told
    assert seen_session is session
    assert context == SimpleNamespace(trace_request_ctx=None)
    assert type(event) is expected
    fields = tuple(getattr(event, field.name) for field in dataclasses.fields(expected))
    assert all(seen is given for seen, given in zip(fields, arguments, strict=True))


def test_params_cannot_be_changed_though_their_headers_can() -> None:
    event = params.TraceRequestStartParams(*GET, CIMultiDict())
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.method = "POST"  # type: ignore[misc]  # the rule is what is tested
    event.headers["A"] = "1"
    assert event == params.TraceRequestStartParams(*GET, HEADERS)


def test_there_are_sixteen_signals_and_each_is_its_own() -> None:
    config = TraceConfig()
    signals = [getattr(config, name) for name in dir(config) if name.startswith("on_")]
    assert len({id(signal) for signal in signals}) == len(signals) == len(EVENTS) == 16
    assert config.on_request_start is config.on_request_start
    assert config.on_request_start is not TraceConfig().on_request_start


def test_a_signal_takes_callbacks_until_it_is_frozen_and_is_never_replaced() -> None:
    config = TraceConfig()

    @config.on_request_start
    async def decorated(*args: object) -> None: ...

    assert list(config.on_request_start) == [decorated]
    with pytest.raises(AttributeError, match="append"):
        config.on_request_start = []
    config.freeze()
    config.freeze()
    with pytest.raises(RuntimeError, match="frozen"):
        config.on_request_start.append(decorated)


async def test_a_config_that_was_not_frozen_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="non-frozen"):
        await start_traces(None, [TraceConfig()]).send_connection_reuseconn()


def test_the_factory_makes_a_context_for_each_request() -> None:
    made = []

    def factory(**given: object) -> object:
        made.append(given)
        return object()

    config = TraceConfig(trace_config_ctx_factory=factory)
    assert config.trace_config_ctx() is not config.trace_config_ctx(1)
    config.trace_config_ctx(trace_request_ctx={"a": 1})
    assert made == [{"trace_request_ctx": given} for given in (None, 1, {"a": 1})]


async def test_all_configs_hear_of_an_event_before_any_of_the_next() -> None:
    told = []

    def config(name: str) -> TraceConfig:
        one = TraceConfig(lambda trace_request_ctx: [name, trace_request_ctx])

        async def callback(session: object, context: Any, event: object) -> None:  # Any: the list above
            told.append((*context, type(event).__name__.removesuffix("Params")))

        one.on_connection_create_start.append(callback)
        one.on_connection_create_end.append(callback)
        one.freeze()
        return one

    traces = start_traces(None, [config("a"), config("b")], 7)
    assert all(isinstance(trace, Trace) for trace in traces)
    probe: Probe = traces
    await probe.send_connection_create_start()
    await probe.send_connection_create_end()
    start, end = "TraceConnectionCreateStart", "TraceConnectionCreateEnd"
    assert told == [("a", 7, start), ("b", 7, start), ("a", 7, end), ("b", 7, end)]


async def test_a_trace_tells_only_its_own_config() -> None:
    told = []
    configs = [TraceConfig(), TraceConfig()]
    for config in configs:

        async def callback(session: object, context: object, event: params.TraceDnsCacheHitParams) -> None:
            told.append(event.host)

        config.on_dns_cache_hit.append(callback)
        config.freeze()
    await start_traces(None, configs)[1].send_dns_cache_hit("test")
    assert told == ["test"]


def test_a_subclass_may_have_attributes_and_callbacks_of_its_own() -> None:
    class Audit(TraceConfig):
        def __init__(self) -> None:
            super().__init__()
            self.seen = 0
            self.on_request_start.append(self.count)

        async def count(self, *told: object) -> None:
            self.seen += 1

    audit = Audit()
    audit.freeze()
    assert list(audit.on_request_start) == [audit.count]
