"""Scenario `import`: what `import X` costs a fresh process, in milliseconds and in peak resident memory."""

from __future__ import annotations

import sys

# A client is imported as its users do; the package pyreqwest alone holds no client.
MODULES = {"pyreqwest": "pyreqwest.client"}

# Self-contained, for any import of ours would be counted too. See worker.peak_rss_mb for why it reads /proc.
SCRIPT = """
import time
before = time.perf_counter()
import {module}
elapsed_ms = (time.perf_counter() - before) * 1e3
lines = open("/proc/self/status").read().splitlines()
kb = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
print('{{"import_ms": %f, "rss_mb": %f}}' % (elapsed_ms, int(kb) / 1024))
"""


def command(engine: str) -> list[str]:
    """Return the command that imports `engine` in a new process and prints the figures as JSON."""
    return [sys.executable, "-c", SCRIPT.format(module=MODULES.get(engine, engine))]
