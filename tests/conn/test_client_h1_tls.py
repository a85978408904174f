"""`ClientH1` over a transport like asyncio's of TLS, whose close() reads what is there before it says goodbye."""

import asyncio
from collections.abc import Callable

import pytest

from trunkline.conn.client_h1 import ClientH1
from trunkline.conn.exchange import Exchange, ExchangeRules
from trunkline.wire.message import FieldBlock, RequestHead, Target

LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


class Rereading(asyncio.Transport):
    """Calls `reads` within close(), and fails as asyncio does when it is aborted there."""

    def __init__(self) -> None:
        super().__init__({"sslcontext": object()})
        self.reads: Callable[[], object] = lambda: None
        self._is_closing = self._is_aborted = False

    def is_closing(self) -> bool:
        return self._is_closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def close(self) -> None:
        self._is_closing = True
        self.reads()
        if self._is_aborted:
            raise RuntimeError("cannot switch state from SSLProtocolState.UNWRAPPED to SSLProtocolState.SHUTDOWN")

    def abort(self) -> None:
        self._is_closing = self._is_aborted = True


def feed(connection: ClientH1, data: bytes) -> None:
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


@pytest.mark.parametrize("what", ["bytes after the response", "the end of the stream"])
async def test_what_is_read_within_close_does_not_keep_the_response_from_its_request(what: str) -> None:
    connection, transport = ClientH1(asyncio.get_running_loop()), Rereading()
    connection.connection_made(transport)
    head = RequestHead("GET", Target("https", "test", "/"), (FieldBlock(()),))
    exchange = Exchange(head, ExchangeRules(), lambda exchange, error: error)
    exchange.waiter = asyncio.get_running_loop().create_future()
    connection.start(exchange)
    is_end = what == "the end of the stream"
    transport.reads = connection.eof_received if is_end else lambda: feed(connection, b"more")
    feed(connection, LAST)
    assert exchange.waiter.done()
    await asyncio.sleep(0)
    assert connection.is_closed
