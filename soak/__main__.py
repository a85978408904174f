"""`python -m soak`: sends requests through the client to the server, with faults, and fails when anything grows.

Two processes on loopback, each on one event loop, 32 requests in flight. After each twentieth of the requests both are
counted with nothing under way. The exit status is 1 when descriptors, tasks, objects or memory grow, when a request
ends otherwise than it must, or when either side logs what nobody asked for. Latency is shown, not judged: the other
work of the machine decides it.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Mapping

from soak import figures, report
from soak.faults import Injected
from soak.flows import FAULTY
from soak.load import Load
from soak.loops import LOOPS, run
from soak.peer import running_peer
from soak.sampling import Sampler
from trunkline import ClientSession, ClientTimeout

LAPS = 20
REQUESTS = 1_000_000
FAULTS = 0.01
STUCK_S = 15.0  # a healthy request takes a tenth of a second at most; one that hangs is to have a name
GROWN_TYPES = 12  # shown when something grows


def main() -> None:
    args = _arguments()
    random.seed(args.seed)
    problems = run(_soak(args), args.loop)
    for problem in problems:
        print(f"FAILED: {problem}")
    raise SystemExit(bool(problems))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--faults", type=float, default=FAULTS, help="the part of the requests that meet a fault")
    parser.add_argument("--loop", choices=LOOPS, default=LOOPS[0])
    parser.add_argument("--seed", type=int, default=0, help="of the order of flows and faults")
    args = parser.parse_args()
    if args.requests < LAPS:
        parser.error(f"--requests is {args.requests}; each of the {LAPS} laps needs one")
    return args


async def _soak(args: argparse.Namespace) -> list[str]:
    complaints = figures.Complaints(Injected)
    complaints.collect()
    async with running_peer(args.loop) as peer:
        async with ClientSession(peer.url, timeout=ClientTimeout(total=STUCK_S)) as session:
            load = Load(session, args.faults)
            found = await _laps(Sampler(session, peer, load), args.requests)
        status = await peer.stop()
    print(_flows(load.flows))
    unexpected: tuple[tuple[str, Mapping[str, int]], ...] = (
        ("unexpected", load.unexpected),
        ("the client logged", complaints.counts),
        ("the server logged", peer.complaints),
    )
    found += [f"{what}: {text} ({count} times)" for what, counts in unexpected for text, count in counts.items()]
    return [*found, f"the server's exit status was {status}"] if status else found


async def _laps(sampler: Sampler, requests: int) -> list[str]:
    """Run the laps and print their table; returns what grows, with the client's types behind it."""
    print(report.header())
    await sampler.start()
    samples = []
    before: Counter[str] = Counter()
    for lap in range(LAPS):
        samples.append(await sampler.sample(requests // LAPS))
        print(report.row(samples[-1]), flush=True)
        if lap == LAPS // 4:
            before = figures.objects_by_type()
    found = report.problems(samples)
    grown = figures.objects_by_type() - before
    return [*found, f"the client's objects since: {grown.most_common(GROWN_TYPES)}"] if found else []


def _flows(counts: Mapping[str, int]) -> str:
    faulty = {name: count for name, count in sorted(counts.items()) if name in FAULTY}
    healthy = {name: count for name, count in sorted(counts.items()) if name not in FAULTY}
    listed = (", ".join(f"{count:,} {name}" for name, count in part.items()) for part in (healthy, faulty))
    return "\nHealthy: {}.\nFaults: {}.".format(*listed)


if __name__ == "__main__":
    main()
