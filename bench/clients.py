"""Measures one client in one scenario, in a process of its own, against the nginx of server.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench import imports
from bench.rounds import Contender, Measure, Outcome, play, run
from bench.scenarios import SCENARIOS
from bench.server import Server, running_server
from bench.targets import Figures


@contextmanager
def measuring() -> Iterator[Measure]:
    """Start nginx, and yield what measures a scenario."""
    with running_server() as server:

        def measure(scenario: str, contenders: Sequence[Contender], rounds: int, seconds: float) -> Outcome:
            if scenario == "import":
                imported = [c for c in contenders if c[1] == "default"]
                return play(imported, rounds, _import, by="import_ms")
            return play(contenders, rounds, lambda c: _traffic(c, scenario, seconds, server), by="cpu_us")

        yield measure


def _import(contender: Contender) -> Figures:
    figures: Figures = json.loads(run(imports.command(contender[0])).stdout)
    return figures


def _traffic(contender: Contender, scenario: str, seconds: float, server: Server) -> Figures:
    answer = run(worker_command(contender, scenario, server, "--seconds", str(seconds)))
    figures: Figures = json.loads(answer.stdout)
    return figures


def worker_command(contender: Contender, scenario: str, server: Server, *options: str) -> list[str]:
    """Return the command that runs one contender in one scenario."""
    kind = SCENARIOS[scenario]
    url = server.http2_url if kind.http2 else server.https_url if kind.tls else server.http_url
    module = [sys.executable, "-m", "bench.worker"]
    return [*module, *contender, scenario, url, str(server.ca_file), *options]
