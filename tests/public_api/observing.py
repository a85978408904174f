"""What several tests do the same way: fetch, record what a server gets, hold its answers back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

import trunkline as aiohttp
from trunkline.testing.loopback import Handler, Loopback, LoopbackRequest, LoopbackResponse, answer

PATIENCE_S = 20.0  # far more than anything here takes; what takes longer hangs


async def fetch(session: aiohttp.ClientSession, url: str) -> Any:  # Any: what JSON holds is not known
    async with session.get(url) as response:
        response.raise_for_status()
        return await response.json()


def recording(requests: list[LoopbackRequest]) -> Handler:
    """A handler that keeps every request, then gives the usual answer."""

    def handle(request: LoopbackRequest) -> LoopbackResponse | Awaitable[LoopbackResponse]:
        requests.append(request)
        return answer(request)

    return handle


class Held:
    """A handler that counts requests and answers none of them before `let_go`."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self._arrived = asyncio.Condition()
        self._may_answer = asyncio.Event()

    async def __call__(self, request: LoopbackRequest) -> LoopbackResponse:
        async with self._arrived:
            self.paths.append(request.path)
            self._arrived.notify_all()
        await self._may_answer.wait()
        return LoopbackResponse(headers=(("Content-Type", "application/json"),), body=json.dumps(request.path).encode())

    def let_go(self) -> None:
        self._may_answer.set()

    async def wait_for(self, count: int) -> None:
        """Wait until `count` requests have arrived."""
        async with asyncio.timeout(PATIENCE_S), self._arrived:
            await self._arrived.wait_for(lambda: len(self.paths) >= count)


def new_connections_per_request(server: Loopback) -> float:
    """The reuse ratio: 1.0 is a connection for every request, near 0.0 is a warm pool."""
    return server.counts.connections / server.counts.requests
