"""Runs one of `programs/` as a user would: a process of its own, with its own flags, until it ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.public_api.observing import PATIENCE_S

PROGRAMS = Path(__file__).parent / "programs"

STRICT = ("-W", "error::ResourceWarning")
STRICTEST = ("-X", "dev", "-W", "error")


async def run_program(
    name: str, *arguments: str, flags: Sequence[str] = STRICT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `programs/<name>` to its end, while the servers of this process go on serving."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *flags, str(PROGRAMS / name), *arguments],
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def line_of(name: str, text: str) -> str:
    """`path:line` of the one line of `programs/<name>` that has `text`, as warnings write it."""
    path = PROGRAMS / name
    [number] = [number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if text in line]
    return f"{path}:{number}"
