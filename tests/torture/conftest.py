"""Tells the figures at the end of the run."""

import pytest

from tests.torture.figures import figures


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if figures.of:
        terminalreporter.section("torture")
        for line in figures.lines():
            terminalreporter.write_line(line)
