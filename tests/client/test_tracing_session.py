"""Tracing at work: which signals a session's requests send, in which order, with what, and what callbacks may do."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from tests.client.diary import CREATED, RESOLVED, SENT, Diary
from tests.client.echo import echo_server
from tests.client.recording import Recording, redirect
from tests.pool_state import wait_nothing_held
from tests.raw_server import RawServer
from trunkline import ClientRequest, ClientResponse, ClientSession, TCPConnector
from trunkline.client.middlewares import ClientHandlerType
from trunkline.client.tracing import TraceConfig
from trunkline.testing.loopback import LoopbackResponse


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    answers = {
        "/302": redirect(302, "/b"),
        "/307": redirect(307, "/302"),
        "/nowhere": LoopbackResponse(302),
    }
    async with Recording(answers) as recording:
        yield recording


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
async def session(diary: Diary) -> AsyncIterator[ClientSession]:
    async with ClientSession(trace_configs=[diary.config]) as session:
        yield session
        await wait_nothing_held(session)


# The order.


async def test_the_way_of_a_request(server: Recording, session: ClientSession, diary: Diary) -> None:
    url = f"http://localhost:{server.port}/"
    async with session.get(url) as response:
        assert diary.page() == ["request_start", *RESOLVED, *SENT]
        await response.read()
        await response.text()
        assert diary.page() == ["response_chunk_received"]
    async with session.get(url):
        assert diary.page() == ["request_start", "connection_reuseconn", *SENT]
    assert diary.page() == []  # nobody read the body


async def test_a_name_in_the_dns_cache_is_a_hit(server: Recording, diary: Diary) -> None:
    connector = TCPConnector(force_close=True)
    async with ClientSession(connector=connector, trace_configs=[diary.config]) as session:
        for _ in range(2):
            diary.page()
            await (await session.get(f"http://localhost:{server.port}/")).read()
    hit = ["connection_create_start", "dns_cache_hit", "connection_create_end"]
    assert diary.page() == ["request_start", *hit, *SENT, "response_chunk_received"]
    assert diary.params["dns_cache_hit"].host == "localhost"


async def test_a_body_that_is_iterated_over_is_not_told(
    server: Recording, session: ClientSession, diary: Diary
) -> None:
    async with session.get(server.url()) as response:
        assert [piece async for piece in response.content.iter_any()] == [b"ok"]
    assert diary.page() == ["request_start", *CREATED, *SENT]


@pytest.mark.parametrize(
    ("path", "signals"),
    [
        ("/302", ["request_redirect", "connection_reuseconn", *SENT]),
        ("/nowhere", ["request_redirect", "request_end"]),
    ],
)
async def test_a_redirect_is_told_and_starts_no_request(
    server: Recording, session: ClientSession, diary: Diary, path: str, signals: list[str]
) -> None:
    await session.get(server.url(path))
    assert diary.page() == ["request_start", *CREATED, "request_headers_sent", *signals]


async def test_a_redirect_that_is_not_followed_is_not_told(
    server: Recording, session: ClientSession, diary: Diary
) -> None:
    await session.get(server.url("/302"), allow_redirects=False)
    assert diary.page() == ["request_start", *CREATED, *SENT]


async def pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


@pytest.mark.parametrize(
    ("body", "options", "chunks"),
    [
        (b"bytes", {}, [b"bytes"]),
        ("text", {}, [b"text"]),
        ({"a": "1"}, {}, [b"a=1"]),
        (pieces, {}, [b"one", b"two"]),
        (b"bytes", {"compress": "deflate"}, [b"bytes"]),
        (b"bytes", {"expect100": True}, [b"bytes"]),
        (bytes(300_000), {}, [bytes(300_000)]),
        (None, {}, []),
    ],
)
# Any: whatever a request takes.
async def test_what_is_sent_of_a_body_is_told(server: Recording, body: Any, options: Any, chunks: list[bytes]) -> None:
    told: list[bytes] = []

    async def note(params: Any) -> None:
        told.append(params.chunk)

    diary = Diary({"request_chunk_sent": note})
    async with ClientSession(trace_configs=[diary.config]) as session:
        await session.post(server.url(), data=body() if body is pieces else body, **options)
    assert b"".join(told) == b"".join(chunks)
    assert [chunk for chunk in told if chunk] == chunks
    assert diary.page() == [
        "request_start",
        *CREATED,
        "request_headers_sent",
        *("request_chunk_sent" for _ in chunks),
        "request_end",
    ]


async def test_both_tries_on_a_connection_that_was_stale_are_told(diary: Diary) -> None:
    async def handler(peer: Any) -> None:  # Any: a Peer
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if not peer.number:
            await peer.request()

    async with RawServer(handler) as server, ClientSession(trace_configs=[diary.config]) as session:
        await session.get(server.url())
        diary.page()
        await session.get(server.url())
    tries = ["connection_reuseconn", "request_headers_sent", *CREATED, "request_headers_sent"]
    assert diary.page() == ["request_start", *tries, "request_end"]


async def test_a_wait_for_a_connection_is_told(server: Recording) -> None:
    first, second = Diary(), Diary()
    connector = TCPConnector(limit=1)
    async with (
        ClientSession(connector=connector, connector_owner=False, trace_configs=[first.config]) as one,
        ClientSession(connector=connector, trace_configs=[second.config]) as two,
    ):
        await asyncio.gather(one.get(server.url()), two.get(server.url()))
    waited = ["connection_queued_start", "connection_queued_end", "connection_reuseconn"]
    assert second.page() == ["request_start", *waited, *SENT]


async def test_a_middleware_that_sends_twice_makes_one_request(server: Recording, diary: Diary) -> None:
    async def twice(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        await handler(request)
        return await handler(request)

    async with ClientSession(trace_configs=[diary.config], middlewares=[twice]) as session:
        await session.get(server.url())
    tries = [*CREATED, "request_headers_sent", "connection_reuseconn", "request_headers_sent"]
    assert diary.page() == ["request_start", *tries, "request_end"]


async def test_a_websocket_is_a_request_and_its_messages_are_not_told(session: ClientSession, diary: Diary) -> None:
    async with echo_server() as server, session.ws_connect(server.make_url("/")) as websocket:
        await websocket.send_str("a")
        assert (await websocket.receive()).data == "a"
    assert diary.page() == ["request_start", *CREATED, *SENT]
    assert diary.params["request_start"].headers["Upgrade"] == "websocket"
    assert diary.params["request_end"].response.status == 101


# What is told.


async def test_the_urls_that_callbacks_get(server: Recording, session: ClientSession, diary: Diary) -> None:
    async with session.post(server.url("/?a=1#part"), params={"b": "2 3"}, data=b"x") as response:
        await response.read()
    whole, sent = URL(server.url("/?a=1&b=2+3#part")), URL(server.url("/?a=1&b=2+3"))
    for signal in ("request_start", "request_end"):
        assert diary.params[signal].url == whole
    for signal in ("request_headers_sent", "request_chunk_sent", "response_chunk_received"):
        assert diary.params[signal].url == sent
        assert diary.params[signal].method == "POST"
    assert diary.params["request_end"].response is response
    assert diary.params["response_chunk_received"].chunk == b"ok"


async def test_a_relative_url_is_joined_before_anything_is_told(server: Recording, diary: Diary) -> None:
    async with ClientSession(server.url("/a/"), trace_configs=[diary.config]) as session:
        await session.request("get", "b")
    assert diary.params["request_start"].url == URL(server.url("/a/b"))
    assert diary.params["request_start"].method == "GET"


async def test_a_redirect_is_told_with_the_request_that_it_answers(
    server: Recording, session: ClientSession, diary: Diary
) -> None:
    await session.post(server.url("/307"), data=b"x")
    event = diary.params["request_redirect"]
    assert (event.method, event.url, event.response.status) == ("POST", URL(server.url("/302")), 302)
    assert (diary.params["request_end"].method, diary.params["request_end"].url) == ("GET", URL(server.url("/b")))


async def test_each_request_has_a_context_which_its_signals_share(
    server: Recording, session: ClientSession, diary: Diary
) -> None:
    await session.get(server.url("/302"), trace_request_ctx={"a": 1})
    assert len({id(context) for context in diary.contexts}) == 1
    assert diary.contexts[0].trace_request_ctx == {"a": 1}
    await session.get(server.url())
    assert diary.contexts[-1].trace_request_ctx is None


# Headers.


async def test_callbacks_get_the_fields_of_session_and_call_and_later_all_that_are_sent(
    server: Recording, diary: Diary
) -> None:
    async with ClientSession(trace_configs=[diary.config], headers={"A": "1"}) as session:
        await session.get(server.url(), headers={"B": "2"})
    start, sent = diary.params["request_start"].headers, diary.params["request_headers_sent"].headers
    assert type(start) is CIMultiDict
    assert dict(start) == {"A": "1", "B": "2"}
    assert diary.params["request_end"].headers is start
    assert sent["Host"] == f"127.0.0.1:{server.port}"
    assert (sent["A"], sent["B"]) == ("1", "2")


async def test_fields_that_a_callback_sets_reach_the_server_of_every_hop(server: Recording) -> None:
    # Any: the params of each signal.
    async def set_fields(params: Any) -> None:
        params.headers["traceparent"] = "00-1"
        params.headers["A"] = "set"
        params.headers.pop("B")

    async def set_more(params: Any) -> None:
        params.headers["C"] = "of the redirect"

    async def set_late(params: Any) -> None:
        params.headers["D"] = "late"

    diary = Diary({"request_start": set_fields, "request_redirect": set_more, "request_headers_sent": set_late})
    defaults, own = {"A": "1"}, {"B": "2"}
    async with ClientSession(trace_configs=[diary.config], headers=defaults) as session:
        async with session.get(server.url("/302"), headers=own) as response:
            assert response.request_info.headers["traceparent"] == "00-1"
        assert dict(session.headers) == {"A": "1"}
    first, second = server.requests
    names = ("traceparent", "a", "b", "c", "d")
    assert [first.header(name) for name in names] == ["00-1", "set", None, None, "late"]
    assert [second.header(name) for name in names] == ["00-1", "set", None, "of the redirect", "late"]
    assert (defaults, own) == ({"A": "1"}, {"B": "2"})


# The session's list of configs.


async def test_a_session_freezes_its_configs_and_keeps_the_list(server: Recording, diary: Diary) -> None:
    configs = [diary.config]
    async with ClientSession(trace_configs=configs) as session:
        assert session.trace_configs is configs
        assert diary.config.on_request_start.frozen
        late = Diary()
        late.config.freeze()
        configs.append(late.config)
        await session.get(server.url())
        assert late.page() == diary.page()
        session._trace_configs = []
        await session.get(server.url())
    assert late.page() == []


async def test_a_config_that_comes_late_has_to_be_frozen(server: Recording) -> None:
    configs: list[TraceConfig] = []
    async with ClientSession(trace_configs=configs) as session:
        configs.append(Diary().config)
        with pytest.raises(RuntimeError, match="non-frozen"):
            await session.get(server.url())
