"""What the demo shows in the end: the table, a sentence on it, and whether the shared session held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table

from trunkline.cli.counting_server import Counts
from trunkline.cli.demo_load import Figures

PER_REQUEST = "session per request"
SHARED = "one shared session"


@dataclass(frozen=True, slots=True)
class Run:
    """One style over one scheme: what the client saw, what the server counted, what the kernel keeps."""

    style: str
    scheme: str
    figures: Figures
    counts: Counts
    time_wait: int | None


@dataclass(frozen=True, slots=True)
class _Total:
    """A style's runs added up."""

    requests: int
    connections: int
    handshakes: int
    resumed: int
    time_wait: int | None
    elapsed_s: float
    cpu_s: float


def _handshakes(run: Run) -> str:
    if run.scheme == "http":
        return "-"
    return f"{run.counts.tls_full:,} / {run.counts.tls_resumed:,}"


_CAPTION = (
    "Connections and TLS handshakes are the server's count. New connections per request are the reuse ratio:"
    " 1 without reuse, near 0 with it."
)
_ROWS: tuple[tuple[str, Callable[[Run], str]], ...] = (
    ("connections opened", lambda run: f"{run.counts.connections:,}"),
    ("new connections / request", lambda run: f"{run.counts.connections / run.figures.requests:.3f}"),
    ("TLS full / resumed", _handshakes),
    ("TIME_WAIT sockets left", lambda run: "n/a" if run.time_wait is None else f"{run.time_wait:,}"),
    ("p50", lambda run: f"{run.figures.percentile_s(50) * 1000:.2f} ms"),
    ("p99", lambda run: f"{run.figures.percentile_s(99) * 1000:.2f} ms"),
    ("requests/s", lambda run: f"{run.figures.requests / run.figures.elapsed_s:,.0f}"),
    ("CPU per request", lambda run: f"{run.figures.cpu_s / run.figures.requests * 1000:.3f} ms"),
    ("failed requests", lambda run: f"{len(run.figures.failures):,}"),
    ("ResourceWarnings", lambda run: f"{run.figures.resource_warnings:,}"),
)


def render_table(runs: Sequence[Run], *, ascii_only: bool) -> Table:
    """A column for each run, the two styles of a scheme side by side."""
    ordered = sorted(runs, key=lambda run: run.scheme)  # stable: the order of the styles stays
    table = Table(box=box.ASCII if ascii_only else box.ROUNDED, caption=_CAPTION, caption_justify="left")
    table.add_column("")
    for run in ordered:
        style = "bold green" if run.style == SHARED else "yellow"
        table.add_column(f"{run.scheme}\n{_short(run.style)}", justify="right", style=style)
    for label, cell in _ROWS:
        table.add_row(label, *map(cell, ordered))
    return table


def _short(style: str) -> str:
    return "shared" if style == SHARED else "per request"


def summary(runs: Sequence[Run]) -> str:
    """One sentence: what the reader just saw."""
    each = _total(run for run in runs if run.style == PER_REQUEST)
    shared = _total(run for run in runs if run.style == SHARED)
    return (
        f"You just saw the same {each.requests:,} requests take {each.connections:,} connections and"
        f" {each.handshakes:,} TLS handshakes with a session per request, but {shared.connections:,}"
        f" connections and {shared.handshakes:,} handshakes with one shared session:"
        f" {shared.connections / shared.requests:.3f} new connections per request instead of"
        f" {each.connections / each.requests:.3f}, {_time_wait_clause(shared.time_wait, each.time_wait)}"
        f"{each.elapsed_s / shared.elapsed_s:.1f} times the requests per second,"
        f" and {shared.cpu_s / each.cpu_s:.0%} of the CPU time."
    )


def _time_wait_clause(shared: int | None, each: int | None) -> str:
    if shared is None or each is None:
        return ""
    return f"{shared:,} sockets left in TIME_WAIT instead of {each:,}, "


def resumption_note(runs: Sequence[Run]) -> str | None:
    """What to know when sessions that share nothing resumed TLS sessions all the same."""
    each = _total(run for run in runs if run.style == PER_REQUEST)
    if not each.resumed:
        return None
    return (
        f"Note: {each.resumed:,} of the {each.handshakes:,} TLS handshakes with a session per request were"
        " resumed: TLS sessions are kept for the whole process, so they outlive the client session."
    )


def problems(runs: Sequence[Run], limit: int) -> list[str]:
    """What the shared session did not hold to; empty when all is well."""
    found: list[str] = []
    for run in runs:
        if run.style != SHARED:
            continue
        faults = (
            (bool(run.figures.failures), f"{len(run.figures.failures):,} requests failed; wanted none"),
            (
                run.counts.connections > limit,
                f"{run.counts.connections:,} connections were opened; wanted at most limit={limit}",
            ),
            (
                run.counts.open > 0,
                f"{run.counts.open:,} connections are still open after close(); wanted none",
            ),
            (
                run.figures.resource_warnings > 0,
                f"{run.figures.resource_warnings:,} ResourceWarnings; wanted none",
            ),
        )
        found += [f"{run.style}, {run.scheme}: {text}" for is_so, text in faults if is_so]
    return found


def first_failures(runs: Sequence[Run]) -> list[str]:
    """The first error of each run that had any."""
    failed = [(run, run.figures.failures[0]) for run in runs if run.figures.failures]
    return [f"{run.style}, {run.scheme}: {type(error).__name__}: {error}" for run, error in failed]


def _total(runs: Iterable[Run]) -> _Total:
    chosen = list(runs)
    left = [run.time_wait for run in chosen if run.time_wait is not None]
    return _Total(
        requests=sum(run.figures.requests for run in chosen),
        connections=sum(run.counts.connections for run in chosen),
        handshakes=sum(run.counts.tls_full + run.counts.tls_resumed for run in chosen),
        resumed=sum(run.counts.tls_resumed for run in chosen),
        time_wait=sum(left) if left else None,
        elapsed_s=sum(run.figures.elapsed_s for run in chosen),
        cpu_s=sum(run.figures.cpu_s for run in chosen),
    )
