"""The flows of a client that are tortured, and the loopback world that they run in.

Each flow is a plain use of a session whose pool has one slot. The origin answers in pieces, so that a flow waits for
each of them apart; everything that it waits for comes without a clock.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from tests.client.raw_websocket import agreement
from tests.h2_server import H2Server, ServerStream
from tests.pool_state import idle_count, wait_nothing_held
from tests.raw_server import OK, Peer, RawServer
from tests.tunnels import TunnelProxy
from trunkline import ClientSession, FormData, TCPConnector, WSMsgType
from trunkline.abc import ResolveResult
from trunkline.testing.throwaway_ca import ThrowawayCA
from trunkline.transport.resolve import ThreadedResolver
from trunkline.wire.ws.frames import FrameReader, FrameWriter

CA: Final = ThrowawayCA()
SERVER_TLS: Final = CA.server_context()
SERVER_H2: Final = CA.server_context()
SERVER_H2.set_alpn_protocols(["h2"])
CLIENT_H2: Final = CA.client_context()
CLIENT_H2.set_alpn_protocols(["h2"])
LIMIT_S: Final = 5.0  # in which every flow ends, and every request after it; they take milliseconds

_SEE_OTHER: Final = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 5\r\n\r\nthere"
_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
_ANSWERS: Final = {"/redirect": _SEE_OTHER, "/chunked": _CHUNKED}


class World:
    """What a flow finds: a session, an origin over TCP, one over TLS and one over HTTP/2, and a proxy."""

    def __init__(
        self, session: ClientSession, plain: RawServer, secure: RawServer, modern: H2Server, proxy: RawServer
    ) -> None:
        self.session = session
        self.plain = plain
        self.secure = secure
        self.modern = modern
        self.proxy = proxy
        self.make_file: Callable[[bytes], io.BytesIO] = io.BytesIO  # what an upload reads

    async def check_nothing_is_held(self) -> None:
        """Fail unless the pool holds idle connections only, and its one slot serves the next request."""
        if self.session.closed:
            return
        await wait_nothing_held(self.session)
        connector = self.session.connector
        assert connector is not None
        assert connector.pool.slots.taken == idle_count(connector) <= 1
        assert connector.limit == 1
        async with asyncio.timeout(LIMIT_S):
            await get(self)


@asynccontextmanager
async def world(**connector: Any) -> AsyncIterator[World]:  # Any: what else the connector is made with
    """Start everything, and end it: the connections last, for they must be found closed."""
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(RawServer(origin))
        secure = await stack.enter_async_context(RawServer(origin, ssl=SERVER_TLS))
        modern = await stack.enter_async_context(H2Server(modern_origin, ssl=SERVER_H2))
        proxy = await stack.enter_async_context(TunnelProxy())
        options = {"limit": 1, "ssl": CA.client_context(), "resolver": OnlyIPv4(), **connector}
        async with ClientSession(connector=TCPConnector(**options)) as session:
            yield World(session, plain, secure, modern, proxy)
        async with asyncio.timeout(LIMIT_S):
            for server in (plain, proxy, secure):
                await server.wait_all_closed()
            await modern.wait_all_closed()


class OnlyIPv4(ThreadedResolver):
    """Finds 127.0.0.1 alone for localhost, so that a flow takes the same way on every machine."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [each for each in await super().resolve(host, port, family) if ":" not in each["host"]][:1]


# The origin.


async def origin(peer: Peer) -> None:
    while True:
        head = await peer.head()
        if b"Upgrade: websocket" in head:
            await peer.send(agreement(head))
            await _echo_frames(peer)
            return
        if b"100-continue" in head:
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await peer.body(head)
        answer = _ANSWERS.get(head.split(b" ")[1].decode(), OK)
        for piece in (answer[:20], answer[20:-1], answer[-1:]):
            await peer.send(piece)
            await asyncio.sleep(0)


