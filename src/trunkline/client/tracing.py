"""Tracing: users' callbacks that are awaited at sixteen points of a request's way.

A `TraceConfig` lists the callbacks, a `Trace` is one config at work for one request, and `Traces` are all those of a
request. `send_…` methods tell: the session and the attempt call them for what the client does, and the layers below for
their part, as `ground/probe.Probe`. Each event is a value of `trace_params`, whose class says which signal it is for. A
callback that raises ends the request. Nothing here is imported before a session has a config.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, overload

from aiosignal import Signal
from multidict import CIMultiDict
from yarl import URL

from trunkline.client.response import ClientResponse
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
    TraceRequestChunkSentParams,
    TraceRequestEndParams,
    TraceRequestExceptionParams,
    TraceRequestHeadersSentParams,
    TraceRequestRedirectParams,
    TraceRequestStartParams,
    TraceResponseChunkReceivedParams,
)

P = TypeVar("P")


class _Event(Generic[P]):
    """One signal of a `TraceConfig`; a callback is appended to it, it is not replaced."""

    def __init__(self, params: type[P]) -> None:
        self.params = params

    @overload
    def __get__(self, config: None, owner: "type[TraceConfig]") -> "_Event[P]": ...
    # Any: the session, whose module is above this one, and the context, which is what the user's factory makes.
    @overload
    def __get__(self, config: "TraceConfig", owner: "type[TraceConfig]") -> "Signal[Any, Any, P]": ...
    def __get__(self, config: "TraceConfig | None", owner: "type[TraceConfig]") -> "_Event[P] | Signal[Any, Any, P]":
        return self if config is None else config._signals[self.params]

    def __set__(self, config: "TraceConfig", value: object) -> None:
        raise AttributeError("a signal cannot be replaced; append a callback to it")


class TraceConfig:
    """The callbacks of one tracer; each is `async def callback(session, context, params)`.

    trace_config_ctx_factory: makes the context of a request, from the keyword `trace_request_ctx`.
    """

    on_request_start = _Event(TraceRequestStartParams)
    on_request_chunk_sent = _Event(TraceRequestChunkSentParams)
    on_response_chunk_received = _Event(TraceResponseChunkReceivedParams)
    on_request_end = _Event(TraceRequestEndParams)
    on_request_exception = _Event(TraceRequestExceptionParams)
    on_request_redirect = _Event(TraceRequestRedirectParams)
    on_connection_queued_start = _Event(TraceConnectionQueuedStartParams)
    on_connection_queued_end = _Event(TraceConnectionQueuedEndParams)
    on_connection_create_start = _Event(TraceConnectionCreateStartParams)
    on_connection_create_end = _Event(TraceConnectionCreateEndParams)
    on_connection_reuseconn = _Event(TraceConnectionReuseconnParams)
    on_dns_resolvehost_start = _Event(TraceDnsResolveHostStartParams)
    on_dns_resolvehost_end = _Event(TraceDnsResolveHostEndParams)
    on_dns_cache_hit = _Event(TraceDnsCacheHitParams)
    on_dns_cache_miss = _Event(TraceDnsCacheMissParams)
    on_request_headers_sent = _Event(TraceRequestHeadersSentParams)

    # Any: the factory and the context are the user's.
    def __init__(self, trace_config_ctx_factory: Callable[..., Any] = SimpleNamespace) -> None:
        self._make_context = trace_config_ctx_factory
        self._signals: dict[type[object], Signal[Any, Any, Any]] = {
            event.params: Signal(self) for event in vars(TraceConfig).values() if isinstance(event, _Event)
        }

    def trace_config_ctx(self, trace_request_ctx: Any = None) -> Any:
        """Make the context of one request."""
        return self._make_context(trace_request_ctx=trace_request_ctx)

    # Any: a `Keeper` of `observe.recorder`, which is loaded by those who use one; and the context, as above.
    def _keeper_of(self, trace_config_ctx: Any) -> Any:
        """Return who wants the record of each try of a request; None when nobody does."""
        return None

    def freeze(self) -> None:
        """Take no more callbacks; a session does this to the configs that it gets. Idempotent."""
        for signal in self._signals.values():
            signal.freeze()


class Teller(ABC):
    """The events of one request, by the names that aiohttp gave them; a `Probe`, among other things."""

    @abstractmethod
    async def tell(self, params: object) -> None:
        """Await the callbacks for an event."""

    @property
    def keeper(self) -> Any:  # Any: see `TraceConfig._keeper_of`
        """Who wants the records of this request's tries, or None."""
        return None

    async def send_request_start(self, method: str, url: URL, headers: "CIMultiDict[str]") -> None:
        await self.tell(TraceRequestStartParams(method, url, headers))

    async def send_request_chunk_sent(self, method: str, url: URL, chunk: bytes) -> None:
        await self.tell(TraceRequestChunkSentParams(method, url, chunk))

    async def send_response_chunk_received(self, method: str, url: URL, chunk: bytes) -> None:
        await self.tell(TraceResponseChunkReceivedParams(method, url, chunk))

    async def send_request_end(
        self, method: str, url: URL, headers: "CIMultiDict[str]", response: ClientResponse
    ) -> None:
        await self.tell(TraceRequestEndParams(method, url, headers, response))

    async def send_request_exception(
        self, method: str, url: URL, headers: "CIMultiDict[str]", exception: BaseException
    ) -> None:
        await self.tell(TraceRequestExceptionParams(method, url, headers, exception))

    async def send_request_redirect(
        self, method: str, url: URL, headers: "CIMultiDict[str]", response: ClientResponse
    ) -> None:
        await self.tell(TraceRequestRedirectParams(method, url, headers, response))

    async def send_request_headers(self, method: str, url: URL, headers: "CIMultiDict[str]") -> None:
        await self.tell(TraceRequestHeadersSentParams(method, url, headers))

    async def send_connection_queued_start(self) -> None:
        await self.tell(TraceConnectionQueuedStartParams())

    async def send_connection_queued_end(self) -> None:
        await self.tell(TraceConnectionQueuedEndParams())

    async def send_connection_create_start(self) -> None:
        await self.tell(TraceConnectionCreateStartParams())

    async def send_connection_create_end(self) -> None:
        await self.tell(TraceConnectionCreateEndParams())

    async def send_connection_reuseconn(self) -> None:
        await self.tell(TraceConnectionReuseconnParams())

    async def send_dns_resolvehost_start(self, host: str) -> None:
        await self.tell(TraceDnsResolveHostStartParams(host))

    async def send_dns_resolvehost_end(self, host: str) -> None:
        await self.tell(TraceDnsResolveHostEndParams(host))

    async def send_dns_cache_hit(self, host: str) -> None:
        await self.tell(TraceDnsCacheHitParams(host))

    async def send_dns_cache_miss(self, host: str) -> None:
        await self.tell(TraceDnsCacheMissParams(host))

    @abstractmethod
    def mark(self, phase: str) -> None:
        """Note that a phase begins for which there is no signal."""


class Trace(Teller):
    """One config at work for one request."""

    # Any: see `TraceConfig`; the session's module is above this one.
    def __init__(self, session: Any, trace_config: TraceConfig, trace_config_ctx: Any) -> None:
        self._session = session
        self._trace_config = trace_config
        self._trace_config_ctx = trace_config_ctx

    @property
    def keeper(self) -> Any:
        return self._trace_config._keeper_of(self._trace_config_ctx)

    async def tell(self, params: object) -> None:
        signal = self._trace_config._signals[type(params)]
        await signal.send(self._session, self._trace_config_ctx, params)

    def mark(self, phase: str) -> None:
        """Users are not told."""


class Traces(tuple[Teller, ...], Teller):
    """All traces of one request, in the order of their configs."""

    async def tell(self, params: object) -> None:
        for trace in self:
            await trace.tell(params)

    def mark(self, phase: str) -> None:
        for trace in self:
            trace.mark(phase)


# Any: see `Trace`; the value is the user's.
def start_traces(session: Any, trace_configs: Iterable[TraceConfig], trace_request_ctx: Any = None) -> Traces:
    """Make the traces of a request, each with its own context."""
    return Traces(Trace(session, config, config.trace_config_ctx(trace_request_ctx)) for config in trace_configs)
