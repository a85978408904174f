"""Programs that run out of file descriptors are served from what is open, told why, and recover."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from tests.public_api.observing import Held
from tests.public_api.whole_program import STRICT, line_of, run_program
from trunkline.testing.loopback import Loopback

LOOPS = pytest.mark.parametrize("loop", ["default", "uvloop"])
REQUESTS = 300  # of too_many_files.py


@LOOPS
async def test_more_requests_than_sockets_are_served_by_those_that_are_open(other_server: Loopback, loop: str) -> None:
    held = Held()
    async with Loopback(held) as server:
        arguments = (server.url(), loop, other_server.url())
        program = asyncio.create_task(run_program("too_many_files.py", *arguments, flags=STRICT))
        await held.wait_for(20)
        held.let_go()
        done = await program
    assert (done.returncode, done.stderr) == (0, "")
    results, attempts, other = done.stdout.splitlines()
    assert results == f"('200', {REQUESTS})"
    assert server.counts.connections <= 40  # the limit of the process
    assert int(attempts) < REQUESTS + 100  # each tried once, one more after each success, and then one for all
    assert other == "200"  # an idle connection was closed for it


@LOOPS
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_without_any_descriptor_the_error_names_the_limit_and_the_end_is_noticed(
    server: Loopback, tls_server: Loopback, authority_file: Path, loop: str, scheme: str
) -> None:
    """Over TLS it is the trust store that cannot be read; by name, it is the resolver that has no socket."""
    url = server.url() if scheme == "http" else tls_server.url().replace("127.0.0.1", "localhost")
    trust = {"SSL_CERT_FILE": str(authority_file)}
    done = await run_program("no_file_left.py", url, loop, flags=STRICT, environment=trust)
    assert (done.returncode, done.stderr) == (0, "")
    error, attempts, status = done.stdout.splitlines()
    assert error.startswith(f"{errno.EMFILE} Cannot connect to host")
    assert "Too many open files: this process may have 60 (soft RLIMIT_NOFILE; the hard one is " in error
    assert "raise it by `ulimit -n`, or lower the connector's limit=20" in error
    assert int(attempts) <= 5  # in half a second
    assert status == "200"


@pytest.mark.parametrize("limit", ["1000", "0"])
async def test_a_limit_above_the_systems_is_told_once_with_the_line(limit: str) -> None:
    done = await run_program("limit_above_the_systems.py", limit, flags=())
    assert (done.returncode, done.stdout) == (0, "")
    if limit == "0":  # which promises nothing
        assert done.stderr == ""
        return
    assert done.stderr.count("RuntimeWarning") == 1
    assert f"{line_of('limit_above_the_systems.py', '# made here')}: RuntimeWarning: limit=1000 sockets" in done.stderr
    assert "this process may have 500 files open (soft RLIMIT_NOFILE; the hard one is" in done.stderr
    assert "raise it by `ulimit -n`, or lower limit" in done.stderr
