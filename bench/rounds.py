"""Runs the rounds: every contender once, then every contender again, each time in a process of its own.

Interleaving spreads whatever else the machine does over all contenders alike. Of CPU and import time the least of the
rounds is kept, because the work of others only adds to it; of all else the median.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench import imports
from bench.scenarios import SCENARIOS
from bench.server import Server
from bench.targets import Figures

TIMEOUT_S = 60.0  # for one run of one contender; the slowest need about 20 s in scenario j

LEAST_DISTURBED = {"cpu_us", "import_ms"}

Contender = tuple[str, str]  # (engine, loop)
BASE: Contender = ("aiohttp", "default")  # the 1 of every ratio


@dataclass(slots=True)
class Outcome:
    """What one scenario gave: the figures of each contender, and the messages of those that failed."""

    figures: dict[Contender, Figures] = field(default_factory=dict)
    failures: dict[Contender, str] = field(default_factory=dict)


class RunFailed(Exception):
    """A contender's process failed; the text is the last line that it printed."""


def play(scenario: str, contenders: Sequence[Contender], rounds: int, seconds: float, server: Server) -> Outcome:
    """Measure `contenders` in one scenario. One that fails is left out of the rounds that follow."""
    if scenario == "import":
        contenders = [c for c in contenders if c[1] == "default"]
    outcome = Outcome()
    samples: dict[Contender, list[Figures]] = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender in [c for c in contenders if c not in outcome.failures]:
            try:
                samples[contender].append(_sample(scenario, contender, seconds, server))
            except RunFailed as error:
                outcome.failures[contender] = str(error)
    done = {c: _figures(s) for c, s in samples.items() if c not in outcome.failures}
    outcome.figures = _with_ratios(done, "import_ms" if scenario == "import" else "cpu_us")
    return outcome


def _sample(scenario: str, contender: Contender, seconds: float, server: Server) -> Figures:
    if scenario == "import":
        answer = run(imports.command(contender[0]))
    else:
        answer = run(worker_command(contender, scenario, server, "--seconds", str(seconds)))
    figures: Figures = json.loads(answer.stdout)
    return figures


def worker_command(contender: Contender, scenario: str, server: Server, *options: str) -> list[str]:
    """Return the command that runs one contender in one scenario."""
    url = server.https_url if SCENARIOS[scenario].tls else server.http_url
    module = [sys.executable, "-m", "bench.worker"]
    return [*module, *contender, scenario, url, str(server.ca_file), *options]


def run(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end. Raises RunFailed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"not finished after {timeout_s:g} s") from None
    except subprocess.CalledProcessError as error:
        # Lines of valgrind begin with "==".
        lines = [line for line in error.stderr.splitlines() if line.strip() and not line.startswith("==")]
        raise RunFailed(lines[-1] if lines else f"status {error.returncode}, no message") from None


def _figures(samples: Sequence[Figures]) -> Figures:
    """Return the median of each figure, but the least CPU and import time."""
    figures = {name: median(sample[name] for sample in samples) for name in samples[0]}
    for name in LEAST_DISTURBED & figures.keys():
        figures[name] = min(sample[name] for sample in samples)
    return figures


def _with_ratios(figures: Mapping[Contender, Figures], by: str) -> dict[Contender, Figures]:
    if BASE not in figures:
        return {}
    base = figures[BASE][by]
    return {contender: {**values, "ratio": values[by] / base} for contender, values in figures.items()}
