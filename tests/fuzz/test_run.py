"""`python -m fuzz` as CI runs it: targets side by side, a seed that repeats a run, a broken input told in full."""

import re
import subprocess
import sys
from base64 import b64decode

from fuzz.corpus import HERE

TIMEOUT_S = 60  # it takes 1 s
RUN = ["--engine", "hypothesis", "--seconds", "0.5", "--jobs", "2", "keep_alive", "chunked"]
# `python -m fuzz` with a target that breaks on every input with a 5 in it.
BROKEN = """
from fuzz import __main__, targets

def check(data: bytes) -> None:
    assert b"5" not in data, "a five"

targets.TARGETS["keep_alive"] = check
__main__.main()
"""
# With targets that print the process they run in and the input, a line in one write: two processes share the pipe.
ECHO = r"""
import os
from fuzz import __main__, targets

def check(data: bytes) -> None:
    os.write(1, b"%d %r\n" % (os.getpid(), data))

targets.TARGETS.update(keep_alive=check, chunked=check)
__main__.main()
"""
SEEN = 50  # inputs to compare; a run has at least 200


def _run(*arguments: str, seed: str = "7") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments, *RUN, "--seed", seed]
    return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def test_each_target_is_a_line_and_the_seed_is_the_first() -> None:
    done = _run("-m", "fuzz")
    first, *lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert first == "fuzz: 0.5 s for each target, 2 at a time, with hypothesis, --seed 7"
    assert sorted(line.split(" in ")[0] for line in lines) == [
        "fuzz: chunked: nothing broke",
        "fuzz: keep_alive: nothing broke",
    ]


def test_what_breaks_a_target_ends_the_run_with_1_and_is_told_in_full() -> None:
    done = _run("-c", BROKEN)
    assert (done.returncode, done.stderr) == (1, "")
    assert "fuzz: keep_alive: AssertionError: a five" in done.stdout
    assert "fuzz: chunked: nothing broke" in done.stdout
    shown = re.search("fuzz: keep_alive: BROKEN by (b.*)", done.stdout)
    encoded = re.search("echo (.*) [|] base64 -d >input; python -m fuzz --replay keep_alive input", done.stdout)
    replay = re.search("see it with: python -m fuzz --replay keep_alive (.*)", done.stdout)
    assert shown is not None
    assert encoded is not None
    assert replay is not None
    broken = HERE.parent / replay[1]
    data = broken.read_bytes()
    broken.unlink()
    assert b"5" in data
    assert b64decode(encoded[1]) == data
    assert shown[1] == repr(data)


def test_targets_run_side_by_side_and_a_seed_gives_each_the_same_inputs_again() -> None:
    first, again, other = (_inputs(seed) for seed in ("7", "7", "8"))
    assert len(first) == 2  # processes
    assert first == again
    assert first != other


def _inputs(seed: str) -> list[list[str]]:
    """Return the first inputs of each process, in an order that does not depend on which was faster."""
    by_process: dict[str, list[str]] = {}
    for line in re.findall("(?m)^[0-9]+ b.*", _run("-c", ECHO, seed=seed).stdout):
        process, data = line.split(" ", 1)
        by_process.setdefault(process, []).append(data)
    return sorted(inputs[:SEEN] for inputs in by_process.values())