async def modern_origin(stream: ServerStream) -> None:
    """Answer over HTTP/2, in pieces."""
    await stream.whole()
    stream.head()
    await asyncio.sleep(0)
    stream.say(b"o")
    await asyncio.sleep(0)
    stream.say(b"k", ends=True)


async def _echo_frames(peer: Peer) -> None:
    frames = FrameReader(is_masked=True, may_be_compressed=False, max_bytes=2**20)
    render = FrameWriter(None).render
    while data := await peer.reader.read(2**16):
        frames.feed(data)
        while (found := frames.next_frame()) is not None:
            kind = WSMsgType(found[0] & 0x0F)
            await peer.send(render(WSMsgType.PONG if kind is WSMsgType.PING else kind, bytes(found[1])))
            if kind is WSMsgType.CLOSE:
                return


# The flows.


async def get(world: World, url: str | None = None, **options: Any) -> None:  # Any: as `session.get` takes them
    async with world.session.get(url or world.plain.url(), **options) as response:
        assert await response.read() == b"ok"


async def get_by_name(world: World) -> None:
    await get(world, world.plain.url(host="localhost"))


async def get_piecemeal(world: World) -> None:
    async with world.session.get(world.plain.url("/chunked")) as response:
        async for _ in response.content.iter_any():
            pass


async def get_redirected(world: World) -> None:
    await get(world, world.plain.url("/redirect"))


async def get_over_tls(world: World) -> None:
    await get(world, world.secure.url(host="localhost"))


async def get_through_tunnel(world: World) -> None:
    await get(world, world.secure.url(host="localhost"), proxy=world.proxy.url())


async def get_over_h2(world: World) -> None:
    await get(world, world.modern.url(), ssl=CLIENT_H2)


async def post_over_h2(world: World) -> None:
    async with world.session.post(world.modern.url(), data=_pieces(), ssl=CLIENT_H2) as response:
        assert await response.read() == b"ok"


async def cancel_over_h2(world: World) -> None:
    """Give up one request when it has been sent, and use its connection for another."""
    given_up = asyncio.ensure_future(get_over_h2(world))
    try:
        await asyncio.sleep(0)
    finally:
        given_up.cancel()
        await asyncio.wait([given_up])
    await get_over_h2(world)


async def post_streamed(world: World) -> None:
    await _post(world, data=_pieces())


async def post_expecting(world: World) -> None:
    await _post(world, data=_pieces(), expect100=True)


async def post_file(world: World) -> None:
    await _post(world, data=world.make_file(bytes(600_000)))


async def post_form(world: World) -> None:
    form = FormData()
    form.add_field("name", "value")
    form.add_field("file", world.make_file(bytes(1000)), filename="f")
    await _post(world, data=form)


async def _post(world: World, **options: Any) -> None:
    async with world.session.post(world.plain.url(), **options) as response:
        assert await response.read() == b"ok"


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield bytes(1000)
        await asyncio.sleep(0)


async def get_queued(world: World) -> None:
    """Wait for the slot that another request has, and then for a connection, to another host."""
    await _after_another(world, get_by_name(world))


async def get_queued_over_tls(world: World) -> None:
    await _after_another(world, get_over_tls(world))


async def _after_another(world: World, flow: Coroutine[Any, Any, None]) -> None:
    first = asyncio.ensure_future(get(world))
    try:
        await asyncio.sleep(0)
        await flow
    finally:
        flow.close()  # if it has not begun
        await first


async def talk_over_websocket(world: World) -> None:
    await _talk(world, world.plain.url())


async def talk_over_websocket_and_tls(world: World) -> None:
    await _talk(world, world.secure.url(host="localhost"))


async def _talk(world: World, url: str) -> None:
    async with world.session.ws_connect(url) as websocket:
        await websocket.send_str("hello")
        assert await websocket.receive_str() == "hello"
        await websocket.ping()
        await websocket.send_bytes(bytes(1000))
        assert len(await websocket.receive_bytes()) == 1000


