from __future__ import annotations

from pathlib import Path

import pytest

from tests.works_with.libraries import LIBRARIES
from tests.works_with.outcomes import Outcome, lost, of_program, of_suite

REPORT = """<testsuites><testsuite>
  <testcase classname="a" name="passes"/>
  <testcase classname="a" name="fails"><failure/></testcase>
  <testcase classname="a" name="skips"><skipped/></testcase>
  <testcase classname="a" name="fails_to_tear_down"/>
  <testcase classname="a" name="fails_to_tear_down"><error/></testcase>
</testsuite></testsuites>"""


def test_a_report_of_pytest_tells_the_worst_of_each_test(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert of_suite(report) == {
        "a::passes": Outcome.PASSED,
        "a::fails": Outcome.FAILED,
        "a::skips": Outcome.SKIPPED,
        "a::fails_to_tear_down": Outcome.FAILED,
    }


def test_no_report_means_no_outcomes(tmp_path: Path) -> None:
    assert of_suite(tmp_path / "none.xml") == {}


def test_the_lines_of_a_program_are_its_outcomes() -> None:
    output = "passed one\nsomething else\nfailed two: ValueError('no')\n"
    assert of_program(output) == {"program::one": Outcome.PASSED, "program::two": Outcome.FAILED}


@pytest.mark.parametrize("on_trunkline", [Outcome.FAILED, Outcome.SKIPPED, None])
def test_a_test_is_lost_that_passes_on_aiohttp_alone(on_trunkline: Outcome | None) -> None:
    found = {} if on_trunkline is None else {"a": on_trunkline}
    assert lost({"a": Outcome.PASSED}, found) == ["a"]


def test_a_test_that_fails_on_both_sides_is_not_lost() -> None:
    assert lost({"a": Outcome.FAILED, "b": Outcome.PASSED}, {"a": Outcome.FAILED, "b": Outcome.PASSED}) == []


def test_every_library_has_something_that_runs() -> None:
    assert [library.name for library in LIBRARIES if not library.suite and not library.has_program] == []
