"""`python -m fuzz`: throw hostile bytes at the parsers.

    python -m fuzz --seconds 60                 every target, a minute each
    python -m fuzz --seconds 600 chunked urls   two of them, ten minutes each
    python -m fuzz --replay                     the corpora once, as CI does
    python -m fuzz --replay chunked FILE ...    one target on single files
    python -m fuzz --grow                       add to the corpora what earlier runs reached

Ends with 1 when something broke; the input that did it is in fuzz/.work/broken/.
"""

import argparse
import sys
from pathlib import Path

from fuzz import with_atheris, with_hypothesis
from fuzz.corpus import seeds
from fuzz.replay import replay
from fuzz.targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--seconds", type=float, default=60, help="for each target (default: 60)")
    what.add_argument("--replay", action="store_true", help="run the corpora once, or the files given")
    what.add_argument(
        "--grow", action="store_true", help="add what earlier runs reached to the corpora (needs atheris)"
    )
    parser.add_argument("--engine", choices=_ENGINES, default=None, help="default: atheris where it is installed")
    parser.add_argument("names", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}; with --replay also files")
    args = parser.parse_args()
    targets = [name for name in args.names if name in TARGETS] or list(TARGETS)
    files = [Path(name) for name in args.names if name not in TARGETS]
    if missing := [str(path) for path in files if not args.replay or not path.is_file()]:
        parser.error(f"no target or file: {', '.join(missing)}; the targets are {', '.join(TARGETS)}")
    if args.replay:
        results = [replay(target, files or seeds(target)) for target in targets]
    elif args.grow:
        results = [_grow(target) for target in targets]
    else:
        engine = _ENGINES[args.engine or ("atheris" if with_atheris.is_installed() else "hypothesis")]
        results = [engine(target, args.seconds) for target in targets]
    sys.exit(not all(results))


def _grow(target: str) -> bool:
    with_atheris.grow(target)
    return True


_ENGINES = {"atheris": with_atheris.fuzz, "hypothesis": with_hypothesis.fuzz}


if __name__ == "__main__":
    main()
