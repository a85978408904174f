"""What a user sees of a proxy that is not there, refuses, or talks nonsense: who was it, and why."""

import copy
import errno
import pickle
import socket
import ssl

import pytest
import trustme

from tests.raw_server import OK, Peer, RawServer, replying
from tests.tunnels import TunnelProxy
from trunkline import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientHttpProxyError,
    ClientOSError,
    ClientProxyConnectionError,
    ClientSession,
    InvalidURL,
    ServerDisconnectedError,
    TCPConnector,
)

URLS = pytest.mark.parametrize("url", ["http://a.test/", "https://a.test/"])
REFUSAL = b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nVia: a\r\nVia: b\r\nContent-Length: 4\r\n\r\nno.."


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@URLS
@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_a_proxy_that_is_not_there_is_named(url: str, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    async with ClientSession() as session:
        with pytest.raises(ClientProxyConnectionError, match=f"Cannot connect to host 127.0.0.1:{port}") as caught:
            await session.get(url, proxy=f"{scheme}://login:secret@127.0.0.1:{port}")
    assert isinstance(caught.value.os_error, ConnectionRefusedError)
    assert (caught.value.host, caught.value.port) == ("127.0.0.1", port)
    assert "secret" not in repr(caught.value)


@URLS
async def test_a_proxy_without_an_address_is_named(url: str) -> None:
    async with ClientSession() as session:
        with pytest.raises(ClientConnectorDNSError, match=r"Cannot connect to host proxy\.invalid:3128"):
            await session.get(url, proxy="http://proxy.invalid:3128")


@URLS
async def test_a_proxy_that_cannot_be_trusted_is_named(url: str, server_context: ssl.SSLContext) -> None:
    async with TunnelProxy(ssl=server_context) as proxy, ClientSession() as session:
        with pytest.raises(ClientConnectorCertificateError) as caught:
            await session.get(url, proxy=proxy.url())
    assert (caught.value.host, caught.value.port) == ("127.0.0.1", proxy.port)


@pytest.mark.parametrize("over_tls", [False, True])
async def test_an_origin_that_cannot_be_trusted_is_named(
    authority: trustme.CA, server_context: ssl.SSLContext, trust: ssl.SSLContext, over_tls: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.test").configure_cert(context)
    async with (
        RawServer(replying(OK), ssl=context) as origin,
        TunnelProxy(ssl=server_context if over_tls else None) as proxy,
        ClientSession(connector=TCPConnector(ssl=trust)) as session,
    ):
        with pytest.raises(ClientConnectorCertificateError) as caught:
            await session.get(origin.url(), proxy=proxy.url())
        assert (caught.value.host, caught.value.port) == ("127.0.0.1", origin.port)
        assert not origin.requests


async def test_a_proxy_that_breaks_the_handshake_off_is_named() -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.reset()

    async with RawServer(hang_up) as proxy, ClientSession() as session:
        with pytest.raises(ClientProxyConnectionError, match=f"127.0.0.1:{proxy.port}"):
            await session.get("http://a.test/", proxy=f"https://127.0.0.1:{proxy.port}")


async def test_a_refusal_tells_status_reason_fields_and_what_to_do() -> None:
    async with TunnelProxy(REFUSAL) as proxy, ClientSession() as session:
        with pytest.raises(ClientHttpProxyError, match="give the proxy's credentials as proxy=http://login") as caught:
            await session.get("https://a.test/path", proxy=f"http://me:secret@127.0.0.1:{proxy.port}")
        assert proxy.connections == 1
    error = caught.value
    assert (error.status, error.message) == (407, "Who are you")
    assert error.headers is not None
    assert error.headers.getall("Via") == ["a", "b"]
    assert error.request_info.method == "CONNECT"
    assert str(error.request_info.url) == "https://a.test/path"
    assert str(error.request_info.real_url) == f"http://127.0.0.1:{proxy.port}"
    assert "secret" not in repr(error) + str(error) + str(error.__cause__)
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(twin), twin.status, twin.headers) == (str(error), 407, error.headers)


async def test_a_407_without_a_tunnel_is_a_response_like_any_other() -> None:
    async with (
        RawServer(replying(REFUSAL)) as proxy,
        ClientSession() as session,
        session.get("http://a.test/", proxy=proxy.url()) as response,
    ):
        assert (response.status, await response.text()) == (407, "no..")


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"])
async def test_a_bad_answer_to_connect_is_an_error_of_the_proxys(answer: bytes) -> None:
    async with TunnelProxy(answer) as proxy, ClientSession() as session:
        with pytest.raises(ClientHttpProxyError, match=f"the proxy 127.0.0.1:{proxy.port} answered CONNECT badly"):
            await session.get("https://a.test/", proxy=proxy.url())


async def test_a_proxy_that_hangs_up_before_it_answers_is_asked_once() -> None:
    async with TunnelProxy(b"") as proxy, ClientSession() as session:
        with pytest.raises(ServerDisconnectedError, match="closed the connection before it answered CONNECT"):
            await session.get("https://a.test/", proxy=proxy.url())
        assert proxy.connections == 1


async def test_a_proxy_that_resets_before_it_answers_is_an_os_error() -> None:
    async def reset(peer: Peer) -> None:
        await peer.head()
        peer.reset()

    async with RawServer(reset) as proxy, ClientSession() as session:
        with pytest.raises(ClientOSError, match="closed the connection before it answered CONNECT") as caught:
            await session.get("https://a.test/", proxy=proxy.url())
    assert caught.value.errno == errno.ECONNRESET


async def test_an_origin_that_is_no_tls_server_is_named_not_the_proxy(trust: ssl.SSLContext) -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.reader.read(1)

    async with RawServer(hang_up) as origin, TunnelProxy() as proxy, ClientSession() as session:
        with pytest.raises(ClientConnectorError) as caught:
            await session.get(f"https://127.0.0.1:{origin.port}/", proxy=proxy.url(), ssl=trust)
    assert not isinstance(caught.value, ClientProxyConnectionError)
    assert caught.value.port == origin.port


@pytest.mark.parametrize("field", [{"X": "a\r\nEvil: 1"}, {"X\n": "a"}])
async def test_a_proxy_header_that_cannot_be_sent_is_refused_before_anything_is(field: dict[str, str]) -> None:
    connector = TCPConnector()
    async with TunnelProxy() as proxy, ClientSession(connector=connector) as session:
        with pytest.raises(ValueError):
            await session.get("https://a.test/", proxy=proxy.url(), proxy_headers=field)
        assert (proxy.connections, connector.pool.slots.taken) == (0, 0)


@pytest.mark.parametrize("proxy", ["ftp://127.0.0.1:1", "127.0.0.1:1", "http://", "proxy"])
async def test_what_is_no_proxy_is_refused(proxy: str) -> None:
    async with ClientSession() as session:
        with pytest.raises(InvalidURL):
            await session.get("http://a.test/", proxy=proxy)


@URLS
async def test_credentials_for_the_proxy_stay_with_it(
    url: str, trust: ssl.SSLContext, server_context: ssl.SSLContext
) -> None:
    heads: list[bytes] = []

    async def keep(peer: Peer) -> None:
        heads.append(await peer.request())
        await peer.send(OK)

    async with (
        RawServer(keep, ssl=server_context) as origin,
        TunnelProxy() as proxy,
        ClientSession(connector=TCPConnector(ssl=trust)) as session,
    ):
        target = origin.url() if url.startswith("https") else url
        async with session.get(target, proxy=f"http://me:secret@127.0.0.1:{proxy.port}") as response:
            assert response.status == 200
    assert b"\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n" in proxy.heads[0]
    assert not any(b"Proxy-Authorization" in head for head in heads)
