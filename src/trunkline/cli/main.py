"""The command `trunkline`: reads its arguments, and calls the sub-command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from trunkline.cli.run import run_program

_DEMO_PACKAGES = ("rich", "trustme")  # the extra `cli`
_INTERRUPTED = 130  # POSIX shells: 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    own, of_program = _split(list(sys.argv[1:] if argv is None else argv))
    arguments = _parser().parse_args(own)
    if arguments.command == "run":
        return run_program(arguments.module or arguments.script, of_program, is_module=arguments.script is None)
    try:
        return _demo(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Split off the arguments of the program that `run` runs: all behind its name, whatever they look like."""
    if argv[:1] != ["run"]:
        return argv, []
    end = 3 if argv[1:2] == ["-m"] else 2
    return argv[:end], argv[end:]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trunkline", description="An asyncio HTTP client and server.")
    parser.add_argument("--version", action="version", version=f"trunkline {_version()}")
    commands = parser.add_subparsers(required=True, dest="command")
    demo = commands.add_parser(
        "demo",
        help="show what one shared session saves, on loopback",
        description="Send the same requests with a session each and with one shared session, on loopback.",
    )
    _add_demo_options(demo)
    run = commands.add_parser(
        "run",
        help="run a program that uses aiohttp on Trunkline",
        description="Run a Python program, unchanged, with Trunkline in the place of aiohttp. This holds for one"
        " process: other programs that it starts import aiohttp as ever.",
        usage="trunkline run [-h] (script.py | -m module) [arguments of the program ...]",
    )
    program = run.add_mutually_exclusive_group(required=True)
    program.add_argument("-m", dest="module", metavar="module", help="run a module, as python -m does")
    program.add_argument("script", nargs="?", metavar="script.py", help="run a file, as python does")
    return parser


def _add_demo_options(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--requests",
        type=_count,
        default=2000,
        metavar="N",
        help="requests of each style, half http, half https (default: %(default)s)",
    )
    demo.add_argument(
        "--concurrency",
        type=_count,
        default=20,
        metavar="N",
        help="requests at a time, and the limit of the pool (default: %(default)s)",
    )
    demo.add_argument("--plain", action="store_true", help="no colour, no live bar, ASCII only")
    demo.add_argument("--no-color", action="store_true", help="no colour (as with NO_COLOR set)")


def _version() -> str:
    try:
        return version("trunkline")
    except PackageNotFoundError:  # run from a source tree
        return "(version unknown: not installed)"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} given; wanted a whole number, 1 or more")
    return int(text)


def _demo(arguments: argparse.Namespace) -> int:
    missing = [name for name in _DEMO_PACKAGES if find_spec(name) is None]
    if missing:
        print(
            f"trunkline demo needs {' and '.join(missing)}, not installed here; run: pip install 'trunkline[cli]'",
            file=sys.stderr,
        )
        return 1
    from trunkline.cli.demo import run_demo  # needs the optional packages above

    return run_demo(arguments.requests, arguments.concurrency, plain=arguments.plain, no_color=arguments.no_color)
