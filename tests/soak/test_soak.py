"""The soak in short: every flow and every fault, over both event loops, and a leak that it must find."""

import subprocess
import sys
from dataclasses import replace

import pytest

from soak.faults import EXPECTED
from soak.figures import Figures
from soak.flows import FAULTY, HEALTHY
from soak.loops import LOOPS
from soak.peer import ROOT
from soak.report import header, problems, row
from soak.sampling import Sample

TIMEOUT_S = 100  # it takes 4 s; below faulthandler's 120

HELD = Figures(objects=36_000, fds=14, tasks=1, connections=30, rss_bytes=35 * 2**20, cpu_s=1.0)
FLAT = [
    Sample(
        requests=requests, client=HELD, server=HELD, busy=0, opened=100, reuse=0.9, retries=1,
        p50_ms=1.0, p99_ms=2.0, cpu_us=500.0, per_second=2_000.0,
    )
    for requests in range(10_000, 210_000, 10_000)
]  # fmt: skip


@pytest.mark.parametrize("loop", LOOPS)
def test_3000_requests_with_faults_leave_nothing_behind(loop: str) -> None:
    # More faults than the soak itself has, so that each comes several times.
    command = [sys.executable, "-m", "soak", "--requests", "3000", "--faults", "0.05", "--loop", loop]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert all(name in done.stdout for name in [*FAULTY, *(flow.__name__ for flow in HEALTHY)])


def test_flat_samples_are_no_problem() -> None:
    assert problems(FLAT) == []


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize(
    ("figure", "per_lap", "named"),
    [
        ("objects", 100, "objects grow by 0.0100"),
        ("rss_bytes", 500_000, "memory (bytes) grow by 50.0"),
        ("fds", 1, "descriptors were 14 after the first lap, and 33 at the end"),
        ("tasks", 1, "tasks were 1 after the first lap, and 20 at the end"),
    ],
)
def test_what_grows_is_named(side: str, figure: str, per_lap: int, named: str) -> None:
    samples = []
    for lap, sample in enumerate(FLAT):
        held = replace(HELD, **{figure: getattr(HELD, figure) + lap * per_lap})
        samples.append(replace(sample, client=held) if side == "client" else replace(sample, server=held))
    (problem,) = problems(samples)
    assert f"the {side}'s" in problem
    assert named in problem


def test_a_slot_that_is_not_given_back_is_a_problem() -> None:
    assert problems([replace(FLAT[0], busy=1), *FLAT[1:]])


def test_header_and_rows_line_up() -> None:
    assert len({len(line) for line in [*header().splitlines(), row(FLAT[0])]}) == 1


def test_the_server_has_every_fault_that_the_client_asks_for() -> None:
    assert set(EXPECTED) <= set(FAULTY)
