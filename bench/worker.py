"""The child process: one client, one loop, one scenario; prints one JSON line.

CPU is user and system time of the whole process with its threads, from the end of the warm-up to the last
answer. Run as `python -m bench.worker ENGINE LOOP SCENARIO URL CA_FILE (--seconds S | --count N)`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import resource
import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from bench.engines import ENGINES, Body, Engine, Needs
from bench.scenarios import SCENARIOS, Scenario, document
from bench.targets import Figures

WARM_UP_SHARE = 0.25  # of the measured time: fills pools and caches, and lets the interpreter specialise
LOOPS = ("default", "uvloop")


class Traffic:
    """Sends one scenario's requests, and keeps the latency of each."""

    def __init__(self, scenario: Scenario, engine: Engine, url: str) -> None:
        self._scenario = scenario
        self._url = url
        self._document = document()
        self._send = self._action(engine)
        self.latencies_s: list[float] = []

    async def run_for(self, seconds: float) -> None:
        """Send until the time is over; requests under way are finished."""
        end = time.perf_counter() + seconds
        await self._run(lambda: time.perf_counter() < end)

    async def run_count(self, count: int) -> None:
        """Send exactly `count` requests."""
        tickets = iter(range(count))
        await self._run(lambda: next(tickets, None) is not None)

    async def _run(self, goes_on: Callable[[], bool]) -> None:
        self.latencies_s = []
        await asyncio.gather(*(self._one_after_another(goes_on) for _ in range(self._scenario.concurrency)))

    async def _one_after_another(self, goes_on: Callable[[], bool]) -> None:
        send, clock, url = self._send, time.perf_counter, self._url
        while goes_on():
            start = clock()
            await send(url)
            self.latencies_s.append(clock() - start)

    def _action(self, engine: Engine) -> Callable[[str], Awaitable[None]]:
        wanted = self._scenario.answer_bytes

        async def get(url: str) -> None:
            _check(len(await engine.get(url)), wanted)

        async def post(url: str) -> None:
            _check(len(await engine.post(url, self._document)), wanted)

        async def stream(url: str) -> None:
            _check(await engine.stream(url), wanted)

        async def get_fresh(url: str) -> None:
            _check_fresh(await engine.get(url))

        if self._scenario.is_fresh:
            return get_fresh
        return {"get": get, "post": post, "stream": stream}[self._scenario.action]


def _check(seen: int, wanted: int | None) -> None:
    if seen != wanted:
        raise RuntimeError(f"an answer of {seen} bytes; {wanted} were wanted")


def _check_fresh(body: Body) -> None:
    # The server answers with the number of requests that this connection has carried.
    text = bytes(memoryview(body))
    if not text.startswith(b"1 "):
        raise RuntimeError(f"the connection was used again: {text!r}")


async def measure(new_engine: Callable[[], Engine], scenario: Scenario, url: str, seconds: float) -> Figures:
    """Warm up, then send for `seconds`; return the figures."""
    async with new_engine() as engine:
        traffic = Traffic(scenario, engine, url)
        await traffic.run_for(seconds * WARM_UP_SHARE)
        gc.collect()
        cpu_before, before = _cpu_s(), time.perf_counter()
        await traffic.run_for(seconds)
        cpu_s, elapsed_s = _cpu_s() - cpu_before, time.perf_counter() - before
    latencies = sorted(traffic.latencies_s)
    count = len(latencies)
    return {
        "cpu_us": cpu_s / count * 1e6,
        "per_s": count / elapsed_s,
        "p50_ms": latencies[count // 2] * 1e3,
        "p99_ms": latencies[count * 99 // 100] * 1e3,
        "rss_mb": peak_rss_mb(),
    }


async def send_count(new_engine: Callable[[], Engine], scenario: Scenario, url: str, count: int) -> Figures:
    """Send `count` requests with nothing around them: what an instruction counter wants to see."""
    async with new_engine() as engine:
        await Traffic(scenario, engine, url).run_count(count)
    return {"count": count}


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_rss_mb() -> float:
    """Return this process's peak resident memory.

    Read from /proc, because Linux carries ru_maxrss over exec: there it may be the peak of the parent.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.worker")
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("url", help="of the server, without a path")
    parser.add_argument("ca_file", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--count", type=int, help="send this many requests instead, with no warm-up")
    args = parser.parse_args()
    scenario = SCENARIOS[args.scenario]
    url = args.url + scenario.path
    needs = Needs(args.ca_file, scenario.limit, scenario.is_fresh, scenario.http2)
    new_engine = partial(ENGINES[args.engine], args.engine, needs)
    if args.count is None:
        work = measure(new_engine, scenario, url, args.seconds * scenario.stretch)
    else:
        work = send_count(new_engine, scenario, url, args.count)
    factory = import_module("uvloop").new_event_loop if args.loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(work)), flush=True)
    # Now and then pyreqwest's threads crash the interpreter while it shuts down, after all is measured.
    os._exit(0)


if __name__ == "__main__":
    main()
