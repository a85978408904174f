"""Drives wrk, and reads its report.

wrk takes whole seconds only, so it is started for a minute and interrupted: it then reports as if its time were over.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.rounds import RunFailed
from bench.servers.answers import ROUTES
from bench.servers.scenarios import POST_BYTES, ServerScenario

CONNECTIONS = 64
AT_MOST = "60s"
REPORT_TIMEOUT_S = 5.0  # wrk looks for the interrupt every 100 ms
SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Report:
    """What wrk counted in one run."""

    requests: int
    failed: int
    elapsed_us: int
    p50_us: int
    p99_us: int


def load(scenario: ServerScenario, port: int, seconds: float) -> Report:
    """Send the scenario's requests for `seconds`. Raises RunFailed when one was not answered with success."""
    url = f"http://127.0.0.1:{port}{scenario.path}"
    command = [_wrk(), "--threads", "1", "--connections", str(CONNECTIONS), "--duration", AT_MOST]
    command += ["--script", str(SCRIPT), url, "--", scenario.traffic, str(POST_BYTES), str(ROUTES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=REPORT_TIMEOUT_S)
    lines = output.splitlines()
    if process.returncode != 0 or not lines:
        raise RunFailed(f"wrk ended with status {process.returncode}: {errors.strip()}")
    report = Report(**json.loads(lines[-1]))
    if report.failed or not report.requests:
        raise RunFailed(f"{report.failed} requests failed, {report.requests} were answered")
    return report


def version() -> str:
    """Return wrk's version, such as `4.1.0`."""
    # It shows its help after its version, with the status of a failure.
    answer = subprocess.run([_wrk(), "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.split()[1].removeprefix("debian/").partition("-")[0]


def _wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("the server half needs wrk, which was not found: apt-get install wrk")
    return found
