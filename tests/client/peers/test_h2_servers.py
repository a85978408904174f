"""The client over HTTP/2 with real servers: nginx, nghttpd, caddy, and haproxy with an application behind it."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
import trustme

from tests.both_loops import Run
from tests.client.h2 import pieces, post, stats_of
from tests.client.peers.origin import Origin
from tests.client.peers.programs import RunningProxy, caddy, haproxy, nghttpd
from tests.nginx import Nginx
from trunkline import ClientSession, ClientTimeout, TCPConnector

BIG = os.urandom(2**20) * 20


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx"), "keepalive_requests 100000;", speaks_h2=True) as server:
        (server.www / "big").write_bytes(BIG)
        yield server


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "www").mkdir()
    (folder / "www" / "small").write_bytes(b"hello")
    (folder / "www" / "big").write_bytes(BIG)
    return folder


@pytest.fixture(scope="module", params=["nghttpd", "caddy"])
def server(request: pytest.FixtureRequest, files: Path, authority: trustme.CA) -> Iterator[RunningProxy]:
    program = {"nghttpd": nghttpd, "caddy": caddy}[request.param]
    with program(files, authority) as running:
        yield running


@pytest.fixture
def trust_h2(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def session_for(context: ssl.SSLContext | bool, **options: int) -> ClientSession:
    connector = TCPConnector(ssl=context, **options)  # type: ignore[arg-type]  # limits
    return ClientSession(connector=connector, timeout=ClientTimeout(total=60))


async def read_all(session: ClientSession, url: str) -> bytes:
    async with session.get(url) as response:
        assert (response.status, response.version) == (200, (2, 0))
        return await response.read()


async def test_files_come_over_one_connection(server: RunningProxy, trust_h2: ssl.SSLContext) -> None:
    async with session_for(trust_h2) as session:
        root = server.url("https").replace(":0", f":{server.port}")
        small = [read_all(session, f"{root}/small") for _ in range(64)]
        big = [read_all(session, f"{root}/big") for _ in range(3)]
        assert await asyncio.gather(*small, *big) == [b"hello"] * 64 + [BIG] * 3
        assert stats_of(session).opened == 1
        async with session.get(f"{root}/nothing") as response:
            assert response.status == 404
        async with session.head(f"{root}/small") as response:
            assert (response.headers["Content-Length"], await response.read()) == ("5", b"")


async def test_two_hundred_cancellations_leave_the_connection_usable(
    server: RunningProxy, trust_h2: ssl.SSLContext
) -> None:
    async with session_for(trust_h2) as session:
        root = server.url("https").replace(":0", f":{server.port}")
        assert await read_all(session, f"{root}/small") == b"hello"
        for number in range(200):
            task = asyncio.create_task(read_all(session, f"{root}/big"))
            await asyncio.sleep(0.001 * (number % 4))
            task.cancel()
            await asyncio.wait([task])
        assert await read_all(session, f"{root}/big") == BIG
        assert stats_of(session).opened <= 2  # nghttpd says goodbye to clients that cancel so often


@pytest.mark.parametrize("count", [64, 500])
def test_many_requests_at_a_time_on_both_loops(run: Run, nginx: Nginx, count: int) -> None:
    async def main() -> None:
        async with session_for(False, limit=128) as session:
            await read_all(session, nginx.url("/small?first", tls="1.3"))  # with its SETTINGS: 128 streams
            urls = [nginx.url(f"/small?{count}{number}", tls="1.3") for number in range(count)]
            assert await asyncio.gather(*(read_all(session, url) for url in urls)) == [b"hello"] * count

    before = len(nginx.accesses())
    run(main())
    served = nginx.accesses()[before:]
    assert {access.protocol for access in served} == {"HTTP/2.0"}
    assert len({access.connection for access in served}) == 1


async def test_nginx_takes_and_gives_twenty_megabytes(nginx: Nginx) -> None:
    async with session_for(False) as session:
        async with session.put(nginx.url("/stored/put", tls="1.3"), data=BytesIO(BIG)) as response:
            assert response.status == 201
        assert sha256((nginx.stored / "put").read_bytes()).digest() == sha256(BIG).digest()
        assert await read_all(session, nginx.url("/gzip/big", tls="1.3")) == BIG
        assert await read_all(session, nginx.url("/big", tls="1.3")) == BIG
        async with session.get(nginx.url("/moved", tls="1.3")) as response:
            assert (await response.read(), len(response.history)) == (b"hello", 1)
        async with session.get(nginx.url("/nothing", tls="1.3")) as response:
            assert (response.status, await response.read()) == (204, b"")


@pytest.mark.parametrize("callers", [100, 300])
async def test_connections_that_end_after_twenty_requests_lose_none(tmp_path: Path, callers: int) -> None:
    urls = iter(range(2000))

    async def call(session: ClientSession, nginx: Nginx) -> None:
        for number in urls:
            async with session.post(nginx.url(f"/created?{number}", tls="1.3"), data=b"once") as response:
                assert response.status == 201

    with Nginx(tmp_path, "keepalive_requests 20;", speaks_h2=True) as nginx:
        async with session_for(False, limit=100) as session:
            await asyncio.gather(*(call(session, nginx) for _ in range(callers)))
        asked = [access.uri for access in nginx.accesses()]
    assert len(asked) == len(set(asked)) == 2000


async def test_nginx_that_reloads_disturbs_nobody(nginx: Nginx) -> None:
    async with session_for(False) as session:
        for _ in range(3):
            nginx.reload()
            for _ in range(30):
                async with session.post(nginx.url("/created", tls="1.3"), data=b"x") as response:
                    assert response.status == 201
                await asyncio.sleep(0.005)


async def test_beyond_the_servers_streams_a_second_connection_opens(files: Path, authority: trustme.CA) -> None:
    with nghttpd(files, authority, "-m", "5") as server:
        async with session_for(False) as session:
            url = f"https://127.0.0.1:{server.port}/big"
            await read_all(session, f"https://127.0.0.1:{server.port}/small")
            assert await asyncio.gather(*(read_all(session, url) for _ in range(12))) == [BIG] * 12
            assert stats_of(session).opened in (2, 3)  # by whether the SETTINGS of the second come before its requests


async def test_uploads_of_a_burst_do_not_run_into_the_servers_streams(files: Path, authority: trustme.CA) -> None:
    with nghttpd(files, authority, "-m", "2") as server:
        async with session_for(False) as session:
            url = f"https://127.0.0.1:{server.port}/small"
            await asyncio.gather(*(post(session, url, pieces(3)) for _ in range(40)))


async def test_prior_knowledge_and_trailers(files: Path, authority: trustme.CA) -> None:
    with nghttpd(files, authority, "--trailer", "checksum: 1", uses_tls=False) as server:
        connector = TCPConnector(http2="prior-knowledge")
        async with ClientSession(connector=connector) as session:
            assert await read_all(session, f"http://127.0.0.1:{server.port}/big") == BIG


async def test_an_upload_is_echoed(files: Path, authority: trustme.CA) -> None:
    with nghttpd(files, authority, "--echo-upload") as server:
        async with session_for(False) as session:
            url = f"https://127.0.0.1:{server.port}/"
            async with session.post(url, data=BytesIO(BIG)) as response:
                assert await response.read() == BIG
            async with session.post(url, data=b"small") as response:
                assert await response.read() == b"small"


@pytest.fixture
async def behind_haproxy(origin: Origin, authority: trustme.CA, tmp_path: Path) -> AsyncIterator[RunningProxy]:
    assert origin.http.port is not None
    with haproxy(tmp_path, authority, origin.http.port) as running:
        yield running


async def test_haproxy_and_a_websocket_in_a_stream(behind_haproxy: RunningProxy, origin: Origin) -> None:
    async with session_for(False) as session:
        root = f"https://127.0.0.1:{behind_haproxy.port}"
        assert await asyncio.gather(*(read_all(session, f"{root}/hello") for _ in range(50))) == [b"hello"] * 50
        async with session.ws_connect(f"{root}/echo") as socket:
            await socket.send_str("over a stream")
            assert (await socket.receive()).data == "over a stream"
        assert stats_of(session).opened == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_through_a_tunnel(nginx: Nginx, open_squid: RunningProxy, scheme: str) -> None:
    async with session_for(False) as session:
        url = nginx.url("/small?tunnel", tls="1.3")
        for _ in range(3):
            async with session.get(url, proxy=open_squid.url(scheme)) as response:
                assert (response.version, await response.read()) == ((2, 0), b"hello")
        assert stats_of(session).opened == 1


async def test_the_next_connection_resumes_the_tls_session(nginx: Nginx) -> None:
    async with session_for(False, keepalive_timeout=1) as session:
        connector = session.connector
        assert connector is not None
        await read_all(session, nginx.url("/small", tls="1.3"))
        for lane in connector.pool.sockets:
            lane.close()
            await lane.gone
        await read_all(session, nginx.url("/small", tls="1.3"))
        assert (stats_of(session).tls_full, stats_of(session).tls_resumed) == (1, 1)
