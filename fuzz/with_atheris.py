"""Fuzzing with atheris: libFuzzer, led by which of Trunkline's code an input reaches. One process for each target.

`python -m fuzz.with_atheris TARGET [libFuzzer options and folders]` is that process: libFuzzer owns it and ends it, and
Trunkline must not have been imported before atheris instruments it. `fuzz` and `grow` start it and read its figures.
"""

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from fuzz.corpus import CORPUS, WORK, work_folder
from fuzz.finding import told
from fuzz.tokens import TOKENS

_LIMITS = (
    "-timeout=10",  # seconds for one input; our slowest takes a tenth
    "-rss_limit_mb=1024",  # far above what the oracles take
    "-max_len=2048",
)
_FIGURES = re.compile(r"stat::number_of_executed_units: *([0-9]+)")
_WRITTEN = re.compile(r"Test unit written to (.*)")
_NOISE = re.compile(r"(?m)^(INFO|MS|Warning|ParseDictionary|\tNEW|#[0-9]).*\n")
_SHOWN_LINES = 40  # of what libFuzzer says last when something broke
_COVERAGE = re.compile(r"cov: ([0-9]+)")


def is_installed() -> bool:
    """Tell whether there is atheris: it has wheels for some Pythons on Linux alone."""
    return importlib.util.find_spec("atheris") is not None


def fuzz(target: str, seconds: float, seed: int) -> tuple[bool, str]:
    """Run one target; return whether nothing broke, and the lines that tell of it."""
    reached, broken = work_folder("reached", target), work_folder("broken", target)
    tokens = WORK / f"{target}.dict"
    tokens.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS))
    said = _start(
        target,
        f"-max_total_time={max(1, round(seconds))}",
        f"-seed={seed}",
        f"-artifact_prefix={broken}/",
        f"-dict={tokens}",
        "-print_final_stats=1",
        str(reached),
        str(CORPUS / target),
    )
    runs, covered = _FIGURES.search(said.stderr), _COVERAGE.findall(said.stderr)
    if said.returncode == 0 and runs is not None:
        return True, f"fuzz: {target}: nothing broke in {runs[1]} runs, {covered[-1]} edges reached (atheris)"
    found = [Path(path) for path in _WRITTEN.findall(said.stderr)]
    last = _NOISE.sub("", said.stderr).splitlines()[-_SHOWN_LINES:]
    return False, "\n".join([said.stdout, *last, *(told(target, path) for path in found)])


def grow(target: str) -> bool:
    """Add to the corpus what earlier runs found, as far as it reaches code that the corpus does not."""
    before = len(list((CORPUS / target).iterdir()))
    # Without counters: an edge that is passed more often is no new code, and would add ten times the files.
    said = _start(target, "-merge=1", "-use_counters=0", str(CORPUS / target), str(work_folder("reached", target)))
    if said.returncode != 0:
        print(said.stderr)
    print(f"fuzz: {target}: {len(list((CORPUS / target).iterdir())) - before} files added to {CORPUS / target}")
    return said.returncode == 0


def _start(target: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fuzz.with_atheris", target, *_LIMITS, *options]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


def main() -> None:
    atheris: Any = importlib.import_module("atheris")  # optional, and without types
    target, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["trunkline"]):
        check = importlib.import_module("fuzz.targets").TARGETS[target]
    # To merge, libFuzzer starts what its first argument says, in a shell.
    atheris.Setup([f"{shlex.quote(sys.executable)} -m fuzz.with_atheris {target}", *options], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
