import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import trustme

from tests.transport.conftest import Client, Run, context_of, loopback
from trunkline.transport.handshake import TLSOptions
from trunkline.transport.tcp import open_tcp
from trunkline.transport.tls_sessions import SessionCache
from trunkline.wire.limits import MAX_TLS_SESSIONS_PER_PEER

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
    peer = ("localhost", port)
    tls = TLSOptions(cache.wrap(context, peer), "localhost")
    transport, client = await open_tcp(Client, [loopback(port)], "localhost", port, tls)
    transport.write(REQUEST)
    assert (await client.received).startswith(b"HTTP/1.1 200")
    ssl_object: ssl.SSLObject = transport.get_extra_info("ssl_object")
    cache.save(peer, ssl_object)
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


def converse(server: ssl.SSLContext, client: ssl.SSLContext, stand_in: ssl.SSLContext | None = None) -> ssl.SSLObject:
    """Shake hands in memory and read a byte, so that tickets have arrived; return the client's side."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = (stand_in or client).wrap_bio(to_client, to_server, server_hostname="localhost")
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (client_side, server_side, client_side, server_side, client_side):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    server_side.write(b"x")
    assert client_side.read() == b"x"
    return client_side


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        return self.time_s


def is_offered(cache: SessionCache, context: ssl.SSLContext, peer: str = "peer") -> bool:
    return cache.wrap(context, peer) is not context


def test_without_a_session_the_context_itself_is_used(context: ssl.SSLContext) -> None:
    assert SessionCache().wrap(context, "peer") is context


def test_the_stand_in_passes_for_a_context(server_context: ssl.SSLContext, context: ssl.SSLContext) -> None:
    cache = SessionCache()
    cache.save("peer", converse(server_context, context))
    stand_in = cache.wrap(context, "peer")
    assert isinstance(stand_in, ssl.SSLContext)
    assert converse(server_context, context, stand_in).session_reused


def test_a_session_is_not_offered_to_another_peer(server_context: ssl.SSLContext, context: ssl.SSLContext) -> None:
    cache = SessionCache()
    cache.save("peer", converse(server_context, context))
    assert not is_offered(cache, context, "other")


def test_a_session_expires(server_context: ssl.SSLContext, context: ssl.SSLContext) -> None:
    clock = Clock()
    cache = SessionCache(now=clock)
    client_side = converse(server_context, context)
    cache.save("peer", client_side)
    session = client_side.session
    assert session is not None
    lifetime_s = session.ticket_lifetime_hint
    assert 0 < lifetime_s <= 7 * 86_400
    clock.time_s = lifetime_s - 1
    assert is_offered(cache, context)
    clock.time_s = lifetime_s
    assert not is_offered(cache, context)


def test_a_tls13_ticket_is_used_once_while_others_remain(server_context: ssl.SSLContext, authority: trustme.CA) -> None:
    context = client_context_of(authority, ssl.TLSVersion.TLSv1_3)
    cache = SessionCache()
    for _ in range(20):
        cache.save("peer", converse(server_context, context))
    offered = []
    for _ in range(MAX_TLS_SESSIONS_PER_PEER + 2):
        client_side = offering(context, cache.wrap(context, "peer"))
        assert client_side.session is not None
        offered.append(client_side.session.id)
    assert len(set(offered)) == MAX_TLS_SESSIONS_PER_PEER
    assert offered[-1] == offered[-2] == offered[-3]


def test_a_tls12_session_is_used_again_and_again(server_context: ssl.SSLContext, authority: trustme.CA) -> None:
    context = client_context_of(authority, ssl.TLSVersion.TLSv1_2)
    cache = SessionCache()
    cache.save("peer", converse(server_context, context))
    for _ in range(5):
        assert converse(server_context, context, cache.wrap(context, "peer")).session_reused


def offering(context: ssl.SSLContext, stand_in: ssl.SSLContext) -> ssl.SSLObject:
    """Return a client's side before its handshake: its session is the one it offers."""
    assert stand_in is not context
    return stand_in.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")


def test_a_context_of_a_subclass_keeps_its_full_handshakes(
    server_context: ssl.SSLContext, authority: trustme.CA
) -> None:
    class Verifying(ssl.SSLContext):
        """As truststore's: asks the system about the chain, which a resumed session does not carry."""

    context = Verifying(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    cache = SessionCache()
    cache.save("peer", converse(server_context, context))
    assert not is_offered(cache, context)


def test_peers_are_bounded_and_the_least_recently_used_goes_first(
    server_context: ssl.SSLContext, context: ssl.SSLContext
) -> None:
    cache = SessionCache(max_peers=2)
    client_side = converse(server_context, context)
    cache.save("a", client_side)
    cache.save("b", client_side)
    assert is_offered(cache, context, "a")
    cache.save("c", client_side)
    assert [is_offered(cache, context, peer) for peer in "abc"] == [True, False, True]


def test_forget_and_clear_drop_sessions(server_context: ssl.SSLContext, context: ssl.SSLContext) -> None:
    cache = SessionCache()
    client_side = converse(server_context, context)
    for peer in "ab":
        cache.save(peer, client_side)
    cache.forget(context, "a")
    cache.forget(context, "unknown")
    assert [is_offered(cache, context, peer) for peer in "ab"] == [False, True]
    cache.clear()
    assert not is_offered(cache, context, "b")


def test_a_tls13_connection_without_a_ticket_saves_nothing(authority: trustme.CA) -> None:
    server = context_of(authority.issue_cert("localhost"))
    server.num_tickets = 0
    context = client_context_of(authority, ssl.TLSVersion.TLSv1_3)
    cache = SessionCache()
    cache.save("peer", converse(server, context))
    assert cache.full == 1
    assert not is_offered(cache, context)
