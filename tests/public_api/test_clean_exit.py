"""Whole programs, run as users run them: a clean end says nothing, an unclean one names the line to blame.

None of them sleeps after close().
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.public_api.observing import PATIENCE_S
from tests.public_api.whole_program import STRICT, STRICTEST, line_of, run_program
from trunkline.testing.loopback import Loopback

LOOPS = pytest.mark.parametrize("loop", ["default", "uvloop"])
SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])


@pytest.fixture
def asked(scheme: str, server: Loopback, tls_server: Loopback) -> Loopback:
    return tls_server if scheme == "https" else server


@LOOPS
@SCHEMES
@pytest.mark.parametrize("flags", [STRICT, STRICTEST], ids=["resource-warnings", "dev-mode"])
async def test_close_in_finally_ends_without_a_warning(
    asked: Loopback, authority_file: Path, loop: str, flags: tuple[str, ...]
) -> None:
    trust = {"SSL_CERT_FILE": str(authority_file)}
    done = await run_program("close_in_finally.py", asked.url("/bytes/500"), loop, flags=flags, environment=trust)
    assert (done.returncode, done.stdout, done.stderr) == (0, "500\n", "")
    assert asked.counts.requests == 20
    assert await asked.wait_all_closed(PATIENCE_S)


@pytest.mark.parametrize("scheme", ["https"])
async def test_the_flag_may_come_from_the_environment(asked: Loopback, authority_file: Path) -> None:
    environment = {"SSL_CERT_FILE": str(authority_file), "PYTHONWARNINGS": "error"}
    done = await run_program(
        "close_in_finally.py", asked.url("/bytes/500"), "default", flags=(), environment=environment
    )
    assert (done.returncode, done.stderr) == (0, "")


@LOOPS
@SCHEMES
async def test_closing_with_requests_under_way_ends_without_a_warning(
    asked: Loopback, authority_file: Path, loop: str
) -> None:
    trust = {"SSL_CERT_FILE": str(authority_file)}
    done = await run_program("close_under_way.py", asked.url("/delay/30000"), loop, flags=STRICTEST, environment=trust)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ClientConnectionError\n" * 5
    assert await asked.wait_all_closed(PATIENCE_S)


@LOOPS
@SCHEMES
async def test_cancelling_requests_ends_without_a_warning(asked: Loopback, authority_file: Path, loop: str) -> None:
    trust = {"SSL_CERT_FILE": str(authority_file)}
    done = await run_program("cancel.py", asked.url("/delay/30000"), loop, flags=STRICTEST, environment=trust)
    assert (done.returncode, done.stdout, done.stderr) == (0, "CancelledError\n" * 5, "")
    assert await asked.wait_all_closed(PATIENCE_S)


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("unclosed_session.py", "Unclosed client session"),
        ("unclosed_connector.py", "Unclosed connector"),
        ("unclosed_response.py", "Unclosed response"),
    ],
)
@LOOPS
async def test_what_was_not_closed_is_named_with_the_line_that_made_it(
    server: Loopback, program: str, what: str, loop: str
) -> None:
    done = await run_program(program, server.url("/bytes/5000000"), loop, flags=("-W", "always::ResourceWarning"))
    assert done.returncode == 0, done.stderr
    [warning] = [line for line in done.stderr.splitlines() if f"ResourceWarning: {what}" in line]
    assert line_of(program, "# made here") in warning
    assert "async with" in warning


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("unclosed_session.py", "Unclosed client session"),
        ("unclosed_connector.py", "Unclosed connector"),
        ("unclosed_connection.py", "Unclosed connection"),
        ("unclosed_response.py", "Unclosed response"),
    ],
)
@LOOPS
async def test_in_debug_mode_the_stack_that_made_it_follows(
    server: Loopback, program: str, what: str, loop: str
) -> None:
    flags = ("-X", "dev", "-W", "always::ResourceWarning")  # which puts loops into debug mode
    done = await run_program(program, server.url("/bytes/5000000"), loop, flags=flags)
    _, _, after = done.stderr.partition(f"ResourceWarning: {what}")
    _, made_at, stack = after.partition(f"; made at {line_of(program, '# made here')}\n")
    assert made_at, done.stderr
    path, _, line = line_of(program, "# made here").rpartition(":")
    assert f'File "{path}", line {line}, in ' in stack
    assert f'File "{path}", line' in stack.partition(", in <module>")[0]  # from where the loop was run, down to it


async def test_an_unclosed_session_is_no_error_but_shows_under_the_strict_flag(server: Loopback) -> None:
    """Python cannot raise from a finalizer: it reports the error, and the program goes on."""
    done = await run_program("unclosed_session.py", server.url(), "default", flags=STRICT)
    assert "ResourceWarning: Unclosed client session" in done.stderr


async def test_a_session_made_at_import_time_is_refused_with_advice(server: Loopback) -> None:
    done = await run_program("session_at_import.py", server.url())
    assert (done.returncode, done.stdout) == (1, "")
    assert "RuntimeError: no running event loop" in done.stderr
    assert "make it inside a coroutine" in done.stderr
    assert "not at import time" in done.stderr
    assert f"this one was made at {line_of('session_at_import.py', '# made here')}\n" in done.stderr
    assert "Unclosed" not in done.stderr
    assert server.counts.connections == 0


async def test_a_module_that_makes_a_session_when_it_is_imported_is_named() -> None:
    """With a loop running, too: it works by chance, and only as long as that loop lasts."""
    done = await run_program("imports_a_session.py", flags=("-W", "always::ResourceWarning"))
    assert done.returncode == 0, done.stderr
    made_at = f"{line_of('session_at_import.py', '# made here')}, while its module was imported"
    refused, made = done.stdout.splitlines()
    assert refused.endswith(f"not at import time; this one was made at {made_at}")
    assert made == "made"
    [warning] = [line for line in done.stderr.splitlines() if "ResourceWarning: Unclosed client session" in line]
    assert warning.endswith(f"; made at {made_at}")


@LOOPS
async def test_a_session_of_an_earlier_run_is_refused_in_the_next(server: Loopback, loop: str) -> None:
    done = await run_program("two_runs.py", server.url(), loop, flags=("-W", "ignore"))
    assert (done.returncode, done.stderr) == (0, "")
    use, close = done.stdout.splitlines()
    assert use.startswith("RuntimeError")
    assert close.startswith("ResourceWarning")
    for refusal in (use, close):
        assert "running=False closed=True" in refusal  # the loop of the session
        assert "running=True closed=False" in refusal  # the loop of now
    assert "make one for each, inside asyncio.run()" in use
    assert "before that loop ends" in close
    assert server.counts.requests == 1
