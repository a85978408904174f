"""What subclasses of connectors override: each hook is asked, with what it needs, and may leave the rest to us."""

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.client.recording import Recording
from trunkline import BaseConnector, ClientConnectorError, ClientRequest, ClientSession, TCPConnector
from trunkline.abc import ResolveResult
from trunkline.conn.client_h1 import ClientH1
from trunkline.pool.hooks import weak


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording() as recording:
        yield recording


async def fetch(connector: BaseConnector, url: str) -> int:
    async with ClientSession(connector=connector) as session, session.get(url) as response:
        return response.status


async def test_an_overridden_resolve_host_decides_where_a_name_leads(server: Recording) -> None:
    asked: list[tuple[str, int]] = []

    class Connector(TCPConnector):
        async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
            asked.append((host, port))
            return await super()._resolve_host("127.0.0.1", port, traces)

    assert await fetch(Connector(), f"http://service.invalid:{server.port}/") == 200
    assert asked == [("service.invalid", server.port)]


async def test_what_resolve_host_raises_reaches_the_caller_and_frees_the_slot(server: Recording) -> None:
    class Refused(Exception):
        pass

    class Connector(TCPConnector):
        async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
            raise Refused(host)

    connector = Connector(limit=1)
    async with ClientSession(connector=connector) as session:
        for _ in range(2):
            with pytest.raises(Refused):
                await session.get(server.url("/"))
        assert not connector._acquired


async def test_an_overridden_wrap_create_connection_may_pass_on_to_ours(server: Recording) -> None:
    seen: list[dict[str, Any]] = []

    class Connector(TCPConnector):
        async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> Any:
            seen.append(kwargs)
            return await super()._wrap_create_connection(*args, **kwargs)

    assert await fetch(Connector(), server.url("/")) == 200
    (arguments,) = seen
    assert arguments["addr_infos"][0][4][:2] == ("127.0.0.1", server.port)
    assert arguments["ssl"] is None
    assert isinstance(arguments["req"], ClientRequest)


async def test_an_overridden_wrap_create_connection_may_bring_its_own_protocol(server: Recording) -> None:
    class Connector(TCPConnector):
        async def _wrap_create_connection(self, *args: Any, addr_infos: Any, **kwargs: Any) -> Any:
            sock = socket.socket()
            sock.setblocking(False)
            await self._loop.sock_connect(sock, addr_infos[0][4])
            return await self._loop.create_connection(lambda: ClientH1(self._loop), sock=sock)

    connector = Connector()
    async with ClientSession(connector=connector) as session:
        for _ in range(2):
            async with session.get(server.url("/")) as response:
                await response.read()
        assert connector.pool.opened == 1


async def test_a_connector_may_create_connections_in_a_way_of_its_own(server: Recording) -> None:
    class Connector(BaseConnector):
        async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
            _, protocol = await self._loop.create_connection(self._factory, "127.0.0.1", server.port)
            return protocol

    assert await fetch(Connector(), "http://anything.invalid/") == 200
    assert server.last.header("Host") == "anything.invalid"


async def test_a_request_may_get_its_send_from_the_connector(server: Recording) -> None:
    sent: list[str] = []

    class Connector(BaseConnector):
        async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
            async def send(conn: Any) -> Any:
                sent.append(req.method)
                return await type(req).send(req, conn)

            req.send = send
            _, protocol = await self._loop.create_connection(self._factory, "127.0.0.1", server.port)
            return protocol

    assert await fetch(Connector(force_close=True), "http://anything.invalid/") == 200
    assert sent == ["GET"]


async def test_base_connector_itself_opens_nothing_and_says_what_to_do() -> None:
    with pytest.raises(NotImplementedError, match="override _create_connection"):
        await fetch(BaseConnector(), "http://127.0.0.1:1/")


async def test_an_overridden_request_to_the_proxy_adds_its_fields() -> None:
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    class Connector(TCPConnector):
        def _update_proxy_auth_header_and_build_proxy_req(self, req: Any) -> Any:
            proxy_req = super()._update_proxy_auth_header_and_build_proxy_req(req)
            proxy_req.headers["X-Tenant"] = "blue"
            return proxy_req

    listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with listener, ClientSession(connector=Connector()) as session:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(Exception, match="403"):
            await session.get("https://origin.invalid/", proxy=f"http://user:secret@127.0.0.1:{port}")
    assert b"X-Tenant: blue\r\n" in heads[0]
    assert b"Proxy-Authorization: Basic " in heads[0]
    assert b"\r\nAuthorization" not in heads[0]
    assert heads[0].startswith(b"CONNECT origin.invalid:443 HTTP/1.1\r\nHost: origin.invalid:443\r\n")


async def test_a_hook_that_refuses_gives_a_client_error(server: Recording) -> None:
    class Connector(TCPConnector):
        async def _wrap_create_connection(self, *args: Any, req: Any, **kwargs: Any) -> Any:
            raise ClientConnectorError(req.connection_key, OSError(1, "not today"))

    with pytest.raises(ClientConnectorError, match="not today"):
        await fetch(Connector(), server.url("/"))


def test_a_hook_does_not_keep_its_connector_alive() -> None:
    class Holder:
        def hook(self) -> str:
            return "called"

    holder = Holder()
    hook = weak(holder.hook)
    assert hook() == "called"
    reference = weakref.ref(holder)
    del holder
    gc.collect()
    assert reference() is None
    with pytest.raises(RuntimeError, match="the connector is gone"):
        hook()
