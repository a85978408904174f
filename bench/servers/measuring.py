"""Measures one server in one scenario, in a process of its own: start, check of an answer, warm-up, load, stop.

CPU is user and system time of all the server's processes, from the end of the warm-up to the end of wrk, divided by
wrk's completed requests.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.rounds import BASE, Contender, Measure, Outcome, RunFailed, play
from bench.servers import h2load, idle, wrk
from bench.servers.process import HTTP2, HTTP2_ALONE, ServerProcess, running
from bench.servers.scenarios import POST_BYTES, SCENARIOS, STATIC_BYTES, ServerScenario
from bench.targets import Figures

WARM_UP_SHARE = 0.4  # of the measured time: fills caches, and lets the interpreter specialise
IDLE_ROUNDS = 1  # memory does not drift with the load of the machine


@contextmanager
def measuring() -> Iterator[Measure]:
    """Make the folder of static files, and yield what measures a scenario."""
    with serving_folder() as folder:

        def measure(scenario: str, contenders: Sequence[Contender], rounds: int, seconds: float) -> Outcome:
            if scenario == "idle":
                able = _able(contenders, None)
                return play(able, min(rounds, IDLE_ROUNDS), lambda c: _idle(c, folder), by="idle_kb")
            kind = SCENARIOS[scenario]
            return play(_able(contenders, kind), rounds, lambda c: _load(c, kind, seconds, folder), by="cpu_us")

        yield measure


def _able(contenders: Sequence[Contender], scenario: ServerScenario | None) -> list[Contender]:
    """Return those that take part in a scenario."""
    if scenario is not None and scenario.http2:
        return [contender for contender in contenders if contender == BASE or contender[0] in HTTP2]
    return [contender for contender in contenders if contender[0] != HTTP2_ALONE]


@contextmanager
def serving_folder() -> Iterator[Path]:
    """Make a folder with the static file."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        (Path(name) / "file.bin").write_bytes(b"s" * STATIC_BYTES)
        yield Path(name)


def _idle(contender: Contender, folder: Path) -> Figures:
    idle.allow_open_files()
    with running(contender, folder) as server:
        return idle.measure(server)


def _load(contender: Contender, scenario: ServerScenario, seconds: float, folder: Path) -> Figures:
    with running(contender, folder) as server:
        server.ask(scenario, b"p" * POST_BYTES if scenario.method == "POST" else b"")
        if scenario.http2:
            return _measured_by_h2load(server, scenario, seconds, http2=contender[0] in HTTP2)
        wrk.load(scenario, server.port, seconds * WARM_UP_SHARE)
        return _measured(server, scenario, seconds)


def _measured_by_h2load(server: ServerProcess, scenario: ServerScenario, seconds: float, *, http2: bool) -> Figures:
    h2load.load(scenario.path, server.port, seconds * WARM_UP_SHARE, http2=http2)
    cpu_before_s = server.cpu_s()
    report = h2load.load(scenario.path, server.port, seconds, http2=http2)
    return {
        "cpu_us": (server.cpu_s() - cpu_before_s) / report.requests * 1e6,
        "per_s": report.per_s,
        "mean_ms": report.mean_ms,
        "rss_mb": server.peak_rss_kb() / 1024,
    }


def _measured(server: ServerProcess, scenario: ServerScenario, seconds: float) -> Figures:
    cpu_before_s = server.cpu_s()
    report = wrk.load(scenario, server.port, seconds)
    cpu_s = server.cpu_s() - cpu_before_s
    if cpu_s <= 0:
        raise RunFailed(f"{report.requests} requests in {report.elapsed_us / 1e6:g} s took no CPU time: did it stall?")
    return {
        "cpu_us": cpu_s / report.requests * 1e6,
        "per_s": report.requests / report.elapsed_us * 1e6,
        "p50_ms": report.p50_us / 1e3,
        "p99_ms": report.p99_us / 1e3,
        "rss_mb": server.peak_rss_kb() / 1024,
    }
