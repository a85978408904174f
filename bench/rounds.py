"""Runs the rounds: every contender once, then every contender again, each time in a process of its own.

Interleaving spreads whatever else the machine does over all contenders alike. Of CPU and import time the least of the
rounds is kept, because the work of others only adds to it; of all else the median.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.targets import Figures

TIMEOUT_S = 60.0  # for one run of one contender; the slowest need about 20 s in scenario j

LEAST_DISTURBED = {"cpu_us", "message_us", "import_ms"}

Contender = tuple[str, str]  # (engine, loop)
BASE: Contender = ("aiohttp", "default")  # the 1 of every ratio


@dataclass(slots=True)
class Outcome:
    """What one scenario gave: the figures of each contender, and the messages of those that failed."""

    figures: dict[Contender, Figures] = field(default_factory=dict)
    failures: dict[Contender, str] = field(default_factory=dict)


class RunFailed(Exception):
    """A contender's process failed; the text is the last line that it printed."""


Sample = Callable[[Contender], Figures]
Measure = Callable[[str, Sequence[Contender], int, float], Outcome]  # (scenario, contenders, rounds, seconds)


def play(contenders: Sequence[Contender], rounds: int, sample: Sample, by: str) -> Outcome:
    """Take a sample of each contender in every round. One that fails is left out of the rounds that follow.

    by: the figure whose ratio to aiohttp's is wanted.
    """
    outcome = Outcome()
    samples: dict[Contender, list[Figures]] = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender in [c for c in contenders if c not in outcome.failures]:
            try:
                samples[contender].append(sample(contender))
            except RunFailed as error:
                outcome.failures[contender] = str(error)
    done = {c: _figures(s) for c, s in samples.items() if c not in outcome.failures}
    outcome.figures = _with_ratios(done, by)
    return outcome


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
