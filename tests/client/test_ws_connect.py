"""`ws_connect`: the question, what answers are taken, and what is left when it comes to nothing."""

import asyncio
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from tests.client.raw_websocket import Script, agreement, close_frame, field, opened
from tests.pool_state import wait_nothing_held
from tests.raw_server import OK, Peer, RawServer, replying, silent
from trunkline import (
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    CookieJar,
    InvalidURL,
    NonHttpUrlClientError,
    SocketTimeoutError,
    TCPConnector,
    WSServerHandshakeError,
)
from trunkline.client.ws_connect import WSRequestContext
from trunkline.testing.throwaway_ca import ThrowawayCA

CA = ThrowawayCA()
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
MAX_TURNS = 400  # of the loop; far more than opening and closing takes


# The question.


class Asked:
    """A server that agrees to everything, and keeps the heads of the questions."""

    def __init__(self, *more: str) -> None:
        self.heads: list[bytes] = []
        self._more = more

    async def __call__(self, peer: Peer) -> None:
        self.heads.append(await peer.head())
        await peer.send(agreement(self.heads[-1], *self._more) + close_frame(1000))
        await peer.wait_closed_by_client()


async def asked(*more: str, session: dict[str, Any] | None = None, **options: Any) -> tuple[bytes, str | None]:
    """Return the head that a client with these options sends, and the subprotocol in the end."""
    server = Asked(*more)
    async with (
        RawServer(server) as running,
        ClientSession(**(session or {})) as client,
        client.ws_connect(running.url("/x"), **options) as ws,
    ):
        protocol = ws.protocol
    return server.heads[0], protocol


async def test_the_question_is_that_of_rfc_6455() -> None:
    head, protocol = await asked()
    assert head.startswith(b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert [field(head, name) for name in ("Upgrade", "Connection", "Sec-WebSocket-Version")] == [
        "websocket",
        "Upgrade",
        "13",
    ]
    assert len(field(head, "Sec-WebSocket-Key") or "") == 24
    absent = ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Origin", "Content-Length")
    assert [field(head, name) for name in absent] == [None] * 4
    assert protocol is None


async def test_no_key_comes_twice() -> None:
    assert len({field((await asked())[0], "Sec-WebSocket-Key") for _ in range(20)}) == 20


async def test_every_option_goes_into_it() -> None:
    head, protocol = await asked(
        "Sec-WebSocket-Protocol: b",
        method="post",
        protocols=("a", "b"),
        origin="http://origin.test",
        params={"q": "1"},
        headers={"X-Own": "y", "User-Agent": "me"},
        compress=12,
        session={"headers": {"X-Default": "z"}},
    )
    assert head.startswith(b"POST /x?q=1 HTTP/1.1\r\n")
    assert field(head, "Sec-WebSocket-Protocol") == "a,b"
    assert field(head, "Origin") == "http://origin.test"
    assert field(head, "Sec-WebSocket-Extensions") == "permessage-deflate; client_max_window_bits=12"
    assert [field(head, name) for name in ("X-Own", "User-Agent", "X-Default")] == ["y", "me", "z"]
    assert protocol == "b"


async def test_subprotocols_may_be_offered_as_a_field() -> None:
    head, protocol = await asked("Sec-WebSocket-Protocol: b", headers={"Sec-WebSocket-Protocol": "a, b"})
    assert field(head, "Sec-WebSocket-Protocol") == "a, b"
    assert protocol == "b"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"compress": 8}, "wanted 9 to 15"),
        ({"compress": 16}, "wanted 9 to 15"),
        ({"compress": True}, "wanted 9 to 15"),
        ({"protocols": ("a b",)}, "is not a token"),
        ({"protocols": ("a\r\nX: y",)}, "is not a token"),
        ({"origin": "a\r\nX: y"}, "."),
        ({"timeout": ClientTimeout()}, "pass a ClientWSTimeout"),
    ],
)
async def test_what_cannot_be_asked_raises_before_a_byte_is_sent(options: dict[str, Any], text: str) -> None:
    async with RawServer(silent) as server, ClientSession() as session:
        with pytest.raises((ValueError, TypeError), match=text):
            await session.ws_connect(server.url(), **options)
        assert server.connections == 0


@pytest.mark.parametrize("scheme", ["ws", "http", "wss", "https"])
async def test_schemes(scheme: str) -> None:
    is_tls = scheme in ("wss", "https")
    async with (
        RawServer(Asked(), ssl=CA.server_context() if is_tls else None) as server,
        ClientSession() as session,
        session.ws_connect(f"{scheme}://127.0.0.1:{server.port}/", ssl=CA.client_context()) as ws,
    ):
        assert str(ws._response.url) == f"{scheme}://127.0.0.1:{server.port}/"
        assert (ws.get_extra_info("ssl_object") is not None) is is_tls


