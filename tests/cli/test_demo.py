from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from trunkline.cli.counting_server import Counts
from trunkline.cli.demo_load import Fetch, Figures, run_load
from trunkline.cli.demo_server import DemoServer, DemoServerError
from trunkline.cli.demo_table import (
    PER_REQUEST,
    SHARED,
    Run,
    first_failures,
    problems,
    resumption_note,
    summary,
)
from trunkline.cli.main import main
from trunkline.cli.time_wait import count_new, time_wait_sockets

PATIENCE_S = 30.0
COMMAND = [sys.executable, "-W", "error::ResourceWarning", "-m", "trunkline", "demo", "--concurrency", "4"]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "100"}
ENVIRONMENT.pop("NO_COLOR", None)
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


def cells(output: str, label: str) -> list[str]:
    """The figures of a row of the table."""
    row = next(line for line in output.splitlines() if line[1:].strip().startswith(label))
    return [cell.strip() for cell in re.split(r"[│|]", row)[2:-1]]


def test_demo_shows_what_the_shared_session_saves_and_succeeds() -> None:
    done = subprocess.run(
        [*COMMAND, "--requests", "80"], env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    http_each, http_shared, https_each, https_shared = map(int, cells(done.stdout, "connections opened"))
    assert http_each == https_each == 40
    assert max(http_shared, https_shared) <= 4
    assert cells(done.stdout, "failed requests") == cells(done.stdout, "ResourceWarnings") == ["0"] * 4
    assert cells(done.stdout, "new connections / request")[::2] == ["1.000", "1.000"]
    assert "one shared session   80 of 80 requests done" in done.stdout
    assert "You just saw the same 80 requests take 80 connections" in done.stdout
    assert "\x1b" not in done.stdout


def test_plain_output_is_ascii() -> None:
    done = subprocess.run(
        [*COMMAND, "--requests", "8", "--plain"], env=ENVIRONMENT, capture_output=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0
    assert done.stdout.isascii()


def run_on_terminal(environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, "--requests", "8"], env=environment, stdout=theirs) as child:
        os.close(theirs)
        output = b""
        try:
            while block := os.read(ours, 65536):
                output += block
        except OSError:  # Linux: EIO once the other end is closed
            pass
        finally:
            os.close(ours)
    assert child.returncode == 0
    return output.decode()


def test_terminal_gets_a_live_bar_in_colour_and_none_with_no_color() -> None:
    environment = ENVIRONMENT | {"TERM": "xterm-256color"}
    coloured = run_on_terminal(environment)
    assert "8/8" in coloured
    assert "━" in coloured
    assert COLOUR.search(coloured)
    assert not COLOUR.search(run_on_terminal(environment | {"NO_COLOR": "1"}))


@pytest.mark.parametrize("moment", ["4 at a time", "requests done"])
def test_interrupted_demo_says_so_and_leaves_no_server(moment: str) -> None:
    command = [*COMMAND, "--requests", "8000"]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        while moment not in child.stdout.readline():
            pass
        servers = children_of(child.pid)
        while not servers:
            servers = children_of(child.pid)
        child.send_signal(signal.SIGINT)
        _, complaint = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, complaint) == (130, "interrupted\n")
    patience_ends = time.monotonic() + PATIENCE_S
    while any(map(is_running, servers)):  # interrupted this early, a parent does not wait for its child
        assert time.monotonic() < patience_ends


