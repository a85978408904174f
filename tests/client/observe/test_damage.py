"""A body whose content coding is damaged, though its framing is whole: a failure of its request, counted once."""

import gc
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.client.observe.test_prometheus import numbers
from tests.raw_server import Peer, RawServer, replying
from trunkline import ClientError, ClientPayloadError, ClientResponse, ClientSession
from trunkline.body.stream import StreamReader
from trunkline.client.observe.har import HarRecorder
from trunkline.client.observe.prometheus import prometheus_text

WHOLE = gzip.compress(b"words " * 1000)
CUT = WHOLE[:-9]
GARBLED = b"this is no gzip"


def coded(body: bytes, length: int | None = None, more: bytes = b"") -> bytes:
    fields = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n%b" % (len(body) if length is None else length, more)
    return b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (fields, body)


async def by_read(response: ClientResponse) -> None:
    await response.read()


async def by_portions(response: ClientResponse) -> None:
    async for _ in response.content.iter_any():
        pass


async def by_lines(response: ClientResponse) -> None:
    async for _ in response.content:
        pass


def error_of(recorder: HarRecorder) -> Any:  # Any: what JSON holds
    (entry,) = recorder.har()["log"]["entries"]
    return entry["response"].get("_error")


@pytest.mark.parametrize("read", [by_read, by_portions, by_lines])
@pytest.mark.parametrize("is_recorded", [False, True])
@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [(coded(CUT), True), (coded(GARBLED), True), (coded(CUT, more=b"Connection: close\r\n"), False)],
    ids=["cut", "garbled", "closing"],
)
async def test_damage_is_an_error_of_the_request_and_not_of_its_connection(
    answer: bytes, is_kept: bool, is_recorded: bool, read: Callable[[ClientResponse], Awaitable[None]]
) -> None:
    recorder = HarRecorder()
    traces = [recorder] if is_recorded else None
    async with (
        RawServer(replying(answer)) as server,
        ClientSession(timeline=is_recorded, trace_configs=traces) as session,
        session.get(server.url()) as response,
    ):
        assert session.stats().errors == {}
        with pytest.raises(ClientPayloadError):
            await read(response)
        with pytest.raises(ClientError):
            await read(response)
        assert session.stats().errors == {"ClientPayloadError": 1}
        origin = server.url("")
        assert (
            numbers(prometheus_text(session))["trunkline_request_errors_total", "ClientPayloadError", origin, "0"] == 1
        )
        assert session.stats().idle == is_kept
        if is_recorded:
            assert response.timeline is not None
            assert str(response.timeline.hops[0].tries[0].error).startswith("ClientPayloadError")
            assert error_of(recorder).startswith("ClientPayloadError")


async def test_a_body_that_is_whole_or_is_not_read_is_no_error() -> None:
    recorder = HarRecorder()
    async with (
        RawServer(replying(coded(WHOLE))) as server,
        ClientSession(trace_configs=[recorder]) as session,
        session.get(server.url()) as response,
    ):
        assert len(await response.read()) == 6000
        async with RawServer(replying(coded(CUT))) as other, session.get(other.url()):
            pass
        assert session.stats().errors == {}
    assert [entry["response"].get("_error") for entry in recorder.har()["log"]["entries"]] == [None, None]


async def test_a_body_that_is_damaged_and_then_cut_short_is_one_error() -> None:
    async def damage(peer: Peer) -> None:
        await peer.request()
        await peer.send(coded(GARBLED, 1000))

    async with RawServer(damage) as server, ClientSession() as session, session.get(server.url()) as response:
        with pytest.raises(ClientPayloadError):
            await response.content.readany()
        with pytest.raises(ClientPayloadError):
            await response.content.wait_eof()
        await server.wait_all_closed()
        assert session.stats().errors == {"ClientPayloadError": 1}


async def test_a_body_that_is_cut_short_and_damaged_before_is_one_error() -> None:
    async with (
        RawServer(replying(coded(GARBLED, 1000), then_close=True)) as server,
        ClientSession() as session,
        session.get(server.url()) as response,
    ):
        with pytest.raises(ClientPayloadError):
            await response.content.wait_eof()
        for _ in range(2):
            with pytest.raises(ClientPayloadError, match="985 bytes of the body missing"):
                await response.content.readany()
        assert session.stats().errors == {"ClientPayloadError": 1}


async def test_a_coded_body_is_no_circle_of_references() -> None:
    async with RawServer(replying(coded(WHOLE))) as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            await response.read()
        gc.collect()
        gc.disable()
        try:
            async with session.get(server.url()) as response:
                await response.read()
            del response
            assert not [each for each in gc.get_objects() if isinstance(each, StreamReader) and each.total_bytes]
        finally:
            gc.enable()
