"""64 clients on one session while the program that they ask is restarted, reloaded, paused, killed, or full.

Whatever is done, every request ends in a response or in an error that says something, GETs succeed as soon as the
program is back, no POST reaches the origin twice, and the pool and `stats()` agree on what is left: nothing.
"""

import asyncio
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.hostile.peers.load import CLIENTS, PATIENT, Load
from tests.hostile.peers.origin import Origin, serve
from tests.hostile.peers.programs import CADDY, HAPROXY, NGINX, SQUID, Peer, Program
from tests.pool_state import SETTLE_S, idle_count, wait_nothing_held
from trunkline import ClientConnectorError, ClientSession, ConnectionTimeoutError, TCPConnector

CONNECTIONS = CLIENTS // 2  # so requests wait in the queue too; and more than the patient can hold
ROUNDS = 2
WITHIN_S = 40.0  # a test takes two seconds, unless the machine is very busy

with_each_program = pytest.mark.parametrize("program", [NGINX, HAPROXY, CADDY, SQUID], ids=lambda one: one.name)


@asynccontextmanager
async def under_load(program: Program) -> AsyncIterator[tuple[Peer, Load]]:
    """Run `program` and its clients; at the end, check what must hold whatever was done within the block."""
    with TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as folder:
        async with asyncio.timeout(WITHIN_S), serve() as origin:
            peer = Peer(program, Path(folder), origin.port)
            await asyncio.to_thread(peer.start)
            try:
                async with load_on(peer) as load:
                    yield peer, load
            finally:
                await asyncio.to_thread(peer.end, signal.SIGKILL)
            check_posts(load, origin)


@asynccontextmanager
async def load_on(peer: Peer) -> AsyncIterator[Load]:
    connector = TCPConnector(limit=CONNECTIONS)
    async with ClientSession(connector=connector, timeout=PATIENT, proxy=peer.proxy) as session:
        load = Load(session, peer.root)
        async with asyncio.TaskGroup() as clients:
            load.start(clients)
            await load.wait_all_answered()
            yield load
            await load.wait_all_answered()
            load.stop()
        await wait_nothing_held(session)
        await wait_sockets(peer.port, lambda: idle_count(connector))
        check_requests(load)
        check_stats(load)
    await wait_sockets(peer.port, lambda: 0)


async def wait_sockets(port: int, wanted: Callable[[], int]) -> None:
    """Wait until as many sockets as `wanted` are connected to `port`; raise TimeoutError if that never is so."""
    async with asyncio.timeout(SETTLE_S):
        while count_sockets_to(port) != wanted():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)


def count_sockets_to(port: int) -> int:
    """Count the sockets of this process that are connected to `port` of loopback."""
    return sum(peer_of(int(number)) == ("127.0.0.1", port) for number in os.listdir("/proc/self/fd"))


def peer_of(descriptor: int) -> object:
    """Return whom a descriptor of this process is connected to; None if that is nobody, or it is no socket."""
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as sock:
            return sock.getpeername()
    except OSError:  # it listens, or was the one that lists them
        return None


def check_requests(load: Load) -> None:
    assert len(load.ended) == load.begun
    assert [one for one in load.ended if one.error is not None and not str(one.error)] == []
    assert [one for one in load.failed() if one.method == "GET" and one.is_calm] == []


def check_stats(load: Load) -> None:
    stats = load.session.stats()
    assert (stats.active, stats.queued, stats.opening) == (0, 0, 0)
    assert stats.errors == load.errors()
    answered = len(load.ended) - load.errors().total()
    assert answered <= stats.requests <= load.begun + stats.retries


def check_posts(load: Load, origin: Origin) -> None:
    posts = [one for one in load.ended if one.method == "POST"]
    assert {path: times for path, times in origin.posted.items() if times > 1} == {}
    assert {one.path for one in posts if one.succeeded} <= origin.posted.keys() <= {one.path for one in posts}


def check_only_the_impatient_gave_up(load: Load) -> None:
    assert [one for one in load.failed() if one.is_patient or not isinstance(one.error, TimeoutError)] == []


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_restarted(program: Program) -> None:
    async with under_load(program) as (peer, load):
        for _ in range(ROUNDS):
            load.disturb()
            await asyncio.to_thread(peer.end, signal.SIGTERM)
            await asyncio.to_thread(peer.start)
            load.calm_down()
            await load.wait_all_answered()


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_killed(program: Program) -> None:
    async with under_load(program) as (peer, load):
        for _ in range(ROUNDS):
            load.disturb()
            await asyncio.to_thread(peer.end, signal.SIGKILL)
            await load.wait_failures(ClientConnectorError, CLIENTS)
            await asyncio.to_thread(peer.start)
            load.calm_down()
            await load.wait_all_answered()


async def test_gets_go_again_and_posts_do_not_when_its_worker_is_killed_and_replaced() -> None:
    async with under_load(NGINX) as (peer, load):  # what is sent again finds somebody who takes it at once
        for _ in range(5 * ROUNDS):
            load.disturb()
            await asyncio.to_thread(peer.kill_worker)
            load.calm_down()
            await load.wait_all_answered()
        assert load.session.stats().retries > 0
    assert any(one.method == "POST" for one in load.failed())


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_reloaded(program: Program) -> None:
    async with under_load(program) as (peer, load):
        for _ in range(ROUNDS):
            if not program.is_seamless:
                load.disturb()
            await asyncio.to_thread(peer.reload)
            load.calm_down()
            await load.wait_all_answered()
    if program.is_seamless:
        assert [one for one in load.failed() if one.method == "GET"] == []


@with_each_program
async def test_only_the_impatient_fail_when_it_is_paused(program: Program) -> None:
    async with under_load(program) as (peer, load):
        for _ in range(ROUNDS):
            await load.hurry()
            peer.send(signal.SIGSTOP)
            await load.wait_failures(TimeoutError, CLIENTS)
            peer.send(signal.SIGCONT)
            load.calm_down()
            await load.wait_all_answered()
    check_only_the_impatient_gave_up(load)


@with_each_program
async def test_only_the_impatient_fail_when_its_backlog_is_full(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await load.hurry()
        peer.send(signal.SIGSTOP)
        with peer.backlog_filled():
            await load.wait_failures(ConnectionTimeoutError, CLIENTS // 4)
            peer.send(signal.SIGCONT)
            load.calm_down()
            await load.wait_all_answered()
    check_only_the_impatient_gave_up(load)
