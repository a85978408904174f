"""Runs one of `examples/` as a user would, with every warning an error, and the service that most of them call."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trunkline
from tests.web.processes import ServerProcess, server_process

EXAMPLES = Path(__file__).parents[2] / "examples"

_COMPLAINT = re.compile("Warning|Traceback|Exception|Error")


@asynccontextmanager
async def example(name: str) -> AsyncIterator[ServerProcess]:
    async with server_process(str(EXAMPLES / f"{name}.py")) as process:
        yield process


def complaints(process: ServerProcess) -> list[str]:
    """What an example wrote of things that went wrong, unclosed resources among them."""
    return [line for line in process.lines if _COMPLAINT.search(line)]


@dataclass(frozen=True, slots=True)
class Count:
    """What the upstream saw of one client."""

    requests: int
    connections: int


class Upstream:
    """`examples/upstream.py`, running."""

    def __init__(self, session: trunkline.ClientSession) -> None:
        self._session = session

    async def counts(self) -> dict[str, Count]:
        """Ask it what it saw of each client, by User-Agent."""
        async with self._session.get("/counts", raise_for_status=True) as response:
            return {name: Count(**count) for name, count in (await response.json()).items()}
