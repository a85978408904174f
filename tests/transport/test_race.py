import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohappyeyeballs import AddrInfoType

from tests.both_loops import Run
from tests.transport.conftest import echo_server, loopback
from trunkline.abc import ResolveResult
from trunkline.transport import race
from trunkline.transport.errors import ConnectError
from trunkline.transport.race import FailedAddresses, RaceOptions, addr_info, connect_any
from trunkline.wire.limits import FAILED_ADDRESS_S, MAX_FAILED_ADDRESSES


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


# Addresses that failed are tried last.


class Failures:
    """A table of failed addresses with a clock of its own, and what it told."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.told: list[tuple[str, int]] = []
        self.table = FailedAddresses(lambda host, port: self.told.append((host, port)), lambda: self.time_s)


async def tried(addresses: list[ResolveResult], options: RaceOptions, failed: FailedAddresses) -> list[str]:
    """Connect, and return the addresses that were tried, in their order."""
    hosts: list[str] = []

    def factory(info: AddrInfoType) -> socket.socket:
        hosts.append(str(info[4][0]))
        return socket.socket(info[0], info[1], info[2])

    with await connect_any(addresses, "h", 80, replace(options, socket_factory=factory), failed):
        return hosts


@pytest.mark.parametrize("delay", [0.25, None])
def test_an_address_that_failed_is_tried_last_for_a_while(run: Run, delay: float | None) -> None:
    async def main() -> None:
        failures, options = Failures(), RaceOptions(happy_eyeballs_delay=delay)
        async with echo_server() as (port, _):
            dead, good = loopback(port, "127.0.0.2"), loopback(port)
            assert await tried([dead, good], options, failures.table) == ["127.0.0.2", "127.0.0.1"]
            assert failures.told == [("h", 80)]
            failures.time_s += FAILED_ADDRESS_S - 0.1
            assert await tried([dead, good], options, failures.table) == ["127.0.0.1"]
            failures.time_s += 0.1
            assert await tried([dead, good], options, failures.table) == ["127.0.0.2", "127.0.0.1"]
            assert failures.told == [("h", 80)] * 2

    run(main())


def test_an_address_that_is_overtaken_is_tried_last(run: Run, silent_port: int) -> None:
    async def main() -> None:
        failures, options = Failures(), RaceOptions(happy_eyeballs_delay=0.02)
        async with echo_server() as (port, _):
            addresses = [loopback(silent_port), loopback(port)]
            assert len(await tried(addresses, options, failures.table)) == 2
            assert len(await tried(addresses, options, failures.table)) == 1

    run(main())


def test_when_all_fail_they_are_noted_but_nobody_is_told(run: Run, closed_port: int) -> None:
    async def main() -> None:
        failures = Failures()
        with pytest.raises(ConnectError):
            await connect_any([loopback(closed_port)], "h", 80, failed=failures.table)
        assert addr_info(loopback(closed_port)) in failures.table
        assert failures.told == []

    run(main())


def test_an_address_that_answers_is_trusted_again(run: Run) -> None:
    async def main() -> None:
        failures = Failures()
        async with echo_server() as (port, _):
            failures.table.add([addr_info(loopback(port))])
            assert await tried([loopback(port)], RaceOptions(), failures.table) == ["127.0.0.1"]
            assert addr_info(loopback(port)) not in failures.table

    run(main())


@pytest.mark.parametrize(("patience_s", "is_noted"), [(0.01, False), (0.3, True)])
def test_an_attempt_given_up_is_a_failure_if_it_had_its_time(
    run: Run, silent_port: int, patience_s: float, is_noted: bool
) -> None:
    async def main() -> None:
        failures = Failures()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(patience_s):
                await connect_any([loopback(silent_port)], "h", 80, failed=failures.table)
        assert (addr_info(loopback(silent_port)) in failures.table) is is_noted
        assert failures.told == ([("h", 80)] if is_noted else [])

    run(main())


def test_no_descriptor_left_is_no_address_s_fault(run: Run) -> None:
    def refuse(_: AddrInfoType) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    failures = Failures()
    with pytest.raises(ConnectError):
        run(connect_any([loopback(1)], "h", 1, RaceOptions(socket_factory=refuse), failures.table))
    assert addr_info(loopback(1)) not in failures.table


A1, A2, A3, B1, B2 = "10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "2001:db8::2"


@pytest.mark.parametrize(
    ("given", "delay", "interleave", "failed", "order"),
    [
        ([A1, A2, B1, B2], 0.25, None, [], [A1, B1, A2, B2]),
        ([A1, A2, B1, B2], 0.25, 0, [], [A1, A2, B1, B2]),
        ([A1, A2, B1, B2], 0.25, 2, [], [A1, A2, B1, B2]),
        ([A1, A2, A3, B1, B2], 0.25, 2, [], [A1, A2, B1, A3, B2]),
        ([B1, A1, A2], None, None, [], [B1, A1, A2]),
        ([A1, A2, B1, B2], 0.25, None, [B1, B2], [A1, A2, B1, B2]),
        ([A1, A2, B1, B2], 0.25, None, [A1], [A2, B1, B2, A1]),
        ([A1, A2, B1], None, None, [A1], [A2, B1, A1]),
        ([A1, A2, B1], 0.25, None, [A1, A2, B1], [A1, B1, A2]),
    ],
)
def test_the_order_in_which_addresses_are_tried(
    run: Run, given: list[str], delay: float | None, interleave: int | None, failed: list[str], order: list[str]
) -> None:
    hosts: list[str] = []

    def refuse(info: AddrInfoType) -> socket.socket:
        hosts.append(str(info[4][0]))
        raise OSError("not in this test")

    table = FailedAddresses()
    table.add([addr_info(loopback(80, host)) for host in failed])
    options = RaceOptions(None, delay, interleave, refuse)
    with pytest.raises(ConnectError):
        run(connect_any([loopback(80, host) for host in given], "h", 80, options, table))
    assert hosts == order


def test_the_table_of_failed_addresses_is_bounded() -> None:
    table = FailedAddresses()
    infos = [addr_info(loopback(port)) for port in range(1, MAX_FAILED_ADDRESSES + 2)]
    assert table.add(infos)
    assert infos[0] not in table
    assert all(info in table for info in infos[1:])
    assert not table.add(infos[1:])


def test_a_socket_that_a_test_double_has_made_is_taken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as double:

        async def connect(*args: object, **options: object) -> socket.socket:
            return double

        monkeypatch.setattr(race, "start_connection", connect)
        assert run(connect_any([loopback(1)], "h", 1)) is double
