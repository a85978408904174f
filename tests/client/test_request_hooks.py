"""What libraries override in requests and responses, and the connections that they ask for by themselves."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest
from multidict import CIMultiDict
from yarl import URL

import trunkline
from tests.client.recording import Recording
from trunkline import BasicAuth, ClientRequest, ClientResponse, ClientSession, Connection, InvalidURL, TCPConnector
from trunkline.client.errors import ClientConnectionError, ClientConnectorError, ConnectionTimeoutError
from trunkline.conn.errors import ConnectionClosed


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording() as recording:
        yield recording


class SendingRequest(ClientRequest):
    """Notes the sockets that it is sent on."""

    sent_on: list[Any] = []  # noqa: RUF012 - the tests clear it

    async def send(self, conn: Connection) -> Any:
        assert conn.transport is not None
        self.sent_on.append(conn.transport.get_extra_info("peername"))
        return await super().send(conn)


class StartedResponse(ClientResponse):
    """Notes that its head has come."""

    started = 0

    async def start(self, connection: Connection) -> Self:
        await super().start(connection)
        self.started = self.status
        return self


async def test_a_request_class_may_send_by_itself(server: Recording) -> None:
    SendingRequest.sent_on.clear()
    async with ClientSession(request_class=SendingRequest) as session:
        async with session.post(server.url("/"), data={"a": "b"}) as response:
            assert response.status == 200
        async with session.get(server.url("/")) as response:
            assert type(response) is ClientResponse
        assert session.connector is not None
        assert session.connector.pool.counters.opened == 1
    assert len(SendingRequest.sent_on) == 2


async def test_a_response_class_may_start_by_itself(server: Recording) -> None:
    async with (
        ClientSession(response_class=StartedResponse) as session,
        session.get(server.url("/")) as response,
    ):
        assert isinstance(response, StartedResponse)
        assert response.started == 200


async def test_both_classes_together_make_one_response(server: Recording) -> None:
    made: list[ClientResponse] = []

    class Request(ClientRequest):
        async def send(self, conn: Connection) -> Any:
            response = await super().send(conn)
            made.append(response)
            return response

    async with (
        ClientSession(request_class=Request, response_class=StartedResponse) as session,
        session.get(server.url("/")) as response,
    ):
        assert made == [response]
        assert isinstance(response, StartedResponse)
        assert response.started == 200


async def test_a_send_that_fails_gives_the_connection_back(server: Recording) -> None:
    class Request(ClientRequest):
        async def send(self, conn: Connection) -> Any:
            raise LookupError("not today")

    async with ClientSession(request_class=Request) as session:
        with pytest.raises(LookupError):
            await session.get(server.url("/"))
        connector = session.connector
        assert connector is not None
        assert not connector._acquired
        assert [len(idle) for idle in connector._conns.values()] == [1]


async def test_a_start_that_fails_leaves_no_connection_behind(server: Recording) -> None:
    class Response(ClientResponse):
        async def start(self, connection: Connection) -> Self:
            raise LookupError("not today")

    async with ClientSession(response_class=Response) as session:
        with pytest.raises(LookupError):
            await session.get(server.url("/"))
        connector = session.connector
        assert connector is not None
        assert not connector._acquired


# `BaseConnector.connect`.


def request_to(server: Recording, **arguments: Any) -> ClientRequest:
    return ClientRequest("POST", URL(server.url("/")), data=b"abc", **arguments)


async def test_a_send_that_fails_afterwards_leaves_nothing_to_complain_of(server: Recording) -> None:
    class Failing(ClientRequest):
        async def send(self, conn: Connection) -> Any:
            await super().send(conn)
            raise KeyError("of send")

    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with ClientSession(request_class=Failing) as session:
        with pytest.raises(KeyError, match="of send"):
            await session.get(server.url("/"))
    gc.collect()
    assert complaints == []


async def test_a_send_that_does_nothing_is_an_error(server: Recording) -> None:
    class Idle(ClientRequest):
        async def send(self, conn: Connection) -> Any:
            return None

    async with ClientSession(request_class=Idle, connector=TCPConnector(limit=1)) as session:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="neither sent anything nor returned a response"):
                await session.get(server.url("/"))


async def test_a_send_may_bring_a_response_from_elsewhere(server: Recording) -> None:
    class Canned(ClientRequest):
        async def send(self, conn: Connection) -> Any:
            response = ClientResponse(self.method, self.original_url)
            response.status = 299
            return response

    async with ClientSession(request_class=Canned, connector=TCPConnector(limit=1)) as session:
        for _ in range(2):
            assert (await session.get(server.url("/"))).status == 299
    assert server.requests == []


async def test_a_request_can_be_sent_without_a_session(server: Recording) -> None:
    async with TCPConnector() as connector:
        for _ in range(2):
            request = request_to(server)
            connection = await connector.connect(request)
            response = await request.send(connection)
            assert await response.start(connection) is response
            assert response.status == 200
            await response.read()
        assert connector.pool.counters.opened == 1
    assert server.last.body == b"abc"


async def test_a_connection_that_is_not_used_goes_back_or_is_closed(server: Recording) -> None:
    async with TCPConnector() as connector:
        connection = await connector.connect(request_to(server))
        assert not connection.closed
        assert connector._acquired == {connection.protocol}
        connection.release()
        assert connection.closed
        assert not connector._acquired
        connection = await connector.connect(request_to(server))
        transport = connection.transport
        assert transport is not None
        connection.close()
        assert transport.is_closing()
        assert not connector._acquired


async def test_a_connection_that_is_dropped_says_so_and_frees_its_slot(server: Recording) -> None:
    async with TCPConnector(limit=1) as connector:
        connection = await connector.connect(request_to(server))
        with pytest.warns(ResourceWarning, match=r"Unclosed connection .*test_request_hooks\.py:\d+"):
            del connection
        async with asyncio.timeout(5):
            (await connector.connect(request_to(server))).release()


async def test_a_connection_is_used_once(server: Recording) -> None:
    async with TCPConnector() as connector:
        request = request_to(server)
        connection = await connector.connect(request)
        response = await request.send(connection)
        with pytest.raises(ConnectionClosed, match="acquire another"):
            await request.send(connection)
        await response.start(connection)
        await response.read()


async def test_connect_raises_what_requests_raise(unused_tcp_port: int) -> None:
    async with TCPConnector(limit=1) as connector:
        request = ClientRequest("GET", URL(f"http://127.0.0.1:{unused_tcp_port}/"))
        with pytest.raises(ClientConnectorError, match=str(unused_tcp_port)):
            await connector.connect(request)
        assert not connector._acquired


async def test_connect_heeds_the_timeout_of_the_queue(server: Recording) -> None:
    async with TCPConnector(limit=1) as connector:
        held = await connector.connect(request_to(server))
        with pytest.raises(ConnectionTimeoutError):
            await connector.connect(request_to(server), None, trunkline.ClientTimeout(connect=0.01))
        held.release()
        (await connector.connect(request_to(server))).release()


async def test_connect_ends_with_its_connector(server: Recording) -> None:
    connector = TCPConnector(limit=1)
    held = await connector.connect(request_to(server))
    waiting = asyncio.ensure_future(connector.connect(request_to(server)))
    await asyncio.sleep(0)
    await connector.close()
    with pytest.raises(ClientConnectionError, match="closed"):
        await waiting
    assert held.closed


# Where a request goes.


def test_another_url_takes_the_host_along() -> None:
    request = ClientRequest("GET", URL("http://first.example/a"))
    request.url = URL("https://second.example:8443/b")
    assert request.headers["Host"] == "second.example:8443"
    assert request.connection_key[:3] == ("second.example", 8443, True)
    assert request.target.path == "/b"


def test_credentials_of_the_url_become_authorization() -> None:
    request = ClientRequest("GET", URL("http://user:secret@first.example/"))
    assert request.headers["Authorization"] == trunkline.encode_basic_auth("user", "secret")
    assert "secret" not in str(request.url)


# Proxies.


def auth(login: str) -> BasicAuth:
    return BasicAuth._make((login, "secret", "latin1"))


def through(proxy: str, url: str = "http://origin.example/a?b=1", **arguments: Any) -> ClientRequest:
    request = ClientRequest("GET", URL(url), proxy=proxy, **arguments)
    request.seal()
    return request


def test_a_forwarding_proxy_is_asked_by_the_whole_url() -> None:
    request = through("http://proxy.example:3128")
    assert request.target.h1 == b" http://origin.example/a?b=1 HTTP/1.1\r\nHost: origin.example\r\n"
    assert request.connection_key.proxy == URL("http://proxy.example:3128")


@pytest.mark.parametrize(
    ("proxy", "url"),
    [
        ("http://proxy.example:3128", "https://origin.example/a?b=1"),
        ("https://proxy.example", "https://origin.example/a?b=1"),
        ("socks5://proxy.example:1080", "http://origin.example/a?b=1"),
    ],
)
def test_within_a_tunnel_the_origin_is_asked_by_its_path(proxy: str, url: str) -> None:
    assert through(proxy, url).target.h1 == b" /a?b=1 HTTP/1.1\r\nHost: origin.example\r\n"


@pytest.mark.parametrize(
    ("arguments", "login"),
    [
        ({"proxy": "http://inline:secret@proxy.example:3128"}, "inline"),
        ({"proxy": "http://inline:secret@proxy.example:3128", "proxy_auth": auth("given")}, "given"),
        ({"proxy": "http://proxy.example:3128", "proxy_auth": auth("given")}, "given"),
    ],
)
def test_the_proxy_gets_its_credentials(arguments: dict[str, Any], login: str) -> None:
    request = through(**arguments)
    assert request.headers["Proxy-Authorization"] == auth(login).encode()
    assert request.connection_key.proxy == URL("http://proxy.example:3128")
    assert request.connection_key.proxy_auth == auth(login)


def test_proxy_authorization_never_reaches_the_origin_of_a_tunnel() -> None:
    request = through(
        "http://proxy.example:3128", "https://origin.example/", headers={"Proxy-Authorization": "Bearer token"}
    )
    assert "Proxy-Authorization" not in request.headers
    assert request.proxy_headers == CIMultiDict({"Proxy-Authorization": "Bearer token"})


def test_proxy_headers_may_change_until_the_request_is_sent() -> None:
    request = through("http://proxy.example:3128", proxy_headers={"X-Proxy": "1"})
    before = request.connection_key
    assert request.proxy_headers is not None
    request.proxy_headers["Proxy-Authorization"] = "Bearer token"
    request.seal()
    assert request.headers["Proxy-Authorization"] == "Bearer token"
    assert "X-Proxy" not in request.headers  # it is not the origin's
    assert request.connection_key != before


def test_without_its_proxy_a_request_goes_the_direct_way() -> None:
    request = through("http://proxy.example:3128")
    request.update_proxy(None, None, None)
    assert request.connection_key == ClientRequest("GET", URL("http://origin.example/a?b=1")).connection_key
    assert request.target.origin == ""


@pytest.mark.parametrize("proxy", ["ftp://proxy.example", "proxy.example:3128", "http://", "//proxy.example"])
def test_what_is_no_proxy_is_refused(proxy: str) -> None:
    with pytest.raises(InvalidURL, match="scheme://host:port"):
        through(proxy)


def test_credentials_of_a_proxy_are_a_basic_auth() -> None:
    with pytest.raises(ValueError, match="proxy_auth must be None or BasicAuth"):
        through("http://proxy.example", proxy_auth=("a", "b"))


async def test_send_may_be_replaced_in_the_class_of_requests(
    server: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ClientRequest.send

    async def send(request: ClientRequest, conn: Connection) -> Any:
        request.headers["Traceparent"] = "00-1-2-03"
        return await ours(request, conn)

    async with ClientSession() as session:
        monkeypatch.setattr(ClientRequest, "send", send)
        async with session.get(server.url("/")) as response:
            assert response.request_info.headers["Traceparent"] == "00-1-2-03"


async def test_a_proxy_object_may_take_the_place_of_a_sessions_connector(server: Recording) -> None:
    class Proxy:
        def __init__(self, connector: Any) -> None:
            self.wrapped = connector
            self.asked = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.wrapped, name)

        async def connect(self, *arguments: Any) -> Connection:
            self.asked += 1
            connection: Connection = await self.wrapped.connect(*arguments)
            return connection

    async with ClientSession() as session:
        proxy: Any = Proxy(session._connector)
        session._connector = proxy
        for _ in range(2):
            async with session.get(server.url("/")) as response:
                assert response.status == 200
    assert proxy.asked == 2


def test_credentials_of_another_url_replace_those_of_the_first() -> None:
    request = ClientRequest("GET", URL("http://old:secret@first.example/"))
    request.url = URL("http://new:secret@second.example/")
    assert request.headers["Authorization"] == trunkline.encode_basic_auth("new", "secret")
    assert request.url == URL("http://second.example/")


async def test_a_connect_that_returns_no_connection_is_named(server: Recording) -> None:
    class Connector(TCPConnector):
        async def connect(self, req: Any, traces: Any = None, timeout: Any = None) -> Any:
            return "a connection"

    async with ClientSession(connector=Connector()) as session:
        with pytest.raises(TypeError, match="returned a str; wanted a Connection"):
            await session.get(server.url("/"))


async def test_nothing_is_uploaded_for_a_response_that_was_made_by_hand() -> None:
    response = ClientResponse("GET", URL("http://example.com/"))
    await response.upload_complete
    assert response.output_size == 0
