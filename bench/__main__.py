"""`python -m bench`: the whole comparison, or with options a part of it.

Only a whole run writes docs/benchmarks.md, docs/benchmarks.svg and bench/results.json; a part only prints.
A quick comparison while working: `python -m bench --scenarios a,b --engines trunkline --rounds 3`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from bench import report
from bench.arguments import names
from bench.engines import ENGINES
from bench.plot import draw
from bench.rounds import BASE, Contender, Outcome, play
from bench.scenarios import SCENARIOS
from bench.server import running_server
from bench.worker import LOOPS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
PLOT = PAGE.with_suffix(".svg")

ALL_SCENARIOS = (*SCENARIOS, "import")
ROUNDS, SECONDS = 5, 0.6  # many short rounds: on a shared machine speed drifts within seconds
QUICK_ROUNDS, QUICK_SECONDS = 1, 0.4


def main() -> None:
    args = _arguments()
    chosen = [(engine, loop) for engine in args.engines for loop in args.loops]
    # Without aiohttp's figures from the same run there would be no ratio.
    contenders = sorted({BASE, *chosen}, key=_turn)
    outcomes: dict[str, Outcome] = {}
    with running_server() as server:
        for scenario in args.scenarios:
            outcomes[scenario] = play(scenario, contenders, args.rounds, args.seconds, server)
            _show(scenario, outcomes[scenario])
    print(report.summary(outcomes))
    if args.is_whole:
        _write(outcomes, args.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: for a look, not for a claim")
    parser.add_argument("--scenarios", type=names(ALL_SCENARIOS), default=ALL_SCENARIOS)
    parser.add_argument("--engines", type=names(ENGINES), default=tuple(ENGINES))
    parser.add_argument("--loops", type=names(LOOPS), default=LOOPS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="measured time of one round of one client")
    args = parser.parse_args()
    is_complete = (args.scenarios, args.engines, args.loops) == (ALL_SCENARIOS, tuple(ENGINES), LOOPS)
    args.is_whole = is_complete and not args.quick
    args.rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    args.seconds = args.seconds or (QUICK_SECONDS if args.quick else SECONDS)
    return args


def _turn(contender: Contender) -> tuple[int, int]:
    engine, loop = contender
    return list(ENGINES).index(engine), LOOPS.index(loop)


def _show(scenario: str, outcome: Outcome) -> None:
    print(f"\n{report.title(scenario)}\n\n{report.table(outcome)}", flush=True)
    for contender, text in outcome.failures.items():
        print(f"{' on '.join(contender)} failed: {text}", flush=True)
    print(flush=True)


def _write(outcomes: Mapping[str, Outcome], rounds: int) -> None:
    scenarios = {
        scenario: {" ".join(contender): figures for contender, figures in outcome.figures.items()}
        for scenario, outcome in outcomes.items()
    }
    results = {"machine": report.machine(), "rounds": rounds, "scenarios": scenarios}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    report.write_part(PAGE, "benchmarks", report.page_part(outcomes, rounds, PLOT.name))
    draw(outcomes, PLOT)


if __name__ == "__main__":
    main()
