"""What tracers, timelines, recorders and upload trackers are told of exchanges over HTTP/2."""

import asyncio
import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.client.h2 import clear_session, echo, hello, post, read_all, server_context, stats_of, tls_session
from tests.h2_server import H2Server, ServerStream
from tests.waiting import until
from trunkline import ClientPayloadError, ClientResponse, ClientSession, TCPConnector, TraceConfig, UploadTracker
from trunkline.client.observe.har import HarRecorder


def telling(told: list[str]) -> TraceConfig:
    """Write down the names of the connection's events."""
    config = TraceConfig()

    def note(name: str) -> Any:  # Any: a tracer's callback
        async def callback(session: ClientSession, context: SimpleNamespace, params: Any) -> None:
            told.append(name)

        return callback

    for name in ("connection_create_end", "connection_reuseconn", "request_headers_sent", "request_end"):
        getattr(config, f"on_{name}").append(note(name))
    return config


async def test_tracers_hear_of_one_connection_and_of_reuses() -> None:
    told: list[str] = []
    async with H2Server(hello) as server:
        connector = TCPConnector(http2="prior-knowledge")
        async with ClientSession(connector=connector, trace_configs=[telling(told)]) as session:
            await read_all(session, server.url())
            await asyncio.gather(*(read_all(session, server.url()) for _ in range(3)))
    assert told.count("connection_create_end") == 1
    assert told.count("connection_reuseconn") == 3
    assert told.count("request_headers_sent") == told.count("request_end") == 4


def phases(response: ClientResponse) -> set[str]:
    timeline = response.timeline
    assert timeline is not None
    return {phase.name for phase in timeline.hops[0].tries[0].phases}


async def test_a_timeline_has_the_phases_of_the_first_and_of_a_later_request() -> None:
    session = ClientSession(connector=TCPConnector(ssl=False), timeline=True)
    async with H2Server(hello, ssl=server_context()) as server, session:
        async with session.get(server.url()) as first:
            await first.read()
        async with session.get(server.url()) as second:
            await second.read()
    assert {"connect", "tls", "send", "wait"} <= phases(first)
    assert "wait" in phases(second)
    assert "connect" not in phases(second)


async def test_a_har_names_the_version(tmp_path: Path) -> None:
    recorder = HarRecorder()
    async with H2Server(echo) as server:
        connector = TCPConnector(http2="prior-knowledge")
        async with ClientSession(connector=connector, trace_configs=[recorder]) as session:
            await post(session, server.url(), b"sent")
    recorder.save(tmp_path / "har")
    (entry,) = json.loads((tmp_path / "har").read_text())["log"]["entries"]
    assert (entry["request"]["httpVersion"], entry["response"]["httpVersion"]) == ("HTTP/2", "HTTP/2")
    assert (entry["request"]["bodySize"], entry["response"]["bodySize"]) == (4, 4)


async def test_an_upload_tracker_counts_what_has_left() -> None:
    tracker = UploadTracker()

    async def body() -> Any:  # Any: an async generator
        for _ in range(64):
            yield bytes(2**15)

    async def count(stream: ServerStream) -> None:
        stream.answer(str(len(await stream.whole())).encode())

    async with H2Server(count) as server, clear_session() as session:
        response = await session.post(server.url(), data=body(), upload_tracker=tracker)
        assert await response.read() == str(2**21).encode()
    assert tracker.bytes_written == 2**21
    await tracker.upload_complete


async def test_stats_count_connections_and_exchanges() -> None:
    gate = asyncio.Event()

    async def wait(stream: ServerStream) -> None:
        await gate.wait()
        stream.answer()

    async with H2Server(wait, ssl=server_context()) as server, tls_session() as session:
        tasks = [asyncio.create_task(read_all(session, server.url())) for _ in range(5)]
        await until(lambda: len(server.requests) == 5)
        stats = stats_of(session)
        assert (stats.opened, stats.active, stats.tls_full) == (1, 5, 1)
        gate.set()
        await asyncio.gather(*tasks)
        stats = stats_of(session)
        assert (stats.requests, stats.reused, stats.idle, stats.active) == (5, 4, 5, 0)


async def test_the_transport_of_a_response_is_its_streams() -> None:
    async def half(stream: ServerStream) -> None:
        stream.head()
        stream.say(b"half")

    async with H2Server(half) as server, clear_session() as session:
        one, other = await session.get(server.url()), await session.get(server.url())
        assert one.connection is not None
        assert other.connection is not None
        transport = one.connection.transport
        assert transport is not None
        assert transport.get_extra_info("peername") == ("127.0.0.1", server.port)
        assert (transport.get_write_buffer_size(), transport.is_reading(), transport.can_write_eof()) == (0, True, True)
        transport.close()
        assert transport.is_closing()
        assert one.connection is None
        await asyncio.wait_for(server.requests[0].was_reset, 5)
        assert not server.peers[0].is_lost
        assert await other.content.readany() == b"half"
        other.close()


@pytest.mark.parametrize("body", [gzip.compress(b"words " * 1000)[:-9], b"this is no gzip"], ids=["cut", "garbled"])
@pytest.mark.parametrize("in_one_read", [True, False])
async def test_a_damaged_coding_is_one_error_and_the_connection_goes_on(body: bytes, in_one_read: bool) -> None:
    async def damage(stream: ServerStream) -> None:
        stream.head(fields=[("content-encoding", "gzip")])
        if not in_one_read:
            stream.say(body[:5])
            await asyncio.sleep(0.01)
        stream.say(body[0 if in_one_read else 5 :], ends=True)

    async with H2Server(damage) as server, clear_session() as session:
        for count in (1, 2):
            async with session.get(server.url()) as response:
                for _ in range(2):
                    with pytest.raises(ClientPayloadError):
                        await response.read()
            assert session.stats().errors == {"ClientPayloadError": count}
        assert len(server.peers) == 1
