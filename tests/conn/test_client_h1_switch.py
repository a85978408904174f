"""What `ClientH1` does with a 101: hold the bytes, give them to the receiver, and end the exchange with the socket."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tests.conn.socket_pair import peer_of, receive, receive_all
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.errors import WriteLost
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.transport.deadline import deadlines_of
from trunkline.wire.message import FieldBlock, RequestHead, Target

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n"
UPGRADING = ExchangeRules(read_until_eof=False)


class Receiver:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []
        self.lost = asyncio.get_running_loop().create_future()
        self.has_come = asyncio.Event()  # bytes have, since it was cleared

    def data_received(self, data: bytes) -> None:
        self.told.append(data)
        self.has_come.set()

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append("lost")
        self.lost.set_result(None)

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Owner:
    def __init__(self) -> None:
        self.told: list[str] = []

    def release(self, connection: ClientConnection) -> None:
        self.told.append("release")

    def first_response(self, connection: ClientConnection) -> None:
        raise AssertionError("there is no TLS here")

    def note_failure(self, connection: ClientConnection, error: Exception) -> None:
        """Nothing is counted here."""

    def forget(self, connection: ClientConnection) -> None:
        self.told.append("forget")


class Wire:
    """A connection with one request on it, and the peer's socket."""

    def __init__(self, connection: ClientH1, peer: socket.socket) -> None:
        self.connection = connection
        self.peer = peer
        self.owner = connection.owner = Owner()
        self.receiver = Receiver()

    async def ask(self, rules: ExchangeRules = UPGRADING) -> Exchange:
        head = RequestHead("GET", Target("http", "test", "/"), (FieldBlock((("Upgrade", "other"),)),))
        exchange = Exchange(head, rules, lambda exchange, error: error)
        exchange.waiter = asyncio.get_running_loop().create_future()
        self.connection.start(exchange)
        await receive(self.peer)
        return exchange

    async def answered(self, answer: bytes = SWITCHING, rules: ExchangeRules = UPGRADING) -> Exchange:
        """Send the request, and the answer to it; return when its head has come."""
        exchange = await self.ask(rules)
        assert exchange.waiter is not None
        self.peer.sendall(answer)
        await exchange.waiter
        return exchange


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    connection = ClientH1(asyncio.get_running_loop(), ConnectionKey("test", 80, False, True))
    async with peer_of(connection) as peer:
        yield Wire(connection, peer)


async def test_bytes_of_the_same_read_as_the_head_come_first(wire: Wire) -> None:
    await wire.answered(SWITCHING + b"early")
    wire.connection.switch_protocol(wire.receiver)
    assert wire.receiver.told == [b"early"]
    wire.receiver.has_come.clear()
    wire.peer.sendall(b"late")
    await wire.receiver.has_come.wait()
    assert wire.receiver.told == [b"early", b"late"]


async def test_what_is_sent_goes_out_as_it_is(wire: Wire) -> None:
    await wire.answered()
    wire.connection.switch_protocol(wire.receiver)
    wire.connection.send(b"anything")
    assert await receive(wire.peer) == b"anything"


async def test_much_that_comes_before_the_switch_is_held_back_and_not_lost(wire: Wire) -> None:
    exchange = await wire.answered(rules=ExchangeRules(read_until_eof=False, read_limit_bytes=1000))
    sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(wire.peer, b"x" * 5_000_000))
    await asyncio.sleep(0.02)
    assert not sending.done()
    assert exchange.body is not None
    assert exchange.body.total_bytes < 1_000_000
    wire.connection.switch_protocol(wire.receiver)
    await sending
    while sum(map(len, wire.receiver.told)) < 5_000_000:  # noqa: ASYNC110 - the receiver has no event
        await asyncio.sleep(0)


async def test_an_end_before_the_switch_is_told_after_the_bytes(wire: Wire) -> None:
    exchange = await wire.answered(SWITCHING + b"early")
    wire.peer.shutdown(socket.SHUT_WR)
    await wire.connection.gone
    assert exchange.carrier is wire.connection
    wire.connection.switch_protocol(wire.receiver)
    assert wire.receiver.told == [b"early", "eof", "lost"]
    assert exchange.carrier is None
    assert wire.owner.told == ["forget"]


