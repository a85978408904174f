"""Waiting for what nobody tells of."""

import asyncio
from collections.abc import Callable
from typing import Final

LONGEST_S: Final = 10.0  # it comes about within milliseconds, unless the machine is very busy


async def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so. Raises TimeoutError after LONGEST_S."""
    async with asyncio.timeout(LONGEST_S):
        while not is_so():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.001)
