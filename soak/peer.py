"""The server's process, seen from the client: its address, and its figures when asked."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from soak.figures import Figures

ROOT = Path(__file__).parent.parent
START_TIMEOUT_S = 20.0  # it is up within half a second; a loaded machine gets far more
ANSWER_TIMEOUT_S = 20.0  # for figures: a full collection takes a tenth of a second
STOP_TIMEOUT_S = 20.0


class Peer:
    """The running server. complaints: what it has logged that nobody asked for, as of the last figures."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.complaints: Mapping[str, int] = {}
        self.url = ""
        self._process = process

    async def start(self) -> None:
        """Wait until it serves."""
        async with asyncio.timeout(START_TIMEOUT_S):
            self.url = f"http://127.0.0.1:{await self._line()}"

    async def figures(self) -> Figures:
        """Ask what it holds now."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"?")
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            answer = await self._line()
        self.complaints = answer.pop("complaints")
        return Figures(**answer)

    async def stop(self) -> int:
        """Let it shut down; returns its exit status."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            return await self._process.wait()

    async def _line(self) -> Any:  # JSON
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the server ended with status {await self._process.wait()}; it says why above")
        return json.loads(line)


@asynccontextmanager
async def running_peer(loop: str) -> AsyncIterator[Peer]:
    """Start a server on the event loop `loop`; kill it if it has not been stopped."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "soak.server", "--loop", loop,
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        peer = Peer(process)
        await peer.start()
        yield peer
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
