"""What the tests of OpenTelemetry have in common."""

from collections.abc import AsyncIterator

import pytest

from tests.client.observe.telemetry import Telemetry
from trunkline import ClientSession


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
async def session(telemetry: Telemetry) -> AsyncIterator[ClientSession]:
    async with ClientSession(trace_configs=[telemetry.tracing]) as session:
        yield session
