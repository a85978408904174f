import asyncio
import ssl
from contextlib import suppress

import pytest
import trustme

from tests.both_loops import Run
from tests.raw_server import Peer, RawServer
from tests.transport.conftest import Client, context_of, echo_server, loopback
from tests.tunnels import AGREED, TunnelProxy
from trunkline.transport.errors import BadTunnel, CertificateError, TLSError, TunnelLost, TunnelRefused
from trunkline.transport.handshake import TLSOptions, start_tls
from trunkline.transport.tcp import open_tcp
from trunkline.transport.tunnel import Tunnel, connect_request
from trunkline.wire.limits import MAX_FIELDS, MAX_INTERIM_RESPONSES

REQUEST = connect_request("origin.test", 443)


@pytest.mark.parametrize(
    ("host", "fields", "credentials", "wanted"),
    [
        ("a.test", [], None, ["Host: a.test:443"]),
        ("::1", [], None, ["Host: [::1]:443"]),
        ("a.test", [("X-Trace", "1"), ("User-Agent", "mine")], None,
         ["Host: a.test:443", "X-Trace: 1", "User-Agent: mine"]),
        ("a.test", [("Host", "evil.test"), ("Content-Length", "5"), ("Transfer-Encoding", "chunked")], None,
         ["Host: a.test:443"]),
        ("a.test", [("Proxy-Authorization", "old")], "new", ["Host: a.test:443", "Proxy-Authorization: new"]),
        ("a.test", [("Proxy-Authorization", "old")], None, ["Host: a.test:443", "Proxy-Authorization: old"]),
    ],
)  # fmt: skip
def test_a_request_names_the_target_and_carries_what_is_for_the_proxy(
    host: str, fields: list[tuple[str, str]], credentials: str | None, wanted: list[str]
) -> None:
    line, *sent = connect_request(host, 443, fields, credentials).decode().removesuffix("\r\n\r\n").split("\r\n")
    assert line == f"CONNECT {'[::1]' if host == '::1' else host}:443 HTTP/1.1"
    own_agent = [field for field in sent if field.startswith("User-Agent: Python/")]
    assert [field for field in sent if field not in own_agent] == wanted
    assert len(own_agent) == (0 if "User-Agent: mine" in sent else 1)


@pytest.mark.parametrize("field", [("X", "a\r\nEvil: 1"), ("X\n", "a"), ("", "a"), ("X:", "a")])
def test_a_field_that_would_break_the_request_is_refused(field: tuple[str, str]) -> None:
    with pytest.raises(ValueError):
        connect_request("a.test", 443, [field])


def proxy(*answer: bytes, stays: bool = True) -> RawServer:
    """A proxy that answers with some pieces, and then waits for the client's end, or ends first."""

    async def serve(peer: Peer) -> None:
        assert await peer.head() == REQUEST
        for piece in answer:
            await peer.send(piece)
            await asyncio.sleep(0)
        if stays:
            await peer.wait_closed_by_client()

    return RawServer(serve)


async def connect(port: int, tls: TLSOptions | None = None) -> tuple[asyncio.Transport, Tunnel]:
    loop = asyncio.get_running_loop()
    return await open_tcp(lambda: Tunnel(loop, "localhost", port), [loopback(port)], "localhost", port, tls)


