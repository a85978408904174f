"""What the programs share: checks, run one after another, of which each prints one line."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

Check = Callable[[], Awaitable[None]]
CHECK_TIMEOUT_S = 30.0  # a check that hangs has failed


class Checks:
    """The checks of one program, in the order in which they are defined."""

    def __init__(self) -> None:
        self._checks: list[Check] = []

    def __call__(self, check: Check) -> Check:
        self._checks.append(check)
        return check

    def run(self) -> None:
        """Run all; print `passed NAME` or `failed NAME: why` for each, and how it failed to stderr."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        for check in self._checks:
            name = getattr(check, "__name__", "")
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    await check()
            except Exception as error:
                traceback.print_exc(file=sys.stderr)
                print(f"failed {name}: {error!r}", flush=True)
            else:
                print(f"passed {name}", flush=True)


@asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[TestServer]:
    """Serve `routes` on loopback."""
    app = web.Application()
    app.add_routes(routes)
    async with TestServer(app) as server:
        yield server