def is_running(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # an orphan stays a zombie where init does not reap


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_server_process_counts_and_ends_with_its_input() -> None:
    with DemoServer(["plain"], ["secure"]) as server:
        context = ssl.create_default_context(cadata=server.hello.certificate_pem)
        plain = socket.create_connection(("127.0.0.1", server.hello.ports["secure"]))
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            assert secure.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert server.counts("secure").tls_full == 1
        assert server.counts("plain") == Counts()
        (process,) = [child for child in children_of(os.getpid()) if is_demo_server(child)]
    assert not Path(f"/proc/{process}").exists()


def is_demo_server(pid: str) -> bool:
    return b"trunkline.cli.demo_server" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_server_process_that_died_is_an_error_that_says_so() -> None:
    with DemoServer(["plain"], []) as server:
        (process,) = [child for child in children_of(os.getpid()) if is_demo_server(child)]
        os.kill(int(process), signal.SIGKILL)
        with pytest.raises(DemoServerError, match="ended with code -9"):
            server.counts("plain")


@pytest.mark.parametrize("package", ["rich", "trustme"])
def test_missing_package_is_an_error_that_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["demo"]) == 1
    complaint = capsys.readouterr().err
    assert package in complaint
    assert "pip install 'trunkline[cli]'" in complaint


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--version"], 0), ([], 2), (["demo", "--requests", "0"], 2), (["demo", "--requests", "x"], 2)],
)
def test_command_line_exits_with(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == code
    captured = capsys.readouterr()
    assert (captured.out if code == 0 else captured.err).count("trunkline")


@asynccontextmanager
async def leaking_fetch(context: ssl.SSLContext, limit: int) -> AsyncIterator[Fetch]:
    async def fetch(url: str) -> None:
        await asyncio.sleep(0)
        if url == "fails":
            raise ConnectionError("refused")
        if url == "leaks":
            cycle: list[object] = [socket.socket()]
            cycle.append(cycle)  # only the garbage collector finds it

    yield fetch


async def test_load_counts_failures_and_resource_warnings_even_of_garbage() -> None:
    steps: list[None] = []
    urls = {"good": "good", "bad": "fails", "leaky": "leaks"}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    figures = await run_load(leaking_fetch, context, urls, 6, 2, lambda: steps.append(None))
    assert len(steps) == 18
    assert {name: len(f.failures) for name, f in figures.items()} == {"good": 0, "bad": 6, "leaky": 0}
    assert {name: f.resource_warnings for name, f in figures.items()} == {"good": 0, "bad": 0, "leaky": 6}
    assert all(f.requests == 6 and f.elapsed_s > 0 for f in figures.values())


def test_percentile_is_the_nearest_rank() -> None:
    figures = Figures(latencies_s=[float(rank) for rank in range(1, 101)])
    assert [figures.percentile_s(percent) for percent in (0, 50, 99, 100)] == [1.0, 50.0, 99.0, 100.0]
    assert Figures(latencies_s=[7.0]).percentile_s(50) == 7.0
    assert Figures().percentile_s(50) == 0.0


def make_run(style: str, *, connections: int = 2, still_open: int = 0, warned: int = 0, failed: int = 0) -> Run:
    figures = Figures(latencies_s=[0.001] * 10, elapsed_s=1.0, cpu_s=0.5, resource_warnings=warned)
    figures.failures = [ConnectionError("refused")] * failed
    counts = Counts(connections=connections, open=still_open, tls_full=1, tls_resumed=connections - 1)
    return Run(style, "https", figures, counts, time_wait=None)


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        (make_run(SHARED), None),
        (make_run(PER_REQUEST, connections=10, warned=1, failed=1), None),
        (make_run(SHARED, connections=5), "5 connections were opened; wanted at most limit=4"),
        (make_run(SHARED, still_open=1), "1 connections are still open after close(); wanted none"),
        (make_run(SHARED, warned=3), "3 ResourceWarnings; wanted none"),
        (make_run(SHARED, failed=2), "2 requests failed; wanted none"),
    ],
)
def test_only_faults_of_the_shared_session_are_problems(run: Run, problem: str | None) -> None:
    assert problems([run], limit=4) == ([] if problem is None else [f"{SHARED}, https: {problem}"])


def test_summary_fills_in_what_was_measured_and_leaves_out_what_was_not() -> None:
    runs = [make_run(PER_REQUEST, connections=10), make_run(SHARED, failed=1)]
    assert "10 connections and 10 TLS handshakes with a session per request, but 2 connections" in summary(runs)
    assert "TIME_WAIT" not in summary(runs)
    assert "9 of the 10 TLS handshakes" in (resumption_note(runs) or "")
    assert resumption_note([make_run(PER_REQUEST, connections=1)]) is None
    assert first_failures(runs) == [f"{SHARED}, https: ConnectionError: refused"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's tables")
def test_socket_closed_first_by_the_client_is_counted_in_time_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        before = time_wait_sockets(port)
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        client.close()
        assert accepted.recv(1) == b""
        accepted.close()
        assert count_new(before, time_wait_sockets(port)) == 1
        assert count_new(time_wait_sockets(port), time_wait_sockets(port)) == 0


def test_time_wait_is_unknown_where_the_kernel_does_not_tell() -> None:
    assert count_new(None, None) is None
