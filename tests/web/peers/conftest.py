"""The application that the tests here talk to: one process on each event loop for all tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.web.peers.process import Served, fill, run_served


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the application serves."""
    folder = tmp_path_factory.mktemp("served")
    fill(folder)
    return folder


@pytest.fixture(scope="module", params=[(), ("--uvloop",)], ids=["asyncio", "uvloop"])
def loop_options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Make the application run on one event loop, then on the other: they send files and speak TLS differently."""
    options: tuple[str, ...] = request.param
    return options


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(folder: Path, loop_options: tuple[str, ...]) -> AsyncIterator[Served]:
    async with run_served(folder, *loop_options) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served_by_tls(folder: Path, loop_options: tuple[str, ...]) -> AsyncIterator[Served]:
    async with run_served(folder, *loop_options, "--tls") as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served_by_h2c(folder: Path, loop_options: tuple[str, ...]) -> AsyncIterator[Served]:
    async with run_served(folder, *loop_options, "--h2c") as served:
        yield served
