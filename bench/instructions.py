"""`python -m bench.instructions`: user-space instructions for each small GET, counted by valgrind.

Time depends on what else the machine does, instructions hardly at all. Each client and each server runs twice under
cachegrind, with few and with more requests one after another: the difference is free of start-up, imports and
warm-up. Work that the kernel does is not in the figure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from bench import report
from bench.__main__ import PAGE
from bench.arguments import names
from bench.clients import worker_command
from bench.rounds import Contender, RunFailed, run
from bench.server import running_server
from bench.servers.measuring import serving_folder
from bench.servers.process import running
from bench.servers.scenarios import SCENARIOS as SERVER_SCENARIOS
from bench.targets import INSTRUCTIONS, SUBJECT
from bench.worker import LOOPS

TIMEOUT_S = 600.0  # valgrind slows a client down fifty times
FEW, MORE = 300, 1300  # the interpreter has specialised its bytecode long before the 300th request
VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
ENGINES = ("aiohttp", "trunkline")  # the rivals are native code in processes or threads of their own

Count = Callable[[Contender, int], int]  # (contender, requests) to instructions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions")
    parser.add_argument("--half", type=names(COUNTING), default=tuple(COUNTING))
    parser.add_argument("--engines", type=names(ENGINES), default=ENGINES)
    parser.add_argument("--loops", type=names(LOOPS), default=LOOPS)
    args = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("counting needs valgrind, which was not found: apt-get install valgrind")
    os.environ["PYTHONHASHSEED"] = "0"  # so that dictionaries collide alike in every run
    for half in args.half:
        text = _table(half, args)
        print(f"\n{text}\n")
        if (args.engines, args.loops) == (ENGINES, LOOPS):
            report.write_part(PAGE, f"{half} instructions", f"## {HEADINGS[half]}\n\n{text}")


def _table(half: str, args: argparse.Namespace) -> str:
    rows = [[half, "loop", "instructions", "target", "result"]]
    with COUNTING[half]() as count:
        for engine in args.engines:
            for loop in args.loops:
                rows.append(_row(half, (engine, loop), count))
                print(*rows[-1], flush=True)
    return report.align(rows)


def _row(half: str, contender: Contender, count: Count) -> list[str]:
    engine, loop = contender
    try:
        each = (count(contender, MORE) - count(contender, FEW)) // (MORE - FEW)
    except RunFailed as error:
        return [engine, loop, "failed", "", str(error)]
    bound = INSTRUCTIONS[half].get(loop)
    if engine != SUBJECT or bound is None:
        return [engine, loop, f"{each:,}", "", ""]
    return [engine, loop, f"{each:,}", f"≤ {bound:,}", "met" if each <= bound else "**missed**"]


@contextmanager
def _counting_clients() -> Iterator[Count]:
    with running_server() as server:

        def count(contender: Contender, requests: int) -> int:
            command = worker_command(contender, "a", server, "--count", str(requests))
            return _instructions(run([*VALGRIND, *command], TIMEOUT_S).stderr)

        yield count


@contextmanager
def _counting_servers() -> Iterator[Count]:
    with serving_folder() as folder:

        def count(contender: Contender, requests: int) -> int:
            with running(contender, folder, VALGRIND) as server:
                server.ask(SERVER_SCENARIOS["json"], times=requests)
                server.process.terminate()
                return _instructions(server.process.communicate(timeout=TIMEOUT_S)[1])

        yield count


def _instructions(valgrind_says: str) -> int:
    found = re.search(r"I\s+refs:\s+([\d,]+)", valgrind_says)
    if found is None:
        raise SystemExit(f"valgrind printed no count of instructions: {valgrind_says}")
    return int(found[1].replace(",", ""))


COUNTING: dict[str, Callable[[], AbstractContextManager[Count]]] = {
    "client": _counting_clients,
    "server": _counting_servers,
}
HEADINGS = {
    "client": "Clients: instructions for each small GET",
    "server": "Servers: instructions for each small JSON answer",
}

if __name__ == "__main__":
    main()
