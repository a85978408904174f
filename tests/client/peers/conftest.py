"""The proxies that the tests here go through, and the origins behind them: http and https, recording what comes."""

import ssl
from collections.abc import AsyncIterator, Iterator

import pytest
import trustme

from tests.client.peers.origin import Origin, serve
from tests.client.peers.programs import RunningProxy, dante, squid, tinyproxy


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts the origins and the proxies here, and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
async def origin(authority: trustme.CA) -> AsyncIterator[Origin]:
    async with serve(authority) as origin:
        yield origin


@pytest.fixture(scope="module")
def open_squid(authority: trustme.CA) -> Iterator[RunningProxy]:
    with squid(authority) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def strict_squid(authority: trustme.CA) -> Iterator[RunningProxy]:
    with squid(authority, asks_for_password=True) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def open_tinyproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with tinyproxy(tmp_path_factory.mktemp("tinyproxy")) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def strict_tinyproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with tinyproxy(tmp_path_factory.mktemp("tinyproxy"), asks_for_password=True) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def open_dante(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with dante(tmp_path_factory.mktemp("dante")) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def strict_dante(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with dante(tmp_path_factory.mktemp("dante"), asks_for_password=True) as proxy:
        yield proxy
