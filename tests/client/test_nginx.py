"""The client against a real nginx: what it fetches and stores, and what the server's log says of it."""

import asyncio
import os
import ssl
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from tests.nginx import Nginx
from trunkline import (
    ClientConnectorCertificateError,
    ClientSession,
    Fingerprint,
    HttpVersion10,
    ServerFingerprintMismatch,
    TCPConnector,
    UnixConnector,
)

BIG = os.urandom(1024) * 10_240  # 10 MiB that gzip does not shrink to nothing


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx")) as server:
        (server.www / "big").write_bytes(BIG)
        yield server


async def test_one_connection_serves_all_requests_in_turn(nginx: Nginx) -> None:
    async with ClientSession() as session:
        for number in range(50):
            async with session.get(nginx.url(f"/small?turn={number}")) as response:
                assert await response.read() == b"hello"
    served = [access for access in nginx.accesses() if "/small?turn=" in access.uri]
    assert len(served) == 50
    assert len({access.connection for access in served}) == 1


async def test_no_more_connections_than_limit_are_open(nginx: Nginx) -> None:
    async def fetch(session: ClientSession) -> bytes:
        async with session.get(nginx.url("/small?limited")) as response:
            return await response.read()

    async with ClientSession(connector=TCPConnector(limit=3)) as session:
        assert await asyncio.gather(*(fetch(session) for _ in range(60))) == [b"hello"] * 60
    assert len({access.connection for access in nginx.accesses() if access.uri == "/small?limited"}) == 3


@pytest.mark.parametrize("tls", ["", "1.2", "1.3"])
@pytest.mark.parametrize("path", ["/big", "/gzip/big", "/chunked/big"])
async def test_ten_megabytes_come_whole(nginx: Nginx, tls: str, path: str) -> None:
    async with ClientSession(connector=TCPConnector(ssl=nginx.client_context())) as session:
        async with session.get(nginx.url(path, tls=tls)) as response:
            assert (await response.read()) == BIG
            assert ("Transfer-Encoding" in response.headers) == (path != "/big")
            assert response.headers.get("Content-Encoding") == ("gzip" if path == "/gzip/big" else None)
        assert session.connector is not None
        assert len(session.connector._conns) == 1  # the end was found: it may be used again


async def test_ten_megabytes_come_whole_to_a_slow_reader(nginx: Nginx) -> None:
    digest = sha256()
    async with ClientSession(read_bufsize=4096) as session, session.get(nginx.url("/big")) as response:
        async for portion in response.content.iter_chunked(50_000):
            digest.update(portion)
            await asyncio.sleep(0)
    assert digest.digest() == sha256(BIG).digest()


@pytest.mark.parametrize("tls", ["", "1.2", "1.3"])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_ten_megabytes_are_stored_whole(nginx: Nginx, tls: str, is_chunked: bool) -> None:
    stored = nginx.stored / "upload"
    stored.unlink(missing_ok=True)
    async with ClientSession(connector=TCPConnector(ssl=nginx.client_context())) as session:
        url = nginx.url("/stored/upload", tls=tls)
        async with session.put(url, data=BytesIO(BIG), chunked=is_chunked or None) as response:
            assert response.status == 201
    assert stored.read_bytes() == BIG


async def test_a_file_is_stored_whole_after_100_continue(nginx: Nginx) -> None:
    with (nginx.www / "big").open("rb") as file:
        async with (
            ClientSession() as session,
            session.put(nginx.url("/stored/file"), data=file, expect100=True) as response,
        ):
            assert response.status == 201
    assert (nginx.stored / "file").read_bytes() == BIG


async def test_head_204_and_304_have_no_body_and_keep_the_connection(nginx: Nginx) -> None:
    async with ClientSession() as session:
        async with session.head(nginx.url("/small?bodiless")) as response:
            assert (response.status, response.content_length, await response.read()) == (200, 5, b"")
            etag = response.headers["ETag"]
        async with session.get(nginx.url("/nothing?bodiless")) as response:
            assert (response.status, await response.read()) == (204, b"")
        async with session.get(nginx.url("/small?bodiless"), headers={"If-None-Match": etag}) as response:
            assert (response.status, await response.read()) == (304, b"")
        async with session.get(nginx.url("/small?bodiless")) as response:
            assert (response.status, await response.read()) == (200, b"hello")
    served = [access for access in nginx.accesses() if access.uri.endswith("?bodiless")]
    assert len(served) == 4
    assert len({access.connection for access in served}) == 1


