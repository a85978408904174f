"""What a server's TLS context agrees on, once HTTP/2 was offered in it."""

import ssl

import pytest
import trustme

from trunkline.transport.offer_h2 import offer_h2

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("localhost")


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)
    return context


def agreed(context: ssl.SSLContext, *offered: str) -> str | None:
    """Shake hands in memory; return the protocol that a client which offers these gets."""
    asking = ssl.create_default_context()
    asking.set_alpn_protocols(list(offered))
    AUTHORITY.configure_trust(asking)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for end in (client, server) * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
    return client.selected_alpn_protocol()


def test_where_nothing_is_offered_both_versions_are() -> None:
    context = server_context()
    assert agreed(context, "h2", "http/1.1") is None
    offer_h2(context)
    assert agreed(context, "h2", "http/1.1") == "h2"
    assert agreed(context, "http/1.1", "h2") == "h2"
    assert agreed(context, "http/1.1") == "http/1.1"
    assert agreed(context, "other") is None


@pytest.mark.parametrize("own", [["http/1.1"], ["h2"], ["http/1.1", "h2"]], ids=str)
def test_what_the_owner_has_offered_stands(own: list[str]) -> None:
    context = server_context()
    context.set_alpn_protocols(own)
    offer_h2(context)
    assert agreed(context, "h2", "http/1.1") == own[0]


def test_twice_is_once() -> None:
    context = server_context()
    offer_h2(context)
    offer_h2(context)
    assert agreed(context, "h2", "http/1.1") == "h2"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_every_version_of_tls_is_asked_in_its_way(version: ssl.TLSVersion) -> None:
    context = server_context()
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED  # what a client has no say in before it is known
    offer_h2(context)
    context.verify_mode = ssl.CERT_NONE
    assert agreed(context, "h2", "http/1.1") == "h2"


def test_a_context_that_cannot_shake_hands_is_left_to_fail_later() -> None:
    offer_h2(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
