"""`python -m bench.instructions`: user-space instructions for each small GET, counted by valgrind.

Time depends on what else the machine does, instructions hardly at all. Each client runs twice under
cachegrind, with few and with more requests: the difference is free of start-up, imports and warm-up. Work
that the kernel does is not in the figure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil

from bench import report
from bench.__main__ import PAGE
from bench.arguments import names
from bench.engines import ENGINES
from bench.rounds import Contender, RunFailed, run, worker_command
from bench.server import Server, running_server
from bench.targets import INSTRUCTIONS, SUBJECT
from bench.worker import LOOPS

SCENARIO = "a"
TIMEOUT_S = 600.0  # valgrind slows a client down fifty times
FEW, MORE = 300, 1300  # the interpreter has specialised its bytecode long before the 300th request
VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
DEFAULT_ENGINES = ("aiohttp", "trunkline")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions")
    parser.add_argument("--engines", type=names(ENGINES), default=DEFAULT_ENGINES)
    parser.add_argument("--loops", type=names(LOOPS), default=LOOPS)
    args = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("counting needs valgrind, which was not found: apt-get install valgrind")
    os.environ["PYTHONHASHSEED"] = "0"  # so that dictionaries collide alike in every run
    rows = [["client", "loop", "instructions", "target", "result"]]
    with running_server() as server:
        for engine in args.engines:
            for loop in args.loops:
                rows.append(_row((engine, loop), server))
                print(*rows[-1], flush=True)
    text = report.align(rows)
    print(f"\n{text}")
    if (args.engines, args.loops) == (DEFAULT_ENGINES, LOOPS):
        report.write_part(PAGE, "instructions", f"## Instructions for each small GET\n\n{text}")


def _row(contender: Contender, server: Server) -> list[str]:
    engine, loop = contender
    try:
        count = (_count(contender, MORE, server) - _count(contender, FEW, server)) // (MORE - FEW)
    except RunFailed as error:
        return [engine, loop, "failed", "", str(error)]
    if engine != SUBJECT:
        return [engine, loop, f"{count:,}", "", ""]
    bound = INSTRUCTIONS[loop]
    return [engine, loop, f"{count:,}", f"≤ {bound:,}", "met" if count <= bound else "**missed**"]


def _count(contender: Contender, requests: int, server: Server) -> int:
    command = worker_command(contender, SCENARIO, server, "--count", str(requests))
    answer = run([*VALGRIND, *command], TIMEOUT_S)
    found = re.search(r"I\s+refs:\s+([\d,]+)", answer.stderr)
    if found is None:
        raise SystemExit(f"valgrind printed no count of instructions: {answer.stderr}")
    return int(found[1].replace(",", ""))


if __name__ == "__main__":
    main()
