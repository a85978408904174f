"""The targets that trunkline is held to, as data, and the judgement whether a run met them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from bench.websocket.scenarios import CODEC_SCENARIOS, ECHO_SCENARIOS

Figures = Mapping[str, float]
SUBJECT = "trunkline"


@dataclass(frozen=True, slots=True)
class Target:
    """CPU per request, as a ratio to aiohttp on the default loop, on either loop.

    below: engines that must cost more than trunkline on the same loop.
    p99_to_p50: how many times the median the 99th percentile may be.
    cpu_us: the CPU time itself, where aiohttp has nothing to compare with.
    """

    default: float = inf
    uvloop: float = inf
    below: tuple[str, ...] = ()
    p99_to_p50: float | None = None
    cpu_us: float = inf

    def __str__(self) -> str:
        parts = [] if self.default == inf else [f"≤ {self.default:.2f} / {self.uvloop:.2f}"]
        if self.cpu_us < inf:
            parts.append(f"≤ {self.cpu_us:g} µs")
        if self.below:
            parts.append("below " + " and ".join(self.below))
        if self.p99_to_p50 is not None:
            parts.append(f"p99 ≤ {self.p99_to_p50:g} × p50")
        return ", ".join(parts)


TARGETS = {
    "a": Target(0.28, 0.18),
    "b": Target(0.22, 0.18, below=("wreq", "pyreqwest")),
    "c": Target(0.50, 0.30),
    "d": Target(0.35, 0.35),
    "e": Target(0.40, 0.40),
    "f": Target(0.55, 0.55),
    "h": Target(0.85, 0.85),
    "i": Target(cpu_us=60),
    "j": Target(0.30, 0.30, p99_to_p50=2.0),
    "json": Target(0.45, 0.45, below=("granian",)),
    **{word: Target(1.0, 1.0) for word in CODEC_SCENARIOS},  # which know no loop: they are measured on the default one
    **{word: Target(1.0, 1.0, below=("aiohttp",)) for word in ECHO_SCENARIOS},
}
IMPORT_MS = 100.0
IMPORT_MB = 26.0
IDLE_KB = 8.0  # for each idle connection of a server, on either loop
# User space, for each small GET, by half and loop.
INSTRUCTIONS: dict[str, dict[str, int]] = {"client": {"default": 110_000, "uvloop": 85_000}, "server": {}}


def has_target(scenario: str) -> bool:
    """Tell whether a scenario is judged; the others are only measured."""
    return scenario in TARGETS or scenario in {"import", "idle"}


def target_text(scenario: str) -> str:
    """Return the target of a scenario as the tables show it."""
    if scenario == "import":
        return f"≤ {IMPORT_MS:g} ms, ≤ {IMPORT_MB:g} MB"
    if scenario == "idle":
        return f"≤ {IDLE_KB:g} KB"
    return str(TARGETS.get(scenario, "–"))


def misses(scenario: str, by_contender: Mapping[tuple[str, str], Figures]) -> list[str]:
    """Return a line for each target that trunkline missed.

    by_contender: (engine, loop) to the figures of this scenario.
    """
    if scenario == "import":
        return list(_import_misses(by_contender.get((SUBJECT, "default"), {})))
    missed: list[str] = []
    for loop in ("default", "uvloop"):
        if (SUBJECT, loop) not in by_contender:
            continue
        if scenario == "idle":
            missed += _idle_misses(loop, by_contender[SUBJECT, loop])
        elif scenario in TARGETS:
            missed += _loop_misses(TARGETS[scenario], loop, by_contender)
    return missed


def _idle_misses(loop: str, figures: Figures) -> Iterator[str]:
    if figures["idle_kb"] > IDLE_KB:
        yield f"{loop} {figures['idle_kb']:.1f} KB"


def _import_misses(figures: Figures) -> Iterator[str]:
    if figures.get("import_ms", 0) > IMPORT_MS:
        yield f"{figures['import_ms']:.0f} ms"
    if figures.get("rss_mb", 0) > IMPORT_MB:
        yield f"{figures['rss_mb']:.1f} MB"


def _loop_misses(target: Target, loop: str, by_contender: Mapping[tuple[str, str], Figures]) -> Iterator[str]:
    figures = by_contender[SUBJECT, loop]
    bound = target.default if loop == "default" else target.uvloop
    if figures["ratio"] > bound:
        yield f"{loop} {figures['ratio']:.2f} > {bound:.2f}"
    if figures.get("cpu_us", 0.0) > target.cpu_us:
        yield f"{loop} {figures['cpu_us']:.0f} µs"
    for rival in target.below:
        other = by_contender.get((rival, loop))
        if other and figures["ratio"] >= other["ratio"]:
            yield f"{loop} not below {rival}'s {other['ratio']:.2f}"
    if target.p99_to_p50 is not None and figures["p99_ms"] > target.p99_to_p50 * figures["p50_ms"]:
        yield f"{loop} p99 is {figures['p99_ms'] / figures['p50_ms']:.1f} × p50"
