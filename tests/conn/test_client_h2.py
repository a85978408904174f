"""One client connection of HTTP/2, driven by hand: what it writes when, and how it ends."""

import asyncio
import gc
import weakref
from typing import Any, cast

import pytest

from trunkline.client.failures import as_public
from trunkline.conn import client_h2
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h2 import ClientH2
from trunkline.conn.errors import ConnectionLost, NotTaken
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.wire.errors import H2Fault
from trunkline.wire.h2.codes import GOAWAY, HEADERS, PING, PREFACE, RST_STREAM
from trunkline.wire.message import FieldBlock, RequestHead, Target

KEY = ConnectionKey("a", 80, False, True)
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
OK = b"\0\0\x01\x01\x05\0\0\0\x01\x88"  # :status 200, the end of stream 1


class FakeTransport(asyncio.Transport):
    """Keeps what is written, and tells its protocol of its end as loops do."""

    def __init__(self, protocol: ClientH2) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self._protocol = protocol
        self._is_closing = False

    def write(self, data: Any) -> None:  # Any: as asyncio has it
        assert not self._is_closing
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def get_write_buffer_size(self) -> int:
        return 0

    def kinds(self) -> list[int]:
        """The types of the frames that were written, the preface apart."""
        data = b"".join(self.writes).removeprefix(PREFACE)
        kinds = []
        while data:
            kinds.append(data[3])
            data = data[9 + int.from_bytes(data[:3]) :]
        return kinds