async def test_urls_that_are_no_webs() -> None:
    async with ClientSession() as session:
        for url, error in (("ftp://test/", NonHttpUrlClientError), ("nothing", InvalidURL)):
            with pytest.raises(error):
                await session.ws_connect(url)


async def test_cookies_of_the_jar_are_sent_and_those_of_the_answer_kept() -> None:
    server = Asked("Set-Cookie: b=2")
    async with (
        RawServer(server) as running,
        ClientSession(cookies={"a": "1"}, cookie_jar=CookieJar(unsafe=True)) as session,
    ):
        async with session.ws_connect(running.url()) as ws:
            assert ws._response.cookies["b"].value == "2"
        assert {cookie.key for cookie in session.cookie_jar} == {"a", "b"}
    assert field(server.heads[0], "Cookie") == "a=1"


async def test_redirects_are_followed() -> None:
    agreeing = Asked()

    async def redirect(peer: Peer) -> None:
        await peer.head()
        await peer.send(f"HTTP/1.1 302 Found\r\nLocation: {there.url('/z')}\r\nContent-Length: 0\r\n\r\n".encode())

    async with (
        RawServer(agreeing) as there,
        RawServer(redirect) as here,
        ClientSession() as session,
        session.ws_connect(here.url(), headers={"Authorization": "secret"}) as ws,
    ):
        assert [response.status for response in ws._response.history] == [302]
        assert ws._response.url.path == "/z"
    assert field(agreeing.heads[0], "Upgrade") == "websocket"
    assert field(agreeing.heads[0], "Authorization") is None


async def test_it_goes_through_the_sessions_request() -> None:
    seen: list[dict[str, Any]] = []
    async with RawServer(Asked()) as server, ClientSession() as session:
        original = session._request

        async def spy(method: str, url: Any, **options: Any) -> Any:
            seen.append(options)
            return await original(method, url, **options)

        session._request = spy  # type: ignore[assignment, method-assign]  # as test doubles do
        async with session.ws_connect(server.url()):
            pass
    assert seen[0].keys() == {
        "params", "headers", "read_until_eof", "auth", "proxy", "proxy_auth", "ssl", "server_hostname",
        "proxy_headers",
    }  # fmt: skip


# The answer.

SWITCHING = "HTTP/1.1 101 Switching Protocols"
UPGRADE = "Upgrade: websocket"
CONNECTION = "Connection: Upgrade"
ACCEPT = "Sec-WebSocket-Accept: {accept}"
AGREEMENT = (SWITCHING, UPGRADE, CONNECTION, ACCEPT)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"

REFUSED = {
    "200": (("HTTP/1.1 200 OK", "Content-Length: 0"), {}, "Invalid response status"),
    "404 with a body that is still to come": (("HTTP/1.1 404 No", "Content-Length: 9"), {}, "Invalid response status"),
    "426 without a length": (("HTTP/1.1 426 No", *AGREEMENT[1:]), {}, "Invalid response status"),
    "no Upgrade": ((SWITCHING, CONNECTION, ACCEPT), {}, "Invalid upgrade header"),
    "another Upgrade": ((SWITCHING, "Upgrade: h2c", CONNECTION, ACCEPT), {}, "Invalid upgrade header"),
    "no Connection": ((SWITCHING, UPGRADE, ACCEPT), {}, "Invalid connection header"),
    "another Connection": ((SWITCHING, UPGRADE, "Connection: close", ACCEPT), {}, "Invalid connection header"),
    "no Accept": ((SWITCHING, UPGRADE, CONNECTION), {}, "Invalid challenge response"),
    "another Accept": (
        (SWITCHING, UPGRADE, CONNECTION, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), {},
        "Invalid challenge response",
    ),
    "two Accepts": ((*AGREEMENT, ACCEPT), {}, "Invalid challenge response"),
    "a subprotocol that nobody offered": ((*AGREEMENT, "Sec-WebSocket-Protocol: a"), {}, "chose the subprotocols"),
    "another subprotocol": (
        (*AGREEMENT, "Sec-WebSocket-Protocol: A"), {"protocols": ("a",)}, "offered were \\['a'\\]",
    ),
    "two subprotocols": (
        (*AGREEMENT, "Sec-WebSocket-Protocol: a, b"), {"protocols": ("a", "b")}, "chose the subprotocols",
    ),
    "an extension that nobody offered": ((*AGREEMENT, DEFLATE), {}, "was not offered"),
    "another extension": ((*AGREEMENT, "Sec-WebSocket-Extensions: x"), {"compress": 15}, "wanted permessage-deflate"),
    "terms that nobody knows": ((*AGREEMENT, f"{DEFLATE}; x=1"), {"compress": 15}, "cannot meet"),
    "a window that is too small": ((*AGREEMENT, f"{DEFLATE}; server_max_window_bits=7"), {"compress": 15}, "cannot"),
}  # fmt: skip


