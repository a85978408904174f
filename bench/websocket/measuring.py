"""Measures one contender in one scenario, in processes of their own."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.rounds import Contender, Measure, Outcome, play, run
from bench.targets import Figures
from bench.websocket import echo
from bench.websocket.codecs import CODECS
from bench.websocket.scenarios import CODEC_SCENARIOS


@contextmanager
def measuring() -> Iterator[Measure]:
    """Yield what measures a scenario."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:

        def measure(scenario: str, contenders: Sequence[Contender], rounds: int, seconds: float) -> Outcome:
            if scenario in CODEC_SCENARIOS:
                codecs = [c for c in contenders if c[0] in CODECS and c[1] == "default"]  # no loop has a part in it
                return play(codecs, rounds, lambda c: _codec(c, scenario, seconds), by="message_us")
            return play(contenders, rounds, lambda c: echo.measure(c, scenario, seconds, Path(folder)), by="message_us")

        yield measure


def _codec(contender: Contender, scenario: str, seconds: float) -> Figures:
    command = [sys.executable, "-m", "bench.websocket.codec", contender[0], scenario, str(seconds)]
    figures: Figures = json.loads(run(command).stdout)
    return figures
