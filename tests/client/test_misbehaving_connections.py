"""Servers that break off: what is retried, what is an error, and what the server counts."""

import asyncio
import ssl

import pytest

from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, Handler, Peer, RawServer, silent
from trunkline import (
    ClientConnectionError,
    ClientError,
    ClientOSError,
    ClientPayloadError,
    ClientSession,
    ServerDisconnectedError,
    TCPConnector,
)
from trunkline.testing.throwaway_ca import ThrowawayCA

RESPONSES = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX: y\r\n\r\n",
}


def breaking_off(second_answer: bytes, *, by_reset: bool = False) -> Handler:
    """The first connection answers one request well, and the second with `second_answer` and its end."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        if peer.number:
            await peer.send(OK)
            await peer.wait_closed_by_client()
            return
        await peer.send(second_answer)
        if by_reset:
            peer.reset()

    return handler


async def reuse(session: ClientSession, server: RawServer, method: str, **options: bytes) -> bytes:
    """Request once to have an idle connection, then once more."""
    async with session.get(server.url("/first")) as response:
        await response.read()
    async with session.request(method, server.url("/second"), **options) as response:
        return await response.read()


@pytest.mark.parametrize("whole", RESPONSES.values(), ids=RESPONSES)
async def test_a_response_cut_at_any_byte_is_an_error_and_no_second_request(whole: bytes) -> None:
    for cut in range(1, len(whole)):
        async with RawServer(breaking_off(whole[:cut])) as server, ClientSession() as session:
            with pytest.raises((ServerDisconnectedError, ClientPayloadError), match=r"disconnect|not completed"):
                await reuse(session, server, "GET")
            await wait_nothing_held(session)
            assert server.requests == ["GET /first HTTP/1.1", "GET /second HTTP/1.1"]


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_a_stale_connection_is_replaced_once_when_repeating_does_no_harm(method: str, by_reset: bool) -> None:
    async with RawServer(breaking_off(b"", by_reset=by_reset)) as server, ClientSession() as session:
        body = await reuse(session, server, method)
        assert body == (b"" if method == "HEAD" else b"ok")
        await wait_nothing_held(session)
        assert server.requests == ["GET /first HTTP/1.1"] + [f"{method} /second HTTP/1.1"] * 2
        assert server.connections == 2


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_request_that_may_have_had_effect_is_never_sent_twice(method: str, by_reset: bool) -> None:
    async with RawServer(breaking_off(b"", by_reset=by_reset)) as server, ClientSession() as session:
        with pytest.raises(ClientOSError if by_reset else ServerDisconnectedError, match=r".{10}"):
            await reuse(session, server, method, data=b"once")
        await wait_nothing_held(session)
        assert server.requests == ["GET /first HTTP/1.1", f"{method} /second HTTP/1.1"]


async def test_a_body_is_sent_again_with_the_retry() -> None:
    async def handler(peer: Peer) -> None:
        bodies.append((await peer.request()).partition(b"\r\n\r\n")[2])
        await peer.send(OK)
        bodies.append((await peer.request()).partition(b"\r\n\r\n")[2])

    bodies: list[bytes] = []
    async with RawServer(handler) as server, ClientSession() as session:
        assert await reuse(session, server, "PUT", data=b"again") == b"ok"
    assert b"|".join(bodies) == b"|again|again"


async def test_a_queued_request_is_retried_when_it_was_given_a_stale_connection() -> None:
    async with RawServer(breaking_off(b"")) as server:
        async with ClientSession(connector=TCPConnector(limit=1)) as session:

            async def get() -> bytes:
                async with session.get(server.url()) as response:
                    return await response.read()

            assert list(await asyncio.gather(get(), get())) == [b"ok"] * 2
        assert server.connections == 2


async def test_a_fresh_connection_is_not_retried() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()

    async with RawServer(handler) as server, ClientSession() as session:
        for _ in range(2):
            with pytest.raises(ServerDisconnectedError):
                await session.get(server.url())
        assert len(server.requests) == 2


async def test_the_retry_is_not_retried() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.send(OK)
            await peer.request()

    async with RawServer(handler) as server, ClientSession() as session:
        with pytest.raises(ServerDisconnectedError):
            await reuse(session, server, "GET")
        await wait_nothing_held(session)
        assert server.connections == 2
        assert len(server.requests) == 3


async def test_a_reset_without_an_answer_is_an_os_error() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with RawServer(handler) as server, ClientSession() as session:
        with pytest.raises(ClientOSError, match="reset") as caught:
            await session.get(server.url())
        assert isinstance(caught.value, ClientConnectionError)
        await wait_nothing_held(session)


async def test_a_reset_within_the_body_is_an_error_of_the_payload() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000)
        await head_came.wait()
        peer.reset()

    head_came = asyncio.Event()
    async with RawServer(handler) as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            head_came.set()
            with pytest.raises(ClientPayloadError, match="the connection broke"):
                await response.read()
        await wait_nothing_held(session)


async def test_a_server_that_hangs_up_at_once_is_an_error() -> None:
    async def handler(peer: Peer) -> None:
        peer.reset()

    async with RawServer(handler) as server, ClientSession() as session:
        for _ in range(20):
            with pytest.raises(ClientConnectionError, match=r".{10}"):
                await session.get(server.url())
        await wait_nothing_held(session)
        assert session.connector is not None
        assert idle_count(session.connector) == 0


@pytest.mark.parametrize("says_goodbye", [True, False])
@pytest.mark.parametrize("framing", [b"", b"Content-Length: 9\r\n"])
async def test_tls_that_ends_without_close_notify_never_ends_a_body(framing: bytes, says_goodbye: bool) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\npart")
        if not says_goodbye:
            peer.writer.transport.abort()  # a FIN that anybody on the way could have sent

    authority = ThrowawayCA()
    async with (
        RawServer(handler, ssl=authority.server_context()) as server,
        ClientSession(connector=TCPConnector(ssl=authority.client_context())) as session,
    ):
        async with session.get(server.url()) as response:
            if framing or not says_goodbye:
                with pytest.raises(ClientPayloadError):
                    await response.read()
            else:
                assert await response.read() == b"part"
        await wait_nothing_held(session)


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28"])
async def test_a_server_that_speaks_no_tls_is_an_error(greeting: bytes) -> None:
    async def handler(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(greeting)

    async with RawServer(handler) as server, ClientSession() as session:
        with pytest.raises(ClientConnectionError, match=r"Cannot connect to host 127\.0\.0\.1") as caught:
            await session.get(server.url().replace("http:", "https:"))
        assert isinstance(caught.value, ClientError)
        await wait_nothing_held(session)


async def test_a_refused_connection_names_host_and_port() -> None:
    async with RawServer(silent) as server:
        port = server.port
    async with ClientSession() as session:
        with pytest.raises(ClientConnectionError, match=f"127.0.0.1:{port}"):
            await session.get(f"http://127.0.0.1:{port}/")
        await wait_nothing_held(session)


async def test_a_client_certificate_that_is_missing_is_a_clear_error() -> None:
    authority = ThrowawayCA()
    strict = authority.server_context()
    strict.verify_mode = ssl.CERT_REQUIRED
    strict.load_verify_locations(cadata=authority.certificate_pem)
    async with RawServer(silent, ssl=strict) as server:
        async with ClientSession(connector=TCPConnector(ssl=authority.client_context())) as session:
            with pytest.raises(ClientError, match=r".{10}"):
                await session.get(server.url())
            await wait_nothing_held(session)
        assert server.requests == []
