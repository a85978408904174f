"""Draws the plots of docs/benchmarks.md: CPU per request of each engine as a ratio to aiohttp, a panel per loop."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any

from bench.rounds import Outcome
from bench.targets import TARGETS

COLOURS = {
    "trunkline": "#d1495b",
    "aiohttp": "#2e4057",
    "httpx": "#a9a9a9",
    "pyreqwest": "#edae49",
    "wreq": "#66a182",
    "uvicorn": "#a9a9a9",
    "granian": "#edae49",
    "hypercorn": "#66a182",
}
GROUP_WIDTH = 0.8  # of the distance between two scenarios
LOOPS = ("default", "uvloop")
NOT_CPU = {"import", "idle"}


def draw(outcomes: Mapping[str, Outcome], path: Path) -> None:
    """Write the plot as SVG; the same figures give the same file."""
    # Imported here, because a partial run draws nothing and must not need it.
    pyplot: Any = import_module("matplotlib.pyplot")
    pyplot.rcParams["svg.hashsalt"] = "benchmarks"
    figure, panels = pyplot.subplots(2, 1, figsize=(10, 8), sharex=True, sharey=True)
    for panel, loop in zip(panels, LOOPS, strict=True):
        _draw_panel(panel, loop, outcomes)
    panels[0].legend(ncols=6, loc="upper center", bbox_to_anchor=(0.5, 1.2), frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


# Any: matplotlib is an optional dependency, which the type checker need not have.
def _draw_panel(panel: Any, loop: str, outcomes: Mapping[str, Outcome]) -> None:
    scenarios = [scenario for scenario in outcomes if scenario not in NOT_CPU]
    present = {engine for outcome in outcomes.values() for engine, _ in outcome.figures}
    engines = [engine for engine in COLOURS if engine in present]
    width = GROUP_WIDTH / len(engines)
    for place, engine in enumerate(engines):
        found = [(i, outcomes[s].figures.get((engine, loop))) for i, s in enumerate(scenarios)]
        bars = [(i + (place + 0.5) * width, figures["ratio"]) for i, figures in found if figures]
        places, heights = zip(*bars, strict=True) if bars else ((), ())
        panel.bar(places, heights, width * 0.9, label=engine, color=COLOURS[engine])
    aimed = [(i, TARGETS[scenario]) for i, scenario in enumerate(scenarios) if scenario in TARGETS]
    for i, target in aimed:
        bound = getattr(target, loop)
        if not isfinite(bound):  # an absolute one
            continue
        label = "target" if i == aimed[0][0] else None
        panel.plot([i, i + GROUP_WIDTH], [bound, bound], color="black", linestyle=":", label=label)
    panel.axhline(1, color=COLOURS["aiohttp"], linewidth=0.8)
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_locator(import_module("matplotlib.ticker").LogLocator(subs=(2, 5)))
    panel.yaxis.set_minor_formatter("{x:g}")
    panel.set_xticks([i + GROUP_WIDTH / 2 for i in range(len(scenarios))], scenarios)
    panel.set_ylabel(f"{loop} loop: CPU per request\n(aiohttp, default loop = 1)")
