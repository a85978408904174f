"""Client Advanced: fields, authentication, cookies, redirects, connectors, TLS and charsets, sample by sample."""

import asyncio
import socket
import ssl
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDictProxy
from yarl import URL

from tests.public_api.client.httpbin import HttpBin, httpbin
from trunkline import (
    AddrInfoType,
    BasicAuth,
    ClientConnectorCertificateError,
    ClientConnectorSSLError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ContentTypeError,
    CookieJar,
    DummyCookieJar,
    Fingerprint,
    ServerFingerprintMismatch,
    TCPConnector,
    UnixConnector,
    encode_basic_auth,
    web,
)
from trunkline.testing.loopback import Loopback

BASIC = "Basic bG9naW46cGFzcw=="  # login:pass


# "Custom Request Headers"


async def test_the_content_type_may_be_given(session: ClientSession, bin: HttpBin) -> None:
    payload = b"GIF89a\x01\x00\x01\x00\x00\xff\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x00;"
    async with session.post(bin.url, data=payload, headers={"content-type": "image/gif"}):
        pass
    assert bin.last.headers["Content-Type"] == "image/gif"
    assert bin.last.body == payload


async def test_fields_of_the_session_go_with_every_request(bin: HttpBin) -> None:
    given = {"Authorization": BASIC}
    async with ClientSession(headers=given) as session:
        given["Authorization"] = "changed afterwards"
        for _ in range(2):
            async with session.get(f"{bin.url}/headers") as response:
                assert (await response.json())["headers"]["Authorization"] == BASIC


# "Authentication"


async def test_basic_credentials_are_a_field(bin: HttpBin) -> None:
    headers = {"Authorization": encode_basic_auth("login", "pass")}
    async with ClientSession(headers=headers) as session, session.get(bin.url):
        assert bin.last.headers["Authorization"] == BASIC


async def test_credentials_in_the_url_of_a_redirect_supersede_those_before(
    session: ClientSession, bin: HttpBin
) -> None:
    to = URL(bin.url).with_user("other_user") / "in"
    url = (URL(bin.url).with_user("user") / "redirect").with_query(to=str(to))
    async with session.get(url):
        pass
    wanted = [encode_basic_auth("user"), encode_basic_auth("other_user")]
    assert [seen.headers["Authorization"] for seen in bin.seen] == wanted


async def test_auth_and_credentials_in_the_url_exclude_each_other(session: ClientSession, bin: HttpBin) -> None:
    with pytest.warns(DeprecationWarning, match="BasicAuth is deprecated"):
        auth = BasicAuth("login", "pass")
    with pytest.raises(ValueError, match="Cannot combine AUTH argument"):
        await session.get(URL(bin.url).with_user("user"), auth=auth)


async def test_the_sessions_fields_may_be_updated(bin: HttpBin) -> None:
    async with ClientSession(headers={"Authorization": "Bearer eyJh...0M30"}) as session:
        session.headers["Authorization"] = "Bearer eyJh...1OH0"
        async with session.get(bin.url):
            assert bin.last.headers["Authorization"] == "Bearer eyJh...1OH0"


@pytest.mark.parametrize("is_other_origin", [False, True])
async def test_authorization_does_not_go_to_another_origin(is_other_origin: bool, bin: HttpBin) -> None:
    async with httpbin() as other, ClientSession(headers={"Authorization": BASIC}) as session:
        target = other if is_other_origin else bin
        async with session.get(f"{bin.url}/redirect?to={target.url}/end"):
            assert target.last.headers.get("Authorization") == (None if is_other_origin else BASIC)


# "Custom Cookies", "Cookie Safety", "Cookie Quoting Routine", "Dummy Cookie Jar"


async def test_cookies_of_the_session_are_sent(bin: HttpBin) -> None:
    async with (
        ClientSession(cookies={"cookies_are": "working"}) as session,
        session.get(f"{bin.url}/cookies") as response,
    ):
        assert await response.json() == {"cookies": {"cookies_are": "working"}}


async def test_cookies_of_a_response_are_sent_with_the_next_request(bin: HttpBin) -> None:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:  # the server has an address for a name
        async with session.get(f"{bin.url}/cookies/set?my_cookie=my_value", allow_redirects=False) as response:
            assert response.cookies["my_cookie"].value == "my_value"
        async with session.get(f"{bin.url}/cookies") as response:
            assert (await response.json())["cookies"]["my_cookie"] == "my_value"


