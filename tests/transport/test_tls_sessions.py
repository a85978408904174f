import asyncio
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import trustme

from tests.both_loops import Run
from tests.raw_server import Peer, RawServer
from tests.transport.conftest import Client, context_of, loopback
from trunkline.transport.errors import TLSError
from trunkline.transport.handshake import TLSOptions
from trunkline.transport.tcp import open_tcp
from trunkline.transport.tls_sessions import SessionCache
from trunkline.wire.limits import MAX_TLS_SESSION_AGE_S, MAX_TLS_SESSIONS_PER_PEER

NGINX_CONF = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        return 200 ok;
    }}
}}
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return cast(int, server.getsockname()[1])


@pytest.fixture(scope="module")
def nginx_port(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real nginx on loopback that speaks TLS 1.2 and 1.3 and issues tickets."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(folder / "cert.pem", append=True)
    (folder / "nginx.conf").write_text(NGINX_CONF.format(folder=folder, port=port))
    process = subprocess.Popen([nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        asyncio.run(accepts(port, folder))
        yield port
    finally:
        process.kill()
        process.wait()


async def accepts(port: int, folder: Path) -> None:
    """Wait until nginx listens."""
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            await writer.wait_closed()
            return
    pytest.fail((folder / "error.log").read_text())


@pytest.fixture(params=VERSIONS, ids=["TLSv1.2", "TLSv1.3"])
def context(request: pytest.FixtureRequest, authority: trustme.CA) -> ssl.SSLContext:
    """A client's context for one version of TLS."""
    return client_context_of(authority, request.param)


def client_context_of(authority: trustme.CA, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    authority.configure_trust(context)
    return context


async def get(cache: SessionCache, context: ssl.SSLContext, port: int) -> bool:
    """Fetch once on a new connection; tell whether its session was resumed."""
    tls = TLSOptions(context, "localhost", sessions=cache, peer=port)
    transport, client = await open_tcp(Client, [loopback(port)], "localhost", port, tls)
    transport.write(REQUEST)
    assert (await client.received).startswith(b"HTTP/1.1 200")
    cache.save(transport)
    ssl_object: ssl.SSLObject = transport.get_extra_info("ssl_object")
    transport.abort()
    return bool(ssl_object.session_reused)


def test_repeat_connections_resume(run: Run, nginx_port: int, context: ssl.SSLContext) -> None:
    async def main() -> None:
        cache = SessionCache()
        assert not await get(cache, context, nginx_port)
        resumed = [await get(cache, context, nginx_port) for _ in range(20)]
        assert sum(resumed) >= 18
        assert (cache.full, cache.resumed) == (1 + resumed.count(False), resumed.count(True))

    run(main())


def test_connections_opened_at_once_resume(run: Run, nginx_port: int, context: ssl.SSLContext) -> None:
    async def main() -> None:
        cache = SessionCache()
        await get(cache, context, nginx_port)
        resumed = await asyncio.gather(*(get(cache, context, nginx_port) for _ in range(20)))
        assert sum(resumed) >= 18

    run(main())


def test_a_session_is_not_offered_with_another_context(
    run: Run, nginx_port: int, context: ssl.SSLContext, authority: trustme.CA
) -> None:
    async def main() -> None:
        cache = SessionCache()
        await get(cache, context, nginx_port)
        other = client_context_of(authority, context.minimum_version)
        assert not await get(cache, other, nginx_port)
        assert await get(cache, context, nginx_port)

    run(main())


class Wire(asyncio.Transport):
    """A client's end of a connection in memory, after its handshake. sslcontext: what wrapped it."""

    def __init__(self, sslcontext: ssl.SSLContext, ssl_object: ssl.SSLObject) -> None:
        super().__init__({"sslcontext": sslcontext, "ssl_object": ssl_object})
        self.ssl_object = ssl_object

    @property
    def is_resumed(self) -> bool:
        return bool(self.ssl_object.session_reused)


def connect(offer: ssl.SSLContext, server: ssl.SSLContext) -> Wire:
    """Shake hands in memory and read a byte, so that tickets have arrived."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = offer.wrap_bio(to_client, to_server, server_hostname="localhost")
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (client_side, server_side, client_side, server_side, client_side):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    server_side.write(b"x")
    assert client_side.read() == b"x"
    return Wire(offer, client_side)


def converse(cache: SessionCache, server: ssl.SSLContext, client: ssl.SSLContext, peer: str = "peer") -> Wire:
    """Connect with what the cache offers, and save the session."""
    wire = connect(cache.offer(client, "localhost", peer), server)
    cache.save(wire)
    return wire


def offered(cache: SessionCache, context: ssl.SSLContext, peer: str = "peer", name: str = "localhost") -> bytes | None:
    """Return the id of the session that the next connection to `peer` offers, if any."""
    offer = cache.offer(context, name, peer)
    session = offer.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name).session
    return None if session is None else session.id


class Clock:
    """The wall's clock, by which OpenSSL dates sessions, so it does not begin at 0."""

    def __init__(self) -> None:
        self.time_s = time.time()

    def __call__(self) -> float:
        return self.time_s


def test_the_stand_in_passes_for_its_context(context: ssl.SSLContext) -> None:
    offer = SessionCache().offer(context, "localhost", "peer")
    assert isinstance(offer, ssl.SSLContext)
    assert offer.verify_mode is ssl.CERT_REQUIRED
    assert offer.get_ca_certs() == context.get_ca_certs()


def test_a_session_is_offered_to_the_peer_and_name_alone_that_were_verified(
    server_context: ssl.SSLContext, context: ssl.SSLContext
) -> None:
    cache = SessionCache()
    assert not converse(cache, server_context, context).is_resumed
    assert offered(cache, context, "other") is None
    assert offered(cache, context, name="other.example") is None
    assert converse(cache, server_context, context).is_resumed


def verify(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True


def verify_no_name(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def verify_nothing(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def verify_strictly(context: ssl.SSLContext) -> None:
    context.verify_flags |= ssl.VERIFY_X509_STRICT


def trust_another(context: ssl.SSLContext) -> None:
    trustme.CA().configure_trust(context)


@pytest.mark.parametrize(
    ("before", "after"),
    [(verify_nothing, verify), (verify_no_name, verify), (verify, verify_strictly), (verify, trust_another)],
)
def test_a_session_is_not_offered_once_its_context_verifies_otherwise(
    server_context: ssl.SSLContext,
    context: ssl.SSLContext,
    before: Callable[[ssl.SSLContext], None],
    after: Callable[[ssl.SSLContext], None],
) -> None:
    cache = SessionCache()
    before(context)
    wire = connect(cache.offer(context, "localhost", "peer"), server_context)
    after(context)
    cache.save(wire)
    assert offered(cache, context) is None


def test_the_protocol_is_negotiated_anew_when_a_session_is_resumed(
    authority: trustme.CA, context: ssl.SSLContext
) -> None:
    server = context_of(authority.issue_cert("localhost"))
    server.set_alpn_protocols(["h2", "http/1.1"])
    cache = SessionCache()
    context.set_alpn_protocols(["http/1.1"])
    assert converse(cache, server, context).ssl_object.selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["h2"])
    wire = converse(cache, server, context)
    assert wire.is_resumed
    assert wire.ssl_object.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("versions", [VERSIONS, VERSIONS[::-1]])
def test_a_server_that_changed_its_version_of_tls_is_shaken_hands_with_in_full(
    authority: trustme.CA, client_context: ssl.SSLContext, versions: list[ssl.TLSVersion]
) -> None:
    cache = SessionCache()
    for version in versions:
        server = context_of(authority.issue_cert("localhost"))
        server.minimum_version = server.maximum_version = version
        assert not converse(cache, server, client_context).is_resumed
        assert offered(cache, client_context) is not None


def test_a_session_expires(server_context: ssl.SSLContext, context: ssl.SSLContext) -> None:
    clock = Clock()
    cache = SessionCache(now=clock)
    session = converse(cache, server_context, context).ssl_object.session
    assert session is not None
    assert 0 < session.ticket_lifetime_hint <= MAX_TLS_SESSION_AGE_S
    clock.time_s = session.time + session.ticket_lifetime_hint - 1
    assert offered(cache, context) is not None
    clock.time_s = session.time + session.ticket_lifetime_hint
    assert offered(cache, context) is None


def test_using_a_tls12_session_does_not_make_it_younger(server_context: ssl.SSLContext, authority: trustme.CA) -> None:
    context = client_context_of(authority, ssl.TLSVersion.TLSv1_2)
    clock = Clock()
    cache = SessionCache(now=clock)
    session = converse(cache, server_context, context).ssl_object.session
    assert session is not None
    clock.time_s = session.time + session.ticket_lifetime_hint - 1
    assert converse(cache, server_context, context).is_resumed
    clock.time_s += 1
    assert offered(cache, context) is None


def test_the_certificate_is_seen_again_within_seven_days_however_fresh_the_tickets(
    server_context: ssl.SSLContext, context: ssl.SSLContext
) -> None:
    clock = Clock()
    cache = SessionCache(now=clock)
    began_at = clock.time_s - MAX_TLS_SESSION_AGE_S + 60  # so that its end comes before that of the tickets
    clock.time_s = began_at
    converse(cache, server_context, context)
    for age_s in (MAX_TLS_SESSION_AGE_S - 2, MAX_TLS_SESSION_AGE_S - 1):
        clock.time_s = began_at + age_s
        assert converse(cache, server_context, context).is_resumed
    clock.time_s = began_at + MAX_TLS_SESSION_AGE_S
    assert not converse(cache, server_context, context).is_resumed
    assert converse(cache, server_context, context).is_resumed


def test_a_tls13_ticket_is_used_once_while_others_remain(server_context: ssl.SSLContext, authority: trustme.CA) -> None:
    context = client_context_of(authority, ssl.TLSVersion.TLSv1_3)
    cache = SessionCache()
    for offer in [cache.offer(context, "localhost", "peer") for _ in range(20)]:
        cache.save(connect(offer, server_context))
    used = [offered(cache, context) for _ in range(MAX_TLS_SESSIONS_PER_PEER + 2)]
    assert None not in used
    assert len(set(used)) == MAX_TLS_SESSIONS_PER_PEER
    assert used[-1] == used[-2] == used[-3]


def test_a_tls12_session_is_used_again_and_again(server_context: ssl.SSLContext, authority: trustme.CA) -> None:
    context = client_context_of(authority, ssl.TLSVersion.TLSv1_2)
    cache = SessionCache()
    cache.save(connect(cache.offer(context, "localhost", "peer"), server_context))
    for _ in range(5):
        assert connect(cache.offer(context, "localhost", "peer"), server_context).is_resumed


def test_a_context_of_a_subclass_keeps_its_full_handshakes(
    server_context: ssl.SSLContext, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Verifying(ssl.SSLContext):
        """As truststore's: asks the system about the chain, which a resumed session does not carry."""

    context = Verifying(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    cache = SessionCache()
    converse(cache, server_context, context)
    assert cache.offer(context, "localhost", "peer") is context
    monkeypatch.setattr(ssl, "SSLContext", Verifying)  # as truststore.inject_into_ssl() does
    assert cache.offer(context, "localhost", "peer") is context


def test_a_connection_that_was_offered_nothing_saves_nothing(
    server_context: ssl.SSLContext, context: ssl.SSLContext
) -> None:
    cache = SessionCache()
    cache.save(connect(context, server_context))  # as of a connector's subclass that connects by itself
    cache.save(asyncio.Transport())
    assert offered(cache, context) is None


def test_peers_are_bounded_and_the_least_recently_used_goes_first(
    server_context: ssl.SSLContext, context: ssl.SSLContext
) -> None:
    cache = SessionCache(max_peers=2)
    converse(cache, server_context, context, "a")
    converse(cache, server_context, context, "b")
    assert offered(cache, context, "a")
    converse(cache, server_context, context, "c")
    assert [offered(cache, context, peer) is not None for peer in "abc"] == [True, False, True]


def test_contexts_are_bounded_so_that_one_for_each_request_is_not_kept(
    server_context: ssl.SSLContext, authority: trustme.CA
) -> None:
    cache = SessionCache(max_contexts=2)
    contexts = [client_context_of(authority, ssl.TLSVersion.TLSv1_3) for _ in range(4)]
    for context in contexts:
        for peer in "ab":
            converse(cache, server_context, context, peer)
    assert [offered(cache, context, "a") is not None for context in contexts] == [False, False, True, True]


def test_forget_and_clear_drop_sessions(server_context: ssl.SSLContext, context: ssl.SSLContext) -> None:
    cache = SessionCache()
    for peer in "ab":
        converse(cache, server_context, context, peer)
    cache.forget(cache.offer(context, "localhost", "a"))
    cache.forget(cache.offer(context, "localhost", "unknown"))
    cache.forget(context)
    assert [offered(cache, context, peer) is not None for peer in "ab"] == [False, True]
    cache.clear()
    assert offered(cache, context, "b") is None


def test_a_tls13_connection_without_a_ticket_saves_nothing(authority: trustme.CA) -> None:
    server = context_of(authority.issue_cert("localhost"))
    server.num_tickets = 0
    context = client_context_of(authority, ssl.TLSVersion.TLSv1_3)
    cache = SessionCache()
    converse(cache, server, context)
    assert offered(cache, context) is None


async def no_tls(peer: Peer) -> None:
    """Answer whatever comes with something that is no TLS."""
    await peer.reader.read(1)
    await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_failed_handshake_drops_the_sessions_and_is_not_counted(
    run: Run, nginx_port: int, context: ssl.SSLContext
) -> None:
    async def main() -> None:
        cache = SessionCache()
        await get(cache, context, nginx_port)
        async with RawServer(no_tls) as server:
            tls = TLSOptions(context, "localhost", sessions=cache, peer=nginx_port)
            with pytest.raises(TLSError):
                await open_tcp(Client, [loopback(server.port)], "localhost", nginx_port, tls)
        assert (cache.full, cache.resumed) == (1, 0)
        assert not await get(cache, context, nginx_port)

    run(main())
