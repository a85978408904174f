"""A process that forks while it has connections: they go on being its own, and the child is told so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.public_api.observing import PATIENCE_S
from tests.public_api.whole_program import line_of, run_program
from trunkline.testing.loopback import Loopback

LOOPS = pytest.mark.parametrize("loop", ["default", "uvloop"])
WAYS = pytest.mark.parametrize("way", ["fork", "multiprocessing"])
# Python 3.12 warns of forks in processes that have threads, such as those that look up names.
FLAGS = ("-W", "error", "-W", "ignore::DeprecationWarning")


@LOOPS
@WAYS
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_child_is_refused_and_does_the_parent_no_harm(
    server: Loopback, tls_server: Loopback, authority_file: Path, scheme: str, way: str, loop: str
) -> None:
    asked = tls_server if scheme == "https" else server
    trust = {"SSL_CERT_FILE": str(authority_file)}
    done = await run_program("forked.py", asked.url("/"), loop, way, flags=FLAGS, environment=trust)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, parent, refusal, refusal_by_connector, childs, child, *rest = done.stdout.splitlines()
    assert (first, second, childs) == ("parent got 500", "parent got 500", "child got 500")
    assert rest == ["parent got 5000000", "parent got 500"]
    [(child_pid, status)] = re.findall(r"child (\d+) ended with (-?\d+)", child)
    assert status == "0"
    for said in (refusal, refusal_by_connector):
        assert said.startswith("RuntimeError")
        assert f"belongs to process {parent.removeprefix('parent ')}, " in said
        assert f"its forked child, process {child_pid}, " in said
        assert "make one in the child, inside asyncio.run()" in said
    assert line_of("forked.py", "# made here") in refusal
    assert await asked.wait_all_closed(PATIENCE_S)
    assert sorted(asked.counts.requests_by_connection) == [1, 1, 3]  # one, and three, are the parent's