@pytest.mark.parametrize(
    ("unsafe", "host", "is_kept"), [(False, "127.0.0.1", False), (True, "127.0.0.1", True), (False, "localhost", True)]
)
async def test_cookies_of_an_address_are_kept_only_by_an_unsafe_jar(
    unsafe: bool, host: str, is_kept: bool, bin: HttpBin
) -> None:
    async with ClientSession(cookie_jar=CookieJar(unsafe=unsafe)) as session:
        async with session.get(f"http://{host}:{bin.port}/cookies/set?a=b") as response:
            assert (await response.json())["cookies"] == ({"a": "b"} if is_kept else {})
        assert len(list(session.cookie_jar)) == is_kept


@pytest.mark.parametrize(("quote_cookie", "sent"), [(True, r'a="1\0542"'), (False, "a=1,2")])
async def test_values_are_quoted_unless_that_is_off(quote_cookie: bool, sent: str, bin: HttpBin) -> None:
    jar = CookieJar(quote_cookie=quote_cookie, unsafe=True)
    async with ClientSession(cookies={"a": "1,2"}, cookie_jar=jar) as session, session.get(bin.url):
        assert bin.last.headers["Cookie"] == sent


async def test_a_dummy_jar_keeps_nothing(bin: HttpBin) -> None:
    async with (
        ClientSession(cookie_jar=DummyCookieJar()) as session,
        session.get(f"http://localhost:{bin.port}/cookies/set?a=b") as response,
    ):
        assert (await response.json())["cookies"] == {}


# "Response Headers and Cookies"


