"""Drives nghttp2's h2load, and reads its report: 64 requests at a time on each of 10 connections of HTTP/2 without TLS.

A server that does not speak it is asked by HTTP/1.1, on 64 connections: h2load hangs with ten times as many.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from bench.rounds import RunFailed

CONNECTIONS, STREAMS = 10, 64
H1_CONNECTIONS = 64
GRACE_S = 10.0  # for its connections, before and after the time measured

_RATE = re.compile(r"finished in [^,]+, ([\d.]+) req/s")
_COUNTS = re.compile(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed")
_MEAN = re.compile(r"time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\b")
_MS: dict[str, float] = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True, slots=True)
class Report:
    """What h2load counted in one run. It tells no percentiles."""

    requests: int
    per_s: float
    mean_ms: float


def load(path: str, port: int, seconds: float, *, http2: bool) -> Report:
    """Ask for `path` for `seconds`. Raises RunFailed when a request was not answered with success."""
    how = ["-c", str(CONNECTIONS), "-m", str(STREAMS)] if http2 else ["--h1", "-c", str(H1_CONNECTIONS)]
    command = [_h2load(), *how, "-D", f"{round(seconds * 1000)}ms", f"http://127.0.0.1:{port}{path}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"h2load did not end within {seconds + GRACE_S:g} s") from None
    rate, counts, mean = (found.search(done.stdout) for found in (_RATE, _COUNTS, _MEAN))
    if done.returncode != 0 or rate is None or counts is None or mean is None or counts[2] != "0" or counts[1] == "0":
        raise RunFailed(f"h2load ended with status {done.returncode}: {(done.stderr or done.stdout)[-200:].strip()}")
    return Report(int(counts[1]), float(rate[1]), float(mean[1]) * _MS[mean[2]])


def _h2load() -> str:
    found = shutil.which("h2load")
    if found is None:
        raise SystemExit("scenario http2 needs h2load, which was not found: apt-get install nghttp2-client")
    return found