async def test_an_end_after_the_switch_is_told_and_ends_the_exchange(wire: Wire) -> None:
    exchange = await wire.answered()
    wire.connection.switch_protocol(wire.receiver)
    wire.peer.shutdown(socket.SHUT_WR)
    await wire.receiver.lost
    assert wire.receiver.told == ["eof", "lost"]
    assert exchange.carrier is None
    assert wire.owner.told == ["forget"]


@pytest.mark.parametrize("rules", [UPGRADING, ExchangeRules()], ids=["asked for", "not asked for"])
async def test_nobody_need_switch(wire: Wire, rules: ExchangeRules) -> None:
    """What follows can be read as a body that ends with the connection."""
    exchange = await wire.answered(SWITCHING + b"body", rules)
    wire.peer.shutdown(socket.SHUT_WR)
    assert exchange.body is not None
    assert await exchange.body.read() == b"body"


async def test_a_response_that_is_given_up_instead_closes_the_connection(wire: Wire) -> None:
    exchange = await wire.answered(SWITCHING + b"early")
    exchange.abort()
    assert await receive_all(wire.peer) == b""
    await wire.connection.gone
    with pytest.raises(RuntimeError, match="101"):
        wire.connection.switch_protocol(wire.receiver)


async def test_a_response_that_is_given_up_after_the_switch_closes_it_too(wire: Wire) -> None:
    exchange = await wire.answered()
    wire.connection.switch_protocol(wire.receiver)
    exchange.abort()
    await wire.receiver.lost
    assert (wire.receiver.told, wire.owner.told) == (["lost"], ["forget"])


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nbody"])
async def test_only_a_101_switches(wire: Wire, answer: bytes) -> None:
    await wire.answered(answer, ExchangeRules())
    with pytest.raises(RuntimeError, match="101"):
        wire.connection.switch_protocol(wire.receiver)


async def test_before_a_response_and_without_a_request_there_is_no_switch(wire: Wire) -> None:
    with pytest.raises(RuntimeError, match="101"):
        wire.connection.switch_protocol(wire.receiver)
    exchange = await wire.ask()
    with pytest.raises(RuntimeError, match="101"):
        wire.connection.switch_protocol(wire.receiver)
    exchange.abort()


async def test_no_timeout_of_the_request_counts_after_the_switch(wire: Wire) -> None:
    exchange = await wire.answered(rules=ExchangeRules(read_until_eof=False, read_timeout_s=0.02))
    exchange.deadline = deadlines_of(asyncio.get_running_loop()).add(0.02, exchange.expire)
    wire.connection.switch_protocol(wire.receiver)
    await asyncio.sleep(0.06)  # the time in which nothing may happen is what is tested
    assert (exchange.error, wire.connection.is_closed, wire.receiver.told) == (None, False, [])


async def test_closing_sends_what_was_said_last(wire: Wire) -> None:
    await wire.answered()
    wire.connection.switch_protocol(wire.receiver)
    wire.connection.send(b"x" * 3_000_000)
    wire.connection.close()
    wire.connection.close()
    with pytest.raises(WriteLost):
        wire.connection.send(b"more")
    assert len(await receive_all(wire.peer)) == 3_000_000
    await wire.receiver.lost


async def test_a_peer_that_does_not_take_what_was_said_last_is_not_waited_for(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.conn.upgrade.WEBSOCKET_LINGERING_S", 0.02)
    await wire.answered()
    wire.connection.switch_protocol(wire.receiver)
    wire.connection.send(b"x" * 3_000_000)
    wire.connection.close()
    async with asyncio.timeout(5):
        await wire.connection.gone
    assert wire.receiver.told[-1] == "lost"


async def test_a_full_transport_is_told(wire: Wire) -> None:
    await wire.answered()
    wire.connection.switch_protocol(wire.receiver)
    wire.connection.send(b"x" * 3_000_000)
    assert wire.receiver.told == ["pause"]
    received = 0
    while received < 3_000_000:
        received += len(await receive(wire.peer))
    assert wire.receiver.told == ["pause", "resume"]


async def test_its_state_is_told(wire: Wire) -> None:
    await wire.answered()
    wire.connection.switch_protocol(wire.receiver)
    assert repr(wire.connection) == "<ClientH1 busy, 1 served>"


async def test_the_exchange_that_led_there_is_known(wire: Wire) -> None:
    exchange = await wire.answered()
    wire.connection.switch_protocol(wire.receiver)
    assert wire.connection.exchange is exchange
    wire.connection.close()
    await wire.connection.gone
    assert wire.connection.exchange is None
