"""Turns outcomes into text: tables for the terminal, and the generated part of docs/benchmarks.md.

The page carries the machine in general terms only. A missed target is printed as missed.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.halves import Half
from bench.rounds import Contender, Outcome
from bench.targets import SUBJECT, Figures, has_target, misses, target_text

PAGE_INTRO = """# Benchmarks

`make bench` writes the figures on this page, in three parts: `make bench ARGS="--half client"`, `--half server` or
`--half websocket` measures one of them. Every round of every client or server runs in a process of its own and they
take turns. Of CPU and import time the least of the rounds is shown, because whatever else a shared machine does only
adds to it; of all else the median. CPU is user and system time, all threads and processes of the contender
included, divided by the requests. A ratio compares that CPU time with aiohttp's on the default loop, in the
same run: below 1 is cheaper.

**Clients.** trunkline, aiohttp (with its C extensions), httpx, pyreqwest and wreq ask one nginx worker on
loopback. CPU counts from the end of the warm-up to the last answer. All verify TLS certificates against the same CA.
wreq and pyreqwest are written in Rust. wreq bounds the connections that it keeps but not those that it
opens, so scenario j puts a semaphore around it; its `json=` is slower than `json.dumps`, so scenario f uses
the latter. pyreqwest serialises JSON itself, in Rust. httpx may keep 100 idle connections instead of 20. In
scenario h a client may resume a TLS session if it does so by default. Whatever else a client does by
default stays on. In scenarios i and l all but aiohttp speak HTTP/2.

**Servers.** wrk, with one thread and 64 keep-alive connections on loopback, asks trunkline.web, aiohttp.web,
starlette on uvicorn (with httptools), and a raw ASGI application on granian, which is written in Rust. In `http2`
h2load asks, 64 requests at a time on each of 10 connections, and hypercorn, which is written in Python, takes part with
the raw application; aiohttp is asked by HTTP/1.1, on 64 connections. h2load tells no percentiles. Each
is one server process without access log; granian's two, one that serves and its parent, are added up. CPU counts
from the end of a warm-up to the end of wrk; latencies are wrk's own. All give the same answers, except
that starlette's JSON has no spaces. In `routes` every request asks one of 1,000 routes at random, with one of 1,000
values of its parameter; the raw application finds the route in a dict. In `static` granian sends the file from
Rust. In `idle` each connection has asked once and stays open: KB each is the growth of resident memory, without
what the kernel holds for a socket.

**WebSockets.** A codec alone has no socket under it: bytes go into its reader and messages come out of its queue, to a
coroutine that always waits for the next one; or messages go into its writer and bytes to a transport that drops them.
CPU is that of the quickest of many turns of 10 ms, divided by the messages. aiohttp's reader and mask are compiled;
trunkline's are Python, which has no XOR of bytes: masked messages of 64 KB cost several times as much. aiohttp's writer
hands a large message and its head to the transport one by one; trunkline's joins them, for one write. In the echo
scenarios a server sends back text messages, without compression, to one connection of a peer that is none of the
contenders, which renders its frames beforehand and only counts the bytes that come back. CPU is the server's; what the
peer takes is not in it. `websockets`, and picows, which is written in Cython and has no coroutine between reading and
sending, are there for information.

