"""Client Reference: `BaseConnector`, `TCPConnector`, `UnixConnector` and `Connection`."""

import asyncio
import gc
import socket
import warnings
from typing import Any

import pytest
from yarl import URL

from tests.public_api.client.httpbin import HttpBin
from tests.web.serving import serving
from trunkline import BaseConnector, ClientRequest, ClientSession, ClientTimeout, TCPConnector, UnixConnector, abc, web


async def test_the_attributes_of_a_connector() -> None:
    async with TCPConnector(limit=3, limit_per_host=2, force_close=True, family=socket.AF_INET) as connector:
        assert isinstance(connector, BaseConnector)
        assert connector.closed is False
        assert connector.force_close is True
        assert (connector.limit, connector.limit_per_host) == (3, 2)
        assert connector.family == socket.AF_INET
        assert connector.use_dns_cache is True
    assert connector.closed is True
    await connector.close()


async def test_the_path_of_a_unix_connector() -> None:
    async with UnixConnector(path="/path/to/socket") as connector:
        assert connector.path == "/path/to/socket"


@pytest.mark.parametrize(
    ("option", "connections"), [({}, 1), ({"force_close": True}, 3), ({"keepalive_timeout": None}, 1)]
)
async def test_connections_are_kept_unless_that_is_off(option: dict[str, Any], connections: int) -> None:
    seen: set[Any] = set()

    async def note(request: web.BaseRequest) -> web.Response:
        seen.add(request.transport)
        return web.Response()

    async with serving(note) as served, ClientSession(connector=TCPConnector(**option)) as session:
        for _ in range(3):
            async with session.get(served.url):
                pass
    assert len(seen) == connections


async def test_force_close_and_a_keepalive_timeout_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="keepalive_timeout"):
        TCPConnector(force_close=True, keepalive_timeout=5)


@pytest.mark.parametrize("limits", [{"limit": 2}, {"limit_per_host": 2}])
async def test_no_more_connections_than_the_limit(limits: dict[str, Any]) -> None:
    now = most = 0

    async def count(request: web.BaseRequest) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return web.Response()

    async with serving(count) as served, ClientSession(connector=TCPConnector(**limits)) as session:
        await asyncio.gather(*(session.get(served.url) for _ in range(6)))
    assert most == 2


# connect(request), Connection


async def test_a_connection_of_ones_own(bin: HttpBin) -> None:
    async with TCPConnector() as connector:
        request = ClientRequest("GET", URL(bin.url), loop=asyncio.get_running_loop())
        connection = await connector.connect(request, [], ClientTimeout())
        assert connection.closed is False
        assert connection.transport is not None
        first = connection.transport
        connection.release()
        assert connection.closed is True
        again = await connector.connect(request, [], ClientTimeout())
        assert again.transport is first
        again.close()
        assert again.closed is True


async def test_a_response_has_its_connection_until_its_body_has_come(session: ClientSession) -> None:
    more = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo")
        await more.wait()
        writer.write(b"dy")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        async with session.get(f"http://127.0.0.1:{address[1]}/") as response:
            connection = response.connection
            assert connection is not None
            assert connection.transport is not None
            assert connection.transport.get_extra_info("peername") == address
            more.set()
            assert await response.read() == b"body"
            assert response.connection is None


# DNS


class Names(abc.AbstractResolver):
    """Knows every name, and notes who was asked for."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.asked: list[tuple[str, int]] = []
        self.address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        self.asked.append((host, port))
        return [
            abc.ResolveResult(
                hostname=host,
                host=self.address,
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize(("use_dns_cache", "asked"), [(True, 1), (False, 3)])
async def test_names_are_kept_unless_that_is_off(use_dns_cache: bool, asked: int, bin: HttpBin) -> None:
    names = Names()
    connector = TCPConnector(resolver=names, use_dns_cache=use_dns_cache, force_close=True)
    async with ClientSession(connector=connector) as session:
        for _ in range(3):
            async with session.get(f"http://name.test:{bin.port}/"):
                assert bin.last.headers["Host"] == f"name.test:{bin.port}"
    assert names.asked == [("name.test", bin.port)] * asked


async def test_names_are_forgotten_one_by_one_or_all(bin: HttpBin) -> None:
    names = Names()
    async with ClientSession(connector=TCPConnector(resolver=names, force_close=True)) as session:
        connector = session.connector
        assert isinstance(connector, TCPConnector)

        async def get(name: str) -> int:
            async with session.get(f"http://{name}.test:{bin.port}/"):
                return len(names.asked)

        assert [await get("a"), await get("b"), await get("a")] == [1, 2, 2]
        connector.clear_dns_cache("a.test", bin.port)
        assert [await get("b"), await get("a")] == [2, 3]
        connector.clear_dns_cache()
        assert [await get("a"), await get("b")] == [4, 5]
        with pytest.raises(ValueError, match="host and port"):
            connector.clear_dns_cache("a.test")


async def test_names_expire(bin: HttpBin) -> None:
    names = Names()
    async with ClientSession(connector=TCPConnector(resolver=names, force_close=True, ttl_dns_cache=0)) as session:
        for _ in range(2):
            async with session.get(f"http://name.test:{bin.port}/"):
                pass
    assert len(names.asked) == 2


async def test_addresses_ask_no_resolver(bin: HttpBin) -> None:
    names = Names()
    async with ClientSession(connector=TCPConnector(resolver=names)) as session, session.get(bin.url):
        assert names.asked == []


async def test_a_socket_is_bound_to_a_local_address(bin: HttpBin) -> None:
    peers = []

    async def note(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername")[0])
        return web.Response()

    connector = TCPConnector(local_addr=("127.0.0.9", 0))
    async with serving(note) as served, ClientSession(connector=connector) as session, session.get(served.url):
        assert peers == ["127.0.0.9"]


# Deprecated parameters


@pytest.mark.parametrize("option", [{"verify_ssl": False}, {"fingerprint": b"0" * 32}])
async def test_older_names_of_ssl_are_taken_with_a_warning(option: dict[str, Any]) -> None:
    with pytest.warns(DeprecationWarning):  # noqa: PT030 - the texts are not documented
        connector = TCPConnector(**option)
    await connector.close()


async def test_a_session_dropped_unclosed_is_told(bin: HttpBin) -> None:
    session = ClientSession()
    async with session.get(bin.url):
        pass
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del session
        gc.collect()
    assert any("Unclosed client session" in str(each.message) for each in caught)
    await asyncio.sleep(0)
