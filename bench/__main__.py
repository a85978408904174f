"""`python -m bench`: the whole comparison, or with options a part of it.

Only a whole half writes its parts of docs/benchmarks.md and bench/results.json, and its plot; a part only prints.
A quick comparison while working: `python -m bench --scenarios a,json --engines trunkline --rounds 3`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import report
from bench.arguments import names
from bench.halves import HALVES, Half
from bench.plot import draw
from bench.rounds import BASE, Outcome
from bench.worker import LOOPS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
PLOTS = {"client": PAGE.with_suffix(".svg"), "server": PAGE.with_name("benchmarks-server.svg")}

ALL_SCENARIOS = tuple(scenario for half in HALVES.values() for scenario in half.titles)
ALL_ENGINES = tuple(dict.fromkeys(engine for half in HALVES.values() for engine in half.engines))
QUICK_ROUNDS, QUICK_SECONDS = 1, 0.4


def main() -> None:
    args = _arguments()
    for name in args.half:
        half = HALVES[name]
        scenarios = [scenario for scenario in half.titles if scenario in args.scenarios]
        if scenarios:
            _run(half, scenarios, args)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: for a look, not for a claim")
    parser.add_argument("--half", type=names(HALVES), default=tuple(HALVES))
    parser.add_argument("--scenarios", type=names(ALL_SCENARIOS), default=ALL_SCENARIOS)
    parser.add_argument("--engines", type=names(ALL_ENGINES), default=ALL_ENGINES)
    parser.add_argument("--loops", type=names(LOOPS), default=LOOPS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="measured time of one round of one contender")
    return parser.parse_args()


def _run(half: Half, scenarios: Sequence[str], args: argparse.Namespace) -> None:
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else half.rounds)
    seconds = args.seconds or (QUICK_SECONDS if args.quick else half.seconds)
    engines = [engine for engine in half.engines if engine in args.engines]
    # Without aiohttp's figures from the same run there would be no ratio.
    contenders = sorted({BASE, *((engine, loop) for engine in engines for loop in args.loops)}, key=half.turn)
    outcomes: dict[str, Outcome] = {}
    with half.measuring() as measure:
        for scenario in scenarios:
            outcomes[scenario] = measure(scenario, contenders, rounds, seconds)
            _show(half, scenario, outcomes[scenario])
    print(report.summary(half, outcomes))
    is_whole = (tuple(scenarios), tuple(engines), args.loops) == (tuple(half.titles), half.engines, LOOPS)
    if is_whole and not args.quick:
        _write(half, outcomes, rounds)


def _show(half: Half, scenario: str, outcome: Outcome) -> None:
    print(f"\n{half.titles[scenario]}\n\n{report.table(half, outcome)}", flush=True)
    for contender, text in outcome.failures.items():
        print(f"{' on '.join(contender)} failed: {text}", flush=True)
    print(flush=True)


def _write(half: Half, outcomes: Mapping[str, Outcome], rounds: int) -> None:
    scenarios = {
        scenario: {" ".join(contender): figures for contender, figures in outcome.figures.items()}
        for scenario, outcome in outcomes.items()
    }
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[half.name] = {"machine": report.machine(half), "rounds": rounds, "scenarios": scenarios}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    plot = PLOTS.get(half.name)
    part = report.page_part(half, outcomes, rounds, plot.name if plot else None)
    report.write_part(PAGE, f"{half.name} benchmarks", part)
    if plot:
        draw(outcomes, plot)


if __name__ == "__main__":
    main()