`make bench-instructions` counts instructions in user space under valgrind: steady on a busy machine.
"""

HEADINGS = {
    "cpu_us": ("CPU µs", "{:,.0f}"),
    "message_us": ("CPU µs", "{:,.2f}"),  # CPU, too: a message costs less than a request
    "import_ms": ("import ms", "{:.0f}"),
    "idle_kb": ("KB each", "{:.1f}"),
    "per_s": ("requests/s", "{:,.0f}"),
    "messages_per_s": ("messages/s", "{:,.0f}"),
    "p50_ms": ("p50 ms", "{:.2f}"),
    "p99_ms": ("p99 ms", "{:.2f}"),
    "mean_ms": ("mean ms", "{:.2f}"),
    "rss_mb": ("peak MB", "{:.1f}"),
    "ratio": ("ratio", "{:.2f}"),
}


def table(half: Half, outcome: Outcome) -> str:
    """Return the figures of one scenario as a Markdown table, readable in a terminal too."""
    if not outcome.figures:
        return ""
    names = [name for name in HEADINGS if name in next(iter(outcome.figures.values()))]
    rows = [[half.name, "loop", *(HEADINGS[name][0] for name in names)]]
    for (engine, loop), figures in outcome.figures.items():
        rows.append([engine, loop, *(HEADINGS[name][1].format(figures[name]) for name in names)])
    return align(rows)


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells, the first of them the heading, as a Markdown table; numbers go to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    is_number = [all(_is_number(row[i]) for row in rows[1:]) for i in range(len(widths))]
    rule = ["-" * (width - 1) + "-:"[right] for width, right in zip(widths, is_number, strict=True)]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join("| " + " | ".join(_padded(line, widths, is_number)) + " |" for line in lines)


def _padded(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> Iterable[str]:
    for cell, width, right in zip(cells, widths, is_number, strict=True):
        yield cell.rjust(width) if right else cell.ljust(width)


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").isdigit()


def verdict(scenario: str, outcome: Outcome) -> str:
    """Return `met`, `missed: …`, a dash where nothing is aimed at, or, without figures of trunkline, `not measured`."""
    if not any(engine == SUBJECT for engine, _ in (*outcome.figures, *outcome.failures)):
        return "not measured"
    missed = [f"{loop} failed" for engine, loop in outcome.failures if engine == SUBJECT]
    missed += misses(scenario, outcome.figures)
    if missed:
        return "**missed**: " + "; ".join(missed)
    return "met" if has_target(scenario) else "–"


def summary(half: Half, outcomes: Mapping[str, Outcome]) -> str:
    """Return the table of ratios: a row per scenario, `default / uvloop` in each cell."""
    engines = list(dict.fromkeys(engine for outcome in outcomes.values() for engine, _ in outcome.figures))
    rows = [["scenario", *engines, "target", "result"]]
    for scenario, outcome in outcomes.items():
        cell = CELLS.get(scenario, _ratios)
        cells = [cell(engine, outcome.figures) for engine in engines]
        rows.append([half.titles[scenario], *cells, target_text(scenario), verdict(scenario, outcome)])
    return align(rows)


def _ratios(engine: str, figures: Mapping[Contender, Figures]) -> str:
    return _both_loops(engine, figures, "ratio", "{:.2f}")


def _idle_cell(engine: str, figures: Mapping[Contender, Figures]) -> str:
    return _both_loops(engine, figures, "idle_kb", "{:.1f}") + " KB"


def _both_loops(engine: str, figures: Mapping[Contender, Figures], name: str, form: str) -> str:
    both = [figures.get((engine, loop)) for loop in ("default", "uvloop")]
    return " / ".join(form.format(one[name]) if one else "–" for one in both)


def _import_cell(engine: str, figures: Mapping[Contender, Figures]) -> str:
    found = figures.get((engine, "default"))
    return f"{found['import_ms']:.0f} ms, {found['rss_mb']:.1f} MB" if found else "–"


CELLS = {"import": _import_cell, "idle": _idle_cell}


def machine(half: Half) -> dict[str, str]:
    """Describe the machine in general terms, with the versions of all that took part."""
    parts = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    if half.tool is not None:
        tool, tool_version = half.tool
        parts[tool] = tool_version()
    return parts | {package: _version(package) for package in half.packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from its sources"


def page_part(half: Half, outcomes: Mapping[str, Outcome], rounds: int, plot_name: str | None) -> str:
    """Return the generated part of the page. plot_name: of the file beside it, if there is a plot."""
    about = ", ".join(f"{name}: {value}" for name, value in machine(half).items())
    parts = [
        f"## {half.heading}",
        f"{about}; rounds: {rounds}.",
        plot_name and f"![CPU per request of each {half.name}, as a ratio to aiohttp]({plot_name})",
        summary(half, outcomes),
    ]
    for scenario, outcome in outcomes.items():
        parts += [f"### {half.titles[scenario]}", table(half, outcome)]
        parts += [f"{' on '.join(contender)} failed: {text}" for contender, text in outcome.failures.items()]
    return "\n\n".join(part for part in parts if part)


def write_part(page: Path, name: str, text: str) -> None:
    """Replace the part of `page` between the markers of `name`, or append it; the rest stays as it is."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old = page.read_text() if page.exists() else PAGE_INTRO
    if begin not in old:
        old = f"{old.rstrip()}\n\n{begin}\n{end}\n"
    before, _, rest = old.partition(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")
