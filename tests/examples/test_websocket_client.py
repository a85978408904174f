from __future__ import annotations

import signal
from urllib.parse import urlsplit

import pytest

from tests.examples.running import complaints, example


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_connects_again_and_closes_properly(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    async with example("server") as server:
        url = await server.url()
        monkeypatch.setenv("SERVER", url)
        async with example("websocket_client") as client:
            await client.line_with("echo: {'number': 2}")
            assert await server.stop() == 0
            await client.line_with("closed by the server: 1001")
            await client.line_with("no WebSocket: ClientConnectorError")
            monkeypatch.setenv("PORT", str(urlsplit(url).port))
            async with example("server") as another:
                await client.line_with("echo: {'number': 2}", count=2)
                assert await client.stop(number) == 0
                assert await another.stop() == 0
    assert client.lines[-1] == "stopped"
    assert complaints(server) == complaints(another) == []
    assert [line for line in complaints(client) if not line.startswith("no WebSocket: ")] == []
