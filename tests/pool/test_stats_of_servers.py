"""`stats()` of sessions and connectors, with what real servers say of the same connections."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.nginx import Nginx
from tests.raw_server import OK, Peer, RawServer
from trunkline import ClientConnectorDNSError, ClientConnectorError, ClientPayloadError, ClientSession, TCPConnector
from trunkline.abc import AbstractResolver, ResolveResult


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


class Names(AbstractResolver):
    """Knows one name, "known"."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != "known":
            raise OSError(socket.EAI_AGAIN, "not now")
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def fetch(session: ClientSession, url: str) -> None:
    async with session.get(url) as response:
        await response.read()


async def test_opened_and_reused_are_what_the_server_saw(nginx: Nginx) -> None:
    async with ClientSession(connector=TCPConnector(limit=5)) as session:
        await asyncio.gather(*(fetch(session, nginx.url("/small?counted")) for _ in range(100)))
        stats = session.stats()
    served = [access for access in nginx.accesses() if access.uri == "/small?counted"]
    assert stats.opened == len({access.connection for access in served}) == 5
    assert stats.requests == len(served) == 100
    assert stats.reuse_ratio == 0.95
    assert (stats.idle, stats.active, stats.queued, stats.opening) == (5, 0, 0, 0)
    assert stats.waited == 95
    assert 0 < stats.wait_p50_s <= stats.wait_p99_s
    assert stats.opening_s > 0


async def test_it_tells_what_is_going_on() -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(peer: Peer) -> None:
        while True:
            await peer.request()
            is_asked.set()
            await may_answer.wait()
            await peer.send(OK)

    async with RawServer(slow) as server, ClientSession(connector=TCPConnector(limit=1)) as session:
        async with asyncio.TaskGroup() as group:
            group.create_task(fetch(session, server.url("/")))
            group.create_task(fetch(session, server.url("/")))
            await asyncio.sleep(0)
            connecting = session.stats()
            await is_asked.wait()
            waiting = session.stats()
            may_answer.set()
        assert (connecting.opening, connecting.active, connecting.queued) == (1, 0, 1)
        assert (waiting.opening, waiting.active, waiting.queued) == (0, 1, 1)
        assert session.stats().idle == 1


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
async def test_handshakes_are_told_as_the_server_counts_them(nginx: Nginx, tls: str) -> None:
    connector = TCPConnector(ssl=nginx.client_context(), force_close=True)
    async with ClientSession(connector=connector) as session:
        for _ in range(10):
            await fetch(session, nginx.url(f"/small?handshakes{tls}", tls=tls))
        stats = session.stats()
    resumed = [access.resumed == "r" for access in nginx.accesses() if access.uri == f"/small?handshakes{tls}"]
    assert (stats.tls_full, stats.tls_resumed) == (resumed.count(False), resumed.count(True)) == (1, 9)
    assert [name.partition(":")[0] for name in stats.origins] == ["https"]


async def test_names_are_counted_when_they_are_looked_up() -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    connector = TCPConnector(resolver=Names(), force_close=True)
    async with RawServer(once) as server, ClientSession(connector=connector) as session:
        for _ in range(3):
            await fetch(session, server.url("/").replace("127.0.0.1", "known"))
        with pytest.raises(ClientConnectorDNSError):
            await fetch(session, "http://unknown:1/")
        stats = session.stats()
    assert (stats.dns_hits, stats.dns_misses) == (2, 2)
    assert stats.errors == {"ClientConnectorDNSError": 1}


async def test_a_request_that_is_sent_again_is_a_retry_and_no_error() -> None:
    async def stale(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        if peer.number == 0:
            await peer.head()
            return
        await peer.wait_closed_by_client()

    async with RawServer(stale) as server, ClientSession() as session:
        await fetch(session, server.url("/"))
        await fetch(session, server.url("/"))
        stats = session.stats()
        assert (stats.retries, stats.opened, stats.errors) == (1, 2, {})
        assert stats.origins[server.url("")].retries == 1


async def test_errors_are_counted_by_the_name_that_users_catch() -> None:
    async def cut_off(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK[:-1])

    async with RawServer(cut_off) as server, ClientSession() as session:
        with pytest.raises(ClientPayloadError):
            await fetch(session, server.url("/"))
        origin = server.url("")
        with pytest.raises(ClientConnectorError):
            await fetch(session, "http://127.0.0.1:1/")
        stats = session.stats()
        assert stats.errors == {"ClientPayloadError": 1, "ClientConnectorError": 1}
        assert stats.origins[origin].errors == {"ClientPayloadError": 1}


async def test_a_response_that_is_given_up_is_no_error(nginx: Nginx) -> None:
    (nginx.www / "large").write_bytes(bytes(10_000_000))
    async with ClientSession() as session:
        response = await session.get(nginx.url("/large"))
        response.close()
        assert session.stats().errors == {}


async def test_sessions_that_share_a_connector_share_its_stats_and_their_reset(nginx: Nginx) -> None:
    async with TCPConnector() as connector:
        one = ClientSession(connector=connector, connector_owner=False)
        two = ClientSession(connector=connector, connector_owner=False)
        await fetch(one, nginx.url())
        await fetch(two, nginx.url())
        assert one.stats() == two.stats() == connector.stats()
        assert (one.stats().opened, one.stats().reused) == (1, 1)
        two.reset_stats()
        await fetch(one, nginx.url())
        assert (one.stats().opened, one.stats().reused, one.stats().idle) == (0, 1, 1)
        await one.close()
        await two.close()


async def test_a_closed_session_says_who_can_still_tell(nginx: Nginx) -> None:
    session = ClientSession()
    connector = session.connector
    assert connector is not None
    await fetch(session, nginx.url())
    await session.close()
    with pytest.raises(RuntimeError, match="before close"):
        session.stats()
    stats = connector.stats()
    assert (stats.opened, stats.idle, stats.active) == (1, 0, 0)


async def test_stats_may_be_asked_in_another_thread_while_the_pool_works(nginx: Nginx) -> None:
    errors: list[Exception] = []
    is_done = threading.Event()

    async with ClientSession(connector=TCPConnector(limit=20, keepalive_timeout=60)) as session:

        def ask() -> None:
            while not is_done.is_set():
                try:
                    str(session.stats())
                except Exception as error:
                    errors.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            for _ in range(10):
                await asyncio.gather(*(fetch(session, nginx.url()) for _ in range(50)))
        finally:
            is_done.set()
            thread.join()
        assert errors == []
        assert session.stats().requests == 500
