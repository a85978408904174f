"""`ClientH1` between an owner that notes what it is told and a raw peer at the other end of a socket pair."""

import asyncio
import socket
from collections.abc import AsyncIterator
from math import inf

import pytest

from tests.conn.socket_pair import peer_of, receive
from trunkline.conn.client_connection import ClientConnection
from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.errors import ConnectionClosed, ConnectionLost, NotSent
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.conn.key import ConnectionKey
from trunkline.wire.errors import BadHead, IncompleteBody
from trunkline.wire.message import FieldBlock, RequestHead, Target

KEY = ConnectionKey("test", 80, False, True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Owner:
    def __init__(self) -> None:
        self.released: list[bool] = []  # for each time, whether the connection may be used again
        self.forgotten = 0

    def release(self, connection: ClientConnection) -> None:
        self.released.append(connection.is_reusable)

    def first_response(self, connection: ClientConnection) -> None:
        raise AssertionError("there is no TLS here")

    def note_failure(self, connection: ClientConnection, error: Exception) -> None:
        """Nothing is counted here."""

    def forget(self, connection: ClientConnection) -> None:
        self.forgotten += 1


class Wire:
    """A connection, its owner, and the peer's socket."""

    def __init__(self, connection: ClientH1, owner: Owner, peer: socket.socket) -> None:
        self.connection = connection
        self.owner = owner
        self.peer = peer

    async def receive(self) -> bytes:
        return await receive(self.peer)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.peer, data)

    def request(self, method: str = "GET", body: bytes = b"", rules: ExchangeRules | None = None) -> Exchange:
        head = RequestHead(method, Target("http", "test", "/"), (FieldBlock((("X", "y"),)),))
        exchange = Exchange(head, rules or ExchangeRules(), lambda exchange, error: error)
        exchange.waiter = asyncio.get_running_loop().create_future()
        self.connection.start(exchange, body)
        return exchange


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    connection = ClientH1(asyncio.get_running_loop(), KEY)
    async with peer_of(connection) as peer:
        connection.owner = owner = Owner()
        yield Wire(connection, owner, peer)


async def answered(exchange: Exchange) -> bytes:
    """Wait for the head and the body of the response."""
    assert exchange.waiter is not None
    await exchange.waiter
    return await exchange.open_stream().read()


async def test_head_and_body_go_out_in_one_write(wire: Wire) -> None:
    wire.request("POST", b"body")
    assert await wire.receive() == b"POST / HTTP/1.1\r\nHost: test\r\nX: y\r\n\r\nbody"


async def test_the_owner_has_the_connection_back_before_the_request_runs_on(wire: Wire) -> None:
    exchange = wire.request()
    assert exchange.waiter is not None
    seen: list[list[bool]] = []
    exchange.waiter.add_done_callback(lambda _: seen.append(list(wire.owner.released)))
    await wire.send(OK)
    assert await answered(exchange) == b"ok"
    assert seen == [[True]]
    assert exchange.carrier is None


@pytest.mark.parametrize("cut", range(1, len(OK)))
async def test_a_response_may_be_cut_anywhere(wire: Wire, cut: int) -> None:
    exchange = wire.request()
    await wire.receive()
    await wire.send(OK[:cut])
    await asyncio.sleep(0)
    await wire.send(OK[cut:])
    assert await answered(exchange) == b"ok"
    assert wire.owner.released == [True]


async def test_one_connection_carries_one_exchange_after_the_other(wire: Wire) -> None:
    for number in range(1, 4):
        exchange = wire.request()
        await wire.send(OK)
        assert await answered(exchange) == b"ok"
        assert wire.connection.served == number
    assert wire.owner.released == [True] * 3


@pytest.mark.parametrize(
    ("beginning", "error"),
    [
        (b"", ConnectionLost),
        (b"HTTP/1.1 2", ConnectionLost),
        (b"nonsense\r\n\r\n", BadHead),
    ],
)
async def test_what_ends_a_head_early_reaches_the_waiter(wire: Wire, beginning: bytes, error: type[Exception]) -> None:
    exchange = wire.request()
    await wire.send(beginning)
    wire.peer.shutdown(socket.SHUT_WR)
    assert exchange.waiter is not None
    with pytest.raises(error, match=r".{10}"):
        await exchange.waiter
    await wire.connection.gone
    assert exchange.carrier is None
    assert True not in wire.owner.released
    assert wire.owner.forgotten == 1


async def test_the_end_within_a_body_reaches_its_reader(wire: Wire) -> None:
    exchange = wire.request()
    await wire.send(OK[:-1])
    wire.peer.shutdown(socket.SHUT_WR)
    with pytest.raises(IncompleteBody, match="1 bytes of the body missing"):
        await answered(exchange)


async def test_an_exchange_given_up_closes_the_connection(wire: Wire) -> None:
    exchange = wire.request()
    await wire.receive()
    exchange.abort()
    exchange.abort()
    await wire.connection.gone
    assert await wire.receive() == b""
    assert wire.owner.released == [False]
    assert wire.owner.forgotten == 1