@pytest.mark.parametrize(
    "answer",
    [
        [AGREED],
        [b"HTTP/1.0 200\r\n\r\n"],
        [b"HTTP/1.1 204 whatever\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + AGREED],
        [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * MAX_INTERIM_RESPONSES, AGREED],
        [AGREED[at : at + 1] for at in range(len(AGREED))],
    ],
    ids=["200", "old", "2xx with lengths", "100 first", "many 103 first", "dripped"],
)
def test_any_2xx_opens_the_tunnel_whatever_length_it_claims(run: Run, answer: list[bytes]) -> None:
    async def main() -> None:
        async with proxy(*answer) as server:
            transport, tunnel = await connect(server.port)
            await tunnel.open(REQUEST)
            assert not transport.is_closing()
            transport.abort()

    run(main())


@pytest.mark.parametrize("status", [101, 302, 403, 407, 502])
def test_any_other_status_is_told_with_its_fields(run: Run, status: int) -> None:
    async def main() -> None:
        answer = f"HTTP/1.1 {status} Because\r\nProxy-Authenticate: Basic\r\nContent-Length: 9999\r\n\r\nthe body"
        async with proxy(answer.encode()) as server:
            transport, tunnel = await connect(server.port)
            with pytest.raises(TunnelRefused, match=f"{status} Because") as caught:
                await tunnel.open(REQUEST)
            assert (caught.value.status, caught.value.reason) == (status, "Because")
            assert ("Proxy-Authenticate", "Basic") in caught.value.fields
            transport.abort()

    run(main())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "bytes b'SSH"),
        (b"HTTP/1.1 twohundred\r\n\r\n", "status line"),
        (b"HTTP/1.1 200 OK\nX: 1\n\n", "LF alone"),
        (b"HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n", "Bad Name"),
        (AGREED + b"x", "1 bytes after the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "2 bytes after the answer"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * (MAX_INTERIM_RESPONSES + 1) + AGREED, "interim"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * (MAX_FIELDS + 2), "field lines"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000, "bytes in a head|bytes of a head"),
    ],
)
def test_an_answer_that_is_none_is_refused(run: Run, answer: bytes, why: str) -> None:
    async def main() -> None:
        async with proxy(answer) as server:
            transport, tunnel = await connect(server.port)
            with pytest.raises(BadTunnel, match=why):
                await tunnel.open(REQUEST)
            assert transport.is_closing()

    run(main())


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nX:", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_proxy_that_hangs_up_is_told(run: Run, answer: bytes) -> None:
    async def main() -> None:
        async with proxy(answer, stays=False) as server:
            _, tunnel = await connect(server.port)
            with pytest.raises(TunnelLost, match="closed the connection before it answered CONNECT"):
                await tunnel.open(REQUEST)

    run(main())


def test_what_comes_between_the_answer_and_our_hello_ends_the_tunnel(run: Run, client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        async with proxy(AGREED) as server:
            transport, tunnel = await connect(server.port)
            await tunnel.open(REQUEST)
            tunnel.data_received(b"HTTP/1.1 200 OK\r\n")  # as the loop would, if it came a moment later
            with pytest.raises(TLSError, match="spoke first"):
                await start_tls(transport, Client, "origin.test", 443, TLSOptions(client_context, "origin.test"))

    run(main())


@pytest.mark.parametrize("over_tls", [False, True], ids=["http proxy", "https proxy"])
def test_tls_goes_through_the_tunnel_also_within_tls(
    run: Run, server_context: ssl.SSLContext, client_context: ssl.SSLContext, over_tls: bool
) -> None:
    async def main() -> None:
        tls = TLSOptions(client_context, "localhost")
        async with (
            echo_server(server_context) as (origin_port, _),
            TunnelProxy(ssl=server_context if over_tls else None) as server,
        ):
            outer, tunnel = await connect(server.port, tls if over_tls else None)
            await tunnel.open(connect_request("localhost", origin_port))
            transport, client = await start_tls(outer, Client, "localhost", origin_port, tls)
            assert client.made == 1
            transport.write(b"x" * 100_000)
            assert (await client.received).startswith(b"x")
            transport.abort()
            with suppress(asyncio.CancelledError):
                await client.received
            assert outer.is_closing()

    run(main())


@pytest.mark.parametrize("over_tls", [False, True], ids=["http proxy", "https proxy"])
def test_a_certificate_of_the_origin_is_verified_and_the_reason_is_kept(
    run: Run, authority: trustme.CA, server_context: ssl.SSLContext, client_context: ssl.SSLContext, over_tls: bool
) -> None:
    errors: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        tls = TLSOptions(client_context, "localhost")
        async with (
            echo_server(context_of(authority.issue_cert("other.test"))) as (origin_port, received),
            TunnelProxy(ssl=server_context if over_tls else None) as server,
        ):
            outer, tunnel = await connect(server.port, tls if over_tls else None)
            await tunnel.open(connect_request("localhost", origin_port))
            with pytest.raises(CertificateError, match=f"localhost:{origin_port}.*Hostname mismatch"):
                await start_tls(outer, Client, "localhost", origin_port, tls)
            assert outer.is_closing()
            assert not received

    run(main())
    assert not errors
