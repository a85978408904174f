"""Scenario `idle`: the memory that a server holds for each keep-alive connection that has asked once and now waits."""

from __future__ import annotations

import resource
import subprocess
import sys

from bench.rounds import RunFailed
from bench.servers.process import ServerProcess
from bench.servers.scenarios import SCENARIOS
from bench.targets import Figures

CONNECTIONS = 5000
SPARE_FILES = 200  # what a process holds open besides the connections
WARM_UP_REQUESTS = 200  # what is imported or cached at the first requests is no cost of a connection
SCENARIO = SCENARIOS["json"]


def allow_open_files() -> None:
    """Raise the soft limit of open files, which servers and opener inherit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise RunFailed(f"only {hard} open files are allowed; {wanted} are needed: raise `ulimit -Hn`")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def measure(server: ServerProcess) -> Figures:
    """Return the growth of resident memory for each connection, and the peak."""
    server.ask(SCENARIO, times=WARM_UP_REQUESTS)
    before_kb = server.rss_kb()
    command = [sys.executable, "-m", "bench.servers.opener", str(server.port), SCENARIO.path, str(CONNECTIONS)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as opener:
        assert opener.stdout is not None  # it is a pipe
        said = opener.stdout.readline()
        after_kb, peak_kb = server.rss_kb(), server.peak_rss_kb()
        said += opener.communicate()[0]  # its input ends, so it does
    if said != "open\n":
        raise RunFailed(said.strip().rpartition("\n")[2])
    return {"idle_kb": (after_kb - before_kb) / CONNECTIONS, "rss_mb": peak_kb / 1024}
