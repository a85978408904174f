"""Runs a server as a process of its own, as users do, and reads where it listens from what it prints."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE_S = 30.0  # far more than anything here takes; what takes longer hangs
PROGRAMS = Path(__file__).parent / "programs"
STRICT = ("-W", "error")

_URL = re.compile(r"(?:[Rr]unning on|Listening at:) (https?://[^ ,]+)")


class ServerProcess:
    """A process that serves. lines: what it has written up to now, both streams together."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self.lines: list[str] = []
        self._process = process
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        """Collect lines until the process has closed its output."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._changed:
                self.lines.append(line.decode().rstrip())
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()

    async def line_with(self, text: str, count: int = 1) -> str:
        """Wait for `count` lines that have `text`, and return the last of them."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(lambda: len(found()) >= count)
        except TimeoutError:
            raise AssertionError(f"no {count} lines with {text!r} in:\n" + "\n".join(self.lines)) from None
        return found()[count - 1]

    async def url(self) -> str:
        """Wait until it serves, and return its first URL."""
        line = await self.line_with("http")
        match = _URL.search(line)
        assert match is not None, self.lines
        return match[1]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end, and return its status."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._process.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.send(number)
        return await self.ended()


@asynccontextmanager
async def server_process(*arguments: str, flags: tuple[str, ...] = STRICT) -> AsyncIterator[ServerProcess]:
    """Run `python <flags> <arguments>` in the folder of the programs; killed if it is still there at the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        *flags,
        *arguments,
        cwd=PROGRAMS,
        env={**inherited, "PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, str(PROGRAMS)]))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    server = ServerProcess(process)
    reading = asyncio.create_task(server.read())
    try:
        yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading
