"""Ways in which a rough client treats a server, over a `Talk`."""

import asyncio
import socket

import h11

from tests.raw_server import reset_at_end
from tests.waiting import until
from tests.web.serving import Serving, Talk

LONGEST_S = 3.0  # for anything in these tests; reached only when something hangs


async def drip(talk: Talk, data: bytes) -> None:
    """Send byte by byte; the server gets its turns in between."""
    sock: socket.socket = talk.writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(len(data)):
        if talk.writer.is_closing():
            return  # the server would hear no more
        talk.send(data[at : at + 1])
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def until_closed(talk: Talk) -> bytes:
    """Read until the server ends the connection, in good order or not."""
    received = b""
    async with asyncio.timeout(LONGEST_S):
        try:
            while data := await talk.reader.read(2**16):
                received += data
        except ConnectionError:
            pass
    return received


async def turns(count: int = 20) -> None:
    """Let the loop do what it has been told to do."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until_nothing_left(server: Serving) -> None:
    """Wait until the server has forgotten all its connections, and the handlers of lost ones have ended."""
    await until(lambda: "<Server 0 connections" in repr(server.server))


def reset(talk: Talk) -> None:
    """End the connection with a TCP RST."""
    reset_at_end(talk.writer)
    talk.writer.transport.abort()


def statuses(data: bytes, method: str = "GET") -> list[int | str]:
    """Return the status of each response in `data`, as h11 reads them; "cut" behind one that is not whole.

    Raises h11.RemoteProtocolError for what is no response.
    """
    found: list[int | str] = []
    while data:
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
        client.send(h11.EndOfMessage())
        client.receive_data(data)
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                found.append(event.status_code)
            elif event is h11.NEED_DATA:
                client.receive_data(b"")
                if not _ends_with_connection(client):
                    return [*found, "cut"]
        data = client.trailing_data[0]
    return found


def _ends_with_connection(client: h11.Connection) -> bool:
    try:
        return isinstance(client.next_event(), h11.EndOfMessage)
    except h11.RemoteProtocolError:
        return False
