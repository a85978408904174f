"""`python -m tests.works_with`: libraries built on aiohttp, on real aiohttp and on Trunkline, side by side.

    python -m tests.works_with                    all of them
    python -m tests.works_with gql aiohttp-cors   these two
    python -m tests.works_with --keep gql         what aiohttp did is taken from the run before

Ends with 1 when a test passes on aiohttp and does not on Trunkline, and names each. A run of all writes the
table of docs/works-with.md.
"""

from __future__ import annotations

import argparse
import sys

from tests.works_with import page
from tests.works_with.environment import environment
from tests.works_with.libraries import LIBRARIES, Library
from tests.works_with.page import Row
from tests.works_with.runs import Side, last_report, run


def main() -> int:
    args = _arguments()
    rows = [_row(library, keep=args.keep) for library in LIBRARIES if library.name in args.libraries]
    lost = [f"{row.library.name}: {name}" for row in rows for name in row.lost]
    empty = [row.library.name for row in rows if not row.on_aiohttp]
    print(f"\n{len(rows)} libraries, {len(lost)} tests pass on aiohttp and not on Trunkline")
    for line in (*lost, *(f"{name}: nothing ran on aiohttp; see its log" for name in empty)):
        print(f"  {line}")
    if not empty and len(rows) == len(LIBRARIES):
        page.write(rows)
    return 1 if lost or empty else 0


def _arguments() -> argparse.Namespace:
    names = [library.name for library in LIBRARIES]
    parser = argparse.ArgumentParser(prog="python -m tests.works_with")
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=", ".join(names))
    parser.add_argument("--keep", action="store_true", help="keep what the last run on aiohttp came to")
    args = parser.parse_args()
    if unknown := set(args.libraries) - set(names):
        parser.error(f"{', '.join(sorted(unknown))}: not in the table; it has {', '.join(names)}")
    args.libraries = args.libraries or names
    return args


def _row(library: Library, *, keep: bool) -> Row:
    made = environment(library)
    on_aiohttp = last_report(library, made, Side.AIOHTTP) if keep else {}
    row = Row(library, on_aiohttp or run(library, made, Side.AIOHTTP), run(library, made, Side.TRUNKLINE))
    print(row.line(), flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
