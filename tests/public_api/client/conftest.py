"""What the walks of the client's pages share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.public_api.client.httpbin import HttpBin, httpbin
from trunkline import ClientSession


@pytest.fixture(name="bin")
async def running_bin() -> AsyncIterator[HttpBin]:
    async with httpbin() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as client:
        yield client
