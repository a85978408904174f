import asyncio
import hashlib
import ssl

import pytest

from tests.both_loops import Run
from tests.transport.conftest import Client, echo_server, loopback
from trunkline.transport.errors import FingerprintMismatch
from trunkline.transport.handshake import TLSOptions
from trunkline.transport.tcp import open_tcp
from trunkline.transport.tls import Fingerprint, checked_setting, context_for, default_context


async def test_there_is_one_context_per_setting_however_many_ask_at_once() -> None:
    verifying = await asyncio.gather(*(context_for(True) for _ in range(8)))
    assert {id(context) for context in verifying} == {id(default_context(True))}
    assert await context_for(False) is default_context(False) is await context_for(Fingerprint(bytes(32)))
    assert default_context(True, ("h2", "http/1.1")) is not default_context(True)


async def test_a_context_of_the_users_is_taken_as_it_is(client_context: ssl.SSLContext) -> None:
    assert await context_for(client_context) is client_context


def test_contexts_verify_unless_told_otherwise() -> None:
    verifying, trusting = default_context(True), default_context(False)
    assert verifying.check_hostname
    assert verifying.verify_mode == ssl.CERT_REQUIRED
    assert not trusting.check_hostname
    assert trusting.verify_mode == ssl.CERT_NONE
    assert min(verifying.minimum_version, trusting.minimum_version) >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("value", [True, False, default_context(False), Fingerprint(bytes(32))])
def test_valid_settings_are_kept(value: object) -> None:
    assert checked_setting(value) is value


def test_none_is_the_default_setting() -> None:
    assert checked_setting(None) is True


@pytest.mark.parametrize("value", ["yes", 1, bytes(32), ssl.SSLContext])
def test_other_settings_are_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="ssl should be SSLContext, bool, Fingerprint or None, got "):
        checked_setting(value)


@pytest.mark.parametrize(
    ("digest", "text"),
    [
        (bytes(16), "md5 and sha1 are insecure and not supported. Use sha256."),
        (bytes(20), "md5 and sha1 are insecure and not supported. Use sha256."),
        (bytes(31), "fingerprint has invalid length"),
        (b"", "fingerprint has invalid length"),
    ],
)
def test_only_sha256_fingerprints_are_taken(digest: bytes, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Fingerprint(digest)
    assert str(caught.value).startswith(text)


def test_a_fingerprint_pins_the_certificate(run: Run, server_context: ssl.SSLContext) -> None:
    async def main() -> None:
        async with echo_server(server_context) as (port, _):
            tls = TLSOptions(await context_for(Fingerprint(bytes(32))), "localhost")
            transport, _ = await open_tcp(Client, [loopback(port)], "localhost", port, tls)
            certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            digest = hashlib.sha256(certificate).digest()
            Fingerprint(digest).check(transport)
            with pytest.raises(FingerprintMismatch) as caught:
                Fingerprint(bytes(32)).check(transport)
            transport.abort()
            error = caught.value
            assert (error.expected, error.got) == (bytes(32), digest)
            assert (error.host, error.port) == ("127.0.0.1", port)

    run(main())


def test_a_fingerprint_says_nothing_about_a_transport_without_tls(run: Run) -> None:
    async def main() -> None:
        async with echo_server() as (port, _):
            transport, _ = await open_tcp(Client, [loopback(port)], "localhost", port)
            Fingerprint(bytes(32)).check(transport)
            transport.abort()

    run(main())
