"""`close()` on both loops, against nginx and servers of the tests: whoever waits for it finds the sockets gone."""

import asyncio
import gc
import os
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from tests.nginx import Nginx
from tests.openssl_server import openssl_server
from tests.raw_server import OK, RawServer, replying, silent
from trunkline import ClientConnectionError, ClientSession, TCPConnector, web
from trunkline.testing.test_server import TestServer as Serving
from trunkline.testing.throwaway_ca import ThrowawayCA

pytestmark = pytest.mark.filterwarnings("error")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


def run(main: Coroutine[Any, Any, None], loop_factory: LoopFactory) -> None:  # Any: what coroutines send and receive
    """Run `main`; what it leaves unclosed is found before this returns, and is an error."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main)
    gc.collect()


def open_sockets() -> set[str]:
    descriptors = (Path("/proc/self/fd") / number for number in os.listdir("/proc/self/fd"))
    return {os.readlink(path) for path in descriptors if path.is_socket()}


@LOOPS
@pytest.mark.parametrize("tls", ["", "1.2", "1.3"], ids=["plain", "tls1.2", "tls1.3"])
@pytest.mark.parametrize("path", ["/small", "/chunked/big"], ids=["idle", "reading"])
def test_no_socket_is_left_when_close_returns(path: str, tls: str, loop_factory: LoopFactory, tmp_path: Path) -> None:
    async def main() -> None:
        session = ClientSession(connector=TCPConnector(ssl=nginx.client_context()))
        before = open_sockets()
        responses = [await session.get(nginx.url(path, tls=tls)) for _ in range(3)]
        assert open_sockets() > before
        await session.close()
        assert open_sockets() == before
        for response in responses:
            response.release()

    with Nginx(tmp_path) as nginx:
        (nginx.www / "big").write_bytes(bytes(20_000_000))
        run(main(), loop_factory)


@LOOPS
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_no_socket_is_left_when_openssl_has_not_answered(
    version: str, loop_factory: LoopFactory, tmp_path: Path
) -> None:
    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(context)
        connector = TCPConnector(ssl=context)
        session = ClientSession(connector=connector)
        before = open_sockets()
        request = asyncio.create_task(session._request("POST", url))  # it knows GET alone, and waits for more
        while not connector._acquired:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)
        await session.close()
        assert open_sockets() == before
        with pytest.raises(ClientConnectionError, match="connector was closed, with its session"):
            await request

    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    with openssl_server(tmp_path / "server.pem", version) as url:
        run(main(), loop_factory)


@LOOPS
@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "tls"])
def test_a_second_close_waits_for_the_first(over_tls: bool, loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with RawServer(silent, ssl=authority.server_context() if over_tls else None) as server:
            connector = TCPConnector(ssl=authority.client_context())
            session = ClientSession(connector=connector)
            before = open_sockets()
            request = asyncio.create_task(session._request("GET", server.url()))
            while not connector._acquired:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.001)
            closing = asyncio.create_task(session.close())
            await asyncio.sleep(0)
            assert session.closed
            assert not closing.done()
            await asyncio.gather(session.close(), connector.close())
            assert connector.pool.slots.taken == 0
            with pytest.raises(ClientConnectionError, match="connector was closed, with its session"):
                await request
            await closing
            await server.wait_all_closed()
            assert open_sockets() <= before

    authority = ThrowawayCA()
    run(main(), loop_factory)


@LOOPS
def test_a_close_that_was_cancelled_can_be_finished(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with RawServer(replying(OK)) as server:
            connector = TCPConnector()
            session = ClientSession(connector=connector)
            async with session.get(server.url()) as response:
                await response.read()
            closing = asyncio.create_task(session.close())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.wait([closing])
            await session.close()
            assert connector.pool.slots.taken == 0

    run(main(), loop_factory)


@LOOPS
def test_close_ends_a_websocket(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with Serving(app) as server:
            session = ClientSession()
            connector = session.connector
            assert connector is not None
            websocket = await session.ws_connect(server.make_url("/"))
            receiving = asyncio.create_task(websocket.receive())
            await asyncio.sleep(0)
            await session.close()
            assert connector.pool.slots.taken == 0
            assert (await receiving).type in (web.WSMsgType.CLOSED, web.WSMsgType.ERROR)
            assert websocket.closed
            with pytest.raises(ConnectionResetError):
                await websocket.send_str("too late")

    async def listen(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for _ in websocket:
            pass
        return websocket

    app = web.Application()
    app.router.add_get("/", listen)
    run(main(), loop_factory)
