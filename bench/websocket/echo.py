"""Measures one server in one echo scenario: start, check of the answers and warm-up, load, stop.

CPU is user and system time of the server's process from the end of the warm-up to the end of the load, divided by the
messages echoed; the peer's is not in it. A server that is never idle is measured best: the peer must be the faster one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.rounds import Contender, RunFailed, run
from bench.servers.process import Command, ServerProcess, running
from bench.targets import Figures

WARM_UP_SHARE = 0.4  # of the measured time, as in the server half


def _program(module: str, *options: str) -> Command:
    def command(loop: str, port: int, folder: Path) -> list[str]:
        return [sys.executable, "-m", f"bench.websocket.{module}", *options, loop, str(port)]

    return command


# In the order in which a round runs them.
COMMANDS: dict[str, Command] = {
    "aiohttp": _program("echo_app", "aiohttp"),
    "trunkline": _program("echo_app", "trunkline"),
    "websockets": _program("websockets_app"),
    "picows": _program("picows_app"),
}


def measure(contender: Contender, scenario: str, seconds: float, folder: Path) -> Figures:
    """Return the figures of one run. Raises RunFailed."""
    with running(contender, folder, commands=COMMANDS) as server:
        _load(server, scenario, seconds * WARM_UP_SHARE)
        cpu_before_s = server.cpu_s()
        report = _load(server, scenario, seconds)
        cpu_s = server.cpu_s() - cpu_before_s
        if cpu_s <= 0 or not report["messages"]:
            raise RunFailed(f"{report['messages']} messages took no CPU time: did it stall?")
        return {
            "message_us": cpu_s / report["messages"] * 1e6,
            "messages_per_s": report["messages"] / report["elapsed_s"],
            "rss_mb": server.peak_rss_kb() / 1024,
        }


def _load(server: ServerProcess, scenario: str, seconds: float) -> Figures:
    command = [sys.executable, "-m", "bench.websocket.peer", str(server.port), scenario, str(seconds)]
    report: Figures = json.loads(run(command).stdout)
    return report
