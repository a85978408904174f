"""TLS sessions against real servers: repeat connections resume them, whatever the way, and nothing else does."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import pytest
import trustme

from tests.both_loops import Run
from tests.client.peers.programs import RunningProxy, squid, tinyproxy
from tests.nginx import Nginx
from tests.openssl_server import free_port, openssl_server
from tests.raw_server import OK, Handler, Peer, RawServer
from trunkline import ClientConnectionError, ClientError, ClientSession, TCPConnector
from trunkline.pool.establish import Establisher
from trunkline.transport.tls_sessions import SessionCache

REPEATS = 20
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
TLS = pytest.mark.parametrize("tls", ["1.2", "1.3"])
LOCATIONS = "location /who { return 200 $ssl_client_s_dn; }"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts the servers and proxies that `authority` vouches for, which nginx is not among."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(file)
    return file


@pytest.fixture(scope="module")
def nginx(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """An nginx that tells at /who by which certificate it knows the client, if by any."""
    folder = tmp_path_factory.mktemp("nginx")
    authority.cert_pem.write_to_path(folder / "clients.pem")
    settings = f"ssl_verify_client optional; ssl_client_certificate {folder}/clients.pem; {LOCATIONS}"
    with Nginx(folder, f"keepalive_timeout 60s; {settings}") as server:
        yield server


@pytest.fixture(scope="module")
def a_squid(authority: trustme.CA) -> Iterator[RunningProxy]:
    with squid(authority) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def a_tinyproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with tinyproxy(tmp_path_factory.mktemp("tinyproxy")) as proxy:
        yield proxy


def anew(context: ssl.SSLContext) -> TCPConnector:
    """Return a connector that opens a connection for each request."""
    return TCPConnector(ssl=context, force_close=True)


def sessions_of(session: ClientSession) -> SessionCache:
    assert isinstance(session.connector, TCPConnector)
    establisher = session.connector._establisher
    assert isinstance(establisher, Establisher)
    return establisher.sessions


async def fetch(session: ClientSession, url: str, proxy: str | None = None) -> str:
    async with session.get(url, proxy=proxy) as response:
        assert response.status == 200
        return await response.text()


async def fetch_again_and_again(session: ClientSession, url: str, proxy: str | None = None) -> list[str]:
    """Fetch once, then repeat in turn, then repeat eight at once; return the answers after the first."""
    eight = asyncio.Semaphore(8)

    async def fetch_among_eight() -> str:
        async with eight:
            return await fetch(session, url, proxy)

    await fetch(session, url, proxy)
    in_turn = [await fetch(session, url, proxy) for _ in range(REPEATS)]
    return in_turn + await asyncio.gather(*(fetch_among_eight() for _ in range(REPEATS)))


@TLS
def test_repeat_connections_to_nginx_resume(run: Run, nginx: Nginx, tls: str) -> None:
    async def main() -> None:
        before = len(nginx.accesses())
        async with ClientSession(connector=anew(nginx.client_context())) as session:
            await fetch_again_and_again(session, nginx.url(tls=tls))
            sessions = sessions_of(session)
            assert sessions.full + sessions.resumed == 2 * REPEATS + 1
            assert sessions.resumed >= 0.9 * 2 * REPEATS
            assert [access.resumed for access in nginx.accesses()[before:]].count("r") == sessions.resumed

    run(main())


@TLS
@pytest.mark.parametrize("options", [(), ("-no_ticket",)], ids=["tickets", "ids"])
def test_repeat_connections_to_openssl_resume(
    run: Run, certificate: Path, trust: ssl.SSLContext, tls: str, options: tuple[str, ...]
) -> None:
    async def main(url: str) -> None:
        async with ClientSession(connector=anew(trust)) as session:
            pages = await fetch_again_and_again(session, url)
            resumed = sum(f"Reused, TLSv{tls}" in page for page in pages)
            assert resumed >= 0.9 * len(pages)
            assert sessions_of(session).resumed == resumed

    with openssl_server(certificate, tls, *options) as url:
        run(main(url))


@TLS
@pytest.mark.parametrize(
    ("program", "scheme"), [("a_squid", "http"), ("a_squid", "https"), ("a_tinyproxy", "http")], ids=str
)
def test_repeat_connections_through_a_tunnel_resume(
    request: pytest.FixtureRequest,
    run: Run,
    certificate: Path,
    trust: ssl.SSLContext,
    program: str,
    scheme: str,
    tls: str,
) -> None:
    proxy: RunningProxy = request.getfixturevalue(program)
    handshakes = 2 if scheme == "https" else 1  # on the way to one answer

    async def main(url: str) -> None:
        async with ClientSession(connector=anew(trust)) as session:
            pages = await fetch_again_and_again(session, url, proxy.url(scheme))
            assert sum(f"Reused, TLSv{tls}" in page for page in pages) >= 0.9 * len(pages)
            sessions = sessions_of(session)
            assert sessions.full + sessions.resumed == handshakes * (len(pages) + 1)
            assert sessions.resumed >= 0.9 * handshakes * len(pages)

    with openssl_server(certificate, tls) as url:
        run(main(url))


async def endless(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nmore and more")


@TLS
def test_connections_after_responses_that_were_given_up_resume(
    run: Run, authority: trustme.CA, trust: ssl.SSLContext, tls: str
) -> None:
    async def main() -> None:
        connector = TCPConnector(ssl=trust)
        server = RawServer(endless, ssl=server_context_of(authority, tls))
        async with server, ClientSession(connector=connector) as session:
            for _ in range(4):
                async with session.get(server.url()) as response:
                    assert await response.content.readexactly(4) == b"more"
            assert (sessions_of(session).full, sessions_of(session).resumed) == (1, 3)

    run(main())


@TLS
def test_websockets_resume(run: Run, authority: trustme.CA, trust: ssl.SSLContext, tls: str) -> None:
    async def main() -> None:
        connector = TCPConnector(ssl=trust)
        server = RawServer(switching, ssl=server_context_of(authority, tls))
        async with server, ClientSession(connector=connector) as session:
            for _ in range(4):
                async with session.ws_connect(server.url()) as websocket:
                    assert await websocket.receive_str() == "hi"
            assert (sessions_of(session).full, sessions_of(session).resumed) == (1, 3)

    run(main())


async def switching(peer: Peer) -> None:
    """Be a WebSocket server that says one word, and waits for the end."""
    head = await peer.head()
    key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    accept = b64encode(sha1(key + WEBSOCKET_GUID).digest())
    await peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n\x81\x02hi\x88\x02\x03\xe8"
    )
    await peer.wait_closed_by_client()


@TLS
def test_a_server_that_has_lost_its_keys_is_shaken_hands_with_in_full(
    run: Run, certificate: Path, trust: ssl.SSLContext, tls: str
) -> None:
    port = free_port()

    async def main() -> None:
        async with ClientSession(connector=anew(trust)) as session:
            for _ in range(2):
                with openssl_server(certificate, tls, port=port) as url:
                    assert "New, TLS" in await fetch(session, url)
                    assert "Reused, TLS" in await fetch(session, url)

    run(main())


@TLS
def test_each_client_certificate_resumes_as_itself(run: Run, nginx: Nginx, authority: trustme.CA, tls: str) -> None:
    contexts = {name: nginx.client_context() for name in ("alice", "bob", None)}
    for name, context in contexts.items():
        if name is not None:
            authority.issue_cert("client@example.org", common_name=name).configure_cert(context)

    async def main() -> None:
        async with ClientSession(connector=TCPConnector(force_close=True)) as session:
            for name, context in list(contexts.items()) * 3:
                async with session.get(nginx.url("/who", tls=tls), ssl=context) as response:
                    assert (await response.text()).partition(",")[0] == ("" if name is None else f"CN={name}")
            assert (sessions_of(session).full, sessions_of(session).resumed) == (3, 6)

    run(main())


# Not saved.


async def cut_off(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


async def no_http(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"who is there?\r\n\r\n")


async def no_answer(peer: Peer) -> None:
    await peer.request()


@TLS
@pytest.mark.parametrize("handler", [cut_off, no_http, no_answer])
def test_nothing_is_saved_of_a_connection_that_failed(
    run: Run, authority: trustme.CA, trust: ssl.SSLContext, handler: Handler, tls: str
) -> None:
    server_context = server_context_of(authority, tls)

    async def main() -> None:
        connector = anew(trust)
        async with RawServer(handler, ssl=server_context) as server, ClientSession(connector=connector) as session:
            for _ in range(3):
                with pytest.raises(ClientError):
                    await fetch(session, server.url())
            assert sessions_of(session).resumed == 0

    run(main())


@TLS
def test_nothing_is_saved_of_a_connection_that_said_more_than_its_response(
    run: Run, authority: trustme.CA, trust: ssl.SSLContext, tls: str
) -> None:
    async def says_more(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"HTTP/1.1 200 OK\r\n")

    server_context = server_context_of(authority, tls)

    async def main() -> None:
        connector = anew(trust)
        async with RawServer(says_more, ssl=server_context) as server, ClientSession(connector=connector) as session:
            for _ in range(3):
                await fetch(session, server.url())
            assert (sessions_of(session).full, sessions_of(session).resumed) == (3, 0)

    run(main())


@TLS
def test_nothing_is_saved_where_the_server_refuses_the_client(
    run: Run, authority: trustme.CA, trust: ssl.SSLContext, tls: str
) -> None:
    """In TLS 1.3 the client's handshake succeeds, and the refusal comes after it."""
    server_context = server_context_of(authority, tls)
    server_context.verify_mode = ssl.CERT_REQUIRED

    async def main() -> None:
        connector = anew(trust)
        async with RawServer(no_answer, ssl=server_context) as server, ClientSession(connector=connector) as session:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # the server's
            for _ in range(3):
                with pytest.raises(ClientConnectionError):
                    await fetch(session, server.url())
            assert sessions_of(session).full == (3 if tls == "1.3" else 0)
            assert sessions_of(session).resumed == 0

    run(main())


def server_context_of(authority: trustme.CA, tls: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[f"TLSv{tls.replace('.', '_')}"]
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context
