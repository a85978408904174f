import pytest

import trunkline
from tests.client.recording import Recording
from tests.raw_server import RawServer, replying
from trunkline import ClientConnectorError, ClientResponseError, HttpVersion10, TCPConnector
from trunkline.testing.loopback import LoopbackResponse


async def test_one_request_without_a_session_of_ones_own() -> None:
    async with Recording() as server:
        async with trunkline.request("GET", server.url("/"), params={"a": "1"}, headers={"X-A": "1"}) as response:
            assert (response.status, await response.text()) == (200, "ok")
        assert server.last.target == "/?a=1"
        assert server.fields("x-a", "connection") == ["1", "close"]
        assert await server.wait_all_closed(5)


async def test_the_version_is_the_requests() -> None:
    async with (
        RawServer(replying(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")) as server,
        trunkline.request("POST", server.url(), json=[1], version=HttpVersion10),
    ):
        assert server.requests == ["POST / HTTP/1.0"]


async def test_a_given_connector_stays_open_and_keeps_its_connections() -> None:
    async with Recording() as server, TCPConnector() as connector:
        for _ in range(2):
            async with trunkline.request("GET", server.url("/"), connector=connector) as response:
                await response.read()
        assert not connector.closed
        assert server.counts.connections == 1


async def test_an_error_leaves_nothing_open() -> None:
    async with Recording({"/": LoopbackResponse(404)}) as server:
        with pytest.raises(ClientResponseError, match="404"):
            async with trunkline.request("GET", server.url("/"), raise_for_status=True):
                pass
        assert await server.wait_all_closed(5)
        port = server.port
    with pytest.raises(ClientConnectorError, match=f"Cannot connect to host 127.0.0.1:{port} ssl:default"):
        async with trunkline.request("GET", f"http://127.0.0.1:{port}/"):
            pass


async def test_an_error_in_the_block_comes_out() -> None:
    async with Recording() as server:
        with pytest.raises(ZeroDivisionError):
            async with trunkline.request("GET", server.url("/")):
                raise ZeroDivisionError
        assert await server.wait_all_closed(5)
