"""`BodyMeter`: what has left of a body, by what the transport still holds; and the writer that feeds it."""

import asyncio

import pytest

from tests.conn.socket_pair import peer_of
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.key import ConnectionKey
from trunkline.conn.metered_writer import BodyMeter, MeteredWriter


class Transport(asyncio.Transport):
    """Holds what a test says."""

    held = 0
    is_broken = False

    def get_write_buffer_size(self) -> int:
        return self.held

    def is_closing(self) -> bool:
        return self.is_broken


def give(meter: BodyMeter, transport: Transport, body_bytes: int, wire_bytes: int) -> None:
    """Let all of `wire_bytes`, which stand for `body_bytes`, stay in the transport."""
    meter.taken += body_bytes
    transport.held += wire_bytes
    meter.note(wire_bytes)


@pytest.mark.parametrize(
    ("held", "gone"),
    [(30_000, 0), (29_999, 0), (25_000, 500), (20_000, 1000), (10_000, 51_000), (5_000, 76_000), (0, 101_000)],
)
def test_within_a_stretch_the_count_is_in_proportion(held: int, gone: int) -> None:
    transport = Transport()
    meter = BodyMeter(transport)
    give(meter, transport, 1000, 10_000)  # framing
    give(meter, transport, 100_000, 20_000)  # compression
    transport.held = held
    assert meter.gone == gone


def test_what_was_before_the_body_does_not_count() -> None:
    transport = Transport()
    transport.held = 500  # a head
    meter = BodyMeter(transport)
    give(meter, transport, 1000, 1000)
    assert meter.gone == 0
    transport.held = 700
    assert meter.gone == 300


def test_many_small_writes_take_little_memory_and_count_the_same() -> None:
    transport = Transport()
    meter = BodyMeter(transport)
    for _ in range(10_000):
        give(meter, transport, 1, 6)
    assert len(meter._stretches) <= 20
    for held in (45_000, 30_000, 15_000, 6):
        transport.held = held
        assert abs(meter.gone - (60_000 - held) / 6) < 2


def test_the_count_never_falls() -> None:
    transport = Transport()
    meter = BodyMeter(transport)
    counts = []
    for round_ in range(100):
        give(meter, transport, 3000, 5000)
        transport.held -= min(transport.held, 2000 + 100 * round_)
        counts.append(meter.gone)
    assert counts == sorted(counts)


def test_what_a_broken_transport_held_has_not_left() -> None:
    transport = Transport()
    meter = BodyMeter(transport)
    give(meter, transport, 1000, 1000)
    transport.held = 600
    assert meter.gone == 400
    transport.held, transport.is_broken = 0, True
    assert meter.gone == 400


def test_a_body_that_was_written_whole_counts_whole() -> None:
    transport = Transport()
    meter = BodyMeter(transport)
    give(meter, transport, 1000, 1000)
    meter.finish()
    assert meter.gone == 1000


@pytest.mark.parametrize(("chunked", "coding"), [(False, None), (True, None), (True, "gzip")])
async def test_bytes_count_as_they_were_before_coding_and_framing(chunked: bool, coding: str | None) -> None:
    connection = ClientH1(asyncio.get_running_loop(), ConnectionKey("test", 80, False, True))
    async with peer_of(connection):
        meter = BodyMeter(connection.transport)
        writer = MeteredWriter(connection, None, chunked=chunked, coding=coding, meter=meter)
        await writer.write(b"a" * 5000)
        assert meter.taken == 5000
        assert meter.gone == 5000
        await writer.write_eof(b"b")
        assert writer.is_whole
        assert meter.gone == 5001