def answering(lines: tuple[str, ...]) -> Callable[[Peer], Any]:
    async def answer(peer: Peer) -> None:
        while True:
            accept = field(agreement(await peer.head()), "Sec-WebSocket-Accept")
            await peer.send("\r\n".join((*lines, "", "")).format(accept=accept).encode())

    return answer


@pytest.mark.parametrize(("lines", "options", "text"), REFUSED.values(), ids=REFUSED)
async def test_an_answer_that_does_not_agree_raises_and_frees_the_connection(
    lines: tuple[str, ...], options: dict[str, Any], text: str
) -> None:
    async with RawServer(answering(lines)) as server, ClientSession(connector=TCPConnector(limit=1)) as session:
        for _ in range(2):
            with pytest.raises(WSServerHandshakeError, match=text) as raised:
                await session.ws_connect(server.url(), **options)
            error = raised.value
            assert error.status == int(lines[0].split()[1])
            assert str(error.request_info.real_url) == server.url()
            assert error.headers is not None
            assert len(error.headers) == len(lines) - 1
        await wait_nothing_held(session)
    assert server.connections == (1 if lines[-1] == "Content-Length: 0" else 2)


AGREED = {
    "as usual": (AGREEMENT, {}, (None, 0, False)),
    "lists": ((SWITCHING, "Upgrade: x, WebSocket", "Connection: keep-alive, upgrade", ACCEPT), {}, (None, 0, False)),
    "a subprotocol": ((*AGREEMENT, "Sec-WebSocket-Protocol: b"), {"protocols": ("a", "b")}, ("b", 0, False)),
    "no subprotocol": (AGREEMENT, {"protocols": ("a", "b")}, (None, 0, False)),
    "no compression": (AGREEMENT, {"compress": 15}, (None, 0, False)),
    "compression": ((*AGREEMENT, DEFLATE), {"compress": 15}, (None, 15, False)),
    "our own window": ((*AGREEMENT, DEFLATE), {"compress": 11}, (None, 11, False)),
    "a smaller window": ((*AGREEMENT, f"{DEFLATE}; client_max_window_bits=10"), {"compress": 15}, (None, 10, False)),
    "no context": ((*AGREEMENT, f"{DEFLATE}; client_no_context_takeover"), {"compress": 15}, (None, 15, True)),
}


@pytest.mark.parametrize(("lines", "options", "agreed"), AGREED.values(), ids=AGREED)
async def test_an_answer_that_agrees(lines: tuple[str, ...], options: dict[str, Any], agreed: tuple[Any, ...]) -> None:
    async with RawServer(answering(lines)) as server, ClientSession() as session:
        ws = await session.ws_connect(server.url(), **options)
        assert (ws.protocol, ws.compress, ws.client_notakeover) == agreed
        ws._response.close()


async def test_a_session_that_raises_for_status_does_so_first() -> None:
    answer = replying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    async with RawServer(answer) as server, ClientSession(raise_for_status=True) as session:
        with pytest.raises(ClientResponseError) as raised:
            await session.ws_connect(server.url())
        assert not isinstance(raised.value, WSServerHandshakeError)


# Time.


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"timeout": 5}, ClientWSTimeout(ws_close=5.0)),
        ({"timeout": 5, "receive_timeout": 2}, ClientWSTimeout(2, 5.0)),
        ({"receive_timeout": 2}, ClientWSTimeout(2, 10.0)),
        ({"timeout": ClientWSTimeout(ws_close=1), "receive_timeout": 2}, ClientWSTimeout(2, 1)),
        ({"timeout": ClientWSTimeout(1, 2)}, ClientWSTimeout(1, 2)),
        ({"timeout": None}, ClientWSTimeout()),
        ({}, ClientWSTimeout(ws_close=10.0)),
    ],
)
async def test_bare_numbers_are_deprecated_timeouts(options: dict[str, Any], wanted: ClientWSTimeout) -> None:
    seen: list[ClientWSTimeout] = []

    class Noting(ClientWebSocketResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: handed on
            seen.append(args[4])
            super().__init__(*args, **kwargs)

    async with RawServer(Asked()) as server, ClientSession(ws_response_class=Noting) as session:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DeprecationWarning)
            async with session.ws_connect(server.url(), **options):
                pass
        messages = [entry for entry in caught if "ClientWSTimeout" in str(entry.message)]
        assert len(messages) == sum(isinstance(value, int) for value in options.values())
        assert {entry.filename for entry in messages} <= {__file__}
    assert seen == [wanted]