async def test_a_range_is_served(nginx: Nginx) -> None:
    async with ClientSession() as session, session.get(nginx.url(), headers={"Range": "bytes=1-3"}) as response:
        assert (response.status, await response.read()) == (206, b"ell")
        assert response.headers["Content-Range"] == "bytes 1-3/5"


async def test_http_1_0_keeps_the_connection_too(nginx: Nginx) -> None:
    async with ClientSession(version=HttpVersion10) as session:
        for _ in range(3):
            async with session.get(nginx.url("/small?ten")) as response:
                assert await response.read() == b"hello"
    served = [access for access in nginx.accesses() if access.uri == "/small?ten"]
    assert [access.protocol for access in served] == ["HTTP/1.0"] * 3
    assert len({access.connection for access in served}) == 1


async def test_a_redirect_is_followed_on_the_same_connection(nginx: Nginx) -> None:
    async with ClientSession() as session, session.get(nginx.url("/moved")) as response:
        assert await response.read() == b"hello"
        assert [hop.status for hop in response.history] == [302]
    moved, followed = nginx.accesses()[-2:]
    assert (moved.uri, followed.uri) == ("/moved", "/small")
    assert moved.connection == followed.connection


async def test_a_unix_socket_is_as_good_as_a_port(nginx: Nginx) -> None:
    async with (
        ClientSession(connector=UnixConnector(nginx.socket_path)) as session,
        session.get("http://anything/gzip/small") as response,
    ):
        assert await response.read() == b"hello"


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
async def test_new_connections_resume_the_tls_session(nginx: Nginx, tls: str) -> None:
    connector = TCPConnector(ssl=nginx.client_context(), force_close=True)
    async with ClientSession(connector=connector) as session:
        for _ in range(20):
            async with session.get(nginx.url(f"/small?resumed={tls}", tls=tls)) as response:
                assert await response.read() == b"hello"
    served = [access for access in nginx.accesses() if access.uri == f"/small?resumed={tls}"]
    assert {access.tls for access in served} == {f"TLSv{tls}"}
    assert len({access.connection for access in served}) == 20
    assert [access.resumed for access in served] == ["."] + ["r"] * 19


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
async def test_an_unknown_authority_gets_no_request(nginx: Nginx, tls: str) -> None:
    async with ClientSession() as session:
        with pytest.raises(ClientConnectorCertificateError, match="CERTIFICATE_VERIFY_FAILED"):
            await session.get(nginx.url("/refused", tls=tls))
    assert "/refused" not in {access.uri for access in nginx.accesses()}


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
async def test_a_certificate_for_another_host_gets_no_request(nginx: Nginx, tls: str) -> None:
    async with ClientSession(connector=TCPConnector(ssl=nginx.client_context())) as session:
        with pytest.raises(ClientConnectorCertificateError, match=r"[Hh]ostname|IP address"):
            await session.get(nginx.url("/refused", tls=tls), server_hostname="other.example")
        async with session.get(nginx.url("/small", tls=tls)) as response:  # a failure is no obstacle to what is good
            assert await response.read() == b"hello"
    assert "/refused" not in {access.uri for access in nginx.accesses()}


async def test_a_certificate_other_than_the_pinned_one_gets_no_request(nginx: Nginx) -> None:
    async with ClientSession() as session:
        with pytest.raises(ServerFingerprintMismatch):
            await session.get(nginx.url("/refused", tls="1.3"), ssl=Fingerprint(bytes(32)))
        pem = (nginx.folder / "server.pem").read_text()
        certificate = pem[pem.index("-----BEGIN CERTIFICATE") :].partition("-----END CERTIFICATE-----")
        pinned = sha256(ssl.PEM_cert_to_DER_cert(certificate[0] + certificate[1])).digest()
        async with session.get(nginx.url(tls="1.3"), ssl=Fingerprint(pinned)) as response:
            assert await response.read() == b"hello"
    assert "/refused" not in {access.uri for access in nginx.accesses()}


async def test_a_connection_at_its_request_limit_is_replaced_without_an_error(tmp_path: Path) -> None:
    with Nginx(tmp_path, "keepalive_requests 7;") as nginx:
        async with ClientSession() as session:
            for _ in range(50):
                async with session.post(nginx.url("/created"), data=b"once") as response:
                    assert response.status == 201
        assert len(nginx.accesses()) == 50
        assert len({access.connection for access in nginx.accesses()}) == 8  # 50 / 7, rounded up
