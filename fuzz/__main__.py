"""`python -m fuzz`: throw hostile bytes at the parsers.

    python -m fuzz --seconds 60                 every target, a minute each
    python -m fuzz --seconds 600 chunked urls   two of them, ten minutes each
    python -m fuzz --seed 7                     the random choices of an earlier run
    python -m fuzz --replay                     the corpora once, as the tests do
    python -m fuzz --replay chunked FILE ...    one target on single files
    python -m fuzz --grow                       add to the corpora what earlier runs reached

Several targets run side by side, each in a process. Ends with 1 when something broke; the input that did it is shown,
and is in fuzz/.work/broken/.
"""

import argparse
import multiprocessing
import os
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from fuzz import with_atheris, with_hypothesis
from fuzz.corpus import seeds
from fuzz.replay import replay
from fuzz.targets import TARGETS

_ENGINES = {"atheris": with_atheris.fuzz, "hypothesis": with_hypothesis.fuzz}
_MAX_SEED = 2**31 - 1  # what libFuzzer takes; 0 asks it for one of its own


def main() -> None:
    parser = _parser()
    args = parser.parse_args()
    targets = [name for name in args.names if name in TARGETS] or list(TARGETS)
    files = [Path(name) for name in args.names if name not in TARGETS]
    if missing := [str(path) for path in files if not args.replay or not path.is_file()]:
        parser.error(f"no target or file: {', '.join(missing)}; the targets are {', '.join(TARGETS)}")
    if args.replay:
        results = [replay(target, files or seeds(target)) for target in targets]
    elif args.grow:
        results = [with_atheris.grow(target) for target in targets]
    else:
        results = _fuzz(targets, args)
    sys.exit(not all(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="for each target (default: 60)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--replay", action="store_true", help="run the corpora once, or the files given")
    what.add_argument(
        "--grow", action="store_true", help="add what earlier runs reached to the corpora (needs atheris)"
    )
    engine = "atheris" if with_atheris.is_installed() else "hypothesis"
    parser.add_argument("--engine", choices=_ENGINES, default=engine, help="default: atheris where it is installed")
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=jobs, help="targets at a time (default: one per core)")
    seed = random.randint(1, _MAX_SEED)
    parser.add_argument("--seed", type=int, default=seed, help="of all that is random (default: another each time)")
    parser.add_argument("names", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}; with --replay also files")
    return parser


def _fuzz(targets: Sequence[str], args: argparse.Namespace) -> list[bool]:
    """Run the targets side by side, and print each one's outcome when it ends."""
    print(
        f"fuzz: {args.seconds:g} s for each target, {args.jobs} at a time, with {args.engine}, --seed {args.seed}",
        flush=True,
    )
    # Forked, a worker has at once what is imported here.
    workers = ProcessPoolExecutor(args.jobs, mp_context=multiprocessing.get_context("fork"))
    runs = [workers.submit(_ENGINES[args.engine], target, args.seconds, args.seed) for target in targets]
    results = []
    try:
        for run in as_completed(runs):
            is_sound, lines = run.result()
            print(lines, flush=True)
            results.append(is_sound)
    finally:
        workers.shutdown(cancel_futures=True)  # an interrupt starts no other target
    return results


if __name__ == "__main__":
    main()
