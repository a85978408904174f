"""`trunkline demo`: the same requests with a session each and with one shared session, side by side.

It needs no internet: the server is a child process on loopback, https comes from a throw-away authority.
Every run has a server port of its own, so connections, TLS sessions and TIME_WAIT sockets are told apart.
"""

from __future__ import annotations

import asyncio
import ssl

from rich.console import Console

from trunkline.cli.demo_load import OpenFetch, run_load, session_per_request, shared_session
from trunkline.cli.demo_progress import StepOf, live_bars, plain_lines
from trunkline.cli.demo_server import DemoServer
from trunkline.cli.demo_table import (
    PER_REQUEST,
    SHARED,
    Run,
    first_failures,
    problems,
    render_table,
    resumption_note,
    summary,
)
from trunkline.cli.time_wait import count_new, time_wait_sockets

_STYLES: dict[str, OpenFetch] = {PER_REQUEST: session_per_request, SHARED: shared_session}
_SCHEMES = ("http", "https")


def run_demo(requests: int, concurrency: int, *, plain: bool = False, no_color: bool = False) -> int:
    """Run the demo, and return its exit code: 0 if the shared session held.

    requests: of each style, half of them over http, half over https.
    """
    console = Console(no_color=True if plain or no_color else None, highlight=False)
    is_live = console.is_terminal and not plain
    per_scheme = max(requests // len(_SCHEMES), 1)
    total = per_scheme * len(_SCHEMES)
    console.print(
        f"{total:,} requests, half http, half https, {concurrency} at a time, to a server on this machine,"
        " with a session for each request and then with one shared session"
    )
    progress = live_bars if is_live else plain_lines
    http_names, https_names = ([_server_name(style, scheme) for style in _STYLES] for scheme in _SCHEMES)
    with DemoServer(http_names, https_names) as server, progress(console, tuple(_STYLES), total) as step_of:
        runs = asyncio.run(_run_styles(server, per_scheme, concurrency, step_of))
    console.print(render_table(runs, ascii_only=plain))
    return _conclude(console, runs, concurrency)


def _server_name(style: str, scheme: str) -> str:
    return f"{scheme}, {style}"


async def _run_styles(server: DemoServer, requests: int, concurrency: int, step_of: StepOf) -> list[Run]:
    context = ssl.create_default_context(cadata=server.hello.certificate_pem)
    runs: list[Run] = []
    for style, open_fetch in _STYLES.items():
        ports = {scheme: server.hello.ports[_server_name(style, scheme)] for scheme in _SCHEMES}
        urls = {scheme: f"{scheme}://127.0.0.1:{port}/" for scheme, port in ports.items()}
        before = {port: time_wait_sockets(port) for port in ports.values()}
        figures = await run_load(open_fetch, context, urls, requests, concurrency, step_of(style))
        for scheme, port in ports.items():
            counts = await asyncio.to_thread(server.counts, _server_name(style, scheme))
            left = count_new(before[port], time_wait_sockets(port))
            runs.append(Run(style, scheme, figures[scheme], counts, left))
    return runs


def _conclude(console: Console, runs: list[Run], limit: int) -> int:
    for line in first_failures(runs):
        console.print(f"first failure of {line}", style="red", markup=False)
    console.print()
    console.print(summary(runs), style="bold")
    note = resumption_note(runs)
    if note:
        console.print(note)
    found = problems(runs, limit)
    for problem in found:
        console.print(f"FAILED: {problem}", style="bold red")
    return 1 if found else 0
