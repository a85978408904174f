"""The load of the demo: the same requests through a session each, or through one shared session, measured.

Latency is what the caller waits for: making and closing a session counts where a request has its own. CPU
time is that of the thread that runs the event loop. A ResourceWarning is recorded whenever it is raised, a
garbage collection after the last request included.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from trunkline.client.session import ClientSession
from trunkline.pool.tcp_connector import TCPConnector

Fetch = Callable[[str], Awaitable[None]]
OpenFetch = Callable[[ssl.SSLContext, int], AbstractAsyncContextManager[Fetch]]


class WrongAnswer(Exception):
    """The server answered, but not what it should have."""


@dataclass(slots=True)
class Figures:
    """What the client saw of one run."""

    latencies_s: list[float] = field(default_factory=list)  # of requests that succeeded, ascending when done
    failures: list[Exception] = field(default_factory=list)
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    resource_warnings: int = 0

    @property
    def requests(self) -> int:
        return len(self.latencies_s) + len(self.failures)

    def percentile_s(self, percent: int) -> float:
        """The latency that `percent` of the requests stayed within (nearest rank)."""
        if not self.latencies_s:
            return 0.0
        rank = -(-len(self.latencies_s) * percent // 100)  # ceiling
        return self.latencies_s[max(rank, 1) - 1]


@asynccontextmanager
async def session_per_request(context: ssl.SSLContext, limit: int) -> AsyncIterator[Fetch]:
    """The anti-pattern: every request builds a session and tears it down, with all that it holds."""

    async def fetch(url: str) -> None:
        connector = TCPConnector(limit=limit, ssl=context)
        async with ClientSession(connector=connector) as session:
            await _get(session, url)

    yield fetch


@asynccontextmanager
async def shared_session(context: ssl.SSLContext, limit: int) -> AsyncIterator[Fetch]:
    """The pattern: one session for all requests."""
    connector = TCPConnector(limit=limit, ssl=context)
    async with ClientSession(connector=connector) as session:

        async def fetch(url: str) -> None:
            await _get(session, url)

        yield fetch


async def _get(session: ClientSession, url: str) -> None:
    async with session.get(url) as response:
        body = await response.read()
        if response.status != 200 or not body.startswith(b'{"ok": true'):
            raise WrongAnswer(f"{url} answered {response.status} with {body[:40]!r}; wanted 200 and its JSON")


async def run_load(
    open_fetch: OpenFetch,
    context: ssl.SSLContext,
    urls: dict[str, str],
    requests: int,
    concurrency: int,
    step: Callable[[], None],
) -> dict[str, Figures]:
    """Fetch each URL `requests` times, all through one `open_fetch`; return the figures by the URL's name.

    step: called after every request.
    """
    results: dict[str, Figures] = {}
    gc.collect()
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always", ResourceWarning)
        async with open_fetch(context, concurrency) as fetch:
            for name, url in urls.items():
                results[name] = await _drive(fetch, url, requests, concurrency, step)
                results[name].resource_warnings = _drain(raised)
        results[name].resource_warnings += _drain(raised)  # closing is part of the last run
    return results


def _drain(raised: list[warnings.WarningMessage]) -> int:
    """Count and forget the ResourceWarnings so far, those of garbage included."""
    gc.collect()
    count = sum(issubclass(warning.category, ResourceWarning) for warning in raised)
    raised.clear()
    return count


async def _drive(fetch: Fetch, url: str, requests: int, concurrency: int, step: Callable[[], None]) -> Figures:
    """Keep `concurrency` requests going until all are done."""
    figures = Figures()
    turns = iter(range(requests))
    started, cpu_started = time.perf_counter(), time.thread_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(_work(fetch, url, turns, figures, step))
    figures.elapsed_s = time.perf_counter() - started
    figures.cpu_s = time.thread_time() - cpu_started
    figures.latencies_s.sort()
    return figures


async def _work(fetch: Fetch, url: str, turns: Iterator[int], figures: Figures, step: Callable[[], None]) -> None:
    for _ in turns:
        started = time.perf_counter()
        try:
            await fetch(url)
        except Exception as error:
            figures.failures.append(error)
        else:
            figures.latencies_s.append(time.perf_counter() - started)
        step()