async def test_fields_are_found_in_any_case(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/response?Content-Type=application/json&X-Many=1&X-Many=2") as response:
        assert isinstance(response.headers, CIMultiDictProxy)
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers.get("content-type") == "application/json"
        assert response.headers.getall("X-MANY") == ["1", "2"]


async def test_fields_that_are_not_utf_8_are_kept_as_they_came(session: ClientSession) -> None:
    async def answer(reader: Any, writer: Any) -> None:  # Any: asyncio's streams
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nSERVER: n\xe9\r\nContent-Length: 0\r\nX: \xc3\xa9\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with session.get(f"http://127.0.0.1:{port}/") as response:
            assert response.headers["Server"] == "n\udce9"
            assert response.headers["X"] == "é"
            assert response.raw_headers == ((b"SERVER", b"n\xe9"), (b"Content-Length", b"0"), (b"X", b"\xc3\xa9"))


async def test_cookies_are_those_of_the_last_response(session: ClientSession, bin: HttpBin) -> None:
    async with session.get(f"{bin.url}/cookies/set?a=b") as response:
        assert dict(response.cookies) == {}
        assert response.history[0].cookies["a"].value == "b"


# "Redirection History"


async def test_the_redirects_are_told(session: ClientSession, bin: HttpBin) -> None:
    url = f"{bin.url}/redirect?status=301&to=/some/other/url/"
    async with session.get(url) as response:
        assert response.status == 200
        assert response.url == URL(f"{bin.url}/some/other/url/")
        [redirect] = response.history
        assert (redirect.status, redirect.url) == (301, URL(url))
    async with session.get(url, allow_redirects=False) as response:
        assert (response.status, response.history) == (301, ())


# "Uploading pre-compressed data"


async def test_data_that_is_compressed_already_is_only_labelled(session: ClientSession, bin: HttpBin) -> None:
    data = zlib.compress(b"my data")
    async with session.post(bin.url, data=data, headers={"Content-Encoding": "deflate"}) as response:
        assert (await response.json())["data"] == "my data"  # the server has decoded it
    assert bin.last.headers["Content-Length"] == str(len(data))


# "Disabling content type validation for JSON responses"


@pytest.mark.parametrize(
    ("sent", "wanted", "is_taken"),
    [
        ("application/json", "application/json", True),
        ("application/vnd.custom-type+json", "application/json", True),
        ("text/html", "application/json", False),
        ("custom/type", "custom/type", True),
        ("custom/xxx+type", "custom/type", False),
        ("text/html", None, True),
    ],
)
async def test_the_media_type_of_json_is_checked(
    sent: str, wanted: str | None, is_taken: bool, session: ClientSession, bin: HttpBin
) -> None:
    async with session.get(URL(f"{bin.url}/response").with_query({"body": "{}", "Content-Type": sent})) as response:
        if is_taken:
            assert await response.json(content_type=wanted) == {}
        else:
            with pytest.raises(ContentTypeError):
                await response.json(content_type=wanted)


# "Connectors", "Limiting connection pool size"


async def test_a_connector_may_be_shared(bin: HttpBin) -> None:
    async with TCPConnector() as connector:
        for _ in range(2):
            async with ClientSession(connector=connector, connector_owner=False) as session, session.get(bin.url):
                assert session.connector is connector
        assert not connector.closed


async def test_the_limits_and_their_defaults() -> None:
    async with TCPConnector() as connector:
        assert (connector.limit, connector.limit_per_host) == (100, 0)
    async with TCPConnector(limit=30, limit_per_host=3) as connector:
        assert (connector.limit, connector.limit_per_host) == (30, 3)
    async with TCPConnector(limit=0) as connector:
        assert connector.limit == 0


# "Unix domain sockets", "Custom socket creation"


async def test_a_unix_socket_is_reached_with_any_name(tmp_path: Path) -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=request.host)

    app = web.Application()
    app.router.add_get("/get", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    path = str(tmp_path / "socket")
    await web.UnixSite(runner, path).start()
    async with (
        ClientSession(connector=UnixConnector(path=path)) as session,
        session.get("http://localhost/get") as response,
    ):
        assert await response.text() == "localhost"
    await runner.cleanup()


async def test_sockets_may_be_made_by_the_user(bin: HttpBin) -> None:
    made = []

    def socket_factory(addr_info: AddrInfoType) -> socket.socket:
        family, type_, proto, _, _ = addr_info
        sock = socket.socket(family=family, type=type_, proto=proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.append(sock.fileno())
        return sock

    connector = TCPConnector(socket_factory=socket_factory)
    async with ClientSession(connector=connector) as session, session.get(bin.url):
        assert len(made) == 1


# "SSL control for TCP sockets"


async def test_certificates_are_checked_unless_that_is_off(session: ClientSession, tls_server: Loopback) -> None:
    with pytest.raises(ClientConnectorCertificateError) as caught:
        await session.get(tls_server.url())
    assert isinstance(caught.value, ssl.CertificateError)
    assert isinstance(caught.value, ClientSSLError)
    async with session.get(tls_server.url(), ssl=False) as response:
        assert response.status == 200


async def test_a_handshake_that_fails_is_an_ssl_error(session: ClientSession, bin: HttpBin) -> None:
    with pytest.raises(ClientConnectorSSLError) as caught:
        await session.get(f"https://127.0.0.1:{bin.port}/")  # which answers in the clear
    assert isinstance(caught.value, ssl.SSLError)
    assert isinstance(caught.value, ClientSSLError)


async def test_a_context_is_for_one_request_or_for_all(
    session: ClientSession, tls_server: Loopback, trusting: ssl.SSLContext
) -> None:
    async with session.get(tls_server.url(), ssl=trusting) as response:
        assert response.status == 200
    async with ClientSession(connector=TCPConnector(ssl=trusting)) as other, other.get(tls_server.url()) as response:
        assert response.status == 200


async def test_a_certificate_may_be_pinned(session: ClientSession, tls_server: Loopback) -> None:
    bogus = b"0" * 32
    with pytest.raises(ServerFingerprintMismatch) as caught:
        await session.get(tls_server.url(), ssl=Fingerprint(bogus))
    assert caught.value.expected == bogus
    pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", tls_server.port))
    der = ssl.PEM_cert_to_DER_cert(pem)
    assert caught.value.got == sha256(der).digest()
    async with session.get(tls_server.url(), ssl=Fingerprint(caught.value.got)) as response:
        assert response.status == 200


@pytest.mark.parametrize("size", [16, 20, 64])
def test_only_sha256_is_a_fingerprint(size: int) -> None:
    with pytest.raises(ValueError, match=r"md5|fingerprint"):
        Fingerprint(b"0" * size)


# "Character Set Detection"


async def test_a_charset_that_is_not_told_may_be_guessed(bin: HttpBin) -> None:
    asked: list[tuple[str, bytes]] = []

    def resolve(response: ClientResponse, body: bytes) -> str:
        asked.append((response.url.path, body))
        return "latin-1"

    url = URL(f"{bin.url}/response")
    async with ClientSession(fallback_charset_resolver=resolve) as session:
        async with session.get(url.with_query({"body": "\xe9", "Content-Type": "text/plain"})) as response:
            assert await response.text() == "é"
        query = {"body": "\xc3\xa9", "Content-Type": "text/plain; charset=utf-8"}
        async with session.get(url.with_query(query)) as response:
            assert await response.text() == "é"
    assert asked == [("/response", b"\xe9")]


async def test_without_a_guess_bytes_that_are_not_utf_8_are_an_error(session: ClientSession, bin: HttpBin) -> None:
    url = URL(f"{bin.url}/response").with_query({"body": "\xe9", "Content-Type": "text/plain"})
    async with session.get(url) as response:
        with pytest.raises(UnicodeDecodeError):
            await response.text()
        assert await response.text("windows-1252") == "é"
