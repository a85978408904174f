"""`Sample`: what both processes hold after a lap, and how the lap went; `Sampler` takes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from soak import figures
from soak.figures import Figures
from soak.flows import get
from soak.load import Load
from soak.peer import Peer
from trunkline import ClientSession

SETTLE_S = 3.0  # for a lap's last handlers and closings, which commonly take one step; a leak costs it in each lap
STEP_S = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """After `requests` in all. busy: what the pool still had active, opening or queued. cpu_us: for each request."""

    requests: int
    client: Figures
    server: Figures
    busy: int
    opened: int
    reuse: float
    retries: int
    p50_ms: float
    p99_ms: float
    cpu_us: float
    per_second: float


class Sampler:
    """Runs the laps of `load`, and takes a sample after each."""

    def __init__(self, session: ClientSession, peer: Peer, load: Load) -> None:
        self._session = session
        self._peer = peer
        self._load = load
        self._requests = 0
        self._cpu_s = 0.0
        self._tasks = 0

    async def start(self) -> None:
        """Take what is there before the first lap: after one request, because the server keeps a task for the next."""
        await get(self._session, 0)
        client, server = await self._held()
        self._cpu_s = client.cpu_s + server.cpu_s
        self._tasks = client.tasks + server.tasks

    async def sample(self, requests: int) -> Sample:
        """Run a lap of `requests`, wait until nothing is under way, and count."""
        began_at = time.perf_counter()
        await self._load.lap(requests)
        took_s = time.perf_counter() - began_at
        self._requests += requests
        client, server = await self._settled()
        used_s = client.cpu_s + server.cpu_s - self._cpu_s
        self._cpu_s += used_s
        stats = self._session.stats()
        latencies = sorted(self._load.latencies)
        return Sample(
            requests=self._requests,
            client=client,
            server=server,
            busy=self._busy(),
            opened=stats.opened,
            reuse=stats.reuse_ratio,
            retries=stats.retries,
            p50_ms=_percentile(latencies, 50) * 1000,
            p99_ms=_percentile(latencies, 99) * 1000,
            cpu_us=used_s / requests * 1e6,
            per_second=requests / took_s,
        )

    async def _settled(self) -> tuple[Figures, Figures]:
        """Return the figures once both sides agree that nothing is under way, or after `SETTLE_S` as they are then."""
        give_up_at = time.monotonic() + SETTLE_S
        while True:
            client, server = await self._held()
            is_quiet = not self._busy() and client.tasks + server.tasks <= self._tasks
            if (is_quiet and client.connections == server.connections) or time.monotonic() > give_up_at:
                return client, server
            await asyncio.sleep(STEP_S)

    async def _held(self) -> tuple[Figures, Figures]:
        server = await self._peer.figures()
        return figures.take(self._session.stats().idle), server

    def _busy(self) -> int:
        stats = self._session.stats()
        return stats.active + stats.opening + stats.queued


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100] if ordered else 0.0