async def test_the_sessions_timeouts_are_for_the_handshake() -> None:
    async with RawServer(silent) as server:
        for timeout, error in (
            (ClientTimeout(total=0.02), TimeoutError),
            (ClientTimeout(sock_read=0.02), SocketTimeoutError),
        ):
            async with ClientSession(timeout=timeout) as session:
                with pytest.raises(error):
                    await session.ws_connect(server.url())
                await wait_nothing_held(session)


async def test_the_sessions_timeouts_do_not_count_once_it_is_open() -> None:
    timeout = ClientTimeout(total=0.05, sock_read=0.05)
    async with opened(Script(), session={"timeout": timeout}) as ws:
        with pytest.raises(asyncio.TimeoutError):
            await ws.receive(timeout=0.15)
        assert (ws.closed, ws.exception()) == (False, None)


# The pool.


async def test_a_websocket_holds_its_slot_until_it_is_closed() -> None:
    async with RawServer(Asked()) as server, ClientSession(connector=TCPConnector(limit=1)) as session:
        ws = await session.ws_connect(server.url())
        waiting = asyncio.ensure_future(session.ws_connect(server.url()))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.02)
        await ws.close()
        async with await asyncio.wait_for(waiting, 5):
            pass
        await wait_nothing_held(session)
        assert session.connector is not None
        assert session.connector.pool.slots.taken == 0


async def test_it_may_be_asked_for_on_a_connection_that_was_used() -> None:
    async def first_a_page(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.send(agreement(await peer.head()) + close_frame(1000))
        await peer.wait_closed_by_client()

    async with RawServer(first_a_page) as server, ClientSession() as session:
        async with session.get(server.url()) as response:
            await response.read()
        async with session.ws_connect(server.url()) as ws:
            assert not ws.closed
    assert server.connections == 1


async def open_and_close(session: ClientSession, url: str) -> None:
    async with session.ws_connect(url, heartbeat=5, compress=15) as ws:
        await ws.send_str("x")
        await ws.receive()


async def cancel_after(turns: int, *, over_tls: bool) -> bool:
    """Cancel after `turns` of the loop, and check what is left; False when it had ended before."""
    async with RawServer(Asked(DEFLATE), ssl=CA.server_context() if over_tls else None) as server:
        connector = TCPConnector(limit=1, ssl=CA.client_context())
        async with ClientSession(connector=connector) as session:
            task = asyncio.ensure_future(open_and_close(session, server.url()))
            for _ in range(turns):
                await asyncio.sleep(0)
            was_cancelled = task.cancel()
            await asyncio.wait([task])
            await wait_nothing_held(session)
            async with asyncio.timeout(5):
                await open_and_close(session, server.url())
        async with asyncio.timeout(5):
            await server.wait_all_closed()
    return was_cancelled


@pytest.mark.parametrize("loop_factory", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "tls"])
def test_nothing_is_left_wherever_it_is_cancelled(
    over_tls: bool, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def main() -> int:
        turns = 0
        while turns < MAX_TURNS and await cancel_after(turns, over_tls=over_tls):
            turns += 1
        assert not asyncio.all_tasks() - {asyncio.current_task()}
        return turns

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert 3 < runner.run(main()) < MAX_TURNS


async def test_a_class_of_the_users_that_fails_frees_the_connection() -> None:
    class Failing(ClientWebSocketResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: handed on
            super().__init__(*args, **kwargs)
            raise ZeroDivisionError

    async with RawServer(Asked()) as server, ClientSession(ws_response_class=Failing) as session:
        with pytest.raises(ZeroDivisionError):
            await session.ws_connect(server.url())
        await wait_nothing_held(session)


async def test_what_it_returns_is_a_coroutine_that_may_be_closed_unawaited() -> None:
    async with ClientSession() as session:
        context = session.ws_connect("http://127.0.0.1:1/")
        assert isinstance(context, WSRequestContext)
        context.close()
