"""Tells the figures at the end of the run, and gives back what was set apart from the garbage collector."""

import gc
from collections.abc import Iterator

import pytest

from tests.torture.figures import figures


@pytest.fixture(autouse=True, scope="package")
def old_objects() -> Iterator[None]:
    yield
    gc.unfreeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if figures.of:
        terminalreporter.section("torture")
        for line in figures.lines():
            terminalreporter.write_line(line)
