"""Servers on loopback that count from their side what a program did."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trunkline.testing.loopback import Loopback
from trunkline.testing.throwaway_ca import ThrowawayCA


@pytest.fixture(scope="session")
def authority() -> ThrowawayCA:
    return ThrowawayCA()


@pytest.fixture(scope="session")
def authority_file(authority: ThrowawayCA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority's certificate as a file, to be trusted by a program through SSL_CERT_FILE."""
    path = tmp_path_factory.mktemp("authority") / "authority.pem"
    path.write_text(authority.certificate_pem, "ascii")
    return path


@pytest.fixture
def trusting(authority: ThrowawayCA) -> ssl.SSLContext:
    """A client's context that trusts the authority."""
    return authority.client_context()


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with Loopback() as running:
        yield running


@pytest.fixture
async def other_server() -> AsyncIterator[Loopback]:
    """A second host, as far as a pool can tell."""
    async with Loopback() as running:
        yield running


@pytest.fixture
async def tls_server(authority: ThrowawayCA) -> AsyncIterator[Loopback]:
    async with Loopback(ssl=authority.server_context()) as running:
        yield running
