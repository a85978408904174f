"""Requests through a real SOCKS server: dante, in all versions of the protocol."""

import ssl

import pytest

from tests.client.peers.origin import Origin
from tests.client.peers.programs import RunningProxy
from trunkline import ClientProxyConnectionError, ClientSession, TCPConnector

# With the host that is asked for; dante takes version 4a for version 4, which has no names.
SCHEMES = [("socks4", "localhost"), ("socks4a", "127.0.0.1"), ("socks5", "localhost"), ("socks5h", "localhost")]


@pytest.mark.parametrize(("scheme", "host"), SCHEMES)
@pytest.mark.parametrize("to_origin", ["http", "https"])
async def test_one_connection_serves_all_requests_in_turn(
    open_dante: RunningProxy, origin: Origin, trust: ssl.SSLContext, scheme: str, host: str, to_origin: str
) -> None:
    connector = TCPConnector(ssl=trust)
    async with ClientSession(connector=connector, proxy=open_dante.url(scheme)) as session:
        for _ in range(3):
            async with session.get(origin.url(to_origin, "/hello", host)) as response:
                assert (response.status, await response.text()) == (200, "hello")
    assert connector.pool.counters.opened == 1
    assert len(origin.connections) == 1
    assert origin.heads[0]["Host"].startswith(f"{host}:")


@pytest.mark.parametrize("to_origin", ["ws", "wss"])
async def test_websockets_go_through_it(
    open_dante: RunningProxy, origin: Origin, trust: ssl.SSLContext, to_origin: str
) -> None:
    async with (
        ClientSession(connector=TCPConnector(ssl=trust), proxy=open_dante.url("socks5")) as session,
        session.ws_connect(origin.url(to_origin, "/echo")) as websocket,
    ):
        await websocket.send_str("over there")
        assert await websocket.receive_str() == "over there"


@pytest.mark.parametrize(
    ("credentials", "why"), [("", "No acceptable authentication"), ("login:wrong", "authentication failure")]
)
async def test_a_refusal_is_told(strict_dante: RunningProxy, origin: Origin, credentials: str, why: str) -> None:
    async with ClientSession(proxy=strict_dante.url("socks5", credentials)) as session:
        with pytest.raises(ClientProxyConnectionError, match=why):
            await session.get(origin.url("http", "/hello"))
    assert not origin.heads


async def test_a_port_where_nobody_listens_is_told(open_dante: RunningProxy) -> None:
    async with ClientSession(proxy=open_dante.url("socks5")) as session:
        with pytest.raises(ClientProxyConnectionError, match=r"the proxy did not connect to 127\.0\.0\.1:1"):
            await session.get("http://127.0.0.1:1/")
