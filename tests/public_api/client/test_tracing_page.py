"""Client Advanced, "Client Tracing", and the flows of the Tracing Reference, as users of a session see them."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

import trunkline
from tests.public_api.client.httpbin import HttpBin
from trunkline import ClientSession, TCPConnector, TraceConfig

SIGNALS = (
    "request_start",
    "request_chunk_sent",
    "response_chunk_received",
    "request_end",
    "request_exception",
    "request_redirect",
    "connection_queued_start",
    "connection_queued_end",
    "connection_create_start",
    "connection_create_end",
    "connection_reuseconn",
    "dns_resolvehost_start",
    "dns_resolvehost_end",
    "dns_cache_hit",
    "dns_cache_miss",
    "request_headers_sent",
)


class Watch:
    """Traces everything. seen: signals in order, with their parameters."""

    def __init__(self, **options: Any) -> None:
        self.seen: list[tuple[str, Any]] = []
        self.contexts: list[Any] = []
        self.config = TraceConfig(**options)
        for name in SIGNALS:
            getattr(self.config, f"on_{name}").append(self._noting(name))

    def _noting(self, name: str) -> Any:  # Any: a handler of any signal
        async def note(session: ClientSession, context: Any, params: Any) -> None:
            assert isinstance(session, ClientSession)
            self.seen.append((name, params))
            self.contexts.append(context)

        return note

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.seen]

    def params(self, name: str) -> Any:
        return next(params for each, params in self.seen if each == name)


NEW_CONNECTION = ["connection_create_start", "connection_create_end"]


async def test_the_sample_of_the_page(bin: HttpBin) -> None:
    told = []

    async def on_request_start(session: ClientSession, trace_config_ctx: SimpleNamespace, params: Any) -> None:
        trace_config_ctx.start = asyncio.get_running_loop().time()

    async def on_request_end(session: ClientSession, trace_config_ctx: SimpleNamespace, params: Any) -> None:
        told.append(asyncio.get_running_loop().time() - trace_config_ctx.start)

    trace_config = TraceConfig()
    trace_config.on_request_start.append(on_request_start)
    trace_config.on_request_end.append(on_request_end)
    async with ClientSession(trace_configs=[trace_config]) as client, client.get(bin.url):
        assert len(told) == 1
    assert told[0] >= 0


async def test_a_request_is_told_from_start_to_end(bin: HttpBin) -> None:
    watch = Watch()
    async with ClientSession(trace_configs=[watch.config]) as session:
        async with session.post(f"{bin.url}/path", data=b"body", headers={"X-Given": "1"}) as response:
            await response.read()
        start, sent = watch.params("request_start"), watch.params("request_headers_sent")
        assert (start.method, start.url, start.headers["x-given"]) == ("POST", URL(f"{bin.url}/path"), "1")
        assert isinstance(start.headers, CIMultiDict)
        assert sent.headers["Host"] == f"127.0.0.1:{bin.port}"
        assert watch.params("request_chunk_sent").chunk == b"body"
        assert b"".join(each.chunk for name, each in watch.seen if name == "response_chunk_received")
        assert watch.params("request_end").response is response
        ordered = [name for name in watch.names if name != "response_chunk_received"]
        assert ordered == [
            "request_start",
            *NEW_CONNECTION,
            "request_headers_sent",
            "request_chunk_sent",
            "request_end",
        ]


async def test_a_second_request_reuses_the_connection(bin: HttpBin) -> None:
    watch = Watch()
    async with ClientSession(trace_configs=[watch.config]) as session:
        for _ in range(2):
            async with session.get(bin.url):
                watch.seen.append(("done", None))
    second = watch.names[watch.names.index("done") + 1 :]
    assert second[:3] == ["request_start", "connection_reuseconn", "request_headers_sent"]


async def test_a_redirect_is_told_with_its_response(bin: HttpBin) -> None:
    watch = Watch()
    async with ClientSession(trace_configs=[watch.config]) as session, session.get(f"{bin.url}/redirect?to=/end"):
        pass
    assert watch.names.count("request_start") == watch.names.count("request_end") == 1
    redirect = watch.params("request_redirect")
    assert (redirect.response.status, redirect.url) == (302, URL(f"{bin.url}/redirect?to=/end"))
    assert watch.params("request_end").url == URL(f"{bin.url}/end")


async def test_a_failure_is_told_with_its_error(unused_tcp_port: int) -> None:
    watch = Watch()
    async with ClientSession(trace_configs=[watch.config]) as session:
        with pytest.raises(trunkline.ClientConnectorError) as caught:
            await session.get(f"http://127.0.0.1:{unused_tcp_port}/")
    assert watch.names == ["request_start", "connection_create_start", "request_exception"]
    assert watch.params("request_exception").exception is caught.value


async def test_waiting_for_a_connection_is_told(bin: HttpBin) -> None:
    watch = Watch()
    async with ClientSession(connector=TCPConnector(limit=1), trace_configs=[watch.config]) as session:
        await asyncio.gather(session.get(bin.url), session.get(bin.url))
    assert watch.names.count("connection_queued_start") == 1
    assert watch.names.index("connection_queued_start") < watch.names.index("connection_queued_end")


class Loopback(trunkline.abc.AbstractResolver):
    """Every name is this machine's."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[Any]:  # Any: as in the base
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """Nothing is held."""


async def test_resolving_is_told(bin: HttpBin) -> None:
    watch = Watch()
    connector = TCPConnector(resolver=Loopback(), force_close=True, family=socket.AF_INET)
    async with ClientSession(connector=connector, trace_configs=[watch.config]) as session:
        for _ in range(2):
            async with session.get(f"http://name.test:{bin.port}/"):
                watch.seen.append(("done", None))
    dns = [name for name in watch.names if name.startswith("dns") or name == "done"]
    assert dns == ["dns_cache_miss", "dns_resolvehost_start", "dns_resolvehost_end", "done", "dns_cache_hit", "done"]
    assert watch.params("dns_resolvehost_start").host == "name.test"


async def test_the_context_is_made_for_each_request(bin: HttpBin) -> None:
    class Context:
        def __init__(self, trace_request_ctx: Any = None) -> None:
            self.given = trace_request_ctx

    plain, special = Watch(), Watch(trace_config_ctx_factory=Context)
    async with ClientSession(trace_configs=[plain.config, special.config]) as session:
        async with session.get(bin.url, trace_request_ctx={"foo": "bar"}):
            pass
        first = len(plain.contexts)
        async with session.get(bin.url):
            pass
    assert isinstance(plain.contexts[0], SimpleNamespace)
    assert plain.contexts[0].trace_request_ctx == {"foo": "bar"}
    assert len({id(context) for context in plain.contexts[:first]}) == 1
    assert plain.contexts[first] is not plain.contexts[0]
    assert plain.contexts[first].trace_request_ctx is None
    assert isinstance(special.contexts[0], Context)
    assert special.contexts[0].given == {"foo": "bar"}


async def test_configs_are_frozen_and_told_in_order(bin: HttpBin) -> None:
    order: list[int] = []

    def config(number: int) -> TraceConfig:
        async def note(*_: Any) -> None:
            order.append(number)

        made = TraceConfig()
        made.on_request_start.append(note)
        return made

    configs = [config(1), config(2)]
    async with ClientSession(trace_configs=configs) as session, session.get(bin.url):
        assert order == [1, 2]
    with pytest.raises(RuntimeError):
        configs[0].on_request_start.append(lambda *_: None)  # type: ignore[arg-type]  # refused before it is looked at
