"""Requests through real HTTP proxies: squid, which clients reach by http or https, and tinyproxy."""

import ssl

import pytest

from tests.client.peers.origin import Origin
from tests.client.peers.programs import LOGIN, PASSWORD, RunningProxy
from trunkline import ClientHttpProxyError, ClientSession, TCPConnector, encode_basic_auth

CREDENTIALS = f"{LOGIN}:{PASSWORD}"
TO_PROXY = pytest.mark.parametrize("to_proxy", ["http", "https"])  # https: TLS in TLS, for an https origin
TO_ORIGIN = pytest.mark.parametrize("to_origin", ["http", "https"])


def session_through(proxy: str, trust: ssl.SSLContext) -> ClientSession:
    return ClientSession(connector=TCPConnector(ssl=trust), proxy=proxy)


@TO_PROXY
@TO_ORIGIN
async def test_one_connection_through_squid_serves_all_requests_in_turn(
    open_squid: RunningProxy, origin: Origin, trust: ssl.SSLContext, to_proxy: str, to_origin: str
) -> None:
    async with session_through(open_squid.url(to_proxy), trust) as session:
        assert isinstance(session.connector, TCPConnector)
        for _ in range(5):
            async with session.get(origin.url(to_origin, "/hello")) as response:
                assert (response.status, await response.text()) == (200, "hello")
        assert session.connector.pool.counters.opened == 1
    assert len(origin.connections) == 1
    assert all("Via" not in head for head in origin.heads) == (to_origin == "https")  # squid sees into http alone


@TO_ORIGIN
async def test_requests_go_through_tinyproxy(
    open_tinyproxy: RunningProxy, origin: Origin, trust: ssl.SSLContext, to_origin: str
) -> None:
    async with session_through(open_tinyproxy.url(), trust) as session:
        for _ in range(3):
            async with session.get(origin.url(to_origin, "/hello")) as response:
                assert (response.status, await response.text()) == (200, "hello")


@TO_PROXY
@TO_ORIGIN
async def test_squid_gets_the_credentials_and_the_origin_does_not(
    strict_squid: RunningProxy, origin: Origin, trust: ssl.SSLContext, to_proxy: str, to_origin: str
) -> None:
    async with (
        session_through(strict_squid.url(to_proxy, CREDENTIALS), trust) as session,
        session.get(origin.url(to_origin, "/hello")) as response,
    ):
        assert response.status == 200
    assert "Proxy-Authorization" not in origin.heads[0]


@TO_ORIGIN
async def test_credentials_may_come_as_proxy_headers(
    strict_squid: RunningProxy, origin: Origin, trust: ssl.SSLContext, to_origin: str
) -> None:
    headers = {"Proxy-Authorization": encode_basic_auth(LOGIN, PASSWORD)}
    async with (
        session_through(strict_squid.url(), trust) as session,
        session.get(origin.url(to_origin, "/hello"), proxy_headers=headers) as response,
    ):
        assert response.status == 200
    assert "Proxy-Authorization" not in origin.heads[0]


@pytest.mark.parametrize(
    ("program", "credentials", "status"),
    [
        ("strict_squid", "", 407),
        ("strict_squid", "login:wrong", 407),
        ("strict_tinyproxy", "", 407),
        ("strict_tinyproxy", "login:wrong", 401),
    ],
)
async def test_a_refused_tunnel_tells_what_the_proxy_wants(
    request: pytest.FixtureRequest, origin: Origin, trust: ssl.SSLContext, program: str, credentials: str, status: int
) -> None:
    proxy: RunningProxy = request.getfixturevalue(program)
    async with session_through(proxy.url("http", credentials), trust) as session:
        with pytest.raises(ClientHttpProxyError, match="give the proxy's credentials") as caught:
            await session.get(origin.url("https", "/hello"))
        assert caught.value.status == status
        assert caught.value.message in ("Proxy Authentication Required", "Unauthorized")
        assert caught.value.headers is not None
        assert "Content-Type" in caught.value.headers
        async with session.get(origin.url("http", "/hello")) as response:  # a response like any other
            assert response.status == status
    assert not origin.heads


async def test_a_port_where_nobody_listens_is_the_proxys_to_tell(
    open_squid: RunningProxy, trust: ssl.SSLContext
) -> None:
    async with session_through(open_squid.url(), trust) as session:
        with pytest.raises(ClientHttpProxyError) as caught:
            await session.get("https://127.0.0.1:1/")
        assert caught.value.status == 503


@TO_PROXY
@TO_ORIGIN
async def test_redirects_cross_schemes_within_the_proxy(
    strict_squid: RunningProxy, origin: Origin, trust: ssl.SSLContext, to_proxy: str, to_origin: str
) -> None:
    async with (
        session_through(strict_squid.url(to_proxy, CREDENTIALS), trust) as session,
        session.get(origin.url(to_origin, "/move")) as response,
    ):
        assert response.status == 200
        assert response.url.scheme != to_origin
    assert [("Via" in head, "Proxy-Authorization" in head) for head in origin.heads] == (
        [(True, False), (False, False)] if to_origin == "http" else [(False, False), (True, False)]
    )


@TO_PROXY
@pytest.mark.parametrize("to_origin", ["ws", "wss"])
async def test_websockets_go_through_squid(
    open_squid: RunningProxy, origin: Origin, trust: ssl.SSLContext, to_proxy: str, to_origin: str
) -> None:
    async with (
        session_through(open_squid.url(to_proxy), trust) as session,
        session.ws_connect(origin.url(to_origin, "/echo")) as websocket,
    ):
        await websocket.send_str("over there")
        assert await websocket.receive_str() == "over there"


async def test_a_websocket_goes_through_a_tunnel_of_tinyproxy(
    open_tinyproxy: RunningProxy, origin: Origin, trust: ssl.SSLContext
) -> None:
    async with (
        session_through(open_tinyproxy.url(), trust) as session,
        session.ws_connect(origin.url("wss", "/echo")) as websocket,
    ):
        await websocket.send_str("over there")
        assert await websocket.receive_str() == "over there"


async def test_the_environment_names_the_proxy_and_what_goes_without(
    strict_squid: RunningProxy, origin: Origin, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", strict_squid.url("http", CREDENTIALS))
    monkeypatch.setenv("no_proxy", "localhost")
    async with ClientSession(trust_env=True, connector=TCPConnector(ssl=trust)) as session:
        for host in ("127.0.0.1", "localhost"):
            async with session.get(origin.url("http", "/hello", host)) as response:
                assert response.status == 200
    assert ["Via" in head for head in origin.heads] == [True, False]
    assert not any("Proxy-Authorization" in head for head in origin.heads)