async def test_an_interrupted_exchange_ends_with_the_reason(wire: Wire) -> None:
    exchange = wire.request()
    wire.connection.interrupt("for a test")
    assert exchange.waiter is not None
    with pytest.raises(ConnectionClosed, match="for a test"):
        await exchange.waiter


async def test_nothing_is_sent_on_a_connection_that_is_closing(wire: Wire) -> None:
    wire.connection.close()
    assert wire.connection.is_closed
    with pytest.raises(NotSent):
        wire.request()
    await wire.connection.gone
    assert wire.connection.served == 0


async def test_closing_drops_what_the_peer_does_not_read(wire: Wire) -> None:
    wire.request("POST", bytes(10_000_000))
    wire.connection.close()
    async with asyncio.timeout(1):
        await wire.connection.gone


async def test_bytes_for_nobody_close_the_connection(wire: Wire) -> None:
    await wire.send(OK)
    await wire.connection.gone
    assert not wire.connection.is_reusable
    assert wire.owner.forgotten == 1


async def test_the_end_of_a_large_body_lets_the_next_response_in(wire: Wire) -> None:
    rules = ExchangeRules(read_limit_bytes=1)
    first = wire.request(rules=rules)
    assert first.waiter is not None
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    await first.waiter
    await wire.send(b"some body")  # in one piece: it pauses the connection, and is its end
    async with asyncio.timeout(1):
        await first.open_stream().wait_eof()
    second = wire.request()
    assert second.waiter is not None
    await wire.send(OK)
    async with asyncio.timeout(1):
        await second.waiter
    assert second.whole == b"ok"


@pytest.mark.parametrize("has_answered", [False, True])
async def test_a_peer_that_ends_while_it_does_not_read_keeps_nothing(wire: Wire, has_answered: bool) -> None:
    exchange = wire.request("POST", bytes(10_000_000))
    assert exchange.waiter is not None
    if has_answered:
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        await exchange.waiter
    wire.peer.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(1):
        await wire.connection.gone
    assert isinstance(exchange.error, IncompleteBody if has_answered else ConnectionLost)
    exchange.waiter.exception()
    assert wire.owner.forgotten == 1


async def test_closing_again_drops_what_the_transport_still_holds(wire: Wire) -> None:
    exchange = wire.request("POST", bytes(10_000_000))
    assert exchange.waiter is not None
    assert wire.connection.transport is not None
    wire.connection.transport.close()  # which would wait for the peer
    exchange.abort()
    async with asyncio.timeout(1):
        await wire.connection.gone
    exchange.waiter.exception()


def ok_with(field: str) -> bytes:
    return OK.replace(b"\r\n", f"\r\n{field}\r\n".encode(), 1)


@pytest.mark.parametrize(
    ("answers", "idle_s"),
    [
        ([OK], inf),
        ([ok_with("Keep-Alive: timeout=5")], 4.5),
        ([ok_with("Keep-Alive: timeout=5\r\nKeep-Alive: max=9")], 4.5),
        ([ok_with("Keep-Alive: timeout=60"), ok_with("Keep-Alive: timeout=2"), OK], 1.5),
        ([ok_with("Keep-Alive: timeout=2"), ok_with("Keep-Alive: timeout=60")], 1.5),
        ([ok_with("Keep-Alive: timeout=0")], 0),
        ([ok_with("Keep-Alive: timeout=soon")], inf),
    ],
)
async def test_it_may_be_idle_for_less_than_the_server_tells(wire: Wire, answers: list[bytes], idle_s: float) -> None:
    for answer in answers:
        exchange = wire.request()
        await wire.send(answer)
        assert await answered(exchange) == b"ok"
    assert wire.connection.idle_s == idle_s
    assert wire.owner.released == [True] * len(answers)


async def test_it_may_be_idle_for_no_longer_than_its_owner_knew(wire: Wire) -> None:
    wire.connection.idle_s = 3.0
    exchange = wire.request()
    await wire.send(ok_with("Keep-Alive: timeout=60"))
    assert await answered(exchange) == b"ok"
    assert wire.connection.idle_s == 3.0


@pytest.mark.parametrize(
    ("maxima", "released"),
    [
        (["0"], [False]),
        (["2", "1", "0"], [True, True, False]),  # as Apache counts
        (["1", None], [True, False]),
        (["2", "2", "2"], [True, True, False]),  # a server that tells what it was configured with
        (["many", None, None], [True, True, True]),
    ],
)
async def test_it_carries_no_more_exchanges_than_the_server_tells(
    wire: Wire, maxima: list[str | None], released: list[bool]
) -> None:
    for maximum in maxima:
        exchange = wire.request()
        await wire.send(OK if maximum is None else ok_with(f"Keep-Alive: timeout=5, max={maximum}"))
        assert await answered(exchange) == b"ok"
    assert wire.owner.released == released


async def test_the_exchange_is_known_while_it_goes_on(wire: Wire) -> None:
    assert wire.connection.exchange is None
    exchange = wire.request()
    assert wire.connection.exchange is exchange
    await wire.send(OK)
    await answered(exchange)
    assert wire.connection.exchange is None
