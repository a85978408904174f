"""Servers whose certificate is not theirs: no byte of a request reaches them, and the session goes on."""

import datetime
import ssl

import pytest
import trustme

from tests.hostile.nearby import Nearby
from tests.pool_state import wait_nothing_held
from tests.raw_server import OK, Peer, RawServer, replying
from trunkline import ClientConnectorCertificateError, ClientSession, ClientSSLError, TCPConnector

AUTHORITY = trustme.CA()
ANOTHER = trustme.CA()


def certificate(fault: str) -> trustme.LeafCert:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return {
        "wrong host": lambda: AUTHORITY.issue_cert("other.test"),
        "address without SAN": lambda: AUTHORITY.issue_cert("good.test", common_name="127.0.0.1"),
        "expired": lambda: AUTHORITY.issue_cert("good.test", "127.0.0.1", not_after=past),
        "unknown authority": lambda: ANOTHER.issue_cert("good.test", "127.0.0.1"),
        "wildcard of another level": lambda: AUTHORITY.issue_cert("*.good.test"),
    }[fault]()


def serving_as(fault: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(fault).configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


@pytest.mark.parametrize(
    "fault", ["wrong host", "address without SAN", "expired", "unknown authority", "wildcard of another level"]
)
async def test_a_server_that_cannot_be_trusted_gets_no_byte_of_a_request(fault: str) -> None:
    received: list[bytes] = []

    async def handler(peer: Peer) -> None:
        received.append(await peer.reader.read())

    host = "127.0.0.1" if "address" in fault else "good.test"
    connector = TCPConnector(resolver=Nearby(), ssl=trusting(), limit=1)
    good = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("good.test").configure_cert(good)
    async with (
        RawServer(handler, ssl=serving_as(fault)) as server,
        RawServer(replying(OK), ssl=good) as trusted,
        ClientSession(connector=connector, headers={"Authorization": "Bearer secret"}) as session,
    ):
        for _ in range(2):
            with pytest.raises((ClientConnectorCertificateError, ClientSSLError), match=r"certificate|verify"):
                await session.post(f"https://{host}:{server.port}/", data=b"body")
            await wait_nothing_held(session)
        async with session.get(f"https://good.test:{trusted.port}/") as response:
            assert response.status == 200
    assert b"".join(received) == b""
