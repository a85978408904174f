"""What a session records of its requests: hops, tries and phases, on every way that a request may take."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator

import pytest
import trustme

from tests.client.echo import echo_server
from tests.client.recording import Recording, redirect
from tests.nginx import Nginx
from tests.raw_server import OK, Peer, RawServer, replying, silent
from tests.tunnels import TunnelProxy
from trunkline import (
    ClientConnectorError,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    UnixConnector,
)
from trunkline.client.middlewares import ClientHandlerType
from trunkline.client.observe.har import HarRecorder
from trunkline.client.observe.recorder import Recording as Records
from trunkline.client.observe.timeline import Timeline, Try
from trunkline.client.tracing import TraceConfig

SENT = ["send", "wait", "body"]
NEW = ["dns", "connect", *SENT]


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording({"/302": redirect(302, "/b"), "/307": redirect(307, "/302")}) as recording:
        yield recording


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx")) as running:
        yield running


def timeline_of(response: ClientResponse) -> Timeline:
    timeline = response.timeline
    assert timeline is not None
    return timeline


def only_try(response: ClientResponse) -> Try:
    ((each,),) = (hop.tries for hop in timeline_of(response).hops)
    return each


def names(each: Try) -> list[str]:
    return [phase.name for phase in each.phases]


def assert_in_order(timeline: Timeline) -> None:
    """Phases lie within their try, one after the other; tries of hops follow each other."""
    last = 0.0
    for each in (each for hop in timeline.hops for each in hop.tries):
        for start, end in ((phase.start_s, phase.end_s) for phase in each.phases):
            assert last <= start <= end <= each.end_s
            last = end
    assert last <= timeline.total_s


# When there is one.


async def test_a_session_that_was_not_asked_records_nothing(server: Recording) -> None:
    async with ClientSession() as plain, plain.get(server.url()) as response:
        assert response.timeline is None
    async with ClientSession(trace_configs=[TraceConfig()]) as traced, traced.get(server.url()) as response:
        assert response.timeline is None


async def test_a_new_connection_and_a_reused_one(server: Recording) -> None:
    url = f"http://localhost:{server.port}/"
    async with ClientSession(timeline=True) as session:
        async with session.get(url) as response:
            first = timeline_of(response)
        async with session.get(url) as response:
            second = timeline_of(response)
    for timeline, phases, is_reused in ((first, NEW, False), (second, SENT, True)):
        ((each,),) = (hop.tries for hop in timeline.hops)
        assert (each.status, each.error, each.is_reused, each.is_complete) == (200, None, is_reused, True)
        assert names(each) == phases
        assert str(each.peer).endswith(f":{server.port}")
        assert str(timeline.hops[0].url) == url
        assert_in_order(timeline)


async def test_an_address_and_a_name_in_the_cache(server: Recording) -> None:
    async with ClientSession(timeline=True, connector=TCPConnector(force_close=True)) as session:
        async with session.get(server.url()) as response:
            assert names(only_try(response)) == ["connect", *SENT]
        for _ in range(2):
            async with session.get(f"http://localhost:{server.port}/") as response:
                assert names(only_try(response)) == NEW


async def test_a_user_s_traces_are_still_told(server: Recording) -> None:
    told: list[str] = []
    config = TraceConfig()

    async def note(session: object, context: object, params: object) -> None:
        told.append(type(params).__name__)

    config.on_dns_resolvehost_start.append(note)
    config.on_response_chunk_received.append(note)
    async with (
        ClientSession(timeline=True, trace_configs=[config]) as session,
        session.get(f"http://localhost:{server.port}/") as response,
    ):
        await response.read()
        assert names(only_try(response)) == NEW
    assert told == ["TraceDnsResolveHostStartParams", "TraceResponseChunkReceivedParams"]


# Each phase.


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
async def test_tls_with_nginx(nginx: Nginx, tls: str) -> None:
    connector = TCPConnector(ssl=nginx.client_context())
    async with ClientSession(timeline=True, connector=connector) as session:
        async with session.get(nginx.url(tls=tls)) as response:
            await response.read()
            assert names(only_try(response)) == ["connect", "tls", *SENT]
        async with session.get(nginx.url("/moved", tls=tls)) as response:
            await response.read()
            timeline = timeline_of(response)
    assert [hop.status for hop in timeline.hops] == [302, 200]
    assert [each.is_reused for hop in timeline.hops for each in hop.tries] == [True, True]
    assert_in_order(timeline)


async def test_waiting_for_a_connection_is_a_phase(server: Recording) -> None:
    async with ClientSession(timeline=True, connector=TCPConnector(limit=1)) as session:

        async def fetch() -> ClientResponse:
            async with session.get(server.url()) as response:
                return response

        first, second = await asyncio.gather(fetch(), fetch())
    assert names(only_try(first)) == ["connect", *SENT]
    assert names(only_try(second)) == ["queue", *SENT]


async def test_a_unix_socket_has_a_path_in_place_of_an_address(nginx: Nginx) -> None:
    path = str(nginx.folder / "nginx.sock")
    async with (
        ClientSession(timeline=True, connector=UnixConnector(path)) as session,
        session.get("http://nginx/small") as response,
    ):
        each = only_try(response)
    assert names(each) == ["connect", *SENT]
    assert each.peer == path


async def test_a_tunnel_through_a_proxy_with_tls() -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_context)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trust)
    async with (
        RawServer(replying(OK), ssl=server_context) as origin,
        TunnelProxy(ssl=server_context) as proxy,
        ClientSession(timeline=True, connector=TCPConnector(ssl=trust)) as session,
        session.get(origin.url(), proxy=proxy.url()) as response,
    ):
        each = only_try(response)
    assert names(each) == ["connect", "tls", "tunnel", "tls", *SENT]
    assert each.peer == f"127.0.0.1:{proxy.port}"


async def test_an_upload_belongs_to_sending(server: Recording) -> None:
    released = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"a" * 10
        released.set()
        yield b"b" * 10

    async with ClientSession(timeline=True) as session, session.post(server.url(), data=body()) as response:
        each = only_try(response)
    assert released.is_set()
    assert names(each) == ["connect", *SENT]


async def test_an_answer_before_the_upload_s_end_ends_the_sending() -> None:
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"a" * 10
        await never.wait()

    async def answer(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        await peer.wait_closed_by_client()

    async with (
        RawServer(answer) as server,
        ClientSession(timeline=True) as session,
        session.post(server.url(), data=body()) as response,
    ):
        each = only_try(response)
    assert names(each) == ["connect", "send", "body"]


async def test_100_continue_is_not_the_answer() -> None:
    async def answer(peer: Peer) -> None:
        head = await peer.head()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await peer.body(head)
        await peer.send(OK)
        await peer.wait_closed_by_client()

    async with (
        RawServer(answer) as server,
        ClientSession(timeline=True) as session,
        session.post(server.url(), data=b"abc", expect100=True) as response,
    ):
        assert names(only_try(response)) == ["connect", *SENT]


async def test_a_body_that_is_still_arriving_counts_as_far_as_it_has_come() -> None:
    go_on = asyncio.Event()

    async def answer(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await go_on.wait()
        await peer.send(b"cd")
        await peer.wait_closed_by_client()

    async with (
        RawServer(answer) as server,
        ClientSession(timeline=True) as session,
        session.get(server.url()) as response,
    ):
        early = timeline_of(response)
        go_on.set()
        await response.read()
        late = timeline_of(response)
        later = timeline_of(response)
    assert (early.is_complete, late.is_complete) == (False, True)
    assert "more to come" in str(early)
    assert early.total_s < late.total_s
    assert later == late  # and the value that was handed out stays as it is


async def test_a_websocket_s_body_goes_on_until_it_is_closed() -> None:
    keeper = HarRecorder()
    async with (
        echo_server() as server,
        ClientSession(trace_configs=[keeper]) as session,
        session.ws_connect(server.make_url("/")) as websocket,
    ):
        await websocket.send_str("a")
        assert (await websocket.receive_str()) == "a"
        assert keeper.har()["log"]["entries"][0]["comment"] == "still under way"
    (entry,) = keeper.har()["log"]["entries"]
    assert entry["response"]["status"] == 101
    assert "comment" not in entry


# More than one try.


async def test_redirects_are_hops(server: Recording) -> None:
    async with ClientSession(timeline=True) as session, session.get(server.url("/307")) as response:
        timeline = timeline_of(response)
        assert response.history[0].timeline == timeline
    assert [(hop.url.path, hop.status, len(hop.tries)) for hop in timeline.hops] == [
        ("/307", 307, 1),
        ("/302", 302, 1),
        ("/b", 200, 1),
    ]
    assert_in_order(timeline)


async def test_what_a_stale_connection_lost_is_a_try_of_its_own() -> None:
    async def answer(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        if peer.number == 0:
            await peer.request()  # and no answer
        else:
            await peer.wait_closed_by_client()

    async with RawServer(answer) as server, ClientSession(timeline=True) as session:
        async with session.get(server.url()) as response:
            await response.read()
        async with session.get(server.url()) as response:
            (hop,) = timeline_of(response).hops
    lost, last = hop.tries
    assert (lost.status, lost.is_reused, lost.is_complete) == (None, True, True)
    assert str(lost.error).startswith("ServerDisconnectedError")
    assert (last.status, last.is_reused, last.error) == (200, False, None)


async def test_a_middleware_that_sends_twice_at_a_time_gets_two_tries_that_do_not_mix() -> None:
    async def hedge(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        first, second = await asyncio.gather(handler(request), handler(request))
        await second.read()
        return first

    async with (
        Recording() as server,
        ClientSession(timeline=True, middlewares=[hedge]) as session,
        session.get(f"http://localhost:{server.port}/") as response,
    ):
        (hop,) = timeline_of(response).hops
    assert [names(each) for each in hop.tries] == [NEW, NEW]
    assert len({each.peer for each in hop.tries}) == 1


async def test_a_middleware_that_goes_on_trying_is_not_kept_whole() -> None:
    async def insist(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        for _ in range(99):
            (await handler(request)).release()
        return await handler(request)

    async with (
        Recording() as server,
        ClientSession(timeline=True, middlewares=[insist]) as session,
        session.get(server.url()) as response,
    ):
        (hop,) = timeline_of(response).hops
    assert len(server.requests) == 100
    assert len(hop.tries) == 64


async def test_a_middleware_s_own_answer_has_no_timeline() -> None:
    async def answer(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        return ClientResponse(request.method, request.url)

    async with (
        ClientSession(timeline=True, middlewares=[answer]) as session,
        session.get("http://a.test/") as response,
    ):
        assert response.timeline is None


def test_a_request_that_has_not_begun_has_no_hops() -> None:
    assert Records().timeline() == Timeline((), 0.0, True)


# What goes wrong.


async def test_a_connection_that_fails_shows_where(unused_port: int) -> None:
    keeper = HarRecorder()
    async with ClientSession(trace_configs=[keeper]) as session:
        with pytest.raises(ClientConnectorError):
            await session.get(f"http://127.0.0.1:{unused_port}/")
    (entry,) = keeper.har()["log"]["entries"]
    assert entry["response"]["_error"].startswith("ClientConnectorError: Cannot connect")


async def test_a_timeout_is_an_error_of_its_try() -> None:
    keeper = HarRecorder()
    async with RawServer(silent) as server, ClientSession(trace_configs=[keeper]) as session:
        with pytest.raises(TimeoutError):
            await session.get(server.url(), timeout=ClientTimeout(sock_read=0.05))
    (entry,) = keeper.har()["log"]["entries"]
    assert entry["response"]["_error"].startswith("SocketTimeoutError")
    assert entry["timings"]["wait"] >= 50


async def test_a_body_that_was_cut_short_is_an_error() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
    async with (
        RawServer(replying(cut, then_close=True)) as server,
        ClientSession(timeline=True) as session,
        session.get(server.url()) as response,
    ):
        with pytest.raises(ClientPayloadError):
            await response.read()
        each = only_try(response)
    assert each.status == 200
    assert str(each.error).startswith("ClientPayloadError")


async def test_a_response_given_up_says_so() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
    async with RawServer(replying(half)) as server, ClientSession(timeline=True) as session:
        async with session.get(server.url()) as response:
            pass
        each = only_try(response)
    assert each.is_complete
    assert "given up" in str(each.error)


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
