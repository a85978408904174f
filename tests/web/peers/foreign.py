"""Runs the programs of others that the server is tried with: curl, wrk, Chromium."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.web.processes import PATIENCE_S

_END_S = 10.0  # for a browser to end in good order
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it refuses to run as root with one
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-background-networking",
    "--no-first-run",
    "--no-proxy-server",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)


def program(*names: str) -> str:
    """Find a program by the first of `names` that is there; the test is skipped when none is."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"needs {names[0]}, which is not installed (.ci/run installs it)")


async def run(*command: str, standard_input: bytes = b"", cwd: Path | None = None) -> str:
    """Run a program to its end, and return what it wrote. It must succeed and complain of nothing."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            output, complaints = await process.communicate(standard_input)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, complaints.decode()) == (0, ""), command
    return output.decode()


async def curl(*arguments: str, standard_input: bytes = b"", cwd: Path | None = None) -> str:
    """Run curl without a configuration of the user's."""
    command = (program("curl"), "--disable", "--silent", "--show-error", *arguments)
    return await run(*command, standard_input=standard_input, cwd=cwd)


@asynccontextmanager
async def browser(url: str, folder: Path) -> AsyncIterator[None]:
    """Show a page in a browser without a window; whatever it writes goes into `folder`."""
    with (folder / "browser.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program(*_BROWSERS),
            *_FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            url,
            env={**_environment(), "HOME": str(folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that all its processes can be ended, if it does not end them
        )
        try:
            yield
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        process.terminate()
        async with asyncio.timeout(_END_S):
            await process.wait()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _environment() -> dict[str, str]:
    """Ours without proxies: all servers here are on loopback."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
