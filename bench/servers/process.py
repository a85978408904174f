"""A server under test as a running process, and what /proc tells about it.

A server runs in a session of its own, so that all its processes are found by the session: granian serves from a child.
Figures are sums over these processes, threads included.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.rounds import Contender, RunFailed
from bench.server import free_ports
from bench.servers.scenarios import ServerScenario

START_TIMEOUT_S = 60.0  # a server is up within a second, under valgrind within half a minute
STOP_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 30.0
POLL_S = 0.02
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# Places in /proc/PID/stat after the parenthesised name (proc(5)).
SESSION, UTIME, STIME = 3, 11, 12


Command = Callable[[str, int, Path], list[str]]  # (loop, port, folder) to the program of a server


def _aiohttp(module: str) -> Command:
    def command(loop: str, port: int, folder: Path) -> list[str]:
        return [sys.executable, "-m", "bench.servers.aiohttp_app", module, loop, str(port), str(folder)]

    return command


def _uvicorn(loop: str, port: int, folder: Path) -> list[str]:
    return [sys.executable, "-m", "bench.servers.starlette_app", loop, str(port), str(folder)]


def _granian(loop: str, port: int, folder: Path) -> list[str]:
    # It accepts as many connections as its backlog holds: the default of 1,024 is too few for scenario idle.
    # fmt: off
    return [
        sys.executable, "-m", "granian", "bench.servers.asgi_app:app", "--port", str(port),
        "--interface", "asginl", "--http", "auto", "--no-ws", "--workers", "1", "--backlog", "8192", "--no-log",
        "--loop", "uvloop" if loop == "uvloop" else "asyncio", "--static-path-mount", str(folder),
    ]
    # fmt: on


def _hypercorn(loop: str, port: int, folder: Path) -> list[str]:
    worker = "uvloop" if loop == "uvloop" else "asyncio"
    bound = ["--bind", f"127.0.0.1:{port}", "--worker-class", worker, "--log-level", "critical"]
    return [sys.executable, "-m", "hypercorn", "bench.servers.asgi_app:app", *bound]


# Those that speak HTTP/2; all but hypercorn are in the other scenarios, too.
HTTP2 = ("trunkline", "granian", "hypercorn")
HTTP2_ALONE = "hypercorn"
# In the order in which a round runs them.
COMMANDS: dict[str, Command] = {
    "aiohttp": _aiohttp("aiohttp"),
    "trunkline": _aiohttp("trunkline"),
    "uvicorn": _uvicorn,
    "granian": _granian,
    "hypercorn": _hypercorn,
}


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server: its port on loopback, and its first process."""

    port: int
    process: subprocess.Popen[str]

    def cpu_s(self) -> float:
        """Return the user and system time spent so far."""
        ticks = sum(int(stat[UTIME]) + int(stat[STIME]) for _, stat in self._members())
        return ticks / TICKS_PER_S

    def rss_kb(self) -> int:
        """Return the resident memory."""
        return self._memory_kb("VmRSS")

    def peak_rss_kb(self) -> int:
        """Return the peak of the resident memory."""
        return self._memory_kb("VmHWM")

    def ask(self, scenario: ServerScenario, body: bytes = b"", times: int = 1) -> None:
        """Send a scenario's request over one connection. Raises RunFailed at an answer that is not the scenario's."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_TIMEOUT_S)
        try:
            for _ in range(times):
                connection.request(scenario.method, scenario.path, body=body or None)
                answer = connection.getresponse()
                _check(scenario, answer.status, answer.read())
        finally:
            connection.close()

    def _memory_kb(self, name: str) -> int:
        total = 0
        for pid, _ in self._members():
            found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            total += int(found[1]) if found else 0
        return total

    def _members(self) -> Iterator[tuple[str, list[str]]]:
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                stat = entry.read_text().rpartition(")")[2].split()
            except OSError:  # the process has ended meanwhile
                continue
            if int(stat[SESSION]) == self.process.pid:
                yield entry.parent.name, stat


def _check(scenario: ServerScenario, status: int, body: bytes) -> None:
    seen: object = body[:80]
    if status == 200:
        seen = json.loads(body) if isinstance(scenario.answer, dict) else len(body)
    if seen != scenario.answer:
        raise RunFailed(f"{scenario.path} answered {status} with {seen!r}; 200 with {scenario.answer!r} was wanted")


@contextmanager
def running(
    contender: Contender, folder: Path, prefix: Sequence[str] = (), commands: Mapping[str, Command] = COMMANDS
) -> Iterator[ServerProcess]:
    """Start a server that serves `folder` under /static, yield it once it accepts, stop it.

    prefix: a command, such as valgrind, to run the server under. commands: by engine.
    """
    engine, loop = contender
    port = free_ports(1)[0]
    command = [*prefix, *commands[engine](loop, port, folder)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        server = ServerProcess(port, process)
        try:
            _wait_until_open(server)
            yield server
        finally:
            _stop(process)


def _wait_until_open(server: ServerProcess) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while server.process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.connect()
            return
        except ConnectionRefusedError:
            time.sleep(POLL_S)
        finally:
            connection.close()
    raise RunFailed(_why_not_started(server.process))


def _why_not_started(process: subprocess.Popen[str]) -> str:
    if process.poll() is None:
        return f"the server did not accept within {START_TIMEOUT_S:g} s"
    lines = process.communicate()[1].strip().splitlines()
    return lines[-1] if lines else f"the server ended with status {process.returncode}, no message"


def _stop(process: subprocess.Popen[str]) -> None:
    """End the server with all its children, by their process group; first let it end by itself."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
