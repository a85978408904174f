"""Runs what there is of a library, once on real aiohttp and once on Trunkline, each run a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from tests.works_with import outcomes
from tests.works_with.environment import HERE, Environment
from tests.works_with.libraries import Library
from tests.works_with.outcomes import Outcomes

SERVICE_START_S = 30.0
TEST_TIMEOUT_S = 60  # what hangs longer has failed, and the rest of its suite still runs


class Side(Enum):
    AIOHTTP = "aiohttp"
    TRUNKLINE = "trunkline"


def run(library: Library, made: Environment, side: Side) -> Outcomes:
    """Run suite and program of `library` on `side`; what they print is in `<side>.log` and `<side>-program.log`."""
    found: dict[str, outcomes.Outcome] = {}
    with _serving(library, made):
        if library.suite:
            found |= _run_suite(library, made, side)
        if library.has_program:
            found |= _run_program(library, made, side)
    return found


def last_report(library: Library, made: Environment, side: Side) -> Outcomes:
    """Read again what the last run on `side` left."""
    found: dict[str, outcomes.Outcome] = {}
    if library.suite:
        found |= outcomes.of_suite(_report(made, side))
    if library.has_program and _program_log(made, side).exists():
        found |= outcomes.of_program(_program_log(made, side).read_text())
    return found


def _run_suite(library: Library, made: Environment, side: Side) -> Outcomes:
    report = _report(made, side)
    report.unlink(missing_ok=True)
    command: list[str] = [str(made.python), "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts="]
    if side is Side.TRUNKLINE:
        command += ["-p", "trunkline.as_aiohttp"]
    command += [f"--timeout={TEST_TIMEOUT_S}", f"--junitxml={report}", "-q", "--tb=short", *library.options]
    command += _deselecting(library.left_out)
    _run(library, [*command, *library.suite], made.source, report.with_suffix(".log"))
    return outcomes.of_suite(report)


def _report(made: Environment, side: Side) -> Path:
    return made.folder / f"{side.value}.xml"


def _program_log(made: Environment, side: Side) -> Path:
    return made.folder / f"{side.value}-program.log"


def _deselecting(left_out: Iterable[str]) -> list[str]:
    return [f"--{'deselect' if '::' in name else 'ignore'}={name}" for name in left_out]


def _run_program(library: Library, made: Environment, side: Side) -> Outcomes:
    program = HERE / "programs" / f"use_{library.name.replace('-', '_').replace('.', '_')}.py"
    log = _program_log(made, side)
    through = ["-m", "trunkline", "run"] if side is Side.TRUNKLINE else []
    _run(library, [str(made.python), *through, str(program)], made.folder, log)
    return outcomes.of_program(log.read_text())


def _run(library: Library, command: list[str], folder: Path, log: Path) -> None:
    """Run `command` to its end or to the library's time limit, and end all that it started."""
    environment = {**os.environ, **library.environment}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            process.wait(library.timeout_s)
        except subprocess.TimeoutExpired:
            output.write(f"\nstill running after {library.timeout_s:.0f} s: ended\n".encode())
        finally:
            _end(process)


@contextmanager
def _serving(library: Library, made: Environment) -> Iterator[None]:
    """Run the service that `library` needs, if any, from before the block until after it."""
    service = library.service
    if service is None:
        yield
        return
    command = [str(made.python), "-m", service.module, "--port", str(service.port)]
    with (made.folder / "service.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=made.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(service.port)
        yield
    finally:
        _end(process)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + SERVICE_START_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)  # the session of our own that it was started in
    except ProcessLookupError:
        pass
    process.wait()
