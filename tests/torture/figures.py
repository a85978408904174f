"""How often each flow was cut or made to fail, to be told at the end of the run."""

from collections import Counter, defaultdict
from typing import Final


class Figures:
    def __init__(self) -> None:
        self.of: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, kind: str, flow: str, count: int) -> None:
        self.of[kind][flow] += count

    def lines(self) -> list[str]:
        """Tell the number for each flow, and their sums."""
        lines = []
        for kind, counts in self.of.items():
            lines += [f"{count:6} {kind:16} {flow}" for flow, count in counts.items()]
            lines.append(f"{counts.total():6} {kind:16} in all")
        return lines


figures: Final = Figures()
