"""The results: a line for the terminal while the runs go on, and the table of docs/works-with.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.works_with.environment import ROOT
from tests.works_with.libraries import Library
from tests.works_with.outcomes import Outcome, Outcomes, lost

PAGE = ROOT / "docs" / "works-with.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


@dataclass(frozen=True, slots=True)
class Row:
    library: Library
    on_aiohttp: Outcomes
    on_trunkline: Outcomes

    @property
    def lost(self) -> list[str]:
        return lost(self.on_aiohttp, self.on_trunkline)

    def line(self) -> str:
        name = f"{self.library.name} {self.library.version}"
        return f"{name:32} aiohttp {_count(self.on_aiohttp)}   trunkline {_count(self.on_trunkline)}"


def _count(found: Outcomes) -> str:
    passed, failed = (list(found.values()).count(outcome) for outcome in (Outcome.PASSED, Outcome.FAILED))
    return f"{passed:4} passed {failed:3} failed"


def write(rows: Sequence[Row]) -> None:
    """Put the table of `rows` between the marks of the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{_table(rows)}\n\n{END}{after}")


def _table(rows: Iterable[Row]) -> str:
    lines = ["| library | version | run | on aiohttp | on Trunkline |", "| --- | --- | --- | ---: | ---: |"]
    for row in rows:
        run = " and ".join(["its tests"] * bool(row.library.suite) + ["a program"] * row.library.has_program)
        cells = (row.library.name, row.library.version, run, _count(row.on_aiohttp), _count(row.on_trunkline))
        lines.append(f"| {' | '.join(cell.strip() for cell in cells)} |")
    return "\n".join(lines)
