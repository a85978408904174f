from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest

import trunkline
from tests.examples.running import Upstream, complaints, example


@pytest.fixture(autouse=True)
def _any_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "0")


@pytest.fixture
async def upstream(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    """The service that the examples call."""
    async with example("upstream") as process:
        url = await process.url()
        monkeypatch.setenv("UPSTREAM", url)
        async with trunkline.ClientSession(url) as session:
            yield Upstream(session)
        assert await process.stop(signal.SIGTERM) == 0
        assert complaints(process) == []


@pytest.fixture
def no_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens where the examples call."""
    monkeypatch.setenv("UPSTREAM", "http://127.0.0.1:1")  # RFC 1078's tcpmux, which nobody runs
