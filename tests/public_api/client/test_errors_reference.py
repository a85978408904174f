"""Client Reference: the tree of errors, their attributes, and how each comes about."""

import asyncio
import ssl
from typing import Any

import pytest
from yarl import URL

import trunkline
from tests.public_api.client.httpbin import HttpBin
from trunkline import ClientSession, ClientTimeout, TCPConnector, UnixConnector

TREE: dict[str, tuple[Any, ...]] = {  # Any: names of ours, or classes
    "ClientError": (Exception,),
    "ClientPayloadError": ("ClientError",),
    "UploadAbortedError": ("ClientError",),
    "InvalidURL": ("ClientError", ValueError),
    "InvalidUrlClientError": ("InvalidURL",),
    "RedirectClientError": ("ClientError",),
    "NonHttpUrlClientError": ("ClientError",),
    "InvalidUrlRedirectClientError": ("InvalidUrlClientError", "RedirectClientError"),
    "NonHttpUrlRedirectClientError": ("RedirectClientError", "NonHttpUrlClientError"),
    "ClientResponseError": ("ClientError",),
    "ClientHttpProxyError": ("ClientResponseError",),
    "ContentTypeError": ("ClientResponseError",),
    "TooManyRedirects": ("ClientResponseError",),
    "WSServerHandshakeError": ("ClientResponseError",),
    "WSMessageTypeError": (TypeError,),
    "ClientConnectionError": ("ClientError",),
    "ClientConnectionResetError": ("ClientConnectionError", ConnectionResetError),
    "ClientOSError": ("ClientConnectionError", OSError),
    "ClientConnectorError": ("ClientOSError",),
    "ClientConnectorDNSError": ("ClientConnectorError",),
    "ClientProxyConnectionError": ("ClientConnectorError",),
    "ClientSSLError": ("ClientConnectorError",),
    "ClientConnectorSSLError": ("ClientSSLError", ssl.SSLError),
    "ClientConnectorCertificateError": ("ClientSSLError", ssl.CertificateError),
    "UnixClientConnectorError": ("ClientConnectorError",),
    "ServerConnectionError": ("ClientConnectionError",),
    "ServerDisconnectedError": ("ServerConnectionError",),
    "ServerFingerprintMismatch": ("ServerConnectionError",),
    "ServerTimeoutError": ("ServerConnectionError", asyncio.TimeoutError),
    "ConnectionTimeoutError": ("ServerTimeoutError",),
    "SocketTimeoutError": ("ServerTimeoutError",),
}


@pytest.mark.parametrize("name", TREE)
def test_every_error_is_at_the_root_and_has_its_bases(name: str) -> None:
    for base in TREE[name]:
        assert issubclass(getattr(trunkline, name), getattr(trunkline, base) if isinstance(base, str) else base)


# How they come about


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://", trunkline.InvalidUrlClientError),
        ("/only/a/path", trunkline.InvalidUrlClientError),
        ("ftp://host/", trunkline.NonHttpUrlClientError),
    ],
)
async def test_urls_that_cannot_be_requested(url: str, error: type[Exception], session: ClientSession) -> None:
    with pytest.raises(error) as caught:
        await session.get(url)
    if isinstance(caught.value, trunkline.InvalidURL):
        assert caught.value.url == URL(url)
        assert caught.value.description is None or isinstance(caught.value.description, str)


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http:///path", trunkline.InvalidUrlRedirectClientError),
        ("ftp://host/", trunkline.NonHttpUrlRedirectClientError),
    ],
)
async def test_redirects_that_cannot_be_followed(
    location: str, error: type[Exception], session: ClientSession, bin: HttpBin
) -> None:
    with pytest.raises(error):
        await session.get(URL(f"{bin.url}/redirect").with_query(to=location))


async def test_a_response_error_tells_of_its_response(session: ClientSession, bin: HttpBin) -> None:
    with pytest.raises(trunkline.ClientResponseError) as caught:
        await session.get(f"{bin.url}/redirect?to=/status/404", raise_for_status=True)
    error = caught.value
    assert error.request_info.url == URL(f"{bin.url}/status/404")
    assert (error.status, error.message) == (404, "Not Found")
    assert error.headers is not None
    assert error.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert [each.status for each in error.history] == [302]
    with pytest.warns(DeprecationWarning, match="code"):
        assert error.code == 404


async def test_a_port_without_a_server(session: ClientSession, unused_tcp_port: int) -> None:
    with pytest.raises(trunkline.ClientConnectorError) as caught:
        await session.get(f"http://127.0.0.1:{unused_tcp_port}/")
    assert (caught.value.host, caught.value.port, caught.value.ssl) == ("127.0.0.1", unused_tcp_port, True)
    assert isinstance(caught.value.os_error, OSError)
    assert "Cannot connect to host 127.0.0.1" in str(caught.value)


async def test_a_name_that_nobody_knows() -> None:
    class Nobody(trunkline.abc.AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:  # Any: as in the base class
            raise OSError(None, "no such name")

        async def close(self) -> None:
            """Nothing is held."""

    async with ClientSession(connector=TCPConnector(resolver=Nobody())) as session:
        with pytest.raises(trunkline.ClientConnectorDNSError):
            await session.get("http://nobody.test/")


async def test_a_unix_socket_that_is_not_there() -> None:
    async with ClientSession(connector=UnixConnector("/nonexistent/socket")) as session:
        with pytest.raises(trunkline.UnixClientConnectorError) as caught:
            await session.get("http://localhost/")
    assert caught.value.path == "/nonexistent/socket"


async def test_a_server_that_leaves(session: ClientSession) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(leave, "127.0.0.1", 0) as server:
        with pytest.raises(trunkline.ServerDisconnectedError) as caught:
            await session.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert str(caught.value.message).startswith("Server disconnected")


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (ClientTimeout(total=0.1), asyncio.TimeoutError),
        (ClientTimeout(sock_read=0.1), trunkline.SocketTimeoutError),
    ],
)
async def test_timeouts_are_all_asyncios(
    timeout: ClientTimeout, error: type[Exception], session: ClientSession, bin: HttpBin
) -> None:
    with pytest.raises(error) as caught:
        await session.get(f"{bin.url}/slow", timeout=timeout)
    assert isinstance(caught.value, asyncio.TimeoutError)
