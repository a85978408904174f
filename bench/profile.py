"""`python -m bench.profile --scenario b`: where one client spends its time, by function, under cProfile.

The profiler costs more than what it measures: compare functions with each other, not with bench's figures.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
from functools import partial

from bench.engines import ENGINES, Needs
from bench.scenarios import SCENARIOS
from bench.server import running_server
from bench.targets import SUBJECT
from bench.worker import send_count

LINES = 40  # of the table: below them a function takes less than a hundredth of the time


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("--engine", choices=ENGINES, default=SUBJECT)
    parser.add_argument("--scenario", choices=SCENARIOS, default="b")
    parser.add_argument("--count", type=int, default=5000)
    args = parser.parse_args()
    scenario = SCENARIOS[args.scenario]
    with running_server() as server:
        new_engine = partial(
            ENGINES[args.engine], args.engine, Needs(server.ca_file, scenario.limit, scenario.is_fresh)
        )
        url = (server.https_url if scenario.tls else server.http_url) + scenario.path
        with cProfile.Profile() as profile:
            asyncio.run(send_count(new_engine, scenario, url, args.count))
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(LINES)


if __name__ == "__main__":
    main()
