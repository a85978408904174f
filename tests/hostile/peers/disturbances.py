"""Five ways to disturb a program while 64 clients ask through it, and what must hold whatever was done.

Every request ends in a response or in an error that says something, GETs succeed as soon as the program is back, no
POST reaches the origin twice, and none at all whose connection failed. Then the pool and `stats()` agree on what is
left: nothing.
"""

import asyncio
import os
import signal
import socket
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile.peers.load import CLIENTS, PATIENT, Load
from tests.hostile.peers.origin import serve
from tests.hostile.peers.peer import Peer, trusting_context
from tests.hostile.peers.programs import HTTP2, Program
from tests.pool_state import SETTLE_S, idle_count, wait_nothing_held
from trunkline import (
    ClientConnectorError,
    ClientHttpProxyError,
    ClientSession,
    ConnectionTimeoutError,
    TCPConnector,
)

CONNECTIONS = CLIENTS // 2  # so requests wait in the queue too; and more than the patient can hold
WITHIN_S = 40.0  # a test takes two seconds, unless the machine is very busy


# The clients, and what they go through.


@asynccontextmanager
async def under_load(program: Program, beside: Program | None = None) -> AsyncIterator[tuple[Peer, Load]]:
    """Run `program` and its clients; at the end, check what must hold whatever was done to it within the block.

    beside: the server behind it if it is a proxy, or the proxy before it if it is a server.
    """
    is_entry = beside is None or program.is_proxy
    async with asyncio.timeout(WITHIN_S), no_descriptor_left(), serve() as origin:
        other = nullcontext() if beside is None else running(beside, origin.port, is_entry=not is_entry)
        async with running(program, origin.port, is_entry=is_entry) as peer, other as peer_beside:
            peers = [peer] if peer_beside is None else [peer, peer_beside]
            async with load_on(peers, f"http://127.0.0.1:{origin.port}") as load:
                yield peer, load
        check_posts(load, origin.posted + peer.posted)


@asynccontextmanager
async def running(program: Program, origin: int, *, is_entry: bool) -> AsyncIterator[Peer]:
    with TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as folder:
        peer = Peer(program, Path(folder), origin, is_entry=is_entry)
        await asyncio.to_thread(peer.start)
        try:
            yield peer
        finally:
            await asyncio.to_thread(peer.end, signal.SIGKILL)


@asynccontextmanager
async def load_on(peers: list[Peer], origin: str) -> AsyncIterator[Load]:
    """Let the clients ask the server among `peers`, or `origin` if there is none, through the proxy among them."""
    root = next((peer.url for peer in peers if not peer.program.is_proxy), origin)
    proxy = next((peer.url for peer in peers if peer.program.is_proxy), None)
    (entry,) = (peer.port for peer in peers if peer.is_entry)
    version = peers[0].program.version
    connector = TCPConnector(limit=CONNECTIONS, ssl=trusting_context(version))
    async with ClientSession(connector=connector, timeout=PATIENT, proxy=proxy) as session:
        load = Load(session, root, version)
        async with asyncio.TaskGroup() as clients:
            load.start(clients)
            await load.wait_all_answered()
            yield load
            await load.wait_all_answered()
            load.stop()
        await wait_nothing_held(session)
        await wait_sockets(entry, lambda: len(idle_transports(connector)))
        check_requests(load)
        check_stats(load, is_tls=root.startswith("https:"))
    await wait_sockets(entry, lambda: 0)
    assert (idle_count(connector), connector.pool.slots.taken) == (0, 0)


# What is done to the program.


async def restart(peer: Peer, load: Load) -> None:
    load.disturb()
    await asyncio.to_thread(peer.end, signal.SIGTERM)
    await asyncio.to_thread(peer.start)
    await recover(load)


async def kill(peer: Peer, load: Load) -> None:
    """Kill it, and start it again once as many requests as there are clients were refused."""
    load.disturb()
    await asyncio.to_thread(peer.end, signal.SIGKILL)
    await load.wait_failures(ClientConnectorError if peer.is_entry else ClientHttpProxyError, CLIENTS)
    await asyncio.to_thread(peer.start)
    await recover(load)


async def reload(peer: Peer, load: Load) -> None:
    if not peer.program.is_seamless:
        load.disturb()
    await asyncio.to_thread(peer.reload)
    if not peer.program.is_seamless:  # its old listener may refuse a last connection when it says that it is done
        await load.wait_all_answered()
    await recover(load)


async def pause(peer: Peer, load: Load) -> None:
    """Stop it, and let it go on once many requests were given up."""
    await load.hurry()
    peer.send(signal.SIGSTOP)
    await load.wait_failures(TimeoutError, CLIENTS // 2)
    peer.send(signal.SIGCONT)
    await recover(load)


async def fill(peer: Peer, load: Load) -> None:
    """Stop it with its backlog full, and let it go on once no connection came about for many requests."""
    await load.hurry()
    peer.send(signal.SIGSTOP)
    with peer.backlog_filled():
        await load.wait_failures(ConnectionTimeoutError if peer.is_entry else TimeoutError, CLIENTS // 4)
        peer.send(signal.SIGCONT)
        await recover(load)


async def recover(load: Load) -> None:
    load.calm_down()
    await load.wait_all_answered()


# What must hold then.


@asynccontextmanager
async def no_descriptor_left() -> AsyncIterator[None]:
    """Check that this process soon has no more descriptors open than before the `with` block."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    async with asyncio.timeout(SETTLE_S):
        while len(os.listdir("/proc/self/fd")) > before:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)


async def wait_sockets(port: int, wanted: Callable[[], int]) -> None:
    """Wait until as many sockets as `wanted` are connected to `port`; raise TimeoutError if that never is so."""
    async with asyncio.timeout(SETTLE_S):
        while count_sockets_to(port) != wanted():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)


def idle_transports(connector: TCPConnector) -> set[object]:
    """What the idle connections are on; those of HTTP/2 may share it."""
    return {connection.transport for idle in connector._conns.values() for connection, _ in idle}


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


def check_stats(load: Load, *, is_tls: bool) -> None:
    stats = load.session.stats()
    assert (stats.active, stats.queued, stats.opening) == (0, 0, 0)
    assert stats.errors == load.errors()
    answered = len(load.ended) - load.errors().total()
    assert answered <= stats.requests <= load.begun + stats.retries
    if is_tls:
        assert stats.tls_full + stats.tls_resumed >= stats.opened
        assert stats.tls_resumed > 0 or load.version == HTTP2  # one connection carries all, and each may be a new one


def check_posts(load: Load, posted: Counter[str]) -> None:
    """posted: how often each POST came to the origin."""
    posts = [one for one in load.ended if one.method == "POST"]
    assert {path: times for path, times in posted.items() if times > 1} == {}
    assert {one.path for one in posts if one.succeeded} <= posted.keys() <= {one.path for one in posts}
    unsent = (ClientConnectorError, ConnectionTimeoutError, ClientHttpProxyError)
    assert {one.path for one in posts if isinstance(one.error, unsent)} & posted.keys() == set()


def check_only_the_impatient_gave_up(load: Load) -> None:
    assert [one for one in load.failed() if one.is_patient or not isinstance(one.error, TimeoutError)] == []


def check_no_get_failed(load: Load) -> None:
    assert [one for one in load.failed() if one.method == "GET"] == []
