import asyncio
import errno
import os
import socket
from collections.abc import Iterator

import pytest
from aiohappyeyeballs import AddrInfoType

from tests.transport.conftest import Run, echo_server, loopback
from trunkline.transport.errors import ConnectError
from trunkline.transport.race import RaceOptions, connect_any


class Factory:
    """Makes sockets, and remembers them to tell which are still open."""

    def __init__(self) -> None:
        self.made: list[socket.socket] = []

    def __call__(self, info: AddrInfoType) -> socket.socket:
        sock = socket.socket(info[0], info[1], info[2])
        self.made.append(sock)
        return sock

    def open(self) -> list[socket.socket]:
        return [sock for sock in self.made if sock.fileno() != -1]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections: bound, so that nobody else gets it, but not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that answers no connection attempt: its accept queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]
        for filler in fillers:
            filler.close()


def test_the_socket_is_connected_non_blocking_and_without_delay(run: Run) -> None:
    async def main() -> None:
        async with echo_server() as (port, _):
            with await connect_any([loopback(port)], "localhost", port) as sock:
                assert sock.getpeername() == ("127.0.0.1", port)
                assert not sock.getblocking()
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(main())


def test_an_address_that_refuses_gives_way_to_the_next(run: Run, closed_port: int) -> None:
    async def main() -> None:
        factory = Factory()
        async with echo_server() as (port, _):
            addresses = [loopback(closed_port), loopback(port)]
            with await connect_any(addresses, "h", 1, RaceOptions(socket_factory=factory)) as sock:
                assert factory.open() == [sock]

    run(main())


def test_an_address_that_is_silent_is_overtaken_after_the_delay(run: Run, silent_port: int) -> None:
    async def main() -> None:
        factory = Factory()
        options = RaceOptions(happy_eyeballs_delay=0.02, socket_factory=factory)
        async with echo_server() as (port, _):
            with await connect_any([loopback(silent_port), loopback(port)], "h", 1, options) as sock:
                assert sock.getpeername() == ("127.0.0.1", port)
                assert factory.open() == [sock]

    run(main())


@pytest.mark.parametrize("delay", [0.25, None])
def test_the_error_names_all_addresses_tried(run: Run, closed_port: int, delay: float | None) -> None:
    async def main() -> None:
        factory = Factory()
        options = RaceOptions(happy_eyeballs_delay=delay, socket_factory=factory)
        addresses = [loopback(closed_port), loopback(closed_port, "::1")]
        with pytest.raises(ConnectError, match="cannot connect to example:80") as caught:
            await connect_any(addresses, "example", 80, options)
        assert caught.value.addresses == (f"127.0.0.1:{closed_port}", f"[::1]:{closed_port}")
        assert isinstance(caught.value.os_error, OSError)
        assert factory.open() == []

    run(main())


def test_a_refused_connection_keeps_its_os_error(run: Run, closed_port: int) -> None:
    with pytest.raises(ConnectError) as caught:
        run(connect_any([loopback(closed_port)], "example", 80))
    assert isinstance(caught.value.os_error, ConnectionRefusedError)


def test_the_local_address_is_bound(run: Run) -> None:
    async def main() -> None:
        async with echo_server() as (port, _):
            options = RaceOptions(local_addr=("127.0.0.2", 0))
            with await connect_any([loopback(port)], "h", port, options) as sock:
                assert sock.getsockname()[0] == "127.0.0.2"

    run(main())


def test_no_descriptor_left_is_a_clear_error(run: Run) -> None:
    def refuse(_: AddrInfoType) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with pytest.raises(ConnectError, match=r"Too many open files.*lower the connector's limit="):
        run(connect_any([loopback(1)], "h", 1, RaceOptions(socket_factory=refuse)))


def test_an_unknown_zone_is_a_connect_error(run: Run) -> None:
    with pytest.raises(ConnectError, match=r"tried \[fe80::1%no-such-if\]:80"):
        run(connect_any([loopback(80, "fe80::1%no-such-if")], "h", 80))


@pytest.mark.parametrize("silent", [1, 3])
@pytest.mark.parametrize("steps", range(6))
def test_cancelling_leaks_no_socket(run: Run, silent_port: int, silent: int, steps: int) -> None:
    async def main() -> None:
        factory = Factory()
        options = RaceOptions(happy_eyeballs_delay=0.001, socket_factory=factory)
        task = asyncio.create_task(connect_any([loopback(silent_port)] * silent, "h", 1, options))
        for _ in range(steps):
            await asyncio.sleep(0.001 if steps > 3 else 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert factory.open() == []

    run(main())