class FakeOwner:
    """A pool that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def release(self, connection: ClientConnection) -> None:
        self.told.append("release")
        if not connection.is_reusable:
            connection.close()

    def first_response(self, connection: ClientConnection) -> None:
        self.told.append("first_response")

    def note_failure(self, connection: ClientConnection, error: Exception) -> None:
        self.told.append("note_failure")

    def forget(self, connection: ClientConnection) -> None:
        self.told.append("forget")


def connected() -> tuple[ClientH2, FakeTransport]:
    connection = ClientH2(asyncio.get_running_loop(), KEY)
    transport = FakeTransport(connection)
    connection.connection_made(transport)
    return connection, transport


def lane_of(connection: ClientH2) -> tuple[ClientConnection, FakeOwner]:
    lane = connection.new_lane()
    lane.owner = owner = FakeOwner()
    return lane, owner


def exchange(method: str = "GET") -> Exchange:
    head = RequestHead(method, Target("http", "a", "/"), [FieldBlock([("Accept", "*/*")])])
    made = Exchange(head, ExchangeRules(), lambda _, error: error)
    made.waiter = asyncio.get_running_loop().create_future()
    made.waiter.add_done_callback(lambda waiter: waiter.cancelled() or waiter.exception())
    return made


def streams_allowed(count: int) -> bytes:
    """SETTINGS_MAX_CONCURRENT_STREAMS."""
    return b"\0\0\x06\x04\0\0\0\0\0\0\x03" + count.to_bytes(4)


def receive(connection: ClientH2, data: bytes) -> None:
    memoryview(connection.get_buffer(len(data)))[: len(data)] = data
    connection.buffer_updated(len(data))


async def test_the_preface_and_the_first_request_leave_in_one_write() -> None:
    connection, transport = connected()
    lane, _ = lane_of(connection)
    lane.start(exchange())
    await asyncio.sleep(0)
    assert len(transport.writes) == 1
    assert transport.kinds()[-1] == HEADERS


async def test_requests_of_one_turn_leave_in_one_write() -> None:
    connection, transport = connected()
    receive(connection, SETTINGS)
    transport.writes.clear()
    for _ in range(10):
        lane_of(connection)[0].start(exchange())
    await asyncio.sleep(0)
    assert len(transport.writes) == 2  # the first one does not wait for others


async def test_a_server_gets_one_request_until_it_has_told_how_many_it_takes() -> None:
    connection, transport = connected()
    for _ in range(4):
        lane_of(connection)[0].start(exchange())
    await asyncio.sleep(0)
    assert transport.kinds().count(HEADERS) == 1
    receive(connection, streams_allowed(3))
    assert transport.kinds().count(HEADERS) == 3


async def test_the_writer_of_a_stream_that_is_opened_waits_for_a_transport_that_is_full() -> None:
    connection, transport = connected()
    lane_of(connection)[0].start(exchange())
    waiting = exchange("POST")
    lane, _ = lane_of(connection)
    lane.start(waiting, is_whole=False)
    flow = lane.flow
    connection.pause_writing()
    assert flow.paused
    receive(connection, SETTINGS)
    assert transport.kinds().count(HEADERS) == 2
    assert flow.paused
    connection.resume_writing()
    assert not flow.paused


async def test_an_exchange_that_is_given_up_makes_room_for_one_that_waits() -> None:
    connection, transport = connected()
    first, second = exchange(), exchange()
    for asked in (first, second):
        lane_of(connection)[0].start(asked)
    receive(connection, streams_allowed(1))
    assert transport.kinds().count(HEADERS) == 1
    first.abort()
    await asyncio.sleep(0)
    assert transport.kinds()[-2:] == [RST_STREAM, HEADERS]


async def test_a_transport_of_a_stream_counts_what_the_server_has_not_taken() -> None:
    connection, _ = connected()
    receive(connection, b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\x0a")  # SETTINGS_INITIAL_WINDOW_SIZE 10
    outlet = lane_of(connection)[0].start(exchange("POST"), is_whole=False)
    assert outlet.transport is not None
    outlet.transport.write(bytes(100))
    sizes: list[int] = []
    for increment in (0, 20, 70):
        if increment:
            receive(connection, b"\0\0\x04\x08\0\0\0\0\x01" + increment.to_bytes(4))
        sizes.append(outlet.transport.get_write_buffer_size())
    assert sizes == [90, 70, 0]


class VanishedTransport(FakeTransport):
    """One that uvloop has closed because opening it was cancelled: neither does it say so, nor is its end told."""

    def write(self, data: Any) -> None:  # Any: as asyncio has it
        raise RuntimeError("the handler is closed")

    def abort(self) -> None:
        pass


async def test_a_connection_that_is_aborted_says_and_does_nothing_more() -> None:
    loop = asyncio.get_running_loop()
    connection = ClientH2(loop, KEY)
    connection.connection_made(VanishedTransport(connection))
    reference = weakref.ref(connection)
    connection.abort()
    failures: list[object] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    await asyncio.sleep(0)
    del connection
    gc.collect()
    assert (failures, reference()) == ([], None)  # no timer holds it


async def test_a_response_gives_the_lane_back_before_anybody_runs() -> None:
    connection, _ = connected()
    lane, owner = lane_of(connection)
    asked = exchange()
    lane.start(asked)
    receive(connection, SETTINGS + OK)
    assert owner.told == ["release"]
    assert (asked.head is not None, asked.carrier, lane.exchange) == (True, None, None)


async def test_what_was_not_written_when_the_connection_was_lost_was_not_sent() -> None:
    connection, _ = connected()
    receive(connection, SETTINGS)
    first, second = exchange(), exchange()
    lane_of(connection)[0].start(first)
    lane, owner = lane_of(connection)
    lane.start(second)  # it waits for the end of the turn
    connection.connection_lost(OSError("reset"))
    assert type(first.error) is ConnectionLost
    assert type(second.error) is NotTaken
    assert owner.told[-1] == "forget"
    with pytest.raises(NotTaken):
        lane.start(exchange())


async def test_a_fault_is_told_in_a_goaway_and_to_all_exchanges() -> None:
    connection, transport = connected()
    receive(connection, SETTINGS)
    asked = [exchange(), exchange()]
    for one in asked:
        lane_of(connection)[0].start(one)
    receive(connection, b"\0\0\x01\x06\0\0\0\0\0x")
    assert all(isinstance(one.error, H2Fault) for one in asked)
    assert transport.kinds()[-1] == GOAWAY
    assert transport.is_closing()


async def test_an_exchange_that_is_given_up_resets_its_stream_and_frees_its_lane() -> None:
    connection, transport = connected()
    lane, owner = lane_of(connection)
    asked = exchange()
    lane.start(asked)
    asked.abort()
    await asyncio.sleep(0)
    assert transport.kinds()[-1] == RST_STREAM
    assert owner.told == ["release"]
    assert lane.is_reusable
    lane.start(exchange())


async def test_the_last_lane_takes_the_connection_with_it() -> None:
    connection, transport = connected()
    (one, owner), (other, _) = lane_of(connection), lane_of(connection)
    one.close()
    assert not transport.is_closing()
    await asyncio.wait_for(one.gone, 1)
    assert owner.told == ["forget"]
    other.close()
    assert transport.kinds()[-1] == GOAWAY
    assert not connection.takes_lanes
    await asyncio.wait_for(other.gone, 1)


async def test_a_goaway_lets_lanes_finish_and_begin_nothing() -> None:
    connection, transport = connected()
    (busy, _), (idle, _) = lane_of(connection), lane_of(connection)
    asked = exchange()
    busy.start(asked)
    receive(connection, SETTINGS + b"\0\0\x08\x07\0\0\0\0\0" + (1).to_bytes(4) + bytes(4))
    assert not connection.takes_lanes
    await asyncio.wait_for(idle.gone, 1)
    assert not transport.is_closing()
    receive(connection, OK)
    assert asked.error is None
    assert transport.is_closing()


async def test_a_silent_peer_is_asked_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_h2, "H2_LOOK_S", 0.01)
    connection, transport = connected()
    asked = exchange()
    lane_of(connection)[0].start(asked)
    receive(connection, SETTINGS)
    await asyncio.wait([cast("asyncio.Future[Any]", asked.waiter)], timeout=5)
    assert isinstance(asked.error, ConnectionLost)
    assert "PING" in str(asked.error)
    assert PING in transport.kinds()


async def test_nobody_is_asked_while_nothing_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_h2, "H2_LOOK_S", 0.001)
    connection, transport = connected()
    lane_of(connection)
    await asyncio.sleep(0.05)
    assert PING not in transport.kinds()
    connection.close()


async def test_errors_of_streams_are_public_ones() -> None:
    connection, _ = connected()
    lane, _ = lane_of(connection)
    asked = exchange()
    asked.as_public = as_public
    lane.start(asked)
    receive(connection, SETTINGS + b"\0\0\x04\x03\0\0\0\0\x01" + (2).to_bytes(4))
    assert asked.waiter is not None
    assert "INTERNAL_ERROR" in str(asked.waiter.exception())