async def close_idle(world: World) -> None:
    await world.session.close()


async def close_under_way(world: World) -> None:
    """Close while one request has the slot and another waits for it."""
    await _end_under_way(world, get, world.session.close())


async def close_under_way_over_tls(world: World) -> None:
    await _end_under_way(world, get_over_tls, world.session.close())


async def close_connected_over_tls(world: World) -> None:
    """Close when the origin has done its part of a handshake, or a request has failed."""
    await _end_under_way(world, get_over_tls, world.session.close(), world.secure.accepted.wait())


async def drain_over_tls(world: World) -> None:
    """Let both requests end, the one that waits for a connection, too."""
    await _end_under_way(world, get_over_tls, world.session.drain())


async def drain_in_no_time(world: World) -> None:
    await _end_under_way(world, get_over_tls, world.session.drain(0))


async def _end_under_way(
    world: World,
    ask: Callable[[World], Coroutine[Any, Any, None]],
    end: Coroutine[Any, Any, object],
    when: Coroutine[Any, Any, object] | None = None,
) -> None:
    requests = [asyncio.ensure_future(ask(world)) for _ in range(2)]
    for request in requests:
        request.add_done_callback(lambda done: done.cancelled() or done.exception())
    begun = asyncio.ensure_future(when or asyncio.sleep(0))
    try:
        await asyncio.wait([begun, *requests], return_when=asyncio.FIRST_COMPLETED)
        await end
    finally:
        begun.cancel()
        end.close()  # if it has not begun
        await asyncio.wait([begun, *requests])


@dataclass(frozen=True)
class Flow:
    """run: what is tortured. before: run undisturbed before it. connector: how its connector is made."""

    run: Callable[[World], Coroutine[Any, Any, None]]
    before: Callable[[World], Coroutine[Any, Any, None]] | None = None
    connector: dict[str, Any] = field(default_factory=dict)


FLOWS: Final = {
    "GET, fresh": Flow(get),
    "GET, fresh, by name": Flow(get_by_name),
    "GET, reused": Flow(get, before=get),
    "GET, chunked": Flow(get_piecemeal),
    "POST, streamed": Flow(post_streamed),
    "POST, streamed, reused": Flow(post_streamed, before=get),
    "POST, after 100 Continue": Flow(post_expecting),
    "upload of a file": Flow(post_file),
    "upload of a form": Flow(post_form),
    "redirect": Flow(get_redirected),
    "redirect, closing": Flow(get_redirected, connector={"force_close": True}),
    "TLS, fresh": Flow(get_over_tls),
    "TLS, reused": Flow(get_over_tls, before=get_over_tls),
    "TLS in place of TCP": Flow(get_over_tls, before=get),
    "CONNECT proxy": Flow(get_through_tunnel),
    "CONNECT proxy, reused": Flow(get_through_tunnel, before=get_through_tunnel),
    "HTTP/2, fresh": Flow(get_over_h2),
    "HTTP/2, reused": Flow(get_over_h2, before=get_over_h2),
    "HTTP/2, POST": Flow(post_over_h2, before=get_over_h2),
    "HTTP/2, given up": Flow(cancel_over_h2, before=get_over_h2),
    "WebSocket": Flow(talk_over_websocket),
    "WebSocket, TLS": Flow(talk_over_websocket_and_tls),
    "connect in a queue": Flow(get_queued),
    "connect in a queue, TLS": Flow(get_queued_over_tls),
    "close, idle": Flow(close_idle, before=get_over_tls),
    "close, under way": Flow(close_under_way),
    "close, under way, TLS": Flow(close_under_way_over_tls, before=get_over_tls),
    "close, connected, TLS": Flow(close_connected_over_tls),
    "drain, TLS": Flow(drain_over_tls),
    "drain, TLS reused": Flow(drain_over_tls, before=get_over_tls),
    "drain, TLS, no time left": Flow(drain_in_no_time),
}
