"""What came of each test of a run, and which tests tell Trunkline from aiohttp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from xml.etree import ElementTree


class Outcome(Enum):
    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"


Outcomes = Mapping[str, Outcome]  # by the test's name


def of_suite(report: Path) -> Outcomes:
    """Read pytest's JUnit report; no report (pytest itself broke down) means no outcomes."""
    if not report.exists():
        return {}
    outcomes: dict[str, Outcome] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        # A test that passes and fails to tear down has two entries: the worse counts.
        outcomes[name] = max(outcomes.get(name, Outcome.PASSED), _of_case(case), key=list(Outcome).index)
    return outcomes


def _of_case(case: ElementTree.Element) -> Outcome:
    if case.find("failure") is not None or case.find("error") is not None:
        return Outcome.FAILED
    return Outcome.PASSED if case.find("skipped") is None else Outcome.SKIPPED


def of_program(output: str) -> Outcomes:
    """Read the lines `passed NAME` and `failed NAME: why` of a program."""
    return dict(_of_lines(output))


def _of_lines(output: str) -> Iterator[tuple[str, Outcome]]:
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word in {"passed", "failed"}:
            yield f"program::{rest.partition(':')[0]}", Outcome(word)


def lost(on_aiohttp: Outcomes, on_trunkline: Outcomes) -> list[str]:
    """Name the tests that pass on aiohttp and do not on Trunkline."""
    return [
        name
        for name, outcome in on_aiohttp.items()
        if outcome is Outcome.PASSED and on_trunkline.get(name) is not Outcome.PASSED
    ]
