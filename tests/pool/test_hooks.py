"""What subclasses of connectors override: each hook is asked, with what it needs, and may leave the rest to us."""

import asyncio
import gc
import socket
import ssl
import weakref
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest

from tests.client.recording import Recording
from tests.raw_server import OK, RawServer, replying
from trunkline import (
    BaseConnector,
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    Connection,
    ConnectionTimeoutError,
    Fingerprint,
    ServerFingerprintMismatch,
    ServerTimeoutError,
    TCPConnector,
)
from trunkline.abc import ResolveResult
from trunkline.conn.client_h1 import ClientH1
from trunkline.pool.hooks import weak
from trunkline.testing.throwaway_ca import ThrowawayCA


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


async def test_an_overridden_get_ssl_context_decides_whom_to_trust() -> None:
    authority = ThrowawayCA()
    ours: list[ssl.SSLContext | None] = []

    class Connector(TCPConnector):
        def _get_ssl_context(self, req: ClientRequest) -> ssl.SSLContext | None:
            ours.append(super()._get_ssl_context(req))
            return authority.client_context()

    async with RawServer(replying(OK), ssl=authority.server_context()) as server:
        with pytest.raises(ClientConnectorCertificateError):
            await fetch(TCPConnector(), server.url("/"))
        assert await fetch(Connector(), server.url("/")) == 200
        with pytest.raises(ServerFingerprintMismatch):
            await fetch(Connector(ssl=Fingerprint(bytes(32))), server.url("/"))
    assert [context is not None and context.verify_mode for context in ours] == [ssl.CERT_REQUIRED, ssl.CERT_NONE]


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
        assert connector.pool.counters.opened == 1


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


async def test_a_method_that_is_replaced_in_the_class_is_asked_too(
    server: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = TCPConnector._resolve_host

    async def elsewhere(self: TCPConnector, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        return await original(self, "127.0.0.1", port, traces)

    monkeypatch.setattr(TCPConnector, "_resolve_host", elsewhere)
    assert await fetch(TCPConnector(), f"http://service.invalid:{server.port}/") == 200


async def test_a_mock_may_take_the_place_of_a_method(server: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ResolveResult(
        hostname="service.invalid", host="127.0.0.1", port=server.port, family=socket.AF_INET, proto=0, flags=0
    )
    mock = AsyncMock(return_value=[where])
    monkeypatch.setattr(TCPConnector, "_resolve_host", mock)
    assert await fetch(TCPConnector(), "http://service.invalid/") == 200
    mock.assert_awaited_once()


async def test_a_connector_may_have_a_connect_of_its_own(server: Recording) -> None:
    asked: list[str] = []

    class Connector(TCPConnector):
        async def connect(self, req: Any, traces: Any = None, timeout: Any = None) -> Connection:
            asked.append(req.method)
            return await super().connect(req, traces, timeout)

    async with ClientSession(connector=Connector()) as session:
        for _ in range(2):
            async with session.post(server.url("/"), data=b"abc") as response:
                assert response.status == 200
    assert asked == ["POST", "POST"]
    assert server.last.body == b"abc"


async def test_a_connect_that_a_test_has_put_on_the_connector_counts_too(server: Recording) -> None:
    async with ClientSession() as session:
        async with session.get(server.url("/")) as response:
            await response.read()
        assert session.connector is not None
        with (
            patch.object(session.connector, "connect", side_effect=TimeoutError()),
            pytest.raises(ConnectionTimeoutError, match="Connection timeout to host"),
        ):
            await session.get(server.url("/"))
        async with session.get(server.url("/")) as response:
            assert response.status == 200


async def test_the_total_timeout_holds_for_a_connect_of_the_connectors_own(server: Recording) -> None:
    class Connector(TCPConnector):
        async def connect(self, req: Any, traces: Any = None, timeout: Any = None) -> Connection:
            await asyncio.Event().wait()
            raise AssertionError

    async with ClientSession(connector=Connector(), timeout=ClientTimeout(total=0.05)) as session:
        with pytest.raises(TimeoutError, match=r"timeout\.total"):
            await session.get(server.url("/"))


async def test_methods_that_are_replaced_in_a_class_are_asked_from_then_on(server: Recording) -> None:
    async def resolve(self: Any, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        address = ResolveResult(hostname=host, host="127.0.0.1", port=server.port, family=2, proto=6, flags=0)
        return [address]

    async with ClientSession() as session:
        async with session.get(server.url("/")) as response:
            assert response.status == 200
        with (
            patch.object(TCPConnector, "_resolve_host", resolve),
            patch.object(ClientRequest, "is_ssl", lambda self: False),
        ):
            async with session.get("https://secure.invalid/path") as response:
                assert (response.status, server.last.target) == (200, "/path")


async def test_a_start_that_is_replaced_in_the_class_is_awaited(server: Recording) -> None:
    async with ClientSession() as session:
        with (
            patch.object(ClientResponse, "start", side_effect=TimeoutError()),
            pytest.raises(ServerTimeoutError),
        ):
            await session.get(server.url("/"))
        async with session.get(server.url("/")) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("error", "public"),
    [
        (OSError(1, "not today"), ClientConnectorError),
        (ssl.SSLError(1, "no"), ClientConnectorSSLError),
        (ssl.SSLCertVerificationError(1, "no"), ClientConnectorCertificateError),
    ],
)
async def test_errors_of_the_system_become_public_ones(
    server: Recording, error: OSError, public: type[Exception]
) -> None:
    class Connector(TCPConnector):
        async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> Any:
            raise error

    with pytest.raises(public):
        await fetch(Connector(), server.url("/"))


async def test_an_os_error_in_resolving_is_a_dns_error(server: Recording) -> None:
    class Connector(TCPConnector):
        async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
            raise OSError(1, "not today")

    with pytest.raises(ClientConnectorDNSError, match="not today"):
        await fetch(Connector(), server.url("/"))


async def test_a_transport_of_ones_own_needs_no_abort(server: Recording) -> None:
    closed: list[bool] = []

    class Transport(asyncio.Transport):
        """Answers each request, and knows no more than a library taught it."""

        def __init__(self, protocol: ClientH1) -> None:
            super().__init__()
            self.protocol = protocol

        def write(self, data: Any) -> None:
            reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            asyncio.get_running_loop().call_soon(self.protocol.data_received, reply)

        def is_closing(self) -> bool:
            return bool(closed)

        def close(self) -> None:
            if not closed:
                closed.append(True)
                asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    class Connector(BaseConnector):
        async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
            protocol = self._factory()
            protocol.connection_made(Transport(protocol))
            return protocol

    assert await fetch(Connector(force_close=True), "http://anything.invalid/") == 200
    assert closed == [True]


async def test_closing_may_begin_at_once_and_be_waited_for_later(server: Recording) -> None:
    connector = TCPConnector()
    session = ClientSession(connector=connector)
    async with session.get(server.url("/")) as response:
        await response.read()
    (idle,) = next(iter(connector._conns.values()))
    connection = idle[0]
    connector._close()
    assert connector.closed
    assert connection.is_closed
    with pytest.raises(ClientConnectionError, match="closed"):
        await session.get(server.url("/"))
    await session.close()
    assert connection.gone.done()
