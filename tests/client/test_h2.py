"""The client over HTTP/2, against a scripted server of the h2 library: when it is spoken, and what it looks like."""

import asyncio

import pytest
from h2.errors import ErrorCodes

from tests.both_loops import Run
from tests.client.h2 import (
    clear_session,
    client_context,
    echo,
    hello,
    pieces,
    read_all,
    server_context,
    tls_session,
)
from tests.h2_server import H2Peer, H2Server, ServerStream
from trunkline import ClientSession, HttpVersion11, ServerDisconnectedError, TCPConnector


async def test_alpn_chooses_http2_by_default() -> None:
    async with H2Server(hello, ssl=server_context()) as server, tls_session() as session:
        async with session.get(server.url("/a?b=c")) as response:
            assert response.version == (2, 0)
            assert (response.status, response.reason, await response.read()) == (200, "OK", b"hello")
        (stream,) = server.requests
        assert stream.fields[:4] == [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/a?b=c"),
            (":authority", f"127.0.0.1:{server.port}"),
        ]
        assert stream.field("host") is stream.field("connection") is None


@pytest.mark.parametrize("uses_tls", [False, True])
def test_a_get_and_a_post_on_both_loops(run: Run, uses_tls: bool) -> None:
    async def main() -> None:
        context = server_context() if uses_tls else None
        make_session = tls_session if uses_tls else clear_session
        async with H2Server(echo, ssl=context) as server, make_session() as session:
            async with session.get(server.url()) as response:
                assert await response.read() == b""
            async with session.post(server.url(), data=b"x" * 3000) as response:
                assert await response.read() == b"x" * 3000
            async with session.post(server.url(), data=pieces(20)) as response:
                assert await response.read() == b"a piece" * 20
        assert len(server.peers) == 1

    run(main())


@pytest.mark.parametrize(("http2", "force_close"), [(False, False), (True, True)])
async def test_http1_is_offered_alone_when_http2_is_off(http2: bool, force_close: bool) -> None:
    connector = TCPConnector(ssl=False, http2=http2, force_close=force_close)
    assert await offered_alpn(ClientSession(connector=connector)) == "http/1.1"


async def test_a_version_that_was_chosen_is_the_one_that_is_offered() -> None:
    assert await offered_alpn(ClientSession(connector=TCPConnector(ssl=False), version=HttpVersion11)) == "http/1.1"
    assert await offered_alpn(ClientSession(connector=TCPConnector(ssl=False))) == "h2"


async def test_an_upgrade_is_asked_for_over_http1() -> None:
    session = ClientSession(connector=TCPConnector(ssl=False), headers={"Upgrade": "tcp", "Connection": "Upgrade"})
    assert await offered_alpn(session) == "http/1.1"


@pytest.mark.parametrize(("alpn", "spoken"), [(("h2",), "h2"), (("http/1.1",), "http/1.1")])
async def test_a_context_of_the_users_decides_for_itself(alpn: tuple[str, ...], spoken: str) -> None:
    for http2 in (True, False):
        connector = TCPConnector(ssl=client_context(*alpn), http2=http2)
        assert await offered_alpn(ClientSession(connector=connector)) == spoken


async def offered_alpn(session: ClientSession) -> str | None:
    """Return what a server that speaks both agrees upon with `session`."""
    chosen: list[str | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context("h2", "http/1.1"))
    async with server, session:
        with pytest.raises(ServerDisconnectedError):
            await session.post(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    return chosen[0]


def test_other_words_for_http2_are_refused(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="pass True, False or 'prior-knowledge'"):
            TCPConnector(http2="h2c")
        with pytest.raises(ValueError, match="force_close"):
            TCPConnector(http2="prior-knowledge", force_close=True)

    run(main())


async def test_a_version_of_http1_is_used_after_it_was_demanded() -> None:
    async def demand(stream: ServerStream) -> None:
        stream.reset(ErrorCodes.HTTP_1_1_REQUIRED)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh1")

    loop = asyncio.get_running_loop()
    context = server_context("h2", "http/1.1")
    server = H2Server(demand)

    class Both(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
                protocol: asyncio.Protocol = H2Peer(server)
            else:
                reader = asyncio.StreamReader()
                protocol = asyncio.StreamReaderProtocol(reader, serve)
            transport.set_protocol(protocol)
            protocol.connection_made(transport)

    listening = await loop.create_server(Both, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    async with listening, tls_session() as session:
        assert await read_all(session, url) == b"h1"
        assert await read_all(session, url) == b"h1"
        assert len(server.peers) == 1
